# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run as jobs of the engine, and what they wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._errors import LicensingError, Problem
from .._licensing.observed import Observed
from .._licensing.plan.changes import Written
from .._licensing.plan.groups import GroupPlan
from .._licensing.plan.predict import error_of
from .._licensing.plan.run_plan import UserPlan
from .._licensing.plan.seats import seat_key
from .._licensing.plan.steps import COUNT, LICENSES, SEATS, Step, steps_of


@dataclass(frozen=True, slots=True)
class StepJob:
    """One step of a user, as the engine takes it."""

    plan: UserPlan
    step: Step

    @property
    def name(self) -> str:
        """How the task calls the user."""
        return self.plan.name

    @property
    def stage(self) -> int:
        """The steps of users who take seats that others free come after all steps of these. Seats of allotments do only if they are such seats."""
        is_first = self.step.number == SEATS and self.plan.is_drawing
        return (0 if is_first else self.plan.stage) * COUNT + self.step.number

    @property
    def operations(self) -> tuple:
        """The operations of the step."""
        return self.step.operations

    @property
    def new_sku_ids(self) -> frozenset[str]:
        """What the step takes a seat of, where Graph would reject it. Of a group's license, Graph says nothing to who joins."""
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
    def follows(self) -> bool:
        """What removes depends on what replaces it."""
        return self.step.is_late

    @property
    def lane(self) -> str:
        """One call for each group is in flight."""
        return self.step.group_id

    @property
    def is_later(self) -> bool:
        """Whether the user takes a seat that another one frees."""
        return self.plan.stage > 0

    @property
    def awaited(self) -> tuple:
        """What must show first."""
        return self.step.awaited


@dataclass(frozen=True, slots=True)
class GroupJob:
    """The call for one licensing group, which comes before all users."""

    plan: GroupPlan
    stage: int = -1
    new_sku_ids: frozenset[str] = frozenset()
    chain: None = None
    follows: bool = False
    lane: str = ""
    is_later: bool = False
    awaited: tuple = ()

    @property
    def name(self) -> str:
        """How the task calls the group."""
        return self.plan.name

    @property
    def operations(self) -> tuple:
        """The call."""
        return self.plan.operations


def jobs_of(groups: Sequence[GroupPlan], users: Sequence[UserPlan]) -> list[GroupJob | StepJob]:
    """The calls for groups, and the steps of users, as jobs."""
    return [*(GroupJob(plan) for plan in groups), *(StepJob(plan, step) for plan in users if plan.state for step in steps_of(plan.state))]


def shown(job: StepJob, user: Observed | None) -> Iterator[Written | None]:
    """Nothing once all shows that a job waits for, an error where it will not show; no value as long as that is open."""
    if user is None:
        yield Written(error=LicensingError(Problem("the user is gone", "check the tenant", "not_found")))
        return
    paths = {(lic.group_id or "", lic.sku_id): lic for lic in user.user.licenses}
    seats = {one.allotment_id for one in user.seats or ()}
    for one in job.awaited:
        path = paths.get((one.group_id, one.sku_id))
        is_shown = one.allotment_id in seats if one.allotment_id else path is not None and path.is_held
        if path is not None and not one.allotment_id and not path.is_held and not job.plan.is_patient:
            cause, remedy = error_of(path.error)
            text = f"{job.name} is a member of the group, and does not get the license from it: {cause} ({path.error})"
            yield Written(error=LicensingError(Problem(text, remedy, "license_in_error", retriable=True)))
            return
        if not is_shown:
            return
    yield None
