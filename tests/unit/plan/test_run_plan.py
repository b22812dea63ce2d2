# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of whole runs, without a tenant: what each user loses and gets, in which stage, and what forbids it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licensed_users import desired_run
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import License, Principal, Sku
from ansible_collections.m365.licensing.plugins.module_utils._licensing.observed import Observed, Tenant
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.end_state import Settings
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.run_plan import Guards, RunPlan, plan_run, removal_limit
from hypothesis import given, settings
from hypothesis import strategies as st
from support.values import direct, guid, off, sku, user

E3, E5, BI, FULL = sku("E3", "MAIL TEAMS SWAY tenant"), sku("E5", "MAIL TEAMS SWAY VOICE tenant"), sku("BI", "BI"), sku("FULL", "X", free=0)
SKUS = (E3, E5, BI, FULL)
PROFILES = {
    "base": {"usage_location": "DE", "licenses": [{"sku": "BI"}]},
    "analyst": {"inherits": "base", "licenses": [{"sku": "E3", "disabled_plans": ["SWAY"]}]},
    "lead": {"inherits": "base", "licenses": [{"sku": "e5"}]},
    "broken": {"licenses": [{"sku": "E33"}]},
    "either": {"licenses": [{"sku": "FULL", "alternatives": [{"sku": "E3"}]}]},
}
TASK = {"today": "2026-11-26", "grace_days": 0, "lead_days": 0, "remove": "nothing"}


def plan(people: dict[str, Principal], users: list, skus=SKUS, protect=(), max_removals=None, more: dict | None = None, **task) -> RunPlan:
    """The plan of a task. people are what the tenant has, by the name that an entry uses."""
    run = desired_run({**TASK, "profiles": PROFILES, "users": users, **task})
    found = {index: Observed(people[one.name.lower()]) for index, one in enumerate(run.users) if one.name.lower() in people}
    return plan_run(run, found, Tenant(Catalog(skus)), Settings(**(more or {})), Guards(tuple(protect), removal_limit(max_removals)))


def tenant(*users: Principal) -> dict[str, Principal]:
    """Users by every name that a task may use."""
    return {key.lower(): one for one in users for key in (one.id, one.name)}


def lines(made: RunPlan, index: int = 0) -> list[tuple]:
    """The changes of a user, with names."""
    names = {one.id: one.part_number for one in SKUS}
    state = made.users[index].state
    return [(one.verb, names.get(one.key, one.kind)) for one in state.changes] if state else []


def codes(made: RunPlan, index: int = 0) -> list[str]:
    return [problem.code for problem in made.users[index].problems]


ANN = user(direct(E3, "TEAMS"), direct(BI))


def test_what_is_replaced_is_told_apart_from_what_is_removed():
    """Ann loses two licenses, and gets one of another SKU: one is replaced."""
    entry = {"user": ANN.name, "licenses": [{"sku": "E5"}], "from": "analyst", "profile": "empty"}
    profiles = {**PROFILES, "empty": {"usage_location": "DE"}}
    made = plan(tenant(ANN), [entry], profiles=profiles, remove="previous", max_removals="0")
    assert made.problem is not None
    assert made.problem.message.startswith("1 license would be removed without replacement (1 more is replaced), and max_removals is 0")


