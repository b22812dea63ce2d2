# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the groups that a list names, and which users of the list are members, and add members."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence, Set

from .._errors import Problem
from .._graph.answers import Answer, Request
from .._graph.batch import send_all
from .._graph.client import GraphClient
from .._graph.odata import equals, key_segment
from .._licensing.model import Group, is_guid
from .fields import identifier, text
from .parse import GROUP_FIELDS, MEMBER_FIELDS, group_of, with_members
from .reader import Reader
from .requests import members_path

MOST = 20  # members that one PATCH may add (graph-contract: members@odata.bind)


class GroupList:
    """Groups by every name that a task uses for them. faults are the problems of the other names."""

    def __init__(self, client: GraphClient, reader: Reader) -> None:
        self._client, self._reader = client, reader
        self.groups: dict[str, Group] = {}
        self.ids: dict[str, str] = {}
        self.faults: dict[str, Problem] = {}

    def read(self, names: Iterable[str]) -> None:
        """Read groups by id or exact display name, twenty in a request."""
        wanted = [name for name in dict.fromkeys(names) if name not in self.ids]
        for name, answer in zip(wanted, send_all(self._client, "v1.0", [Request("GET", _path(name)) for name in wanted])):
            found = self._found(name, answer)
            if isinstance(found, Problem):
                self.faults[name] = found
            else:
                self._keep(name, found)

    def read_ids(self, group_ids: Iterable[str]) -> None:
        """Read groups by id; a deleted one is left out."""
        missing = sorted(set(group_ids) - self.groups.keys())
        self.groups.update(self._reader.groups(missing))

    def members(self, group_ids: Collection[str], user_ids: Set[str]) -> dict[str, frozenset[str]]:
        """The ids of groups by the id of a user of the list: pages of 999, the first ones of twenty groups in a request."""
        found: dict[str, set[str]] = {}
        known = {group_id: group.members for group_id in group_ids if (group := self.groups[group_id]).members is not None}
        for group_id, members in known.items():
            for user_id in user_ids & (members or {}).keys():
                found.setdefault(user_id, set()).add(group_id)
        for group_id, answer in self._first_pages([group_id for group_id in group_ids if group_id not in known], "id"):
            for row in self._client.rows("v1.0", answer.checked()) if answer.status != 404 else ():  # a group that is gone since it was read
                user_id = identifier(row).lower()
                if user_id in user_ids:
                    found.setdefault(user_id, set()).add(group_id)
        kept: dict[frozenset[str], frozenset[str]] = {}
        return {user_id: kept.setdefault(some, some) for user_id, ids in found.items() for some in (frozenset(ids),)}

    def read_members(self, names: Iterable[str]) -> None:
        """Read all members of groups, which a list of licenses for them needs: pages of 999, the first ones of twenty groups in a request."""
        ids = sorted({self.ids[name] for name in names if name in self.ids})
        for group_id, answer in self._first_pages(ids, MEMBER_FIELDS):
            self.groups[group_id] = with_members(self.groups[group_id], self._client.rows("v1.0", answer.checked()))

    def _first_pages(self, group_ids: Sequence[str], fields: str) -> Iterator[tuple[str, Answer]]:
        """The first 999 members of groups: twenty groups in a request."""
        paths = [members_path(self.groups[group_id], fields) for group_id in group_ids]
        return zip(group_ids, send_all(self._client, "v1.0", [Request("GET", path) for path in paths]))

    def _keep(self, name: str, group: Group) -> None:
        self.groups[group.id] = group
        self.ids[name] = group.id

    def _found(self, name: str, answer: Answer) -> Group | Problem:
        """The one group of a name."""
        if is_guid(name):
            if answer.status == 404:
                return Problem(f"this tenant has no group {name!r}", "check the id and the tenant", "name_unknown")
            return group_of(answer.checked())
        rows = list(self._client.rows("v1.0", answer.checked()))
        exact = [row for row in rows if text(row, "displayName") == name] or rows  # Graph compares without regard to case
        if not exact:
            return Problem(f"no group has the display name {name!r}", "give its exact display name or its object id", "name_unknown")
        if len(exact) > 1:
            ids = ", ".join(sorted(identifier(row) for row in exact))
            return Problem(f"{len(exact)} groups have the display name {name!r}", f"give one of the ids {ids}", "name_unknown")
        return group_of(exact[0])


def _path(name: str) -> str:
    if is_guid(name):
        return f"{key_segment('groups', name)}?$select={GROUP_FIELDS}"
    return f"/groups?$filter={equals('displayName', name)}&$select={GROUP_FIELDS}"


def add_members(client: GraphClient, group_id: str, user_ids: Sequence[str]) -> list[Answer]:
    """Add up to twenty users to a group in one request. Where Graph rejects it, add each in its own request. Return an answer for each.

    A user who is a member already counts as added.
    """
    group = key_segment("groups", group_id)
    links = [f"{client.graph_url}/v1.0{key_segment('directoryObjects', user_id)}" for user_id in user_ids]
    answer = client.send("v1.0", Request("PATCH", group, {"members@odata.bind": links}))
    if answer.is_ok or answer.status not in (400, 404):
        return [answer for dummy in user_ids]
    requests = [Request("POST", f"{group}/members/$ref", {"@odata.id": link}) for link in links]
    return [client.send("v1.0", request) for request in requests]


def is_member_already(answer: Answer) -> bool:
    """Whether a rejection means that the user is a member already, by another run or a lost attempt."""
    return answer.status == 400 and "already exist" in answer.error_text
