# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, groups, devices and subscribed SKUs, in the form in which Graph shows them (graph-contract 2.2)."""

from __future__ import annotations

from .groups import processing_state, shown_licenses
from .odata import Shape
from .tenant import Pool, Tenant, status_of

USER = Shape(
    "user",
    (
        "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage",
        "surname", "userPrincipalName", "id",
    ),
    (
        "accountEnabled", "assignedLicenses", "assignedPlans", "department", "isManagementRestricted",
        "licenseAssignmentStates", "provisionedPlans", "signInActivity",
        "usageLocation", "userType",
    ),
)  # fmt: skip
GROUP = Shape(
    "group",
    ("id", "displayName", "description", "groupTypes", "mailEnabled", "mailNickname", "securityEnabled"),
    ("assignedLicenses", "isAssignableToRole", "isManagementRestricted", "licenseProcessingState", "membershipRule", "onPremisesSyncEnabled"),
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
MEMBER = Shape("directoryObject", ("id", "displayName"), ("userPrincipalName",))
SUBSCRIPTION = Shape(
    "companySubscription",
    (
        "id", "commerceSubscriptionId", "createdDateTime", "isTrial", "nextLifecycleDateTime", "ownerId", "ownerTenantId", "ownerType",
        "serviceStatus", "skuId", "skuPartNumber", "status", "totalLicenses",
    ),
)  # fmt: skip
SINGLE_ONLY = {"aboutMe", "birthday", "hireDate", "interests", "mailboxSettings", "mySite", "pastProjects", "preferredName", "responsibilities", "skills"}
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
    plans = _plans_of(tenant, merged)
    shown = {"assignedLicenses": licenses, "licenseAssignmentStates": states, "assignedPlans": plans}
    provisioned = [{"capabilityStatus": "Enabled", "provisioningStatus": "Success", "service": plan["service"]} for plan in plans]
    return {**user, **shown, "provisionedPlans": provisioned}


def _plans_of(tenant: Tenant, merged: dict[str, set[str]]) -> list[dict]:
    """The service plans that are on."""
    on = {plan["id"]: plan["name"] for sku_id, off in merged.items() for plan in tenant.skus[sku_id]["service_plans"] if plan["id"] not in off}
    return [
        {"assignedDateTime": "2026-01-01T00:00:00Z", "capabilityStatus": "Enabled", "service": name, "servicePlanId": plan_id} for plan_id, name in on.items()
    ]


def license_states(tenant: Tenant, user: dict) -> list[dict]:
    """One row for each path; several direct claims on one SKU show as one (graph-contract 10, no. 27)."""
    rows: dict[tuple[str, str | None], dict] = {}
    for claim, group_id in tenant.paths_of(user["id"]):
        pool = tenant.pools[claim.pool_id]
        error = "None" if user["id"] in pool.seats else "CountViolation"
        error = tenant.blocked.get((group_id or "", user["id"]), error)
        row = rows.setdefault(
            (pool.sku_id, group_id),
            {
                "assignedByGroup": group_id,
                "disabledPlans": list(claim.disabled),
                "error": error,
                "lastUpdatedDateTime": "2026-01-01T00:00:00Z",
                "skuId": pool.sku_id,
                "state": "Active" if error == "None" else "Error",
            },
        )
        row["disabledPlans"] = [plan_id for plan_id in row["disabledPlans"] if plan_id in claim.disabled]
    return list(rows.values())


def shown_group(tenant: Tenant, group: dict) -> dict:
    """A group with its licenses and their processing state. hasMembersWithLicenseErrors is for filters only."""
    rows = [{"skuId": sku_id, "disabledPlans": list(off)} for sku_id, off in shown_licenses(tenant, group["id"]).items()]
    has_errors = any(tenant.group_error(group["id"], user_id) for user_id in tenant.members[group["id"]])
    state = {"state": processing_state(tenant, group["id"])}
    return {**group, "assignedLicenses": rows, "licenseProcessingState": state, "hasMembersWithLicenseErrors": has_errors}


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
        "capabilityStatus": status_of(sku),
        "consumedUnits": tenant.consumed(sku["sku_id"]),
        "id": f"{tenant.id}_{sku['sku_id']}",
        "prepaidUnits": units,
        "servicePlans": [_plan(plan, "Success") for plan in sku["service_plans"]],
        "skuId": sku["sku_id"],
        "skuPartNumber": sku["part_number"],
        "subscriptionIds": sorted({pool.subscription_id for pool in tenant.pools_of(sku["sku_id"])}),
    }


def shown_subscription(tenant: Tenant, pool: Pool) -> dict:
    """The commercial subscription that feeds a pool."""
    sku = tenant.skus[pool.sku_id]
    return {
        "id": pool.subscription_id,
        "commerceSubscriptionId": pool.subscription_id,
        "createdDateTime": "2026-01-01T00:00:00Z",
        "isTrial": False,
        "nextLifecycleDateTime": "2027-01-01T00:00:00Z",
        "ownerId": None,
        "ownerTenantId": tenant.id,
        "ownerType": "User",
        "serviceStatus": [_plan(plan, "Success") for plan in sku["service_plans"]],
        "skuId": sku["sku_id"],
        "skuPartNumber": sku["part_number"],
        "status": status_of(sku),
        "totalLicenses": pool.units,
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
