# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore the licenses of returning users: all that was recorded and is possible today. The rest stays open in the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .._errors import Problem
from .episodes import Episode, HeldLicense, LeaverRecord
from .model import Allotment
from .observed import Observed, Tenant
from .plan import predict
from .plan.changes import EndState
from .plan.choices import Choice, Holdings, Option, Resolved, Seat
from .plan.paths import join_problems
from .resolve import ResolvedPlans


@dataclass
class _Return:
    """Collects the licenses to restore for a user."""

    choices: list[Choice] = field(default_factory=list)
    seats: list[Seat] = field(default_factory=list)
    group_ids: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    is_whole: bool = True

    def leave_open(self, cause: str) -> None:
        """Note something that cannot be restored today."""
        self.problems.append(Problem(cause, "it stays open in the record", "not_restorable", "warning"))
        self.is_whole = False


def returns_of(
    users: Mapping[int, Observed], aliases: Mapping[int, frozenset[str]], record: LeaverRecord, tenant: Tenant
) -> dict[str, tuple[Resolved, Episode | None]]:
    """The licenses to restore for returning users, and their episodes, by user id. users are by the place of the entry.

    aliases are the ids under which the record has the name of an entry. A name that another user has now, or that several users had, is an error.
    """
    made: dict[str, tuple[Resolved, Episode | None]] = {}
    for index, user in users.items():
        episode = union_of(record.open.get(user.id, ()))
        others = sorted(aliases.get(index, frozenset()) - {user.id})
        if others and user.id in aliases.get(index, ()):
            cause = f"the record has several users of this name: {', '.join(sorted({user.id, *others}))}"
            made[user.id] = Resolved(problems=(Problem(cause, "give the object id of the user", "not_recorded"),)), None
        elif episode is not None:
            made[user.id] = restoration_of(episode, user, tenant), episode
        elif user.id in record.restored:
            made[user.id] = Resolved(), None
        else:
            cause = f"the record has no entry of {user.user.name} ({user.id})" + (f", but one of that name with id {', '.join(others)}" if others else "")
            remedy = "give the object id of the user" if others else "check the name, and whether record_path is the right file"
            made[user.id] = Resolved(problems=(Problem(cause, remedy, "not_recorded"),)), None
    return made


def union_of(episodes: Iterable[Episode]) -> Episode | None:
    """Merge the episodes of a user: the newest service plans of each license, without what a release itself had assigned."""
    whole: Episode | None = None
    for one in episodes:
        whole = _joined(whole, one) if whole else one
    return whole


def _joined(whole: Episode, one: Episode) -> Episode:
    """Merge two episodes, of which the second is newer."""
    ours = {(held.sku_id, held.disabled_plans) for held in whole.assigned}
    licenses = {held.sku_id: held for held in whole.licenses}
    licenses |= {held.sku_id: held for held in one.licenses if (held.sku_id, held.disabled_plans) not in ours}
    seats = {held.allotment_id: held for held in whole.seats}
    seats |= {held.allotment_id: held for held in one.seats if held.sku_id not in {sku_id for sku_id, dummy in ours}}
    gone = {held.sku_id for held in one.licenses} - {held.sku_id for held in one.assigned}
    is_new = {held.sku_id: held.is_new for held in whole.assigned}
    assigned = {held.sku_id: held for held in whole.assigned if held.sku_id not in gone}
    assigned |= {held.sku_id: replace(held, is_new=is_new.get(held.sku_id, held.is_new)) for held in one.assigned}
    return replace(
        one,
        licenses=tuple(licenses.values()),
        seats=tuple(seats.values()),
        groups=tuple(dict.fromkeys((*whole.groups, *one.groups))),
        assigned=tuple(assigned.values()),
        usage_location=one.usage_location or whole.usage_location,
        names={**whole.names, **one.names},
    )


def restoration_of(episode: Episode, user: Observed, tenant: Tenant) -> Resolved:
    """The licenses to restore for a user, as far as possible today. The planner decides whether seats are left.

    What a release had assigned in exchange is removed only when everything else is restored.
    """
    made = _Return()
    seated = {one.sku_id for one in episode.seats}
    for one in episode.licenses:
        if one.sku_id not in seated:
            _license(made, one, episode, user, tenant)
    for one in episode.seats:
        _seat(made, one, episode, user, tenant)
    for group_id in episode.groups:
        _group(made, group_id, episode, user, tenant)
    wanted = {choice.options[0].sku.id for choice in made.choices}
    given = frozenset(one.sku_id for one in episode.assigned if one.is_new and made.is_whole) - wanted
    unseen = {seat.sku.id for seat in made.seats if not user.seats_of(seat.sku.id)}
    location = None if user.user.usage_location else episode.usage_location
    removable = Holdings(given - unseen)
    return Resolved(tuple(made.choices), location, removable, problems=tuple(made.problems), seats=tuple(made.seats), group_ids=tuple(made.group_ids))


