# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The assignment paths of a principal next to direct licenses: memberships of licensing groups, and seats of allotments, as they will be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..._errors import Problem
from ..model import Allotment, Assignment, Group, License, Principal, Sku, shared
from ..observed import Observed, Tenant
from ..resolve import ResolvedPlans
from ..seats import seat_key
from . import predict
from .changes import Change, off_before
from .choices import Choice, Holdings, Option, Resolved, Seat
from .conflicts import kept_on, second_seats, unnamed

SeatsLeft = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Memberships:
    """The ids of groups that a user must be in, joins and leaves, and what is to be said about it."""

    desired: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    left: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()

    def changes(self, groups: Mapping[str, Group]) -> Iterator[Change]:
        """The changes of memberships. Who leaves a group does so last."""
        for group_id in sorted(self.joined):
            yield Change("add", "membership", group_id, None, group_id, _licensed(groups[group_id]))
        for group_id in sorted(self.left):
            yield Change("remove", "membership", group_id, group_id, None, _licensed(groups[group_id]), is_late=True)


def _licensed(group: Group) -> str:
    """The id of a SKU that a group assigns, an empty text where it assigns none."""
    return next((lic.sku_id for lic in group.licenses), "")


def memberships(user: Observed, resolved: Resolved, tenant: Tenant) -> Memberships:
    """The groups that a user joins and leaves. Released users leave the groups through which a license comes, and no others."""
    joined = tuple(group_id for group_id in resolved.group_ids if group_id not in user.groups)
    problems = [problem for group_id in joined for problem in join_problems(user.user, tenant.groups[group_id])]
    if resolved.is_release:
        asked = {lic.group_id for lic in user.user.licenses if lic.group_id and lic.group_id in tenant.groups}
        asked |= {group_id for group_id in user.groups if tenant.groups[group_id].licenses}
    else:
        asked = (set(resolved.removable.group_ids) - set(resolved.group_ids)) & user.groups
    left = set()
    for group_id in sorted(asked):
        problem = _stays(user.user, tenant.groups[group_id], resolved, tenant)
        if problem:
            problems.append(problem)
        else:
            left.add(group_id)
    return Memberships(resolved.group_ids, joined, frozenset(left), tuple(problems))


def join_problems(user: Principal, group: Group) -> list[Problem]:
    """Why a user cannot be put into a group, or gets nothing from it (graph-contract 3.3, 12 no. 1 and 2)."""
    if group.managed_by:
        return [predict.members_not_manageable(group)]
    if group.is_role_assignable:
        cause = f"group {group.name} can carry directory roles (isAssignableToRole), so {user.name} is not added to it"
        return [Problem(cause, "use another group for licenses", "group_role_assignable")]
    return [] if group.is_security_enabled else [predict.group_not_security_enabled(group)]


def _stays(user: Principal, group: Group, resolved: Resolved, tenant: Tenant) -> Problem | None:
    """Why a user stays in a group."""
    assigned = {lic.sku_id for lic in (*(lic for lic in user.licenses if lic.group_id == group.id), *group.licenses)}
    kept = sorted(assigned & resolved.keep)
    if group.managed_by:
        return Problem(f"{user.name} stays in group {group.name}, as {group.managed_by}", "change its members there", "group_stays", "warning")
    if kept:
        names = " and ".join(tenant.catalog.sku(key).part_number for key in kept)
        return Problem(f"{user.name} stays in group {group.name}, as it assigns {names}, which is kept", code="group_stays", severity="warning")
    return None


def through_groups(user: Principal, found: Memberships, tenant: Tenant) -> tuple[License, ...]:
    """The licenses that are not direct, as they will be once Graph has carried out the memberships and what groups assign: those of today as well."""
    held = [lic for lic in user.licenses if not lic.is_direct and lic.group_id not in found.left and (lic.group_id, lic.sku_id) not in tenant.lost]
    kept = [_as_assigned(lic, tenant.groups[lic.group_id]) if lic.group_id in tenant.changed and lic.group_id else lic for lic in held]
    shown = {(lic.group_id, lic.sku_id) for lic in kept}
    named = [(group_id, lic) for group_id in found.desired for lic in tenant.groups[group_id].licenses]
    return (*kept, *(shared(License(lic.sku_id, lic.disabled_plans, group_id)) for group_id, lic in named if (group_id, lic.sku_id) not in shown))


