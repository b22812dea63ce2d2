# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""License profiles, and the people who are to have them: the files of an administrator, turned into an entry for each person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from ..._errors import OptionError, Problem
from ..tables.countries import country_fault
from .dates import day_of, days_of, is_over, today_of
from .validate import Choice, ListOf, Named, Record, nearest, problems_of

SERVICE_PLANS = {"disabled_plans": ListOf(str), "enabled_plans": ListOf(str), "plans_mode": Choice(("set", "merge"))}
_SKU = Record({"sku": str, **SERVICE_PLANS}, ("sku",))
LICENSE = Record({"sku": str, **SERVICE_PLANS, "alternatives": ListOf(_SKU), "prefer": Choice(("held", "first"))}, ("sku",))
_POOL = Record({"sku": str, "allotment": str, "subscription_id": str, **SERVICE_PLANS, "allotment_choice": Choice(("only", "most_available"))})
_DESIRED = {"usage_location": str, "licenses": ListOf(LICENSE), "groups": ListOf(str)}
PROFILES = Named(Record({"description": str, "inherits": str, **_DESIRED, "pools": ListOf(_POOL)}))
PERSON = {"user": str, "profile": str, **_DESIRED, "cloud_assignments": ListOf(_POOL), "from": str, "last_day": str, "keep": ListOf(str)}
PEOPLE = ListOf(Record(PERSON, ("user",)))

_GROUP = {"group": str, "licenses": ListOf(LICENSE), "remove": ListOf(str), "exactly": bool, "protect": ListOf(str), "max_removals": int}
GROUPS = ListOf(Record(_GROUP, ("group",)))


class FileError(OptionError):
    """Files that cannot be used."""

    def placed(self, origin: Callable[[Any], str | None]) -> FileError:
        """The same, with file, line and column of each value where origin knows them."""
        places = [(problem, origin(problem.value)) for problem in self.problems]
        return FileError(*(replace(problem, cause=f"{problem.cause} ({place})") if place else problem for problem, place in places))


def people_with_profiles(people: Any, profiles: Any, variable: str, is_move: bool = False, today: str | None = None, grace_days: Any = 0) -> list[dict]:
    """The people, each with what the profile and the person's own entry declare. variable is how the list is called.

    Who is over a last day and the days of grace after it by today, is left out.

    With is_move, SKUs, pools and groups of the profile that a person comes from, or of all others when that is not said, are to go.
    Raises FileError with every problem of both files.
    """
    people = _with_days(people)
    problems = [*problems_of(profiles, PROFILES, "license_profiles"), *problems_of(people, PEOPLE, variable)]
    if not problems:
        problems = [*_profile_problems(profiles), *_people_problems(people, profiles, variable, is_move), *_duplicate_problems(people, variable)]
    if problems:
        raise FileError(*problems)
    gone = {person["user"] for person in leavers(people, today, grace_days, variable, is_at_once=False)} if today else set()
    whole = {name: _whole(name, profiles) for name in profiles}
    return [_entry(person, whole, is_move) for person in people if person["user"] not in gone]


def _profile_problems(profiles: Mapping) -> Iterator[Problem]:
    for name, profile in profiles.items():
        where = f"license_profiles.{name}"
        parent = profile.get("inherits")
        if parent and parent not in profiles:
            yield Problem(f"there is no profile {parent!r}{nearest(parent, profiles)}", where=f"{where}.inherits", value=parent)
        elif parent and is_circular(name, profiles):
            yield Problem(f"the profile inherits from itself, by way of {parent!r}", where=f"{where}.inherits", value=parent)
        yield from _entry_problems(profile, where, "pools")
    if not any(is_circular(name, profiles) or (profile.get("inherits") or name) not in profiles for name, profile in profiles.items()):
        for name, profile in profiles.items():
            if profile.get("inherits"):
                yield from _both_ways(_whole(name, profiles), f"license_profiles.{name}.inherits", profile)


def _people_problems(people: Sequence[Mapping], profiles: Mapping, variable: str, is_move: bool) -> Iterator[Problem]:
    is_sound = not list(_profile_problems(profiles))
    for index, person in enumerate(people):
        where = f"{variable}[{index}]"
        for key in ("profile", "from"):
            if person.get(key) and person[key] not in profiles:
                yield Problem(f"there is no profile {person[key]!r}{nearest(person[key], profiles)}", where=f"{where}.{key}", value=person[key])
        if is_move and not person.get("profile") and not person.get("last_day"):
            yield Problem("profile is missing: to which one shall the person move?", where=where, value=person)
        elif not any(key in person for key in ("profile", "licenses", "cloud_assignments", "groups", "usage_location", "last_day")):
            yield Problem("profile is missing, and nothing else is desired", where=where, value=person)
        own = list(_entry_problems(person, where, "cloud_assignments"))
        yield from own
        if not own and person.get("profile") in profiles and is_sound:
            yield from _both_ways(_over(_whole(person["profile"], profiles), person, "cloud_assignments"), where, person)


