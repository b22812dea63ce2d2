# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""License records of leavers as values: one episode for each removal from a user, and what was restored since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import OptionError
from .desired.validate import ListOf, Record, problems_of
from .observed import Tenant
from .plan.changes import EndState

VERSION = 2
_NAMED = Record({"id": str, "name": str}, ("id",))
_LICENSE = Record({"sku_id": str, "sku": str, "disabled_plans": ListOf(_NAMED), "is_partial": bool}, ("sku_id", "disabled_plans"))
_SEAT = Record({"allotment": str, "sku_id": str, "sku": str, "disabled_plans": ListOf(_NAMED)}, ("allotment", "sku_id", "disabled_plans"))
_ASSIGNED = Record({"sku_id": str, "sku": str, "disabled_plans": ListOf(_NAMED), "is_new": bool}, ("sku_id", "disabled_plans", "is_new"))
_HELD = {"licenses": ListOf(_LICENSE), "seats": ListOf(_SEAT), "groups": ListOf(_NAMED), "assigned": ListOf(_ASSIGNED), "usage_location": str}
_LINE = Record({"user": _NAMED, "time": str, "state": str, **_HELD}, ("user", "state"))
_HEAD = Record({"version": int, "tenant": str}, ("version", "tenant"))
_STATES = ("recorded", "rejected", "released", "restored", "partly_restored")


@dataclass(frozen=True, slots=True)
class HeldLicense:
    """A direct license, or with allotment_id a seat, as it was. is_new marks a license that was assigned on release and that the user did not have before.

    is_partial marks a restored license. What remains are disabled service plans that the SKU no longer has.
    """

    sku_id: str
    disabled_plans: frozenset[str] = frozenset()
    allotment_id: str = ""
    is_new: bool = False
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Episode:
    """What was removed from a user at one time, by id, and what was assigned in exchange. names are for people who read the file."""

    user_id: str
    user_name: str
    time: str
    licenses: tuple[HeldLicense, ...] = ()
    seats: tuple[HeldLicense, ...] = ()
    groups: tuple[str, ...] = ()
    assigned: tuple[HeldLicense, ...] = ()
    usage_location: str | None = None
    state: str = "recorded"
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to restore."""
        return not (self.licenses or self.seats or self.groups or any(one.is_new for one in self.assigned))

    @property
    def line(self) -> dict:
        """The episode as a line of the file."""
        head = {"user": {"id": self.user_id, "name": self.user_name}, "state": self.state, "time": self.time}
        return {**head, "usage_location": self.usage_location, **self.held} if self.usage_location else {**head, **self.held}

    @property
    def held(self) -> dict:
        """What is recorded, with names."""
        lists: dict[str, list[dict]] = {
            "licenses": [{**self._row(one), **({"is_partial": True} if one.is_partial else {})} for one in self.licenses],
            "seats": [{"allotment": one.allotment_id, **self._row(one)} for one in self.seats],
            "groups": [{"id": one, "name": self.names.get(one, one)} for one in self.groups],
            "assigned": [{**self._row(one), "is_new": one.is_new} for one in self.assigned],
        }
        return {name: rows for name, rows in lists.items() if rows}

    def _row(self, one: HeldLicense) -> dict:
        plans = [{"id": key, "name": self.names.get(key, key)} for key in sorted(one.disabled_plans)]
        return {"sku_id": one.sku_id, "sku": self.names.get(one.sku_id, one.sku_id), "disabled_plans": plans}


class LeaverRecord:
    """The episodes of a file that are not restored yet, by the id of the user, and the names that users had in it.

    restored are users with everything restored, ids the ids of users by name. lines counts the lines of the file, to decide whether to compact it.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.open: dict[str, list[Episode]] = {}
        self.restored: dict[str, Episode] = {}
        self.ids: dict[str, set[str]] = {}
        self.lines = 0

    def add(self, episode: Episode) -> None:
        """Take a line of the file into account."""
        self.lines += 1
        key = episode.user_id
        self.ids.setdefault(episode.user_name.lower(), set()).add(key)
        if episode.state == "recorded":
            self.open.setdefault(key, []).append(episode)
        elif episode.state == "rejected":
            self._drop(episode)
        elif episode.state == "released":
            self.open[key] = [replace(one, state="released") if one.state == "recorded" else one for one in self.open.get(key, [])]
        else:
            self.open.pop(key, None)
            self.restored[key] = episode
            if episode.state == "partly_restored":
                self.open[key] = [episode]

    def _drop(self, episode: Episode) -> None:
        """Forget an episode that Graph rejected as a whole."""
        known = self.open.get(episode.user_id, [])
        places = [place for place, one in enumerate(known) if one.held == episode.held and one.state == "recorded"]
        if places:
            del known[places[-1]]

    def covers(self, episode: Episode) -> bool:
        """Whether the last episode of the user includes this one: an interrupted run recorded it, or nothing has changed since."""
        last = next(iter(self.open.get(episode.user_id, [])[-1:]), None)
        if last is None:
            return False
        parts = zip((episode.licenses, episode.seats, episode.groups, episode.assigned), (last.licenses, last.seats, last.groups, last.assigned))
        return all(set(one) <= set(other) for one, other in parts)

    def compacted(self) -> Iterator[dict]:
        """The lines that are still needed: the head, open episodes, and one line for each user with everything restored."""
        yield head_line(self.tenant)
        for key, episode in self.restored.items():
            if key not in self.open:
                yield episode.line
        for episodes in self.open.values():
            for one in episodes:
                yield (replace(one, state="recorded") if one.state == "released" else one).line
            if episodes and episodes[-1].state == "released":
                yield Episode(episodes[-1].user_id, episodes[-1].user_name, episodes[-1].time, state="released").line


