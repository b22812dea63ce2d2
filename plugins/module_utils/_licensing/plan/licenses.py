# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The direct licenses of one user or group: resolve names to ids, and let the decider of a run make the end state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..._errors import Problem
from ..catalog import Catalog
from ..desired.licenses import DesiredLicenses
from ..model import Group, Principal, Sku
from ..observed import Observed, Tenant
from ..resolve import Resolver
from . import predict
from .changes import Changes, EndState
from .choices import Choice, Holdings, Resolved, choice_of
from .end_state import KINDS, Decider, Settings
from .steps import steps_of


class LicensePlanner:
    """Plans direct licenses against one catalog, whose seats are counted as they are when a plan is made.

    Users with the same licenses and the same desired licenses share a decision, unless it has findings or seats decide between alternatives.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._tenant = catalog, Tenant(catalog)
        self._known: dict[tuple, tuple[Changes, frozenset[str]]] = {}

    def plan(self, principal: Principal, desired: DesiredLicenses) -> Changes:
        """Return the changes to the desired direct licenses. A license is removed only if the task names it or licenses.set leaves it out.

        Raises OptionError with every name that the tenant does not know.
        """
        key = desired, principal.licenses, principal.usage_location
        decided = self._known.get(key)
        if decided is None:
            decided = self._decided(principal, desired)
            if len(self._known) < KINDS and self._holds_for_others(*decided, desired):
                self._known[key] = decided
        changes, takes = decided
        if changes.before is not principal:
            after = replace(principal, licenses=changes.after.licenses, usage_location=changes.after.usage_location)
            changes = replace(changes, before=principal, after=after, operations=tuple(replace(one, principal=principal) for one in changes.operations))
        problems = tuple(self._seats(principal, takes, desired))
        return replace(changes, findings=(*problems, *changes.findings)) if problems else changes

    def _holds_for_others(self, changes: Changes, takes: frozenset[str], desired: DesiredLicenses) -> bool:
        """Whether the decision applies to all users with the same licenses, whatever seats are left by then."""
        depends_on_seats = any(want.alternatives for want in desired.add) or any(self._catalog.sku(sku_id).seats.warning for sku_id in takes)
        return changes.before.kind == "user" and not changes.findings and not depends_on_seats

    def _decided(self, principal: Principal, desired: DesiredLicenses) -> tuple[Changes, frozenset[str]]:
        """The changes, and the ids of the SKUs of which they take a seat."""
        resolved, problems = _resolved(principal, self._catalog, desired)
        settings = Settings(desired.inherited, desired.carry_plans, desired.seat_check, desired.plan_check)
        state = Decider(self._tenant, settings).decide(Observed(principal), resolved, lambda sku_id: self._catalog.sku(sku_id).seats.free)
        operations = tuple(operation for step in steps_of(state) for operation in step.operations)
        changes = Changes(principal, state.after, operations, (), self._catalog)
        return replace(changes, findings=(*problems, *_guards(state, desired, self._catalog), *_of_group(changes), *state.problems)), state.takes

    def _seats(self, principal: Principal, takes: frozenset[str], desired: DesiredLicenses) -> Iterator[Problem]:
        """Seats that a user would take and that are not free. Members of a group without a seat get no license (graph-contract 2.1)."""
        for sku in (self._catalog.sku(sku_id) for sku_id in sorted(takes)):
            if principal.kind == "user" and predict.unassignable(sku) is None and sku.seats.free < 1:
                yield predict.no_seats(sku.part_number, sku.seats.owned, sku.seats.consumed, desired.seat_check)


def plan_licenses(principal: Principal, catalog: Catalog, desired: DesiredLicenses) -> Changes:
    """The changes of one principal, as a planner makes them."""
    return LicensePlanner(catalog).plan(principal, desired)


def _resolved(principal: Principal, catalog: Catalog, desired: DesiredLicenses) -> tuple[Resolved, list[Problem]]:
    """The desired licenses by id, and the problems of removals. A SKU to remove is no alternative."""
    resolver = Resolver(catalog, [lic.sku_id for lic in principal.licenses])
    asked = [sku for index, name in enumerate(desired.remove) if (sku := resolver.sku(name, f"licenses.remove[{index}]", may_be_gone=True))]
    choices = [choice for want in desired.add if (choice := choice_of(want, resolver))]
    protected = {sku.id for index, name in enumerate(desired.protect) if (sku := resolver.sku(name, f"protect[{index}]", may_be_gone=True))}
    kept = [_staying(choice, principal, asked, protected) for choice in choices]
    named = [option.sku for choice in choices for option in choice.options]
    _check_twice(named, resolver)
    _check_twice([*asked, *(choice.options[0].sku for choice in kept)], resolver)
    resolver.check()
    gone = {sku.id for sku in asked}
    problems = list(_of_removals(principal, asked, protected, desired.remove_inherited == "fail"))
    if desired.is_set:
        others = [catalog.sku(sku_id) for sku_id in sorted({lic.sku_id for lic in principal.licenses} - {sku.id for sku in named})]
        problems += _of_set(principal, others, protected)
        gone |= {lic.sku_id for lic in principal.licenses}
    return Resolved(tuple(kept), desired.usage_location, Holdings(frozenset(gone)), frozenset(protected)), problems


def _staying(choice: Choice, principal: Principal, asked: list[Sku], protected: set[str]) -> Choice:
    """The choice without SKUs to remove. No better alternative replaces a protected SKU."""
    options = tuple(option for option in choice.options if option.sku not in asked) or choice.options
    is_fixed = any(option.sku.id in protected and principal.direct(option.sku.id) for option in options)
    return Choice(options, "" if is_fixed else choice.prefer)


def _check_twice(skus: list[Sku], resolver: Resolver) -> None:
    named = [sku.id for sku in skus]
    for name in sorted({sku.part_number for sku in skus if named.count(sku.id) > 1}):
        resolver.twice(f"licenses: SKU {name} is named more than once; name each SKU in one place")


def _of_removals(principal: Principal, asked: list[Sku], protected: set[str], is_error: bool) -> Iterator[Problem]:
    """The problems of SKUs that a task removes by name. is_error is for SKUs that only a group assigns."""
    for sku in asked:
        if sku.id in protected:
            yield predict.is_protected(sku, is_asked=True)
        elif not principal.direct(sku.id) and (elsewhere := principal.not_direct(sku.id)):
            yield predict.inherited_only(principal, sku, elsewhere, is_error)
        elif not principal.direct(sku.id) and not sku.is_owned:
            yield predict.nothing_to_remove(principal, sku)


def _of_set(principal: Principal, others: list[Sku], protected: set[str]) -> Iterator[Problem]:
    """The problems of SKUs that an exact list does not name and that are kept."""
    for sku in others:
        if any(not path.is_known for path in principal.not_direct(sku.id)):
            yield predict.origin_unknown(principal, sku, is_error=False)
        elif sku.id in protected and principal.direct(sku.id):
            yield predict.is_protected(sku, is_asked=False)


def _guards(state: EndState, desired: DesiredLicenses, catalog: Catalog) -> Iterator[Problem]:
    """More removals than the task allows."""
    gone = [catalog.sku(one.sku_id).part_number for one in state.changes if one.verb == "remove"]
    if desired.max_removals is not None and len(gone) > desired.max_removals:
        yield predict.too_many_removals(len(gone), desired.max_removals, gone)


def _of_group(changes: Changes) -> Iterable[Problem]:
    """What keeps a group, or members of it, from getting the desired licenses (graph-contract 3.3, 4.3)."""
    group = changes.before
    if not isinstance(group, Group) or changes.is_noop:
        return
    if not group.is_security_enabled:
        yield predict.group_not_security_enabled(group)
    for sku_id in sorted(changes.new_sku_ids):
        sku, members = changes.catalog.sku(sku_id), group.member_count or 0
        if members > sku.seats.free:
            yield predict.members_wait(group, sku.part_number, sku.seats.free, members)
    if group.is_role_assignable and changes.new_sku_ids:
        yield predict.group_role_assignable(group)
    if group.nested:
        yield predict.nested_groups(group, group.nested)
