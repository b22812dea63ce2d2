# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations as request bodies, and Graph's answers as the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._errors import TransportError
from .changes import AssignLicenses, CreateAssignment, DeleteAssignment, Reprocess, SetUsageLocation, UpdateAssignment
from .model import Allotment, Assignment, CloudState, Group, License, Principal, Seats, ServicePlan, Sku, Subscription, UsageRight, shared

COLLECTIONS = {"user": "users", "group": "groups", "device": "devices"}
_CLOUD = (CreateAssignment, UpdateAssignment, DeleteAssignment)
USER_FIELDS = "id,userPrincipalName,usageLocation,assignedLicenses,licenseAssignmentStates"
GROUP_FIELDS = "id,displayName,securityEnabled,assignedLicenses,licenseProcessingState"


@dataclass(frozen=True, slots=True)
class Call:
    """One request: version is v1.0 or beta, path begins below it.

    can_repeat says whether sending it again after a lost answer does no harm.
    lag_code is in a refusal while a replica does not know yet what the same run has just written.
    """

    version: str
    method: str
    path: str
    body: dict | None = None
    can_repeat: bool = True
    lag_code: str | None = None


def principal_path(principal: Principal) -> str:
    """The path of a principal below the version."""
    return "/me" if principal.is_me else f"/{COLLECTIONS[principal.kind]}/{principal.id}"


def calls_of(operations: Iterable[Any], graph_url: str, route: str = "principal", version: str | None = None) -> list[Call]:
    """The requests that carry out the operations of one principal, all below one version of Graph: the one given, else the one they need.

    route chooses Graph's path for assignments: principal, admin or allotment (graph-contract 1.1 to 1.4).
    graph_url is the base of bind values, which are absolute.
    """
    listed = list(operations)
    after_location = any(isinstance(operation, SetUsageLocation) for operation in listed)
    needed = "beta" if any(isinstance(operation, _CLOUD) for operation in listed) else "v1.0"
    return [_call_of(operation, graph_url, route, version or needed, after_location) for operation in listed]


def _call_of(operation: Any, graph_url: str, route: str, version: str, after_location: bool) -> Call:
    lag_code = "invalidusagelocation" if after_location else None
    if isinstance(operation, SetUsageLocation):
        return Call(version, "PATCH", principal_path(operation.principal), {"usageLocation": operation.usage_location})
    if isinstance(operation, Reprocess):
        return _reprocess_call(operation)
    if isinstance(operation, AssignLicenses):
        body = {
            "addLicenses": [{"skuId": lic.sku_id, "disabledPlans": sorted(lic.disabled_plans)} for lic in operation.add],
            "removeLicenses": list(operation.remove),
        }
        return Call("v1.0", "POST", f"{principal_path(operation.principal)}/assignLicense", body, lag_code=lag_code)
    base = assignments_path(operation.principal, operation.assignment.allotment_id, route)
    plans = {"disabledServicePlanIds": sorted(operation.assignment.disabled_plans)}
    if isinstance(operation, CreateAssignment):
        body = {**_binds(operation, graph_url, route), **plans}
        return Call("beta", "POST", base, body, can_repeat=False, lag_code=lag_code)
    if isinstance(operation, UpdateAssignment):
        return Call("beta", "PATCH", f"{base}/{operation.assignment.id}", plans)
    if isinstance(operation, DeleteAssignment):
        return Call("beta", "DELETE", f"{base}/{operation.assignment.id}")
    raise TypeError(f"not an operation: {operation!r}")


def _reprocess_call(operation: Reprocess) -> Call:
    """The action of either API; a batch wants a body, so there is one (graph-contract 1.2, 3.3, 5)."""
    base = principal_path(operation.principal)
    if operation.is_cloud:
        return Call("beta", "POST", f"{base}/cloudLicensing/assignments/reprocessAssignments", {})
    return Call("v1.0", "POST", f"{base}/reprocessLicenseAssignment", {})


