# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a tenant into the model. A reader cannot write, and planning has no other access to Graph."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from .._errors import GraphError, LicensingError, OptionError, UnavailableError
from .._graph.answers import Answer, Request
from .._graph.batch import SIZE, send_all, slices
from .._graph.client import GraphClient
from .._graph.odata import equals, key_segment
from .._licensing.catalog import Catalog
from .._licensing.desired.users import check_user
from .._licensing.model import (
    Allotment,
    Assignment,
    AssignmentError,
    CloudState,
    Group,
    Principal,
    Sku,
    UsageRight,
    WaitingMember,
    is_guid,
)
from .._licensing.tables.product_names import ProductNames
from .fields import identifier, text
from .parse import (
    GROUP_FIELDS,
    MEMBER_FIELDS,
    USER_FIELDS,
    allotment_of,
    assignment_error_of,
    assignment_of,
    cloud_group_of,
    cloud_state_of,
    group_of,
    principal_of,
    right_of,
    skus_of,
    waiting_member_of,
    with_members,
)
from .requests import COLLECTIONS, assignments_path, members_path, principal_path

SKUS = "/subscribedSkus?$select=accountId,accountName,skuId,skuPartNumber,appliesTo,capabilityStatus,consumedUnits,prepaidUnits,servicePlans"
_POOL_FIELDS = "id,skuId,skuPartNumber,allottedUnits,consumedUnits,assignableTo,services,subscriptions"
ALLOTMENTS = f"/admin/cloudLicensing/allotments?$select={_POOL_FIELDS}&$top=999"
EXPAND_ALLOTMENT = "$expand=allotment($select=id,skuId,skuPartNumber)"


