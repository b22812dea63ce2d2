# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between the licenses of a user's or group's own and what is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..._errors import Problem
from ..catalog import Catalog
from ..desired.holders import first_free
from ..desired.licenses import DesiredLicenses, WantedLicense
from ..model import Group, License, Principal, Sku, shared
from ..resolve import Resolver
from ..tables.service_plan_conflicts import broken_rules
from . import predict as findings
from .changes import AssignLicenses, Changes, SetUsageLocation, off_before, service_plans_on, unlisted_service_plans
from .conflicts import service_plans_conflicts


def plan_licenses(principal: Principal, catalog: Catalog, desired: DesiredLicenses) -> Changes:
    """The changes that give a user or group the desired direct licenses and take none that is neither asked for nor left out of set.

    Raises OptionError with every name that the tenant does not know.
    """
    resolver = Resolver(catalog, [lic.sku_id for lic in principal.licenses])
    asked = [resolver.sku(name, f"licenses.remove[{index}]") for index, name in enumerate(desired.remove)]
    choices = _Choices(principal, catalog, resolver, asked)
    wanted = [choices.choose(want) for want in desired.add]
    protect = [resolver.sku(name, f"protect[{index}]") for index, name in enumerate(desired.protect)]
    _check_twice([sku for sku, dummy in wanted] + asked, resolver)
    _check_twice(choices.named, resolver)
    removal = _Removal(principal, catalog, {sku.id for sku in protect if sku})
    if desired.is_set:
        removal.leave_only({sku.id for sku, dummy in wanted if sku})
    for sku in asked:
        if sku is not None:
            removal.ask(sku, is_error=desired.remove_inherited == "fail")
    for sku in choices.swapped:
        if sku.id not in removal.sku_ids:
            removal.ask(sku)
    removal.limit(desired.max_removals)
    addition = _Addition(principal, desired, resolver, [catalog.sku(sku_id) for sku_id in removal.sku_ids])
    for wanted_sku, want in wanted:
        if wanted_sku is not None:
            addition.want(wanted_sku, want)
    resolver.check()
    changes = _license_changes(principal, catalog, desired, addition, removal)
    return replace(changes, findings=(*changes.findings, *_findings_of_all(changes, desired)))


def _findings_of_all(changes: Changes, desired: DesiredLicenses) -> list[Problem]:
    """What is to be said of the end state as a whole, when licenses are to change."""
    before, after, calls = changes.before, changes.after, [one for one in changes.operations if isinstance(one, AssignLicenses)]
    if not calls:
        return []
    found = []
    if isinstance(before, Group):
        found = _findings_of_group(changes, before)
    elif calls[0].add and not after.usage_location:
        found.append(findings.no_usage_location())
    rules = broken_rules(service_plans_on(before.licenses, changes.catalog), service_plans_on(after.licenses, changes.catalog))
    if before.kind != "user":
        rules = [replace(rule, is_certain=False) for rule in rules]  # Graph decides for each member
    return found + service_plans_conflicts(before, rules, True, desired.plan_check, after.licenses, changes.catalog)


def _findings_of_group(changes: Changes, group: Group) -> list[Problem]:
    """What keeps a group, or members of it, from getting what it shall hold (graph-contract 3.3, 4.3)."""
    found = [] if group.is_security_enabled else [findings.group_not_security_enabled(group)]
    for sku_id in sorted(changes.new_sku_ids):
        sku, members = changes.catalog.sku(sku_id), group.member_count or 0
        if members > sku.seats.free:
            found.append(findings.members_wait(group, sku.part_number, sku.seats.free, members))
    if group.is_role_assignable and changes.new_sku_ids:
        found.append(findings.group_role_assignable(group))
    if group.nested:
        found.append(findings.nested_groups(group, group.nested))
    return found


class _Choices:
    """Decides between SKUs and their alternatives; skus that leave cannot stay."""

    def __init__(self, principal: Principal, catalog: Catalog, resolver: Resolver, leaving: list[Sku | None]) -> None:
        self._principal, self._catalog, self._resolver, self._leaving = principal, catalog, resolver, leaving
        self.swapped: list[Sku] = []
        self.named: list[Sku | None] = []

    def choose(self, want: WantedLicense) -> tuple[Sku | None, WantedLicense]:
        """The SKU that is wanted, or the alternative that is held already, else the first with a free seat. No SKU when a name is unknown.

        With prefer: first, one with a free seat goes before one that is held, which is then given back.
        """
        if not want.alternatives:
            self.named.append(self._resolver.sku(want.sku, f"{want.where}.sku"))
            return self.named[-1], want
        named = [(self._resolver.sku(choice.sku, f"{choice.where}.sku"), choice) for choice in want.choices]
        self.named += [sku for sku, dummy in named]
        known = [(sku, choice) for sku, choice in named if sku is not None]
        if len(known) < len(named):
            return None, want
        staying = [(sku, choice) for sku, choice in known if sku not in self._leaving] or known
        held = [sku for sku, dummy in staying if self._principal.holds(sku.id)]
        free = first_free(self._principal, [sku for sku, dummy in staying], self._catalog)
        chosen = (free or staying[0][0]) if want.prefer == "first" or not held else held[0]
        if want.prefer == "first":
            self.swapped += [sku for sku in held if sku != chosen and self._principal.direct(sku.id)]
        return next((sku, choice) for sku, choice in staying if sku.id == chosen.id)


def _check_twice(skus: list[Sku | None], resolver: Resolver) -> None:
    named = [sku.id for sku in skus if sku]
    for name in sorted({sku.part_number for sku in skus if sku and named.count(sku.id) > 1}):
        resolver.twice(f"licenses: SKU {name} is named more than once; name each SKU in one place")


