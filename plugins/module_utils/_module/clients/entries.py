# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a list, with defaults, which name each principal once, and the seats that they take and free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

from ..._errors import OptionError
from ..._licensing.catalog import Catalog
from ..._licensing.model import Allotment, Group, Principal
from ..._licensing.plan.changes import AssignLicenses, Changes, CreateAssignment, DeleteAssignment
from .base import Plan


def merged(entries: Iterable[Mapping], defaults: Mapping, names: Iterable[str]) -> list[dict]:
    """The options of each entry: its own, else the task's. Guards combine: protect is the union, and allow_empty must not be false in the task.

    Equal lists and dictionaries are one object, as a long list has few kinds of them.
    """
    common = {name: defaults[name] for name in names if defaults.get(name) is not None}
    kept: dict[str, Any] = {}
    return [{**common, **{name: _one(_guarded(name, value, common), kept) for name, value in entry.items() if value is not None}} for entry in entries]


def _guarded(name: str, value: Any, common: Mapping) -> Any:
    if name == "protect" and common.get("protect"):
        return list(dict.fromkeys([*common["protect"], *value]))
    return value and common.get("allow_empty", True) if name == "allow_empty" else value


def _one(value: Any, kept: dict[str, Any]) -> Any:
    return kept.setdefault(repr(value), value) if isinstance(value, (dict, list)) else value


def check_duplicates(plans: Iterable[Plan], entries: list[dict], targets: Mapping[int, str], option: str, keys: tuple[str, ...]) -> None:
    """Mark duplicate entries. Raises OptionError with every pair of conflicting entries of one target.

    targets say what an entry is about: equal ones are the same. keys are the options that name the principal.
    """
    first: dict[str, int] = {}
    problems = []
    for plan in plans:
        target = targets.get(plan.index)
        if target is None:
            continue
        earlier = first.setdefault(target, plan.index)
        if earlier == plan.index:
            continue
        if _desired(entries[earlier], keys) == _desired(entries[plan.index], keys):
            plan.duplicate_of = earlier
        else:
            names = " and ".join(sorted({str(entry[key]) for entry in (entries[earlier], entries[plan.index]) for key in keys if entry.get(key)}))
            problems.append(f"{option}[{earlier}] and {option}[{plan.index}] are conflicting entries of the same {plan.kind}, {names}")
    if problems:
        raise OptionError("; ".join(problems) + "; leave one of them out")


def _desired(entry: Mapping, keys: tuple[str, ...]) -> dict:
    return {name: value for name, value in entry.items() if name not in keys}


def removals(plans: Iterable[Plan]) -> dict[str, list[str]]:
    """The SKU part numbers of the licenses or assignments that plans would remove, by the name of the principal."""
    found: dict[str, list[str]] = {}
    for plan in plans:
        if not plan.is_to_write or plan.changes is None:
            continue
        ids: list[str | None] = [sku_id for one in plan.operations if isinstance(one, AssignLicenses) for sku_id in one.remove]
        ids += [one.assignment.sku_id for one in plan.operations if isinstance(one, DeleteAssignment)]
        if ids:
            found.setdefault(plan.name, []).extend(plan.changes.catalog.sku(sku_id or "").part_number for sku_id in ids)
    return found


class _Freed:
    """Seats that are free, and those that a stage of writes releases: what takes one of these is in a later stage."""

    def __init__(self, free: dict[str, int]) -> None:
        self._free = dict(free)
        self._stages: dict[str, list[int]] = {}

    def take(self, key: str, stage: int) -> int:
        """Take a seat. Return the stage in which that can be done."""
        if self._free.get(key, 0) > 0:
            self._free[key] -= 1
            return stage
        stages = self._stages.get(key)
        return max(stage, heappop(stages) + 1) if stages else stage

    def give(self, key: str, stage: int) -> None:
        """Release a seat in a stage."""
        heappush(self._stages.setdefault(key, []), stage)


class SeatLedger:
    """Keeps the seats of a catalog up to date with what is planned."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._freed = _Freed({sku.id: sku.seats.free for sku in catalog})

    def note(self, changes: Changes, stage: int) -> int:
        """Take and release the seats of a principal's changes, which cannot be written before a stage. Return the stage in which they can."""
        before, after = changes.before, changes.after
        gains = {sku_id: after.holds(sku_id) - before.holds(sku_id) for sku_id in {lic.sku_id for lic in (*before.licenses, *after.licenses)}}
        for sku_id, gain in gains.items():
            if gain:
                self._catalog.take(sku_id, gain)
            if gain > 0:
                stage = self._freed.take(sku_id, stage)
        for sku_id, gain in gains.items():
            if gain < 0:
                self._freed.give(sku_id, stage)
        return stage


class PoolLedger:
    """Keeps the seats of allotments up to date with what is planned."""

    def __init__(self, pools: list[Allotment]) -> None:
        self._pools = {pool.id: pool for pool in pools}
        self._freed = _Freed({pool.id: pool.free for pool in pools})

    @property
    def pools(self) -> tuple[Allotment, ...]:
        """The allotments as they will be."""
        return tuple(self._pools.values())

    def note(self, changes: Changes, stage: int) -> int:
        """As in SeatLedger. A group takes a seat for each of its members, as long as there are free ones; what it releases is not known."""
        state = changes.before
        for operation in changes.operations:
            pool = self._pools.get(getattr(getattr(operation, "assignment", None), "allotment_id", None) or "")
            if pool is not None and isinstance(operation, CreateAssignment) and pool.id not in state.reached:
                stage = self._take(pool, state.principal, stage)
        for operation in changes.operations:
            pool = self._pools.get(getattr(getattr(operation, "assignment", None), "allotment_id", None) or "")
            if pool is not None and isinstance(operation, DeleteAssignment) and state.principal.kind != "group":
                self._pools[pool.id] = replace(pool, consumed=pool.consumed - 1)
                self._freed.give(pool.id, stage)
        return stage

    def _take(self, pool: Allotment, principal: Principal, stage: int) -> int:
        seats = min(principal.member_count or 0, max(pool.free, 0)) if isinstance(principal, Group) else 1
        self._pools[pool.id] = replace(pool, consumed=pool.consumed + seats)
        for dummy in range(seats):
            stage = self._freed.take(pool.id, stage)
        return stage
