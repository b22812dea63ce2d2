# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One more and one less, the first and the last, what belongs to another group or user: where a plan could be wrong by a hair."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licensed_users import desired_run
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licenses import desired_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import Assignment, Group, License, ServicePlan
from ansible_collections.m365.licensing.plugins.module_utils._licensing.observed import Observed, Tenant
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan import predict
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import plan_reprocess
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.end_state import Settings
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.groups import plan_members
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.licenses import plan_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.run_plan import Guards, RunPlan, plan_run, removal_limit
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.service_plan_conflicts import EXCLUSIVE
from support.values import allotment, direct, group, guid, off, signed, sku, user

E3, E5, BI = sku("E3", "MAIL TEAMS SWAY tenant"), sku("E5", "MAIL TEAMS SWAY VOICE tenant"), sku("BI", "BI")
FULL, PACKED, ORG = sku("FULL", "X", free=0), sku("PACKED", "Y", free=0), sku("ORG", "Z", applies_to="Company")
SKUS = (E3, E5, BI, FULL, PACKED, ORG)
HEAD, FIELD, OFFICE = allotment("head", BI, free=2), allotment("field", BI, free=1), allotment("office", ORG, free=3)
TASK = {"today": "2026-11-26", "grace_days": 0, "lead_days": 0, "remove": "previous", "record_path": "x"}


DESK, LEADS, PLAIN = group("desk", E3), group("leads", E5), group("plain")
GROUPS = (DESK, LEADS, PLAIN)
PROFILES = {
    "analyst": {"licenses": [{"sku": "E3"}]},
    "lead": {"licenses": [{"sku": "E5"}]},
    "figures": {"licenses": [{"sku": "BI"}]},
    "head": {"allotments": [{"allotment": "head"}]},
    "field": {"allotments": [{"allotment": "field"}]},
    "plain": {"groups": ["plain"]},
}


def world(skus=SKUS, groups=GROUPS, allotments=(HEAD, FIELD, OFFICE), **more) -> Tenant:
    return Tenant(Catalog(skus), {one.id: one for one in groups}, {one.name: one.id for one in groups}, {}, tuple(allotments), **more)


def observed(*licenses: License, name: str = "ann", groups=(), seats=()) -> Observed:
    made = tuple(Assignment(f"of {pool.id}", pool.id, pool.sku.id, gone) for pool, gone in seats)
    return Observed(user(*licenses, name=name), frozenset(one.id for one in groups), made)


def plan(people: list[tuple[Observed, dict]], tenant: Tenant | None = None, limit: str = "100%", **task) -> RunPlan:
    """The plan of users with their entries."""
    entries = [{"user": one.user.name, **entry} for one, entry in people]
    run = desired_run({**TASK, "profiles": PROFILES, "users": entries, **task})
    return plan_run(run, dict(enumerate(one for one, dummy in people)), tenant or world(), Settings(), Guards(limit=removal_limit(limit)), {})


def lines(made: RunPlan, index: int = 0) -> list[str]:
    names = {one.id: one.part_number for one in SKUS} | {one.id: one.name for one in GROUPS}
    return sorted(signed(one, names) for one in made.users[index].changes)


def codes(made: RunPlan, index: int = 0) -> list[str | None]:
    return [problem.code for problem in made.users[index].problems]


def through(some: Group, held, *names: str) -> License:
    return License(held.id, off(*names), some.id)


