# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages two and three of a plan: the end state of one user, and the plain difference to what is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from ..._errors import Problem
from ..catalog import Catalog
from ..model import License, Principal, Sku, shared
from ..resolve import ResolvedPlans
from ..tables.service_plan_conflicts import broken_rules
from . import predict
from .changes import off_before, service_plans_on
from .choices import Choice, Option, Resolved


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run treats what users hold through groups, and what Graph may reject."""

    inherited: str = "assign"
    carry_plans: bool = False
    seat_check: str = "enforce"
    plan_check: str = "enforce"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the diff, one row of the result, one count of the guard. verb is add, update, remove or set, kind is license or usage_location,
    key is the id of the SKU.

    before and after are the ids of disabled service plans of a license, nothing where there is none, or a country code.
    """

    verb: str
    kind: str
    key: str
    before: frozenset[str] | str | None
    after: frozenset[str] | str | None


@dataclass(frozen=True, slots=True)
class EndState:
    """A user as it is, the changes that lead to what will be, and what is to be said about it."""

    before: Principal
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def after(self) -> Principal:
        """The user as it will be; it is made when it is asked for, as a long list holds many."""
        licenses = {one.key: one.after for one in self.changes if one.kind == "license"}
        kept = tuple(lic for lic in self.before.licenses if not (lic.is_direct and lic.sku_id in licenses))
        added = tuple(shared(License(key, off)) for key, off in licenses.items() if isinstance(off, frozenset))
        location = next((one.after for one in self.changes if one.kind == "usage_location" and isinstance(one.after, str)), self.before.usage_location)
        return replace(self.before, licenses=kept + added, usage_location=location)

    @property
    def takes(self) -> frozenset[str]:
        """The SKUs of which a seat is taken."""
        return frozenset(one.key for one in self.changes if one.verb == "add" and not self.before.holds(one.key))

    @property
    def frees(self) -> frozenset[str]:
        """The SKUs of which a seat is freed."""
        return frozenset(one.key for one in self.changes if one.verb == "remove" and self.before.holds(one.key) and not self.before.not_direct(one.key))


