# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run: every listed user with an end state, the stage in which it is written, and what forbids it. Pure, and the same for a dry run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ..._errors import Problem, errors_of
from ..desired.licensed_users import DesiredRun, DesiredUser
from ..model import Principal
from ..observed import Observed, Tenant
from . import predict
from .changes import AssignLicenses, Change, EndState
from .choices import ProfileResolver, Resolved
from .end_state import Decider, Settings
from .groups import GroupPlan, plan_groups, with_groups
from .guards import Guards, held_by, too_many
from .paths import SeatsLeft
from .seats import Claim, free_seats, plenty_of, seat_key, stages_of, supply_of


@dataclass(frozen=True, slots=True)
class UserPlan:
    """What becomes of one listed user: an end state, errors, or the reason why nothing is done. duplicate_of is the first entry of the same user.

    is_patient says that the user takes a seat that is freed when another one leaves a group, which Graph carries out behind,
    is_drawing that no seat of an allotment which the user takes waits for another user, whatever the stage of the rest.
    """

    index: int
    desired: DesiredUser
    state: EndState | None = None
    stage: int = 0
    problems: tuple[Problem, ...] = ()
    duplicate_of: int | None = None
    is_patient: bool = False
    is_drawing: bool = False

    @property
    def name(self) -> str:
        """How the task calls the user."""
        return self.desired.name

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Why nothing is written for the user."""
        return errors_of(self.problems)

    @property
    def outcome(self) -> str:
        """What becomes of the user if the run goes as planned: failed, skipped, unchanged or changed. An entry that repeats another one changes nothing."""
        if self.errors:
            return "failed"
        if self.duplicate_of is not None:
            return "unchanged"
        if self.state is None:
            return "skipped"
        return "changed" if self.state.changes else "unchanged"

    @property
    def is_to_write(self) -> bool:
        """Whether something is to be done, and may be."""
        return self.outcome == "changed"

    @property
    def changes(self) -> tuple[Change, ...]:
        """What will be other than it is."""
        return self.state.changes if self.state else ()


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The users and licensing groups in the order of their lists. problem forbids the whole run, warnings concern no user in particular.

    seats_due are the seats, by SKU part number, that users need whose first day is ahead.
    """

    users: tuple[UserPlan, ...]
    tenant: Tenant
    warnings: tuple[Problem, ...] = ()
    problem: Problem | None = None
    seats_due: Mapping[str, int] = field(default_factory=dict)
    groups: tuple[GroupPlan, ...] = ()

    @property
    def data(self) -> list[dict]:
        """The plan as plain values in a stable order, without time: what a digest is made of."""
        states = sorted((plan.state for plan in self.users if plan.is_to_write and plan.state), key=lambda state: state.before.id)
        calls = sorted((call.principal.id, *_assigned(call)) for plan in self.groups if plan.outcome == "changed" for call in plan.operations)
        return [{"group": group_id, "add": add, "remove": remove} for group_id, add, remove in calls] + [
            {"user": state.before.id, "changes": [[one.verb, one.kind, one.key, _plain(one.before), _plain(one.after)] for one in state.changes]}
            for state in states
        ]


def _assigned(call: AssignLicenses) -> tuple[list, list]:
    return sorted([lic.sku_id, sorted(lic.disabled_plans)] for lic in call.add), sorted(call.remove)


def _plain(value: frozenset[str] | str | None) -> list[str] | str | None:
    return sorted(value) if isinstance(value, frozenset) else value


def plan_run(
    run: DesiredRun, users: Mapping[int, Observed], tenant: Tenant, settings: Settings, guards: Guards, returns: Mapping[str, Resolved] | None = None
) -> RunPlan:
    """The plan. users are those that the tenant has, by the place of the entry, returns what those get who come back, by id.

    The end state of each user is decided first, seats are counted over all, and who is not served frees nothing; repeated until it is stable.
    """
    groups = plan_groups(run.licensing_groups, tenant, guards.protect)
    tenant = with_groups(tenant, groups, users.values())
    resolver = ProfileResolver(tenant, run, guards.protect, returns or {})
    plans = _listed(run, users, resolver, guards.is_missing_ok)
    open_plans = [plan for plan in plans if plan.index in users and plan.duplicate_of is None and plan.desired.skipped is None and not plan.errors]
    planner = _Planner(tenant, settings, users, {plan.index: resolver.user(plan.desired, users[plan.index].user) for plan in open_plans})
    states, stages = planner.decided()
    unserved = planner.unserved(states, stages)
    plenty = plenty_of((states[index].takes for index in stages), planner.free)
    for index, plan in enumerate(plans):
        state = states.get(index)
        problems = (*plan.problems, *(state.problems if state else ()), *unserved.get(index, ()))
        is_drawing = bool(state and state.drawn <= plenty)
        plans[index] = replace(plan, state=state, stage=stages.get(index, 0), problems=problems, is_drawing=is_drawing)
    plans = _with_patience(plans, bool(tenant.lost))
    resolver.check_profiles()
    held = sum(map(held_by, {user.id: user for user in users.values()}.values()))
    counted = [plan for plan in plans if plan.is_to_write and not (guards.limit.is_default and plan.desired.is_named)]
    problem = too_many((plan.state for plan in counted if plan.state), sum(plan.removals for plan in groups), held, len(run.users), guards.limit)
    early = {users[plan.index].id if plan.index in users else plan.name: plan for plan in plans if plan.desired.is_early}
    due = Counter(name for plan in early.values() for name in resolver.due(plan.desired, users.get(plan.index)))
    return RunPlan(tuple(plans), tenant, (*run.warnings, *resolver.warnings.values()), problem, dict(sorted(due.items())), groups)


