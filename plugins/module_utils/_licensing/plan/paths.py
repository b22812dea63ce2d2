# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The assignment paths of a user besides direct licenses: memberships of licensing groups, and seats of allotments, as they will be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

from ..._errors import Problem
from ..model import Allotment, Assignment, Group, License, Principal, shared
from ..observed import Observed, Tenant
from . import predict
from .changes import off_before
from .choices import Resolved, Seat

SeatsLeft = Callable[[str], int]


def seat_key(allotment_id: str) -> str:
    """By what the seats of an allotment are counted; those of a SKU are by its id."""
    return f"allotment {allotment_id}"


@dataclass(frozen=True, slots=True)
class Memberships:
    """The ids of groups that a user joins and leaves, and what is to be said about it."""

    joined: tuple[str, ...] = ()
    left: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


def memberships(user: Observed, resolved: Resolved, tenant: Tenant) -> Memberships:
    """The groups that a user joins and leaves. Released users leave the groups through which a license comes, and no others."""
    joined = tuple(group_id for group_id in resolved.group_ids if group_id not in user.groups)
    problems = [problem for group_id in joined for problem in _join_problems(user.user, tenant.groups[group_id])]
    if resolved.is_release:
        asked = {lic.group_id for lic in user.user.licenses if lic.group_id and lic.group_id in tenant.groups}
    else:
        asked = (set(resolved.removable.group_ids) - set(resolved.group_ids)) & user.groups
    left = set()
    for group_id in sorted(asked):
        problem = _stays(user.user, tenant.groups[group_id], resolved, tenant)
        if problem:
            problems.append(problem)
        else:
            left.add(group_id)
    return Memberships(joined, frozenset(left), tuple(problems))


def _join_problems(user: Principal, group: Group) -> list[Problem]:
    """Why a user cannot be put into a group, or gets nothing from it (graph-contract 3.3, 12 no. 1 and 2)."""
    if group.managed_by:
        cause = f"the members of group {group.name} cannot be changed here, as {group.managed_by}"
        return [Problem(cause, "change them there, or name another group", "members_not_manageable")]
    if group.is_role_assignable:
        cause = f"group {group.name} can carry directory roles (isAssignableToRole), so {user.name} is not added to it"
        return [Problem(cause, "use another group for licenses", "group_role_assignable")]
    return [] if group.is_security_enabled else [predict.group_not_security_enabled(group)]


def _stays(user: Principal, group: Group, resolved: Resolved, tenant: Tenant) -> Problem | None:
    """Why a user stays in a group."""
    kept = sorted({lic.sku_id for lic in user.licenses if lic.group_id == group.id} & resolved.keep)
    if group.managed_by:
        return Problem(f"{user.name} stays in group {group.name}, as {group.managed_by}", "change its members there", "group_stays", "warning")
    if kept:
        names = " and ".join(tenant.catalog.sku(key).part_number for key in kept)
        return Problem(f"{user.name} stays in group {group.name}, as it assigns {names}, which is kept", code="group_stays", severity="warning")
    return None


def through_groups(user: Principal, found: Memberships, tenant: Tenant) -> tuple[License, ...]:
    """The licenses that are not direct, as they will be once Graph has carried out the memberships."""
    kept = [lic for lic in user.licenses if not lic.is_direct and lic.group_id not in found.left and (lic.group_id, lic.sku_id) not in tenant.lost]
    gained = [
        shared(License(lic.sku_id, lic.disabled_plans, group_id))
        for group_id in found.joined
        for lic in tenant.groups[group_id].licenses
        if not any(one.group_id == group_id and one.sku_id == lic.sku_id for one in kept)
    ]
    return (*kept, *gained)


@dataclass
class SeatPlan:
    """The seats of a user as they will be: disabled service plans by the id of the allotment, the assignments to delete, and what is to be said about it.

    seen are the SKUs of which an assignment shows, desired those of which a seat is desired, replaced those of which it takes the place of what the user held.
    """

    after: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    deleted: list[Assignment] = field(default_factory=list)
    desired: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    replaced: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def plan_seats(user: Observed, resolved: Resolved, removed: Collection[str], wanted: Collection[str], tenant: Tenant, left: SeatsLeft) -> SeatPlan:
    """The seats of a user. removed are SKUs whose direct license goes, wanted those that are desired as licenses.

    A direct license and the assignment behind it are one holding (graph-contract 3.4): a seat replaces it, and then the old assignment is deleted by its id.
    """
    held = {one.allotment_id: (one.sku_id or "", one.disabled_plans) for one in user.seats or () if one.allotment_id}
    plan = SeatPlan(held, desired=frozenset(seat.sku.id for seat in resolved.seats), seen=frozenset(sku_id for sku_id, dummy in held.values()))
    for seat in resolved.seats:
        _take(plan, user, seat, seat.sku.id in removed or bool(seat.sku.id in _seat_skus(user, resolved.removable.allotment_ids)), left, resolved.keep)
    direct = {lic.sku_id for lic in user.user.licenses if lic.is_direct}
    for one in user.seats or ():
        sku_id = one.sku_id or ""
        if not one.allotment_id or sku_id in plan.desired or sku_id in wanted or sku_id in resolved.keep or sku_id in removed:
            continue
        if one.allotment_id in resolved.removable.allotment_ids or (resolved.is_release and sku_id not in direct):
            _delete(plan, one)
    if user.seats is not None:
        for key in [key for key, (sku_id, dummy) in plan.after.items() if sku_id in removed and sku_id not in plan.desired]:
            del plan.after[key]  # removing the license removes all assignments of the SKU
    return plan


