# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has read: users as they are, and what the tenant has to assign to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._errors import Problem
from .catalog import Catalog
from .model import Allotment, Assignment, Group, Principal

_NO_GROUPS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Observed:
    """A user as it is. groups are the ids of those named groups that have the user as a member.

    seats are the assignments of cloudLicensing of the user's own, nothing where they were not read.
    """

    user: Principal
    groups: frozenset[str] = _NO_GROUPS
    seats: tuple[Assignment, ...] | None = None

    @property
    def id(self) -> str:
        """The object id of the user."""
        return self.user.id

    def seats_of(self, sku_id: str) -> tuple[Assignment, ...]:
        """The assignments of a SKU whose allotment is known."""
        return tuple(one for one in self.seats or () if one.sku_id == sku_id and one.allotment_id)


@dataclass(frozen=True, slots=True)
class Tenant:
    """What a tenant has. groups are those that a run names or that assign licenses to its users, by id, with the licenses that they will have.

    group_ids are ids by the name that a file uses, and faults say what is wrong with such a name.
    group_seats are the assignments of groups by their id. lost are the pairs of group and SKU that a run takes from groups,
    taken the seats of a SKU that members who are not listed take of what it assigns to groups, and getting the ids of those who are listed.
    """

    catalog: Catalog
    groups: Mapping[str, Group] = field(default_factory=dict)
    group_ids: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, Problem] = field(default_factory=dict)
    allotments: tuple[Allotment, ...] = ()
    group_seats: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)
    lost: frozenset[tuple[str, str]] = frozenset()
    taken: Mapping[str, int] = field(default_factory=dict)
    getting: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def allotment(self, allotment_id: str | None) -> Allotment | None:
        """The allotment of an id."""
        return next((one for one in self.allotments if one.id == allotment_id), None)

    def group_name(self, group_id: str) -> str:
        """The display name of a group, or the id where it was not read."""
        return self.groups[group_id].name if group_id in self.groups else group_id
