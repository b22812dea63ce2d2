# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between a principal's assignments of cloudLicensing and the one that is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..._errors import OptionError, Problem
from ..catalog import Catalog
from ..desired.licenses import DesiredAssignment
from ..model import Allotment, Assignment, CloudState, Group, Sku
from ..resolve import Resolver, ServicePlanRule
from ..tables.product_names import NO_NAMES, ProductNames
from ..tables.service_plan_conflicts import broken_rules
from . import predict as findings
from .changes import Changes, CreateAssignment, DeleteAssignment, SetUsageLocation, UpdateAssignment, unlisted_service_plans
from .conflicts import kept_on, service_plans_conflicts

Planned = tuple[list[Assignment], list[Any], list[Problem]]  # what stays or comes, operations, findings


def plan_assignment(state: CloudState, desired: DesiredAssignment, names: ProductNames = NO_NAMES) -> Changes:
    """The changes that give a principal the desired assignment, or take it away.

    Raises OptionError for a name that the tenant does not know, and when several allotments or assignments could be meant.
    """
    catalog = Catalog([pool.sku for pool in state.allotments], names)
    resolver = Resolver(catalog, [assignment.sku_id for assignment in state.assignments if assignment.sku_id])
    sku, pools = _pools(state, desired, resolver)
    pool_ids = {pool.id for pool in pools}
    is_narrow = bool(desired.allotment or desired.subscription_id)
    ordered = sorted(state.assignments, key=lambda held: held.id or "")
    matching = [held for held in ordered if held.allotment_id in pool_ids or (not is_narrow and held.sku_id == sku.id)]
    notes = [findings.pool_unknown(held.id) for held in state.assignments if held.allotment_id is None]
    kept: list[Assignment]
    operations: list[Any]
    planned: list[Problem]
    if not desired.is_present:
        kept, operations, planned = [], [DeleteAssignment(state.principal, held) for held in matching], []
    elif matching and (_living(state, matching) or is_narrow or not _fitting(state, pools)):
        kept, operations, planned = _keep(state, matching, sku, desired, resolver)
    else:
        kept, operations, planned = _create(state, sku, _choose(state, pools, desired), desired, resolver)
        notes += [findings.held_in_ended_pool(state.principal, sku, held, desired.is_exclusive) for held in matching]
    if desired.is_present and desired.is_exclusive:
        ids = {held.id for held in kept}
        if kept and not _living(state, kept) and _living(state, [held for held in state.assignments if held.sku_id == sku.id]):
            planned.append(findings.pool_ended(state.allotment(kept[0].allotment_id) or pools[0]))
        operations += [DeleteAssignment(state.principal, held) for held in state.assignments if held.sku_id == sku.id and held.id not in ids]
    if desired.is_present and desired.usage_location and desired.usage_location != state.principal.usage_location:
        operations.insert(0, SetUsageLocation(state.principal, desired.usage_location))
    resolver.check()
    subject = kept[0] if kept else None
    after = _after(state, operations)
    notes += planned + _conflicts(state, after, operations, desired) + _kept_on(state, operations, desired)
    return Changes(state, after, tuple(operations), tuple(notes), catalog, subject)


def _pools(state: CloudState, desired: DesiredAssignment, resolver: Resolver) -> tuple[Sku, list[Allotment]]:
    """The SKU, and the allotments that the options leave open."""
    if desired.allotment:
        pools = [pool for pool in state.allotments if pool.id.lower() == desired.allotment.lower()]
        if not pools:
            known = ", ".join(f"{pool.id} ({pool.sku.part_number})" for pool in state.allotments) or "none"
            raise OptionError(f"allotment: no allotment {desired.allotment!r} in this tenant; it has {known}")
        sku: Sku | None = pools[0].sku
    else:
        sku = resolver.sku(desired.sku or "", "sku")
        resolver.check()
        pools = [pool for pool in state.allotments if sku and pool.sku.id == sku.id]
    if desired.subscription_id:
        known = ", ".join(sorted(sid for pool in pools for sid in pool.subscription_ids)) or "none"
        pools = [pool for pool in pools if desired.subscription_id.lower() in pool.subscription_ids]
        if not pools:
            raise OptionError(f"subscription_id: no allotment of it has subscription {desired.subscription_id!r}; known are {known}")
    if sku is None:
        raise OptionError("sku: give a part number or an id")
    return sku, pools