def _as_assigned(lic: License, group: Group) -> License:
    """The license of a member with the service plans that the group will assign."""
    own = group.direct(lic.sku_id)
    return shared(replace(lic, disabled_plans=own.disabled_plans)) if own else lic


@dataclass
class SeatPlan:
    """The seats of a principal as they will be: disabled service plans by allotment id, the assignments to delete, and the problems.

    seen are the SKUs of which an assignment shows, desired those of which a seat is desired, kept the ids of their allotments, the best one first.
    replaced are the SKUs of which a seat replaces what the principal held.
    """

    after: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    deleted: list[Assignment] = field(default_factory=list)
    desired: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    kept: list[str] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def plan_seats(user: Observed, resolved: Resolved, removed: Collection[str], wanted: Collection[str], tenant: Tenant, left: SeatsLeft) -> SeatPlan:
    """Plan the seats of a principal. removed are SKUs whose direct license is removed, wanted those that are desired as licenses.

    A direct license and the assignment behind it are one holding (graph-contract 3.4): a seat replaces it, and then the old assignment is deleted by its id.
    """
    held = {one.allotment_id: (one.sku_id or "", one.disabled_plans) for one in user.seats or () if one.allotment_id}
    plan = SeatPlan(held, desired=frozenset(seat.sku.id for seat in resolved.seats), seen=frozenset(sku_id for sku_id, dummy in held.values()))
    for seat in resolved.seats:
        _take(plan, user, seat, resolved, seat.sku.id in removed, left)
    direct = {lic.sku_id for lic in user.user.licenses if lic.is_direct}
    for one in user.seats or ():
        sku_id = one.sku_id or ""
        if not one.allotment_id or sku_id in plan.desired or sku_id in wanted or sku_id in resolved.keep or sku_id in removed:
            continue
        if one.allotment_id in resolved.removable.allotment_ids or (resolved.is_release and sku_id not in direct):
            _delete(plan, one)
    for sku in () if resolved.is_release else [tenant.catalog.sku(sku_id) for sku_id in sorted(removed)]:
        own = sorted(one.allotment_id or "" for one in user.seats_of(sku.id))
        if len(own) > 1 and sku.id not in plan.desired:
            plan.problems.append(predict.all_seats_go(user.user, sku, own))
    if user.seats is not None:
        for key in [key for key, (sku_id, dummy) in plan.after.items() if sku_id in removed and sku_id not in plan.desired]:
            del plan.after[key]  # removing the license removes all assignments of the SKU
    return plan


def _take(plan: SeatPlan, user: Observed, seat: Seat, resolved: Resolved, is_removed: bool, left: SeatsLeft) -> None:
    """Keep a seat that the principal has in one of the allotments, else take one, and delete what it replaces.

    With is_removed, it replaces the direct license, and with it every other seat of the SKU; so does an exclusive one. Else it replaces seats of
    previous profiles alone.
    """
    own = user.seats_of(seat.sku.id)
    held = _held(plan, user, seat)
    chosen = None if held else _chosen(plan, user, seat, left)
    kept_id = held.allotment_id if held else chosen.id if chosen else None
    if kept_id is None:
        return
    ended = {one.id for one in seat.allotments if one.has_ended}
    alike = (one.allotment_id or "" for one in own if held and one.allotment_id in seat.allotment_ids and (one.allotment_id in ended) == (kept_id in ended))
    plan.kept += [kept_id] if seat.is_exclusive else dict.fromkeys((kept_id, *alike))
    plan.after[kept_id] = seat.sku.id, held.disabled_plans if held else frozenset()
    is_only = is_removed or seat.is_exclusive
    desired_ids = {one.id for other in resolved.seats for one in other.allotments if other.sku.id == seat.sku.id}
    gone = [one for one in own if one.allotment_id != kept_id and (is_only or one.allotment_id in resolved.removable.allotment_ids - desired_ids)]
    if seat.sku.id in resolved.keep:
        gone = []
    elif gone or is_removed:
        plan.replaced.add(seat.sku.id)
    for one in gone:
        _delete(plan, one)
    allotment = next(one for one in seat.allotments if one.id == kept_id)
    if is_removed and user.user.direct(seat.sku.id) and not own and seat.sku.id not in resolved.keep:
        plan.problems.append(predict.assignment_unseen(user.user, allotment))
    elif not held:
        plan.problems += second_seats(user, allotment, {one.allotment_id for one in gone})


