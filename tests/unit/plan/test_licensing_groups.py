# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What licensing groups get before users are put into them, without a tenant."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._engine.jobs import jobs_of
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError, Problem
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licensed_users import desired_run
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import Group, License
from ansible_collections.m365.licensing.plugins.module_utils._licensing.observed import Observed, Tenant
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.end_state import Settings
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.run_plan import Guards, RunPlan, plan_run, removal_limit
from support.values import guid, sku, user

E3, BI = sku("E3", "MAIL SWAY", free=3), sku("BI", "BI", free=3)
TEAM = Group("group", guid("team"), "team", licenses=(License(E3.id),), members={guid(name): name for name in ("ann", "bob", "cat")})
TENANT = Tenant(Catalog([E3, BI]), {TEAM.id: TEAM}, {"team": TEAM.id, TEAM.id: TEAM.id}, {"none": Problem("no group has the display name 'none'")})
TASK = {"today": "2026-11-26", "grace_days": 0, "lead_days": 0, "remove": "nothing", "profiles": {}}


def plan(groups: list, users: list = (), people: tuple = (), limit: str | None = "100%", protect=()) -> RunPlan:
    run = desired_run({**TASK, "users": list(users), "licensing_groups": groups})
    found = dict(enumerate(people))
    return plan_run(run, found, TENANT, Settings(), Guards(tuple(protect), removal_limit(limit)))


# title: (entries, outcomes, codes of the first)
CASES = {
    "as it is": ([{"group": "team", "licenses": [{"sku": "E3"}]}], ["unchanged"], []),
    "one more": ([{"group": "team", "licenses": [{"sku": "BI"}]}], ["changed"], []),
    "exactly": ([{"group": "team", "licenses": [{"sku": "BI"}], "exactly": True}], ["changed"], []),
    "without one": ([{"group": "team", "remove": ["e3"]}], ["changed"], []),
    "no such SKU": ([{"group": "team", "licenses": [{"sku": "E9"}]}], ["failed"], [None]),
    "no such SKU to remove": ([{"group": "team", "remove": ["E9"]}], ["unchanged"], ["name_unknown"]),
    "no such group": ([{"group": "none", "remove": ["E3"]}], ["failed"], [None]),
    "protected": ([{"group": "team", "remove": ["E3"], "protect": ["E3"]}], ["failed"], ["protected"]),
    "two names": ([{"group": "team", "remove": ["E3"]}, {"group": TEAM.id, "remove": ["E3"]}], ["failed", "failed"], ["conflicting_entries"]),
}


@pytest.mark.parametrize("title", CASES)
def test_groups(title):
    groups, outcomes, codes = CASES[title]
    made = plan(groups)
    assert [one.outcome for one in made.groups] == outcomes
    assert [problem.code for problem in made.groups[0].problems] == codes
    jobs = jobs_of([one for one in made.groups if one.outcome == "changed"], ())
    assert [(job.name, job.stage, len(job.operations)) for job in jobs] == [("team", -1, 1) for outcome in outcomes if outcome == "changed"]
    assert len(list(made.data)) == outcomes.count("changed")


def test_protect_of_the_task_counts_as_well():
    assert plan([{"group": "team", "remove": ["E3"]}], protect=["E3"]).groups[0].outcome == "failed"


def test_what_members_lose_counts_for_each():
    made = plan([{"group": "team", "remove": ["E3"]}], limit="2")
    assert "3 licenses would be removed" in made.problem.message
    assert plan([{"group": "team", "remove": ["E3"]}], limit="3").problem is None


def test_members_take_seats_before_users():
    ann, dan = Observed(user(License(BI.id), name="ann"), frozenset((TEAM.id,))), Observed(user(name="dan"))
    eve = Observed(user(name="eve"))
    users = [{"user": one.user.name, "licenses": [{"sku": "BI"}]} for one in (dan, eve)]
    made = plan([{"group": "team", "licenses": [{"sku": "BI"}]}], [{"user": ann.user.name, "usage_location": "DE"}, *users], (ann, dan, eve))
    assert [bool(one.errors) for one in made.users] == [False, False, True], "two members of three take one; ann has one already"


def test_a_member_who_loses_a_license_frees_a_seat():
    ann = Observed(user(License(E3.id, group_id=TEAM.id), name="ann"), frozenset((TEAM.id,)))
    others = [Observed(user(name=name)) for name in ("dan", "eve", "fay", "gil")]
    users = [{"user": ann.user.name, "usage_location": "DE"}, *({"user": one.user.name, "licenses": [{"sku": "E3"}]} for one in others)]
    made = plan([{"group": "team", "remove": ["E3"]}], users, (ann, *others))
    assert not any(one.errors for one in made.users)
    assert [one.is_patient for one in made.users].count(True) == 1