# title: (licenses of ann, location, entry, task, changes)
USERS = {
    "a joiner": ((), None, {"profile": "analyst"}, {}, [("set", "usage_location"), ("add", "BI"), ("add", "E3")]),
    "done": ((direct(E3, "SWAY"), direct(BI)), "DE", {"profile": "analyst"}, {}, []),
    "other service plans": ((direct(E3, "TEAMS"), direct(BI)), "DE", {"profile": "analyst"}, {}, [("update", "E3")]),
    "what is not mentioned stays": ((direct(FULL),), "DE", {"profile": "analyst"}, {}, [("add", "BI"), ("add", "E3")]),
    "nothing is removed without remove": ((direct(E3), direct(BI)), "DE", {"profile": "lead", "from": "analyst"}, {}, [("add", "E5")]),
    "a mover": ((direct(E3), direct(BI)), "DE", {"profile": "lead", "from": "analyst"}, {"remove": "previous"}, [("remove", "E3"), ("add", "E5")]),
    "a mover by id": (
        (direct(E3), direct(BI)),
        "DE",
        {"profile": "lead", "from": "analyst", "licenses": [{"sku": E3.id}]},
        {"remove": "previous"},
        [("add", "E5")],
    ),
    "a mover loses what the profile of before inherits": (
        (direct(E3), direct(BI)),
        "DE",
        {"profile": "either", "from": "analyst"},
        {"remove": "previous"},
        [("remove", "BI")],
    ),
    "keep": ((direct(E3), direct(BI)), "DE", {"profile": "lead", "from": "analyst", "keep": [E3.id.upper()]}, {"remove": "previous"}, [("add", "E5")]),
    "no from removes nothing": ((direct(E3), direct(BI)), "DE", {"profile": "lead"}, {"remove": "previous"}, [("add", "E5")]),
    "other profiles": (
        (direct(E3), direct(BI), direct(FULL)),
        "DE",
        {"profile": "lead"},
        {"remove": "other_profiles"},
        [("remove", "E3"), ("add", "E5"), ("remove", "FULL")],
    ),
    "from the file of the last run": (
        (direct(E3), direct(BI)),
        "DE",
        {"profile": "lead"},
        {"remove": "previous", "previous_users": [{"user": "ANN@contoso.example", "profile": "analyst"}]},
        [("remove", "E3"), ("add", "E5")],
    ),
    "from the file of the last run, by id": (
        (direct(E3), direct(BI)),
        "DE",
        {"profile": "lead"},
        {"remove": "previous", "previous_users": [{"user": guid("ann").upper(), "profile": "analyst", "last_day": None}]},
        [("remove", "E3"), ("add", "E5")],
    ),
    "the entry replaces the profile": (
        (),
        "DE",
        {"profile": "analyst", "licenses": [{"sku": E3.id, "disabled_plans": []}]},
        {},
        [("add", "BI"), ("add", "E3")],
    ),
    "an alternative with a seat": ((), "DE", {"profile": "either"}, {}, [("add", "E3")]),
    "an alternative that is held": ((direct(FULL),), "DE", {"profile": "either"}, {}, []),
    "an alternative held through a group": ((License(FULL.id, group_id="g"),), "DE", {"profile": "either"}, {"inherited": "accept"}, []),
    "the last day is over": ((direct(E3),), "DE", {"profile": "lead", "last_day": "2026-11-25"}, {"leavers": "skip"}, []),
    "the last day is today": ((), "DE", {"profile": "lead", "last_day": "2026-11-26"}, {}, [("add", "BI"), ("add", "E5")]),
    "days of grace": ((), "DE", {"profile": "lead", "last_day": "2026-11-20"}, {"grace_days": 6}, [("add", "BI"), ("add", "E5")]),
    "never": ((), "DE", {"profile": "lead", "last_day": "9999-12-31"}, {}, [("add", "BI"), ("add", "E5")]),
    "the first day is ahead": ((), "DE", {"profile": "lead", "first_day": "2026-12-01"}, {}, []),
    "the first day is near": ((), "DE", {"profile": "lead", "first_day": "2026-12-01"}, {"lead_days": 5}, [("add", "BI"), ("add", "E5")]),
}


@pytest.mark.parametrize("title", USERS)
def test_user(title):
    licenses, location, entry, task, expected = USERS[title]
    more = {"inherited": task.pop("inherited")} if "inherited" in (task := dict(task)) else {}
    made = plan(tenant(user(*licenses, location=location)), [{"user": "ann@contoso.example", **entry}], more=more, **task)
    assert sorted(lines(made)) == sorted(expected)
    assert not made.users[0].errors


def test_service_plans_are_carried_by_name():
    made = plan(tenant(ANN), [{"user": ANN.name, "profile": "lead", "from": "analyst"}], remove="previous", more={"carry_plans": True})
    (added,) = [one for one in made.users[0].state.changes if one.verb == "add"]
    assert added.after == off("TEAMS")


def test_a_license_that_stays_passes_nothing_on():
    users = [{"user": ANN.name, "licenses": [{"sku": "E3"}, {"sku": "E5"}], "profile": "base", "from": "analyst"}]
    made = plan(tenant(ANN), users, remove="previous", more={"carry_plans": True})
    (added,) = [one for one in made.users[0].state.changes if one.verb == "add"]
    assert added.after == frozenset()


def test_service_plans_of_another_id_are_carried_by_name():
    renamed = replace(E5, service_plans=tuple(replace(one, id=f"other {one.id}") for one in E5.service_plans))
    made = plan(tenant(ANN), [{"user": ANN.name, "profile": "lead", "from": "analyst"}], skus=(E3, renamed, BI), remove="previous", more={"carry_plans": True})
    (added,) = [one for one in made.users[0].state.changes if one.verb == "add"]
    assert added.after == frozenset(f"other {one}" for one in off("TEAMS"))