def _license(made: _Return, held: HeldLicense, episode: Episode, user: Observed, tenant: Tenant) -> None:
    """Add a direct license. Service plans that the SKU no longer has cannot be turned off."""
    sku = tenant.catalog.sku(held.sku_id)
    problem = predict.unassignable(sku)
    if problem and not user.user.direct(sku.id):
        made.leave_open(f"{problem.cause if sku.is_owned else f'the tenant no longer owns SKU {episode.names.get(sku.id, sku.id)}'}, so it is not restored")
        return
    known = {plan.id for plan in sku.service_plans}
    gone = sorted(episode.names.get(key, key) for key in held.disabled_plans - known) if sku.is_owned else []
    if gone:
        made.leave_open(f"SKU {sku.part_number} no longer has service plan {', '.join(gone)}, which was off")
    if not held.is_partial or (user.user.direct(sku.id) and held.disabled_plans & known):
        made.choices.append(Choice((Option(sku, ResolvedPlans(disabled=held.disabled_plans & known, is_merge=held.is_partial), "record"),)))


def _seat(made: _Return, held: HeldLicense, episode: Episode, user: Observed, tenant: Tenant) -> None:
    """Add a seat, or a direct license where that is the same or the allotment no longer exists."""
    allotment = tenant.allotment(held.allotment_id)
    sku = tenant.catalog.sku(held.sku_id)
    if any(choice.options[0].sku.id == held.sku_id for choice in made.choices):
        return
    is_direct = any(one.sku_id == held.sku_id for one in episode.licenses)
    problem = predict.not_assignable(sku) if sku.is_owned and sku.applies_to != "Allotment" else None
    if problem:
        made.leave_open(f"{problem.cause}, so it is not restored")
    elif allotment is None or allotment.has_ended or "user" not in allotment.assignable_to:
        if predict.unassignable(sku) is None:
            made.leave_open(f"allotment {held.allotment_id} of {sku.part_number} is no longer available, so the license is assigned directly")
        _license(made, held, episode, user, tenant)
    elif is_direct and is_only(allotment, tenant):
        _license(made, held, episode, user, tenant)
    else:
        known = {plan.id for plan in allotment.sku.service_plans} or held.disabled_plans
        made.seats.append(Seat(sku if sku.is_owned else allotment.sku, (allotment,), ResolvedPlans(disabled=held.disabled_plans & known), "record"))


def is_only(allotment: Allotment, tenant: Tenant) -> bool:
    """Whether assignLicense can draw on no other allotment of the SKU."""
    return sum(one.sku.id == allotment.sku.id and "user" in one.assignable_to for one in tenant.allotments) == 1


def _group(made: _Return, group_id: str, episode: Episode, user: Observed, tenant: Tenant) -> None:
    """Add a membership."""
    group, name = tenant.groups.get(group_id), episode.names.get(group_id, group_id)
    if group is None:
        made.leave_open(f"group {name} no longer exists, so {user.user.name} is not added to it")
        return
    problems = join_problems(user.user, group) if group_id not in user.groups else []
    if problems:
        made.leave_open(problems[0].cause)
    else:
        made.group_ids.append(group_id)


def still_open(episode: Episode, state: EndState, tenant: Tenant) -> Episode:
    """The part of an episode that is not restored once the plan of the user is carried out."""
    end, seats = state.after, {one.allotment_id for one in state.before.seats or ()}
    seats |= {one.key for one in state.changes if one.kind == "seat" and one.verb == "add"}
    seats -= {one.key for one in state.changes if one.kind == "seat" and one.verb == "remove"}
    members = state.before.groups | {one.key for one in state.changes if one.kind == "membership" and one.verb == "add"}
    seated = {one.sku_id for one in episode.seats}
    licenses, open_seats, exchanged = [], [], [one for one in episode.assigned if one.is_new and _is_kept(one, state)]
    for one in episode.licenses:
        if one.sku_id not in seated:
            licenses += _left_of(one, state, tenant)
    for one in episode.seats:
        allotment = tenant.allotment(one.allotment_id)
        is_same = allotment is not None and is_only(allotment, tenant) and end.direct(one.sku_id) is not None
        if one.allotment_id not in seats and not is_same:
            open_seats.append(one)
            direct = end.direct(one.sku_id)
            exchanged += [HeldLicense(one.sku_id, direct.disabled_plans, is_new=True)] if direct else []
    groups = tuple(group_id for group_id in episode.groups if group_id not in members)
    return replace(episode, licenses=tuple(licenses), seats=tuple(open_seats), groups=groups, assigned=tuple(dict.fromkeys(exchanged)), state="partly_restored")


def _is_kept(held: HeldLicense, state: EndState) -> bool:
    """Whether what was assigned in exchange was not removed."""
    return state.before.user.direct(held.sku_id) is not None and not any(one.kind == "license" and one.key == held.sku_id for one in state.changes)


def _left_of(held: HeldLicense, state: EndState, tenant: Tenant) -> list[HeldLicense]:
    """The part of a license that is not restored: all of it, or the disabled service plans that the SKU no longer has."""
    if state.after.direct(held.sku_id) is None:
        return [] if held.is_partial else [held]
    known = {plan.id for plan in tenant.catalog.sku(held.sku_id).service_plans}
    gone = held.disabled_plans - known
    return [HeldLicense(held.sku_id, gone, is_partial=True)] if gone and tenant.catalog.sku(held.sku_id).is_owned else []
