# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert operations into requests: paths, in which one function quotes every id, and bodies."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from .._graph.odata import key_segment
from .._licensing.model import Assignment, Principal
from .._licensing.plan.changes import AssignLicenses, CreateAssignment, DeleteAssignment, LeaveGroup, Reprocess, SetUsageLocation, UpdateAssignment

COLLECTIONS = {"user": "users", "group": "groups", "device": "devices"}
_CLOUD = (CreateAssignment, UpdateAssignment, DeleteAssignment)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: version is v1.0 or beta, path begins below it.

    can_repeat says whether sending it again after a lost answer does no harm.
    lag_code is in a rejection while a replica has not seen yet what the same run has just written.
    """

    version: str
    method: str
    path: str
    body: dict | None = None
    can_repeat: bool = True
    lag_code: str | None = None


def principal_path(principal: Principal) -> str:
    """The path of a principal below the version."""
    return "/me" if principal.is_me else key_segment(COLLECTIONS[principal.kind], principal.id)


def members_path(group: Principal, fields: str) -> str:
    """The path of the direct members of a group, in pages of 999."""
    return f"{principal_path(group)}/members?$select={fields}&$top=999"


def calls_of(operations: Iterable[Any], graph_url: str, route: str = "principal", version: str | None = None, located: Collection[str] = ()) -> list[Call]:
    """The requests that carry out the operations of one principal, all below one version of Graph: the one given, else the one they need.

    route chooses Graph's path for assignments: principal, admin or allotment (graph-contract 1.1 to 1.4).
    graph_url is the base of bind values, which are absolute. located are the ids of users whose usage location was written before.
    """
    listed = list(operations)
    after_location = any(isinstance(operation, SetUsageLocation) or operation.principal.id in located for operation in listed)
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
    if isinstance(operation, LeaveGroup):
        return Call("v1.0", "DELETE", f"{key_segment('groups', operation.group_id)}{key_segment('members', operation.principal.id)}/$ref")
    base = assignments_path(operation.principal, operation.assignment.allotment_id, route)
    plans = {"disabledServicePlanIds": sorted(operation.assignment.disabled_plans)}
    if isinstance(operation, CreateAssignment):
        body = {**_binds(operation, graph_url, route), **plans}
        return Call("beta", "POST", base, body, can_repeat=False, lag_code=lag_code)
    if isinstance(operation, UpdateAssignment):
        return Call("beta", "PATCH", _assignment_path(base, operation.assignment), plans)
    if isinstance(operation, DeleteAssignment):
        return Call("beta", "DELETE", _assignment_path(base, operation.assignment))
    raise TypeError(f"not an operation: {operation!r}")


def _reprocess_call(operation: Reprocess) -> Call:
    """Return the call of either API; a batch requires a body, so there is one (graph-contract 1.2, 3.3, 5)."""
    base = principal_path(operation.principal)
    if operation.is_cloud:
        return Call("beta", "POST", f"{base}/cloudLicensing/assignments/reprocessAssignments", {})
    return Call("v1.0", "POST", f"{base}/reprocessLicenseAssignment", {})


def assignments_path(principal: Principal, allotment_id: str | None, route: str) -> str:
    """The collection of assignments on a route."""
    if route == "principal":
        return f"{principal_path(principal)}/cloudLicensing/assignments"
    if route == "allotment":
        return f"{allotment_path(allotment_id or '')}/assignments"
    return "/admin/cloudLicensing/assignments"


def allotment_path(allotment_id: str) -> str:
    """The path of an allotment below the version."""
    return "/admin/cloudLicensing" + key_segment("allotments", allotment_id)


def _assignment_path(collection: str, assignment: Assignment) -> str:
    base, dummy, name = collection.rpartition("/")
    return base + key_segment(name, assignment.id or "")


def _binds(operation: CreateAssignment, graph_url: str, route: str) -> dict:
    """Return the ends of a new assignment that are not in its path (graph-contract A4, A9, U2)."""
    binds = {}
    if route != "allotment":
        binds["allotment@odata.bind"] = f"{graph_url}/beta{allotment_path(operation.assignment.allotment_id or '')}"
    if route != "principal":
        binds["assignedTo@odata.bind"] = f"{graph_url}/beta{key_segment(COLLECTIONS[operation.principal.kind], operation.principal.id)}"
    return binds
