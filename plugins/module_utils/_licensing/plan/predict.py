# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predict what Graph rejects and why, and what needs a warning: one function for each."""

from __future__ import annotations

from collections.abc import Iterable

from ..._errors import Problem, first_of
from ..model import Allotment, Assignment, Group, License, Principal, Sku

_NAMED = 10  # users that a text names at most


def not_owned(sku: Sku) -> Problem:
    """The tenant does not own the SKU (graph-contract E7)."""
    return Problem(f"the tenant no longer owns SKU {sku.part_number}", "it can only be removed", "sku_not_owned")


def nothing_to_remove(principal: Principal, sku: Sku) -> Problem:
    """An id that the tenant does not own and the principal does not hold: an old entry, or a mistyped one."""
    cause = f"the tenant does not own SKU {sku.part_number}, and {principal.name} does not hold it, so there is nothing to remove"
    return Problem(cause, "check the id, or take it out", "sku_not_owned", severity="warning")


def not_assignable(sku: Sku) -> Problem | None:
    """The SKU is for the organization (graph-contract E8), or its subscription has ended."""
    if sku.applies_to == "Allotment":
        cause = f"SKU {sku.part_number} can be assigned from an allotment only, as the tenant has no subscription of it"
        return Problem(cause, "name it under allotments", "sku_not_assignable")
    if sku.applies_to.lower() != "user":
        cause = f"SKU {sku.part_number} applies to the organization and cannot be assigned to a user"
        return Problem(cause, "leave it out", "sku_not_assignable")
    if sku.status.lower() not in ("enabled", "warning"):
        return Problem(f"the subscription of SKU {sku.part_number} is {sku.status}", "renew it before assigning the SKU", "sku_not_assignable")
    return None


def unassignable(sku: Sku) -> Problem | None:
    """Why the SKU can be assigned to no user at all."""
    return not_assignable(sku) if sku.is_owned else not_owned(sku)


def no_seats(what: str, owned: int, used: int, seat_check: str, planned: int = 0) -> Problem:
    """No user can take another seat (graph-contract E2, noAvailableLicenses). planned are those that the run itself assigns, less those that it frees."""
    cause = f"no free seat of {what} ({used} of {owned} in use{f', {planned} more by this run' if planned > 0 else ''})"
    if seat_check == "try":
        return Problem(cause, "Graph decides, as seat_check is try", "no_seats", severity="warning")
    return Problem(cause, "buy or free a seat, or set seat_check: try", "no_seats")


def alternative_taken(first: Sku, taken: Sku, is_preferred: bool) -> Problem:
    """The first choice cannot be assigned, or has no seat left. With prefer: first, the next run checks again."""
    problem = unassignable(first)
    cause = f"{problem.cause if problem else f'no seat of {first.part_number} is free'}, so the alternative {taken.part_number} replaces it"
    return Problem(cause + (" for now" if is_preferred else ""), code="alternative_taken", severity="warning")


def keep_not_held(principal: Principal, name: str) -> Problem:
    """A leaver does not hold the SKU that keep names."""
    return Problem(f"{principal.name} does not hold {name}, so keep has no effect", "check which SKU is meant", "keep_not_held", "warning")


def seats_in_grace(sku: Sku) -> Problem | None:
    """The seats that are left belong to a subscription that has expired and is in its days of grace (graph-contract 10, no. 29)."""
    if not sku.is_owned or sku.seats.free < 1 or sku.seats.consumed < sku.seats.enabled:
        return None
    cause = f"the free seats of {sku.part_number} belong to a subscription that has expired: {sku.seats.warning} seats are in warning"
    return Problem(cause, "renew it before they end", "seats_in_grace", "warning")


def all_seats_go(principal: Principal, sku: Sku, allotment_ids: list[str]) -> Problem:
    """With a direct license, Graph removes every assignment of the SKU (graph-contract 3.4)."""
    cause = f"all {len(allotment_ids)} seats of {sku.part_number} are removed from {principal.name} with the direct license: {' and '.join(allotment_ids)}"
    return Problem(cause, "name the allotment to keep in the profile", "all_seats_go", "warning")


def members_not_manageable(group: Group) -> Problem:
    """A rule or another directory determines the members of the group, and they are changed there (graph-contract 12, no. 2)."""
    cause = f"the members of group {group.name} cannot be changed here, as {group.managed_by}"
    return Problem(cause, "change them there, or name another group", "members_not_manageable")


