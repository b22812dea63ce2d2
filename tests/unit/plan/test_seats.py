# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes a seat that another one frees: a table, and every order tried by force as the judge."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._licensing.seats import Claim, stages_around, stages_of, supply_of
from hypothesis import given, settings
from hypothesis import strategies as st


def claim(takes: str = "", frees: str = "") -> Claim:
    return Claim(frozenset(takes), frozenset(frees))


# title: (claims, free seats, stage of each; None is not served)
CASES = {
    "first come, first served": ([claim("a"), claim("a"), claim("a")], {"a": 2}, [0, 0, None]),
    "a mover listed behind frees the last seat": ([claim("a"), claim("b", "a")], {"b": 1}, [1, 0]),
    "a chain": ([claim("a"), claim("b", "a"), claim("c", "b")], {"c": 1}, [2, 1, 0]),
    "the one who frees goes before the one who keeps": ([claim("a"), claim("a", "b"), claim("b", "a")], {"a": 1}, [2, 0, 1]),
    "a circle needs one free seat": ([claim("a", "b"), claim("b", "a")], {}, [None, None]),
    "and one is enough": ([claim("a", "b"), claim("b", "a")], {"b": 1}, [1, 0]),
    "what is free is not waited for": ([claim("b", "a"), claim("a")], {"a": 1, "b": 1}, [0, 0]),
    "removals alone": ([claim("", "a"), claim("", "b")], {}, [0, 0]),
    "two seats at once": ([claim("ab"), claim("", "a"), claim("", "b")], {}, [1, 0, 0]),
    "who waits for another seat does not hold up the next": ([claim("ab"), claim("ac"), claim("", "a")], {"c": 1}, [None, 1, 0]),
    "where more are used than owned, the first freed one serves nobody": ([claim("a"), claim("", "a"), claim("", "a")], {"a": -1}, [1, 0, 0]),
    "of an overused one, the earliest serves nobody": (
        [claim("", "b"), claim("c"), claim("ab", "bc"), claim("", "bc")],
        {"a": 1, "c": -1},
        [0, 2, 1, 0],
    ),
    "what is refused frees nothing": ([claim("x", "a"), claim("a")], {}, [None, None]),
}


@pytest.mark.parametrize("title", CASES)
def test_stages(title):
    claims, free, expected = CASES[title]
    stages = stages_of(claims, free)
    assert [stages.get(index) for index in range(len(claims))] == expected


def test_supply_counts_what_is_freed():
    assert supply_of([claim("a", "b"), claim("", "b")], {"a": 1}) == {"a": 1, "b": 2}


def are_all_served(order, free: dict[str, int]) -> bool:
    left = dict(free)
    for one in order:
        for key in one.takes:
            if left.get(key, 0) < 1:
                return False
            left[key] -= 1
        for key in one.frees:
            left[key] = left.get(key, 0) + 1
    return True


SEATS = st.sampled_from(["", "a", "b", "c"])
CLAIMS = st.lists(st.builds(claim, SEATS, SEATS).filter(lambda one: not one.takes & one.frees), max_size=6)
FREE = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))
OVERUSED = st.dictionaries(st.sampled_from("abcdef"), st.integers(-2, 2))


@settings(max_examples=600, deadline=None)
@given(CLAIMS, FREE)
def test_if_any_order_serves_all_so_does_ours(claims, free):
    stages = stages_of(claims, free)
    if any(are_all_served(order, free) for order in itertools.permutations(claims)):
        assert len(stages) == len(claims)


ALLOTMENTS = {"allotment x1": "x", "allotment x2": "x", "allotment y1": "y"}
PLACES = st.sampled_from(["", *ALLOTMENTS])


def seat(key: str) -> frozenset[str]:
    """A seat of an allotment counts against the allotment and its SKU."""
    return frozenset((key, ALLOTMENTS[key])) if key else frozenset()


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(PLACES, PLACES).filter(lambda pair: pair[0] != pair[1]), max_size=6),
    st.fixed_dictionaries(dict.fromkeys(ALLOTMENTS, st.integers(0, 2))),
)
def test_so_it_is_with_seats_of_allotments(moves, free):
    def net(takes: str, frees: str) -> Claim:
        return Claim(seat(takes) - (seat(frees) - {frees}), seat(frees) - (seat(takes) - {takes}))

    claims = [net(*move) for move in moves]
    whole = free | {sku: sum(free[key] for key, other in ALLOTMENTS.items() if other == sku) for sku in "xy"}
    if any(are_all_served(order, whole) for order in itertools.permutations(claims)):
        assert len(stages_of(claims, whole)) == len(claims)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.builds(Claim, st.frozensets(st.sampled_from("abc"), max_size=2), st.frozensets(st.sampled_from("bcd"), max_size=2)), max_size=12), OVERUSED)
def test_no_seat_is_taken_that_is_not_there(claims, free):
    stages = stages_of(claims, free)
    order = [claims[index] for index in sorted(stages, key=lambda index: stages[index])]
    left = dict(free)
    for stage in sorted(set(stages.values())):
        of_stage = [claims[index] for index in stages if stages[index] == stage]
        for one in of_stage:
            for key in one.takes:
                assert left.get(key, 0) > 0, "within a stage, nobody waits for another"
                left[key] -= 1
        for one in of_stage:
            for key in one.frees:
                left[key] = left.get(key, 0) + 1
    assert are_all_served(order, free)


@given(st.lists(st.builds(claim, SEATS), max_size=10), FREE)
def test_who_comes_first_is_served_first(claims, free):
    served = stages_of(claims, free)
    for key in "abc":
        of_key = [index in served for index, one in enumerate(claims) if key in one.takes]
        assert of_key == sorted(of_key, reverse=True)


# title: (claims, those that free only with the event, free seats, stage of each, the last one before the event)
AROUND = {
    "nobody waits": ([claim("a"), claim("", "b")], "01", {"a": 1}, [0, 0], 0),
    "who needs it comes behind": ([claim("a"), claim("c", "a")], "01", {"c": 1}, [1, 0], 0),
    "and so does who needs that one": ([claim("a"), claim("b", "a"), claim("c", "b")], "001", {"c": 1}, [2, 1, 0], 0),
    "the event behind a stage": ([claim("a"), claim("b", "a"), claim("c"), claim("", "c")], "0010", {"b": 1}, [1, 0, 1, 0], 1),
    "the event comes first where fewer would be served": (
        [claim("b", "c"), claim("a", "b"), claim("c"), claim("b", "a")],
        "1111",
        {"b": 1, "c": 1},
        [2, 1, 0, 0],
        None,
    ),
}


@pytest.mark.parametrize("title", AROUND)
def test_stages_around_an_event(title):
    claims, late, free, stages, last = AROUND[title]
    found, behind = stages_around(claims, [one == "1" for one in late.ljust(len(claims), "0")], free)
    assert behind == last
    assert [found.get(place) for place in range(len(claims))] == stages
