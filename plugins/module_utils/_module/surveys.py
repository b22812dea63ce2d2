# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads many users, groups and allotments for the info modules: page by page, nothing kept that is not asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .._graph.answers import Request
from .._graph.batch import SIZE, send_all, slices
from .._graph.odata import among, escaped
from .._licensing.catalog import Catalog, Resolver
from .._licensing.fields import identifier, text
from .._licensing.model import Group, Principal
from .._licensing.payloads import GROUP_FIELDS, USER_FIELDS, group_of, principal_of
from .cloud_surveys import CloudSurvey

_USER = f"displayName,accountEnabled,{USER_FIELDS}"
_IDS = 15  # as many as a filter may name
_ADVANCED = re.compile(r"/\$count|\bne\b|\bnot\b|\bendswith\(", re.IGNORECASE)
_EVENTUAL = {"ConsistencyLevel": "eventual"}


class Survey(CloudSurvey):
    """Reads a tenant. Users come one after the other, as many pages as have been asked for lie in memory: one."""

    def catalog(self) -> Catalog:
        """What the tenant owns: one request."""
        return self.reader.catalog()

    def pages(self, path: str) -> Iterator[dict]:
        """The rows of a path of v1.0, page after page."""
        return self._client.pages("v1.0", path)

    def users(
        self, names: list[str] | None, group: str | None, condition: str | None, sku_id: str | None, only_errors: bool = False
    ) -> Iterator[tuple[Principal, Mapping]]:
        """Users with licenses and as Graph shows them: those of names, of a group, of an OData condition, or all; of one SKU, if it is given.

        Who has a SKU only in error does not hold it, and counts with only_errors; Graph's filter does not find such users (graph-contract 7).
        All are read in pages of 999. Raises OptionError for names that the tenant does not have.
        """
        rows: Iterator[Mapping]
        if names is not None:
            rows = (body for dummy, body in self.named_entities([("user", name, f"users[{index}]") for index, name in enumerate(names)], {"user": _USER}))
        elif group:
            rows = self._members(group)
        else:
            sku = sku_id and not only_errors and f"assignedLicenses/any(s:s/skuId eq {sku_id})"
            parts = [condition and f"({condition})" if sku else condition, sku]
            rows = self._found(" and ".join(part for part in parts if part))
        seen: set[str] = set()
        for row in rows:
            user = principal_of("user", row)
            if user.id in seen:  # named twice, or on two pages of a directory that changes
                continue
            seen.add(user.id)
            if sku_id is None or any(lic.sku_id == sku_id and (lic.is_held or only_errors) for lic in user.licenses):
                yield user, row

    def properties(self, condition: str | None, names: list[str], with_licenses: bool) -> Iterator[tuple[Principal | None, Mapping]]:
        """Some properties of users, and their licenses where they are asked for, in pages of 999."""
        wanted = dict.fromkeys(["id", "userPrincipalName", *names])
        held = ("assignedLicenses", "licenseAssignmentStates")
        for row in self._found(condition or "", ",".join([*wanted, *(held if with_licenses else ())])):
            shown = {**{name: row.get(name) for name in wanted}, "id": identifier(row), "userPrincipalName": text(row, "userPrincipalName")}
            yield principal_of("user", row) if with_licenses else None, shown

    def _found(self, condition: str, fields: str = _USER) -> Iterator[Mapping]:
        is_advanced = _ADVANCED.search(condition) is not None
        wish = f"&$filter={escaped(condition)}" if condition else ""
        count = "&$count=true" if is_advanced else ""
        return self._client.pages("v1.0", f"/users?$select={fields}&$top=999{wish}{count}", _EVENTUAL if is_advanced else None)

    def _members(self, name: str) -> Iterator[Mapping]:
        """The users among the members of a group: the ids in pages of 999, then 15 in a filter and 20 filters in a request."""
        path = self.reader.path("group", name)
        rows = self._client.pages("v1.0", f"{path}/members?$select=id&$top=999")
        ids = (identifier(row) for row in rows if not (text(row, "@odata.type") or "").endswith(("graph.group", "graph.device")))
        filters = (f"/users?$select={_USER}&$filter={among('id', part)}&$top={_IDS}" for part in slices(ids, _IDS))
        for part in slices(filters, SIZE):
            for answer in send_all(self._client, "v1.0", [Request("GET", wish) for wish in part]):
                yield from self._client.rows("v1.0", answer.checked())

    def groups(self, names: list[str] | None, is_in_error: bool = False) -> Iterator[Group]:
        """Groups with licenses: those of names, of which one may have none, or all in pages of 999."""
        if names is not None:
            listed = [("group", name, f"groups[{index}]") for index, name in enumerate(names)]
            found = {group.id: group for group in (group_of(body) for dummy, body in self.named_entities(listed, {"group": GROUP_FIELDS}))}
            yield from found.values()
            return
        wish = "&$filter=hasMembersWithLicenseErrors%20eq%20true" if is_in_error else ""
        for row in self._client.pages("v1.0", f"/groups?$select={GROUP_FIELDS}&$top=999{wish}"):
            group = group_of(row)
            if group.licenses:
                yield group


def sku_ids_of(catalog: Catalog, names: list[str], option: str) -> list[str]:
    """The ids of SKUs by any name. An id that the tenant does not own is taken as it is: somebody may still hold it."""
    resolver = Resolver(catalog)
    found = [resolver.sku(name, option if len(names) == 1 else f"{option}[{index}]") for index, name in enumerate(names)]
    resolver.check()
    return [sku.id for sku in found if sku is not None]


def gone(catalog: Catalog, sku_id: str | None) -> list[str]:
    """A warning for a SKU that the tenant does not own."""
    return [f"sku: the tenant does not own SKU {sku_id}"] if sku_id and not catalog.sku(sku_id).is_owned else []