def _held(plan: SeatPlan, user: Observed, seat: Seat) -> Assignment | None:
    """The seat that the principal keeps: one of an allotment with an active subscription, unless no such allotment could serve."""
    pools = {one.id: one for one in seat.allotments}
    own = sorted(
        (one for one in user.seats_of(seat.sku.id) if one.allotment_id in pools), key=lambda one: _rank(one, pools[one.allotment_id or ""], user, seat)
    )
    if not own or not pools[own[0].allotment_id or ""].has_ended:
        return own[0] if own else None
    if any(user.user.kind in one.assignable_to and one.sku.is_owned for one in seat.allotments if not one.has_ended):
        plan.problems.append(predict.held_in_ended_pool(user.user, seat.sku, own[0], seat.is_exclusive))
        return None
    plan.problems.append(predict.only_in_ended_pool(user.user, seat.sku, own[0]))
    return own[0]


def _rank(held: Assignment, pool: Allotment, user: Observed, seat: Seat) -> tuple:
    """The order in which assignments are kept: by the subscriptions of the allotment, its assignableTo and its seats, then where nothing has to change."""
    states = {sub.state.lower() for sub in pool.subscriptions}
    latest = max((sub.next_lifecycle_date or "" for sub in pool.subscriptions), default="")
    age = tuple(-ord(sign) for sign in latest)  # a later end is better
    is_poor = "active" not in states, user.user.kind not in pool.assignable_to, pool.allotted < max(pool.consumed, 1)
    is_changed = seat.plans.after(held.disabled_plans, seat.sku_in(pool)) != held.disabled_plans
    return (pool.has_ended, not pool.sku.is_owned, *is_poor, age if pool.sku.is_owned else (), is_changed, held.id or "")


def with_service_plans(plan: SeatPlan, user: Observed, seen: Principal, resolved: Resolved, passed: Iterable[Sku], name_of: Callable[[str], str]) -> None:
    """Set the service plans of the desired seats. A new seat starts with those of the direct license, else with those that removed SKUs pass on.

    seen is the principal with the groups of the end state, name_of gives the name of a group.
    """
    held, listed = {one.allotment_id: one.disabled_plans for one in user.seats or ()}, list(passed)
    for seat in resolved.seats:
        for allotment in (one for one in seat.allotments if one.id in plan.after and one.id in plan.kept):
            before = held.get(allotment.id)
            begins = off_before(user.user, seat.sku, listed) if before is None else before
            sku = seat.sku_in(allotment)
            off = seat.plans.after(begins, sku)
            off = off if off == before else off & {one.id for one in sku.service_plans}
            plan.after[allotment.id] = seat.sku.id, off
            plan.problems += unnamed(user.user, sku, seat.plans, before or frozenset(), off)
            plan.problems += kept_on(seen, sku, off, name_of) if seat.plans != ResolvedPlans() else []


def _chosen(plan: SeatPlan, user: Observed, seat: Seat, left: SeatsLeft) -> Allotment | None:
    """The allotment to draw on: the only one for this kind of principal, or the one with most seats free."""
    able = [one for one in seat.allotments if user.user.kind in one.assignable_to and one.sku.is_owned]
    fitting = [one for one in able if not one.has_ended]
    if not fitting:
        plan.problems.append(predict.pool_ended(able[0]) if able else predict.wrong_kind(seat.allotments[0], user.user.kind))
        return (able or seat.allotments)[0]
    if len(fitting) > 1 and not seat.is_any:
        plan.problems.append(predict.allotment_ambiguous(seat.sku, fitting, seat.where))
        return None
    return min(fitting, key=lambda one: (one.id not in user.reached, -left(seat_key(one.id)), -one.free, one.id))


