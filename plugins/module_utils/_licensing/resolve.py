# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve the names of SKUs and service plans to ids, and note unknown names as problems with the nearest names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .._errors import OptionError, Problem, first_of
from .catalog import Catalog
from .model import ServicePlan, Sku, is_guid

_SHOWN = 10  # names of an error that has none that is near


@dataclass(frozen=True, slots=True)
class ServicePlanRule:
    """The desired service plans: exactly these off, exactly these on, or (merge) these off and those on."""

    disabled: tuple[str, ...] | None = None
    enabled: tuple[str, ...] | None = None
    is_merge: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedPlans:
    """The service plans of a SKU that must be off or on, by id; None for a list that is not given."""

    disabled: frozenset[str] | None = None
    enabled: frozenset[str] | None = None
    is_merge: bool = False

    def after(self, current: frozenset[str], sku: Sku) -> frozenset[str]:
        """The ids of the service plans that are off once this is applied to current. No list changes service plans that users cannot switch."""
        if self.is_merge:
            return (current | (self.disabled or frozenset())) - (self.enabled or frozenset())
        switchable = frozenset(plan.id for plan in sku.service_plans if plan.is_switchable)
        if self.disabled is not None:
            return self.disabled | (current - switchable)
        if self.enabled is not None:
            return (switchable | (current - switchable)) - self.enabled
        return current