class Decider:
    """Decides end states."""

    def __init__(self, catalog: Catalog, settings: Settings) -> None:
        self._catalog, self._settings = catalog, settings

    def decide(self, user: Principal, resolved: Resolved, has_seat: Callable[[str], bool]) -> EndState:
        """What a user will have. has_seat says of a SKU whether a seat is left for this user, where there are alternatives."""
        chosen = [self._choose(user, choice, has_seat) for choice in resolved.choices]
        wanted = {option.sku.id for option in chosen}
        moved = {sku_id for choice in resolved.choices if choice.prefers_first for sku_id in choice.sku_ids}
        removed = {sku_id for sku_id in (resolved.removable | moved) - wanted - resolved.keep if user.direct(sku_id)}
        problems: list[Problem] = list(resolved.problems)
        licenses = {lic.sku_id: lic.disabled_plans for lic in user.licenses if lic.is_direct and lic.sku_id not in removed}
        assigned = {option.sku.id for option in chosen if self._want(user, option, removed, licenses, problems)}
        location = resolved.usage_location or user.usage_location
        state = EndState(user, _shared(tuple(_difference(user, licenses, location, assigned))))
        problems += self._predicted(state) if state.changes else []
        return replace(state, problems=tuple(problems)) if problems else state

    def _choose(self, user: Principal, choice: Choice, has_seat: Callable[[str], bool]) -> Option:
        """The option that is held by any path, else the first with a seat, else the first. With prefers_first, a seat counts before what is held."""
        if len(choice.options) == 1:
            return choice.options[0]
        free = next((one for one in choice.options if user.holds(one.sku.id) or (has_seat(one.sku.id) and predict.unassignable(one.sku) is None)), None)
        held = next((one for one in choice.options if user.holds(one.sku.id)), None)
        return (free if choice.prefers_first else held or free) or held or choice.options[0]

    def _want(self, user: Principal, option: Option, removed: set[str], licenses: dict[str, frozenset[str]], problems: list[Problem]) -> bool:
        """Puts a license into the end state. Whether the user is to hold it directly: what a group assigns may be enough."""
        sku, direct, elsewhere = option.sku, user.direct(option.sku.id), user.not_direct(option.sku.id)
        problems += [predict.license_in_error(user, sku, path) for path in user.licenses if path.sku_id == sku.id and not path.is_held]
        passed = [self._catalog.sku(sku_id) for sku_id in removed] if self._settings.carry_plans else []
        off = option.plans.after(off_before(user, sku, passed), sku)
        known = frozenset(plan.id for plan in sku.service_plans)
        if option.plans != ResolvedPlans():
            problems += [_stays_on(user, sku, path, names) for path in elsewhere if path.group_id and (names := _on(sku, off - path.disabled_plans))]
        if direct and direct.is_held:
            licenses[sku.id] = off & known if off != direct.disabled_plans and sku.is_owned else off
            return True
        if any(not path.is_known for path in elsewhere):
            problems.append(predict.origin_unknown(user, sku, is_error=False))
            return False
        if elsewhere and self._settings.inherited == "fail":
            problems.append(predict.already_inherited(user, sku, elsewhere))
        if elsewhere and self._settings.inherited != "assign":
            return False
        licenses[sku.id] = off & known if sku.is_owned else off
        return True

    def _predicted(self, state: EndState) -> list[Problem]:
        """What Graph would reject of the end state, and what needs a warning."""
        user, after, found = state.before, state.after, []
        licenses = [one for one in state.changes if one.kind == "license"]
        assigned = [self._catalog.sku(one.key) for one in licenses if one.verb != "remove"]
        found += [problem for sku in assigned if (problem := predict.unassignable(sku))]
        if assigned and not after.usage_location:
            found.append(predict.no_usage_location(user))
        for one in licenses:
            elsewhere = tuple(lic for lic in user.licenses if lic.sku_id == one.key and not lic.is_direct)
            if one.verb == "remove" and any(lic.is_held for lic in elsewhere):
                found.append(predict.still_inherited(user, self._catalog.sku(one.key), tuple(lic for lic in elsewhere if lic.is_held)))
            elif one.verb == "remove" and elsewhere:
                found.append(predict.only_working_copy(user, self._catalog.sku(one.key), elsewhere))
        if licenses:
            rules = broken_rules(service_plans_on(user.licenses, self._catalog), service_plans_on(after.licenses, self._catalog))
            found += [predict.service_plans_conflict(user, rule, True, self._settings.plan_check) for rule in rules]
        return found


def _on(sku: Sku, service_plan_ids: frozenset[str]) -> list[str]:
    return sorted(plan.name for plan in sku.service_plans if plan.is_switchable and plan.id in service_plan_ids)


def _stays_on(user: Principal, sku: Sku, path: License, names: list[str]) -> Problem:
    group = user.group_names.get(path.group_id or "", path.group_id)
    cause = f"service plans {', '.join(names)} of {sku.part_number} are to be off, and stay on for {user.name} through group {group}"
    return Problem(cause, "turn them off in the group", "plans_stay_on", "warning", group_ids=(path.group_id or "",))


@lru_cache(maxsize=10_000)
def _shared(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The one tuple that stands for all equal ones: a long list has few kinds of them, and each is kept once."""
    return changes


def _difference(user: Principal, licenses: Mapping[str, frozenset[str]], location: str | None, assigned: set[str]) -> Iterable[Change]:
    """The changes. A license that is to be assigned and is in error is added again, so that Graph tries it once more."""
    if location != user.usage_location:
        yield Change("set", "usage_location", "", user.usage_location, location)
    for sku_id in sorted(licenses.keys() | {lic.sku_id for lic in user.licenses if lic.is_direct}):
        direct, after = user.direct(sku_id), licenses.get(sku_id)
        before = direct.disabled_plans if direct else None
        if after is None:
            yield Change("remove", "license", sku_id, before, None)
        elif direct is None or (sku_id in assigned and not direct.is_held):
            yield Change("add", "license", sku_id, before, after)
        elif before != after:
            yield Change("update", "license", sku_id, before, after)