def test_who_holds_a_sku_through_a_group_takes_no_seat_and_frees_none():
    through = License(FULL.id, group_id="g")
    made = plan(tenant(user(through)), [{"user": ANN.name, "licenses": [{"sku": "FULL"}], "usage_location": "DE"}])
    assert (lines(made), made.users[0].errors) == ([("add", "FULL")], ())
    profiles = {**PROFILES, "full": {"licenses": [{"sku": "FULL"}]}}
    bob = user(name="bob")
    users = [{"user": ANN.name, "profile": "lead", "from": "full"}, {"user": bob.name, "licenses": [{"sku": "FULL"}]}]
    left = plan(tenant(user(through, direct(FULL)), bob), users, profiles=profiles, remove="previous")
    assert [codes(left, index) for index in (0, 1)] == [["still_inherited"], ["no_seats"]]


def test_what_a_profile_names_wrongly_is_an_error_of_its_users_and_else_a_warning():
    people = tenant(user(name="ann"), user(name="bob"))
    made = plan(people, [{"user": "ann@contoso.example", "profile": "broken"}, {"user": "bob@contoso.example", "profile": "lead"}])
    assert codes(made) == ["name_unknown"]
    assert "profiles.broken.licenses[0].sku: no SKU 'E33'" in made.users[0].errors[0].message
    assert made.users[1].is_to_write
    alone = plan(people, [{"user": "bob@contoso.example", "profile": "lead"}])
    assert [warning.message for warning in alone.warnings] == ["profiles.broken.licenses[0].sku: no SKU 'E33' of this tenant (nearest: E3)"]


def test_an_unknown_name_in_from_removes_nothing_and_warns():
    made = plan(tenant(ANN), [{"user": ANN.name, "profile": "lead", "from": "broken"}], remove="previous")
    assert ("remove", "E3") not in lines(made)
    assert any("E33" in warning.message for warning in made.warnings)


@pytest.mark.parametrize(("task", "entry"), [({"protect": ["E33"]}, {}), ({}, {"keep": ["E33"]})])
def test_what_shall_stay_must_be_known(task, entry):
    made = plan(tenant(ANN), [{"user": ANN.name, "profile": "lead", "from": "analyst", **entry}], remove="previous", **task)
    assert codes(made)[:1] == ["name_unknown"]
    assert not made.users[0].is_to_write


def test_one_user_under_two_names():
    same = plan(
        tenant(ANN), [{"user": ANN.name, "profile": "lead"}, {"user": ANN.id.upper(), "licenses": [{"sku": "BI"}, {"sku": E5.id}], "usage_location": "DE"}]
    )
    assert [one.is_to_write for one in same.users] == [True, False]
    assert same.users[1].duplicate_of == 0
    other = plan(tenant(ANN), [{"user": ANN.name, "profile": "lead"}, {"user": ANN.id, "profile": "analyst"}])
    assert [codes(other, index)[-1] for index in (0, 1)] == ["conflicting_entries"] * 2
    assert "users[0] (ann@contoso.example) and users[1]" in other.users[0].errors[-1].message


def test_a_joiner_before_the_mover_who_frees_the_last_seat():
    skus = (replace(E3, seats=replace(E3.seats, consumed=10)), E5, BI)
    ann, bob = user(direct(E3), name="ann"), user(name="bob")
    users = [{"user": bob.name, "profile": "analyst"}, {"user": ann.name, "profile": "lead", "from": "analyst"}]
    made = plan(tenant(ann, bob), users, skus=skus, remove="previous")
    assert [one.stage for one in made.users] == [1, 0]
    assert not any(one.errors for one in made.users)
    refused = plan(tenant(replace(ann, licenses=(direct(E3), direct(E5))), bob), users[:1], skus=skus)
    assert codes(refused) == ["no_seats"]


def test_who_is_refused_frees_nothing():
    skus = (replace(E3, seats=replace(E3.seats, consumed=10)), replace(E5, seats=replace(E5.seats, consumed=10)), BI)
    ann, bob = user(direct(E3), name="ann"), user(name="bob")
    users = [{"user": ann.name, "profile": "lead", "from": "analyst"}, {"user": bob.name, "profile": "analyst"}]
    made = plan(tenant(ann, bob), users, skus=skus, remove="previous")
    assert [codes(made, index) for index in (0, 1)] == [["no_seats"], ["no_seats"]]
    assert not any(one.is_to_write for one in made.users)