class _Removal:
    """Collects the direct licenses to remove."""

    def __init__(self, principal: Principal, catalog: Catalog, protected: set[str]) -> None:
        self._principal, self._catalog, self._protected = principal, catalog, protected
        self.sku_ids: list[str] = []
        self.findings: list[Problem] = []

    def leave_only(self, sku_ids: set[str]) -> None:
        """Removes every direct license that is neither named nor protected."""
        for sku_id in sorted({lic.sku_id for lic in self._principal.licenses if not lic.is_known} - sku_ids):
            self.findings.append(findings.origin_unknown(self._principal, self._catalog.sku(sku_id), is_error=False))
        for sku_id in sorted({lic.sku_id for lic in self._principal.licenses if lic.is_direct} - sku_ids):
            if sku_id in self._protected:
                self.findings.append(findings.is_protected(self._catalog.sku(sku_id), is_asked=False))
            else:
                self.sku_ids.append(sku_id)

    def ask(self, sku: Sku, is_error: bool | None = None) -> None:
        """Removes one direct license; what is not held is no change. is_error says whether what only a group assigns is an error, nothing that it is fine."""
        elsewhere = self._principal.not_direct(sku.id)
        if sku.id in self._protected:
            self.findings.append(findings.is_protected(sku, is_asked=True))
        elif self._principal.direct(sku.id):
            self.sku_ids.append(sku.id)
            if elsewhere and is_error is not None:
                self.findings.append(findings.still_inherited(self._principal, sku, elsewhere))
        elif elsewhere and is_error is not None:
            self.findings.append(findings.inherited_only(self._principal, sku, elsewhere, is_error))
        elif not sku.is_owned and not elsewhere:
            self.findings.append(findings.nothing_to_remove(self._principal, sku))

    def limit(self, max_removals: int | None) -> None:
        """Refuses when more would be removed than the task allows."""
        if max_removals is not None and len(self.sku_ids) > max_removals:
            self.findings.append(findings.too_many_removals(len(self.sku_ids), max_removals))


class _Addition:
    """Collects the licenses to add, or to give other service plans."""

    def __init__(self, principal: Principal, desired: DesiredLicenses, resolver: Resolver, removed: list[Sku]) -> None:
        self._principal, self._desired, self._resolver, self._removed = principal, desired, resolver, removed
        self.licenses: list[License] = []
        self.findings: list[Problem] = []

    def want(self, sku: Sku, want: WantedLicense) -> None:
        """Adds the license, changes its service plans, or leaves it as it is."""
        direct = self._principal.direct(sku.id)
        elsewhere = tuple(path for path in self._principal.not_direct(sku.id) if path.is_held)
        self._note_errors(sku)
        before = off_before(self._principal, sku, self._removed if self._desired.carry_plans else ())
        disabled = self._resolver.rule(sku, want.plans, f"{want.where}.").after(before, sku)
        if direct and direct.is_held:
            if disabled != direct.disabled_plans:
                self._note_unlisted(sku, direct, want, disabled)
                self._add(sku, disabled)
        elif any(not path.is_known and path.disabled_plans == disabled for path in elsewhere):
            self.findings.append(findings.origin_unknown(self._principal, sku, is_error=False))
        elif elsewhere and self._desired.inherited == "accept":
            return
        elif elsewhere and self._desired.inherited == "fail":
            self.findings.append(findings.already_inherited(self._principal, sku, elsewhere))
        else:
            if any(not path.is_known for path in elsewhere):
                self.findings.append(findings.origin_ambiguous(self._principal, sku))
            self._check_seats(sku)
            self._add(sku, disabled)

    def _add(self, sku: Sku, disabled: frozenset[str]) -> None:
        problem = findings.unassignable(sku)
        if problem:
            self.findings.append(problem)
        known = {plan.id for plan in sku.service_plans}
        self.licenses.append(shared(License(sku.id, disabled & known if sku.is_owned else disabled)))

    def _check_seats(self, sku: Sku) -> None:
        """Refuses a user a seat that nobody has; a group's members go without (graph-contract 2.1)."""
        if findings.unassignable(sku) is None and self._principal.kind == "user" and not self._principal.holds(sku.id) and sku.seats.free < 1:
            seats = sku.seats
            self.findings.append(findings.no_seats(sku.part_number, seats.owned, seats.consumed, self._desired.seat_check))

    def _note_unlisted(self, sku: Sku, direct: License, want: WantedLicense, disabled: frozenset[str]) -> None:
        """Says so when an allow-list turns off what Microsoft has perhaps added."""
        names = unlisted_service_plans(want.plans, direct.disabled_plans, disabled, sku)
        if names:
            self.findings.append(findings.service_plans_not_listed(self._principal, sku, names))

    def _note_errors(self, sku: Sku) -> None:
        for path in self._principal.licenses:
            if path.sku_id == sku.id and not path.is_held:
                self.findings.append(findings.license_in_error(self._principal, sku, path))


def _license_changes(principal: Principal, catalog: Catalog, desired: DesiredLicenses, addition: _Addition, removal: _Removal) -> Changes:
    operations: list[Any] = []
    if desired.usage_location and desired.usage_location != principal.usage_location:
        operations.append(SetUsageLocation(principal, desired.usage_location))
    if addition.licenses or removal.sku_ids:
        operations.append(AssignLicenses(principal, tuple(addition.licenses), tuple(removal.sku_ids)))
    touched = {lic.sku_id for lic in addition.licenses} | set(removal.sku_ids)
    kept = tuple(lic for lic in principal.licenses if not (lic.is_direct and lic.sku_id in touched))
    after = replace(
        principal,
        licenses=kept + tuple(addition.licenses),
        usage_location=desired.usage_location or principal.usage_location,
    )
    return Changes(principal, after, tuple(operations), tuple(removal.findings + addition.findings), catalog)
