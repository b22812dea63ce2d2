# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, groups, devices and subscribed SKUs, in the form in which Graph shows them (graph-contract 2.2)."""

from __future__ import annotations

from .odata import Shape
from .tenant import Tenant

USER = Shape(
    "user",
    (
        "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage",
        "surname", "userPrincipalName", "id",
    ),
    ("accountEnabled", "assignedLicenses", "department", "licenseAssignmentStates", "usageLocation", "userType"),
)  # fmt: skip
GROUP = Shape(
    "group",
    ("id", "displayName", "description", "groupTypes", "mailEnabled", "mailNickname", "securityEnabled"),
    ("assignedLicenses", "licenseProcessingState"),
)
DEVICE = Shape("device", ("id", "displayName", "accountEnabled", "operatingSystem"))
SKU = Shape(
    "subscribedSku",
    (
        "accountId", "accountName", "appliesTo", "capabilityStatus", "consumedUnits", "id", "prepaidUnits", "servicePlans", "skuId",
        "skuPartNumber", "subscriptionIds",
    ),
)  # fmt: skip
DETAILS = Shape("licenseDetails", ("id", "servicePlans", "skuId", "skuPartNumber"))
MEMBER = Shape("directoryObject", ("id", "displayName"))
SHAPES = {"user": USER, "group": GROUP, "device": DEVICE}


def shown_user(tenant: Tenant, user: dict) -> dict:
    """A user with licenses merged (assignedLicenses) and by path (licenseAssignmentStates)."""
    merged: dict[str, set[str]] = {}
    states = license_states(tenant, user)
    for state in states:
        if state["state"] == "Active":
            off = set(state["disabledPlans"])
            merged[state["skuId"]] = merged[state["skuId"]] & off if state["skuId"] in merged else off
    licenses = [{"skuId": sku_id, "disabledPlans": sorted(off)} for sku_id, off in merged.items()]
    return {**user, "assignedLicenses": licenses, "licenseAssignmentStates": states}


def license_states(tenant: Tenant, user: dict) -> list[dict]:
    """One row for each path; several direct claims on one SKU show as one (graph-contract 10, no. 27)."""
    rows: dict[tuple[str, str | None], dict] = {}
    for claim, group_id in tenant.paths_of(user["id"]):
        pool = tenant.pools[claim.pool_id]
        has_seat = user["id"] in pool.seats
        row = rows.setdefault(
            (pool.sku_id, group_id),
            {
                "assignedByGroup": group_id,
                "disabledPlans": list(claim.disabled),
                "error": "None" if has_seat else "CountViolation",
                "lastUpdatedDateTime": "2026-01-01T00:00:00Z",
                "skuId": pool.sku_id,
                "state": "Active" if has_seat else "Error",
            },
        )
        row["disabledPlans"] = [plan_id for plan_id in row["disabledPlans"] if plan_id in claim.disabled]
    return list(rows.values())


def shown_group(tenant: Tenant, group: dict) -> dict:
    """A group with its licenses."""
    rows = [{"skuId": tenant.sku_of(claim)["sku_id"], "disabledPlans": list(claim.disabled)} for claim in tenant.claims_of(group["id"])]
    return {**group, "assignedLicenses": rows, "licenseProcessingState": {"state": "ProcessingComplete"}}


def shown_principal(tenant: Tenant, kind: str, principal: dict) -> dict:
    """A user, group or device."""
    if kind == "user":
        return shown_user(tenant, principal)
    return shown_group(tenant, principal) if kind == "group" else principal


def shown_sku(tenant: Tenant, sku: dict) -> dict:
    """A subscribed SKU with its seats."""
    units = {"enabled": sku["enabled"], "warning": sku.get("warning", 0), "suspended": sku.get("suspended", 0), "lockedOut": 0}
    return {
        "accountId": tenant.id,
        "accountName": tenant.domain.split(".", maxsplit=1)[0],
        "appliesTo": sku.get("applies_to", "User"),
        "capabilityStatus": sku.get("status", "Enabled"),
        "consumedUnits": tenant.consumed(sku["sku_id"]),
        "id": f"{tenant.id}_{sku['sku_id']}",
        "prepaidUnits": units,
        "servicePlans": [_plan(plan, "Success") for plan in sku["service_plans"]],
        "skuId": sku["sku_id"],
        "skuPartNumber": sku["part_number"],
        "subscriptionIds": sorted({pool.subscription_id for pool in tenant.pools_of(sku["sku_id"])}),
    }


def shown_details(tenant: Tenant, user: dict) -> list[dict]:
    """The license details of a user: what is provisioned of each SKU held."""
    rows = []
    for held in shown_user(tenant, user)["assignedLicenses"]:
        sku = tenant.skus[held["skuId"]]
        plans = [_plan(plan, "Disabled" if plan["id"] in held["disabledPlans"] else "Success") for plan in sku["service_plans"]]
        rows.append({"id": f"{user['id']}_{sku['sku_id']}", "skuId": sku["sku_id"], "skuPartNumber": sku["part_number"], "servicePlans": plans})
    return rows


def _plan(plan: dict, status: str) -> dict:
    return {
        "appliesTo": plan.get("applies_to", "User"),
        "provisioningStatus": status,
        "servicePlanId": plan["id"],
        "servicePlanName": plan["name"],
    }