def no_seats_any_more(name: str) -> Problem:
    """Graph had no seat of the same SKU for an earlier principal of the list: no further request is sent for it."""
    return Problem(f"no request was sent for {name}, as Graph has no seat of the SKU left", "buy or free seats, then run the task again", "no_seats")


def members_wait(principal: Principal, what: str, free: int, members: int) -> Problem:
    """Members of a group without a free seat get no license, or queue (graph-contract 2.1, 4.3 CountViolation)."""
    cause = f"{what} has {max(free, 0)} free seats, and {principal.name} has {members} members; surplus members get no license unless they hold it otherwise"
    return Problem(cause, "buy or free seats", "members_wait", severity="warning")


def no_usage_location() -> Problem:
    """No license without a usage location (graph-contract E1, invalidUsageLocation)."""
    cause = "no usage location is set, and Graph assigns no license without one"
    return Problem(cause, "set usage_location to a country code", "usage_location_missing")


def service_plans_not_listed(principal: Principal, sku: Sku, names: list[str], is_allowing: bool) -> Problem:
    """A list is the whole list, and service plans change that it does not name. is_allowing is for enabled_plans, else it is disabled_plans."""
    option, now, remedy = (
        ("enabled_plans", "on", "name what must stay on; the rest is turned off")
        if is_allowing
        else ("disabled_plans", "off", "name what must stay off, or set plans_mode: merge")
    )
    cause = (
        f"{option} does not name {' and '.join(names)} of {sku.part_number}, {now} for {principal.name} until now{' and possibly new' if is_allowing else ''}"
    )
    return Problem(cause, remedy, "plans_not_listed", severity="warning")


def inherited_only(principal: Principal, sku: Sku, paths: tuple[License, ...], is_error: bool = True) -> Problem:
    """A license that is inherited from a group cannot be removed from the user (graph-contract E6)."""
    groups, ids = _groups(principal, paths)
    if not ids:
        return origin_unknown(principal, sku)
    cause = f"{principal.name} holds {sku.part_number} only through {groups}"
    remedy = "remove the user from the group, or the license from the group"
    return Problem(cause, remedy, "inherited_only", "error" if is_error else "warning", group_ids=ids)


