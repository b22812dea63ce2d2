# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""License profiles and people: what they come to, and every mistake in them, which code and schema find alike."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.profiles import FileError, entries_of_groups, leavers, people_with_profiles

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs/license_profiles.schema.json").read_text())
PROFILES = {
    "base": {"usage_location": "DE", "licenses": [{"sku": "E3", "disabled_plans": ["SWAY"]}], "groups": ["Everybody"]},
    "office": {"inherits": "base", "licenses": [{"sku": "BI"}]},
    "lead": {"inherits": "office", "licenses": [{"sku": "e3", "disabled_plans": []}, {"sku": "VISIO"}]},
    "top": {"licenses": [{"sku": "E5", "alternatives": [{"sku": "E3"}]}]},
    "pool": {"pools": [{"sku": "BI"}, {"allotment": "abc", "disabled_plans": ["X"]}]},
}


def entries(people: list[dict], profiles: dict | None = None, is_move: bool = False) -> list[dict]:
    return people_with_profiles(people, PROFILES if profiles is None else profiles, "people", is_move)


def skus(entry: dict) -> list[str]:
    return [entry["sku"] for entry in entry["licenses"]]


def test_a_profile_gives_what_it_says_and_what_it_inherits():
    (entry,) = entries([{"user": "a@b.c", "profile": "office"}])
    assert (skus(entry), entry["groups"], entry["usage_location"]) == (["E3", "BI"], ["Everybody"], "DE")
    (entry,) = entries([{"user": "a@b.c", "profile": "lead"}])
    assert entry["licenses"] == [{"sku": "BI"}, {"sku": "e3", "disabled_plans": []}, {"sku": "VISIO"}]


def test_the_own_entry_stands_in_for_the_profile():
    (entry,) = entries([{"user": "a@b.c", "profile": "office", "usage_location": "US", "licenses": [{"sku": "E3"}], "cloud_assignments": [{"sku": "BI"}]}])
    assert (entry["licenses"], entry["cloud_assignments"], entry["usage_location"]) == ([{"sku": "E3"}], [{"sku": "BI"}], "US")


# title: (person, what goes: SKUs, pools, groups)
MOVES = {
    "up": ({"profile": "top", "from": "office"}, ["BI"], [], ["Everybody"]),
    "to a pool of the same SKU": ({"profile": "pool", "from": "office"}, ["E3"], [], ["Everybody"]),
    "from a pool": ({"profile": "top", "from": "pool"}, [], ["BI", "abc"], []),
    "from wherever": ({"profile": "top"}, ["BI", "VISIO"], ["abc"], ["Everybody"]),
    "to what it was": ({"profile": "office", "from": "office"}, [], [], []),
}


@pytest.mark.parametrize("title", MOVES)
def test_what_goes_in_a_move(title):
    person, gone, pools, groups = MOVES[title]
    (entry,) = entries([{"user": "a@b.c", **person}], is_move=True)
    absent = [pool.get("sku") or pool["allotment"] for pool in entry["cloud_assignments"] if pool.get("state") == "absent"]
    assert (sorted(entry["remove"]), sorted(absent), entry["leave_groups"]) == (gone, sorted(pools), groups)


# title: (profiles, people, what is said, whether the schema of profiles finds it)
MISTAKES = {
    "unknown profile": ({}, [{"user": "a", "profile": "ofice"}], "people[0].profile: there is no profile 'ofice' (nearest: office)", False),
    "unknown parent": ({"x": {"inherits": "bse"}}, [], "license_profiles.x.inherits: there is no profile 'bse' (nearest: base)", False),
    "circle": ({"x": {"inherits": "y"}, "y": {"inherits": "x"}}, [], "license_profiles.x.inherits: the profile inherits from itself", False),
    "own parent": ({"x": {"inherits": "x"}}, [], "license_profiles.x.inherits: the profile inherits from itself", False),
    "SKU twice": (
        {"x": {"licenses": [{"sku": "E3"}, {"sku": "e3"}]}},
        [],
        "license_profiles.x.licenses[1].sku: e3 is also at license_profiles.x.licenses[0]",
        False,
    ),
    "SKU as its own alternative": ({"x": {"licenses": [{"sku": "E3", "alternatives": [{"sku": "E3"}]}]}}, [], "alternatives[0].sku: E3 is also at", False),
    "SKU in a pool and direct": ({"x": {"licenses": [{"sku": "E3"}], "pools": [{"sku": "E3"}]}}, [], "license_profiles.x.pools[0].sku: E3 is also at", False),
    "SKU twice by inheritance": ({"x": {"inherits": "top", "licenses": [{"sku": "E3"}]}}, [], "license_profiles.x.inherits: E3 comes in twice", False),
    "SKU twice with the profile": ({}, [{"user": "a", "profile": "top", "licenses": [{"sku": "E3"}]}], "people[0]: E3 comes in twice", False),
    "no SKU": ({"x": {"licenses": [{}]}}, [], "license_profiles.x.licenses[0]: sku is missing", True),
    "empty SKU": ({"x": {"licenses": [{"sku": ""}]}}, [], "license_profiles.x.licenses[0].sku: it is empty", True),
    "unknown key": ({"x": {"license": []}}, [], "license_profiles.x.license: there is no such key (nearest: licenses)", True),
    "no list": ({"x": {"licenses": {"sku": "E3"}}}, [], "license_profiles.x.licenses: {'sku': 'E3'} is no list", True),
    "no dictionary": ({"x": "E3"}, [], "license_profiles.x: 'E3' is no dictionary", True),
    "no text": ({"x": {"licenses": [{"sku": 5}]}}, [], "license_profiles.x.licenses[0].sku: 5 is not text; put it in quotes", True),
    "Norway": ({"x": {"usage_location": False}}, [], "license_profiles.x.usage_location: False is not text; put it in quotes", True),
    "no country": ({"x": {"usage_location": "Germany"}}, [], "license_profiles.x.usage_location: 'Germany' is no country code", True),
    "both lists": ({"x": {"licenses": [{"sku": "E3", "disabled_plans": [], "enabled_plans": []}]}}, [], "exclude each other", False),
    "unknown mode": ({"x": {"licenses": [{"sku": "E3", "plans_mode": "add"}]}}, [], "plans_mode: 'add' is none of set, merge", True),
    "neither SKU nor allotment": ({"x": {"pools": [{}]}}, [], "license_profiles.x.pools[0]: give one of sku and allotment", True),
    "nothing is desired": ({}, [{"user": "a"}], "people[0]: profile is missing, and nothing else is desired", False),
    "no user": ({}, [{"profile": "base"}], "people[0]: user is missing", False),
    "unknown key of a person": ({}, [{"user": "a", "profil": "base"}], "people[0].profil: there is no such key (nearest: profile)", False),
    "person twice": ({}, [{"user": "a"}, {"user": "A"}], "people[1].user: A is also people[0]", False),
    "people are no list": ({}, {"user": "a"}, "people: {'user': 'a'} is no list", False),
    "a person is no dictionary": ({}, ["a"], "people[0]: 'a' is no dictionary", False),
}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(title):
    profiles, people, said, is_of_form = MISTAKES[title]
    with pytest.raises(FileError) as caught:
        entries(people, {**PROFILES, **profiles})
    assert said in caught.value.message
    found = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(profiles))
    assert bool(found) == is_of_form, found