def test_alternatives_count_what_the_whole_list_frees():
    skus = (E3, E5, BI, FULL)
    ann, bob = user(direct(FULL), name="ann"), user(name="bob")
    profiles = {**PROFILES, "full": {"licenses": [{"sku": "FULL"}]}}
    users = [{"user": bob.name, "profile": "either"}, {"user": ann.name, "profile": "lead", "from": "full"}]
    made = plan(tenant(ann, bob), users, skus=skus, remove="previous", profiles=profiles)
    assert lines(made) == [("add", "FULL")]
    assert [one.stage for one in made.users] == [1, 0]


def test_try_lets_graph_decide():
    made = plan(tenant(user()), [{"user": "ann@contoso.example", "licenses": [{"sku": "FULL"}]}], more={"seat_check": "try"})
    assert [(problem.code, problem.severity) for problem in made.users[0].problems] == [("no_seats", "warning")]
    assert made.users[0].is_to_write


# title: (max_removals, users, whether the run is forbidden)
LIMITS = {
    "none given, few users": (None, 9, False),
    "none given, many users": (None, 10, True),
    "a number": (3, 4, True),
    "as many": (4, 4, False),
    "a part": ("50%", 4, False),
}


@pytest.mark.parametrize("title", LIMITS)
def test_the_limit_of_removals(title):
    limit, count, is_forbidden = LIMITS[title]
    people = [user(direct(E3), direct(BI), name=f"user{number}") for number in range(count)]
    users = [{"user": one.name, "profile": "base", "from": "analyst"} for one in people]
    made = plan(tenant(*people), users, remove="previous", max_removals=limit)
    assert (made.problem is not None) == is_forbidden
    assert made.problem is None or f"{count} licenses would be removed" in made.problem.message


def test_a_replacement_is_no_removal():
    made = plan(tenant(ANN), [{"user": ANN.name, "profile": "lead", "from": "analyst"}], remove="previous", max_removals=0)
    assert made.problem is None


@pytest.mark.parametrize("value", ["31 %", "101%", "-1", "many", 1.5])
def test_what_is_no_limit(value):
    with pytest.raises(OptionError, match="max_removals is"):
        removal_limit(value)


# title: (options, what the message says)
MISTAKES = {
    "several at once": (
        {"users": [{"user": "ann", "profile": "leed"}, {"user": "b@c.d"}], "profiles": PROFILES},
        ["users[0].user is 'ann'", "users[0].profile: there is no profile 'leed' (nearest: lead)", "users[1]: nothing is desired"],
    ),
    "a text": ({"users": "ann@contoso.example"}, ["users: expected a list, got text"]),
    "the last run": ({"users": [], "previous_users": [{"profile": "x"}]}, ["previous_users[0]: user is missing"]),
    "profiles as a list": ({"users": [], "profiles": ["x"]}, ["profiles: expected a dictionary of profiles by name"]),
    "circular": ({"users": [], "profiles": {"a": {"inherits": "b"}, "b": {"inherits": "a"}}}, ["profiles.a.inherits: circular inheritance"]),
    "no such parent": ({"users": [], "profiles": {"a": {"inherits": "b"}}}, ["profiles.a.inherits: there is no profile 'b'"]),
    "a key": ({"users": [{"user": "a@b.c", "profil": "x"}]}, ["users[0].profil: unknown key (nearest: profile)"]),
    "a key of before": (
        {"users": [{"user": "a@b.c", "cloud_assignments": []}], "profiles": {"a": {"pools": []}}},
        ["users[0].cloud_assignments: this key is now named allotments", "profiles.a.pools: this key is now named allotments"],
    ),
    "both ends of a seat": ({"users": [{"user": "a@b.c", "allotments": [{"sku": "x", "allotment": "y"}]}]}, ["users[0].allotments[0]: give one of sku and"]),
    "keys of another state": (
        {"users": [{"user": "a@b.c", "state": "released", "profile": "lead"}], "profiles": PROFILES, "record_path": "x"},
        ["users[0].profile: it has no effect for a user whose state is released"],
    ),
    "no record": ({"users": [{"user": "a@b.c", "last_day": "2020-01-01"}]}, ["record_path: users[0] (a@b.c) is released, and record_path is not given"]),
    "exchange without a day": (
        {"users": [{"user": "a@b.c", "profile": "lead", "state": "licensed", "after_release": {"licenses": []}}], "profiles": PROFILES},
        ["users[0].after_release: it has no effect without last_day or state: released"],
    ),
    "a day": ({"users": [{"user": "a@b.c", "profile": "lead", "last_day": "soon"}], "profiles": PROFILES}, ["users[0].last_day: 'soon' is not a date"]),
    "a location": ({"users": [{"user": "a@b.c", "usage_location": "Germany"}]}, ["users[0].usage_location: 'Germany' is not a country code"]),
    "both lists": ({"users": [{"user": "a@b.c", "licenses": [{"sku": "x", "disabled_plans": [], "enabled_plans": []}]}]}, ["exclude each other"]),
    "today": ({"users": [], "today": "now"}, ["today is 'now'"]),
    "days": ({"users": [], "grace_days": -1}, ["grace_days is -1"]),
}