def _with_patience(plans: list[UserPlan], has_lost: bool) -> list[UserPlan]:
    """The plans, with those marked that take a seat which is freed behind: by a membership, or once something shows. has_lost is of groups."""
    late = (
        plan
        for plan in plans
        if plan.state and not plan.errors and (has_lost or plan.state.awaited or any(one.verb == "remove" and one.kind == "membership" for one in plan.changes))
    )
    slow = frozenset().union(*(plan.state.frees for plan in late if plan.state))
    return [replace(plan, is_patient=True) if plan.state and plan.stage > 0 and plan.state.takes & slow else plan for plan in plans] if slow else plans


def _listed(run: DesiredRun, users: Mapping[int, Observed], resolver: ProfileResolver, is_missing_ok: bool) -> list[UserPlan]:
    """An entry for each listed user. The same entry twice is one; different entries of one user are an error of both, under whatever names."""
    first: dict[str, int] = {}
    pairs: list[tuple[int, int]] = []
    plans: list[UserPlan] = []
    for index, desired in enumerate(run.users):
        user = users.get(index)
        plan = UserPlan(index, desired, problems=(run.faults[index],) if index in run.faults else ())
        if user is None and desired.skipped is None:
            remedy = "check the spelling and the tenant"
            severity = "warning" if is_missing_ok else "error"
            plan = replace(plan, problems=(Problem(f"this tenant has no user {desired.name!r}", remedy, "not_found", severity, where=desired.where),))
        elif user is not None:
            earlier = first.setdefault(user.id, index)
            if earlier != index:
                pairs.append((earlier, index))
            if earlier != index and desired.skipped is None:
                plan = replace(plan, duplicate_of=earlier, problems=errors_of(resolver.user(desired, user.user).problems))
        plans.append(plan)
    for earlier, index in pairs:
        other, plan = plans[earlier], plans[index]
        if not _is_same(plan.desired, other.desired, users[index].user, resolver):
            cause = f"conflicting entries of one user, {other.desired.where} ({other.name}) and {plan.desired.where} ({plan.name})"
            problem = Problem(cause, "leave one of them out", "conflicting_entries", where=plan.desired.where)
            plans[plan.index] = replace(plan, problems=(*plan.problems, problem))
            plans[other.index] = replace(plans[other.index], problems=(*plans[other.index].problems, problem))
    return plans


def _is_same(one: DesiredUser, other: DesiredUser, user: Principal, resolver: ProfileResolver) -> bool:
    """Whether two entries of one user declare the same, under whatever names. Two that are skipped do; one alone that is skipped says something else."""
    if one.skipped is not None or other.skipped is not None:
        return one.skipped is not None and other.skipped is not None
    return resolver.user(one, user).declared == resolver.user(other, user).declared


