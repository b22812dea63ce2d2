# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What M(m365.licensing.licensed_users) declares: profiles, and users with a state of their own. Names are still as written, each with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..._errors import OptionError, Problem
from ..model import Principal
from ..resolve import ServicePlanRule
from .dates import day_of, days_of, is_early, is_over, today_of
from .licenses import WantedLicense, WantedSeat, plan_rule, usage_location_of, wanted_license
from .licensing_groups import DesiredGroup, desired_groups
from .user_form import EARLIER, after_release_problems, profile_problems, user_problems
from .validate import ListOf, nearest, problems_of

_UNSAID = ServicePlanRule()


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place of a file declares. A later layer replaces an earlier one's entry of the same SKU; groups of all layers add up."""

    where: str
    licenses: tuple[WantedLicense, ...] = ()
    usage_location: str | None = None
    seats: tuple[WantedSeat, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is declared."""
        return not (self.licenses or self.usage_location or self.seats or self.groups)


@dataclass(frozen=True, slots=True)
class DesiredUser:
    """A user with a state and the layers that apply, base first.

    came_from is the previous profile, keep are the SKUs that are kept in any case. is_named says that a user is released by state, not by date.
    after_release is what a released user gets in exchange. skipped says why nothing is done, is_early that the first day is ahead.
    """

    where: str
    name: str
    profile: str | None = None
    layers: tuple[Layer, ...] = ()
    came_from: str | None = None
    keep: tuple[str, ...] = ()
    state: str = "licensed"
    is_named: bool = False
    after_release: Layer | None = None
    skipped: str | None = None
    is_early: bool = False

    @property
    def needs_record(self) -> bool:
        """Whether the user is released or restored today."""
        return self.state != "licensed" and self.skipped is None


@dataclass(frozen=True, slots=True)
class DesiredRun:
    """The users of a task, and its profiles with what they inherit, base first. earlier are the profiles of the last run, by the name of the user.

    keep are SKUs that every released user keeps. licensing_groups come first, before users are added to them. faults are errors of single entries.
    """

    users: tuple[DesiredUser, ...]
    profiles: Mapping[str, tuple[Layer, ...]]
    remove: str = "nothing"
    earlier: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    licensing_groups: tuple[DesiredGroup, ...] = ()
    faults: Mapping[int, Problem] = field(default_factory=dict)

    def previous_of(self, desired: DesiredUser, user: Principal) -> tuple[str, ...]:
        """The profiles whose licenses are removed from a user unless the layers assign them. The last run may have named the user differently."""
        if not desired.profile or self.remove == "nothing" or desired.state != "licensed":
            return ()
        if self.remove == "other_profiles":
            return tuple(name for name in self.profiles if name != desired.profile)
        known = desired.came_from or self.earlier.get(user.id) or self.earlier.get(user.name.lower()) or ""
        return (known,) if known in self.profiles and known != desired.profile else ()

    @property
    def used_layers(self) -> tuple[Layer, ...]:
        """The layers of users, and of the profiles that they may come from, each once."""
        named = {one.came_from or "" for one in self.users} | set(self.earlier.values()) if self.remove != "nothing" else set()
        profiles = [line for name, line in self.profiles.items() if name in named or self.remove == "other_profiles"]
        listed = [one.layers for one in self.users if one.skipped is None or one.is_early]
        return tuple({id(layer): layer for line in (*profiles, *listed) for layer in line}.values())

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of all groups that the run needs, each once."""
        return tuple(dict.fromkeys([*(one.name for one in self.licensing_groups), *(name for layer in self.used_layers for name in layer.groups)]))

    @property
    def has_seats(self) -> bool:
        """Whether the run needs an allotment."""
        return any(layer.seats for layer in self.used_layers)

    @property
    def has_records(self) -> bool:
        """Whether a user is released or restored today."""
        return any(one.needs_record for one in self.users)


@dataclass(frozen=True, slots=True)
class _Task:
    """The options of a task that apply to all of its users."""

    today: date
    grace_days: int
    lead_days: int
    state: str
    leavers: str
    after_release: Layer | None
    layers: Mapping[str, tuple[Layer, ...]]

    def user(self, index: int, entry: Mapping) -> DesiredUser:
        """The user of a valid entry."""
        where, state = f"users[{index}]", entry.get("state") or self.state
        keep = tuple(entry.get("keep") or ())
        if state == "restored":
            skipped, is_ahead = self._not_licensed(entry)
            return DesiredUser(where, entry["user"], state=state, skipped=skipped)
        if state == "released" or self.is_over(entry):
            own = entry.get("after_release")
            exchange = _layer(own, f"{where}.after_release") if own else self.after_release
            is_named = state == "released"
            return DesiredUser(where, entry["user"], None, (), None, keep, "released", is_named, exchange, self._not_released(entry, is_named))
        own = _layer(entry, where)
        layers = (*self.layers.get(entry.get("profile") or "", ()), *(() if own.is_empty else (own,)))
        skipped, is_ahead = self._not_licensed(entry)
        base = where, entry["user"], entry.get("profile"), layers, entry.get("from"), keep
        return DesiredUser(*base, skipped=skipped, is_early=is_ahead)

    def is_over(self, entry: Mapping) -> bool:
        """Whether the last day of an entry, and the days of grace, have passed."""
        return bool(entry.get("last_day")) and is_over(day_of(entry["last_day"]), self.today, self.grace_days)

    def _not_released(self, entry: Mapping, is_named: bool) -> str | None:
        """Why a user is not released today. A user with state released is, also where leavers are skipped, but not before the last day."""
        if not self.is_over(entry):
            return f"the last day is {entry['last_day']}" if entry.get("last_day") else None
        return f"the last day was {entry['last_day']}" if self.leavers == "skip" and not is_named else None

    def _not_licensed(self, entry: Mapping) -> tuple[str | None, bool]:
        """Why a user is not licensed today, and whether that is because the first day is ahead."""
        is_ahead = bool(entry.get("first_day")) and is_early(day_of(entry["first_day"]), self.today, self.lead_days)
        if self.leavers == "only":
            return "no last day has passed", False
        return (f"the first day is {entry['first_day']}", True) if is_ahead else (None, False)


def desired_run(params: Mapping) -> DesiredRun:
    """Profiles and users of a task's options. Raises OptionError with every problem of form of both."""
    days = today_of(params["today"]), days_of(params["grace_days"], "grace_days"), days_of(params["lead_days"], "lead_days")
    profiles, users = params.get("profiles") or {}, [_as_entry(user) for user in _list_of(params["users"], "users")]
    earlier = [_as_entry(user) for user in _list_of(params.get("previous_users") or [], "previous_users")]
    exchange, state = params.get("after_release") or {}, params.get("state") or "licensed"
    problems = [*profile_problems(profiles), *user_problems(users, profiles, state), *after_release_problems(exchange, "after_release")]
    problems += problems_of(earlier, ListOf(EARLIER), "previous_users")
    if earlier and not users:
        cause = f"the list is empty, and previous_users has {len(earlier)}"
        problems.append(Problem(cause, "check the file with the users, or leave previous_users out", where="users"))
    try:
        groups = desired_groups(params.get("licensing_groups"))
    except OptionError as error:
        problems += error.problems
    if problems:
        raise OptionError(*problems)
    own = {name: _layer(profile, f"profiles.{name}") for name, profile in profiles.items()}
    layers = {name: tuple(own[one] for one in reversed(_line(name, profiles))) for name in profiles}
    common = _layer(exchange, "after_release") if exchange else None
    task = _Task(*days, state, params.get("leavers") or "release", common, layers)
    made = tuple(task.user(index, entry) for index, entry in enumerate(users))
    faults = {index: _over_and_restored(one.where, users[index]) for index, one in enumerate(made) if one.state == "restored" and task.is_over(users[index])}
    first = next((one for one in made if one.needs_record), None)
    if first and not params.get("record_path"):
        cause = f"{first.where} ({first.name}) is {first.state}, and record_path is not given"
        raise OptionError(Problem(cause, "give the file in which the licenses of leavers are recorded", where="record_path"))
    known = {one["user"].strip().lower(): one.get("profile") or "" for one in earlier}
    gone = sorted({name for name in known.values() if name and name not in profiles})
    warnings = tuple(
        Problem(f"there is no profile {name!r}{nearest(name, profiles)}, so nothing of it is removed", severity="warning", where="previous_users")
        for name in gone
    )
    return DesiredRun(made, layers, params["remove"], known, tuple(params.get("keep") or ()), warnings, groups, faults)


def _over_and_restored(where: str, entry: Mapping) -> Problem:
    cause = f"the last day was {entry['last_day']}, and state is restored"
    return Problem(cause, "delete last_day, or set it to a later date", where=f"{where}.last_day")


def _list_of(value: Any, option: str) -> list:
    if isinstance(value, (list, tuple)):
        return list(value)
    kind = "text" if isinstance(value, str) else type(value).__name__
    raise OptionError(Problem(f"expected a list, got {kind}", "give one entry for each user", where=option))


def _as_entry(user: Any) -> Any:
    """An entry. A name alone is an entry, and a day that YAML has read as a date is a text."""
    if isinstance(user, str):
        return {"user": user}
    return {key: str(part) if isinstance(part, date) else part for key, part in user.items()} if isinstance(user, Mapping) else user


def _layer(entry: Mapping, where: str) -> Layer:
    licenses = tuple(wanted_license(one, f"{where}.licenses[{index}]") for index, one in enumerate(entry.get("licenses") or ()))
    seats = tuple(_seat(one, f"{where}.allotments[{index}]") for index, one in enumerate(entry.get("allotments") or ()))
    return Layer(where, licenses, usage_location_of(entry.get("usage_location") or None), seats, tuple(entry.get("groups") or ()))


def _seat(one: Mapping, where: str) -> WantedSeat:
    rule = plan_rule(one, f"{where}.")
    return WantedSeat(where, one.get("sku"), one.get("allotment"), one.get("subscription_id"), rule, one.get("allotment_choice") == "most_available")


def _line(name: str, profiles: Mapping) -> list[str]:
    """A profile, and those that it inherits from, one after the other."""
    line = [name]
    while profiles[line[-1]].get("inherits"):
        line.append(profiles[line[-1]]["inherits"])
    return line
