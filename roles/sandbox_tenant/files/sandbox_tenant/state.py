# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state dump of the tenant, read from the store and not over the API, for tests."""

from __future__ import annotations

from .directory import license_states
from .tenant import Tenant


def state_of(tenant: Tenant) -> dict:
    """The tenant in names."""
    names = {plan["id"]: plan["name"] for sku in tenant.skus.values() for plan in sku["service_plans"]}
    parts = {sku_id: sku["part_number"] for sku_id, sku in tenant.skus.items()}
    return {
        "users": {user["userPrincipalName"]: _user(tenant, user, names, parts) for user in tenant.users.values()},
        "assignments": [
            {
                "id": claim.id,
                "allotment": claim.pool_id,
                "sku": parts[tenant.pools[claim.pool_id].sku_id],
                "holder": claim.holder_id,
                "off": sorted(names[off] for off in claim.disabled),
            }
            for claim in tenant.claims.values()
        ],
        "seats_used": {parts[sku_id]: tenant.consumed(sku_id) for sku_id in parts},
        "allotments": {
            pool.id: {"sku": parts[pool.sku_id], "units": pool.units, "used": len(pool.seats)} for pool in tenant.pools.values() if not pool.is_hidden
        },
        "groups": {group["id"]: group["displayName"] for group in tenant.groups.values()},
        "members": {group_id: sorted(tenant.users[user_id]["userPrincipalName"] for user_id in members) for group_id, members in tenant.members.items()},
        "devices": {device["displayName"]: device["id"] for device in tenant.devices.values()},
    }


def _user(tenant: Tenant, user: dict, names: dict[str, str], parts: dict[str, str]) -> dict:
    rows = [
        {"sku": parts[row["skuId"]], "group": row["assignedByGroup"], "state": row["state"], "off": sorted(names[off] for off in row["disabledPlans"])}
        for row in license_states(tenant, user)
    ]
    return {"id": user["id"], "usage_location": user["usageLocation"], "licenses": rows}
