# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads many users, groups and subscriptions, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .._graph.answers import Request
from .._graph.batch import SIZE, send_all, slices
from .._graph.client import GraphClient
from .._graph.odata import among, escaped
from .._licensing.catalog import Catalog
from .._licensing.model import CompanySubscription, Group, Principal
from .fields import identifier, text
from .parse import GROUP_FIELDS, USER_DETAILS, USER_FIELDS, company_subscription_of, group_of, kind_of, principal_of, reported_user_of
from .reader import Reader

_IDS = 15  # as many as a filter may name
_REPORTED = f"accountEnabled,{USER_FIELDS}"
_ADVANCED = re.compile(r"/\$count|\bne\b|\bnot\b|\bendswith\(", re.IGNORECASE)
_EVENTUAL = {"ConsistencyLevel": "eventual"}
_NO_USERS = ("group", "device")


class TenantReader:
    """Reads a tenant. Users are yielded one by one, and only one page is in memory."""

    def __init__(self, client: GraphClient, reader: Reader) -> None:
        self._client, self._reader = client, reader

    def catalog(self) -> Catalog:
        """What the tenant owns: one request."""
        return self._reader.catalog()

    def users(self, names: list[str] | None, group: str | None, condition: str | None, sku_id: str | None, only_errors: bool = False) -> Iterator[Principal]:
        """Users with licenses: those of names, of a group, of an OData condition, or all; of one SKU, if it is given. Each is yielded once.

        A user with a SKU only in error does not hold it, and counts with only_errors; Graph's filter does not find such users (graph-contract 7).
        All are read in pages of 999. Raises OptionError for names that the tenant does not have.
        """
        rows: Iterator[Mapping]
        if names is not None:
            listed = [("user", name, f"users[{index}]") for index, name in enumerate(names)]
            rows = (body for dummy, body in self._reader.named(listed, {"user": USER_DETAILS}))
        elif group:
            rows = self._members(group)
        else:
            sku = sku_id and not only_errors and f"assignedLicenses/any(s:s/skuId eq {sku_id})"
            parts = [condition and f"({condition})" if sku else condition, sku]
            rows = self._found(" and ".join(part for part in parts if part))
        seen: set[str] = set()
        for user in (principal_of("user", row) for row in rows):
            if user.id in seen:  # named twice, or on two pages of a directory that changes
                continue
            seen.add(user.id)
            if sku_id is None or any(lic.sku_id == sku_id and (lic.is_held or only_errors) for lic in user.licenses):
                yield user

    def reported_users(self, with_sign_ins: bool) -> Iterator[Principal]:
        """All users with accountEnabled; with_sign_ins also with the last sign-in, which makes pages of 500 (graph-contract 6)."""
        more, size = (",signInActivity", 500) if with_sign_ins else ("", 999)
        return map(reported_user_of, self._client.pages("v1.0", f"/users?$select={_REPORTED}{more}&$top={size}"))

    def subscriptions(self) -> Iterator[CompanySubscription]:
        """The subscriptions of the tenant."""
        return map(company_subscription_of, self._client.pages("v1.0", "/directory/subscriptions"))

    def properties(self, condition: str | None, names: list[str], with_licenses: bool) -> Iterator[tuple[Principal | None, Mapping]]:
        """Some properties of users, and their licenses if with_licenses, in pages of 999."""
        wanted = dict.fromkeys(["id", "userPrincipalName", *names])
        held = ("assignedLicenses", "licenseAssignmentStates")
        for row in self._found(condition or "", ",".join([*wanted, *(held if with_licenses else ())])):
            shown = {**{name: row.get(name) for name in wanted}, "id": identifier(row), "userPrincipalName": text(row, "userPrincipalName")}
            yield principal_of("user", row) if with_licenses else None, shown

    def _found(self, condition: str, fields: str = USER_DETAILS) -> Iterator[Mapping]:
        is_advanced = _ADVANCED.search(condition) is not None
        chosen = f"&$filter={escaped(condition)}" if condition else ""
        count = "&$count=true" if is_advanced else ""
        return self._client.pages("v1.0", f"/users?$select={fields}&$top=999{chosen}{count}", _EVENTUAL if is_advanced else None)

    def _members(self, name: str) -> Iterator[Mapping]:
        """The users among the members of a group: the ids in pages of 999, then 15 in a filter and 20 filters in a request."""
        path = self._reader.path("group", name)
        rows = self._client.pages("v1.0", f"{path}/members?$select=id&$top=999")
        ids = (identifier(row) for row in rows if kind_of(row) not in _NO_USERS)
        filters = (f"/users?$select={USER_DETAILS}&$filter={among('id', part)}&$top={_IDS}" for part in slices(ids, _IDS))
        for part in slices(filters, SIZE):
            for answer in send_all(self._client, "v1.0", [Request("GET", path) for path in part]):
                yield from self._client.rows("v1.0", answer.checked())

    def groups(self, names: list[str] | None, is_in_error: bool = False) -> Iterator[Group]:
        """Groups with licenses: those of names, of which one may have none, or all in pages of 999."""
        if names is not None:
            listed = [("group", name, f"groups[{index}]") for index, name in enumerate(names)]
            found = {group.id: group for group in (group_of(body) for dummy, body in self._reader.named(listed, {"group": GROUP_FIELDS}))}
            yield from found.values()
            return
        chosen = "&$filter=hasMembersWithLicenseErrors%20eq%20true" if is_in_error else ""
        for row in self._client.pages("v1.0", f"/groups?$select={GROUP_FIELDS}&$top=999{chosen}"):
            group = group_of(row)
            if group.licenses:
                yield group