def test_who_is_restored_after_the_last_day_is_told_so_alone():
    users = [{"user": "ann@contoso.example", "state": "restored", "last_day": "2020-01-01"}, {"user": "bob@contoso.example", "profile": "lead"}]
    made = plan(tenant(user(name="ann"), user(name="bob")), users, record_path="x")
    assert "users[0].last_day: the last day was 2020-01-01, and state is restored" in made.users[0].errors[0].message
    assert made.users[1].is_to_write


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(title):
    options, said = MISTAKES[title]
    with pytest.raises(OptionError) as caught:
        desired_run({**TASK, **options})
    assert [part for part in said if part not in caught.value.message] == []


PEOPLE = [
    user(direct(E3), name="ann"),
    user(direct(E5), direct(BI), name="bob"),
    user(License(E3.id, group_id="g"), name="cat"),
    user(name="dan", location=None),
]
ENTRY = st.fixed_dictionaries(
    {"profile": st.sampled_from(["base", "analyst", "lead", "either"])}, optional={"from": st.sampled_from(["analyst", "lead"]), "keep": st.just(["BI"])}
)
LIST = st.lists(ENTRY, min_size=4, max_size=4).map(lambda entries: [{"user": one.name, **entry} for one, entry in zip(PEOPLE, entries)])
REMOVE = st.sampled_from(["nothing", "previous", "other_profiles"])


def after(made: RunPlan) -> dict[str, Principal]:
    return tenant(*(one.state.after if one.state and one.is_to_write else person for one, person in zip(made.users, PEOPLE)))


@settings(max_examples=150, deadline=None)
@given(LIST, REMOVE)
def test_the_plan_of_a_planned_state_is_empty(users, remove):
    made = plan(tenant(*PEOPLE), users, remove=remove, max_removals="100%")
    if not any(one.errors for one in made.users):
        again = plan(after(made), users, remove=remove, max_removals="100%")
        assert [lines(again, index) for index in range(4)] == [[]] * 4


@settings(max_examples=100, deadline=None)
@given(LIST, REMOVE, st.randoms(use_true_random=False))
def test_neither_order_nor_spelling_changes_the_plan(users, remove, chance: random.Random):
    ids = {one.name: one.id for one in PEOPLE}
    spelled = [{**entry, "user": chance.choice([entry["user"].upper(), ids[entry["user"]]])} for entry in users]
    chance.shuffle(spelled)
    one, other = (plan(tenant(*PEOPLE), listed, remove=remove, max_removals="100%") for listed in (users, spelled))
    assert list(one.data) == list(other.data)


@given(LIST, REMOVE)
def test_what_is_kept_or_protected_stays(users, remove):
    made = plan(tenant(*PEOPLE), users, remove=remove, protect=[E3.id], max_removals="100%")
    assert ("remove", "E3") not in [line for index in range(4) for line in lines(made, index)]
    assert guid("ann") in {one.state.before.id for one in made.users if one.state}


def full(held: Sku, free: int = 0) -> Sku:
    """The SKU with so many free seats; fewer than none where more are used than owned."""
    return replace(held, seats=replace(held.seats, consumed=held.seats.owned - free))


X, Y, Z, W = (sku(name, name) for name in "XYZW")


def placed(skus: dict[Sku, int], people: list[tuple], more: dict | None = None, **task) -> RunPlan:
    """A plan over SKUs with so many free seats. people are names with what they hold, and their entries."""
    users = [user(*(direct(held) for held in holds), name=name, location=location) for name, holds, location, dummy in people]
    entries = [{"user": name, **entry} for name, (dummy, *rest, entry) in zip([one.name for one in users], people)]
    profiles = task.pop("profiles", {})
    return plan(tenant(*users), entries, skus=tuple(full(held, free) for held, free in skus.items()), profiles=profiles, max_removals="100%", more=more, **task)


