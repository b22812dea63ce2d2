# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One count of seats over a whole run: who takes a seat that another user frees, and in which stage."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heappushpop

from ..model import Principal
from ..observed import Observed, Tenant

ALLOTMENT = "allotment "  # how the key of an allotment begins


def seat_key(allotment_id: str) -> str:
    """By what the seats of an allotment are counted; those of a SKU are by its id."""
    return ALLOTMENT + allotment_id


@dataclass(frozen=True, slots=True)
class Claim:
    """The seats that one user takes and frees, by key of what is counted. All of a claim is done in one request, or nothing of it."""

    takes: frozenset[str]
    frees: frozenset[str]


def supply_of(claims: Iterable[Claim], free: Mapping[str, int]) -> dict[str, int]:
    """The seats that are free or are freed by anybody."""
    supply = dict(free)
    for claim in claims:
        for key in claim.frees:
            supply[key] = supply.get(key, 0) + 1
    return supply


def plenty_of(takes: Iterable[frozenset[str]], free: Mapping[str, int]) -> frozenset[str]:
    """The keys of seats that are free for all who take them, so that nobody waits for one that another user frees."""
    taken = Counter(key for keys in takes for key in keys)
    return frozenset(key for key, count in taken.items() if count <= free.get(key, 0))


def stages_of(claims: Sequence[Claim], free: Mapping[str, int]) -> dict[int, int]:
    """The stage of each claim that can be served, by its place in the list; a claim that cannot is missing, and so is what it would free.

    A claim of a stage needs only seats that are free, or that an earlier stage frees. Where claims of one seat each can all be served in any order,
    they are. Otherwise those that free a seat go before those that keep one, and then who comes first in the list is served first.
    Less than no seat is free where more are used than owned: the first ones that are freed then serve nobody.
    """
    seats = _Seats(free)
    stages: dict[int, int] = {}
    waiting: dict[str, deque[int]] = {}
    ready = deque(_order(claims, free))
    while ready:
        index = ready.popleft()
        missing = next((key for key in sorted(claims[index].takes) if not seats.has(key)), None)
        if missing is not None:
            waiting.setdefault(missing, deque()).append(index)
            for key in claims[index].takes:  # this one does not take them now, so that the next in line may
                if key != missing and waiting.get(key) and seats.has(key):
                    ready.appendleft(waiting[key].popleft())
            continue
        stages[index] = max((seats.take(key) for key in claims[index].takes), default=0)
        for key in sorted(claims[index].frees):
            seats.give(key, stages[index])
            if waiting.get(key):
                ready.appendleft(waiting[key].popleft())
    return stages


class _Seats:
    """The seats that are free, and those that are freed in a stage. Of an overused SKU, as many as are used too much serve nobody: the earliest."""

    def __init__(self, free: Mapping[str, int]) -> None:
        self._free = {key: max(count, 0) for key, count in free.items()}
        self._overused = {key: -count for key, count in free.items() if count < 0}
        self._absorbed: dict[str, list[int]] = {}
        self._freed: dict[str, list[int]] = {}

    def has(self, key: str) -> bool:
        """Whether a seat can be taken in some stage."""
        return self._free.get(key, 0) > 0 or bool(self._freed.get(key))

    def take(self, key: str) -> int:
        """Takes a seat. The first stage in which that can be done."""
        if self._free.get(key, 0) > 0:
            self._free[key] -= 1
            return 0
        return heappop(self._freed[key]) + 1

    def give(self, key: str, stage: int) -> None:
        """A seat is freed in a stage."""
        absorbed = self._absorbed.setdefault(key, [])
        if len(absorbed) < self._overused.get(key, 0):
            heappush(absorbed, -stage)
            return
        later = -heappushpop(absorbed, -stage) if absorbed else stage
        heappush(self._freed.setdefault(key, []), later)


def _order(claims: Sequence[Claim], free: Mapping[str, int]) -> list[int]:
    """An order in which every claim can be served, if claims of at most one seat have any.

    Such a claim is an edge from the seat that it takes to the seat that it frees, and free seats walk along edges. The fewest walks that cover all edges
    begin where more edges begin than end. With edges that lead back from their ends, each connected part is one circuit, found as Hierholzer does.
    """
    mains = {index: (_main(claim.takes), _main(claim.frees)) for index, claim in enumerate(claims)}
    simple = {index: _edge(index, takes, frees) for index, (takes, frees) in mains.items() if len(takes) <= 1 and len(frees) <= 1}
    walks = [walk for circuit in _circuits(simple) for walk in _cut(circuit, simple, free)]
    walks.sort(key=lambda walk: (not _starts_free(simple[walk[0]][0], free), min(walk)))
    rest = sorted((index for index in range(len(claims)) if index not in simple), key=lambda index: not claims[index].frees)
    return _fair([index for walk in walks for index in walk] + rest, claims)


def _fair(order: list[int], claims: Sequence[Claim]) -> list[int]:
    """The order in which of equal claims the one that comes first in the list is first."""
    equal: dict[Claim, deque[int]] = {}
    for index in sorted(order):
        equal.setdefault(claims[index], deque()).append(index)
    return [equal[claims[index]].popleft() for index in order]


def _main(keys: frozenset[str]) -> frozenset[str]:
    """The keys that decide: of a seat of an allotment and of its SKU, the allotment."""
    return frozenset(key for key in keys if key.startswith(ALLOTMENT)) or keys


def _edge(index: int, takes: frozenset[str], frees: frozenset[str]) -> tuple[Hashable, Hashable]:
    """From what to what; an end that is no seat is a point of its own."""
    return next(iter(takes), 2 * index), next(iter(frees), 2 * index + 1)


