# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predict what Graph rejects and why, and what needs a warning: one function for each."""

from __future__ import annotations

from ..._errors import Problem
from ..model import Allotment, Assignment, Group, License, Principal, Sku


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
    cause = f"no free seat of {what}: {used} in use{f', {planned} more by this run' if planned > 0 else ''}, of {owned}"
    if seat_check == "try":
        return Problem(cause, "Graph decides, as seat_check is try", "no_seats", severity="warning")
    return Problem(cause, "free or buy a seat, or let Graph decide with seat_check: try", "no_seats")


def alternative_taken(first: Sku, taken: Sku, is_preferred: bool) -> Problem:
    """What comes first cannot be assigned, or has no seat left. With prefer: first, the next run looks again."""
    problem = unassignable(first)
    cause = f"{problem.cause if problem else f'no seat of {first.part_number} is free'}, so the alternative {taken.part_number} stands in for it"
    return Problem(cause + (" until one is" if is_preferred else ""), code="alternative_taken", severity="warning")


def keep_not_held(principal: Principal, name: str) -> Problem:
    """A leaver is to keep what is not there to be kept."""
    return Problem(f"{principal.name} does not hold {name}, so keep has no effect", "check which SKU is meant", "keep_not_held", "warning")


def seats_in_grace(sku: Sku) -> Problem | None:
    """The seats that are left belong to a subscription that has expired and is in its days of grace (graph-contract 10, no. 29)."""
    if not sku.is_owned or sku.seats.free < 1 or sku.seats.consumed < sku.seats.enabled:
        return None
    cause = f"the free seats of {sku.part_number} are of a subscription that has expired: {sku.seats.warning} seats are in warning"
    return Problem(cause, "renew it before they end", "seats_in_grace", "warning")


def all_seats_go(principal: Principal, sku: Sku, allotment_ids: list[str]) -> Problem:
    """With a direct license, Graph removes every assignment of the SKU (graph-contract 3.4)."""
    cause = f"{principal.name} loses all {len(allotment_ids)} seats of {sku.part_number} with the direct license: {' and '.join(allotment_ids)}"
    return Problem(cause, "name the allotment that is to stay in the profile", "all_seats_go", "warning")


def members_not_manageable(group: Group) -> Problem:
    """The members of a group that a rule chooses, or that another directory has, are changed there (graph-contract 12, no. 2)."""
    cause = f"the members of group {group.name} cannot be changed here, as {group.managed_by}"
    return Problem(cause, "change them there, or name another group", "members_not_manageable")


def no_seats_any_more(name: str) -> Problem:
    """Graph has refused an earlier principal of the list a seat of the same SKU: nobody else is sent there."""
    return Problem(f"{name} was not sent, as Graph has no seat of that SKU any more", "free or buy seats, then run the task again", "no_seats")


def members_wait(principal: Principal, what: str, free: int, members: int) -> Problem:
    """Members of a group for whom no seat is left go without, or queue (graph-contract 2.1, 4.3 CountViolation)."""
    cause = f"{what} has {max(free, 0)} free seats, and {principal.name} has {members} members: those beyond that, who hold it in no other way, go without"
    return Problem(cause, "free or buy seats", "members_wait", severity="warning")


def no_usage_location() -> Problem:
    """No license without a usage location (graph-contract E1, invalidUsageLocation)."""
    cause = "no usage location is set, and Graph assigns no license without one"
    return Problem(cause, "give usage_location a country code", "usage_location_missing")


def service_plans_not_listed(principal: Principal, sku: Sku, names: list[str]) -> Problem:
    """An allow-list that was in force once meets service plans that are on and not in it: Microsoft adds such (graph-contract 3.3)."""
    cause = f"enabled_plans does not name {' and '.join(names)} of {sku.part_number}, on for {principal.name} so far and perhaps new"
    return Problem(cause, "off from now on; name what shall stay on", "plans_not_listed", severity="warning")


def inherited_only(principal: Principal, sku: Sku, paths: tuple[License, ...], is_error: bool = True) -> Problem:
    """What comes from a group cannot be removed from the user (graph-contract E6)."""
    groups, ids = _groups(principal, paths)
    if not ids:
        return origin_unknown(principal, sku)
    cause = f"{principal.name} holds {sku.part_number} only through {groups}"
    remedy = "remove the user from the group, or the license from the group"
    return Problem(cause, remedy, "inherited_only", "error" if is_error else "warning", group_ids=ids)


