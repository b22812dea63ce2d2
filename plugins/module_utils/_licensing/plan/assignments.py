# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired assignment of one principal: names become ids here, and the seats of a run's users are planned in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..._errors import OptionError, Problem
from ..catalog import Catalog
from ..desired.licenses import DesiredAssignment
from ..model import Allotment, Assignment, CloudState, Group, Sku
from ..observed import Observed, Tenant
from ..resolve import Resolver, ServicePlanRule
from ..tables.product_names import NO_NAMES, ProductNames
from ..tables.service_plan_conflicts import broken_rules
from . import predict
from .changes import Change, Changes, EndState
from .choices import Holdings, Resolved, Seat, seat_of
from .conflicts import service_plans_conflicts
from .paths import SeatPlan, plan_seats, seat_changes, with_service_plans
from .steps import steps_of


def plan_assignment(state: CloudState, desired: DesiredAssignment, names: ProductNames = NO_NAMES) -> Changes:
    """Plan the changes that create, change or delete the desired assignment of a principal.

    Raises OptionError for a name that the tenant does not know, and when several allotments or assignments could be meant.
    """
    catalog = Catalog(_skus(state.allotments), names)
    user, tenant = Observed(state.principal, seats=state.assignments, rights=state.rights), Tenant(catalog, allotments=state.allotments)
    seat = _seat(user, desired, tenant)
    if isinstance(seat, Problem):
        return Changes(state, state, (), (seat,), catalog)
    resolved = _resolved(user, desired, seat)
    plan = plan_seats(user, resolved, (), (), tenant, lambda dummy: 0)
    with_service_plans(plan, user, state.principal, resolved, (), str)
    _check(plan, user, seat)
    changes = tuple(seat_changes(user, plan))
    location = resolved.usage_location
    if location and location != state.principal.usage_location:
        changes = (Change("set", "usage_location", "", state.principal.usage_location, location), *changes)
    operations = tuple(operation for step in steps_of(EndState(user, changes)) for operation in step.operations)
    after = _after(state, plan, location)
    unknown = [predict.pool_unknown(one.id) for one in state.assignments if one.allotment_id is None]
    findings = (*unknown, *plan.problems, *_predicted(state, after, plan, seat, changes, desired))
    subject = next((one for one in after.assignments if one.allotment_id in plan.kept[:1]), None)
    return Changes(state, after, operations, findings, catalog, subject)


def _skus(allotments: Iterable[Allotment]) -> Iterable[Sku]:
    """The SKUs of allotments, each with the service plans of all of them."""
    found: dict[str, Sku] = {}
    for sku in (one.sku for one in allotments):
        known = found.get(sku.id, sku)
        plans = {plan.id: plan for plan in (*known.service_plans, *sku.service_plans)}
        found[sku.id] = replace(known if known.is_owned else sku, service_plans=tuple(plans.values()))
    return found.values()


def _seat(user: Observed, desired: DesiredAssignment, tenant: Tenant) -> Seat | Problem:
    """The seat that a task describes. Raises OptionError for names that the tenant does not know.

    An assignment on an allotment that neither the tenant nor the principal has is absent already: the problem is a warning.
    """
    resolver = Resolver(tenant.catalog, [one.sku_id for one in user.seats or () if one.sku_id])
    wanted = desired.seat if desired.is_present else replace(desired.seat, plans=ServicePlanRule())
    seat = seat_of(wanted, resolver, tenant, is_removed=not desired.is_present)
    resolver.check()
    if isinstance(seat, Problem) and seat.where == "allotment" and not desired.is_present:
        return replace(seat, severity="warning")
    if not isinstance(seat, Seat):
        raise OptionError(seat or "sku: give a SKU part number or an id")
    return seat


def _resolved(user: Observed, desired: DesiredAssignment, seat: Seat) -> Resolved:
    """What is desired, by id. To be absent are all seats of the SKU, unless the task names an allotment or a subscription."""
    if desired.is_present:
        return Resolved(seats=(seat,), usage_location=desired.usage_location)
    is_narrow = bool(desired.seat.allotment or desired.seat.subscription_id)
    own = () if is_narrow else user.seats_of(seat.sku.id)
    return Resolved(removable=Holdings(allotment_ids=seat.allotment_ids | {one.allotment_id or "" for one in own}))


