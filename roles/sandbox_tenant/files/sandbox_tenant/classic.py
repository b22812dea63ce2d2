# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""assignLicense for users: checked as a whole, carried out as a whole (graph-contract 3.3, 3.4, 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import rejection
from .tenant import Claim, Pool, Tenant, status_of

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def assign_license(tenant: Tenant, user: dict, body: dict, location: str | None) -> None:
    """Add and remove direct licenses of a user, or reject the call and change nothing. location is the usage location that Graph sees."""
    add, remove = parsed(body)
    for sku_id, disabled in add.items():
        check_sku(tenant, sku_id, disabled)
    if add and not location:
        raise rejection("E1")
    gone = [claim for sku_id in remove for claim in _removable(tenant, user, sku_id)]
    pools = {sku_id: _pool_for(tenant, user, sku_id) for sku_id in add if not _direct(tenant, user, sku_id)}
    before = [(sku_id, off) for sku_id, off, dummy in tenant.effective_paths(user["id"])]
    check_plans(tenant, before, _paths_after(tenant, user, add, remove))
    if user["proxy_clash"] and any(has_mailbox(tenant, sku_id, off) for sku_id, off in add.items()):
        raise rejection("E14")
    for claim in gone:
        tenant.delete_claim(claim)
    for sku_id, disabled in add.items():
        for claim in _direct(tenant, user, sku_id):
            claim.disabled = tuple(disabled)
        if sku_id in pools:
            tenant.add_claim(pools[sku_id], "user", user["id"], disabled)


Paths = Iterable[tuple[str, Iterable[str]]]


def check_plans(tenant: Tenant, before: Paths, after: Paths) -> None:
    """Reject service plans that exclude each other or lack what they need, unless they did so before."""
    old, new = tenant.enabled_plans(before), tenant.enabled_plans(after)
    clash = excluding_plans(tenant, old, new)
    if clash:
        raise rejection("E3", plans=",".join(clash))
    for name, choices in tenant.needs.items():
        plan_id, needed = tenant.plan_ids.get(name, ""), [tenant.plan_ids[choice] for choice in choices if choice in tenant.plan_ids]
        if _lacks(plan_id, needed, new) and not _lacks(plan_id, needed, old):
            raise rejection("E4", plan=plan_id, needs=",".join(needed))


def _lacks(plan_id: str, needed: list[str], on: set[str]) -> bool:
    return plan_id in on and on.isdisjoint(needed)


def excluding_plans(tenant: Tenant, old: set[str], new: set[str]) -> list[str]:
    """The ids of service plans that are on and exclude each other, and did not before; the first such pair, or nothing."""
    for pair in tenant.excludes:
        ids = [tenant.plan_ids[name] for name in pair if name in tenant.plan_ids]
        if len(ids) == len(pair) and new.issuperset(ids) and not old.issuperset(ids):
            return ids
    return []


def parsed(body: dict) -> tuple[dict[str, list[str]], list[str]]:
    """What to add, with what is off, and what to remove; or an error of the form (graph-contract E10 to E12)."""
    missing = [name for name in ("addLicenses", "removeLicenses") if name not in body]
    if missing:
        raise rejection("E11", names=", ".join(missing))
    if not all(isinstance(body[name], list) for name in ("addLicenses", "removeLicenses")):
        raise rejection("body")
    if not all(isinstance(entry, dict) and isinstance(entry.get("disabledPlans") or [], list) for entry in body["addLicenses"]):
        raise rejection("body")
    if not body["addLicenses"] and not body["removeLicenses"]:
        raise rejection("E12")
    add: dict[str, list[str]] = {}
    remove = [_guid(sku_id) for sku_id in body["removeLicenses"]]
    for entry in body["addLicenses"]:
        sku_id = _guid(entry.get("skuId"))
        if sku_id in add or sku_id in remove:
            raise rejection("duplicate_sku", sku=sku_id)
        add[sku_id] = [_guid(plan_id) for plan_id in entry.get("disabledPlans") or []]
    if len(set(remove)) < len(remove):
        raise rejection("duplicate_sku", sku=remove[0])
    return add, remove


def _guid(value: object) -> str:
    if not isinstance(value, str) or not _GUID.fullmatch(value):
        raise rejection("E10")
    return value.lower()


def check_sku(tenant: Tenant, sku_id: str, disabled: list[str]) -> None:
    """Reject a SKU that cannot be assigned, and service plans that are not part of it (graph-contract E7 to E9)."""
    sku = tenant.skus.get(sku_id)
    if sku is None or status_of(sku) not in ("Enabled", "Warning"):
        raise rejection("E7", sku=sku_id)
    if sku.get("applies_to", "User") != "User":
        raise rejection("E8", sku=sku_id)
    known = {plan["id"] for plan in sku["service_plans"]}
    for plan_id in disabled:
        if plan_id not in known:
            raise rejection("E9", plan=plan_id, sku=sku_id)


def _direct(tenant: Tenant, user: dict, sku_id: str) -> list[Claim]:
    return [claim for claim in tenant.claims_of(user["id"]) if tenant.pools[claim.pool_id].sku_id == sku_id]


def _removable(tenant: Tenant, user: dict, sku_id: str) -> list[Claim]:
    claims = _direct(tenant, user, sku_id)
    if claims:
        return claims
    if any(tenant.sku_of(claim)["sku_id"] == sku_id for claim, dummy in tenant.paths_of(user["id"])):
        raise rejection("E6")
    raise rejection("E5") if sku_id in tenant.skus else rejection("E7", sku=sku_id)


def free_pool(tenant: Tenant, sku_id: str, kind: str) -> Pool:
    """A pool for a kind of principal, one with a free seat if there is one."""
    pools = [pool for pool in tenant.pools_of(sku_id) if kind in pool.assignable_to.split(",")]
    if not pools:
        raise rejection("E2", sku=sku_id)
    return next((pool for pool in pools if pool.free > 0), pools[0])


def _pool_for(tenant: Tenant, user: dict, sku_id: str) -> Pool:
    """A pool in which the user already has a seat, else one with a free seat."""
    for pool in tenant.pools_of(sku_id):
        if user["id"] in pool.seats and "user" in pool.assignable_to.split(","):
            return pool
    pool = free_pool(tenant, sku_id, "user")
    if pool.free < 1:
        raise rejection("E2", sku=sku_id)
    return pool


def _paths_after(tenant: Tenant, user: dict, add: dict[str, list[str]], remove: list[str]) -> Paths:
    for sku_id, off, group_id in tenant.effective_paths(user["id"]):
        if group_id or (sku_id not in add and sku_id not in remove):
            yield sku_id, off
    yield from add.items()


def has_mailbox(tenant: Tenant, sku_id: str, disabled: Iterable[str]) -> bool:
    """Whether a license makes a mailbox."""
    plans = tenant.skus[sku_id]["service_plans"]
    return any(plan["name"] in ("EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_STANDARD") and plan["id"] not in disabled for plan in plans)