def test_a_group_loses_its_license_behind_the_stage_of_who_replaces_it_and_before_who_needs_the_seat():
    """Ann gets the seat of E5 that cat frees; then the group loses E3, and dan gets a seat of that."""
    e3, e5 = sku("E3", "MAIL SWAY", free=0), sku("E5", "MAIL SWAY VOICE", free=0)
    team = Group("group", guid("team"), "team", licenses=(License(e3.id),), members={guid(name): name for name in ("ann", "bob")})
    tenant = Tenant(Catalog([e3, e5]), {team.id: team}, {"team": team.id})
    inside = frozenset((team.id,))
    members = [Observed(user(License(e3.id, group_id=team.id), name=name), inside) for name in ("ann", "bob")]
    cat, dan = Observed(user(License(e5.id), name="cat")), Observed(user(name="dan"))
    entries = [
        {"user": "dan@contoso.example", "licenses": [{"sku": "E3"}]},
        {"user": "ann@contoso.example", "licenses": [{"sku": "E5"}]},
        {"user": "bob@contoso.example", "usage_location": "DE"},
        {"user": "cat@contoso.example", "profile": "none", "from": "five"},
    ]
    profiles = {"five": {"licenses": [{"sku": "E5"}]}, "none": {"usage_location": "DE"}}
    run = desired_run({**TASK, "remove": "previous", "profiles": profiles, "users": entries, "licensing_groups": [{"group": "team", "remove": ["E3"]}]})
    made = plan_run(run, dict(enumerate((dan, *members, cat))), tenant, Settings(), Guards(limit=removal_limit("9")))
    assert [(one.name[:3], one.stage) for one in made.users] == [("dan", 2), ("ann", 1), ("bob", 0), ("cat", 0)]
    (group,) = made.groups
    assert (group.stage, list(group.replacing)) == (1, [1])


def test_a_group_adds_at_once_and_removes_behind_the_members_who_get_a_replacement():
    other = Group("group", guid("other"), "other", licenses=(License(E3.id),))
    tenant = Tenant(Catalog([E3, BI]), {TEAM.id: TEAM, other.id: other}, {"team": TEAM.id, "other": other.id})
    ann = Observed(user(License(E3.id, group_id=TEAM.id), name="ann"), frozenset((TEAM.id,)))
    groups = [{"group": "team", "licenses": [{"sku": "BI"}], "remove": ["E3"]}]
    run = desired_run({**TASK, "users": [{"user": ann.user.name, "groups": ["other"]}], "licensing_groups": groups})
    made = plan_run(run, {0: ann}, tenant, Settings(), Guards(limit=removal_limit("9")))
    early, late = (job for job in jobs_of(made.groups, made.users) if job.name == "team")
    assert ([len(call.add) for call in early.operations], [call.remove for call in early.operations]) == ([1], [()])
    assert (early.stage, early.follows, early.awaited) == (-1, (), ())
    assert [call.remove for call in late.operations] == [(E3.id,)]
    assert (0 in late.follows, [(one.sku_id, one.group_id) for one in late.awaited]) == (True, [(E3.id, other.id)])


def test_a_group_waits_for_members_only_where_they_get_what_it_turns_off():
    """The group turns SWAY off: ann has it in another way then, bob keeps nothing but the rest of the license."""
    ann = Observed(user(License(E3.id, group_id=TEAM.id), name="ann"), frozenset((TEAM.id,)))
    bob = Observed(user(License(E3.id, group_id=TEAM.id), name="bob"), frozenset((TEAM.id,)))
    users = [{"user": ann.user.name, "licenses": [{"sku": "E3"}]}, {"user": bob.user.name, "usage_location": "DE"}]
    made = plan([{"group": "team", "licenses": [{"sku": "E3", "disabled_plans": ["SWAY"]}]}], users, (ann, bob))
    assert list(made.groups[0].replacing) == [0]


def test_two_groups_that_remove_one_license_do_not_rely_on_each_other():
    other = Group("group", guid("other"), "other", licenses=(License(E3.id),), members={guid("ann"): "ann"})
    tenant = Tenant(Catalog([E3, BI]), {TEAM.id: TEAM, other.id: other}, {"team": TEAM.id, "other": other.id})
    ann = Observed(user(License(E3.id, group_id=TEAM.id), License(E3.id, group_id=other.id), name="ann"), frozenset((TEAM.id, other.id)))
    groups = [{"group": "team", "remove": ["E3"]}, {"group": "other", "remove": ["E3"]}]
    for count, expected in ((2, [[0], [0]]), (1, [[]])):  # a group that stays as it is keeps the license on
        run = desired_run({**TASK, "users": [{"user": ann.user.name, "licenses": [{"sku": "E3"}]}], "licensing_groups": groups[:count]})
        made = plan_run(run, {0: ann}, tenant, Settings(), Guards(limit=removal_limit("9")))
        assert [list(one.replacing) for one in made.groups] == expected


def test_licenses_that_a_group_removes_count_for_the_members_that_were_read():
    (counted,) = plan([{"group": "team", "remove": ["E3"]}]).groups
    assert counted.removals == 3
    assert replace(counted, problems=(Problem("x"),)).removals == 0, "it is not written"
    unread = replace(counted, changes=replace(counted.changes, before=replace(TEAM, members=None)))
    assert unread.removals == 0


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("x", "licensing_groups: 'x' is not a list"),
        ([{"group": "a", "remove": ["x"], "max_removals": -1}], "licensing_groups[0].max_removals: -1 is below zero"),
        ([{"group": "a", "licenses": [{"sku": "x", "disabled_plans": [], "enabled_plans": []}]}], "exclude each other"),
    ],
)
def test_form(groups, said):
    with pytest.raises(OptionError) as caught:
        plan(groups)
    assert said in caught.value.message