def _check(plan: SeatPlan, user: Observed, seat: Seat) -> None:
    """Raise OptionError where several allotments or assignments could be meant."""
    ambiguous = [one for one in plan.problems if one.code == "allotment_ambiguous"]
    if ambiguous:
        raise OptionError(*ambiguous)
    held = [one for one in user.seats_of(seat.sku.id) if one.allotment_id in plan.kept]
    if len(held) > 1 and any(plan.after[one.allotment_id or ""][1] != one.disabled_plans for one in held):
        listed = ", ".join(f"{one.id} (allotment {one.allotment_id})" for one in held)
        raise OptionError(
            f"sku: {len(held)} assignments of {seat.sku.part_number} exist, and their service plans differ from what is wanted: {listed}. "
            "Name one by its allotment, or leave exactly one with exclusive: true"
        )


def _after(state: CloudState, plan: SeatPlan, location: str | None) -> CloudState:
    """The principal and its assignments as they will be."""
    known = {one.allotment_id for one in state.assignments}
    gone = {id(one) for one in plan.deleted}
    stay = (
        one if (end := plan.after.get(one.allotment_id or "")) is None else replace(one, disabled_plans=end[1])
        for one in state.assignments
        if id(one) not in gone
    )
    new = (Assignment(None, key, sku_id, off) for key, (sku_id, off) in plan.after.items() if key not in known)
    principal = replace(state.principal, usage_location=location or state.principal.usage_location)
    return replace(state, principal=principal, assignments=(*stay, *new))


def _predicted(state: CloudState, after: CloudState, plan: SeatPlan, seat: Seat, changes: Iterable[Change], desired: DesiredAssignment) -> Iterator[Problem]:
    """What Graph would reject of the changes, and what needs a warning."""
    written = [one for one in changes if one.kind == "seat" and one.verb != "remove"]
    for pool in (state.allotment(one.key) for one in written if one.verb == "add"):
        is_open = pool is not None and not pool.has_ended and state.principal.kind in pool.assignable_to
        if pool and is_open and isinstance(state.principal, Group):
            yield from _waiting(state.principal, pool)
        elif pool and is_open and pool.free < 1 and pool.id not in state.reached:
            what = f"{seat.sku.part_number} in allotment {pool.id}"
            yield predict.no_seats(what, pool.allotted, pool.consumed, desired.seat_check)
        if state.principal.kind == "user" and not after.principal.usage_location:
            yield predict.no_usage_location()
    kept, gone = ([state.allotment(one.allotment_id) for one in side if one.sku_id == seat.sku.id] for side in (after.assignments, plan.deleted))
    if seat.is_exclusive and desired.is_present and kept[0] and kept[0].has_ended and any(pool and not pool.has_ended for pool in gone):
        yield predict.pool_ended(kept[0])
    yield from _conflicts(state, after, seat, desired.plan_check) if written else ()


def _waiting(group: Group, pool: Allotment) -> Iterator[Problem]:
    """Members who get no seat (graph-contract 2.1, 3.3)."""
    if group.member_count and group.member_count > pool.free:
        yield predict.members_wait(group, f"allotment {pool.id} of {pool.sku.part_number}", pool.free, group.member_count)
    if group.nested:
        yield predict.nested_groups(group, group.nested)


def _conflicts(state: CloudState, after: CloudState, seat: Seat, plan_check: str) -> list[Problem]:
    """Service plans that exclude or need each other, of a user: what is on by any path, and what will be.

    cloudLicensing rejects those that exclude each other; what is needed and missing shows in assignmentErrors (graph-contract 4.4, 4.5).
    """
    if state.principal.kind != "user":
        return []
    if not state.are_rights_known:
        return [predict.rights_unreadable(state.principal)]
    before = frozenset(service_plan_id for right in state.rights for service_plan_id in right.service_plan_ids)
    others = frozenset(service_plan_id for right in state.rights if right.sku_id != seat.sku.id for service_plan_id in right.service_plan_ids)
    known = frozenset(one.id for pool in state.allotments if pool.sku.id == seat.sku.id for one in pool.sku.service_plans)
    own = [one.disabled_plans for one in after.assignments if one.sku_id == seat.sku.id]
    inherited = [lic.disabled_plans for lic in state.principal.not_direct(seat.sku.id) if lic.group_id]
    on = frozenset(service_plan_id for off in own + inherited for service_plan_id in known - off)
    return service_plans_conflicts(state.principal, broken_rules(before, others | on), False, plan_check, (), Catalog())
