# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service plans that exclude or need each other in what a principal will hold, with the SKUs that bring them; those that groups keep on; and second seats."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from ..._errors import Problem
from ..catalog import Catalog
from ..model import Allotment, License, Principal, Sku
from ..observed import Observed
from ..resolve import ResolvedPlans
from ..tables.service_plan_conflicts import BrokenRule, broken_rules
from . import predict
from .changes import EndState, service_plans_on


def conflicts_of(seen: Principal, state: EndState, is_strict: bool, plan_check: str, catalog: Catalog) -> list[Problem]:
    """The conflicts of an end state that the user does not have yet. seen is the user with the names of groups.

    A license that is removed late is on for a while together with its replacement.
    """
    user, after = state.before.user, state.after
    before, on = service_plans_on(user.licenses, catalog), service_plans_on(after.licenses, catalog)
    rules = dict.fromkeys(broken_rules(before, on)) if on != before else {}
    if any(one.is_late for one in state.changes):
        early = {one.key for one in state.changes if one.kind == "license" and one.verb == "remove" and not one.is_late}
        both = on | service_plans_on((lic for lic in user.licenses if not (lic.is_direct and lic.sku_id in early)), catalog)
        rules |= dict.fromkeys(one for one in broken_rules(before, both) if not one.lacking)
    if user.kind != "user":
        rules = dict.fromkeys(replace(rule, is_certain=False) for rule in rules)  # Graph decides for each member
    return service_plans_conflicts(seen, rules, is_strict, plan_check, (*after.licenses, *user.licenses), catalog)


def kept_on(principal: Principal, sku: Sku, off: frozenset[str], name_of: Callable[[str], str]) -> Iterator[Problem]:
    """Service plans that must be off and that groups keep on (graph-contract 3.3). name_of returns the name of a group that the principal does not have."""
    for path in principal.not_direct(sku.id):
        names = sorted(plan.name for plan in sku.service_plans if plan.is_switchable and plan.id in off - path.disabled_plans)
        if path.group_id and names:
            yield predict.stays_on(principal, sku, path.group_id, principal.group_names.get(path.group_id) or name_of(path.group_id), names)


def unnamed(principal: Principal, sku: Sku, plans: ResolvedPlans, before: frozenset[str], after: frozenset[str]) -> Iterator[Problem]:
    """Service plans that a whole list changes without naming them, of a license with some turned off.

    An allow-list that was in force turns off what Microsoft has added since then (graph-contract 3.3). A list of disabled ones turns the others on.
    """
    if plans.is_merge or not before:
        return
    if plans.enabled is not None and before < after:
        yield predict.service_plans_not_listed(principal, sku, _names(sku, after - before), is_allowing=True)
    if plans.disabled and before - after:
        yield predict.service_plans_not_listed(principal, sku, _names(sku, before - after), is_allowing=False)


def _names(sku: Sku, ids: frozenset[str]) -> list[str]:
    return sorted(plan.name for plan in sku.service_plans if plan.id in ids)


def service_plans_conflicts(
    principal: Principal, rules: Iterable[BrokenRule], is_strict: bool, plan_check: str, after: Iterable[License], catalog: Catalog
) -> list[Problem]:
    """Service plans exclude or need each other (graph-contract E3, E4, mutuallyExclusiveServicePlans). after are the licenses that bring them.

    Those that the same SKUs bring are one problem. Without is_strict, what is needed is a warning.
    """
    licenses = [lic for lic in after if lic.is_held]
    found: list[Problem] = []
    pairs: dict[tuple, list[str]] = {}
    for rule in rules:
        if rule.lacking:
            cause = f"service plan {rule.lacking} needs {_one_of(rule.needed)}, which would be off"
            found.append(_conflict("plans_need", cause, "turn one of them on, or that one off", is_strict and rule.is_certain, plan_check))
        else:
            sources = tuple(dict.fromkeys(one for name in rule.excluding for one in _sources(name, principal, licenses, catalog)))
            pairs.setdefault((sources, rule.is_certain), []).append(" and ".join(rule.excluding))
    for (sources, is_certain), named in pairs.items():
        ids = tuple(group_id for dummy, group_id in sources if group_id)
        who = f"{' and '.join(text for text, dummy in sources)} bring service plans that" if len(sources) > 1 else "service plans"
        cause = f"{who} exclude each other, and both would be on: {', '.join(named)}"
        problem = _conflict("plans_exclude", cause, "turn all but one off, or remove the SKU that brings the other", is_certain, plan_check)
        found.append(replace(problem, group_ids=ids))
    return found


def _conflict(code: str, cause: str, remedy: str, is_error: bool, plan_check: str) -> Problem:
    if not is_error:
        return Problem(cause, remedy, code, severity="warning")
    if plan_check == "try":
        return Problem(cause, "Graph decides, as plan_check is try", code, severity="warning")
    return Problem(cause, f"{remedy}; if this tenant allows it, set plan_check: try", code)


def _sources(name: str, principal: Principal, licenses: Iterable[License], catalog: Catalog) -> Iterator[tuple[str, str | None]]:
    """The SKUs that turn a service plan on, by which path, and whether the principal holds them already; and the id of the group."""
    for lic in licenses:
        sku = catalog.sku(lic.sku_id)
        if any(plan.name == name and plan.id not in lic.disabled_plans for plan in sku.service_plans):
            path = f" through group {principal.group_names.get(lic.group_id, lic.group_id)}" if lic.group_id else ""
            is_held = any(one.sku_id == lic.sku_id and one.group_id == lic.group_id for one in principal.licenses)
            yield f"{sku.part_number}{path} ({'held' if is_held else 'not held yet'})", lic.group_id
            return


def _one_of(names: tuple[str, ...]) -> str:
    """The first few names, any of which is enough."""
    return " or ".join(names[:3]) + (" or another of their kind" if len(names) > 3 else "")


def second_seats(user: Observed, allotment: Allotment, gone: Collection[str | None]) -> Iterator[Problem]:
    """Whether a new seat is the second one of its SKU: next to one of an allotment, or of a license that shows in no allotment."""
    sku_id = allotment.sku.id
    if allotment.id in user.reached:
        return
    rights = [right for right in user.rights if right.sku_id == sku_id]
    others = {one.allotment_id or "" for one in user.seats_of(sku_id)}.union(*(right.allotment_ids for right in rights)) - {allotment.id}
    if others - set(gone):
        yield predict.second_seat(user.user, allotment, tuple(sorted(one for one in others if one not in gone)))
    elif not others and (rights or user.user.direct(sku_id)):
        yield predict.both_apis(user.user, allotment)