def chosen(made: RunPlan) -> list:
    """What each user gets, or the code of the first error."""
    names = {one.id: one.part_number for one in (X, Y, Z, W)}
    return [one.errors[0].code if one.errors else sorted(names[key] for key in one.state.takes) for one in made.users]


def want(*names: str, first: bool = False) -> dict:
    """An entry for one of some SKUs."""
    main, *others = names
    return {"licenses": [{"sku": main, "alternatives": [{"sku": other} for other in others], "prefer": "first" if first else "held"}]}


def test_a_mistake_in_a_repeated_entry_is_not_lost():
    users = [{"user": ANN.name, "profile": "lead", "from": "analyst"}, {"user": ANN.id, "profile": "lead", "from": "analyst", "keep": ["E33"]}]
    made = plan(tenant(ANN), users, remove="previous")
    assert not any(one.is_to_write for one in made.users)
    assert "users[1].keep[0]: no SKU 'E33'" in made.users[1].errors[0].message


def test_a_mistake_in_keep_has_the_place_of_its_user():
    people = tenant(user(name="ann"), user(name="bob"))
    made = plan(people, [{"user": f"{name}@contoso.example", "profile": "lead", "keep": ["TY"]} for name in ("ann", "bob")], protect=["TY"])
    places = [problem.where for problem in made.users[1].errors]
    assert places == ["protect[0]", "users[1].keep[0]"]


def test_from_removes_what_the_whole_profile_assigns_and_no_more():
    profiles = {
        "base": {"licenses": [{"sku": "E3", "alternatives": [{"sku": "E5"}]}]},
        "old": {"inherits": "base", "licenses": [{"sku": "E3"}]},
        "new": {"licenses": [{"sku": "BI"}]},
    }
    made = plan(tenant(user(direct(E3), direct(E5))), [{"user": ANN.name, "profile": "new", "from": "old"}], profiles=profiles, remove="previous")
    assert sorted(lines(made)) == [("add", "BI"), ("remove", "E3")]


def test_a_freed_seat_of_an_overused_sku_serves_no_user():
    people = [("ann", [X], "DE", {"profile": "new", "from": "old"}), ("bob", [], "DE", {"licenses": [{"sku": "X"}]})]
    profiles = {"old": {"licenses": [{"sku": "X"}]}, "new": {"licenses": [{"sku": "Y"}]}}
    made = placed({X: -1, Y: 5}, people, profiles=profiles, remove="previous")
    assert chosen(made) == [["Y"], "no_seats"]


def test_who_waits_for_another_seat_does_not_hold_up_the_next():
    people = [
        ("ann", [], "DE", {"licenses": [{"sku": "X"}, {"sku": "Y"}]}),
        ("bob", [], "DE", {"licenses": [{"sku": "X"}, {"sku": "Z"}]}),
        ("cat", [X], "DE", {"profile": "new", "from": "old"}),
    ]
    profiles = {"old": {"licenses": [{"sku": "X"}]}, "new": {"licenses": [{"sku": "Z"}, {"sku": "W"}]}}
    made = placed({X: 0, Y: 0, Z: 5, W: 5}, people, profiles=profiles, remove="previous")
    assert chosen(made) == ["no_seats", ["X", "Z"], ["W", "Z"]]
    assert [one.stage for one in made.users][1:] == [1, 0]


def test_conflicting_entries_neither_free_nor_take_seats():
    ann, bob = user(direct(E5), name="ann"), user(name="bob")
    skus = (E3, full(E5), BI)
    users = [
        {"user": ann.name, "profile": "analyst", "from": "lead"},
        {"user": ann.id, "profile": "lead"},
        {"user": bob.name, "profile": "lead"},
    ]
    made = plan(tenant(ann, bob), users, skus=skus, remove="previous")
    assert [codes(made, index)[-1] for index in range(3)] == ["conflicting_entries", "conflicting_entries", "no_seats"]