def still_inherited(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Problem:
    """The direct license goes, and the SKU stays (graph-contract 3.3); asked again, the task will say that it is only inherited."""
    groups, ids = _groups(principal, paths)
    cause = f"{principal.name} loses the direct license of {sku.part_number}, but still holds it through {groups}"
    return Problem(cause, code="still_inherited", severity="warning", group_ids=ids)


def only_working_copy(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Problem:
    """The direct license goes, and what the group assigns is in state Error (graph-contract 4.3)."""
    groups, ids = _groups(principal, paths)
    cause = f"{principal.name} loses the direct license of {sku.part_number}, and the one through {groups} is in state Error ({paths[0].error})"
    return Problem(cause, "mend the license of the group, then reprocess", "only_working_copy", "warning", group_ids=ids)


def already_inherited(principal: Principal, sku: Sku, paths: tuple[License, ...]) -> Problem:
    """The task asked to fail when the SKU is inherited."""
    groups, ids = _groups(principal, paths)
    cause = f"{principal.name} holds {sku.part_number} already through {groups}, and inherited is fail"
    return Problem(cause, "leave it to the group, or choose assign or accept", "already_inherited", group_ids=ids)


def license_in_error(principal: Principal, sku: Sku, path: License) -> Problem:
    """A license in state Error is not held (graph-contract 4.3)."""
    groups, ids = _groups(principal, (path,))
    origin = f"through {groups}" if ids else "direct"
    cause, remedy = error_of(path.error)
    text = f"{sku.part_number} ({origin}) of {principal.name} is in state Error and does not count as held, as {cause} ({path.error})"
    return Problem(text, remedy, "license_in_error", severity="warning", group_ids=ids)


def stays_on(principal: Principal, sku: Sku, group_id: str, group: str, names: list[str]) -> Problem:
    """Service plans that are to be off and that a group turns on: one path is enough (graph-contract 3.3)."""
    cause = f"service plans {', '.join(names)} of {sku.part_number} are to be off, and stay on for {principal.name} through group {group}"
    return Problem(cause, "turn them off in the group", "plans_stay_on", "warning", group_ids=(group_id,))


def is_protected(sku: Sku, is_asked: bool) -> Problem:
    """A protected SKU is never removed: asking for it is refused, an exact list leaves it."""
    if is_asked:
        return Problem(f"licenses.remove names {sku.part_number}, which protect forbids to remove", "take it out of one of them", "protected")
    return Problem(f"{sku.part_number} is not in licenses.set, but stays, as protect names it", code="protected", severity="warning")


def too_many_removals(count: int, limit: int | str, replaced: int | None = None) -> Problem:
    """More removals than the task allows. replaced are those that are not counted, where the task tells them apart."""
    what = "1 license" if count == 1 else f"{count} licenses"
    apart = "" if replaced is None else f" without replacement ({replaced} more {'is' if replaced == 1 else 'are'} replaced)"
    cause = f"{what} would be removed{apart}, and max_removals is {limit}"
    return Problem(cause, "look at the diff, then raise max_removals", "too_many_removals")


def group_not_security_enabled(group: Principal) -> Problem:
    """Only groups that are security enabled take licenses (graph-contract 3.3)."""
    cause = f"group {group.name} is not security enabled, and Graph gives such a group no licenses"
    return Problem(cause, "take a security group, or a Microsoft 365 group with securityEnabled", "group_not_security_enabled")


def group_role_assignable(group: Principal) -> Problem:
    """Whether a group that can carry directory roles takes licenses, Microsoft's pages say differently (graph-contract 12, no. 2)."""
    cause = f"group {group.name} can carry directory roles (isAssignableToRole), and Graph may refuse it licenses"
    return Problem(cause, "use another group for licenses", "group_role_assignable", severity="warning")


def nested_groups(group: Principal, names: tuple[str, ...]) -> Problem:
    """The members of groups inside a licensed group get nothing (graph-contract 3.3)."""
    cause = f"the members of {' and '.join(names)}, inside group {group.name}, get no license, as group licensing does not look into nested groups"
    return Problem(cause, "make them members themselves", "nested_groups", severity="warning")


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
    """Several allotments could serve, and nothing says which one."""
    listed = ", ".join(f"{one.id} ({one.free} of {one.allotted} seats free)" for one in sorted(allotments, key=lambda one: one.id))
    cause = f"{len(allotments)} allotments of {sku.part_number} could serve: {listed}"
    return Problem(cause, "name one with allotment or subscription_id, or set allotment_choice: most_available", "allotment_ambiguous", where=where)


def held_in_ended_pool(principal: Principal, sku: Sku, held: Assignment, is_exclusive: bool) -> Problem:
    """An assignment on an allotment that no subscription feeds any more does not count as held: another one is created."""
    cause = f"{principal.name} holds {sku.part_number} in allotment {held.allotment_id}, whose subscription has ended, and gets a seat of another one"
    remedy = None if is_exclusive else "remove the old assignment with exclusive: true"
    return Problem(cause, remedy, "held_in_ended_allotment", severity="warning")


def only_in_ended_pool(principal: Principal, sku: Sku, held: Assignment) -> Problem:
    """The assignment is there, and gives nothing: no subscription feeds its allotment, and there is no other allotment to draw on."""
    cause = f"{principal.name} holds {sku.part_number} only in allotment {held.allotment_id}, whose subscription has ended"
    return Problem(cause, "renew the subscription, or name another allotment", "held_in_ended_allotment", severity="warning")


def pool_unknown(assignment_id: str | None) -> Problem:
    """Graph may answer an assignment without its allotment (graph-contract 1.6, no. 12)."""
    cause = f"Graph does not say which allotment assignment {assignment_id} draws on, so it was left out of account"
    return Problem(cause, code="allotment_unknown", severity="warning")


def second_seat(principal: Principal, pool: Allotment, others: tuple[str, ...]) -> Problem:
    """Who is reached from two allotments takes a seat of each (graph-contract 2.1)."""
    cause = f"{principal.name} has a seat of {pool.sku.part_number} in allotment {' and '.join(others)} already, and takes a second one in {pool.id}"
    return Problem(cause, "leave one with exclusive: true, unless that is meant", "second_seat", severity="warning")


def assignment_unseen(principal: Principal, pool: Allotment) -> Problem:
    """What a seat replaces can be deleted only by the id of its assignment (graph-contract 3.4)."""
    cause = f"{principal.name} holds {pool.sku.part_number} directly, and Graph does not show the assignment behind it, which a seat of {pool.id} replaces"
    return Problem(cause, "keep the direct license in the profile, or remove it first", "assignment_unseen")


def both_apis(principal: Principal, pool: Allotment) -> Problem:
    """assignLicense and cloudLicensing act on the same licenses (graph-contract 3.4)."""
    cause = f"{principal.name} holds {pool.sku.part_number} outside the allotments, as assignLicense gives it, and takes a second seat in {pool.id}"
    return Problem(cause, "manage one principal's SKU with one of the two APIs", "both_apis", severity="warning")


def origin_unknown(principal: Principal, sku: Sku, is_error: bool = True) -> Problem:
    """Graph lists the SKU as held, but not by which path: it must not be taken for direct."""
    cause = f"{principal.name} holds {sku.part_number}, but Graph does not say whether directly or through a group, so it stays as it is"
    return Problem(cause, "try again later, or look at licenseAssignmentStates", "origin_unknown", "error" if is_error else "warning")


def rights_unreadable(principal: Principal) -> Problem:
    """Without usage rights, what is on and which seats are taken by other paths is not known (graph-contract U9)."""
    cause = f"the usage rights of {principal.name} cannot be read, so the dry run cannot predict whether service plans conflict or a second seat is taken"
    return Problem(cause, "grant the permission to read them", "rights_unreadable", severity="warning")


def error_of(code: str | None) -> tuple[str, str]:
    """Cause and remedy of a license error (graph-contract 4.3) or of a code of assignmentErrors (4.4), of which there is no list."""
    for start, cause, remedy in _ERRORS:
        if start in (code or "").lower():
            return cause, remedy
    return "Graph gives an error that is not documented", "look the code up, or ask Microsoft's support"


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
