# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads many users, groups and allotments for the info modules: page by page, nothing kept that is not asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from .._errors import OptionError
from .._graph.batch import SIZE, send_all
from .._graph.client import Request
from .._graph.odata import among, escaped
from .._licensing.catalog import Catalog, Resolver
from .._licensing.model import Group, Principal, is_guid
from .._licensing.payloads import GROUP_FIELDS, USER_FIELDS, group_of, principal_of, skus_of
from .cloud_surveys import CloudSurvey
from .options import check_user
from .readers import SKUS

_USER = f"displayName,accountEnabled,{USER_FIELDS}"
_IDS = 15  # as many as a filter may name
_ADVANCED = re.compile(r"/\$count|\bne\b|\bnot\b|\bendswith\(", re.IGNORECASE)
_EVENTUAL = {"ConsistencyLevel": "eventual"}


class Survey(CloudSurvey):
    """Reads a tenant. Users come one after the other, as many pages as have been asked for lie in memory: one."""

    def catalog(self) -> Catalog:
        """What the tenant owns: one request."""
        return Catalog(skus_of(self._client.pages("v1.0", SKUS)), self.reader.names)

    def users(self, names: list[str] | None, group: str | None, condition: str | None, sku_id: str | None) -> Iterator[tuple[Principal, Mapping]]:
        """Users with licenses and as Graph shows them: those of names, of a group, of an OData condition, or all; of one SKU, if it is given.

        All are read in pages of 999. Raises OptionError for names that the tenant does not have.
        """
        if names is not None:
            for index, name in enumerate(names):
                check_user(name, f"users[{index}]")
            rows = self._named(names)
        elif group:
            rows = self._members(group)
        else:
            parts = [condition and f"({condition})" if sku_id else condition, sku_id and f"assignedLicenses/any(s:s/skuId eq {sku_id})"]
            rows = self._found(" and ".join(part for part in parts if part))
        for row in rows:
            user = principal_of("user", row)
            if sku_id is None or any(lic.sku_id == sku_id for lic in user.licenses):
                yield user, row

    def _found(self, condition: str) -> Iterator[Mapping]:
        is_advanced = _ADVANCED.search(condition) is not None
        wish = f"&$filter={escaped(condition)}" if condition else ""
        count = "&$count=true" if is_advanced else ""
        return self._client.pages("v1.0", f"/users?$select={_USER}&$top=999{wish}{count}", _EVENTUAL if is_advanced else None)

    def _named(self, names: list[str]) -> Iterator[Mapping]:
        unknown = []
        for part in _slices(list(enumerate(names)), SIZE):
            requests = [Request("GET", f"{self.reader.path('user', name)}?$select={_USER}") for dummy, name in part]
            for (index, name), answer in zip(part, send_all(self._client, "v1.0", requests)):
                if answer.status == 404:
                    unknown.append(f"users[{index}]: this tenant has no user {name!r}")
                else:
                    yield answer.checked()
        if unknown:
            raise OptionError("; ".join(unknown) + "; check the spelling and the tenant")

    def _members(self, name: str) -> Iterator[Mapping]:
        """The users among the members of a group: the ids in pages of 999, then 15 in a filter and 20 filters in a request."""
        path = self.reader.path("group", name)
        rows = self._client.pages("v1.0", f"{path}/members?$select=id&$top=999")
        ids = (row["id"] for row in rows if not (row.get("@odata.type") or "").endswith(("graph.group", "graph.device")))
        filters = (f"/users?$select={_USER}&$filter={among('id', part)}&$top={_IDS}" for part in _slices(ids, _IDS))
        for part in _slices(filters, SIZE):
            for answer in send_all(self._client, "v1.0", [Request("GET", wish) for wish in part]):
                yield from self._client.rows("v1.0", answer.checked())

    def groups(self, names: list[str] | None, is_in_error: bool = False) -> Iterator[Group]:
        """Groups with licenses: those of names, of which one may have none, or all in pages of 999."""
        if names is not None:
            requests = [Request("GET", f"{self.reader.path('group', name)}?$select={GROUP_FIELDS}") for name in names]
            for name, answer in zip(names, send_all(self._client, "v1.0", requests)):
                yield group_of(self.reader.found(answer, "group", name))
            return
        wish = "&$filter=hasMembersWithLicenseErrors%20eq%20true" if is_in_error else ""
        for row in self._client.pages("v1.0", f"/groups?$select={GROUP_FIELDS}&$top=999{wish}"):
            group = group_of(row)
            if group.licenses:
                yield group


def sku_ids_of(catalog: Catalog, names: list[str] | None, option: str) -> list[str]:
    """The ids of SKUs by any name. An id that the tenant does not own is taken as it is: somebody may still hold it."""
    resolver = Resolver(catalog, [name.lower() for name in names or () if is_guid(name)])
    found = [resolver.sku(name, option if len(names or ()) == 1 else f"{option}[{index}]") for index, name in enumerate(names or ())]
    resolver.check()
    return [sku.id for sku in found if sku is not None]


def _slices(rows: Iterable, size: int) -> Iterator[list]:
    iterator = iter(rows)
    while part := list(islice(iterator, size)):
        yield part