def test_who_is_refused_counts_for_nothing_where_others_choose():
    profiles = {"old": {"licenses": [{"sku": "X"}]}, "new": want("Y", "W")}
    frees = [("ann", [X], "DE", {"profile": "new", "from": "old"}), ("bob", [], "DE", want("X", "Z"))]
    assert chosen(placed({X: 0, Y: 0, Z: 5, W: 0}, frees, profiles=profiles, remove="previous")) == ["no_seats", ["Z"]]
    fixed = {**profiles, "new": {"licenses": [{"sku": "Y"}]}}
    assert chosen(placed({X: 0, Y: 0, Z: 5, W: 0}, frees, profiles=fixed, remove="previous")) == ["no_seats", ["Z"]]
    takes = [("ann", [], None, {"licenses": [{"sku": "X"}]}), ("bob", [], "DE", want("X", "Z"))]
    assert chosen(placed({X: 1, Z: 5}, takes)) == ["usage_location_missing", ["X"]]


def test_who_gets_no_seat_of_one_sku_gets_the_next_alternative():
    profiles = {"old": {"licenses": [{"sku": "W"}]}, "new": {"licenses": [{"sku": "Y"}]}}
    people = [("cat", [W], "DE", {"profile": "new", "from": "old"}), ("ann", [], "DE", want("X", "W")), ("bob", [Y], "DE", want("X", "W", first=True))]
    made = placed({X: 1, Y: 1, W: 0}, people, profiles=profiles, remove="previous")
    assert not any(one.errors for one in made.users)


def test_who_gets_no_seat_tries_the_next_one_until_all_are_served():
    people = [
        ("ann", [Z], "DE", want("X", "W", "Y", first=True)),
        ("bob", [Z], "DE", {"licenses": [{"sku": "X"}]}),
        ("cat", [], "DE", want("W", "Y", "Z")),
        ("dan", [X], "DE", want("Z", "X", first=True)),
    ]
    assert not any(one.errors for one in placed({X: 0, Y: 2, Z: 2, W: 2}, people).users)


def test_who_has_no_seat_of_any_alternative_takes_none_from_others():
    people = [("ann", [], "DE", {"licenses": [{"sku": "Y"}, {"sku": "Z"}]}), ("bob", [], "DE", want("Z", "W", first=True))]
    assert chosen(placed({Y: 1, Z: 1, W: 0}, people)) == [["Y", "Z"], "no_seats"]


@pytest.mark.parametrize(
    ("ann", "bob", "free", "expected"),
    [
        (want("Y", "Z", first=True), want("W", "Z", first=True), {Y: 0, Z: 1, W: 0, X: 0}, [["Z"], ["W"]]),
        (want("Y", "Z"), want("X", "W"), {Y: 0, Z: 1, W: 0, X: 0}, [["Z"], ["W"]]),
    ],
)
@pytest.mark.parametrize("check", ["enforce", "try"])
def test_a_seat_that_is_left_in_the_end_is_taken(ann, bob, free, expected, check):
    """Two users swap, which no order can do without a free seat. As one of them gets an alternative, the other one can have what is freed."""
    profiles = {"w": {"licenses": [{"sku": "W"}]}, "y": {"licenses": [{"sku": "Y"}]}, "of ann": ann, "of bob": bob}
    people = [("ann", [W], "DE", {"profile": "of ann", "from": "w"}), ("bob", [Y], "DE", {"profile": "of bob", "from": "y"})]
    made = placed(free, people, more={"seat_check": check}, profiles=profiles, remove="previous")
    assert (chosen(made), [one.stage for one in made.users]) == (expected, [0, 1])


def test_of_several_rounds_the_one_that_serves_most_users_counts():
    """The users compete for one seat of Y, and for the seats that they free with their alternatives. A later round can serve fewer users."""
    profiles = {"x": {"licenses": [{"sku": "X"}]}, "w": {"licenses": [{"sku": "W"}]}}
    profiles |= {"of ann": {"licenses": [*want("Z", "Y", first=True)["licenses"], *want("X", "W")["licenses"]]}}
    profiles |= {"of bob": want("Y", "Z", "W", first=True), "of cat": want("Z", "X"), "of dan": want("Z", "X", "Y")}
    people = [
        ("ann", [], "DE", {"profile": "of ann"}),
        ("bob", [X], "DE", {"profile": "of bob", "from": "x"}),
        ("cat", [], "DE", {"profile": "of cat"}),
        ("dan", [W], "DE", {"profile": "of dan", "from": "w"}),
    ]
    made = placed({X: 0, Y: 1, Z: 0, W: 0}, people, profiles=profiles, remove="previous")
    assert chosen(made) == ["no_seats", ["Y"], ["X"], "no_seats"]


