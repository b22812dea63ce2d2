# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Graph would refuse and why, and what deserves a word of caution: one function for each."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Allotment, License, Principal, Sku


@dataclass(frozen=True)
class Finding:
    """A predicted refusal, or a caution. group_ids are the groups that the message would like to name."""

    code: str
    message: str
    is_refusal: bool = True
    group_ids: tuple[str, ...] = ()


def not_owned(sku: Sku) -> Finding:
    """The tenant does not own the SKU (graph-contract E7)."""
    return Finding("sku_not_owned", f"the tenant no longer owns SKU {sku.part_number}, so it can only be removed")


def not_assignable(sku: Sku) -> Finding | None:
    """The SKU is for the organization (graph-contract E8), or its subscription has ended."""
    if sku.applies_to.lower() != "user":
        text = f"SKU {sku.part_number} applies to the organization and cannot be assigned to a user"
        return Finding("sku_not_assignable", text)
    if sku.status.lower() not in ("enabled", "warning"):
        return Finding("sku_not_assignable", f"the subscription of SKU {sku.part_number} is {sku.status}: renew it before assigning the SKU")
    return None


def no_seats(principal: Principal, what: str, owned: int, used: int, seat_check: str) -> Finding:
    """Nobody can take another seat (graph-contract E2, noAvailableLicenses)."""
    text = f"no free seat of {what} for {principal.name}: {used} of {owned} are in use"
    if seat_check == "try":
        return Finding("no_seats", text + "; Graph decides, as seat_check is try", is_refusal=False)
    return Finding("no_seats", text + ". Free or buy a seat, or let Graph decide with seat_check: try")


def group_will_wait(pool: Allotment) -> Finding:
    """Members of the group for whom no unit is left are queued (graph-contract 2.1)."""
    text = f"allotment {pool.id} has {max(pool.free, 0)} free seats: members of the group beyond that wait until seats return"
    return Finding("members_wait", text, is_refusal=False)


def no_usage_location(principal: Principal) -> Finding:
    """No license without a usage location (graph-contract E1, invalidUsageLocation)."""
    text = f"{principal.name} has no usage location, and Graph assigns no license without one: give usage_location a country code"
    return Finding("usage_location_missing", text)


def inherited_only(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Finding:
    """What comes from a group cannot be removed from the user (graph-contract E6)."""
    groups, ids = _groups(principal, paths)
    if not ids:
        return origin_unknown(principal, sku)
    text = f"{principal.name} holds {sku.part_number} only through {groups}: remove the user from the group, or the license from the group"
    return Finding("inherited_only", text, group_ids=ids)


def still_inherited(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Finding:
    """The direct license goes, and the SKU stays (graph-contract 3.3); asked again, the task will say that it is only inherited."""
    groups, ids = _groups(principal, paths)
    text = f"{principal.name} loses the direct license of {sku.part_number}, but still holds it through {groups}"
    return Finding("still_inherited", text, is_refusal=False, group_ids=ids)


def already_inherited(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Finding:
    """The task asked to fail when the SKU is inherited."""
    groups, ids = _groups(principal, paths)
    text = f"{principal.name} holds {sku.part_number} already through {groups}, and inherited is fail"
    return Finding("already_inherited", text, group_ids=ids)


def license_in_error(principal: Principal, sku: Sku, path: License) -> Finding:
    """A license in state Error is not held (graph-contract 4.3)."""
    groups, ids = _groups(principal, (path,))
    origin = f"through {groups}" if ids else "direct"
    cause = _CAUSES.get((path.error or "").lower(), "see the error code")
    text = f"{sku.part_number} ({origin}) of {principal.name} is in state Error, {path.error}: {cause}. It does not count as held"
    return Finding("license_in_error", text, is_refusal=False, group_ids=ids)


def is_protected(sku: Sku, is_asked: bool) -> Finding:
    """A protected SKU is never removed: asking for it is refused, an exact list leaves it."""
    if is_asked:
        return Finding("protected", f"licenses.remove names {sku.part_number}, which protect forbids to remove: take it out of one of them")
    return Finding("protected", f"{sku.part_number} is not in licenses.set, but stays, as protect names it", is_refusal=False)


def too_many_removals(count: int, limit: int) -> Finding:
    """More removals than the task allows."""
    return Finding("too_many_removals", f"{count} licenses would be removed, and max_removals is {limit}")


def wrong_kind(pool: Allotment, kind: str) -> Finding:
    """The allotment is not for this kind of principal (graph-contract 4.5, invalidAssigneeType)."""
    allowed = " or ".join(sorted(pool.assignable_to - {"none"})) or "no principal"
    return Finding("not_assignable_to_kind", f"allotment {pool.id} of {pool.sku.part_number} can be assigned to {allowed}, not to a {kind}")


def pool_ended(pool: Allotment) -> Finding:
    """No subscription feeds the allotment any more."""
    states = ", ".join(sorted(set(pool.subscription_states)))
    text = f"the subscriptions of allotment {pool.id} of {pool.sku.part_number} are {states}: renew one, or choose another allotment"
    return Finding("sku_not_assignable", text)


def pool_unknown(assignment_id: str | None) -> Finding:
    """Graph may answer an assignment without its allotment (graph-contract 1.6, no. 12)."""
    text = f"Graph does not say which allotment assignment {assignment_id} draws on: it was left out of account"
    return Finding("allotment_unknown", text, is_refusal=False)


def origin_unknown(principal: Principal, sku: Sku, is_refusal: bool = True) -> Finding:
    """Graph lists the SKU as held, but not by which path: it must not be taken for direct."""
    text = (
        f"{principal.name} holds {sku.part_number}, but Graph does not say whether directly or through a group, "
        "so it stays as it is: try again later, or look at licenseAssignmentStates"
    )
    return Finding("origin_unknown", text, is_refusal)


def _groups(principal: Principal, paths: tuple[License, ...]) -> tuple[str, tuple[str, ...]]:
    ids = tuple(sorted({path.group_id for path in paths if path.group_id}))
    names = [f"{name} ({gid})" if (name := principal.group_names.get(gid, gid)) != gid else gid for gid in ids]
    if not ids:
        return "a path that Graph does not name", ids
    return ("group " if len(ids) == 1 else "groups ") + ", ".join(names), ids


_CAUSES = {
    "countviolation": "no seat is free, buy or free one",
    "mutuallyexclusiveviolation": "a service plan excludes one that is already on, turn one of them off",
    "dependencyviolation": "a service plan needs another one that is off",
    "prohibitedinusagelocationviolation": "a service plan is not offered in the user's usage location",
    "uniquenessviolation": "another object has the same proxy address",
}
