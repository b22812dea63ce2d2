# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seats across a list of principals: who comes first is served first, and a seat that an earlier one gives back can be taken again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from .catalog import Catalog
from .changes import Changes, CreateAssignment, DeleteAssignment
from .model import Allotment, Principal


class SeatLedger:
    """Keeps the seats of a catalog up to date with what is planned."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._free = {sku.id: sku.seats.free for sku in catalog}
        self._taken: Counter = Counter()

    def note(self, changes: Changes) -> bool:
        """Takes and gives back the seats of a principal's changes. Whether they need a seat that another one of the list gives back first."""
        before, after = changes.before, changes.after
        needs_freed = False
        for sku_id in {lic.sku_id for lic in (*before.licenses, *after.licenses)}:
            gain = after.holds(sku_id) - before.holds(sku_id)
            if gain:
                self._catalog.take(sku_id, gain)
            if gain > 0 and sku_id in self._free:
                self._taken[sku_id] += 1
                needs_freed = needs_freed or self._taken[sku_id] > self._free[sku_id]
        return needs_freed


class PoolLedger:
    """Keeps the seats of allotments up to date with what is planned."""

    def __init__(self, pools: list[Allotment]) -> None:
        self._pools = {pool.id: pool for pool in pools}
        self._free = {pool.id: pool.free for pool in pools}
        self._taken: Counter = Counter()

    @property
    def pools(self) -> tuple[Allotment, ...]:
        """The allotments as they will be."""
        return tuple(self._pools.values())

    def note(self, changes: Changes) -> bool:
        """As that of SeatLedger. Groups are left out of account: how many seats they take, Graph decides."""
        state = changes.before
        principal: Principal = state.principal
        needs_freed = False
        for operation in changes.operations if principal.kind != "group" else ():
            pool_id = getattr(getattr(operation, "assignment", None), "allotment_id", None)
            pool = self._pools.get(pool_id or "")
            if pool is not None and isinstance(operation, CreateAssignment) and pool.id not in state.reached:
                self._pools[pool.id] = replace(pool, consumed=pool.consumed + 1)
                self._taken[pool.id] += 1
                needs_freed = needs_freed or self._taken[pool.id] > self._free[pool.id]
            elif pool is not None and isinstance(operation, DeleteAssignment):
                self._pools[pool.id] = replace(pool, consumed=pool.consumed - 1)
        return needs_freed
