# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Group-based licensing: accepted immediately, processed in the background, and rejected for single members (graph-contract 3.3, 4.3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from .classic import check_plans, check_sku, free_pool, parsed
from .errors import Rejection, rejection
from .tenant import Claim, Job, Tenant

PLAN_ERRORS = {"mutually exclusive": "MutuallyExclusiveViolation", "depends on": "DependencyViolation"}


def assign_group_license(tenant: Tenant, group: dict, body: dict, reads: int) -> None:
    """Accept a change of a group's licenses, which reaches members after some reads, or reject it as a whole."""
    add, remove = parsed(body)
    if not group["securityEnabled"]:
        raise Rejection(400, "Request_BadRequest", "Licenses cannot be assigned to a group that is not security enabled.")
    if group["isAssignableToRole"]:
        raise Rejection(400, "Request_BadRequest", "Licenses cannot be assigned to a role-assignable group.")
    for sku_id, disabled in add.items():
        check_sku(tenant, sku_id, disabled)
        free_pool(tenant, sku_id, "group")
    held = shown_licenses(tenant, group["id"])
    for sku_id in remove:
        if sku_id not in held:
            raise rejection("E5") if sku_id in tenant.skus else rejection("E7", sku=sku_id)
    wanted = {**{sku_id: off for sku_id, off in held.items() if sku_id not in remove}, **add}
    job = Job(reads, wanted, lambda: _finish(tenant, group["id"], wanted))
    tenant.jobs[group["id"]] = job
    if reads <= 0:
        del tenant.jobs[group["id"]]
        job.finish()


def shown_licenses(tenant: Tenant, group_id: str) -> dict[str, list[str]]:
    """The licenses of a group, including those that are still processed: SKU and disabled service plans."""
    if group_id in tenant.jobs:
        return tenant.jobs[group_id].licenses
    return {tenant.sku_of(claim)["sku_id"]: list(claim.disabled) for claim in tenant.claims_of(group_id)}


def processing_state(tenant: Tenant, group_id: str) -> str:
    """The processing state of a group."""
    job = tenant.jobs.get(group_id)
    if job is None:
        return "ProcessingComplete"
    return "ProcessingInProgress" if job.left <= 1 else "QueuedForProcessing"


def reprocess_user(tenant: Tenant, user: dict) -> None:
    """Reprocess a user's group licenses. Raises the error that blocks one of them, as Graph does."""
    refused: Rejection | None = None
    for group_id in tenant.groups_of(user["id"]):
        try:
            _check_member(tenant, group_id, user)
        except Rejection as error:
            refused = error
    for pool in tenant.pools.values():
        tenant.allot(pool)
    if refused:
        raise refused


def _finish(tenant: Tenant, group_id: str, wanted: dict[str, list[str]]) -> None:
    claims = {tenant.sku_of(claim)["sku_id"]: claim for claim in tenant.claims_of(group_id)}
    for sku_id, claim in claims.items():
        if sku_id not in wanted:
            tenant.delete_claim(claim)
    for sku_id, disabled in wanted.items():
        if sku_id in claims:
            claims[sku_id].disabled = tuple(disabled)
        else:
            tenant.add_claim(free_pool(tenant, sku_id, "group"), "group", group_id, disabled)
    recheck(tenant, group_id)


def recheck(tenant: Tenant, group_id: str) -> None:
    """Check every member again after the licenses of the group have changed."""
    for user_id in tenant.members[group_id]:
        try:
            _check_member(tenant, group_id, tenant.users[user_id])
        except Rejection:
            continue
    for pool in tenant.pools.values():
        tenant.allot(pool)


def add_members(tenant: Tenant, group_id: str, user_ids: list[str]) -> None:
    """Add users to a group, all or none, and assign them its licenses."""
    check_static(tenant, group_id)
    if set(user_ids) & set(tenant.members[group_id]):
        raise rejection("member")
    for user_id in dict.fromkeys(user_ids):
        tenant.add_member(group_id, user_id)
        with contextlib.suppress(Rejection):
            _check_member(tenant, group_id, tenant.users[user_id])
    for claim in tenant.claims_of(group_id):
        tenant.allot(tenant.pools[claim.pool_id])


def check_static(tenant: Tenant, group_id: str) -> None:
    """Reject changes of members that a rule determines."""
    if tenant.groups[group_id]["groupTypes"]:
        raise rejection("dynamic")


def _check_member(tenant: Tenant, group_id: str, user: dict) -> None:
    """Block a member that cannot have a group's licenses, or unblock it. One SKU that fails blocks all licenses of the group."""
    tenant.blocked.pop((group_id, user["id"]), None)
    claims = tenant.claims_of(group_id)
    own = [(tenant.sku_of(claim)["sku_id"], claim.disabled) for claim in claims]
    others = [(sku_id, off) for sku_id, off, through in tenant.effective_paths(user["id"]) if through != group_id]
    code = _location_error(tenant, user, claims) or ("UniquenessViolation" if user["proxy_clash"] and own else None)
    try:
        if code is None:
            check_plans(tenant, others, [*others, *own])
    except Rejection as error:
        code = next(name for text, name in PLAN_ERRORS.items() if text in error.message)
        tenant.blocked[group_id, user["id"]] = code
        raise
    if code:
        tenant.blocked[group_id, user["id"]] = code


def _location_error(tenant: Tenant, user: dict, claims: Iterable[Claim]) -> str | None:
    """The error of a service plan that is not offered in the usage location of the user, else in the country of the tenant."""
    location = user["usageLocation"] or tenant.country
    on = tenant.enabled_plans((tenant.sku_of(claim)["sku_id"], claim.disabled) for claim in claims)
    banned = {tenant.plan_ids[name] for name, places in tenant.prohibited.items() if location in places and name in tenant.plan_ids}
    return "ProhibitedInUsageLocationViolation" if on & banned else None
