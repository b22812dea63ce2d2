# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the users of a list in the fewest requests: one by one in a batch, by filters, or by pages of all, depending on their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .._graph.answers import Request
from .._graph.batch import SIZE, send_all, slices
from .._graph.client import GraphClient
from .._graph.odata import among
from .._licensing.model import Principal, is_guid
from .fields import text
from .parse import USER_FIELDS, principal_of
from .reader import Reader

_IN_FILTER = 15  # as many as a filter may name
_PER_REQUEST = _IN_FILTER * SIZE  # users that filters return in one batch: a page with fewer users of the list costs more


class UserList:
    """The users of names, found by id and by user principal name, in any case."""

    def __init__(self, client: GraphClient, reader: Reader) -> None:
        self._client, self._reader = client, reader
        self._found: dict[str, Principal] = {}
        self._group_names: dict[str, str] | None = None

    def read(self, names: Iterable[str]) -> None:
        """Read the users of names that the tenant has and that were not read yet: for all N users, in at most ceil(N / 999) + 1 requests."""
        wanted = dict.fromkeys(name.lower() for name in names if name.lower() not in self._found)
        if len(wanted) <= SIZE:
            self._keep_singles(list(wanted), wanted)
            return
        self._read_many(wanted)
        self._reader.progress(len(wanted), len(wanted))

    def _read_many(self, wanted: dict[str, None]) -> None:
        if len(self._parts(wanted)) > 2 * SIZE:
            self._read_pages(wanted)
        self._read_filtered(wanted)

    def __iter__(self) -> Iterator[Principal]:
        return iter(self._found.values())

    def add(self, user: Principal) -> str:
        """Keep a user who was read elsewhere, and return the name."""
        self._found[user.name.lower()] = self._found[user.id] = user
        return user.name

    def user(self, name: str) -> Principal | None:
        """The user of a name, None when the tenant has no such user."""
        return self._found.get(name.lower())

    def _keep_singles(self, names: list[str], wanted: dict[str, None]) -> None:
        requests = [Request("GET", f"{self._reader.path('user', name)}?$select={USER_FIELDS}") for name in names]
        answers = send_all(self._client, "v1.0", requests)
        self._keep((answer.checked() for answer in answers if answer.status != 404), wanted)

    def with_group_names(self, user: Principal) -> Principal:
        """The user with names of groups. Those of all users of the list are read when the first one is needed: twenty in a request."""
        if self._group_names is None:
            ids = {lic.group_id for other in self for lic in other.licenses if lic.group_id}
            self._group_names = self._reader.group_names(tuple(sorted(ids)))
        return replace(user, group_names={lic.group_id: self._group_names[lic.group_id] for lic in user.licenses if lic.group_id})

    def _read_pages(self, wanted: dict[str, None]) -> None:
        """Read pages of all users, as long as a page has more users of the list than filters would return."""
        for page in self._client.whole_pages("v1.0", f"/users?$select={USER_FIELDS}&$top=999"):
            kept = self._keep(page, wanted)
            if kept < _PER_REQUEST or len(self._found) == len(wanted):
                break

    def _read_filtered(self, wanted: dict[str, None]) -> None:
        """Read the rest, by filters on ids and on user principal names, twenty filters in a request; one by one where Graph rejects the filter."""
        for some in slices(self._parts(wanted), SIZE):
            requests = [Request("GET", f"/users?$select={USER_FIELDS}&$filter={among(option, part)}&$top={_IN_FILTER}") for option, part in some]
            for (dummy, part), answer in zip(some, send_all(self._client, "v1.0", requests)):
                if answer.status == 400:
                    self._keep_singles(part, wanted)
                else:
                    self._keep(self._client.rows("v1.0", answer.checked()), wanted)

    def _parts(self, wanted: dict[str, None]) -> list[tuple[str, list[str]]]:
        """Return the names that were not found yet, as filters may name them: property and values."""
        missing = [name for name in wanted if name not in self._found]
        chosen = {"id": [name for name in missing if is_guid(name)], "userPrincipalName": [name for name in missing if not is_guid(name)]}
        return [(option, part) for option, names in chosen.items() for part in slices(names, _IN_FILTER)]

    def _keep(self, rows: Iterable[dict], wanted: dict[str, None]) -> int:
        """Keep the wanted users under their wanted names. Return how many there were."""
        count = 0
        for row in rows:
            names = {(text(row, "id") or "").lower(), (text(row, "userPrincipalName") or "").lower()} & wanted.keys()
            if names:
                user = principal_of("user", row)
                self._found.update(dict.fromkeys(names, user))
                count += 1
        self._reader.progress(min(len(self._found), len(wanted)), len(wanted))
        return count