class Reader:
    """Reads users, SKUs, allotments and assignments in as few requests as possible."""

    def __init__(self, client: GraphClient, cloud_name: str, names: ProductNames, progress: Callable[[int, int], None]) -> None:
        """progress gets the number of users of a list that are read, and of all."""
        self._client, self._cloud_name, self.names, self.progress = client, cloud_name, names, progress
        self.tenant_id: str | None = None
        self.tenant_name: str | None = None

    def catalog(self) -> Catalog:
        """What the tenant owns: one request."""
        return self.catalog_of(self._client.send("v1.0", Request("GET", SKUS)))

    def user_and_skus(self, kind: str, name: str) -> tuple[Principal, Catalog]:
        """A user with licenses, and what the tenant owns: one request. kind is user or me."""
        path = self.path(kind, name)
        user, skus = send_all(self._client, "v1.0", [Request("GET", f"{path}?$select={USER_FIELDS}"), Request("GET", SKUS)])
        principal = principal_of("user", self.found(user, kind, name), is_me=kind == "me")
        return principal, self.catalog_of(skus)

    def group_and_skus(self, name: str) -> tuple[Group, Catalog]:
        """A group with its licenses, and what the tenant owns: one request, one more to find a display name."""
        path = self.path("group", name)
        group, skus = send_all(self._client, "v1.0", [Request("GET", f"{path}?$select={GROUP_FIELDS}"), Request("GET", SKUS)])
        return group_of(self.found(group, "group", name)), self.catalog_of(skus)

    def again(self, principal: Principal) -> Principal:
        """The same user or group, read again."""
        if principal.kind == "group":
            return group_of(self._client.get("v1.0", f"{principal_path(principal)}?$select={GROUP_FIELDS}"))
        return principal_of("user", self._client.get("v1.0", f"{principal_path(principal)}?$select={USER_FIELDS}"), principal.is_me)

    def with_members(self, group: Group) -> Group:
        """The group with its direct members: one request for each 999."""
        return with_members(group, self._client.pages("v1.0", members_path(group, MEMBER_FIELDS)))

    def members_in_error(self, group: Principal) -> list[Principal]:
        """The members of a group who do not have all of its licenses, each with licenses: a page of 999, then 20 in a request."""
        rows = list(self._client.pages("v1.0", f"{principal_path(group)}/membersWithLicenseErrors?$select=id&$top=999"))
        paths = (key_segment("users", identifier(row)) for row in rows)
        answers = send_all(self._client, "v1.0", [Request("GET", f"{path}?$select={USER_FIELDS}") for path in paths])
        return [principal_of("user", answer.checked()) for answer in answers if answer.status != 404]  # a deleted user has no error

    def catalog_of(self, skus: Answer) -> Catalog:
        """Return what the tenant owns, from the answer to SKUS, and keep the tenant's id."""
        rows = list(self._client.rows("v1.0", skus.checked()))
        self.tenant_id = next((account for row in rows if (account := text(row, "accountId"))), None)
        self.tenant_name = next((name for row in rows if (name := text(row, "accountName"))), None)
        return Catalog(skus_of(rows), self.names)

    def troubles(self, kind: str, name: str) -> tuple[Principal, tuple[AssignmentError | WaitingMember, ...] | None]:
        """A principal of cloudLicensing, with its assignment errors and the queues it is in; None where Graph has no such path (graph-contract 1.3)."""
        path = self.path(kind, name)
        identity = "id,userPrincipalName" if kind in ("user", "me") else "id,displayName"
        lists = {"group": [], "device": ["waitingMembers"]}.get(kind, ["assignmentErrors", "waitingMembers"])
        parts = [f"{path}/cloudLicensing/{part}" for part in ("assignments?$top=1", *lists)]
        who, probe, *answers = send_all(self._client, "beta", [Request("GET", one) for one in (f"{path}?$select={identity}", *parts)])
        principal = principal_of("user" if kind == "me" else kind, self.found(who, kind, name), is_me=kind == "me", has_licenses=False)
        self.check_available(probe)
        found = [(name, row) for name, answer in zip(lists, answers) for row in self._client.rows("beta", answer.checked())]
        unknown = Allotment("", Sku("", ""))  # of a queue, only that there is one matters here
        made = (assignment_error_of(row) if name == "assignmentErrors" else waiting_member_of(row, unknown) for name, row in found)
        return principal, tuple(made) if lists else None

    def cloud_state(self, kind: str, name: str) -> CloudState:
        """A principal with its assignments, and the tenant's allotments: one request, one more to find a display name."""
        path = self.path(kind, name)
        identity = USER_FIELDS if kind in ("user", "me") else "id,displayName"
        paths = [f"{path}?$select={identity}", ALLOTMENTS, f"{path}/cloudLicensing/assignments?{EXPAND_ALLOTMENT}&$top=999"]
        if kind in ("user", "me"):
            paths.append(f"{path}/cloudLicensing/usageRights?$expand=allotments")
        who, pools, held, *rights = send_all(self._client, "beta", [Request("GET", path) for path in paths])
        found = self.found(who, kind, name)
        principal = cloud_group_of(found) if kind == "group" else principal_of("user" if kind == "me" else kind, found, is_me=kind == "me")
        self.check_available(pools)
        listed = [allotment_of(row) for row in self._client.rows("beta", pools.checked())]
        rows = list(self._client.rows("beta", held.checked()))
        state = cloud_state_of(principal, rows, listed)
        return replace(state, rights=self.rights_of(rights), are_rights_known=all(answer.is_ok for answer in rights))

    def assignments(self, principal: Principal) -> list[Assignment]:
        """The assignments of a principal, read again."""
        path = f"{assignments_path(principal, None, 'principal')}?{EXPAND_ALLOTMENT}&$top=999"
        return [assignment_of(row) for row in self._client.pages("beta", path)]

    def with_group_names(self, principal: Principal, group_ids: tuple[str, ...]) -> Principal:
        """The principal with the display names of groups, where they can be read; the others keep their id as the name."""
        return replace(principal, group_names=self.group_names(group_ids))

    def group_names(self, group_ids: tuple[str, ...]) -> dict[str, str]:
        """Display names of groups by id, twenty in a request; one that cannot be read has its id as the name."""
        answers = send_all(self._client, "v1.0", [Request("GET", f"{key_segment('groups', group_id)}?$select=id,displayName") for group_id in group_ids])
        names = {group_id: text(answer.body, "displayName") or group_id for group_id, answer in zip(group_ids, answers) if answer.is_ok}
        return {group_id: names.get(group_id, group_id) for group_id in group_ids}

    def group_with_members(self, name: str) -> Group:
        """A group and its direct members: a request, one for each 999 members, one more to find a display name."""
        answer = self._client.send("v1.0", Request("GET", f"{self.path('group', name)}?$select={GROUP_FIELDS}"))
        return self.with_members(group_of(self.found(answer, "group", name)))

    def groups(self, group_ids: Sequence[str]) -> dict[str, Group]:
        """Groups by id, twenty in a request; a deleted one is left out."""
        answers = send_all(self._client, "v1.0", [Request("GET", f"{key_segment('groups', group_id)}?$select={GROUP_FIELDS}") for group_id in group_ids])
        return {group_id: group_of(answer.checked()) for group_id, answer in zip(group_ids, answers) if answer.status != 404}

    def named(self, listed: Sequence[tuple[str, str, str]], fields: Mapping[str, str]) -> Iterator[tuple[str, Mapping]]:
        """Kind and answer for principals, given as kind, name and option: 20 in a request, one more for each display name.

        Raises OptionError at the end, with every name that the tenant does not have.
        """
        problems: list[str] = []
        for some in slices(listed, SIZE):
            paths = [(kind, name, where, self._path_or_problem(kind, name, where, problems)) for kind, name, where in some]
            known = [row for row in paths if row[3]]
            answers = send_all(self._client, "v1.0", [Request("GET", f"{path}?$select={fields[kind]}") for kind, dummy, dummy_too, path in known])
            for (kind, name, where, dummy), answer in zip(known, answers):
                if answer.status == 404:
                    problems.append(f"{where}: this tenant has no {kind} {name!r}")
                else:
                    yield kind, answer.checked()
        if problems:
            raise OptionError("; ".join(problems) + "; check the spelling and the tenant")

    def _path_or_problem(self, kind: str, name: str, where: str, problems: list[str]) -> str | None:
        try:
            if kind == "user":
                check_user(name, where)
            return self.path(kind, name)
        except OptionError as error:
            problems.append(error.message if error.message.startswith(where) else f"{where}: {error.message}")
            return None

    def path(self, kind: str, name: str) -> str:
        """The path of a principal by id or name; a display name costs a request."""
        if kind == "me":
            return "/me"
        if not name.strip():
            raise OptionError(f"{kind}: an empty name; give a display name or an object id")
        if kind == "user" or is_guid(name):
            return key_segment(COLLECTIONS[kind], name)
        return key_segment(COLLECTIONS[kind], self._id_of(kind, name))

    def _id_of(self, kind: str, name: str) -> str:
        """The id of the one group or device of a display name."""
        path = f"/{COLLECTIONS[kind]}?$filter={equals('displayName', name)}&$select=id,displayName"
        rows = list(self._client.pages("v1.0", path))
        exact = [row for row in rows if row.get("displayName") == name]
        ids = sorted(identifier(row) for row in exact or rows)  # Graph compares without regard to case
        if not ids:
            raise OptionError(f"{kind}: no {kind} has the display name {name!r}; give its exact display name or its object id")
        if len(ids) > 1:
            raise OptionError(f"{kind}: {len(ids)} {kind}s have the display name {name!r}; give one of the ids {', '.join(ids)}")
        return ids[0]

    def rejection(self, kind: str, object_id: str, answer: Answer) -> LicensingError:
        """Return the error of a write that Graph rejects, with facts about the object where these may be the reason."""
        error = answer.error()
        if isinstance(error, GraphError) and (answer.status == 403 or (answer.status == 400 and kind == "group")):
            with contextlib.suppress(LicensingError):
                error.object_facts = self.facts(kind, object_id)
        return error

    def facts(self, kind: str, object_id: str) -> frozenset[str]:
        """Return facts about a user or group for which Graph may reject writes to it alone (graph-contract 12, no. 1 and 2): one request.

        role_assignable: a group that can carry directory roles. restricted: in a restricted management administrative unit. Nothing where that cannot be read.
        """
        names = {"group": {"isAssignableToRole": "role_assignable", "isManagementRestricted": "restricted"}, "user": {"isManagementRestricted": "restricted"}}
        known = names.get(kind, {})
        if not known:
            return frozenset()
        answer = self._client.send("v1.0", Request("GET", f"{key_segment(COLLECTIONS[kind], object_id)}?$select=id,{','.join(known)}"))
        return frozenset(fact for name, fact in known.items() if answer.is_ok and answer.body.get(name) is True)

    def found(self, answer: Answer, kind: str, name: str) -> dict:
        """Return the principal that was read by name, or raise the error that there is none."""
        if answer.status == 404:
            error = answer.error()
            error.means(f"{kind}: this tenant has no {kind} {name!r}", "check the spelling and the tenant")
            raise error
        return answer.checked()

    def check_available(self, allotments: Answer) -> None:
        """Raise UnavailableError for a cloud or tenant without the API, which does not know the path (graph-contract 8)."""
        if allotments.status == 404 or (allotments.status == 400 and "segment" in allotments.error_text.lower()):
            error = allotments.error()
            detail = f" {error.message}" if isinstance(error, GraphError) else ""
            raise UnavailableError(
                f"cloudLicensing is not available in {self._cloud_name} for this tenant: use m365.licensing.user_assign_license instead.{detail}"
            )

    def rights_of(self, answers: list[Answer]) -> tuple[UsageRight, ...]:
        """Return what a user may use, by any path; nothing when that cannot be read."""
        return tuple(right_of(row) for answer in answers if answer.is_ok for row in self._client.rows("beta", answer.body))
