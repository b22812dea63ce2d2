# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run: every listed user with an end state, the stage in which it is written, and what forbids it. Pure, and the same for a dry run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..._errors import OptionError, Problem, errors_of
from ..catalog import Catalog
from ..desired.licensed_users import DesiredRun, DesiredUser
from ..model import Principal
from ..observed import Observed, Tenant
from ..seats import plenty_of
from . import predict
from .changes import Change, EndState
from .choices import ProfileResolver, Resolved
from .end_state import Settings
from .groups import GroupPlan, plan_groups, with_groups, with_replacements
from .stages import Planner

_FROM = 10  # from this number of users on, a limit applies by default
_DEFAULT = 30


@dataclass(frozen=True, slots=True)
class RemovalLimit:
    """How many licenses a run may remove: a number, or a percentage of what the listed users hold. is_default says that none was given."""

    number: int | None = None
    percent: int | None = None
    is_default: bool = False


_NO_LIMIT = RemovalLimit(number=10**9)


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards of a run: SKUs that it never removes, and the limit of removals. is_missing_ok skips users that the tenant does not have."""

    protect: tuple[str, ...] = ()
    limit: RemovalLimit = _NO_LIMIT
    is_missing_ok: bool = False


def removal_limit(value: Any) -> RemovalLimit:
    """The limit of an option. Raises OptionError for an invalid one."""
    if value is None:
        return RemovalLimit(percent=_DEFAULT, is_default=True)
    text = str(value)
    if re.fullmatch("[0-9]{1,9}", text):
        return RemovalLimit(int(text))
    if re.fullmatch("[0-9]{1,3}%", text) and int(text[:-1]) <= 100:
        return RemovalLimit(percent=int(text[:-1]))
    raise OptionError(f"max_removals is {value!r}: give a number, or a percentage such as 30%")


@dataclass(frozen=True, slots=True)
class UserPlan:
    """The plan of one listed user: an end state, errors, or the reason why nothing is done. duplicate_of is the first entry of the same user.

    is_patient says that the user takes a seat that another user frees by leaving a group, which Graph processes in the background.
    is_drawing says that no seat of an allotment that the user takes depends on another user, whatever the stage of the rest.
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
        """The name of the user in the task."""
        return self.desired.name

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Why nothing is written for the user."""
        return errors_of(self.problems)

    @property
    def outcome(self) -> str:
        """The outcome if the run goes as planned: failed, skipped, unchanged or changed. A duplicate entry changes nothing."""
        if self.errors:
            return "failed"
        if self.duplicate_of is not None:
            return "unchanged"
        if self.state is None:
            return "skipped"
        return "changed" if self.state.changes else "unchanged"

    @property
    def is_to_write(self) -> bool:
        """Whether the user has changes and no errors."""
        return self.outcome == "changed"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The planned changes."""
        return self.state.changes if self.state else ()


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The users and licensing groups in the order of their lists. problem forbids the whole run, warnings concern no user in particular.

    seats_due are the seats, by SKU part number, that users with a first day ahead need.
    """

    users: tuple[UserPlan, ...]
    tenant: Tenant
    warnings: tuple[Problem, ...] = ()
    problem: Problem | None = None
    seats_due: Mapping[str, int] = field(default_factory=dict)
    groups: tuple[GroupPlan, ...] = ()

    @property
    def states(self) -> dict[int, EndState | None]:
        """The end states by place, None for users with errors. Skipped entries and duplicate entries are left out."""
        return {one.index: None if one.errors else one.state for one in self.users if one.duplicate_of is None and (one.errors or one.state)}

    @property
    def data(self) -> Iterator[dict]:
        """The plan as plain values in a stable order, without time: what a digest is made of."""
        for call in sorted((call for plan in self.groups if plan.outcome == "changed" for call in plan.operations), key=lambda call: call.principal.id):
            add = sorted([lic.sku_id, sorted(lic.disabled_plans)] for lic in call.add)
            yield {"group": call.principal.id, "add": add, "remove": sorted(call.remove)}
        for state in sorted((plan.state for plan in self.users if plan.is_to_write and plan.state), key=lambda state: state.before.id):
            yield {"user": state.before.id, "changes": [[one.verb, one.kind, one.key, _plain(one.before), _plain(one.after)] for one in state.changes]}


def _plain(value: frozenset[str] | str | None) -> list[str] | str | None:
    return sorted(value) if isinstance(value, frozenset) else value


def plan_run(
    run: DesiredRun, users: Mapping[int, Observed], tenant: Tenant, settings: Settings, guards: Guards, returns: Mapping[str, Resolved] | None = None
) -> RunPlan:
    """Return the plan. users are those that the tenant has, by the place of the entry; returns has the licenses to restore, by user id.

    The end state of each user is decided first, then seats are counted over all. Users who are not served free nothing. This repeats until it is stable.
    The same applies to groups whose members replace what the groups no longer assign, or cannot.
    """
    groups = plan_groups(run.licensing_groups, tenant, guards.protect)
    after = with_groups(tenant, groups, users.values())
    while True:
        plan, dummy = _plan_users(run, users, after, settings, guards, returns or {}, groups)
        if not any(one.losses for one in groups):
            return plan
        found, last_stage = with_replacements(groups, users, plan.states, after), None
        late = {pair for one in found if one.replacing for pair in one.losses}
        if late:
            plan, last_stage = _plan_users(run, users, after, settings, guards, returns or {}, groups, late)
            found = with_replacements(groups, users, plan.states, after)
        if [one.errors for one in found] == [one.errors for one in groups]:
            stages = {one.index: one.stage for one in plan.users}
            return replace(plan, groups=tuple(one.behind(last_stage, stages) for one in found))
        groups = tuple(new if new.errors else one for one, new in zip(groups, found))
        after = with_groups(tenant, groups, users.values())


def _plan_users(
    run: DesiredRun,
    users: Mapping[int, Observed],
    tenant: Tenant,
    settings: Settings,
    guards: Guards,
    returns: Mapping[str, Resolved],
    groups: tuple[GroupPlan, ...],
    late: Collection[tuple[str, str]] = (),
) -> tuple[RunPlan, int | None]:
    """The plan of all users, and the last stage before late licenses are removed from groups, if that can wait."""
    resolver = ProfileResolver(tenant, run, guards.protect, returns)
    plans = _listed(run, users, resolver, guards.is_missing_ok)
    open_plans = [plan for plan in plans if plan.index in users and plan.duplicate_of is None and plan.desired.skipped is None and not plan.errors]
    planner = Planner(tenant, settings, users, {plan.index: resolver.user(plan.desired, users[plan.index].user) for plan in open_plans}, late)
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
    problem = too_many((plan.state for plan in counted if plan.state), groups, held, len(run.users), guards.limit, tenant.catalog)
    early = {users[plan.index].id if plan.index in users else plan.name: plan for plan in plans if plan.desired.is_early}
    due = Counter(name for plan in early.values() for name in resolver.due(plan.desired, users.get(plan.index)))
    warnings = (*run.warnings, *resolver.warnings.values(), *_unlisted(run, users.values()))
    return RunPlan(tuple(plans), tenant, warnings, problem, dict(sorted(due.items())), groups), planner.last_stage


def _with_patience(plans: list[UserPlan], has_lost: bool) -> list[UserPlan]:
    """Mark the plans that take a seat which is freed in the background: by a membership, or once something shows. has_lost is of groups."""
    late = (
        plan
        for plan in plans
        if plan.state and not plan.errors and (has_lost or plan.state.awaited or any(one.verb == "remove" and one.kind == "membership" for one in plan.changes))
    )
    slow = frozenset().union(*(plan.state.frees for plan in late if plan.state))
    return [replace(plan, is_patient=True) if plan.state and plan.stage > 0 and plan.state.takes & slow else plan for plan in plans] if slow else plans


def _listed(run: DesiredRun, users: Mapping[int, Observed], resolver: ProfileResolver, is_missing_ok: bool) -> list[UserPlan]:
    """A plan for each listed user. Duplicate entries count once. Conflicting entries of one user are an error of both, under whatever names."""
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
    """Whether two entries of one user declare the same, under whatever names. Two skipped entries do; a skipped entry and another one do not."""
    if one.skipped is not None or other.skipped is not None:
        return one.skipped is not None and other.skipped is not None
    return resolver.user(one, user).declared == resolver.user(other, user).declared


def held_by(user: Observed) -> int:
    """What a user holds that a run could remove: direct licenses, seats without one, and memberships of licensing groups."""
    direct = {lic.sku_id for lic in user.user.licenses if lic.is_direct}
    groups = {lic.group_id for lic in user.user.licenses if lic.group_id}
    return len(direct) + len(groups) + sum(one.sku_id not in direct for one in user.seats or ())


def removals_of(state: EndState) -> int:
    """The number of licenses removed from a user, less those added: a replacement is no removal."""
    verbs = [one.verb for one in state.changes if one.sku_id]
    return max(0, verbs.count("remove") - verbs.count("add"))


def _unlisted(run: DesiredRun, users: Iterable[Observed]) -> Iterator[Problem]:
    """The users of the last run who are not in the list any more."""
    if not run.earlier:
        return
    listed = {one.name.lower() for one in run.users} | {name for user in users for name in (user.id, user.user.name.lower())}
    names = [name for name in run.earlier if name not in listed]
    if names:
        yield predict.not_listed_any_more(names)


def too_many(states: Iterable[EndState], groups: Iterable[GroupPlan], held: int, users: int, limit: RemovalLimit, catalog: Catalog) -> Problem | None:
    """The problem of a run that removes more than it may, from users and members of groups. held is what all listed users hold now."""
    if limit.is_default and users < _FROM:
        return None
    listed = list(states)
    own = sum(map(removals_of, listed))
    replaced = sum(one.verb == "remove" and bool(one.sku_id) for state in listed for one in state.changes) - own
    narrowed = [plan for plan in groups if plan.removals]
    count = own + sum(plan.removals for plan in narrowed)
    allowed = limit.number if limit.number is not None else held * (limit.percent or 0) // 100
    if count <= allowed:
        return None
    said = str(limit.number) if limit.number is not None else f"{limit.percent}% of {held}, which is {allowed}"
    losers = [f"{state.before.user.name} {_lost(state, catalog)}" for state in listed if removals_of(state)]
    losers += [f"{plan.removals} from members of group {plan.name}" for plan in narrowed]
    return predict.too_many_removals(count, f"{said} by default" if limit.is_default else said, losers, replaced)


def _lost(state: EndState, catalog: Catalog) -> str:
    """The SKUs of which a user loses a license, in a few words."""
    return ", ".join(dict.fromkeys(catalog.sku(one.sku_id).part_number for one in state.changes if one.verb == "remove" and one.sku_id))