# title: (user, entry, changes, codes)
CASES = {
    "a license with one seat behind it": (observed(direct(BI), seats=[(HEAD, off())]), {"profile": "lead", "from": "figures"}, ["+E5", "-BI"], []),
    "a license with two seats behind it": (
        observed(direct(BI), seats=[(HEAD, off()), (FIELD, off())]), {"profile": "lead", "from": "figures"}, ["+E5", "-BI"], ["all_seats_go"]),
    "a group that assigns what is kept, though its licenses do not say so": (
        observed(through(PLAIN, E3), groups=[PLAIN]), {"profile": "lead", "from": "plain", "keep": ["E3"]}, ["+E5"], ["group_stays"]),
    "a group whose member holds what is kept through another": (
        observed(through(DESK, E3), groups=[PLAIN, DESK]), {"profile": "lead", "from": "plain", "keep": ["E3"]}, ["+E5", "-plain*"], []),
    "a swap next to a seat is not late": (
        observed(direct(E3)), {"profile": "lead", "from": "analyst", "allotments": [{"allotment": "head"}]}, ["+E5", "+head", "-E3"], []),
    "what another group keeps on may be turned off": (
        observed(direct(E5), through(LEADS, E5), groups=[LEADS]),
        {"licenses": [{"sku": "E5", "disabled_plans": ["SWAY"]}], "groups": ["leads", "desk"]}, ["+desk", "~E5"], ["plans_stay_on"]),
    "what only the new group turns on stays until then": (
        observed(direct(E5)), {"licenses": [{"sku": "E5", "disabled_plans": ["SWAY"]}], "groups": ["desk"]}, ["+desk", "~E5*"], []),
    "a seat of what no user can have": (observed(), {"allotments": [{"allotment": "office"}]}, ["+office"], ["sku_not_assignable"]),
    "no seat of any alternative: the first is named": (
        observed(), {"licenses": [{"sku": "FULL", "alternatives": [{"sku": "PACKED"}]}]}, ["+FULL"], ["no_seats"]),
    "a SKU twice": (observed(), {"licenses": [{"sku": "E3"}, {"sku": "e3"}]}, ["+E3"], ["named_twice"]),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_changes(title):
    one, entry, expected, said = CASES[title]
    made = plan([(one, entry)])
    assert lines(made) == sorted(expected)
    assert codes(made) == said


def test_a_license_that_leaves_at_once_excludes_nothing():
    """What is removed in the same call as an addition is gone before the group assigns its license."""
    (first, one), (second, other), *dummy = EXCLUSIVE[0].items()
    small, large = replace(sku("SMALL", ""), service_plans=(ServicePlan(first, one),)), replace(sku("LARGE", ""), service_plans=(ServicePlan(second, other),))
    wide = group("wide", large)
    profiles = {"old": {"licenses": [{"sku": "SMALL"}], "groups": ["plain"]}, "new": {"licenses": [{"sku": "BI"}], "groups": ["wide"]}}
    tenant = world(skus=(small, large, BI), groups=(wide, PLAIN))
    made = plan([(observed(direct(small), groups=[PLAIN]), {"profile": "new", "from": "old"})], tenant, profiles=profiles)
    assert [(one.verb, one.is_late) for one in made.users[0].changes if one.key in (small.id, PLAIN.id)] == [("remove", False), ("remove", True)]
    assert codes(made) == []


def test_why_a_change_waits():
    seat = plan([(observed(direct(BI), seats=[(HEAD, off())]), {"profile": "field", "from": "head"})]).users[0].changes
    assert [one.reason for one in seat] == ["", "replaced by another seat"]
    left = plan([(observed(groups=[PLAIN]), {"profile": "field", "from": "plain"})]).users[0].changes
    assert [one.reason for one in left] == ["", ""]


def test_what_is_said_names_each_of_two_users_who_are_alike():
    people = [(observed(direct(E3, "SWAY"), name=name), {"licenses": [{"sku": "E3", "disabled_plans": ["TEAMS"]}]}) for name in ("ann", "bob")]
    made = plan(people)
    for index, name in enumerate(("ann", "bob")):
        assert f"for {name}@contoso.example" in made.users[index].problems[0].message


@pytest.mark.parametrize(("users", "said"), [(1, "no free seat of FULL (10 of 10 in use):"), (2, "no free seat of LAST (9 of 10 in use, 1 more by this run):")])
def test_the_seats_that_are_said_to_be_missing(users, said):
    last = sku("LAST", "X", free=1)
    wanted = "FULL" if users == 1 else "LAST"
    made = plan([(observed(name=f"user{number}"), {"licenses": [{"sku": wanted}]}) for number in range(users)], world(skus=(FULL, last)))
    assert made.users[-1].errors[0].message.startswith(said)


def test_a_seat_counts_for_the_guard():
    people = [(observed(direct(BI), seats=[(HEAD, off())]), {"groups": ["desk"], "profile": "desk", "from": "head"})]
    profiles = {**PROFILES, "desk": {"groups": ["plain"]}}
    assert plan(people, limit="0", profiles=profiles).problem is None, "a group that assigns something comes instead"
    people = [(observed(direct(BI), seats=[(HEAD, off())]), {"profile": "plain", "from": "head"})]
    assert plan(people, limit="0").problem.code == "too_many_removals"
    assert plan(people, limit="1").problem is None


@pytest.mark.parametrize(("limit", "is_error"), [(1, True), (2, False), (3, False)])
def test_as_many_removals_as_are_allowed(limit, is_error):
    changes = plan_licenses(user(direct(E3), direct(BI)), Catalog(SKUS), desired_licenses({"licenses": {"remove": ["E3", "BI"]}, "max_removals": limit}))
    assert bool(changes.errors) == is_error


def test_a_sku_named_twice_is_an_error_for_one_user():
    for entry in ({"add": [{"sku": "E3"}, {"sku": "e3"}]}, {"add": [{"sku": "E3", "alternatives": [{"sku": "BI"}]}, {"sku": "BI"}]}):
        with pytest.raises(Exception, match="is named more than once"):
            plan_licenses(user(), Catalog(SKUS), desired_licenses({"licenses": entry}))


@pytest.mark.parametrize(
    ("has_roles", "may", "wanted", "said"),
    [
        (True, False, {"new": "new"}, ["group_role_assignable"]),
        (True, True, {"new": "new"}, []),
        (True, False, {}, []),
        (False, False, {"new": "new"}, []),
    ],
)
def test_members_of_a_group_with_roles(has_roles, may, wanted, said):
    made = plan_members(Group("group", guid("x"), "x", members={"old": "old"}, is_role_assignable=has_roles), wanted, (), False, None, may)
    assert [one.code for one in made.findings] == said


def test_a_license_that_works_with_an_error_needs_reprocessing():
    cases = (("Active", None, False), ("ActiveWithError", "DependencyViolation", True), ("Error", "CountViolation", True), ("Error", None, True))
    for state, error, is_needed in cases:
        changes = plan_reprocess(user(License(E3.id, off(), DESK.id, state, error)), Catalog(SKUS), is_forced=False)
        assert bool(changes.operations) == is_needed, state


def test_the_remedy_of_a_seat_in_an_ended_allotment():
    held = Assignment("one", "head", BI.id)
    assert "exclusive: true" in (predict.held_in_ended_pool(user(), BI, held, is_exclusive=False).remedy or "")
    assert predict.held_in_ended_pool(user(), BI, held, is_exclusive=True).remedy is None


def test_a_group_that_loses_one_license_leaves_those_of_other_groups_alone():
    """A member who holds another SKU through another group neither waits for it nor keeps the group from losing its own."""
    team = group("team", E3, members={guid("ann"): "ann"})
    other = group("other", BI, members={guid("ann"): "ann"})
    one = observed(through(team, E3), through(other, BI), groups=[team, other])
    groups = [{"group": "team", "remove": ["E3"]}]
    made = plan([(one, {"licenses": [{"sku": "BI"}]})], world(groups=(team, other)), licensing_groups=groups, profiles={})
    assert made.groups[0].outcome == "changed"
    assert not made.groups[0].replacing
    made = plan([(one, {"licenses": [{"sku": "E3"}]})], world(groups=(team, other)), licensing_groups=groups, profiles={})
    assert list(made.groups[0].replacing) == [0], "the direct license comes first"


def test_the_service_plans_that_a_group_will_assign_are_those_of_its_members():
    team = group("team", E3, members={guid("ann"): "ann"})
    groups = [{"group": "team", "licenses": [{"sku": "E3", "disabled_plans": ["SWAY"]}]}]
    one = observed(through(team, E3), through(team, BI), groups=[team])
    made = plan([(one, {"licenses": [{"sku": "E5", "disabled_plans": ["MAIL"]}]})], world(groups=(team,)), licensing_groups=groups, profiles={})
    held = {lic.sku_id: lic.disabled_plans for lic in made.users[0].state.after.licenses if lic.group_id}
    assert held == {E3.id: off("SWAY"), BI.id: off()}


def test_users_with_errors_are_named_by_the_group_that_waits_for_them():
    team = group("team", E3, members={guid(name): name for name in ("ann", "bob", "cat")})
    groups = [{"group": "team", "remove": ["E3"]}]
    people = [(observed(through(team, E3), name=name, groups=[team]), {"licenses": [{"sku": "E33"}]}) for name in ("ann", "bob")]
    two = plan(people, world(groups=(team,)), licensing_groups=groups, profiles={})
    assert "ann@contoso.example and 1 more, who have errors," in two.groups[0].problems[-1].cause
    one = plan(people[:1], world(groups=(team,)), licensing_groups=groups, profiles={})
    assert "ann@contoso.example, who has an error," in one.groups[0].problems[-1].cause


# -- what waits, and what does not

# title: (user, entry, the change, whether it waits)
WAITS = {
    "another direct license has it on": (
        observed(direct(E5), direct(E3)), {"licenses": [{"sku": "E5", "disabled_plans": ["SWAY"]}], "groups": ["plain"]}, "~E5", False),
    "a license of the same call turns it on": (
        observed(direct(E5)), {"licenses": [{"sku": "E5", "disabled_plans": ["SWAY"]}, {"sku": "E3"}], "groups": ["plain"]}, "~E5", False),
    "a group turns it on later": (observed(direct(E5)), {"licenses": [{"sku": "E5", "disabled_plans": ["SWAY"]}], "groups": ["desk"]}, "~E5", True),
}  # fmt: skip


@pytest.mark.parametrize("title", WAITS)
def test_what_is_turned_off_waits_for_what_turns_it_on(title):
    one, entry, change, waits = WAITS[title]
    assert f"{change}{'*' if waits else ''}" in lines(plan([(one, entry)]))


def test_what_a_group_turns_on_in_this_run_is_not_on_yet():
    team = replace(group("team"), licenses=(License(E5.id, off("SWAY")),), members={guid("ann"): "ann"})
    groups = [{"group": "team", "licenses": [{"sku": "E5", "disabled_plans": []}]}]
    one = observed(direct(E5), through(team, E5, "SWAY"), groups=[team])
    entry = {"licenses": [{"sku": "E5", "disabled_plans": ["SWAY"]}], "groups": ["team"]}
    made = plan([(one, entry)], world(groups=(team,)), licensing_groups=groups, profiles={})
    assert [(change.verb, change.is_late) for change in made.users[0].changes] == [("update", True)]


def test_a_license_of_a_group_that_was_not_read_stays_as_it_shows():
    team = group("team", E3, members={guid("ann"): "ann"})
    groups = [{"group": "team", "licenses": [{"sku": "E3", "disabled_plans": ["SWAY"]}]}]
    one = observed(through(team, E3), License(BI.id, off("BI"), guid("elsewhere")), groups=[team])
    made = plan([(one, {"licenses": [{"sku": "E5"}]})], world(groups=(team,)), licensing_groups=groups, profiles={})
    held = {lic.sku_id: lic.disabled_plans for lic in made.users[0].state.after.licenses if lic.group_id}
    assert held == {E3.id: off("SWAY"), BI.id: off("BI")}


# -- numbers and names


def test_the_allotments_of_all_seats_that_go_are_named():
    made = plan([(observed(direct(BI), seats=[(HEAD, off()), (FIELD, off())]), {"profile": "lead", "from": "figures"})])
    assert "field and head" in made.users[0].problems[0].message


def test_a_service_plan_that_the_sku_no_longer_has_is_not_sent():
    """Graph rejects ids that are not of the SKU; what a group had off once may be one."""
    made = plan([(observed(through(DESK, E3, "GONE", "SWAY"), groups=[DESK]), {"licenses": [{"sku": "E3"}]})])
    assert [change.after for change in made.users[0].changes] == [off("SWAY")]


def test_two_who_choose_share_the_seats_that_are_left():
    pair = sku("PAIR", "X", free=2)
    people = [(observed(name=name), {"licenses": [{"sku": "PAIR", "alternatives": [{"sku": "FULL"}]}]}) for name in ("ann", "bob")]
    made = plan(people, world(skus=(pair, FULL)))
    assert [one.errors for one in made.users] == [(), ()]
    third = plan([*people, (observed(name="cat"), people[0][1])], world(skus=(pair, FULL)))
    assert [bool(one.errors) for one in third.users] == [False, False, True]


@pytest.mark.parametrize(("count", "said"), [(9, "u8 X)"), (10, "u9 X)"), (11, "u9 X; and 1 more)")])
def test_ten_users_are_named_at_most(count, said):
    message = predict.too_many_removals(count, 1, [f"u{number} X" for number in range(count)]).cause
    assert message.endswith(said)


@pytest.mark.parametrize(("limit", "count", "allowed"), [("0%", 1, 0), ("1%", 1, 1), ("1%", 2, 1), (None, 13, 12)])
def test_a_percentage_of_what_is_held(limit, count, allowed):
    """Twenty users hold two licenses each, and some lose one of them."""
    held = [observed(direct(E3), direct(BI), name=f"user{number}") for number in range(50 if limit else 20)]
    people = [(one, {"profile": "plain", "from": "figures"} if number < count else {"licenses": [{"sku": "E3"}]}) for number, one in enumerate(held)]
    run = desired_run({**TASK, "profiles": PROFILES, "users": [{"user": one.user.name, **entry} for one, entry in people]})
    made = plan_run(run, dict(enumerate(held)), world(), Settings(), Guards(limit=removal_limit(limit)), {})
    if count <= allowed:
        assert made.problem is None
    else:
        assert f"of {2 * len(held)}, which is {allowed}{'' if limit else ' by default'}" in made.problem.cause


def test_only_the_seats_that_are_missing_are_named():
    """A user who needs several SKUs hears of the one that is used up, also where others of the list take seats of the rest."""
    pair = sku("PAIR", "X", free=2)
    people = [(observed(name="ann"), {"licenses": [{"sku": "PAIR"}]}), (observed(name="bob"), {"licenses": [{"sku": "PAIR"}, {"sku": "FULL"}]})]
    made = plan(people, world(skus=(pair, FULL)))
    assert [one.message.split(" (")[0] for one in made.users[1].errors] == ["no free seat of FULL"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"sku": "E3"}, []),
        ({"sku": "E3", "disabled_plans": ["TEAMS"], "plans_mode": "merge"}, [off("TEAMS", "SWAY")]),
    ],
)
def test_an_unknown_service_plan_goes_with_the_next_change(entry, expected):
    """An id that the SKU no longer has is no reason to write, and is not written again."""
    made = plan([(observed(direct(E3, "GONE", "SWAY")), {"licenses": [entry]})])
    assert [change.after for change in made.users[0].changes] == expected