def still_inherited(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Problem:
    """The direct license is removed, and the user still inherits the SKU (graph-contract 3.3). The next run reports it as inherited only."""
    groups, ids = _groups(principal, paths)
    cause = f"the direct license of {sku.part_number} is removed from {principal.name}, who still holds it through {groups}"
    return Problem(cause, code="still_inherited", severity="warning", group_ids=ids)


def only_working_copy(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Problem:
    """The direct license is removed, and the license of the group is in state Error (graph-contract 4.3)."""
    groups, ids = _groups(principal, paths)
    cause = f"the direct license of {sku.part_number} is removed from {principal.name}, and the one through {groups} is in state Error ({paths[0].error})"
    return Problem(cause, "correct the license of the group, then reprocess", "only_working_copy", "warning", group_ids=ids)


def already_inherited(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Problem:
    """The user inherits the SKU, and inherited is fail."""
    groups, ids = _groups(principal, paths)
    cause = f"{principal.name} holds {sku.part_number} already through {groups}, and inherited is fail"
    return Problem(cause, "leave the SKU out, or set inherited to assign or accept", "already_inherited", group_ids=ids)


def license_in_error(principal: Principal, sku: Sku, path: License) -> Problem:
    """A license in state Error is not held (graph-contract 4.3)."""
    groups, ids = _groups(principal, (path,))
    origin = f"through {groups}" if ids else "direct"
    cause, remedy = error_of(path.error)
    text = f"{sku.part_number} ({origin}) of {principal.name} is in state Error and does not count as held, as {cause} ({path.error})"
    return Problem(text, remedy, "license_in_error", severity="warning", group_ids=ids)


def stays_on(principal: Principal, sku: Sku, group_id: str, group: str, names: list[str]) -> Problem:
    """Service plans that must be off and that a group turns on: one path is enough (graph-contract 3.3)."""
    cause = f"service plans {', '.join(names)} of {sku.part_number} must be off, but group {group} keeps them on for {principal.name}"
    return Problem(cause, "turn them off in the group", "plans_stay_on", "warning", group_ids=(group_id,))


def is_protected(sku: Sku, is_asked: bool) -> Problem:
    """A protected SKU is never removed: naming it for removal is an error, an exact list keeps it."""
    if is_asked:
        return Problem(f"{sku.part_number} cannot be removed, as protect names it", "delete it from remove or from protect", "protected")
    return Problem(f"{sku.part_number} is not in licenses.set, but is kept, as protect names it", code="protected", severity="warning")


def too_many_removals(count: int, limit: int | str, losers: Iterable[str] = (), replaced: int = 0) -> Problem:
    """More removals than the task allows. losers are users with what is removed from them, replaced the licenses that are replaced and not counted."""
    what = "1 license" if count == 1 else f"{count} licenses"
    apart = f" without replacement ({replaced} more {'is' if replaced == 1 else 'are'} replaced)" if replaced else ""
    first = first_of(list(losers), _NAMED, "; ", "; and ")
    cause = f"{what} would be removed{apart}, and max_removals is {limit}" + (f" ({first})" if first else "")
    return Problem(cause, "if these removals are intended, raise max_removals", "too_many_removals")


def not_listed_any_more(names: list[str]) -> Problem:
    """A user who is deleted from the list keeps everything: what is not mentioned does not change."""
    who = "1 user of the last run is" if len(names) == 1 else f"{len(names)} users of the last run are"
    cause = f"{who} not in the list any more, with all licenses kept: {first_of(names, _NAMED)}"
    return Problem(cause, "to remove the licenses of a leaver, keep the entry and give last_day", "not_listed", severity="warning", where="users")


def group_not_security_enabled(group: Principal) -> Problem:
    """Only security-enabled groups can have licenses (graph-contract 3.3)."""
    cause = f"group {group.name} is not security enabled, and Graph assigns no licenses to such a group"
    return Problem(cause, "use a security group, or a Microsoft 365 group with securityEnabled", "group_not_security_enabled")


def group_role_assignable(group: Principal) -> Problem:
    """Microsoft's pages differ on whether a group that can carry directory roles can have licenses (graph-contract 12, no. 2)."""
    cause = f"group {group.name} can carry directory roles (isAssignableToRole), and Graph may reject licenses for it"
    return Problem(cause, "use another group for licenses", "group_role_assignable", severity="warning")


def nested_groups(group: Principal, names: tuple[str, ...]) -> Problem:
    """The members of groups nested in a licensed group get no license (graph-contract 3.3)."""
    cause = f"the members of {' and '.join(names)}, nested in group {group.name}, get no license, as group-based licensing ignores nested groups"
    return Problem(cause, "add them to the group directly", "nested_groups", severity="warning")


def wrong_kind(pool: Allotment, kind: str) -> Problem:
    """The allotment is not for this kind of principal (graph-contract 4.5, invalidAssigneeType)."""
    allowed = " or ".join(sorted(pool.assignable_to - {"none"})) or "no principal"
    cause = f"allotment {pool.id} of {pool.sku.part_number} can be assigned to {allowed}, not to a {kind}"
    return Problem(cause, "choose another allotment", "not_assignable_to_kind")


def pool_ended(pool: Allotment) -> Problem:
    """No subscription feeds the allotment any more."""
    states = ", ".join(sorted({sub.state for sub in pool.subscriptions}))
    cause = f"the subscriptions of allotment {pool.id} of {pool.sku.part_number} are {states}"
    return Problem(cause, "renew one, or choose another allotment", "sku_not_assignable")


def allotment_ambiguous(sku: Sku, allotments: list[Allotment], where: str) -> Problem:
    """Several allotments could serve, and no option selects one."""
    listed = ", ".join(f"{one.id} ({one.free} of {one.allotted} seats free)" for one in sorted(allotments, key=lambda one: one.id))
    cause = f"{len(allotments)} allotments of {sku.part_number} could serve: {listed}"
    return Problem(cause, "name one with allotment or subscription_id, or set allotment_choice: most_available", "allotment_ambiguous", where=where)


def held_in_ended_pool(principal: Principal, sku: Sku, held: Assignment, is_exclusive: bool) -> Problem:
    """An assignment on an allotment that no subscription feeds any more does not count as held: another one is created."""
    cause = f"{principal.name} holds {sku.part_number} in allotment {held.allotment_id}, whose subscription has ended, and is assigned a seat of another one"
    remedy = None if is_exclusive else "remove the old assignment with exclusive: true"
    return Problem(cause, remedy, "held_in_ended_allotment", severity="warning")


def only_in_ended_pool(principal: Principal, sku: Sku, held: Assignment) -> Problem:
    """The assignment has no effect: no subscription feeds its allotment, and there is no other allotment to draw on."""
    cause = f"{principal.name} holds {sku.part_number} only in allotment {held.allotment_id}, whose subscription has ended"
    return Problem(cause, "renew the subscription, or name another allotment", "held_in_ended_allotment", severity="warning")


def pool_unknown(assignment_id: str | None) -> Problem:
    """Graph may answer an assignment without its allotment (graph-contract 1.6, no. 12)."""
    cause = f"Graph does not say which allotment assignment {assignment_id} draws on, so it was ignored"
    return Problem(cause, code="allotment_unknown", severity="warning")


def second_seat(principal: Principal, pool: Allotment, others: tuple[str, ...]) -> Problem:
    """A principal that two allotments reach takes a seat of each (graph-contract 2.1)."""
    cause = f"{principal.name} has a seat of {pool.sku.part_number} in allotment {' and '.join(others)} already, and takes a second one in {pool.id}"
    return Problem(cause, "keep only one (exclusive: true of cloud_license_assignment), unless both are intended", "second_seat", severity="warning")


def assignment_unseen(principal: Principal, pool: Allotment) -> Problem:
    """What a seat replaces can be deleted only by the id of its assignment (graph-contract 3.4)."""
    cause = f"{principal.name} holds {pool.sku.part_number} directly, and Graph does not show the assignment behind it, which a seat of {pool.id} replaces"
    return Problem(cause, "keep the direct license in the profile, or remove it first", "assignment_unseen")


def both_apis(principal: Principal, pool: Allotment) -> Problem:
    """assignLicense and cloudLicensing act on the same licenses (graph-contract 3.4)."""
    cause = f"{principal.name} holds {pool.sku.part_number} outside the allotments, as assignLicense assigns it, and takes a second seat in {pool.id}"
    return Problem(cause, "use only one of the two APIs for this SKU of the principal", "both_apis", severity="warning")


def origin_unknown(principal: Principal, sku: Sku, is_error: bool = True) -> Problem:
    """Graph lists the SKU as held, but not by which path. It must not be treated as direct."""
    cause = f"{principal.name} holds {sku.part_number}, but Graph does not say whether directly or through a group, so it is not changed"
    return Problem(cause, "try again later, or check licenseAssignmentStates of the user in Graph", "origin_unknown", "error" if is_error else "warning")


def rights_unreadable(principal: Principal) -> Problem:
    """Without usage rights, what is on and which seats are taken by other paths is not known (graph-contract U9)."""
    cause = f"the usage rights of {principal.name} cannot be read, so the dry run cannot predict whether service plans conflict or a second seat is taken"
    return Problem(cause, "grant the permission to read them", "rights_unreadable", severity="warning")


def error_of(code: str | None) -> tuple[str, str]:
    """Cause and remedy of a license error (graph-contract 4.3) or of a code of assignmentErrors (4.4), of which there is no list."""
    for start, cause, remedy in _ERRORS:
        if start in (code or "").lower():
            return cause, remedy
    return "Graph reports an undocumented error", "look up the code, or ask Microsoft's support"


def _groups(principal: Principal, paths: tuple[License, ...]) -> tuple[str, tuple[str, ...]]:
    ids = tuple(sorted({path.group_id for path in paths if path.group_id}))
    names = [f"{name} ({gid})" if (name := principal.group_names.get(gid, gid)) != gid else gid for gid in ids]
    if not ids:
        return "a path that Graph does not name", ids
    return ("group " if len(ids) == 1 else "groups ") + ", ".join(names), ids


# part of the code, cause, remedy
_ERRORS = (
    ("countviolation", "no seat is free", "buy or free one; Graph then tries again by itself"),
    ("mutuallyexclusive", "a service plan excludes one that is on already", "turn one of them off, or remove one of the SKUs, then reprocess"),
    ("dependency", "a service plan needs another one that is off", "turn that one on, then reprocess"),
    ("usagelocation", "a service plan is not offered in the usage location", "turn it off, or correct the usage location"),
    ("uniqueness", "another object has the same proxy address", "remove the address from one of them, then reprocess"),
    ("proxyaddress", "another object has the same proxy address", "remove the address from one of them, then reprocess"),
)