def _keep(state: CloudState, matching: list[Assignment], sku: Sku, desired: DesiredAssignment, resolver: Resolver) -> Planned:
    """The existing assignments that stay, one when the task is exclusive, and the change of their service plans."""
    held = _living(state, matching) or matching
    kept = [_with_plans(one, state, sku, desired, resolver) for one in held]
    if desired.is_exclusive:
        best = min(range(len(held)), key=lambda index: (*_rank(state, held[index]), held[index] != kept[index], held[index].id or ""))
        held, kept = [held[best]], [kept[best]]
    if len(held) > 1 and kept != held:
        listed = ", ".join(f"{one.id} (allotment {one.allotment_id})" for one in held)
        raise OptionError(
            f"sku: {len(held)} assignments of {sku.part_number} exist, and their service plans differ from what is wanted: {listed}. "
            "Name one by its allotment, or leave exactly one with exclusive: true"
        )
    changed = [(old, new) for old, new in zip(held, kept) if old != new]
    notes = [note for old, new in changed for note in _unlisted(state, sku, old, new, desired)]
    notes += [findings.only_in_ended_pool(state.principal, sku, one) for one in held if not _living(state, [one])]
    return kept, [UpdateAssignment(state.principal, new) for dummy, new in changed], notes


def _rank(state: CloudState, held: Assignment) -> tuple:
    """The order in which assignments are kept: by the subscriptions of the allotment, its assignableTo, and its seats."""
    pool = state.allotment(held.allotment_id)
    if pool is None or not pool.sku.is_owned:
        return (True, True, True, True, ())
    states = {sub.state.lower() for sub in pool.subscriptions}
    latest = max((sub.next_lifecycle_date or "" for sub in pool.subscriptions), default="")
    age = tuple(-ord(sign) for sign in latest)  # a later end is better
    return (pool.has_ended, "active" not in states, state.principal.kind not in pool.assignable_to, pool.allotted < max(pool.consumed, 1), age)


def _living(state: CloudState, held: list[Assignment]) -> list[Assignment]:
    """The assignments whose allotment has an active subscription; of an allotment that is not listed, that is unknown."""
    ended = {pool.id for pool in state.allotments if pool.has_ended}
    return [one for one in held if one.allotment_id not in ended]


def _fitting(state: CloudState, pools: list[Allotment]) -> list[Allotment]:
    """The allotments from which this kind of principal can draw now."""
    return [pool for pool in pools if pool.sku.is_owned and not pool.has_ended and state.principal.kind in pool.assignable_to]


def _unlisted(state: CloudState, sku: Sku, old: Assignment, new: Assignment, desired: DesiredAssignment) -> list[Problem]:
    names = unlisted_service_plans(desired.plans, old.disabled_plans, new.disabled_plans, sku)
    return [findings.service_plans_not_listed(state.principal, sku, names)] if names else []


def _conflicts(state: CloudState, after: CloudState, operations: list[Any], desired: DesiredAssignment) -> list[Problem]:
    """Service plans that exclude or need each other, of a user: what is on by any path, and what will be.

    cloudLicensing refuses those that exclude each other; what is needed and missing shows in assignmentErrors (graph-contract 4.4, 4.5).
    """
    written = _written(operations)
    if state.principal.kind != "user" or not written:
        return []
    if not state.are_rights_known:
        return [findings.rights_unreadable(state.principal)]
    sku_id = written[0].sku_id
    before = frozenset(service_plan_id for right in state.rights for service_plan_id in right.service_plan_ids)
    others = frozenset(service_plan_id for right in state.rights if right.sku_id != sku_id for service_plan_id in right.service_plan_ids)
    later = others | _on(after, sku_id)
    return service_plans_conflicts(state.principal, broken_rules(before, later), False, desired.plan_check, (), Catalog())


def _kept_on(state: CloudState, operations: list[Any], desired: DesiredAssignment) -> list[Problem]:
    """Service plans that are to be off and stay on through groups."""
    written = _written(operations) if desired.plans != ServicePlanRule() else []
    pools = [(one, state.allotment(one.allotment_id)) for one in written]
    return [found for one, pool in pools if pool for found in kept_on(state.principal, pool.sku, one.disabled_plans, str)]


def _written(operations: list[Any]) -> list[Assignment]:
    """The assignments that operations create or change, as they will be."""
    return [one.assignment for one in operations if isinstance(one, (CreateAssignment, UpdateAssignment))]


def _on(state: CloudState, sku_id: str | None) -> frozenset[str]:
    """The service plans of a SKU that are on by assignments of the principal's own, or by licenses that come from elsewhere."""
    pools = [pool for pool in state.allotments if pool.sku.id == sku_id]
    service_plan_ids = frozenset(plan.id for pool in pools for plan in pool.sku.service_plans)
    own = [held.disabled_plans for held in state.assignments if held.sku_id == sku_id]
    inherited = [lic.disabled_plans for lic in state.principal.not_direct(sku_id or "") if lic.group_id]
    return frozenset(service_plan_id for off in own + inherited for service_plan_id in service_plan_ids - off)