class _Planner:
    """Decides all users against one count of seats."""

    def __init__(self, tenant: Tenant, settings: Settings, users: Mapping[int, Observed], resolved: Mapping[int, Resolved]) -> None:
        self._tenant, self._settings, self._users, self._resolved = tenant, settings, users, resolved
        self._decider = Decider(tenant, settings)
        self._claims: dict[Claim, Claim] = {}
        self._is_tried = settings.seat_check == "try"
        self._tried: set[int] = set()
        self.free = free_seats(tenant, users.values())
        self._choosing = [index for index, one in resolved.items() if one.has_choice]

    def decided(self) -> tuple[dict[int, EndState], dict[int, int]]:
        """End states, and the stages of those that are served.

        Those who have alternatives are decided anew, counting what all others free and take, until nothing changes. Who is refused counts for nothing.
        A SKU of which a user got no seat is not chosen for that user again.
        """
        states = {index: self._decider.decide(self._users[index], one, self._left) for index, one in self._resolved.items()}
        if self._tenant.getting:
            able = (state for state in states.values() if not state.has_errors)
            claimed = {state.before.id: state.takes for state in able if state.changes or state.frees}
            self.free = free_seats(self._tenant, self._users.values(), claimed)
        barred: dict[int, set[str]] = {}
        refused: set[int] = set()
        if not self._choosing:
            return states, self._stages(states, set())
        for dummy in range(_ROUNDS):
            hopeless = self._choose_all(states, refused, barred)
            stages = self._stages(states, hopeless)
            unserved = states.keys() - stages.keys()
            missing = self._missing(states, stages, self._left_over(states, stages))
            for index in unserved & set(self._choosing) - hopeless:
                barred.setdefault(index, set()).update(missing.get(index, ()))
            if unserved == refused:
                break
            refused = set(unserved)
        return states, stages

    def _stages(self, states: Mapping[int, EndState], hopeless: set[int]) -> dict[int, int]:
        """The stages of those who are able and served. With seat_check: try, who is not served comes last, as Graph may have a seat."""
        able = {index: state for index, state in states.items() if not state.has_errors}
        counted = {index: self._claim(state) for index, state in able.items() if (state.changes or state.frees) and index not in hopeless}
        choosing = set(self._choosing)  # who has alternatives comes behind who has none
        places = sorted((index for index, claim in counted.items() if claim.takes or claim.frees), key=lambda index: (index in choosing, index))
        served = stages_of([counted[index] for index in places], self.free)
        stages = dict.fromkeys(able.keys() - set(places) - hopeless, 0) | {places[place]: stage for place, stage in served.items()}
        self._tried = able.keys() - stages.keys() if self._is_tried else set()
        return stages | dict.fromkeys(self._tried, max(stages.values(), default=-1) + 1)

    def _choose_all(self, states: dict[int, EndState], refused: set[int], barred: Mapping[int, set[str]]) -> set[int]:
        """Decides in list order those who have alternatives. Those for whom no alternative has a seat are returned, and claim none."""
        supply = supply_of((self._claim(state) for index, state in states.items() if index not in refused or index in self._choosing), self.free)
        choosing, hopeless = set(self._choosing), set()
        for index, state in states.items():
            if index in choosing:
                for key in state.frees:
                    supply[key] -= 1
                decided = states[index] = self._decider.decide(self._users[index], self._resolved[index], _left_of(supply, barred.get(index, set())))
                if decided.has_errors:
                    continue
                if any(supply.get(key, 0) < 1 or key in barred.get(index, ()) for key in self._claim(decided).takes):
                    hopeless.add(index)
                    continue
                for key in decided.frees:
                    supply[key] = supply.get(key, 0) + 1
            elif index in refused:
                continue
            for key in states[index].takes:
                supply[key] = supply.get(key, 0) - 1
        return hopeless

    def _claim(self, state: EndState) -> Claim:
        claim = Claim(frozenset(key for key in state.takes if key in self.free), state.frees)
        return self._claims.setdefault(claim, claim)

    def _left_over(self, states: Mapping[int, EndState], stages: Mapping[int, int]) -> dict[str, int]:
        """The seats, by key, that are left once all who are served have theirs."""
        sure = [self._claim(states[index]) for index in stages if index not in self._tried]
        left = supply_of(sure, self.free)
        for key in (key for claim in sure for key in claim.takes):
            left[key] = left.get(key, 0) - 1
        return left

    def _missing(self, states: Mapping[int, EndState], stages: Mapping[int, int], left: Mapping[str, int]) -> dict[int, list[str]]:
        """The keys of the seats that each user lacks who has no error and is not served. left are the seats that the others leave."""
        short = states.keys() - (stages.keys() - self._tried) - {index for index, state in states.items() if state.has_errors}
        takes = {index: sorted(self._claim(states[index]).takes) for index in short}
        return {index: [key for key in keys if left.get(key, 0) < 1] or keys for index, keys in takes.items()}

    def unserved(self, states: Mapping[int, EndState], stages: Mapping[int, int]) -> dict[int, tuple[Problem, ...]]:
        """Why those who are able are not served. With seat_check: try they are sent last, and it is a warning."""
        left = self._left_over(states, stages)
        return {index: tuple(self._no_seat(states[index], key, left) for key in keys) for index, keys in self._missing(states, stages, left).items()}

    def _left(self, key: str) -> int:
        """The seats that are left before anything is planned; without alternatives, that does not matter."""
        return max(self.free.get(key, 0), 1)

    def _no_seat(self, state: EndState, key: str, left: Mapping[str, int]) -> Problem:
        one = next((one for one in self._tenant.allotments if seat_key(one.id) == key), None)
        sku = one.sku if one else self._tenant.catalog.sku(key)
        what = f"{sku.part_number} in allotment {one.id}" if one else sku.part_number
        owned, used = (one.allotted, one.consumed) if one else (sku.seats.owned, sku.seats.consumed)
        return predict.no_seats(state.before.user, what, owned, used, self._settings.seat_check, owned - used - max(left.get(key, 0), 0))


_ROUNDS = 20  # in practice two or three; every round is sound by itself


def _left_of(supply: Mapping[str, int], barred: Collection[str]) -> SeatsLeft:
    return lambda key: 0 if key in barred else supply.get(key, 0)