def test_service_plans_are_carried_from_a_seat_to_a_license():
    office = allotment("desk", E3, free=2)
    one = observed(direct(E3, "SWAY"), seats=[(office, off("SWAY"))])
    run = desired_run(
        {**TASK, "profiles": {**PROFILES, "seat": {"allotments": [{"allotment": "desk"}]}}, "users": [{"user": "x@y.z", "profile": "lead", "from": "seat"}]}
    )
    made = plan_run(run, {0: one}, world(allotments=(office,)), Settings(carry_plans=True), Guards(limit=removal_limit("100%")), {})
    assert [change.after for change in made.users[0].changes if change.verb == "add"] == [off("SWAY")]


def test_the_origin_of_a_license_in_error():
    path = License(E3.id, off(), None, "Error", "CountViolation")
    assert "E3 (direct) of ann" in predict.license_in_error(user(), E3, path).message
    assert "E3 (through group" in predict.license_in_error(user(), E3, replace(path, group_id=DESK.id)).message


def test_seats_of_two_allotments_serve_two_users():
    head, field = allotment("head", BI, free=1), allotment("field", BI, free=1)
    profiles = {"any": {"allotments": [{"sku": "BI", "allotment_choice": "most_available"}]}}
    people = [(observed(name=name), {"profile": "any"}) for name in ("ann", "bob")]
    made = plan(people, world(skus=(replace(BI, seats=replace(BI.seats, consumed=8)),), allotments=(head, field)), profiles=profiles)
    assert [one.errors for one in made.users] == [(), ()]
    assert sorted(change.key for one in made.users for change in one.changes) == ["field", "head"]