def _seat_skus(user: Observed, allotment_ids: Collection[str]) -> set[str]:
    return {one.sku_id or "" for one in user.seats or () if one.allotment_id in allotment_ids}


def _take(plan: SeatPlan, user: Observed, seat: Seat, replaces: bool, left: SeatsLeft, keep: Collection[str]) -> None:
    """Keeps a seat that the user has in one of the allotments, else takes one, and deletes what it replaces."""
    who, sku = user.user, seat.sku
    own = user.seats_of(sku.id)
    held = sorted((one for one in own if one.allotment_id in seat.allotment_ids), key=lambda one: (_has_ended(seat, one), one.id or ""))
    chosen = None if held else _chosen(plan, user, seat, left)
    kept_id = held[0].allotment_id if held else chosen.id if chosen else None
    if kept_id is None:
        return
    allotment = next(one for one in seat.allotments if one.id == kept_id)
    before = held[0].disabled_plans if held else off_before(who, sku, ())
    known = {one.id for one in allotment.sku.service_plans} or {one.id for one in sku.service_plans}
    off = seat.plans.after(before, sku)
    plan.after[kept_id] = sku.id, off if held and off == before else off & known
    others = [one for one in own if one.allotment_id != kept_id]
    if replaces and sku.id not in keep:
        plan.replaced.add(sku.id)
        for one in others:
            _delete(plan, one)
        if who.direct(sku.id) and not own:
            plan.problems.append(_unseen(who, allotment))
    elif not held and others:
        plan.problems.append(predict.second_seat(who, allotment, tuple(sorted(one.allotment_id or "" for one in others))))
    elif not held and who.direct(sku.id):
        plan.problems.append(predict.both_apis(who, allotment))


def _chosen(plan: SeatPlan, user: Observed, seat: Seat, left: SeatsLeft) -> Allotment | None:
    """The allotment to draw on: the only one for users, or the one with most seats free."""
    living = [one for one in seat.allotments if not one.has_ended]
    fitting = [one for one in living if "user" in one.assignable_to]
    if not fitting:
        plan.problems.append(predict.wrong_kind(living[0], "user") if living else predict.pool_ended(seat.allotments[0]))
        return None
    if len(fitting) > 1 and not seat.is_any:
        listed = ", ".join(f"{one.id} ({one.free} of {one.allotted} seats free)" for one in fitting)
        cause = f"{len(fitting)} allotments of {seat.sku.part_number} could serve: {listed}"
        remedy = "name one with allotment or subscription_id, or set allotment_choice: most_available"
        plan.problems.append(Problem(cause, remedy, "allotment_ambiguous", where=seat.where))
        return None
    return min(fitting, key=lambda one: (-left(seat_key(one.id)), -one.free, one.id))


def _has_ended(seat: Seat, held: Assignment) -> bool:
    return any(one.id == held.allotment_id and one.has_ended for one in seat.allotments)


def _delete(plan: SeatPlan, one: Assignment) -> None:
    plan.deleted.append(one)
    plan.after.pop(one.allotment_id or "", None)


def _unseen(user: Principal, allotment: Allotment) -> Problem:
    """What a seat replaces can be deleted only by the id of its assignment (graph-contract 3.4)."""
    cause = f"{user.name} holds {allotment.sku.part_number} directly, and Graph does not show the assignment behind it, which a seat of {allotment.id} replaces"
    return Problem(cause, "keep the direct license in the profile, or remove it first", "assignment_unseen")


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


def claims(before: Observed, end: Principal, plan: SeatPlan, tenant: Tenant) -> tuple[frozenset[str], frozenset[str]]:
    """The seats that are taken and freed, by key. Of each allotment by which a user is reached, one seat is in use (graph-contract 2.1)."""
    reached = [{one.allotment_id for one in before.seats or () if one.allotment_id}, set(plan.after)]
    units = []
    for principal, own in zip((before.user, end), reached):
        groups = {lic.group_id for lic in principal.licenses if lic.group_id and lic.is_held}
        own |= {one.allotment_id for group_id in groups for one in tenant.group_seats.get(group_id, ()) if one.allotment_id}
        units.append(_units(principal, own, tenant))
    old, new = ({seat_key(one) for one in own if one} for own in reached)
    more = {key for key, count in units[1].items() if count > units[0].get(key, 0)}
    less = {key for key, count in units[0].items() if count > units[1].get(key, 0)}
    return frozenset(new - old | more), frozenset(old - new | less)


def _units(user: Principal, reached: Iterable[str | None], tenant: Tenant) -> dict[str, int]:
    """The seats of each SKU that a user takes up."""
    counts: dict[str, int] = {}
    for allotment_id in reached:
        allotment = tenant.allotment(allotment_id)
        if allotment is not None:
            counts[allotment.sku.id] = counts.get(allotment.sku.id, 0) + 1
    for lic in user.licenses:
        if lic.is_held:
            counts.setdefault(lic.sku_id, 1)
    return counts


def without_left(user: Principal, licenses: tuple[License, ...]) -> Principal:
    """The user with other licenses through groups."""
    return replace(user, licenses=(*(lic for lic in user.licenses if lic.is_direct), *licenses))
