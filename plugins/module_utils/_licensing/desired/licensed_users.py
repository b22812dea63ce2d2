# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What M(m365.licensing.licensed_users) declares: profiles, and users with a profile or licenses of their own. Names stay names, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..._errors import OptionError, Problem
from ..model import Principal
from ..tables.countries import country_fault
from .dates import day_of, days_of, is_early, is_over, today_of
from .licenses import WantedLicense, usage_location_of, wanted_license
from .profiles import LICENSE, is_circular
from .users import check_user
from .validate import ListOf, Named, Record, nearest, problems_of

_DESIRED = {"usage_location": str, "licenses": ListOf(LICENSE)}
PROFILES = Named(Record({"description": str, "inherits": str, **_DESIRED}))
USER = Record({"user": str, "profile": str, "from": str, **_DESIRED, "keep": ListOf(str), "first_day": str, "last_day": str}, ("user",))
_EARLIER = Record({"user": str, "profile": str}, ("user",), is_open=True)
_ELSEWHERE = {
    "groups": "m365.licensing.group_members puts users into groups",
    "allotments": "m365.licensing.cloud_license_assignments assigns seats of allotments",
    "pools": "m365.licensing.cloud_license_assignments assigns seats of allotments",
    "cloud_assignments": "m365.licensing.cloud_license_assignments assigns seats of allotments",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place of a file declares: licenses and a usage location. A later layer replaces what an earlier one says of the same SKU."""

    where: str
    licenses: tuple[WantedLicense, ...] = ()
    usage_location: str | None = None


@dataclass(frozen=True, slots=True)
class DesiredUser:
    """A user with the layers that apply, base first. came_from is the profile of before, keep are the SKUs that stay in any case.

    skipped says why nothing is done, is_early that the first day is ahead.
    """

    where: str
    name: str
    profile: str | None = None
    layers: tuple[Layer, ...] = ()
    came_from: str | None = None
    keep: tuple[str, ...] = ()
    skipped: str | None = None
    is_early: bool = False


@dataclass(frozen=True, slots=True)
class DesiredRun:
    """The users of a task, and its profiles with what they inherit, base first. earlier are the profiles of the last run, by the name of the user."""

    users: tuple[DesiredUser, ...]
    profiles: Mapping[str, tuple[Layer, ...]]
    remove: str = "nothing"
    earlier: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    def previous_of(self, desired: DesiredUser, user: Principal) -> tuple[str, ...]:
        """The profiles whose licenses a user loses unless the layers give them. The last run may have named the user otherwise."""
        if not desired.profile or self.remove == "nothing":
            return ()
        if self.remove == "other_profiles":
            return tuple(name for name in self.profiles if name != desired.profile)
        known = desired.came_from or self.earlier.get(user.id) or self.earlier.get(user.name.lower()) or ""
        return (known,) if known in self.profiles and known != desired.profile else ()


@dataclass(frozen=True, slots=True)
class _Calendar:
    today: date
    grace_days: int
    lead_days: int

    def skipped(self, entry: Mapping) -> tuple[str | None, bool]:
        """Why an entry does not count on this day, and whether that is because the first day is ahead."""
        if entry.get("last_day") and is_over(day_of(entry["last_day"]), self.today, self.grace_days):
            return f"the last day was {entry['last_day']}", False
        if entry.get("first_day") and is_early(day_of(entry["first_day"]), self.today, self.lead_days):
            return f"the first day is {entry['first_day']}", True
        return None, False


def desired_run(params: Mapping) -> DesiredRun:
    """Profiles and users of a task's options. Raises OptionError with every problem of form of both."""
    calendar = _Calendar(today_of(params["today"]), days_of(params["grace_days"], "grace_days"), days_of(params["lead_days"], "lead_days"))
    profiles, users = params.get("profiles") or {}, [_as_entry(user) for user in _list_of(params["users"], "users")]
    earlier = [_as_entry(user) for user in _list_of(params.get("previous_users") or [], "previous_users")]
    problems = [*_profile_problems(profiles), *_user_problems(users, profiles), *problems_of(earlier, ListOf(_EARLIER), "previous_users")]
    if problems:
        raise OptionError(*problems)
    own = {name: _layer(profile, f"profiles.{name}") for name, profile in profiles.items()}
    layers = {name: tuple(own[one] for one in reversed(_line(name, profiles))) for name in profiles}
    made = tuple(_user(index, entry, layers, calendar) for index, entry in enumerate(users))
    known = {one["user"].lower(): one["profile"] for one in earlier if one.get("profile")}
    gone = sorted({name for name in known.values() if name not in profiles})
    warnings = tuple(
        Problem(f"there is no profile {name!r}{nearest(name, profiles)}, so nothing of it is removed", severity="warning", where="previous_users")
        for name in gone
    )
    return DesiredRun(made, layers, params["remove"], known, warnings)


def _list_of(value: Any, option: str) -> list:
    if isinstance(value, (list, tuple)):
        return list(value)
    is_dated = isinstance(value, str) and "datetime.date(" in value
    remedy = "put dates into quotes, as ansible-core 2.18 makes a text of a list with dates" if is_dated else "give one entry for each user"
    raise OptionError(Problem(f"a list belongs here, and this is a {'text' if isinstance(value, str) else type(value).__name__}", remedy, where=option))


def _as_entry(user: Any) -> Any:
    """An entry. A name alone is an entry, and a day that YAML has read as a date is a text."""
    if isinstance(user, str):
        return {"user": user}
    return {key: str(part) if isinstance(part, date) else part for key, part in user.items()} if isinstance(user, Mapping) else user


def _profile_problems(profiles: Any) -> Iterator[Problem]:
    if not isinstance(profiles, Mapping):
        yield Problem("a dictionary of profiles by name belongs here", where="profiles", value=profiles)
        return
    for name, profile in profiles.items():
        yield from _elsewhere(profile, f"profiles.{name}")
    of_form = list(problems_of({name: _known(profile) for name, profile in profiles.items()}, PROFILES, "profiles"))
    yield from of_form
    for name, profile in profiles.items() if not of_form else ():
        parent = profile.get("inherits")
        if parent and parent not in profiles:
            yield Problem(f"there is no profile {parent!r}{nearest(parent, profiles)}", where=f"profiles.{name}.inherits", value=parent)
        elif parent and is_circular(name, profiles):
            yield Problem(f"circular inheritance, by way of {parent!r}", where=f"profiles.{name}.inherits", value=parent)
        yield from _layer_problems(profile, f"profiles.{name}")


def _user_problems(users: list, profiles: Any) -> Iterator[Problem]:
    for index, entry in enumerate(users):
        where = f"users[{index}]"
        yield from _elsewhere(entry, where)
        of_form = list(problems_of(_known(entry), USER, where))
        yield from of_form or _entry_problems(entry, where, profiles if isinstance(profiles, Mapping) else {})


def _entry_problems(entry: Mapping, where: str, profiles: Mapping) -> Iterator[Problem]:
    try:
        check_user(entry["user"], f"{where}.user")
    except OptionError as error:
        yield from error.problems
    for key in ("profile", "from"):
        if entry.get(key) and entry[key] not in profiles:
            yield Problem(f"there is no profile {entry[key]!r}{nearest(entry[key], profiles)}", where=f"{where}.{key}", value=entry[key])
    for key in ("first_day", "last_day"):
        try:
            if entry.get(key):
                day_of(entry[key])
        except ValueError:
            yield Problem(f"{entry[key]!r} is no day, such as 2026-12-31", where=f"{where}.{key}", value=entry[key])
    if entry.get("from") and not entry.get("profile"):
        yield Problem("it counts only together with profile; leave it out, or give profile", where=f"{where}.from", value=entry["from"])
    if not any(entry.get(key) for key in ("profile", "licenses", "usage_location", "last_day")):
        yield Problem("nothing is desired; give profile, licenses or usage_location", where=where, value=entry)
    yield from _layer_problems(entry, where)


def _layer_problems(entry: Mapping, where: str) -> Iterator[Problem]:
    location = entry.get("usage_location")
    fault = country_fault(location) if location else None
    if fault:
        yield Problem(fault, where=f"{where}.usage_location", value=location)
    for index, one in enumerate(entry.get("licenses") or ()):
        try:
            wanted_license(one, f"{where}.licenses[{index}]")
        except OptionError as error:
            yield from error.problems


def _elsewhere(entry: Any, where: str) -> Iterator[Problem]:
    """Keys that this module does not manage, so that no part of a profile is left out in silence."""
    for key in [key for key in _ELSEWHERE if key in entry] if isinstance(entry, Mapping) else ():
        yield Problem(f"licensed_users manages direct licenses, and {_ELSEWHERE[key]}", where=f"{where}.{key}", value=entry[key])


def _known(entry: Any) -> Any:
    return {key: part for key, part in entry.items() if key not in _ELSEWHERE} if isinstance(entry, Mapping) else entry


def _layer(entry: Mapping, where: str) -> Layer:
    licenses = tuple(wanted_license(one, f"{where}.licenses[{index}]") for index, one in enumerate(entry.get("licenses") or ()))
    return Layer(where, licenses, usage_location_of(entry.get("usage_location") or None))


def _line(name: str, profiles: Mapping) -> list[str]:
    """A profile, and those that it inherits from, one after the other."""
    line = [name]
    while profiles[line[-1]].get("inherits"):
        line.append(profiles[line[-1]]["inherits"])
    return line


def _user(index: int, entry: Mapping, layers: Mapping[str, tuple[Layer, ...]], calendar: _Calendar) -> DesiredUser:
    where, profile = f"users[{index}]", entry.get("profile")
    own = _layer(entry, where)
    inherited = layers.get(profile or "", ())
    whole = (*inherited, own) if own.licenses or own.usage_location else inherited
    skipped, is_ahead = calendar.skipped(entry)
    return DesiredUser(where, entry["user"], profile, whole, entry.get("from"), tuple(entry.get("keep") or ()), skipped, is_ahead)