def _starts_free(point: Hashable, free: Mapping[str, int]) -> bool:
    return not isinstance(point, str) or free.get(point, 0) > 0


def _circuits(edges: Mapping[int, tuple[Hashable, Hashable]]) -> Iterator[list[int | None]]:
    """Every connected part as one circuit. Nothing stands for an edge that leads back."""
    outgoing: dict[Hashable, list[tuple[int | None, Hashable]]] = {}
    balance: dict[Hashable, int] = {}
    for index in sorted(edges, reverse=True):
        start, end = edges[index]
        outgoing.setdefault(start, []).append((index, end))
        balance[start], balance[end] = balance.get(start, 0) + 1, balance.get(end, 0) - 1
    ends = [point for point, excess in balance.items() for dummy in range(-excess)]
    starts = [point for point, excess in balance.items() for dummy in range(excess)]
    for end, start in zip(ends, starts):
        outgoing.setdefault(end, []).append((None, start))
    for point, left in outgoing.items():
        if left:
            yield _circuit(point, outgoing)


def _circuit(point: Hashable, outgoing: Mapping[Hashable, list[tuple[int | None, Hashable]]]) -> list[int | None]:
    """All edges that can be reached, once each, back to where they begin."""
    path: list[tuple[int | None, Hashable]] = [(None, point)]
    circuit: list[int | None] = []
    while path:
        index, here = path[-1]
        if outgoing.get(here):
            path.append(outgoing[here].pop())
        else:
            path.pop()
            circuit.append(index)
    circuit.pop()  # how the path began
    return circuit[::-1]


def _cut(circuit: list[int | None], edges: Mapping[int, tuple[Hashable, Hashable]], free: Mapping[str, int]) -> list[list[int]]:
    """The walks of a circuit: between edges that lead back, or from a seat that is free."""
    if None in circuit:
        turn = circuit.index(None)
    else:
        turn = next((spot for spot, index in enumerate(circuit) if index is not None and _starts_free(edges[index][0], free)), 0)
    walks: list[list[int]] = [[]]
    for index in circuit[turn:] + circuit[:turn]:
        if index is None:
            walks.append([])
        else:
            walks[-1].append(index)
    return [walk for walk in walks if walk]


def claims(before: Observed, end: Principal, after: Mapping[str, tuple[str, frozenset[str]]], tenant: Tenant) -> tuple[frozenset[str], frozenset[str]]:
    """The seats that a user takes and frees, by key. after are the seats that the user will have: SKU and service plans by allotment.

    Of each allotment by which a user is reached, one seat is in use (graph-contract 2.1).
    """
    now = {one.allotment_id or "": one.sku_id or "" for one in before.seats or ()}
    later = {allotment_id: sku_id for allotment_id, (sku_id, dummy) in after.items()}
    (old, units), (new, more) = (_used(*state, tenant, before.seats is not None) for state in ((before.user, now), (end, later)))
    taken = {key for key, count in more.items() if count > units.get(key, 0)}
    freed = {key for key, count in units.items() if count > more.get(key, 0)}
    return frozenset(map(seat_key, new - old)) | taken, frozenset(map(seat_key, old - new)) | freed


def _used(user: Principal, own: Mapping[str, str], tenant: Tenant, are_seats_known: bool) -> tuple[set[str], dict[str, int]]:
    """The ids of the allotments by which a user is reached, and the seats of each SKU. What no assignment explains is one seat elsewhere."""
    reached = dict(own)
    elsewhere = set()
    for lic in (lic for lic in user.licenses if lic.is_held):
        through = [one for one in tenant.group_seats.get(lic.group_id or "", ()) if one.sku_id == lic.sku_id and one.allotment_id]
        reached |= {one.allotment_id or "": lic.sku_id for one in through}
        if not through and (lic.group_id or lic.sku_id not in own.values()):
            elsewhere.add(lic.sku_id)
    counts: dict[str, int] = {}
    for sku_id in reached.values():
        counts[sku_id] = counts.get(sku_id, 0) + 1
    for sku_id in elsewhere:
        counts[sku_id] = counts.get(sku_id, 0) + 1 if are_seats_known else 1
    return set(reached), counts


def free_seats(tenant: Tenant, users: Iterable[Observed], claimed: Mapping[str, frozenset[str]] | None = None) -> dict[str, int]:
    """The seats that are left, by key: without those that members take of what the run assigns to groups, and those that go to a queue first.

    claimed are the keys of seats that users take by what is desired of them, by their id: as members they take no other one. Where members are more than
    seats are, the number is below zero, as what is freed goes to them first.
    """
    free = {sku.id: sku.seats.free - tenant.taken.get(sku.id, 0) for sku in tenant.catalog}
    for sku_id, ids in tenant.getting.items():
        free[sku_id] = free.get(sku_id, 0) - sum(sku_id not in (claimed or {}).get(user_id, ()) for user_id in ids)
    free |= {seat_key(one.id): one.free for one in tenant.allotments}
    for key in (key for user in users for key in _queued(user, tenant)):
        free[key] = free.get(key, 0) - 1
    return free


def _queued(user: Observed, tenant: Tenant) -> set[str]:
    """The keys of the seats for which a user waits as the member of a group: what is freed goes there first (graph-contract 2.1)."""
    waiting = [lic for lic in user.user.licenses if lic.group_id and not lic.is_held and (lic.error or "").lower().startswith("countviolation")]
    named = [(one.allotment_id, one.sku_id, lic.sku_id) for lic in waiting for one in tenant.group_seats.get(lic.group_id or "", ())]
    return {lic.sku_id for lic in waiting} | {seat_key(one) for one, own, sku_id in named if one and own == sku_id}
