# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage four of a plan: the changes of one user as requests, in the order in which they may be sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..model import Assignment, License, shared
from .changes import AssignLicenses, Awaited, Change, CreateAssignment, DeleteAssignment, EndState, JoinGroup, LeaveGroup, SetUsageLocation, UpdateAssignment

# A direct license draws on any allotment, so it comes after assignments of a certain allotment, of the same user and of others.
# Then follow removals that are replaced by now: direct licenses, seats, memberships, and what licensing groups no longer assign
SEATS, JOINS, LICENSES, LATE_LICENSES, LATE_SEATS, LEAVES, GROUPS = range(7)
COUNT = 7


@dataclass(frozen=True, slots=True)
class Step:
    """Operations of one user that are sent together, and the changes that they make.

    All operations use one version of Graph. A step with awaited waits until that shows. group_id is that of a join.
    Only steps that remove what is replaced depend on the others.
    """

    number: int
    operations: tuple
    changes: tuple[Change, ...]
    version: str = "v1.0"
    group_id: str = ""
    awaited: tuple[Awaited, ...] = ()

    @property
    def is_late(self) -> bool:
        """Whether it is sent only when everything before it was done."""
        return self.number > LICENSES


def steps_of(state: EndState) -> tuple[Step, ...]:
    """The steps that lead to an end state, in their order."""
    return tuple(_steps(state))


def _steps(state: EndState) -> Iterable[Step]:
    early = [one for one in state.changes if not one.is_late]
    late = [one for one in state.changes if one.is_late]
    location = [one for one in early if one.kind == "usage_location"]
    licenses = [one for one in early if one.kind == "license"]
    seats = [one for one in early if one.kind == "seat"]
    set_location = tuple(SetUsageLocation(state.before.user, str(one.after)) for one in location)
    if seats:
        yield Step(SEATS, (*set_location, *(_seat(state, one) for one in seats)), (*location, *seats), "beta")
        set_location, location = (), []
    for one in early:
        if one.kind == "membership":
            yield Step(JOINS, (JoinGroup(state.before.user, one.key),), (one,), group_id=one.key)
    if licenses or location:
        yield Step(LICENSES, (*set_location, *_assign(state, licenses)), (*location, *licenses))
    licenses = [one for one in late if one.kind == "license"]
    if licenses:
        yield Step(LATE_LICENSES, _assign(state, licenses), tuple(licenses), awaited=state.awaited)
    seats = [one for one in late if one.kind == "seat"]
    if seats:
        keys = {one.key for one in seats if one.verb == "remove"}
        gone = tuple(DeleteAssignment(state.before.user, one) for one in state.before.seats or () if one.allotment_id in keys)
        narrowed = tuple(_seat(state, one) for one in seats if one.verb == "update")
        yield Step(LATE_SEATS, (*narrowed, *gone), tuple(seats), "beta", awaited=state.awaited)
    groups = [one for one in late if one.kind == "membership"]
    if groups:
        yield Step(LEAVES, tuple(LeaveGroup(state.before.user, one.key) for one in groups), tuple(groups), awaited=state.awaited)


def _assign(state: EndState, licenses: Sequence[Change]) -> tuple:
    """One call for all direct licenses."""
    if not licenses:
        return ()
    add = tuple(shared(License(one.key, one.after)) for one in licenses if isinstance(one.after, frozenset))
    return (AssignLicenses(state.before.user, add, tuple(one.key for one in licenses if one.verb == "remove")),)


def _seat(state: EndState, one: Change) -> Any:
    off = one.after if isinstance(one.after, frozenset) else frozenset()
    held = next((seat for seat in state.before.seats or () if seat.allotment_id == one.key), None)
    if held is None:
        return CreateAssignment(state.before.user, Assignment(None, one.key, one.sku_id, off))
    return UpdateAssignment(state.before.user, Assignment(held.id, one.key, one.sku_id, off))


def changes_of(step: Step, done: Iterable[Any]) -> tuple[Change, ...]:
    """The changes that the completed operations of a step made."""
    made = {_made(operation) for operation in done}
    return tuple(one for one in step.changes if (one.kind, one.key if one.kind in ("seat", "membership") else "") in made)


def _made(operation: Any) -> tuple[str, str]:
    """Kind and key of the changes that an operation makes."""
    if isinstance(operation, SetUsageLocation):
        return "usage_location", ""
    if isinstance(operation, AssignLicenses):
        return "license", ""
    if isinstance(operation, (JoinGroup, LeaveGroup)):
        return "membership", operation.group_id
    return "seat", operation.assignment.allotment_id or ""