def test_the_schema_takes_what_the_code_takes():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(PROFILES, SCHEMA)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(FileError) as caught:
        entries([{"user": "a", "profile": "x"}, {"user": "b", "profile": "y"}], {"z": {"inherits": "u"}})
    assert len(caught.value.problems) == 3


def test_a_move_needs_a_profile():
    with pytest.raises(FileError, match="people\\[0\\]: profile is missing"):
        entries([{"user": "a"}], is_move=True)


DAYS = {
    "2026-01-31": ("2026-02-01", 0, True),
    "2026-02-01": ("2026-02-01", 0, False),
    "2026-01-01": ("2026-02-01", 30, True),
    "2026-01-02": ("2026-02-01", 30, False),
}


@pytest.mark.parametrize("last_day", DAYS)
def test_whose_time_is_over(last_day):
    today, grace, is_over = DAYS[last_day]
    people = [{"user": "a", "last_day": last_day, "keep": ["BI"], "profile": "top"}, {"user": "b", "profile": "top"}]
    over = [{"user": "a", "keep": ["BI"]}] if is_over else []
    assert leavers(people, today, grace, "people") == [*over, {"user": "b"}]
    assert leavers(people, today, grace, "people", is_at_once=False) == over
    staying = people_with_profiles(people, PROFILES, "people", today=today, grace_days=grace)
    assert [entry["user"] for entry in staying] == (["b"] if is_over else ["a", "b"])


def test_mistakes_of_days():
    for people, said in (
        ([{"user": "a", "last_day": "31.1.2026"}], r"people\[0\].last_day: '31.1.2026' is no day"),
        ([{"last_day": "2026-01-31"}], "user is missing"),
    ):
        with pytest.raises(FileError, match=said):
            leavers(people, "2026-02-01", 0, "people")
    with pytest.raises(OptionError, match="today is 'now'"):
        leavers([], "now", 0, "people")
    for grace in (-1, "thirty"):
        with pytest.raises(OptionError, match=r"grace_days is .*: give a number of days"):
            leavers([], "2026-02-01", grace, "people")


# title: (groups, what is said)
GROUP_MISTAKES = {
    "no group": ([{"licenses": [{"sku": "E3"}]}], "groups[0]: group is missing"),
    "nothing": ([{"group": "a"}], "groups[0]: give licenses or remove"),
    "twice": ([{"group": "a", "remove": ["E3"]}, {"group": "A", "remove": ["E3"]}], "groups[1].group: A is also groups[0]"),
    "exactly and remove": ([{"group": "a", "licenses": [{"sku": "E3"}], "remove": ["E5"], "exactly": True}], "groups[0].remove: with exactly"),
    "SKU twice": ([{"group": "a", "licenses": [{"sku": "E3"}, {"sku": "E3"}]}], "groups[0].licenses[1].sku: E3 is also at"),
    "no number": ([{"group": "a", "remove": ["E3"], "max_removals": "1"}], "groups[0].max_removals: '1' is not a number"),
}


@pytest.mark.parametrize("title", GROUP_MISTAKES)
def test_mistake_of_groups(title):
    groups, said = GROUP_MISTAKES[title]
    with pytest.raises(FileError) as caught:
        entries_of_groups(groups, "groups")
    assert said in caught.value.message
