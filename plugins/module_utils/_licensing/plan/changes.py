# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations, the changes that they carry out, and the arithmetic of service plans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..._errors import LicensingError, Problem
from ..catalog import Catalog
from ..model import Assignment, Group, License, Principal, Sku, shared
from ..observed import Observed
from ..seats import seat_key

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SetUsageLocation:
    """Writes the usage location of a user."""

    principal: Principal
    usage_location: str


@dataclass(frozen=True, slots=True)
class AssignLicenses:
    """One assignLicense call: adds licenses, changes their service plans and removes licenses, all or nothing."""

    principal: Principal
    add: tuple[License, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateAssignment:
    """Creates an assignment of cloudLicensing."""

    principal: Principal
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class UpdateAssignment:
    """Replaces the disabled service plans of an assignment."""

    principal: Principal
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class DeleteAssignment:
    """Deletes an assignment."""

    principal: Principal
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Adds a user to a group."""

    principal: Principal
    group_id: str


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Removes a user from a group."""

    principal: Principal
    group_id: str


@dataclass(frozen=True, slots=True)
class Reprocess:
    """Makes Graph reprocess a principal's licenses (or its assignments, over cloudLicensing). It declares nothing, and changes nothing declared."""

    principal: Principal
    is_cloud: bool


@dataclass
class Outcome:
    """What only a real run reports: the id of a created assignment, a group's processing state, and its members in error if they were read."""

    created_id: str | None = None
    processing_state: str | None = None
    seconds_waited: float = 0.0
    members: tuple[Principal, ...] | None = None


@dataclass
class Written:
    """The result of one principal's operations: those carried out, the id of what was created, Graph's request id, and the error of the rest.

    is_waiting says that the rest was not sent, as what it depends on does not show yet. was_lost says that an attempt had no answer.
    """

    done: list[Any] = field(default_factory=list)
    created_id: str | None = None
    request_id: str | None = None
    error: LicensingError | None = None
    is_waiting: bool = False
    was_lost: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """The state before and after, the operations that lead there, and the findings.

    before and after are of one type: Principal for licenses, CloudState for assignments.
    subject is the assignment of a task on a single one, as it will be.
    """

    before: Any
    after: Any
    operations: tuple
    findings: tuple[Problem, ...]
    catalog: Catalog
    subject: Assignment | None = None

    @property
    def is_noop(self) -> bool:
        """Whether nothing has to be sent."""
        return not self.operations

    @property
    def is_change(self) -> bool:
        """Whether anything changes; reprocessing alone is no change."""
        return any(not isinstance(operation, Reprocess) for operation in self.operations)

    @property
    def new_sku_ids(self) -> frozenset[str]:
        """The SKUs that assignLicense assigns to a principal that has no direct license of them."""
        calls = [operation for operation in self.operations if isinstance(operation, AssignLicenses)]
        return frozenset(lic.sku_id for call in calls for lic in call.add if call.principal.direct(lic.sku_id) is None)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings for which the task must fail before anything is written."""
        return tuple(finding for finding in self.findings if finding.is_error)

    @property
    def wants_members(self) -> bool:
        """Whether a group gets a new license, so that its number of members matters, and that number is not known."""
        principal = getattr(self.before, "principal", self.before)
        is_new = bool(self.new_sku_ids) or any(isinstance(operation, CreateAssignment) for operation in self.operations)
        return is_new and isinstance(principal, Group) and principal.member_count is None

    @property
    def unnamed_groups(self) -> tuple[str, ...]:
        """Groups that an error or the diff names, but of which only the id is known; a warning alone is not worth another request."""
        principal = getattr(self.before, "principal", self.before)
        ids = {gid for finding in self.errors for gid in finding.group_ids}
        for operation in self.operations:
            if isinstance(operation, AssignLicenses):
                touched = {lic.sku_id for lic in operation.add} | set(operation.remove)
                ids |= {lic.group_id for lic in principal.licenses if lic.group_id and lic.sku_id in touched}
        return tuple(sorted(ids - set(principal.group_names)))


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the diff, one row of the result, one entry of the count of seats, one count of the guard.

    verb is add, update, remove or set; kind is usage_location, license, seat or membership. key is the id of the SKU, the allotment or the group,
    sku_id that of the SKU of a license or seat, or of one that the group assigns.
    before and after are the ids of disabled service plans of a license or seat, the id of a group, or a country code; nothing where there is none.
    A change that is_late waits until its replacement has succeeded and shows. reason says for what.
    """

    verb: str
    kind: str
    key: str
    before: frozenset[str] | str | None
    after: frozenset[str] | str | None
    sku_id: str = ""
    reason: str = ""
    is_late: bool = False


class Awaited(NamedTuple):
    """What must show before what it replaces is removed: the license of a SKU through a group, or a seat of an allotment. One of the ids is empty."""

    sku_id: str
    group_id: str = ""
    allotment_id: str = ""


@dataclass(frozen=True, slots=True)
class EndState:
    """A user as it is, the planned changes, and their problems.

    takes and frees are keys of seats. end is the user as it will be, where more than direct licenses change.
    """

    before: Observed
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    takes: frozenset[str] = _NONE
    frees: frozenset[str] = _NONE
    awaited: tuple[Awaited, ...] = ()
    end: Principal | None = None

    @property
    def after(self) -> Principal:
        """The user as it will be, made on demand, as a long list holds many."""
        return self.end or end_of(self.before.user, self.changes)

    @property
    def has_errors(self) -> bool:
        """Whether it must not be written."""
        return any(problem.is_error for problem in self.problems)

    @property
    def drawn(self) -> frozenset[str]:
        """The keys of the seats that are taken by assignments of the user's own, which are created before anything else."""
        created = (one for one in self.changes if one.kind == "seat" and one.verb == "add")
        return self.takes & {key for one in created for key in (seat_key(one.key), one.sku_id)}


def end_of(user: Principal, changes: Iterable[Change]) -> Principal:
    """The user after changes of direct licenses and of the usage location."""
    listed = tuple(changes)
    licenses = {one.key: one.after for one in listed if one.kind == "license"}
    kept = tuple(lic for lic in user.licenses if not (lic.is_direct and lic.sku_id in licenses))
    added = tuple(shared(License(key, off)) for key, off in licenses.items() if isinstance(off, frozenset))
    location = next((one.after for one in listed if one.kind == "usage_location" and isinstance(one.after, str)), user.usage_location)
    return replace(user, licenses=kept + added, usage_location=location)


def service_plans_on(licenses: Iterable[License], catalog: Catalog) -> frozenset[str]:
    """The ids of the service plans that licenses in effect turn on: one path is enough."""
    held = (lic for lic in licenses if lic.is_held)
    return frozenset(plan.id for lic in held for plan in catalog.sku(lic.sku_id).service_plans if plan.id not in lic.disabled_plans)


def off_before(principal: Principal, sku: Sku, removed: Iterable[Sku]) -> frozenset[str]:
    """The ids of the service plans that are off now: on the direct path, else on every other path, else those that removed SKUs pass on.

    What a removed SKU has off is found in the new one by id, then by name.
    """
    direct, elsewhere = principal.direct(sku.id), principal.not_direct(sku.id)
    if direct:
        return direct.disabled_plans
    if elsewhere:
        return frozenset.intersection(*(path.disabled_plans for path in elsewhere))
    ids = {plan.id for plan in sku.service_plans if plan.is_switchable}
    by_name = {plan.name.lower(): plan.id for plan in sku.service_plans if plan.is_switchable}
    carried = set()
    for old in removed:
        license_ = principal.direct(old.id)
        names = {plan.id: plan.name.lower() for plan in old.service_plans}
        for service_plan_id in license_.disabled_plans if license_ else ():
            carried.add(service_plan_id if service_plan_id in ids else by_name.get(names.get(service_plan_id, "")))
    return frozenset(service_plan_id for service_plan_id in carried if service_plan_id)


def plan_reprocess(user: Principal, catalog: Catalog, is_forced: bool) -> Changes:
    """Plan to reprocess the licenses that a user inherits (graph-contract 3.3)."""
    is_needed = is_forced or any(lic.error or not lic.is_held for lic in user.licenses)
    return _reprocessing(user, catalog, is_needed, is_cloud=False)


def plan_cloud_reprocess(principal: Principal, troubles: Sequence | None, is_forced: bool) -> Changes:
    """Plan to reprocess assignments (graph-contract U7). troubles are the obstacles that Graph reports, None when they are unknown."""
    return _reprocessing(principal, Catalog(), is_forced or troubles is None or bool(troubles), is_cloud=True)


def _reprocessing(principal: Principal, catalog: Catalog, is_needed: bool, is_cloud: bool) -> Changes:
    operations = (Reprocess(principal, is_cloud),) if is_needed else ()
    return Changes(principal, principal, operations, (), catalog)
