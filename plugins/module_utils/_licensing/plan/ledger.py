# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seats across a list of principals: who comes first is served first, and a seat that an earlier one gives back can be taken again."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush

from ..catalog import Catalog
from ..model import Allotment, Group, Principal
from .changes import Changes, CreateAssignment, DeleteAssignment


class _Freed:
    """Seats that are free, and those that are given back in a stage of writes: who takes one of these comes in a later stage."""

    def __init__(self, free: dict[str, int]) -> None:
        self._free = dict(free)
        self._stages: dict[str, list[int]] = {}

    def take(self, key: str, stage: int) -> int:
        """Takes a seat. The stage in which that can be done."""
        if self._free.get(key, 0) > 0:
            self._free[key] -= 1
            return stage
        stages = self._stages.get(key)
        return max(stage, heappop(stages) + 1) if stages else stage

    def give(self, key: str, stage: int) -> None:
        """A seat is given back in a stage."""
        heappush(self._stages.setdefault(key, []), stage)


class SeatLedger:
    """Keeps the seats of a catalog up to date with what is planned."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._freed = _Freed({sku.id: sku.seats.free for sku in catalog})

    def note(self, changes: Changes, stage: int) -> int:
        """Takes and gives back the seats of a principal's changes, which cannot be written before a stage. The stage in which they can."""
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
        """As that of SeatLedger. A group takes a seat for each of its members, as far as there are any; what it gives back, nobody can know."""
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
