# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloudLicensing: allotments, assignments and usage rights, and what the API rejects (graph-contract 1, 2.1, 4.5)."""

from __future__ import annotations

import re
from typing import Any

from .classic import excluding_plans, has_mailbox
from .errors import Rejection, cloud_rejection
from .faults import FaultPlan
from .graph import KINDS
from .groups import recheck
from .odata import Shape
from .seed import ENDED
from .tenant import Claim, Pool, Tenant

PREFIX = "#microsoft.graph.cloudLicensing."


class CloudLicensing:
    """The API over a tenant, with the shapes of its entities."""

    def __init__(self, tenant: Tenant, faults: FaultPlan) -> None:
        self.tenant, self._faults = tenant, faults
        principal = Shape("directoryObject", ("id", "displayName"))
        plain_pool = Shape("allotment", _POOL)
        plain_claim = Shape("assignment", _CLAIM)
        self.waiting = Shape(
            "waitingMember", ("id", "waitingSinceDateTime"), (), {"assignedTo": (self._waiter, principal), "allotment": (self._pool, plain_pool)}
        )
        self.claim = Shape("assignment", _CLAIM, (), {"allotment": (self._pool, plain_pool), "assignedTo": (self._holder, principal)})
        relations: dict[str, Any] = {"assignments": (self._claims_on, plain_claim), "waitingMembers": (self._waiting_on, self.waiting)}
        self.pool = Shape("allotment", _POOL, (), relations)
        rights: dict[str, Any] = {"assignments": (lambda row: row["assignments"], self.claim), "allotments": (lambda row: row["allotments"], plain_pool)}
        holder: dict[str, Any] = {
            "assignedTo": (self._waiter, principal),
            "usageRight": (self._error_right, Shape("usageRight", ("id", "services", "skuId", "skuPartNumber"))),
        }
        self.error = Shape("assignmentError", ("id", "code", "message", "occurrenceDateTime", "skuId"), (), holder)
        self.right = Shape("usageRight", ("id", "services", "skuId", "skuPartNumber"), (), rights)

    def allotments(self) -> list[dict]:
        """The allotments that the API shows."""
        return [self.shown_pool(pool) for pool in self.tenant.pools.values() if not pool.is_hidden]

    def shown_pool(self, pool: Pool) -> dict:
        """An allotment."""
        sku = self.tenant.skus[pool.sku_id]
        subscription = {
            "subscriptionId": pool.subscription_id,
            "startDate": "2026-01-01",
            "nextLifecycleDate": "2027-01-01",
            "state": pool.state,
            "tags": "none",
        }
        return {
            "id": pool.id,
            "allottedUnits": pool.units,
            "consumedUnits": len(pool.seats),
            "assignableTo": pool.assignable_to + (",agentOfTomorrow" if self._faults.conditions.unknown else ""),
            "services": [_service(plan) for plan in sku["service_plans"]],
            "skuId": sku["sku_id"],
            "skuPartNumber": sku["part_number"],
            "subscriptions": [subscription],
        }

    def shown_claim(self, claim: Claim) -> dict:
        """An assignment. A hidden pool is not shown."""
        return {"@odata.type": PREFIX + "assignment", "id": claim.id, "disabledServicePlanIds": list(claim.disabled)}

    def claims(self, holder_id: str | None = None, pool_id: str | None = None) -> list[dict]:
        """The assignments of a principal, of an allotment, or all."""
        rows = self.tenant.claims_of(holder_id) if holder_id else list(self.tenant.claims.values())
        return [self.shown_claim(claim) for claim in rows if pool_id in (None, claim.pool_id) and not self.tenant.pools[claim.pool_id].is_hidden]

    def find_pool(self, pool_id: str) -> Pool:
        """The allotment of an id in a path."""
        pool = self.tenant.pools.get(pool_id)
        if pool is None or pool.is_hidden:
            raise not_found(pool_id, "allotmentId")
        return pool

    def find_claim(self, claim_id: str, holder_id: str | None = None, pool_id: str | None = None) -> Claim:
        """The assignment of an id, on a path that can see it."""
        claim = self.tenant.claims.get(claim_id.lower())
        if claim is None or self.tenant.pools[claim.pool_id].is_hidden or holder_id not in (None, claim.holder_id) or pool_id not in (None, claim.pool_id):
            raise not_found(claim_id, "assignmentId")
        return claim

    def create(self, body: dict, holder: tuple[str, dict] | None = None, pool: Pool | None = None) -> Claim:
        """Create an assignment. The body must name what the path does not."""
        pool = pool or self._bound_pool(body)
        kind, principal = holder or self._bound_holder(body)
        disabled = self._plans(body, pool)
        if kind not in pool.assignable_to.split(","):
            raise cloud_rejection("invalidAssigneeType", f"The allotment cannot be assigned to a {kind}", propertyName="assignedTo")
        if kind == "user" and not self._faults.location_of(principal):
            raise cloud_rejection("invalidUsageLocation", "The user has no valid usage location", target="body")
        if any(claim.pool_id == pool.id for claim in self.tenant.claims_of(principal["id"])):
            raise cloud_rejection("duplicateAssignment", "An assignment of this allotment to this principal exists already", target="body")
        if pool.state in ENDED or (kind != "group" and pool.free < 1 and principal["id"] not in pool.seats):
            raise cloud_rejection("noAvailableLicenses", "There are no available licenses for the specified allotment")
        if kind == "user":
            self._check_plans(principal["id"], pool, disabled)
            if principal["proxy_clash"] and has_mailbox(self.tenant, pool.sku_id, disabled):
                raise cloud_rejection("proxyAddressConflict", "Another object has the same proxy address")
        claim = self.tenant.add_claim(pool, kind, principal["id"], disabled)
        self._changed(claim)
        return claim

    def delete(self, claim: Claim) -> None:
        """Deletes an assignment."""
        self.tenant.delete_claim(claim)
        self._changed(claim)

    def _changed(self, claim: Claim) -> None:
        if claim.kind == "group":
            recheck(self.tenant, claim.holder_id)

    def update(self, claim: Claim, body: dict) -> None:
        """Replace the disabled service plans. Allotment and principal cannot be changed."""
        pool = self.tenant.pools[claim.pool_id]
        for name, current in (("allotment", claim.pool_id), ("assignedTo", claim.holder_id)):
            bind = body.get(f"{name}@odata.bind")
            key = str(bind).rstrip("/").rsplit("/", 1)[-1]
            holder = self.tenant.principal(claim.kind, key)
            if bind is not None and current not in (key.lower(), holder["id"] if holder else None):
                raise cloud_rejection("immutablePropertyModified", f"The property {name} cannot be modified", propertyName=name)
        disabled = self._plans(body, pool)
        if claim.kind == "user":
            self._check_plans(claim.holder_id, pool, disabled, claim)
        claim.disabled = tuple(disabled)
        self._changed(claim)

    def usage_rights(self, kind: str, holder_id: str) -> list[dict]:
        """What a principal may use: per SKU, the service plans that are on by any path that has a seat."""
        paths = list(self.tenant.paths_of(holder_id)) if kind == "user" else [(claim, None) for claim in self.tenant.claims_of(holder_id)]
        by_sku: dict[str, list[Claim]] = {}
        for claim, dummy in paths:
            if kind == "group" or holder_id in self.tenant.pools[claim.pool_id].seats:
                by_sku.setdefault(self.tenant.sku_of(claim)["sku_id"], []).append(claim)
        return [self._right(sku_id, claims, holder_id) for sku_id, claims in by_sku.items()]

    def _right(self, sku_id: str, claims: list[Claim], holder_id: str) -> dict:
        sku = self.tenant.skus[sku_id]
        on = self.tenant.enabled_plans((sku_id, claim.disabled) for claim in claims)
        pools = {claim.pool_id: self.tenant.pools[claim.pool_id] for claim in claims}
        return {
            "id": f"{holder_id}_{sku_id}",
            "services": [_service(plan) for plan in sku["service_plans"] if plan["id"] in on],
            "skuId": sku_id,
            "skuPartNumber": sku["part_number"],
            "assignments": [self.shown_claim(claim) for claim in claims],
            "allotments": [self.shown_pool(pool) for pool in pools.values() if not pool.is_hidden],
        }

    def _plans(self, body: dict, pool: Pool) -> list[str]:
        plans = body.get("disabledServicePlanIds")
        if not isinstance(plans, list):
            raise _missing("disabledServicePlanIds")
        known = {plan["id"] for plan in self.tenant.skus[pool.sku_id]["service_plans"]}
        for index, plan_id in enumerate(plans):
            if str(plan_id).lower() not in known:
                raise cloud_rejection("notFound", f"Service plan '{plan_id}' not found", target="body", propertyName=f"disabledServicePlanIds[{index}]")
        return [plan_id.lower() for plan_id in plans]

    def _bound_pool(self, body: dict) -> Pool:
        bind = body.get("allotment@odata.bind")
        if not bind:
            raise _missing("allotment")
        found = re.search(r"/beta/admin/cloudLicensing/allotments/([^/]+)$", str(bind))
        pool = self.tenant.pools.get(found.group(1)) if found else None
        if pool is None or pool.is_hidden:
            raise cloud_rejection("notFound", "The allotment was not found", target="body", propertyName="allotment")
        return pool

    def _bound_holder(self, body: dict) -> tuple[str, dict]:
        bind = body.get("assignedTo@odata.bind")
        if not bind:
            raise _missing("assignedTo")
        found = re.search(r"/beta/(users|groups|devices)/([^/]+)$", str(bind))
        principal = self.tenant.principal(KINDS[found.group(1)], found.group(2)) if found else None
        if found is None or principal is None:
            raise cloud_rejection("notFound", "The assignee was not found", target="body", propertyName="assignedTo")
        return KINDS[found.group(1)], principal

    def _pool(self, row: dict) -> dict | None:
        pool = self.tenant.pools[row["pool_id"] if "pool_id" in row else self.tenant.claims[row["id"]].pool_id]
        return None if pool.is_hidden else self.shown_pool(pool)

    def _holder(self, row: dict) -> dict:
        holder_id = self.tenant.claims[row["id"]].holder_id
        return self._identity(holder_id)

    def _waiter(self, row: dict) -> dict:
        return self._identity(row["holder_id"])

    def _identity(self, holder_id: str) -> dict:
        principal = self.tenant.principal(self.tenant.kind_of(holder_id), holder_id) or {}
        return {name: principal[name] for name in ("@odata.type", "id", "displayName")}

    def _claims_on(self, row: dict) -> list[dict]:
        return self.claims(pool_id=row["id"])

    def _waiting_on(self, row: dict) -> list[dict]:
        return self.waiting_members(row["id"])

    def waiting_members(self, pool_id: str | None) -> list[dict]:
        """The principals that wait for a seat of an allotment, or of any, in order of arrival."""
        return [
            {"id": f"{pool.id[:8]}_{holder_id}", "waitingSinceDateTime": since, "holder_id": holder_id, "pool_id": pool.id}
            for pool in self.tenant.pools.values()
            if not pool.is_hidden and pool_id in (None, pool.id)
            for holder_id, since in pool.waiting.items()
        ]

    def errors(self, holder_id: str | None = None) -> list[dict]:
        """Why members of groups do not have what their group has, for one of them or all (graph-contract 4.4)."""
        return [
            {
                "id": f"{group_id[:8]}_{user_id}_{sku_id[:8]}",
                "code": _ERRORS.get(code, code),
                "message": f"The licenses of group {group_id} cannot be assigned: {code}",
                "occurrenceDateTime": "2026-01-01T00:00:00Z",
                "skuId": sku_id,
                "holder_id": user_id,
            }
            for (group_id, user_id), code in self.tenant.blocked.items()
            if holder_id in (None, user_id)
            for sku_id in {self.tenant.sku_of(claim)["sku_id"] for claim in self.tenant.claims_of(group_id)}
        ]

    def _error_right(self, row: dict) -> dict | None:
        """The older usage right that an error prevents from being updated, if one is in force."""
        rights = self.usage_rights("user", row["holder_id"])
        found = next((right for right in rights if right["skuId"] == row["skuId"]), None)
        return {name: found[name] for name in ("id", "services", "skuId", "skuPartNumber")} if found else None

    def _check_plans(self, user_id: str, pool: Pool, disabled: list[str], claim: Claim | None = None) -> None:
        """Reject service plans that exclude those that the user has (graph-contract 4.5). Of a changed claim, only the new state counts."""
        before = [(sku_id, off) for sku_id, off, dummy in self.tenant.effective_paths(user_id)]
        kept = list(before)
        if claim is not None and (pool.sku_id, claim.disabled) in kept:
            kept.remove((pool.sku_id, claim.disabled))
        clash = excluding_plans(self.tenant, self.tenant.enabled_plans(before), self.tenant.enabled_plans([*kept, (pool.sku_id, disabled)]))
        if clash:
            raise cloud_rejection("mutuallyExclusiveServicePlans", f"Service plans {','.join(clash)} are mutually exclusive")


_ERRORS = {
    "DependencyViolation": "MissingDependency",
    "MutuallyExclusiveViolation": "MutuallyExclusiveServicePlans",
    "UniquenessViolation": "ProxyAddressConflict",
    "ProhibitedInUsageLocationViolation": "InvalidUsageLocation",
}
_POOL = ("id", "allottedUnits", "consumedUnits", "assignableTo", "services", "skuId", "skuPartNumber", "subscriptions")
_CLAIM = ("id", "disabledServicePlanIds")


def _service(plan: dict) -> dict:
    return {"assignableTo": "none" if plan.get("applies_to") == "Company" else "user,group,device", "planId": plan["id"], "planName": plan["name"]}


def _missing(name: str) -> Rejection:
    return cloud_rejection("requiredFieldOrParameterMissing", f"The property {name} is required", target="body", propertyName=name)


def not_found(what: str, name: str) -> Rejection:
    """The error for an id in a path."""
    return cloud_rejection("resourceNotFound", f"Resource '{what}' not found", 404, propertyName=name)
