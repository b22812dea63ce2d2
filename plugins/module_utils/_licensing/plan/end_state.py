# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages two and three of a plan: the end state of one user, and the plain difference to what is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..._errors import Problem
from ..model import License, Principal, Sku
from ..observed import Observed, Tenant, claims
from ..resolve import ResolvedPlans
from . import predict
from .changes import Awaited, Change, EndState, off_before, service_plans_on
from .choices import Choice, Option, Resolved
from .conflicts import conflicts_of, kept_on, unnamed
from .paths import Memberships, SeatPlan, SeatsLeft, direct_after, memberships, plan_seats, possible, seat_changes, seen_as, through_groups, with_service_plans

KINDS = 1_000  # of users that share a decision; a long list has few kinds, or it is not worth the memory
_NO_MEMBERSHIPS = Memberships()


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run treats what users hold through groups, and what Graph may reject."""

    inherited: str = "assign"
    carry_plans: bool = False
    seat_check: str = "enforce"
    plan_check: str = "enforce"


class Decider:
    """Decides end states."""

    def __init__(self, tenant: Tenant, settings: Settings) -> None:
        self._tenant, self._catalog, self._settings = tenant, tenant.catalog, settings

    def decide(self, user: Observed, resolved: Resolved, left: SeatsLeft) -> EndState:
        """Return the end state of a user. left returns how many seats of a key are left for this user, where there are alternatives."""
        who = user.user
        resolved = possible(user, resolved, self._tenant, left) if resolved.is_return else resolved
        has_groups = resolved.group_ids or resolved.removable.group_ids or resolved.is_release or self._is_in_changed(who)
        found = memberships(user, resolved, self._tenant) if has_groups else _NO_MEMBERSHIPS
        seen = seen_as(who, through_groups(who, found, self._tenant), self._tenant) if has_groups else who
        chosen = [self._choose(seen, who, choice, left) for choice in resolved.choices]
        wanted = {option.sku.id for option in chosen}
        moved = {sku_id for choice in resolved.choices if choice.prefers_first for sku_id in choice.sku_ids}
        gone = {lic.sku_id for lic in who.licenses} if resolved.is_release else resolved.removable.sku_ids | moved
        removed = {sku_id for sku_id in gone - wanted - resolved.keep if who.direct(sku_id)}
        problems: list[Problem] = [*resolved.problems, *found.problems, *_alternatives(who, resolved.choices, chosen)]
        licenses = {lic.sku_id: lic.disabled_plans for lic in who.licenses if lic.is_direct}
        seats = plan_seats(user, resolved, removed, wanted, self._tenant, left)
        removed -= seats.desired
        gone = removed | {one.sku_id or "" for one in seats.deleted}
        passed = [self._catalog.sku(sku_id) for sku_id in sorted(gone)] if self._settings.carry_plans else []
        with_service_plans(seats, user, seen, resolved, passed, self._tenant.group_name)
        licenses = {key: off for key, off in licenses.items() if key not in removed}
        inherited = "assign" if resolved.is_return else self._settings.inherited
        assigned = {option.sku.id for option in chosen if self._want(seen, who, option, passed, licenses, problems, inherited)}
        problems += () if resolved.is_release else _unnamed(who, chosen)
        location = resolved.usage_location or who.usage_location
        listed = sorted(self._difference(user, licenses, location, assigned, found, seats), key=lambda one: one.verb == "remove")
        changes = _shared(tuple(listed))
        if has_groups or seats.seen or seats.desired:
            state = self._of_paths(EndState(user, changes), resolved, found, seats, licenses, seen)
        else:
            state = _plain(user, changes)
        problems += [*seats.problems, *(self._predicted(state, seen, resolved) if state.changes else ())]
        return replace(state, problems=tuple(problems)) if problems or state.problems else state

    def _is_in_changed(self, who: Principal) -> bool:
        """Whether a user holds licenses through a group whose licenses the run changes."""
        return bool(self._tenant.changed) and any(lic.group_id in self._tenant.changed for lic in who.licenses)

    def _choose(self, user: Principal, now: Principal, choice: Choice, left: SeatsLeft) -> Option:
        """The option that is held by any path, else the first with a seat, else the first. With prefers_first, a seat counts before what is held.

        user is as the groups of the end state make it. What the user holds now, in whatever way, needs no other seat.
        """
        if len(choice.options) == 1:
            return choice.options[0]
        usable = [one for one in choice.options if predict.unassignable(one.sku) is None and (left(one.sku.id) > 0 or now.holds(one.sku.id))]
        free = next((one for one in choice.options if user.holds(one.sku.id) or one in usable), None)
        held = next((one for one in choice.options if user.holds(one.sku.id)), None)
        return (free if choice.prefers_first else held or free) or held or choice.options[0]

    def _want(
        self,
        seen: Principal,
        who: Principal,
        option: Option,
        passed: Sequence[Sku],
        licenses: dict[str, frozenset[str]],
        problems: list[Problem],
        inherited: str,
    ) -> bool:
        """Put a license into the end state, and return whether the user must hold it directly: what a group assigns may be enough.

        seen is the user with the groups of the end state, who the user as it is.
        """
        sku, direct, elsewhere = option.sku, seen.direct(option.sku.id), seen.not_direct(option.sku.id)
        problems += [predict.license_in_error(seen, sku, path) for path in seen.licenses if path.sku_id == sku.id and not path.is_held]
        off = option.plans.after(off_before(who, sku, passed), sku)
        known = frozenset(plan.id for plan in sku.service_plans)
        if option.plans != ResolvedPlans():
            problems += kept_on(seen, sku, off, self._tenant.group_name)
        if direct and direct.is_held:
            licenses[sku.id] = off & known if off != direct.disabled_plans and sku.is_owned else off
            return True
        held = tuple(path for path in elsewhere if path.is_held)
        if any(not path.is_known for path in held):
            problems.append(predict.origin_unknown(seen, sku, is_error=False))
            return False
        if held and inherited == "fail":
            problems.append(predict.already_inherited(seen, sku, held))
        if held and inherited != "assign":
            return False
        licenses[sku.id] = off & known if sku.is_owned else off
        return True

    def _of_paths(
        self, state: EndState, resolved: Resolved, found: Memberships, seats: SeatPlan, licenses: dict[str, frozenset[str]], seen: Principal
    ) -> EndState:
        """The state of a user with groups or seats: as it will be, what waits for what, and the seats that are taken and freed."""
        who = state.before.user
        location = resolved.usage_location or who.usage_location
        direct = direct_after(who, licenses, seats)
        end = replace(who, licenses=(*(lic for lic in seen.licenses if not lic.is_direct), *direct), usage_location=location)
        awaited = self._awaited(who, resolved, end)
        changes = tuple(self._ordered(one, state, end, awaited, seats) for one in state.changes)
        created = [one for one in changes if one.kind == "seat" and one.verb == "add"]
        is_replaced = any(one.is_late for one in changes) or self._is_in_changed(who)
        pending = (*awaited, *(Awaited(one.sku_id, allotment_id=one.key) for one in created)) if is_replaced else ()
        problems = [
            replace(predict.license_in_error(seen, self._catalog.sku(lic.sku_id), lic), severity="error")
            for lic in who.licenses
            if not lic.is_held and Awaited(lic.sku_id, lic.group_id or "") in pending
        ]
        takes, frees = claims(state.before, end, seats.after, self._tenant)
        return EndState(state.before, changes, tuple(problems), takes, frees, pending, end)

    def _awaited(self, who: Principal, resolved: Resolved, end: Principal) -> tuple[Awaited, ...]:
        """Licenses that groups must assign and do not yet. One in error matters only where its service plans would be turned off."""
        paths = {(lic.group_id, lic.sku_id): lic for lic in who.licenses}
        lost = service_plans_on(who.licenses, self._catalog) - service_plans_on(end.licenses, self._catalog)
        named = [(group_id, lic, paths.get((group_id, lic.sku_id))) for group_id in resolved.group_ids for lic in self._tenant.groups[group_id].licenses]
        return tuple(
            Awaited(lic.sku_id, group_id)
            for group_id, lic, path in named
            if path is None or (not path.is_held and lost & service_plans_on([lic], self._catalog))
        )

    def _ordered(self, change: Change, state: EndState, end: Principal, awaited: tuple[Awaited, ...], seats: SeatPlan) -> Change:
        """The change, marked as late where a replacement must show first. The call that assigns direct licenses removes others as well."""
        if change.verb == "remove":
            is_late = change.kind != "license" or self._is_late(change, state, end, awaited)
        else:
            is_late = change.verb == "update" and self._turns_off_too_soon(change, state, end, awaited)
        if not is_late:
            return change
        names = " and ".join(sorted({self._tenant.group_name(one.group_id) for one in awaited}))
        reason = f"after group {names} assigns it" if awaited else ""
        if change.kind == "seat" and change.sku_id in seats.replaced:
            reason = reason or "replaced by another seat"
        return replace(change, reason=reason, is_late=True)

    def _is_late(self, change: Change, state: EndState, end: Principal, awaited: tuple[Awaited, ...]) -> bool:
        """Whether the removal of a direct license waits for groups or new seats: unless the same call assigns its replacement."""
        fresh = {one.sku_id for one in state.changes if one.kind == "seat" and one.verb == "add"}
        is_joining = any(one.kind == "membership" and one.verb == "add" and one.sku_id for one in state.changes)
        if not (awaited or fresh or is_joining):
            return False
        if not any(one.kind == "license" and one.verb == "add" for one in state.changes):
            return True
        pending = {(one.group_id, one.sku_id) for one in awaited}
        early = [lic for lic in end.licenses if (lic.group_id, lic.sku_id) not in pending and not (lic.is_direct and lic.sku_id in fresh)]
        mine = [License(change.key, change.before)] if isinstance(change.before, frozenset) else []
        lost = service_plans_on(mine, self._catalog) - service_plans_on(early, self._catalog)
        return bool(lost & service_plans_on(end.licenses, self._catalog)) or any(one.sku_id == change.key for one in awaited)

    def _turns_off_too_soon(self, change: Change, state: EndState, end: Principal, awaited: tuple[Awaited, ...]) -> bool:
        """Whether an update turns off a service plan that another path turns on only later. Direct licenses change in one call, other paths do not."""
        if not isinstance(change.before, frozenset) or not isinstance(change.after, frozenset):
            return False
        pending = {(one.group_id, one.sku_id) for one in awaited}
        fresh = {one.sku_id for one in state.changes if one.kind == "seat" and one.verb == "add"}
        before = {(lic.group_id, lic.sku_id): lic for lic in state.before.user.licenses if lic.is_held}
        lasting: list[License] = []
        for lic in end.licenses:
            key, is_own = (lic.group_id, lic.sku_id), lic.is_direct and lic.sku_id == change.sku_id
            if is_own or key in pending:
                continue
            if lic.is_direct and change.kind == "license" and lic.sku_id not in fresh:
                lasting.append(lic)
            elif key in before:
                lasting.append(replace(lic, disabled_plans=lic.disabled_plans | before[key].disabled_plans))
        off = service_plans_on([License(change.sku_id, change.before)], self._catalog) - service_plans_on([License(change.sku_id, change.after)], self._catalog)
        return bool((off & service_plans_on(end.licenses, self._catalog)) - service_plans_on(lasting, self._catalog))

    def _predicted(self, state: EndState, seen: Principal, resolved: Resolved) -> list[Problem]:
        """What Graph would reject of the end state, and what needs a warning."""
        user, after, found = state.before.user, state.after, list(state.problems)
        licenses = [one for one in state.changes if one.kind == "license"]
        assigned = [self._catalog.sku(one.key) for one in licenses if one.verb != "remove"]
        found += [problem for sku in assigned if (problem := predict.unassignable(sku))]
        drawn = {self._catalog.sku(one.sku_id) for one in state.changes if one.kind == "seat" and one.verb == "add"}
        found += [problem for sku in drawn if sku.is_owned and sku.applies_to != "Allotment" and (problem := predict.not_assignable(sku))]
        found += [problem for sku in assigned if not seen.holds(sku.id) and (problem := predict.seats_in_grace(sku))]
        is_new = bool(assigned) or any(one.kind == "seat" and one.verb == "add" for one in state.changes)
        if is_new and user.kind == "user" and not after.usage_location:
            found.append(predict.no_usage_location())
        for one in licenses:
            elsewhere = tuple(lic for lic in seen.licenses if lic.sku_id == one.key and not lic.is_direct and lic.group_id not in resolved.group_ids)
            if one.verb == "remove" and any(lic.is_held for lic in elsewhere):
                found.append(predict.still_inherited(user, self._catalog.sku(one.key), tuple(lic for lic in elsewhere if lic.is_held)))
            elif one.verb == "remove" and elsewhere:
                found.append(predict.only_working_copy(user, self._catalog.sku(one.key), elsewhere))
        return found + conflicts_of(seen, state, bool(licenses), "try" if resolved.is_return else self._settings.plan_check, self._catalog)

    def _difference(
        self, user: Observed, licenses: Mapping[str, frozenset[str]], location: str | None, assigned: set[str], found: Memberships, seats: SeatPlan
    ) -> Iterable[Change]:
        """The changes."""
        if location != user.user.usage_location:
            yield Change("set", "usage_location", "", user.user.usage_location, location)
        yield from _license_changes(user.user, licenses, assigned)
        yield from seat_changes(user, seats)
        yield from found.changes(self._tenant.groups)


def _plain(user: Observed, changes: tuple[Change, ...]) -> EndState:
    """The end state where only direct licenses and the usage location change."""
    who = user.user
    takes = frozenset(one.key for one in changes if one.verb == "add" and not who.holds(one.key))
    frees = frozenset(one.key for one in changes if one.verb == "remove" and who.holds(one.key) and not who.not_direct(one.key))
    return EndState(user, changes, takes=_one(takes), frees=_one(frees))


def _alternatives(who: Principal, choices: Sequence[Choice], chosen: Sequence[Option]) -> Iterable[Problem]:
    """The warnings about alternatives that replace the first choice of a profile."""
    for choice, option in zip(choices, chosen):
        first = choice.options[0]
        if option.sku.id != first.sku.id and (choice.prefers_first or not who.holds(option.sku.id)):
            yield predict.alternative_taken(first.sku, option.sku, choice.prefers_first)


def _unnamed(who: Principal, chosen: Sequence[Option]) -> Iterable[Problem]:
    """The warnings about lists that change service plans which they do not name."""
    for option in chosen:
        direct = who.direct(option.sku.id)
        if direct and direct.is_held:
            yield from unnamed(who, option.sku, option.plans, direct.disabled_plans, option.plans.after(direct.disabled_plans, option.sku))


@lru_cache(maxsize=10_000)
def _shared(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return one shared tuple for all equal ones: a long list has few kinds of them, and each is kept once."""
    return changes


@lru_cache(maxsize=1_000)
def _one(keys: frozenset[str]) -> frozenset[str]:
    return keys


def _license_changes(user: Principal, licenses: Mapping[str, frozenset[str]], assigned: set[str]) -> Iterable[Change]:
    """The changes of direct licenses. A desired license that is in error is added again, so that Graph retries it."""
    for sku_id in sorted(licenses.keys() | {lic.sku_id for lic in user.licenses if lic.is_direct}):
        direct, after = user.direct(sku_id), licenses.get(sku_id)
        before = direct.disabled_plans if direct else None
        if after is None:
            yield Change("remove", "license", sku_id, before, None, sku_id)
        elif direct is None or (sku_id in assigned and not direct.is_held):
            yield Change("add", "license", sku_id, before, after, sku_id)
        elif before != after:
            yield Change("update", "license", sku_id, before, after, sku_id)