def assignments_path(principal: Principal, allotment_id: str | None, route: str) -> str:
    """The collection of assignments on a route."""
    if route == "principal":
        return f"{principal_path(principal)}/cloudLicensing/assignments"
    if route == "allotment":
        return f"/admin/cloudLicensing/allotments/{allotment_id}/assignments"
    return "/admin/cloudLicensing/assignments"


def _binds(operation: CreateAssignment, graph_url: str, route: str) -> dict:
    """The ends of a new assignment that its path does not say (graph-contract A4, A9, U2)."""
    binds = {}
    if route != "allotment":
        binds["allotment@odata.bind"] = f"{graph_url}/beta/admin/cloudLicensing/allotments/{operation.assignment.allotment_id}"
    if route != "principal":
        kind = COLLECTIONS[operation.principal.kind]
        binds["assignedTo@odata.bind"] = f"{graph_url}/beta/{kind}/{operation.principal.id}"
    return binds


def unwrap(body: Mapping) -> Mapping:
    """A single entity, bare or wrapped in value (graph-contract 1.6, no. 5)."""
    value = body.get("value")
    return value if isinstance(value, Mapping) else body


def principal_of(kind: str, body: Mapping, is_me: bool = False) -> Principal:
    """A user with licenses and usage location, or the identity of a group or device."""
    entity = unwrap(body)
    if not entity.get("id"):
        raise TransportError(f"Graph answered for a {kind} in a form that cannot be used: there is no id")
    return Principal(
        kind=kind,
        id=entity["id"].lower(),
        name=entity.get("userPrincipalName") or entity.get("displayName") or entity["id"],
        usage_location=(entity.get("usageLocation") or "").upper() or None,
        licenses=tuple(_licenses(entity)) if kind == "user" else (),
        is_me=is_me,
    )


def group_of(body: Mapping) -> Group:
    """A group with its licenses, which are all its own, and how far their processing is (graph-contract 2.2)."""
    entity = unwrap(body)
    base = principal_of("group", entity)
    return Group(
        kind="group",
        id=base.id,
        name=base.name,
        licenses=tuple(License(held["skuId"].lower(), _ids(held.get("disabledPlans"))) for held in entity.get("assignedLicenses") or [] if held.get("skuId")),
        is_security_enabled=entity.get("securityEnabled") is not False,
        processing_state=(entity.get("licenseProcessingState") or {}).get("state"),
    )


def _licenses(entity: Mapping) -> Iterable[License]:
    """The licenses by path; what only assignedLicenses knows has an unknown origin.

    A path that shows several times (one user, two pools of a SKU) is one license: a service plan is off if every row has it off.
    """
    paths: dict[tuple[str, str | None], License] = {}
    for state in entity.get("licenseAssignmentStates") or []:
        if state.get("skuId"):
            row = _license(state)
            known = paths.get((row.sku_id, row.group_id), row)
            better = known if known.is_held else row
            paths[row.sku_id, row.group_id] = replace(better, disabled_plans=known.disabled_plans & row.disabled_plans)
    yield from map(shared, paths.values())
    known_ids = {sku_id for sku_id, dummy in paths}
    for held in entity.get("assignedLicenses") or []:
        if held.get("skuId") and held["skuId"].lower() not in known_ids:
            yield shared(License(held["skuId"].lower(), _ids(held.get("disabledPlans")), is_known=False))


def _license(state: Mapping) -> License:
    error = state.get("error")
    return License(
        sku_id=state["skuId"].lower(),
        disabled_plans=_ids(state.get("disabledPlans")),
        group_id=(state.get("assignedByGroup") or "").lower() or None,
        state=state.get("state") or "Active",
        error=None if error in (None, "", "None") else error,
    )


def skus_of(rows: Iterable[Mapping]) -> Iterable[Sku]:
    """The subscribedSkus; a row without an id is of no use to anybody."""
    return (sku_of(row) for row in rows if row.get("skuId"))


