# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run as jobs of the engine, and what they wait for."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._errors import LicensingError, Problem
from .._licensing.observed import Observed
from .._licensing.plan.changes import Awaited, EndState, Written
from .._licensing.plan.groups import GroupPlan
from .._licensing.plan.predict import error_of
from .._licensing.plan.run_plan import UserPlan
from .._licensing.plan.steps import COUNT, GROUPS, LICENSES, SEATS, Step, steps_of
from .._licensing.seats import seat_key


@dataclass(frozen=True, slots=True)
class StepJob:
    """One step of a user, as the engine takes it."""

    plan: UserPlan
    step: Step

    @property
    def name(self) -> str:
        """The user, as the task names it."""
        return self.plan.name

    @property
    def stage(self) -> int:
        """The steps of users who take freed seats follow all steps of the users who free them. Steps for seats of allotments do so only for such seats."""
        is_first = self.step.number == SEATS and self.plan.is_drawing
        return (0 if is_first else self.plan.stage) * COUNT + self.step.number

    @property
    def operations(self) -> tuple:
        """The operations of the step."""
        return self.step.operations

    @property
    def new_sku_ids(self) -> frozenset[str]:
        """The keys of seats that the step takes and without which Graph rejects it. Graph does not reject joining a group for lack of a seat."""
        added = (
            {key for one in self.step.changes if one.verb == "add" for key in (one.sku_id, seat_key(one.key))}
            if self.step.number in (SEATS, LICENSES)
            else set()
        )
        return self.plan.state.takes & added if self.plan.state else frozenset()

    @property
    def chain(self) -> int:
        """The steps of one user follow each other."""
        return self.plan.index

    @property
    def follows(self) -> tuple[int, ...]:
        """Steps that remove depend on the steps that replace."""
        return (self.plan.index,) if self.step.is_late else ()

    @property
    def lane(self) -> str:
        """One call for each group is in flight."""
        return self.step.group_id

    @property
    def is_later(self) -> bool:
        """Whether the user takes a seat that another user frees."""
        return self.plan.stage > 0

    @property
    def awaited(self) -> tuple:
        """What must show first."""
        return self.step.awaited


@dataclass(frozen=True, slots=True)
class GroupJob:
    """A call for one licensing group: before all users, or after the members get a replacement for what they lose through it."""

    plan: GroupPlan
    operations: tuple
    is_late: bool = False
    new_sku_ids: frozenset[str] = frozenset()
    lane: str = ""
    is_later: bool = False

    @property
    def name(self) -> str:
        """The group, as the task names it."""
        return self.plan.name

    @property
    def stage(self) -> int:
        """Before all stages of users, or after one."""
        return self.plan.stage * COUNT + GROUPS if self.is_late else -1

    @property
    def chain(self) -> str:
        """The calls of one group follow each other."""
        return f"group {self.plan.index}"

    @property
    def follows(self) -> tuple[Hashable, ...]:
        """No member loses what has not been replaced."""
        return (self.chain, *self.plan.replacing) if self.is_late else ()

    @property
    def awaited(self) -> tuple[Awaited, ...]:
        """What must show first, of all those users."""
        return tuple(one for state in self.plan.replacing.values() for one in state.awaited) if self.is_late else ()


def jobs_of(groups: Sequence[GroupPlan], users: Sequence[UserPlan]) -> list[GroupJob | StepJob]:
    """The calls for groups, and the steps of users, as jobs."""
    calls = [GroupJob(plan, call, is_late) for plan in groups for call, is_late in ((plan.early, False), (plan.late, True)) if call]
    return [*calls, *(StepJob(plan, step) for plan in users if plan.state for step in steps_of(plan.state))]


def waiting_for(job: GroupJob | StepJob) -> list[tuple[EndState, tuple[Awaited, ...], bool]]:
    """The users who must show something before a job, with what that is, and whether its error may be temporary."""
    if isinstance(job, StepJob):
        return [(job.plan.state, job.awaited, job.plan.is_patient)] if job.plan.state else []
    return [(state, state.awaited, False) for state in job.plan.replacing.values() if state.awaited]


def shown(job: GroupJob | StepJob, users: Mapping[str, Observed]) -> Iterator[Written | None]:
    """Yield None once all that a job waits for shows, an error if it will not show, no value as long as that is open. users are as read now, by id."""
    is_open = False
    for state, awaited, is_patient in waiting_for(job):
        user = users.get(state.before.id)
        if user is None:
            yield Written(error=LicensingError(Problem("the user no longer exists", "check the tenant", "not_found")))
            return
        paths = {(lic.group_id or "", lic.sku_id): lic for lic in user.user.licenses}
        seats = {one.allotment_id for one in user.seats or ()}
        for one in awaited:
            path = paths.get((one.group_id, one.sku_id))
            if path is not None and not one.allotment_id and not path.is_held and not is_patient:
                cause, remedy = error_of(path.error)
                text = f"{state.before.user.name} is a member of the group, but does not get the license from it: {cause} ({path.error})"
                yield Written(error=LicensingError(Problem(text, remedy, "license_in_error", retriable=True)))
                return
            is_open = is_open or not (one.allotment_id in seats if one.allotment_id else path is not None and path.is_held)
    if not is_open:
        yield None


def not_replaced(plan: GroupPlan) -> Problem:
    """Return why a group keeps a license: members did not get its replacement."""
    cause = f"nothing was removed from group {plan.name}, as some members did not get its replacement"
    return Problem(cause, "see the errors of these users, then run the task again", "members_failed", retriable=True)