def _with_plans(held: Assignment, state: CloudState, sku: Sku, desired: DesiredAssignment, resolver: Resolver) -> Assignment:
    """The assignment with the service plans that are wanted, out of those of its own pool."""
    pool = state.allotment(held.allotment_id)
    of = pool.sku if pool else sku
    disabled = resolver.rule(of, desired.plans, "").after(held.disabled_plans, of)
    known = {plan.id for plan in pool.sku.service_plans} if pool else disabled
    return replace(held, disabled_plans=disabled if disabled == held.disabled_plans else disabled & known)


def _choose(state: CloudState, pools: list[Allotment], desired: DesiredAssignment) -> Allotment:
    """The allotment to draw on: the only one for this kind of principal, or the one with most seats free."""
    if not pools:
        raise OptionError("sku: the tenant has no allotment of it any more, so it can only be made absent")
    living = [pool for pool in pools if not pool.has_ended] or pools
    fitting = [pool for pool in living if state.principal.kind in pool.assignable_to] or living
    if len(fitting) > 1 and desired.allotment_choice == "only":
        listed = ", ".join(f"{pool.id} ({pool.free} of {pool.allotted} seats free)" for pool in sorted(fitting, key=lambda pool: pool.id))
        raise OptionError(
            f"sku: {len(fitting)} allotments of {fitting[0].sku.part_number} could serve: {listed}. "
            "Name one with allotment or subscription_id, or give allotment_choice: most_available"
        )
    return min(fitting, key=lambda pool: (pool.id not in state.reached, -pool.free, pool.id))


def _create(state: CloudState, sku: Sku, pool: Allotment, desired: DesiredAssignment, resolver: Resolver) -> Planned:
    """A new assignment, and what Graph would refuse of it."""
    principal = state.principal
    found: list[Problem] = []
    if principal.kind not in pool.assignable_to:
        found.append(findings.wrong_kind(pool, principal.kind))
    elif pool.has_ended:
        found.append(findings.pool_ended(pool))
    elif isinstance(principal, Group):
        found += _waiting(principal, pool)
    elif pool.free < 1 and pool.id not in state.reached:
        what = f"{sku.part_number} in allotment {pool.id}"
        found.append(findings.no_seats(what, pool.allotted, pool.consumed, desired.seat_check))
    if principal.kind == "user" and not (desired.usage_location or principal.usage_location):
        found.append(findings.no_usage_location())
    found += _second_seats(state, pool, desired.is_exclusive)
    created = _with_plans(Assignment(None, pool.id, sku.id), state, sku, desired, resolver)
    return [created], [CreateAssignment(principal, created)], found


def _waiting(group: Group, pool: Allotment) -> list[Problem]:
    what = f"allotment {pool.id} of {pool.sku.part_number}"
    found = [findings.members_wait(group, what, pool.free, group.member_count)] if group.member_count and group.member_count > pool.free else []
    return found + ([findings.nested_groups(group, group.nested)] if group.nested else [])


def _second_seats(state: CloudState, pool: Allotment, is_exclusive: bool) -> list[Problem]:
    """Whether a new assignment takes a seat of a SKU that the principal has a seat of elsewhere, and keeps."""
    if pool.id in state.reached:
        return []
    own = {held.allotment_id for held in state.assignments if held.sku_id == pool.sku.id and held.allotment_id}
    rights = [right for right in state.rights if right.sku_id == pool.sku.id]
    others = own.union(*(right.allotment_ids for right in rights))
    if not others:
        return [findings.both_apis(state.principal, pool)] if rights else []
    kept = tuple(sorted(others - own if is_exclusive else others))
    return [findings.second_seat(state.principal, pool, kept)] if kept else []


def _after(state: CloudState, operations: list[Any]) -> CloudState:
    assignments = {_key(held): held for held in state.assignments}
    principal = state.principal
    for operation in operations:
        if isinstance(operation, SetUsageLocation):
            principal = replace(principal, usage_location=operation.usage_location)
        elif isinstance(operation, DeleteAssignment):
            del assignments[_key(operation.assignment)]
        else:
            assignments[_key(operation.assignment)] = operation.assignment
    return replace(state, principal=principal, assignments=tuple(assignments.values()))


def _key(assignment: Assignment) -> str:
    """By what an assignment is known; one that is still to be created, by its allotment."""
    return assignment.id or f"new in {assignment.allotment_id}"
