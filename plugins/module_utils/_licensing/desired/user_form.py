# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of profiles and users as M(m365.licensing.licensed_users) takes them, and every mistake in them, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..._errors import OptionError, Problem
from ..tables.countries import country_fault
from .dates import day_of
from .licenses import wanted_license
from .profiles import LICENSE, SERVICE_PLANS, service_plan_problems
from .users import check_user
from .validate import Choice, ListOf, Named, Record, nearest, problems_of

STATES = ("licensed", "released", "restored")
ALLOTMENT = Record({"sku": str, "allotment": str, "subscription_id": str, **SERVICE_PLANS, "allotment_choice": Choice(("only", "most_available"))})
_DESIRED = {"usage_location": str, "licenses": ListOf(LICENSE), "groups": ListOf(str), "allotments": ListOf(ALLOTMENT)}
PROFILES = Named(Record({"description": str, "inherits": str, **_DESIRED}))
AFTER_RELEASE = Record({"licenses": ListOf(LICENSE)})
_DAYS = {"first_day": str, "last_day": str}
_ENTRY = {"user": str, "profile": str, "from": str, **_DESIRED, "keep": ListOf(str), **_DAYS, "state": Choice(STATES), "after_release": AFTER_RELEASE}
USER = Record(_ENTRY, ("user",))
EARLIER = Record({"user": str, "profile": str}, ("user",), is_open=True)
# keys of a licensed user: they have no effect after the last day
_LICENSED = ("profile", "from", "usage_location", "licenses", "groups", "allotments", "first_day")
_ASSIGNED = ("licenses", "groups", "allotments")
_ENOUGH = ("profile", "licenses", "groups", "allotments", "usage_location", "last_day", "state")  # one of which says what is desired
_FORMER = ("pools", "cloud_assignments")


def profile_problems(profiles: Any) -> Iterator[Problem]:
    """Every mistake in profiles."""
    if not isinstance(profiles, Mapping):
        yield Problem("expected a dictionary of profiles by name", where="profiles")
        return
    for name, profile in profiles.items():
        yield from _former_keys(profile, f"profiles.{name}")
    of_form = list(problems_of({name: _known(profile) for name, profile in profiles.items()}, PROFILES, "profiles"))
    yield from of_form
    for name, profile in profiles.items() if not of_form else ():
        parent = profile.get("inherits")
        if parent and parent not in profiles:
            yield Problem(f"there is no profile {parent!r}{nearest(parent, profiles)}", where=f"profiles.{name}.inherits")
        elif parent and _is_circular(name, profiles):
            yield Problem(f"circular inheritance, by way of {parent!r}", where=f"profiles.{name}.inherits")
        yield from _layer_problems(profile, f"profiles.{name}")


def _is_circular(name: str, profiles: Mapping) -> bool:
    seen, parent = {name}, profiles[name].get("inherits")
    while parent in profiles:
        if parent in seen:
            return True
        seen.add(parent)
        parent = profiles[parent].get("inherits")
    return False


def user_problems(users: list, profiles: Any, state: str) -> Iterator[Problem]:
    """Every mistake in users. state is that of those whose entry has none."""
    for index, entry in enumerate(users):
        where = f"users[{index}]"
        yield from _former_keys(entry, where)
        of_form = list(problems_of(_known(entry), USER, where))
        yield from of_form or _entry_problems(entry, where, profiles if isinstance(profiles, Mapping) else {}, state)


def after_release_problems(value: Any, where: str) -> Iterator[Problem]:
    """Every mistake in the licenses that replace those of a leaver."""
    of_form = list(problems_of(value, AFTER_RELEASE, where)) if value else []
    yield from of_form or _layer_problems(value or {}, where)


def _entry_problems(entry: Mapping, where: str, profiles: Mapping, state: str) -> Iterator[Problem]:
    try:
        check_user(entry["user"], f"{where}.user")
    except OptionError as error:
        yield from error.problems
    for key in ("profile", "from"):
        if entry.get(key) and entry[key] not in profiles:
            yield Problem(f"there is no profile {entry[key]!r}{nearest(entry[key], profiles)}", where=f"{where}.{key}")
    for key in _DAYS:
        try:
            if entry.get(key):
                day_of(entry[key])
        except ValueError:
            yield Problem(f"{entry[key]!r} is not a date such as 2026-12-31", where=f"{where}.{key}")
    yield from _idle_keys(entry, where, state)
    if state == "licensed" and not any(entry.get(key) for key in _ENOUGH):
        yield Problem("nothing is desired; give profile, licenses, groups, allotments or usage_location", where=where)
    yield from _layer_problems(entry, where)
    yield from after_release_problems(entry.get("after_release"), f"{where}.after_release")


def _idle_keys(entry: Mapping, where: str, common: str) -> Iterator[Problem]:
    """Keys without effect, as another key of the same entry excludes them, or common, the state of all entries without one.

    Rows of a list of joiners may be given to a task for leavers: their profile and usage location are no mistake.
    """
    state = entry.get("state") or common
    if entry.get("from") and not entry.get("profile"):
        yield Problem("it has no effect without profile; leave it out, or give profile", where=f"{where}.from")
    for key in (_LICENSED if entry.get("state") else _ASSIGNED) if state in ("released", "restored") else ():
        if entry.get(key):
            yield Problem(f"it has no effect for a user whose state is {state}; leave one of them out", where=f"{where}.{key}")
    for key in ("keep", "after_release") if state == "restored" else ():
        if entry.get(key):
            yield Problem("it has no effect for a user whose state is restored; leave one of them out", where=f"{where}.{key}")
    if entry.get("state") == "licensed" and entry.get("after_release") and not entry.get("last_day"):
        yield Problem("it has no effect without last_day or state: released; leave it out, or give one of them", where=f"{where}.after_release")


def _layer_problems(entry: Mapping, where: str) -> Iterator[Problem]:
    location = entry.get("usage_location")
    fault = country_fault(location) if location else None
    if fault:
        yield Problem(fault, where=f"{where}.usage_location")
    for index, one in enumerate(entry.get("licenses") or ()):
        try:
            wanted_license(one, f"{where}.licenses[{index}]")
        except OptionError as error:
            yield from error.problems
    for index, one in enumerate(entry.get("allotments") or ()):
        place = f"{where}.allotments[{index}]"
        if bool(one.get("sku")) == bool(one.get("allotment")):
            yield Problem("give one of sku and allotment", where=place)
        yield from service_plan_problems(one, place)


def _former_keys(entry: Any, where: str) -> Iterator[Problem]:
    for key in [key for key in _FORMER if key in entry] if isinstance(entry, Mapping) else ():
        yield Problem("this key is now named allotments; rename it", where=f"{where}.{key}")


def _known(entry: Any) -> Any:
    return {key: part for key, part in entry.items() if key not in _FORMER} if isinstance(entry, Mapping) else entry