def test_who_is_only_tried_takes_no_seat_from_those_who_are_served():
    people = [("ann", [], "DE", {"licenses": [{"sku": "X"}, {"sku": "W"}]}), ("bob", [], "DE", want("W", "Z"))]
    for check, first in (("enforce", "failed"), ("try", "changed")):
        made = placed({X: 0, W: 1, Z: 0}, people, more={"seat_check": check})
        assert ([one.outcome for one in made.users], chosen(made)[1]) == ([first, "changed"], ["W"])
        assert not made.users[1].problems
        assert made.users[0].stage == (1 if check == "try" else 0)


def test_try_waits_for_seats_that_the_run_frees():
    people = [("ann", [], "DE", {"licenses": [{"sku": "X"}]}), ("bob", [X], "DE", {"profile": "new", "from": "old"})]
    profiles = {"old": {"licenses": [{"sku": "X"}]}, "new": {"licenses": [{"sku": "Y"}]}}
    made = placed({X: 0, Y: 5}, people, more={"seat_check": "try"}, profiles=profiles, remove="previous")
    assert [one.stage for one in made.users] == [1, 0]
    assert [one.problems for one in made.users] == [(), ()]


def test_accept_leaves_a_direct_license_in_error_alone():
    held = (License(E3.id, group_id="g"), License(E3.id, state="Error", error="CountViolation"))
    entry = [{"user": ANN.name, "licenses": [{"sku": "E3"}]}]
    assert lines(plan(tenant(user(*held)), entry, more={"inherited": "accept"})) == []
    assert lines(plan(tenant(user(*held[1:])), entry)) == [("add", "E3")], "else it is tried again"


@pytest.mark.parametrize("rule", [{"disabled_plans": ["SWAY"]}, {"enabled_plans": ["MAIL", "TEAMS"]}])
def test_service_plans_that_stay_on_through_a_group(rule):
    made = plan(tenant(user(License(E3.id, group_id="g"))), [{"user": ANN.name, "licenses": [{"sku": "E3", **rule}]}])
    (warning,) = [problem for problem in made.users[0].problems if problem.code == "plans_stay_on"]
    assert "service plans SWAY of E3 must be off, but group g keeps them on for ann@contoso.example" in warning.message


def test_figures_count_each_user_once_and_those_who_are_not_there_yet():
    early = {"profile": "lead", "first_day": "9999-01-01"}
    users = [{"user": ANN.name, **early}, {"user": ANN.id, **early}, {"user": "new@contoso.example", **early}]
    made = plan(tenant(user()), users)
    assert made.seats_due == {"BI": 2, "E5": 2}


@pytest.mark.parametrize("entry", [{"from": "analyst", "usage_location": "DE"}])
def test_a_key_that_nothing_could_make_count(entry):
    with pytest.raises(OptionError, match="from: it has no effect without profile"):
        plan(tenant(ANN), [{"user": ANN.name, **entry}])


def test_a_long_line_of_profiles():
    profiles = {f"p{number}": {"inherits": f"p{number - 1}"} if number else {"licenses": [{"sku": "E3"}]} for number in range(3000)}
    made = plan(tenant(user()), [{"user": ANN.name, "profile": "p2999"}], profiles=profiles)
    assert lines(made) == [("add", "E3")]


MANY = st.lists(
    st.tuples(
        st.lists(st.sampled_from([X, Y, Z]), max_size=1), st.lists(st.sampled_from("XYZW"), min_size=1, max_size=2, unique=True), st.booleans(), st.booleans()
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(MANY, st.lists(st.integers(-1, 2), min_size=4, max_size=4))
def test_no_plan_takes_a_seat_that_is_not_there(listed, free):
    """Alternatives, swaps and overused SKUs: stage by stage, every seat that is taken is free or was freed by an earlier stage."""
    profiles = {"x": {"licenses": [{"sku": "X"}]}, "y": {"licenses": [{"sku": "Y"}]}}
    people = [
        (f"u{number}", held, "DE", {**want(*names, first=first), "profile": "y", "from": "x"} if moves and "Y" not in names else want(*names, first=first))
        for number, (held, names, first, moves) in enumerate(listed)
    ]
    made = placed(dict(zip((X, Y, Z, W), free)), people, profiles=profiles, remove="previous")
    left = {held.id: count for held, count in zip((X, Y, Z, W), free)}
    able = [one for one in made.users if one.is_to_write]
    for stage in sorted({one.stage for one in able}):
        for key in (key for one in able if one.stage == stage for key in one.state.takes):
            assert left[key] > 0
            left[key] -= 1
        for key in (key for one in able if one.stage == stage for key in one.state.frees):
            left[key] += 1
