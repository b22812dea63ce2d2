# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has read: users as they are, what the tenant can assign to them, and the seats that are free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .._errors import Problem
from .catalog import Catalog
from .model import Allotment, Assignment, Group, Principal, UsageRight, reached_by
from .seats import seat_key

_NO_GROUPS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Observed:
    """A user as it is, or in a task on one assignment a group or device. groups are the ids of those named groups that have the user as a member.

    seats are the user's own assignments of cloudLicensing, None where they were not read. rights are the usage rights by any path, where they were.
    """

    user: Principal
    groups: frozenset[str] = _NO_GROUPS
    seats: tuple[Assignment, ...] | None = None
    rights: tuple[UsageRight, ...] = ()

    @property
    def id(self) -> str:
        """The object id of the user."""
        return self.user.id

    @property
    def reached(self) -> frozenset[str]:
        """The ids of the allotments on which the user has a seat by any path, as far as usage rights were read."""
        return reached_by(self.rights)

    def seats_of(self, sku_id: str) -> tuple[Assignment, ...]:
        """The assignments of a SKU whose allotment is known."""
        return tuple(one for one in self.seats or () if one.sku_id == sku_id and one.allotment_id)


@dataclass(frozen=True, slots=True)
class Tenant:
    """What a tenant has. groups are those that a run names or that assign licenses to its users, by id, with the licenses that they will have.

    group_ids are ids by the name that a file uses, and faults say what is wrong with such a name.
    group_seats are the assignments of groups by their id. lost are the pairs of group and SKU that a run removes. changed are the ids of groups
    whose licenses it changes. taken counts the seats of a SKU that unlisted members take of what it assigns to groups. getting has the ids of members
    who are listed.
    """

    catalog: Catalog
    groups: Mapping[str, Group] = field(default_factory=dict)
    group_ids: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, Problem] = field(default_factory=dict)
    allotments: tuple[Allotment, ...] = ()
    group_seats: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)
    lost: frozenset[tuple[str, str]] = frozenset()
    changed: frozenset[str | None] = frozenset()
    taken: Mapping[str, int] = field(default_factory=dict)
    getting: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def allotment(self, allotment_id: str | None) -> Allotment | None:
        """The allotment of an id."""
        return next((one for one in self.allotments if one.id == allotment_id), None)

    def group_name(self, group_id: str) -> str:
        """The display name of a group, or the id where it was not read."""
        return self.groups[group_id].name if group_id in self.groups else group_id


def claims(before: Observed, end: Principal, after: Mapping[str, tuple[str, frozenset[str]]], tenant: Tenant) -> tuple[frozenset[str], frozenset[str]]:
    """The seats that a user takes and frees, by key. after are the seats that the user will have: SKU and service plans by allotment.

    A user that an allotment reaches by several paths uses one seat of it (graph-contract 2.1).
    """
    now = {one.allotment_id or "": one.sku_id or "" for one in before.seats or ()}
    later = {allotment_id: sku_id for allotment_id, (sku_id, dummy) in after.items()}
    (old, units), (new, more) = (_used(*state, tenant, before.seats is not None) for state in ((before.user, now), (end, later)))
    taken = {key for key, count in more.items() if count > units.get(key, 0)}
    freed = {key for key, count in units.items() if count > more.get(key, 0)}
    return frozenset(map(seat_key, new - old)) | taken, frozenset(map(seat_key, old - new)) | freed


def _used(user: Principal, own: Mapping[str, str], tenant: Tenant, are_seats_known: bool) -> tuple[set[str], dict[str, int]]:
    """The ids of the allotments by which a user is reached, and the seats of each SKU. A license without a known assignment is one seat elsewhere."""
    reached = dict(own)
    elsewhere = set()
    for lic in (lic for lic in user.licenses if lic.is_held):
        through = [one for one in tenant.group_seats.get(lic.group_id or "", ()) if one.sku_id == lic.sku_id and one.allotment_id]
        reached |= {one.allotment_id or "": lic.sku_id for one in through}
        if not through and (lic.group_id or lic.sku_id not in own.values()):
            elsewhere.add(lic.sku_id)
    counts: dict[str, int] = {}
    for sku_id in reached.values():
        counts[sku_id] = counts.get(sku_id, 0) + 1
    for sku_id in elsewhere:
        counts[sku_id] = counts.get(sku_id, 0) + 1 if are_seats_known else 1
    return set(reached), counts


def free_seats(tenant: Tenant, users: Iterable[Observed], claimed: Mapping[str, frozenset[str]] | None = None) -> dict[str, int]:
    """The free seats by key, less those that members take through groups of the run and those that a queue receives first.

    claimed are the keys of seats that users take through their own entries, by user id; as members they take no second one. With more members than
    seats, the number is below zero, as freed seats are assigned to them first.
    """
    free = {sku.id: sku.seats.free - tenant.taken.get(sku.id, 0) for sku in tenant.catalog}
    for sku_id, ids in tenant.getting.items():
        free[sku_id] = free.get(sku_id, 0) - sum(sku_id not in (claimed or {}).get(user_id, ()) for user_id in ids)
    free |= {seat_key(one.id): one.free for one in tenant.allotments}
    for key in (key for user in users for key in _queued(user, tenant)):
        free[key] = free.get(key, 0) - 1
    return free


def _queued(user: Observed, tenant: Tenant) -> set[str]:
    """The keys of the seats for which a user waits as the member of a group: a freed seat is assigned there first (graph-contract 2.1)."""
    waiting = [lic for lic in user.user.licenses if lic.group_id and not lic.is_held and (lic.error or "").lower().startswith("countviolation")]
    named = [(one.allotment_id, one.sku_id, lic.sku_id) for lic in waiting for one in tenant.group_seats.get(lic.group_id or "", ())]
    return {lic.sku_id for lic in waiting} | {seat_key(one) for one, own, sku_id in named if one and own == sku_id}
