# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the facts for the plan of a run: the users of the list, and their groups and allotments."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from .._errors import LicensingError, Problem, is_closed
from .._graph.client import GraphClient
from .._licensing.catalog import Catalog
from .._licensing.desired.licensed_users import DesiredRun
from .._licensing.model import Allotment, Assignment, Principal, Seats, Sku
from .._licensing.observed import Observed, Tenant
from .cloud_reader import CloudReader
from .group_list import GroupList
from .reader import Reader
from .user_list import UserList


class RunReader:
    """Reads a tenant for one run. warnings say what could not be read and is not needed."""

    def __init__(self, client: GraphClient, reader: Reader, cloud: CloudReader) -> None:
        self._client, self._reader, self._cloud = client, reader, cloud
        self.users = UserList(client, reader)
        self._groups = GroupList(client, reader)
        self.warnings: list[Problem] = []

    def read(
        self, desired: DesiredRun, catalog: Catalog, aliases: Mapping[int, Collection[str]], recorded: Mapping[str, Collection[str]]
    ) -> tuple[Tenant, dict[int, Observed]]:
        """Return the tenant, and its users by the place of their entry, including skipped ones.

        aliases are the ids of restored users in the record, recorded the ids of recorded groups by the id of the user.
        """
        known = {index: next(iter(ids)) for index, ids in aliases.items() if len(ids) == 1}
        self.users.read([*(one.name for one in desired.users), *known.values()])
        listed = ((index, self.users.user(one.name) or self.users.user(known.get(index, ""))) for index, one in enumerate(desired.users))
        found = {index: user for index, user in listed if user is not None}
        due = {index: user for index, user in found.items() if desired.users[index].skipped is None}
        leavers = [user for index, user in due.items() if desired.users[index].state == "released"]
        back = [user.id for index, user in due.items() if desired.users[index].state == "restored"]
        group_ids = {group_id for user_id in back for group_id in recorded.get(user_id, ())}
        self._groups.read(desired.groups)
        self._groups.read_ids([*group_ids, *(lic.group_id for user in leavers for lic in user.licenses if lic.group_id)])
        self._groups.read_members(one.name for one in desired.licensing_groups)
        named = sorted({*self._groups.ids.values(), *group_ids} & self._groups.groups.keys())
        members = self._groups.members(named, {user.id for user in found.values()}) if named else {}
        allotments, assignments = self._seats(desired, found.values())
        seats = {key: tuple(some) for key, some in assignments.items()}
        none: tuple[Assignment, ...] | None = () if allotments is not None else None
        nowhere: frozenset[str] = frozenset()
        observed = {index: Observed(user, members.get(user.id, nowhere), seats.get(user.id, none)) for index, user in found.items()}
        through = {lic.group_id for user in found.values() for lic in user.licenses if lic.group_id} if allotments is not None else set()
        group_seats = {group_id: seats[group_id] for group_id in {*self._groups.groups, *through} if seats.get(group_id)}
        whole = catalog.with_skus(_skus_of(allotments)) if allotments else catalog
        return Tenant(whole, self._groups.groups, self._groups.ids, self._groups.faults, tuple(allotments or ()), group_seats), observed

    def _seats(self, desired: DesiredRun, users: Iterable[Principal]) -> tuple[list[Allotment] | None, Mapping[str, Sequence[Assignment]]]:
        """Return allotments, and assignments of users and groups by their id, if an allotment is named, or a user is released or restored."""
        if not desired.has_seats and not desired.has_records:
            return None, {}
        listed = list(users)
        try:
            allotments = self._cloud.allotments()
        except LicensingError as error:
            if desired.has_seats or not is_closed(error):
                raise
            cause = f"only licenses are recorded and released, not seats of allotments, as cloudLicensing cannot be read here. {error.message}"
            self.warnings.append(Problem(cause, severity="warning"))
            return None, {}
        through = {lic.group_id for user in listed for lic in user.licenses if lic.group_id} - self._groups.groups.keys()
        unread = [Principal("group", group_id, group_id) for group_id in sorted(through)]
        states = self._cloud.states([*listed, *self._groups.groups.values(), *unread], allotments)
        return allotments, {key: state.assignments for key, state in states.items()}

    def again(self, users: Sequence[Principal], with_seats: bool) -> dict[str, Observed]:
        """Read users again, by id, to see which changes show."""
        fresh = UserList(self._client, self._reader)
        fresh.read(user.id for user in users)
        found = {user.id: now for user in users if (now := fresh.user(user.id)) is not None}
        states = self._cloud.states(found.values(), ()) if with_seats else {}
        return {key: Observed(user, seats=states[key].assignments if key in states else None) for key, user in found.items()}

    def with_group_names(self, one: Observed) -> Observed:
        """The user with names of groups."""
        return replace(one, user=self.users.with_group_names(one.user))


def _skus_of(allotments: Iterable[Allotment]) -> list[Sku]:
    """The SKUs of allotments, with the seats of all of them."""
    found: dict[str, Sku] = {}
    for one in allotments:
        known = found.get(one.sku.id, one.sku).seats
        found[one.sku.id] = replace(one.sku, applies_to="Allotment", seats=Seats(enabled=known.enabled + one.allotted, consumed=known.consumed + one.consumed))
    return list(found.values())
