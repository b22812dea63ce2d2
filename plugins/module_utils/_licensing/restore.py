# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user who comes back gets: all that was recorded and is possible today. The rest stays open in the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .._errors import Problem
from .episodes import Episode, HeldLicense, LeaverRecord
from .model import Allotment
from .observed import Observed, Tenant
from .plan.choices import Choice, Holdings, Option, Resolved, Seat
from .resolve import ResolvedPlans


@dataclass
class _Return:
    """The union of what is to be restored, while it is made."""

    choices: list[Choice] = field(default_factory=list)
    seats: list[Seat] = field(default_factory=list)
    group_ids: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def sku_ids(self) -> set[str]:
        """The SKUs that are restored in any way."""
        return {choice.first_id for choice in self.choices} | {seat.first_id for seat in self.seats}


def returns_of(users: Mapping[int, Observed], aliases: Mapping[int, str], record: LeaverRecord, tenant: Tenant) -> dict[str, tuple[Resolved, Episode | None]]:
    """What users who come back get, and what of it is impossible today, by their id. users are by the place of the entry.

    aliases are the ids under which the record has the name of an entry. A name that another user has now is an error.
    """
    made: dict[str, tuple[Resolved, Episode | None]] = {}
    for index, user in users.items():
        episode = union_of(record.open.get(user.id, ()))
        if episode is not None:
            made[user.id] = restoration_of(episode, user, tenant)
        elif user.id in record.restored:
            made[user.id] = Resolved(), None
        else:
            other = aliases.get(index)
            cause = f"the record has nothing of {user.user.name} ({user.id})" + (f"; the user of that name in it is {other}" if other else "")
            remedy = "name the user by the id that is meant" if other else "check the name, and whether record_path is the right file"
            made[user.id] = Resolved(problems=(Problem(cause, remedy, "not_recorded"),)), None
    return made


def union_of(episodes: Iterable[Episode]) -> Episode | None:
    """One episode for all of a user: the newest service plans of each license, without what a release itself had assigned."""
    whole: Episode | None = None
    for one in episodes:
        if whole is None:
            whole = one
            continue
        ours = {(held.sku_id, held.disabled_plans) for held in whole.assigned}
        licenses = {held.sku_id: held for held in whole.licenses}
        licenses |= {held.sku_id: held for held in one.licenses if (held.sku_id, held.disabled_plans) not in ours}
        seats = {held.allotment_id: held for held in (*whole.seats, *(seat for seat in one.seats if seat.sku_id not in {sku_id for sku_id, dummy in ours}))}
        is_new = {held.sku_id: held.is_new for held in whole.assigned}
        assigned = {held.sku_id: held for held in whole.assigned}
        assigned |= {held.sku_id: replace(held, is_new=is_new.get(held.sku_id, held.is_new)) for held in one.assigned}
        whole = replace(
            one,
            licenses=tuple(licenses.values()),
            seats=tuple(seats.values()),
            groups=tuple(dict.fromkeys((*whole.groups, *one.groups))),
            assigned=tuple(assigned.values()),
            usage_location=one.usage_location or whole.usage_location,
            names={**whole.names, **one.names},
        )
    return whole


def restoration_of(episode: Episode, user: Observed, tenant: Tenant) -> tuple[Resolved, Episode]:
    """What a user is to have again, and what of it is impossible today."""
    made = _Return()
    still = replace(episode, licenses=(), seats=(), groups=(), assigned=(), state="partly_restored")
    seated = {one.sku_id for one in episode.seats}
    licenses = tuple([one for one in episode.licenses if one.sku_id not in seated and not _license(made, one, episode, tenant)])
    seats = tuple([one for one in episode.seats if not _seat(made, one, episode, user, tenant)])
    groups = tuple([group_id for group_id in episode.groups if not _group(made, group_id, episode, user, tenant)])
    wanted = made.sku_ids
    given = frozenset(one.sku_id for one in episode.assigned if one.is_new) - wanted
    location = None if user.user.usage_location else episode.usage_location
    resolved = Resolved(tuple(made.choices), location, Holdings(given), problems=tuple(made.problems), seats=tuple(made.seats), group_ids=tuple(made.group_ids))
    return resolved, replace(still, licenses=licenses, seats=seats, groups=groups)