class Resolver:
    """Resolves the names of a task to SKUs and service plans, and collects all unknown names in one error."""

    def __init__(self, catalog: Catalog, held_ids: Iterable[str] = ()) -> None:
        self._catalog = catalog
        self._held_ids = frozenset(held_ids)
        self._problems: list[Problem] = []

    def sku(self, name: str, where: str, may_be_gone: bool = False) -> Sku | None:
        """Return the SKU of a part number, id or product display name, or note a problem and return None. An id is valid even if the tenant does not own it.

        With may_be_gone, a name of Microsoft's file is enough: a SKU to remove or keep may be a product that the tenant no longer owns.
        """
        name = name.strip()
        if is_guid(name):
            return self._catalog.sku(name.lower())
        found = self._owned(name) or self._by_product_name(name)
        if len(found) == 1:
            return found[0]
        known = self._catalog.names.sku_ids(name) if may_be_gone and not found else None
        if known:
            return self._catalog.sku(min(known))
        if found:
            ids = ", ".join(sorted(sku.id for sku in found))
            self._note(where, f"SKU {name!r} is ambiguous, give one of the ids {ids}")
        else:
            products = [product for sku in self._catalog if (product := self._catalog.names.sku_name(sku.id))]
            hint = "" if products or " " not in name.strip() else "; for a product display name, give Microsoft's file of product names in sku_names"
            self._unknown(where, "SKU", name, f"of this tenant{hint}", [*(sku.part_number for sku in self._catalog), *products])
        return None

    def sku_ids(self, name: str, where: str) -> frozenset[str]:
        """The ids that a name of SKUs to keep may stand for: all of a product display name, also those that are no longer owned."""
        name = name.strip()
        named = frozenset(sku.id for sku in self._owned(name)) or self._catalog.names.sku_ids(name)
        return named or frozenset(sku.id for sku in [self.sku(name, where)] if sku)

    def _owned(self, name: str) -> list[Sku]:
        """The SKUs of a part number or id that the tenant owns."""
        return [sku for sku in self._catalog if name.lower() in (sku.id, sku.part_number.lower())]

    def _by_product_name(self, name: str) -> list[Sku]:
        """The SKUs of a product display name that the tenant owns, else those that the principal holds."""
        ids = self._catalog.names.sku_ids(name)
        return [sku for sku in self._catalog if sku.id in ids] or [self._catalog.sku(sku_id) for sku_id in sorted(ids & self._held_ids)]

    def plans(self, sku: Sku, names: Iterable[str], where: str, must_switch: bool = False) -> frozenset[str]:
        """The ids of service plans of a SKU. With must_switch, one that users cannot switch off is a problem.

        Of a SKU that the tenant does not own, nothing is known but ids.
        """
        if not sku.is_owned:
            return frozenset(name.lower() for name in names if is_guid(name))
        found = (self._plan(sku, name, f"{where}[{index}]", must_switch) for index, name in enumerate(names))
        return frozenset(plan.id for plan in found if plan is not None)

    def rule(self, sku: Sku, named: ServicePlanRule, where: str) -> ResolvedPlans:
        """The service plans that a rule names. where is the place of its lists, with a dot behind it where there is one."""
        off = None if named.disabled is None else self.plans(sku, named.disabled, f"{where}disabled_plans", must_switch=True)
        on = None if named.enabled is None else self.plans(sku, named.enabled, f"{where}enabled_plans")
        for service_plan_id in sorted((off or frozenset()) & (on or frozenset())) if named.is_merge else ():
            name = next((plan.name for plan in sku.service_plans if plan.id == service_plan_id), service_plan_id)
            self.problem(f"{where}disabled_plans and {where}enabled_plans both name {name}")
        return ResolvedPlans(off, on, named.is_merge)

    def _plan(self, sku: Sku, name: str, where: str, must_switch: bool) -> ServicePlan | None:
        name = name.strip()
        found = [plan for plan in sku.service_plans if name.lower() in (plan.id, plan.name.lower())]
        if not found:
            named = self._catalog.names.service_plan_ids(name)
            found = [plan for plan in sku.service_plans if plan.id in named]
        if len(found) > 1:
            ids = ", ".join(sorted(plan.id for plan in found))
            self._note(where, f"service plan {name!r} of {sku.part_number} is ambiguous, give one of the ids {ids}")
            return None
        if not found:
            self._unknown(where, "service plan", name, f"of {sku.part_number}", [plan.name for plan in sku.service_plans])
            return None
        if must_switch and not found[0].is_switchable:
            self._note(
                where,
                f"service plan {found[0].name} of {sku.part_number} applies to the organization, not to users, "
                "and cannot be turned off for a single user; leave it out",
            )
        return found[0]

    def _unknown(self, where: str, what: str, name: str, whose: str, known: list[str]) -> None:
        if not name:
            self._note(where, f"an empty name; give a {what} or leave the entry out")
            return
        hint = _nearest(name, known) or (f" (known: {first_of(sorted(known), _SHOWN)})" if known else "")
        if what == "SKU" and self._catalog.names.sku_ids(name):
            hint = " (a product that the tenant does not own)"
        self._note(where, f"no {what} {name!r} {whose}{hint}")

    def problem(self, text: str) -> None:
        """Note a problem that is not about a single name."""
        self._note("", text)

    def twice(self, text: str) -> None:
        """Note a problem once, however often it is found."""
        if text not in [problem.cause for problem in self._problems]:
            self._note("", text)

    def _note(self, where: str, cause: str) -> None:
        self._problems.append(Problem(cause, where=where))

    def taken(self) -> tuple[Problem, ...]:
        """Return and clear the problems noted so far."""
        problems, self._problems = self._problems, []
        return tuple(replace(problem, code="name_unknown") for problem in problems)

    def check(self) -> None:
        """Raise one OptionError that lists every problem noted so far."""
        if self._problems:
            raise OptionError(*self._problems)


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # only a failing task needs it, and it costs time to load

    by_lower = {candidate.lower(): candidate for candidate in known}
    by_start = {candidate.lower()[: len(name) + 1]: candidate for candidate in known}
    near = [by_lower[match] for match in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
    near = near or [by_start[match] for match in get_close_matches(name.lower(), by_start, n=3, cutoff=0.6)]
    return f" (nearest: {', '.join(near)})" if near else ""


def sku_ids_of(catalog: Catalog, names: list[str], option: str) -> list[str]:
    """The ids of SKUs by any name. An id that the tenant does not own is valid: a user may still hold it."""
    resolver = Resolver(catalog)
    found = [resolver.sku(name, option if len(names) == 1 else f"{option}[{index}]") for index, name in enumerate(names)]
    resolver.check()
    return [sku.id for sku in found if sku is not None]


def gone(catalog: Catalog, sku_id: str | None) -> list[str]:
    """A warning for a SKU that the tenant does not own."""
    return [f"sku: the tenant does not own SKU {sku_id}"] if sku_id and not catalog.sku(sku_id).is_owned else []