def _duplicate_problems(people: Sequence[Mapping], variable: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, person in enumerate(people):
        earlier = first.setdefault(person["user"].lower(), index)
        if earlier != index:
            yield Problem(f"{person['user']} is also {variable}[{earlier}]; leave one of them out", where=f"{variable}[{index}].user", value=person["user"])


def _with_days(people: Any) -> Any:
    """People whose last day YAML has read as a date, as it does without quotes."""
    if not isinstance(people, Sequence):
        return people
    return [{**one, "last_day": str(one["last_day"])} if isinstance(one, Mapping) and isinstance(one.get("last_day"), date) else one for one in people]


def _entry_problems(entry: Mapping, where: str, pools: str) -> Iterator[Problem]:
    location = entry.get("usage_location")
    fault = country_fault(location) if location else None
    if fault:
        yield Problem(fault, where=f"{where}.usage_location", value=location)
    seen: dict[str, str] = {}
    for place, choice in _choices(entry.get("licenses") or (), f"{where}.licenses"):
        earlier = seen.setdefault(choice["sku"].lower(), place)
        if earlier != place:
            yield Problem(f"{choice['sku']} is also at {earlier}; name each SKU in one place", where=f"{place}.sku", value=choice["sku"])
        yield from _service_plan_problems(choice, place)
    for index, pool in enumerate(entry.get(pools) or ()):
        place = f"{where}.{pools}[{index}]"
        if bool(pool.get("sku")) == bool(pool.get("allotment")):
            yield Problem("give one of sku and allotment", where=place, value=pool)
        if pool.get("sku") and pool["sku"].lower() in seen:
            yield Problem(f"{pool['sku']} is also at {seen[pool['sku'].lower()]}; name each SKU in one place", where=f"{place}.sku", value=pool["sku"])
        yield from _service_plan_problems(pool, place)


def _service_plan_problems(entry: Mapping, where: str) -> Iterator[Problem]:
    if entry.get("disabled_plans") is not None and entry.get("enabled_plans") is not None and entry.get("plans_mode") != "merge":
        yield Problem("disabled_plans and enabled_plans exclude each other; give one of them, or plans_mode: merge", where=where, value=entry)


def _both_ways(whole: Mapping, where: str, profile: Mapping) -> Iterator[Problem]:
    """A SKU that inheritance, or a profile with the person's own entry, brings in twice: as an alternative, or directly and from a pool."""
    named = [choice["sku"].lower() for dummy, choice in _choices(whole["licenses"], "")] + [(pool.get("sku") or "").lower() for pool in whole["pools"]]
    for sku in sorted({name for name in named if name and named.count(name) > 1}):
        yield Problem(f"{sku.upper()} comes in twice, with what the profile gives; name each SKU in one place", where=where, value=profile)


def _choices(licenses: Sequence[Mapping], where: str) -> Iterator[tuple[str, Mapping]]:
    """Every SKU that is named, with its place: alternatives as well."""
    for index, entry in enumerate(licenses):
        yield f"{where}[{index}]", entry
        for number, other in enumerate(entry.get("alternatives") or ()):
            yield f"{where}[{index}].alternatives[{number}]", other


def is_circular(name: str, profiles: Mapping) -> bool:
    seen, parent = {name}, profiles[name].get("inherits")
    while parent in profiles:
        if parent in seen:
            return True
        seen.add(parent)
        parent = profiles[parent].get("inherits")
    return False


def _whole(name: str, profiles: Mapping) -> dict:
    """A profile with what it inherits: an entry of its own stands in for that of the same SKU or allotment."""
    own = profiles[name]
    base = _whole(own["inherits"], profiles) if own.get("inherits") else {"usage_location": None, "licenses": [], "pools": [], "groups": []}
    return _over(base, own, "pools")


def _over(base: Mapping, own: Mapping, pools: str) -> dict:
    skus = {choice["sku"].lower() for dummy, choice in _choices(own.get("licenses") or (), "")}
    seats = {_seat_key(pool) for pool in own.get(pools) or ()}
    named = {pool["sku"].lower() for pool in own.get(pools) or () if pool.get("sku")}
    return {
        "usage_location": own.get("usage_location") or base["usage_location"],
        "licenses": [entry for entry in base["licenses"] if entry["sku"].lower() not in skus | named] + list(own.get("licenses") or ()),
        "pools": [pool for pool in base["pools"] if _seat_key(pool) not in seats | skus] + list(own.get(pools) or ()),
        "groups": list(dict.fromkeys([*base["groups"], *(own.get("groups") or ())])),
    }


def _seat_key(pool: Mapping) -> str:
    return (pool.get("sku") or pool.get("allotment") or "").lower()


def _entry(person: Mapping, whole: Mapping[str, dict], is_move: bool) -> dict:
    empty: dict[str, Any] = {"usage_location": None, "licenses": [], "pools": [], "groups": []}
    desired = _over(whole[person["profile"]] if person.get("profile") else empty, person, "cloud_assignments")
    entry = {"user": person["user"], "licenses": desired["licenses"], "cloud_assignments": desired["pools"], "groups": desired["groups"]}
    if desired["usage_location"]:
        entry["usage_location"] = desired["usage_location"]
    if not is_move or not person.get("profile"):
        return entry
    left = [person["from"]] if person.get("from") else [name for name in whole if name != person["profile"]]
    moving = [{"prefer": "first", **choice} if choice.get("alternatives") else choice for choice in desired["licenses"]]
    return {**entry, "licenses": moving, **_what_goes([whole[name] for name in left], desired)}


def _what_goes(left: Sequence[Mapping], desired: Mapping) -> dict:
    """What old profiles gave and the new one does not: SKUs, pools and groups."""
    stays = {choice["sku"].lower() for dummy, choice in _choices(desired["licenses"], "")} | {_seat_key(pool) for pool in desired["pools"]}
    kept = {name.lower() for name in desired["groups"]}
    skus = {choice["sku"].lower(): choice["sku"] for old in left for dummy, choice in _choices(old["licenses"], "")}
    pools = {_seat_key(pool): pool for old in left for pool in old["pools"]}
    gone = [{name: pool[name] for name in ("sku", "allotment") if pool.get(name)} for key, pool in pools.items() if key not in stays | skus.keys()]
    return {
        "remove": [sku for key, sku in skus.items() if key not in stays],
        "cloud_assignments": list(desired["pools"]) + [{**pool, "state": "absent"} for pool in gone],
        "leave_groups": [name for name in dict.fromkeys(name for old in left for name in old["groups"]) if name.lower() not in kept],
    }


def leavers(people: Any, today: str, grace_days: Any, variable: str, is_at_once: bool = True) -> list[dict]:
    """Those whose last day, and as many days of grace, are over; with is_at_once, also those who have no last day.

    Each with what the person is to keep. Raises FileError with every problem.
    """
    people = _with_days(people)
    problems = list(problems_of(people, PEOPLE, variable)) or list(_duplicate_problems(people, variable))
    days: list[date | None] = []
    for index, person in enumerate(people if not problems else ()):
        try:
            days.append(day_of(person["last_day"]) if "last_day" in person else None)
        except ValueError:
            problems.append(
                Problem(f"{person['last_day']!r} is no day, such as 2026-12-31", where=f"{variable}[{index}].last_day", value=person["last_day"] or person)
            )
    now, grace = today_of(today), days_of(grace_days, "grace_days")
    if problems:
        raise FileError(*problems)
    due = [person for person, day in zip(people, days) if (is_at_once if day is None else is_over(day, now, grace))]
    return [{name: person[name] for name in ("user", "keep") if person.get(name)} for person in due]


def entries_of_groups(groups: Any, variable: str) -> list[dict]:
    """Groups as options of M(m365.licensing.group_assign_license). Raises FileError with every problem."""
    problems = list(problems_of(groups, GROUPS, variable)) or list(group_problems(groups, variable))
    if problems:
        raise FileError(*problems)
    return [_group_entry(group) for group in groups]


def group_problems(groups: Sequence[Mapping], variable: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, group in enumerate(groups):
        where = f"{variable}[{index}]"
        earlier = first.setdefault(group["group"].lower(), index)
        if earlier != index:
            yield Problem(f"{group['group']} is also {variable}[{earlier}]; leave one of them out", where=f"{where}.group", value=group["group"])
        if group.get("exactly") and group.get("remove"):
            yield Problem("with exactly, everything else is removed anyway; leave it out", where=f"{where}.remove", value=group["remove"])
        if not group.get("licenses") and not group.get("remove"):
            yield Problem("give licenses or remove", where=where, value=group)
        yield from _entry_problems(group, where, "pools")


def _group_entry(group: Mapping) -> dict:
    part = "set" if group.get("exactly") else "add"
    licenses = {part: group.get("licenses"), "remove": group.get("remove")}
    guards = {name: group[name] for name in ("protect", "max_removals") if group.get(name) is not None}
    return {"group": group["group"], "licenses": {name: value for name, value in licenses.items() if value}, **guards}