def sku_of(entity: Mapping) -> Sku:
    """A subscribedSku."""
    return Sku(
        id=entity["skuId"].lower(),
        part_number=entity.get("skuPartNumber") or entity["skuId"],
        service_plans=tuple(
            ServicePlan(
                plan["servicePlanId"].lower(), plan.get("servicePlanName") or plan["servicePlanId"], (plan.get("appliesTo") or "User").lower() == "user"
            )
            for plan in entity.get("servicePlans") or []
            if plan.get("servicePlanId")
        ),
        seats=_seats(entity),
        applies_to=entity.get("appliesTo") or "User",
        status=entity.get("capabilityStatus") or "Enabled",
    )


def _seats(entity: Mapping) -> Seats:
    units = entity.get("prepaidUnits") or {}
    return Seats(
        units.get("enabled") or 0, units.get("warning") or 0, entity.get("consumedUnits") or 0, units.get("suspended") or 0, units.get("lockedOut") or 0
    )


def allotment_of(entity: Mapping, is_listed: bool = True) -> Allotment:
    """An allotment. One that is_listed false describes is known from an assignment only: nothing more is drawn from it.

    Without a SKU (graph-contract 2.1: it may be null), the allotment stands for itself.
    """
    return Allotment(
        id=entity["id"],
        sku=Sku(
            id=_sku_id(entity) or "",
            part_number=entity.get("skuPartNumber") or entity.get("skuId") or entity["id"],
            service_plans=tuple(_pool_plan(service) for service in entity.get("services") or [] if service.get("planId")),
            is_owned=is_listed,
        ),
        allotted=entity.get("allottedUnits") or 0,
        consumed=entity.get("consumedUnits") or 0,
        assignable_to=_flags(entity.get("assignableTo")),
        subscriptions=tuple(_subscription(sub) for sub in entity.get("subscriptions") or []),
    )


def assignment_of(body: Mapping) -> Assignment:
    """An assignment; its SKU and allotment show only where they were expanded (graph-contract 2.1)."""
    entity = unwrap(body)
    pool = entity.get("allotment") or {}
    return Assignment(entity.get("id"), pool.get("id"), _sku_id(pool), _ids(entity.get("disabledServicePlanIds")))


def cloud_state_of(principal: Principal, rows: Iterable[Mapping], listed: Iterable[Allotment]) -> CloudState:
    """A principal with its assignments; an allotment that the tenant does not list any more is known from the assignment."""
    held, pools = list(rows), list(listed)
    known = {pool.id for pool in pools}
    extra = {row["allotment"]["id"]: row["allotment"] for row in held if row.get("allotment") and row["allotment"]["id"] not in known}
    gone = [allotment_of(row, is_listed=False) for row in extra.values()]
    return CloudState(principal, tuple(assignment_of(row) for row in held), tuple(gone + pools))


def right_of(entity: Mapping) -> UsageRight:
    """A usage right, with its allotments where they were expanded."""
    services = [_pool_plan(service) for service in entity.get("services") or [] if service.get("planId")]
    sku_id = (entity.get("skuId") or "").lower() or None
    return UsageRight(
        sku_id=sku_id,
        sku=entity.get("skuPartNumber") or sku_id or "",
        plan_ids=frozenset(plan.id for plan in services),
        plan_names=tuple(sorted(plan.name for plan in services)),
        allotment_ids=tuple(pool["id"] for pool in entity.get("allotments") or []),
    )


def _subscription(entity: Mapping) -> Subscription:
    dates = (entity.get(name) or None for name in ("startDate", "nextLifecycleDate"))
    start, following = (date[:10] if date else None for date in dates)
    return Subscription((entity.get("subscriptionId") or "").lower(), entity.get("state") or "", start, following)


def _sku_id(pool: Mapping) -> str | None:
    return (pool.get("skuId") or pool.get("id") or "").lower() or None


def _pool_plan(service: Mapping) -> ServicePlan:
    is_switchable = bool(_flags(service.get("assignableTo")) - {"none"})
    return ServicePlan(service["planId"].lower(), service.get("planName") or service["planId"], is_switchable)


def _flags(text: str | None) -> frozenset[str]:
    """The members of a flags enum, which comes comma separated."""
    return frozenset(part.strip() for part in (text or "").split(",") if part.strip())


def _ids(ids: Iterable[str] | None) -> frozenset[str]:
    return frozenset(plan_id.lower() for plan_id in ids or ())
