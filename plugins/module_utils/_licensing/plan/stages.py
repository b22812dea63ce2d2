# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide all users of a run against one count of seats: what each will have, which users are served, and in which stage."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ..._errors import Problem
from ..observed import Observed, Tenant, free_seats
from ..seats import Claim, seat_key, stages_around, stages_of, supply_of
from . import predict
from .changes import EndState
from .choices import Resolved
from .end_state import KINDS, Decider, Settings
from .paths import SeatsLeft


class Planner:
    """Decides all users against one count of seats."""

    def __init__(
        self, tenant: Tenant, settings: Settings, users: Mapping[int, Observed], resolved: Mapping[int, Resolved], late: Collection[tuple[str, str]] = ()
    ) -> None:
        """late are the pairs of group and SKU whose removal waits for the members that can get a replacement first."""
        self._late = late
        self.last_stage: int | None = None  # the last one before late licenses are removed from groups; None where that must come first
        self._tenant, self._settings, self._users, self._resolved = tenant, settings, users, resolved
        self._decider = Decider(tenant, settings)
        self._claims: dict[Claim, Claim] = {}
        self._is_tried = settings.seat_check == "try"
        self._tried: set[int] = set()
        self.free = free_seats(tenant, users.values())
        self._choosing = [index for index, one in resolved.items() if one.has_choice]

    def decided(self) -> tuple[dict[int, EndState], dict[int, int]]:
        """Return end states, and the stages of the users who are served.

        Users with alternatives are decided again, counting what all others free and take, until nothing changes. Users who are not served count for nothing.
        Of all rounds, the last one that serves most users is returned.
        A SKU that had no seat for a user is not chosen for that user again, unless one is left in the end: then once more.
        """
        states = self._decided_alike()
        if self._tenant.getting:
            able = (state for state in states.values() if not state.has_errors)
            claimed = {state.before.id: state.takes for state in able if state.changes or state.frees}
            self.free = free_seats(self._tenant, self._users.values(), claimed)
        barred: dict[int, set[str]] = {}
        refused: set[int] = set()
        retried: set[int] = set()
        if not self._choosing:
            return states, self._stages(states, set())
        best: tuple[int, dict[int, EndState], set[int], dict[int, int], int | None] = (len(states), states, set(), {}, None)
        for dummy in range(_ROUNDS):
            hopeless = self._choose_all(states, refused, barred)
            stages = self._stages(states, hopeless)
            unserved = states.keys() - (stages.keys() - self._tried)
            left = self._left_over(states, stages)
            missing = self._missing(states, stages, left)
            for index in unserved & set(self._choosing) - hopeless:
                barred.setdefault(index, set()).update(missing.get(index, ()))
            if len(unserved) <= best[0]:
                best = len(unserved), dict(states), self._tried, stages, self.last_stage
            free = {key for key, count in left.items() if count > 0}
            again = {index for index in hopeless - retried if self._claim(states[index]).takes <= free or barred.get(index, set()) & free}
            for index in again:
                barred.pop(index, None)
            retried |= again
            if unserved == refused and not again:
                break
            refused = set(unserved)
        dummy, states, self._tried, stages, self.last_stage = best
        return states, stages

    def _decided_alike(self) -> dict[int, EndState]:
        """Decide all users once. Users with the same licenses and the same desired licenses share a decision, unless it has problems."""
        states: dict[int, EndState] = {}
        known: dict[tuple, EndState] = {}
        for index, one in self._resolved.items():
            user = self._users[index]
            key = id(one), user.user.licenses, user.user.usage_location, user.groups, user.seats
            alike = known.get(key)
            if alike:
                after = alike.end
                end = replace(user.user, licenses=after.licenses, usage_location=after.usage_location) if after else None
                states[index] = replace(alike, before=user, end=end)
                continue
            state = states[index] = self._decider.decide(user, one, self._left)
            if not state.problems and len(known) < KINDS:
                known[key] = state
        return states

    def _stages(self, states: Mapping[int, EndState], hopeless: set[int]) -> dict[int, int]:
        """The stages of users who have no error and are served. With seat_check: try, the others come last, as Graph may have a seat."""
        able = {index: state for index, state in states.items() if not state.has_errors}
        counted = {index: self._claim(state) for index, state in able.items() if (state.changes or state.frees) and index not in hopeless}
        choosing = set(self._choosing)  # users with alternatives come after users without
        places = sorted((index for index, claim in counted.items() if claim.takes or claim.frees), key=lambda index: (index in choosing, index))
        claims = [counted[index] for index in places]
        if self._late:
            served, self.last_stage = stages_around(claims, [self._is_late(states[index]) for index in places], self.free)
        else:
            served = stages_of(claims, self.free)
        stages = dict.fromkeys(able.keys() - set(places) - hopeless, 0) | {places[place]: stage for place, stage in served.items()}
        self._tried = able.keys() - stages.keys() if self._is_tried else set()
        return stages | dict.fromkeys(self._tried, max(stages.values(), default=-1) + 1)

    def _is_late(self, state: EndState) -> bool:
        """Whether a user frees seats only when a license is removed from a group."""
        return any((lic.group_id or "", lic.sku_id) in self._late for lic in state.before.user.licenses)

    def _choose_all(self, states: dict[int, EndState], refused: set[int], barred: Mapping[int, set[str]]) -> set[int]:
        """Decide users with alternatives in list order. Return the users without a seat of any alternative, who claim none."""
        supply = supply_of((self._claim(state) for index, state in states.items() if index not in refused or index in self._choosing), self.free)
        choosing, hopeless = set(self._choosing), set()
        for index, state in states.items():
            if index in choosing:
                for key in state.frees:
                    supply[key] -= 1
                decided = states[index] = self._decider.decide(self._users[index], self._resolved[index], _left_of(supply, barred.get(index, set())))
                if decided.has_errors:
                    continue
                if any(supply.get(key, 0) < 1 or key in barred.get(index, ()) for key in self._claim(decided).takes):
                    hopeless.add(index)
                    continue
                for key in decided.frees:
                    supply[key] = supply.get(key, 0) + 1
            elif index in refused:
                continue
            for key in states[index].takes:
                supply[key] = supply.get(key, 0) - 1
        return hopeless

    def _claim(self, state: EndState) -> Claim:
        claim = Claim(frozenset(key for key in state.takes if key in self.free), state.frees)
        return self._claims.setdefault(claim, claim)

    def _left_over(self, states: Mapping[int, EndState], stages: Mapping[int, int]) -> dict[str, int]:
        """The seats, by key, that are left once all served users have theirs."""
        sure = [self._claim(states[index]) for index in stages if index not in self._tried]
        left = supply_of(sure, self.free)
        for key in (key for claim in sure for key in claim.takes):
            left[key] = left.get(key, 0) - 1
        return left

    def _missing(self, states: Mapping[int, EndState], stages: Mapping[int, int], left: Mapping[str, int]) -> dict[int, list[str]]:
        """The keys of the missing seats of each user who has no error and is not served. left are the seats that remain."""
        short = states.keys() - (stages.keys() - self._tried) - {index for index, state in states.items() if state.has_errors}
        takes = {index: sorted(self._claim(states[index]).takes) for index in short}
        return {index: [key for key in keys if left.get(key, 0) < 1] or keys for index, keys in takes.items()}

    def unserved(self, states: Mapping[int, EndState], stages: Mapping[int, int]) -> dict[int, tuple[Problem, ...]]:
        """Why users without errors are not served. With seat_check: try they are sent last, and the problem is a warning."""
        left = self._left_over(states, stages)
        return {index: tuple(self._no_seat(key) for key in keys) for index, keys in self._missing(states, stages, left).items()}

    def _left(self, key: str) -> int:
        """The seats that are left before anything is planned; without alternatives, that does not matter."""
        return max(self.free.get(key, 0), 1)

    def _no_seat(self, key: str) -> Problem:
        one = next((one for one in self._tenant.allotments if seat_key(one.id) == key), None)
        sku = one.sku if one else self._tenant.catalog.sku(key)
        what = f"{sku.part_number} in allotment {one.id}" if one else sku.part_number
        owned, used = (one.allotted, one.consumed) if one else (sku.seats.owned, sku.seats.consumed)
        return predict.no_seats(what, owned, used, self._settings.seat_check, owned - used)


_ROUNDS = 20  # in practice two or three; every round is sound by itself


def _left_of(supply: Mapping[str, int], barred: Collection[str]) -> SeatsLeft:
    return lambda key: 0 if key in barred else supply.get(key, 0)