def head_line(tenant: str) -> dict:
    """The first line of a file."""
    return {"version": VERSION, "tenant": tenant}


def record_of(text: str, tenant: str | None, path: str) -> LeaverRecord:
    """The record in a text of whole lines. Raises OptionError for a damaged file, and one of another tenant."""
    record = LeaverRecord(tenant or "")
    for number, line in enumerate(text.split("\n")[:-1], 1):
        found = _parsed(line, number, path)
        if number > 1:
            record.add(_episode(found))
        elif tenant is not None and found["tenant"] != tenant:
            raise OptionError(f"record_path: {path} belongs to tenant {found['tenant']}, and this is tenant {tenant}; give another path")
    return record


def _parsed(line: str, number: int, path: str) -> Any:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    problem = next(iter(problems_of(found, _LINE if number > 1 else _HEAD, f"line {number}")), None)
    if problem is None and number > 1 and found["state"] in _STATES:
        return found
    if problem is None and number == 1 and found["version"] == VERSION:
        return found
    what = "is not a record of leavers" if number == 1 else f"is damaged in line {number}"
    raise OptionError(f"record_path: {path} {what}; restore the file from a backup, or give another path")


def _episode(line: Mapping) -> Episode:
    names: dict[str, str] = {}
    for row in (*(line.get("licenses") or ()), *(line.get("seats") or ()), *(line.get("assigned") or ())):
        names[row["sku_id"]] = row.get("sku") or row["sku_id"]
        names |= {one["id"]: one.get("name") or one["id"] for one in row["disabled_plans"]}
    names |= {one["id"]: one.get("name") or one["id"] for one in line.get("groups") or ()}
    return Episode(
        line["user"]["id"],
        line["user"].get("name") or line["user"]["id"],
        line.get("time") or "",
        tuple(map(_held, line.get("licenses") or ())),
        tuple(map(_held, line.get("seats") or ())),
        tuple(one["id"] for one in line.get("groups") or ()),
        tuple(map(_held, line.get("assigned") or ())),
        line.get("usage_location"),
        line["state"],
        names,
    )


def _held(row: Mapping) -> HeldLicense:
    off = frozenset(one["id"] for one in row["disabled_plans"])
    return HeldLicense(row["sku_id"], off, row.get("allotment") or "", row.get("is_new") is True, row.get("is_partial") is True)


def episode_of(state: EndState, tenant: Tenant, now: str) -> Episode | None:
    """Return the episode of a release: the licenses that it removes, changes in service plans or assigns. None if there are none."""
    before = state.before
    direct = [one for one in state.changes if one.kind == "license"]
    licenses = [HeldLicense(one.key, one.before) for one in direct if one.verb != "add" and isinstance(one.before, frozenset)]
    removed = {one.key for one in direct if one.verb == "remove"}
    deleted = {one.key for one in state.changes if one.kind == "seat" and one.verb == "remove"}
    seats = [
        HeldLicense(one.sku_id or "", one.disabled_plans, one.allotment_id or "")
        for one in before.seats or ()
        if one.allotment_id and (one.allotment_id in deleted or one.sku_id in removed)
    ]
    groups = [one.key for one in state.changes if one.kind == "membership" and one.verb == "remove"]
    assigned = [HeldLicense(one.key, one.after, is_new=one.before is None) for one in direct if isinstance(one.after, frozenset) and one.before != one.after]
    if not (licenses or seats or groups or assigned):
        return None
    names = _names((*licenses, *seats, *assigned), groups, tenant)
    held = tuple(licenses), tuple(seats), tuple(groups), tuple(assigned)
    return Episode(before.id, before.user.name, now, *held, before.user.usage_location, names=names)


def _names(held: Iterable[HeldLicense], groups: Iterable[str], tenant: Tenant) -> dict[str, str]:
    names = {group_id: tenant.group_name(group_id) for group_id in groups}
    for one in held:
        sku = tenant.catalog.sku(one.sku_id)
        names[sku.id] = sku.part_number
        names |= {plan.id: plan.name for plan in sku.service_plans if plan.id in one.disabled_plans}
    return names