def test_who_is_patient():
    """Only a seat that a group frees comes at a time of Graph's own. One that a direct license frees is there when that is removed."""
    last, pair = replace(E3, seats=replace(E3.seats, consumed=10)), sku("PAIR", "X", free=0)
    tenant = world(skus=(last, E5, BI, pair))
    people = [
        (observed(through(DESK, last), name="dan", groups=[DESK]), {"profile": "lead", "from": "desk"}),
        (observed(name="eve"), {"profile": "analyst"}),
        (observed(direct(pair), name="fay"), {"profile": "lead", "from": "pair"}),
        (observed(name="gus"), {"profile": "pair"}),
        (observed(name="hal"), {"groups": ["plain"]}),
    ]
    profiles = {**PROFILES, "desk": {"groups": ["desk"]}, "pair": {"licenses": [{"sku": "PAIR"}]}}
    made = plan(people, tenant, profiles=profiles)
    assert [(one.name.split("@")[0], one.is_patient) for one in made.users] == [("dan", False), ("eve", True), ("fay", False), ("gus", False), ("hal", False)]
    fast = plan(people[2:], tenant, profiles=profiles)
    assert not any(one.is_patient for one in fast.users)


def test_changes_are_listed_by_allotment():
    one = observed(seats=[(HEAD, off()), (FIELD, off())])
    assert [change.key for change in plan([(one, {"state": "released"})]).users[0].changes] == ["field", "head"]
