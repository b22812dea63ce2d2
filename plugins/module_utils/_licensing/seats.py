# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count seats over a whole run: which user takes a seat that another user frees, and in which stage."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush, heappushpop

ALLOTMENT = "allotment "  # how the key of an allotment begins


def seat_key(allotment_id: str) -> str:
    """The key under which the seats of an allotment are counted; those of a SKU are counted under its id."""
    return ALLOTMENT + allotment_id


@dataclass(frozen=True, slots=True)
class Claim:
    """The seats that one user takes and frees, by key of what is counted. All of a claim is done in one request, or nothing of it."""

    takes: frozenset[str]
    frees: frozenset[str]


def supply_of(claims: Iterable[Claim], free: Mapping[str, int]) -> dict[str, int]:
    """The seats that are free or that any claim frees."""
    supply = dict(free)
    for claim in claims:
        for key in claim.frees:
            supply[key] = supply.get(key, 0) + 1
    return supply


def plenty_of(takes: Iterable[frozenset[str]], free: Mapping[str, int]) -> frozenset[str]:
    """The keys with enough free seats for all claims, so that no user waits for a seat that another user frees."""
    taken = Counter(key for keys in takes for key in keys)
    return frozenset(key for key, count in taken.items() if count <= free.get(key, 0))


def stages_of(claims: Sequence[Claim], free: Mapping[str, int]) -> dict[int, int]:
    """The stage of each claim that can be served, by its place in the list; a claim that cannot is missing, and so is what it would free.

    A claim of a stage needs only seats that are free, or that an earlier stage frees. Where claims of one seat each can all be served in any order,
    they are. Otherwise claims that free a seat come before claims that free none, and then the list order decides.
    Where more seats are used than owned, the first seats that are freed serve no claim.
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


def stages_around(claims: Sequence[Claim], are_late: Sequence[bool], free: Mapping[str, int]) -> tuple[dict[int, int], int | None]:
    """Stages as stages_of returns them, where late claims free their seats by an event after a stage; and that stage.

    Claims that need such a seat come after the event, all others before it. If that serves fewer claims, the event comes first and has no stage.
    """
    whole = stages_of(claims, free)
    early = stages_of([replace(one, frees=frozenset()) if is_late else one for one, is_late in zip(claims, are_late)], free)
    last = max(early.values(), default=0)
    rest = [place for place in range(len(claims)) if place not in early]
    left = supply_of((claims[place] for place in early), free)
    for key in (key for place in early for key in claims[place].takes):
        left[key] -= 1
    behind = stages_of([claims[place] for place in rest], left)
    both = early | {rest[place]: last + 1 + stage for place, stage in behind.items()}
    return (both, last) if len(both) == len(whole) else (whole, None)


class _Seats:
    """The seats that are free, and those that are freed in a stage. Of an overused SKU, the first seats that are freed only cover the excess."""

    def __init__(self, free: Mapping[str, int]) -> None:
        self._free = {key: max(count, 0) for key, count in free.items()}
        self._overused = {key: -count for key, count in free.items() if count < 0}
        self._absorbed: dict[str, list[int]] = {}
        self._freed: dict[str, list[int]] = {}

    def has(self, key: str) -> bool:
        """Whether a seat can be taken in some stage."""
        return self._free.get(key, 0) > 0 or bool(self._freed.get(key))

    def take(self, key: str) -> int:
        """Take a seat, and return the first stage in which that is possible."""
        if self._free.get(key, 0) > 0:
            self._free[key] -= 1
            return 0
        return heappop(self._freed[key]) + 1

    def give(self, key: str, stage: int) -> None:
        """Free a seat in a stage."""
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
    """The edge of a claim; an end without a seat is a point of its own."""
    return next(iter(takes), 2 * index), next(iter(frees), 2 * index + 1)


def _starts_free(point: Hashable, free: Mapping[str, int]) -> bool:
    return not isinstance(point, str) or free.get(point, 0) > 0


def _circuits(edges: Mapping[int, tuple[Hashable, Hashable]]) -> Iterator[list[int | None]]:
    """Every connected part as one circuit. None is an edge that leads back."""
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
