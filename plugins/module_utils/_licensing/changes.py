# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done: operations, the changes they make up, and the arithmetic of service plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .catalog import Catalog, Resolver
from .desired import PlanRule
from .findings import Finding
from .model import Assignment, License, Principal, Sku


@dataclass(frozen=True)
class SetUsageLocation:
    """Writes the usage location of a user."""

    principal: Principal
    usage_location: str


@dataclass(frozen=True)
class AssignLicenses:
    """One assignLicense call: adds (or gives other service plans to) and removes, all or nothing."""

    principal: Principal
    add: tuple[License, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True)
class CreateAssignment:
    """Creates an assignment of cloudLicensing."""

    principal: Principal
    assignment: Assignment


@dataclass(frozen=True)
class UpdateAssignment:
    """Replaces the disabled service plans of an assignment."""

    principal: Principal
    assignment: Assignment


@dataclass(frozen=True)
class DeleteAssignment:
    """Deletes an assignment."""

    principal: Principal
    assignment: Assignment


@dataclass(frozen=True)
class Changes:
    """What is, what will be, the operations that lead there, and what is to be said about it.

    before and after are of one type: Principal for licenses, CloudState for assignments.
    subject is the assignment that a task on one of them is about, as it will be.
    """

    before: Any
    after: Any
    operations: tuple
    findings: tuple[Finding, ...]
    catalog: Catalog
    subject: Assignment | None = None

    @property
    def is_noop(self) -> bool:
        """Whether nothing has to be written."""
        return not self.operations

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings for which the task must fail before anything is written."""
        return tuple(finding for finding in self.findings if finding.is_refusal)

    @property
    def unnamed_groups(self) -> tuple[str, ...]:
        """Groups that the refusals would like to name, but have only the id of; a caution is not worth another request."""
        principal = getattr(self.before, "principal", self.before)
        ids = {gid for finding in self.refusals for gid in finding.group_ids}
        return tuple(sorted(ids - set(principal.group_names)))


def disabled_after(rule: PlanRule, current: frozenset[str], sku: Sku, resolver: Resolver, where: str) -> frozenset[str]:
    """The ids of the service plans that are off once a rule was applied to those that are off now.

    An allow-list leaves alone what people cannot switch.
    """
    disabled = resolver.plans(sku, rule.disabled or (), f"{where}disabled_plans", must_switch=True)
    enabled = resolver.plans(sku, rule.enabled or (), f"{where}enabled_plans")
    if rule.is_merge:
        for plan_id in sorted(disabled & enabled):
            resolver.problem(f"{where}disabled_plans and {where}enabled_plans both name {Catalog([sku]).plan_names(sku.id, [plan_id])[0]}")
        return (current | disabled) - enabled
    if rule.disabled is not None:
        return disabled
    if rule.enabled is not None:
        switchable = {plan.id for plan in sku.service_plans if plan.is_switchable}
        return frozenset((switchable | (current - switchable)) - enabled)
    return current