def _delete(plan: SeatPlan, one: Assignment) -> None:
    plan.deleted.append(one)
    plan.after.pop(one.allotment_id or "", None)


def seat_changes(user: Observed, seats: SeatPlan) -> Iterator[Change]:
    """The changes of seats. What is deleted waits for what is created."""
    held = {one.allotment_id: one.disabled_plans for one in user.seats or ()}
    for allotment_id, (sku_id, off) in sorted(seats.after.items()):
        if sku_id in seats.desired and held.get(allotment_id) != off:
            yield Change("update" if allotment_id in held else "add", "seat", allotment_id, held.get(allotment_id), off, sku_id)
    for one in sorted(seats.deleted, key=lambda one: one.allotment_id or ""):
        yield Change("remove", "seat", one.allotment_id or "", one.disabled_plans, None, one.sku_id or "", is_late=True)


def direct_after(user: Principal, licenses: dict[str, frozenset[str]], plan: SeatPlan) -> tuple[License, ...]:
    """The direct licenses as they will be: of a SKU whose seats change, what is off in all of them."""
    made = dict(licenses)
    for sku_id in {one.sku_id or "" for one in plan.deleted} | plan.desired:
        lists = [off for other, off in plan.after.values() if other == sku_id]
        is_unseen = sku_id in licenses and sku_id not in plan.replaced and sku_id not in plan.seen
        if lists:
            made[sku_id] = frozenset.intersection(*lists, *([licenses[sku_id]] if is_unseen else ()))
        else:
            made.pop(sku_id, None)
    known = {lic.sku_id: lic for lic in user.licenses if lic.is_direct}
    return tuple(lic if (lic := known.get(key)) and lic.disabled_plans == off else shared(License(key, off)) for key, off in made.items())


def possible(user: Observed, resolved: Resolved, tenant: Tenant, left: SeatsLeft) -> Resolved:
    """What a user who comes back can have of what was recorded: a direct license for a seat that is not left, and nothing where no seat is left at all."""
    choices, seats, groups, problems = [], [], [], list(resolved.problems)
    has = {one.allotment_id for one in user.seats or ()}
    wanted = list(resolved.choices)
    for seat in resolved.seats:
        allotment = seat.allotments[0]
        if allotment.id in has or left(seat_key(allotment.id)) > 0:
            seats.append(seat)
            continue
        problems.append(_open(f"allotment {allotment.id} of {seat.sku.part_number} has no free seat, so the license is assigned directly"))
        wanted.append(Choice((Option(seat.sku, seat.plans, seat.where),)))
    for choice in wanted:
        sku = choice.options[0].sku
        if user.user.holds(sku.id) or left(sku.id) > 0:
            choices.append(choice)
        else:
            problems.append(_open(f"no seat of {sku.part_number} is free, so it is not restored"))
    for group_id in resolved.group_ids:
        lacking = [lic.sku_id for lic in tenant.groups[group_id].licenses if not user.user.holds(lic.sku_id) and left(lic.sku_id) < 1]
        if group_id in user.groups or not lacking:
            groups.append(group_id)
        else:
            problems.append(_open(f"no seat of what group {tenant.group_name(group_id)} assigns is free, so {user.user.name} is not added to it"))
    removable = resolved.removable if len(problems) == len(resolved.problems) else Holdings()
    return replace(resolved, choices=tuple(choices), seats=tuple(seats), group_ids=tuple(groups), problems=tuple(problems), removable=removable)


def _open(cause: str) -> Problem:
    return Problem(cause, "it stays open in the record", "not_restorable", "warning")


def seen_as(user: Principal, licenses: tuple[License, ...], tenant: Tenant) -> Principal:
    """The user with other licenses through groups, and with the names of the groups that were read."""
    names = {group_id: tenant.groups[group_id].name for lic in (*user.licenses, *licenses) if (group_id := lic.group_id or "") in tenant.groups}
    return replace(user, licenses=(*(lic for lic in user.licenses if lic.is_direct), *licenses), group_names=names | user.group_names)