def _license(made: _Return, held: HeldLicense, episode: Episode, tenant: Tenant) -> bool:
    """Adds a direct license. Whether all of it is possible."""
    sku = tenant.catalog.sku(held.sku_id)
    if not sku.is_owned:
        _warn(made, f"the tenant no longer owns SKU {episode.names.get(held.sku_id, held.sku_id)}, which is not restored")
        return False
    off, is_whole = _plans(made, held, episode, tenant)
    made.choices.append(Choice((Option(sku, off, "record"),)))
    return is_whole


def _plans(made: _Return, held: HeldLicense, episode: Episode, tenant: Tenant) -> tuple[ResolvedPlans, bool]:
    """The service plans that were off. One that the SKU no longer has cannot be turned off."""
    sku = tenant.catalog.sku(held.sku_id)
    known = {plan.id for plan in sku.service_plans}
    gone = sorted(episode.names.get(key, key) for key in held.disabled_plans - known)
    if gone:
        _warn(made, f"SKU {sku.part_number} no longer has service plan {', '.join(gone)}, which was off")
    return ResolvedPlans(disabled=held.disabled_plans & known), not gone


def _seat(made: _Return, held: HeldLicense, episode: Episode, user: Observed, tenant: Tenant) -> bool:
    """Adds a seat; a direct license where that is the same, or where the allotment is full or gone. Whether the seat itself is possible."""
    allotment = tenant.allotment(held.allotment_id)
    sku = tenant.catalog.sku(held.sku_id)
    if held.sku_id in made.sku_ids:
        return allotment is not None
    is_direct = any(one.sku_id == held.sku_id for one in episode.licenses)
    if allotment is not None and _can_draw(allotment, user) and not (is_direct and _is_only(allotment, tenant)):
        off, is_whole = _plans(made, held, episode, tenant) if sku.is_owned else (ResolvedPlans(disabled=held.disabled_plans), True)
        made.seats.append(Seat(sku if sku.is_owned else allotment.sku, (allotment,), off, "record"))
        return is_whole
    is_same = allotment is not None and _is_only(allotment, tenant) and _can_draw(allotment, user)
    if not is_same and sku.is_owned:
        state = "is gone" if allotment is None else "has no free seat"
        _warn(made, f"allotment {held.allotment_id} of {episode.names.get(held.sku_id, held.sku_id)} {state}, so the license is assigned directly")
    return _license(made, held, episode, tenant) and is_same


def _can_draw(allotment: Allotment, user: Observed) -> bool:
    has_seat = any(one.allotment_id == allotment.id for one in user.seats or ())
    return has_seat or (allotment.free > 0 and not allotment.has_ended and "user" in allotment.assignable_to)


def _is_only(allotment: Allotment, tenant: Tenant) -> bool:
    """Whether assignLicense can draw on no other allotment of the SKU."""
    return sum(one.sku.id == allotment.sku.id and "user" in one.assignable_to for one in tenant.allotments) == 1


def _group(made: _Return, group_id: str, episode: Episode, user: Observed, tenant: Tenant) -> bool:
    """Adds a membership. Whether it is possible."""
    group, name = tenant.groups.get(group_id), episode.names.get(group_id, group_id)
    if group is None:
        _warn(made, f"group {name} is gone, so {user.user.name} is not added to it")
        return False
    if group.managed_by and group_id not in user.groups:
        _warn(made, f"{user.user.name} is not added to group {name}, as {group.managed_by}")
        return False
    made.group_ids.append(group_id)
    return True


def _warn(made: _Return, cause: str) -> None:
    made.problems.append(Problem(cause, "it stays open in the record", "not_restorable", "warning"))
