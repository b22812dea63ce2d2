# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One assignment of cloudLicensing: which allotment serves, what an exclusive one deletes, which service plans it has, and what is said about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licenses import desired_assignment
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import (
    Assignment,
    CloudState,
    Group,
    License,
    Principal,
    ServicePlan,
    UsageRight,
)
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.assignments import plan_assignment
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import (
    CreateAssignment,
    DeleteAssignment,
    SetUsageLocation,
    UpdateAssignment,
)
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.service_plan_conflicts import EXCLUSIVE, broken_rules
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.values import allotment, guid, off, sku, user

E5, E3 = sku("E5", "TEAMS MAIL YAM org"), sku("E3", "TEAMS MAIL")
UNLISTED, FEWER = replace(E5, is_owned=False, service_plans=()), replace(E5, service_plans=E5.service_plans[:2])
GROUP = Group(kind="group", id=guid("desk"), name="Desk", members={guid(str(one)): str(one) for one in range(3)})
DEVICE = Principal("device", guid("kiosk"), "KIOSK-01", None, ())
INHERITED = License(E5.id, off("YAM"), guid("team"))


def pool(name: str, of=E5, free: int = 1, state: str = "active", kinds: tuple[str, ...] = ("user", "group")):
    return replace(allotment(name, of, free, state), assignable_to=frozenset(kinds))


def has(name: str, of=E5, *names: str, key: str | None = None) -> Assignment:
    return Assignment(key or f"in-{name}", name, of.id, off(*names))


def right(of, *allotment_ids: str, on: tuple[str, ...] = ()) -> UsageRight:
    return UsageRight(of.id, of.part_number, off(*on), on, allotment_ids)


def state(*pools, held=(), who=None, rights=()) -> CloudState:
    return CloudState(who or user(), tuple(held), tuple(pools), tuple(rights))


def brief(operation) -> str:
    """An operation in a few words."""
    if isinstance(operation, SetUsageLocation):
        return f"location {operation.usage_location}"
    names = {CreateAssignment: "create", UpdateAssignment: "update", DeleteAssignment: "delete"}
    one = operation.assignment
    plans = [name for name in ("TEAMS", "MAIL", "YAM") if off(name) & one.disabled_plans]
    return " ".join([names[type(operation)], one.allotment_id, *([] if isinstance(operation, DeleteAssignment) else [f"-{name}" for name in plans])])


# title: state, options, operations, codes of findings
CASES = {
    "a seat of the only allotment": (state(pool("a")), {"sku": "E5"}, ["create a"], []),
    "by the allotment's id, in any case": (state(pool("a"), pool("b")), {"allotment": "B"}, ["create b"], []),
    "by a subscription": (state(pool("a"), pool("b")), {"sku": "E5", "subscription_id": "SUB-b"}, ["create b"], []),
    "the one with most seats free": (state(pool("a"), pool("b", free=3)), {"sku": "E5", "allotment_choice": "most_available"}, ["create b"], []),
    "of equal ones the first id": (state(pool("b"), pool("a")), {"sku": "E5", "allotment_choice": "most_available"}, ["create a"], []),
    "the one that serves this kind": (state(pool("a", kinds=("device",)), pool("b")), {"sku": "E5"}, ["create b"], []),
    "the one whose subscription is active": (state(pool("a", state="suspended"), pool("b")), {"sku": "E5"}, ["create b"], []),
    "the one that reaches the user already": (
        state(pool("a", free=9), pool("b"), rights=[right(E5, "b")]), {"sku": "E5", "allotment_choice": "most_available"}, ["create b"], []),
    "no seat of another kind": (state(pool("a", kinds=("device",))), {"sku": "E5"}, ["create a"], ["not_assignable_to_kind"]),
    "no seat of what has ended": (state(pool("a", free=0, state="deleted")), {"sku": "E5"}, ["create a"], ["sku_not_assignable"]),
    "no seat where none is free": (state(pool("a", free=0)), {"sku": "E5"}, ["create a"], ["no_seats"]),
    "a seat that the user has already takes no other": (state(pool("a", free=0), rights=[right(E5, "a")]), {"sku": "E5"}, ["create a"], []),
    "Graph may decide on seats": (state(pool("a", free=0)), {"sku": "E5", "seat_check": "try"}, ["create a"], ["no_seats"]),
    "no license without a location": (state(pool("a"), who=user(location=None)), {"sku": "E5"}, ["create a"], ["usage_location_missing"]),
    "the location first": (state(pool("a"), who=user(location=None)), {"sku": "E5", "usage_location": "DE"}, ["location DE", "create a"], []),
    "a location that is right": (state(pool("a"), held=[has("a")]), {"sku": "E5", "usage_location": "DE"}, [], []),
    "a device has no location": (state(pool("a", kinds=("device",)), who=DEVICE), {"sku": "E5"}, ["create a"], []),
    "a group whose members wait": (state(pool("a", free=2), who=GROUP), {"sku": "E5"}, ["create a"], ["members_wait"]),
    "a group whose members all get one": (state(pool("a", free=3), who=GROUP), {"sku": "E5"}, ["create a"], []),
    "a group with groups in it": (
        state(pool("a", free=3), who=replace(GROUP, nested=("Inner",))), {"sku": "E5"}, ["create a"], ["nested_groups"]),
    "held, so nothing": (state(pool("a"), held=[has("a")]), {"sku": "E5"}, [], []),
    "service plans of a new one": (state(pool("a")), {"sku": "E5", "disabled_plans": ["TEAMS"]}, ["create a -TEAMS"], []),
    "a new one begins as groups have it": (state(pool("a"), who=user(INHERITED)), {"sku": "E5"}, ["create a -YAM"], []),
    "what groups keep on": (
        state(pool("a"), who=user(INHERITED)), {"sku": "E5", "disabled_plans": ["TEAMS"]}, ["create a -TEAMS"], ["plans_stay_on"]),
    "service plans of one that is there": (
        state(pool("a"), held=[has("a", E5, "YAM")]), {"sku": "E5", "disabled_plans": ["TEAMS"]}, ["update a -TEAMS"], ["plans_not_listed"]),
    "an allow-list that meets a new service plan": (
        state(pool("a"), held=[has("a", E5, "YAM")]), {"sku": "E5", "enabled_plans": ["TEAMS"]}, ["update a -MAIL -YAM"], ["plans_not_listed"]),
    "one of two, by its allotment": (
        state(pool("a"), pool("b"), held=[has("a"), has("b")]), {"allotment": "b", "disabled_plans": ["TEAMS"]}, ["update b -TEAMS"], []),
    "two that are both right": (state(pool("a"), pool("b"), held=[has("a"), has("b")]), {"sku": "E5"}, [], []),
    "the one that lives, of two": (
        state(pool("a", state="suspended"), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "disabled_plans": ["TEAMS"]}, ["update b -TEAMS"], []),
    "a second seat": (state(pool("a"), pool("b"), held=[has("a")]), {"allotment": "b"}, ["create b"], ["second_seat"]),
    "a second seat next to that of a group": (state(pool("a"), pool("b"), rights=[right(E5, "a")]), {"allotment": "b"}, ["create b"], ["second_seat"]),
    "a license in no allotment": (state(pool("a"), rights=[right(E5)]), {"sku": "E5"}, ["create a"], ["both_apis"]),
    "a direct license in no allotment": (state(pool("a"), who=user(License(E5.id))), {"sku": "E5"}, ["create a"], ["both_apis"]),
    "held where nothing is paid": (
        state(pool("a", state="deleted"), held=[has("a")]), {"sku": "E5"}, [], ["held_in_ended_allotment"]),
    "held where nothing is paid, and there is another": (
        state(pool("a", state="deleted"), pool("b"), held=[has("a")]), {"sku": "E5"}, ["create b"], ["held_in_ended_allotment", "second_seat"]),
    "held where nothing is paid, and another is for devices": (
        state(pool("a", state="deleted"), pool("b", kinds=("device",)), held=[has("a")]), {"sku": "E5"}, [], ["held_in_ended_allotment"]),
    "exclusive: created first, then deleted": (
        state(pool("a"), pool("b"), held=[has("a")]), {"allotment": "b", "exclusive": True}, ["create b", "delete a"], []),
    "exclusive: the one that lives": (
        state(pool("a", state="suspended"), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "exclusive": True}, ["delete a"], []),
    "exclusive: the one that lasts": (
        state(pool("a", state="warning"), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "exclusive": True}, ["delete a"], []),
    "exclusive: the one for this kind": (
        state(pool("a", kinds=("group",)), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "exclusive": True}, ["delete a"], []),
    "exclusive: not the one that has too few seats": (
        state(pool("a", free=-1), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "exclusive": True}, ["delete a"], []),
    "exclusive: the one of a single seat, which is in use": (
        state(replace(pool("a"), allotted=1, consumed=1), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "exclusive": True}, ["delete b"], []),
    "exclusive: not the one without seats": (
        state(replace(pool("a"), allotted=0, consumed=0), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "exclusive": True}, ["delete a"], []),
    "absent from an allotment that the tenant does not list": (
        state(pool("x", E3), held=[has("gone")]), {"sku": E5.id, "state": "absent"}, ["delete gone"], []),
    "absent, where usage rights are unknown": (
        replace(state(pool("a"), held=[has("a")]), are_rights_known=False), {"sku": "E5", "state": "absent"}, ["delete a"], []),
    "exclusive: the one that need not change": (
        state(pool("a"), pool("b"), held=[has("a"), has("b", E5, "YAM")]), {"sku": "E5", "disabled_plans": ["YAM"], "exclusive": True}, ["delete a"], []),
    "exclusive: of equal ones the first": (state(pool("a"), pool("b"), held=[has("b"), has("a")]), {"sku": "E5", "exclusive": True}, ["delete b"], []),
    "exclusive: other SKUs stay": (state(pool("a"), pool("x", E3), held=[has("a"), has("x", E3)]), {"sku": "E5", "exclusive": True}, [], []),
    "exclusive: not for what has ended": (
        state(pool("a", state="deleted"), pool("b"), held=[has("a"), has("b")]), {"allotment": "a", "exclusive": True}, ["delete b"],
        ["held_in_ended_allotment", "sku_not_assignable"]),
    "absent": (state(pool("a"), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "state": "absent"}, ["delete a", "delete b"], []),
    "absent from one allotment": (state(pool("a"), pool("b"), held=[has("a"), has("b")]), {"allotment": "a", "state": "absent"}, ["delete a"], []),
    "absent from what a subscription feeds": (
        state(pool("a"), pool("b"), held=[has("a"), has("b")]), {"sku": "E5", "subscription_id": "sub-b", "state": "absent"}, ["delete b"], []),
    "absent already": (state(pool("a")), {"sku": "E5", "state": "absent", "usage_location": "US"}, [], []),
    "absent from an allotment that is not there": (state(pool("a")), {"allotment": "gone", "state": "absent"}, [], ["name_unknown"]),
    "absent, whatever is said of service plans": (
        state(pool("a"), held=[has("a")]), {"sku": "E5", "state": "absent", "disabled_plans": ["NOPE"]}, ["delete a"], []),
    "held in an allotment that is not listed, and in an ended one": (
        state(pool("gone", UNLISTED), pool("old", state="deleted"), pool("new"), held=[has("gone"), has("old")]), {"sku": "E5"}, [], []),
    "exclusive: the allotment that is not listed, not the ended one": (
        state(pool("gone", UNLISTED), pool("old", state="deleted"), held=[has("gone"), has("old")]), {"sku": "E5", "exclusive": True}, ["delete old"], []),
    "no new seat of an allotment that is not listed": (state(pool("gone", UNLISTED), pool("new")), {"sku": "E5"}, ["create new"], []),
    "service plans of its own allotment, the last of which has fewer": (
        state(pool("a"), pool("b", FEWER)), {"allotment": "a", "enabled_plans": ["TEAMS"]}, ["create a -MAIL -YAM"], []),
    "service plans of the other allotment": (
        state(pool("a"), pool("b", FEWER)), {"allotment": "b", "enabled_plans": ["TEAMS"]}, ["create b -MAIL"], []),
    "a service plan that another allotment has turns off nothing": (
        state(pool("a"), pool("b", FEWER), held=[has("b", E5, "MAIL")]), {"allotment": "b", "disabled_plans": ["MAIL", "YAM"]}, [], []),
    "an assignment of an unknown allotment": (
        state(pool("a"), held=[Assignment("odd", None, None)]), {"sku": "E5"}, ["create a"], ["allotment_unknown"]),
    "rights that cannot be read": (
        replace(state(pool("a")), are_rights_known=False), {"sku": "E5"}, ["create a"], ["rights_unreadable"]),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_the_operations_and_what_is_said_of_them(title):
    before, options, operations, codes = CASES[title]
    changes = plan_assignment(before, desired_assignment({"user": "ann", **options}))
    assert [brief(one) for one in changes.operations] == operations
    assert sorted(one.code for one in changes.findings) == sorted(codes)


@pytest.mark.parametrize(
    ("title", "word"),
    [
        ("not_assignable_to_kind", "to group, not to a user"),
        ("no_seats", "E5 in allotment a (10 of 10 in use)"),
        ("second_seat", "allotment a already, and takes a second one in b"),
    ],
)
def test_what_is_said_names_the_allotment(title, word):
    before = {
        "not_assignable_to_kind": state(pool("a", kinds=("group",))),
        "no_seats": state(pool("a", free=0)),
        "second_seat": state(pool("a"), pool("b"), held=[has("a")]),
    }[title]
    changes = plan_assignment(before, desired_assignment({"user": "ann", "allotment": "b" if title == "second_seat" else "a"}))
    assert word in next(one for one in changes.findings if one.code == title).message


def test_an_id_that_the_allotment_no_longer_has_is_not_written_again():
    before = state(pool("a"), held=[has("a", E5, "GONE")])
    assert plan_assignment(before, desired_assignment({"user": "ann", "sku": "E5"})).operations == ()
    (update,) = plan_assignment(before, desired_assignment({"user": "ann", "sku": "E5", "disabled_plans": ["TEAMS"], "plans_mode": "merge"})).operations
    assert update.assignment.disabled_plans == off("TEAMS")


@pytest.mark.parametrize("option", ["disabled_plans", "enabled_plans"])
def test_the_list_that_does_not_name_a_service_plan_is_named(option):
    before = state(pool("a"), held=[has("a", E5, "YAM")])
    (found,) = plan_assignment(before, desired_assignment({"user": "ann", "sku": "E5", option: ["TEAMS"]})).findings
    assert found.message.startswith(f"{option} does not name {'YAM' if option == 'disabled_plans' else 'MAIL'} of E5")


def test_the_assignment_that_a_task_is_about_is_the_best_one():
    before = state(pool("a", state="warning"), pool("b"), held=[has("a"), has("b")])
    assert plan_assignment(before, desired_assignment({"user": "ann", "sku": "E5"})).subject.id == "in-b"


def test_service_plans_that_exclude_each_other():
    """A SKU whose service plan excludes one that is on by another path."""
    (first, one), (second, other), *dummy = EXCLUSIVE[0].items()
    small, large = (replace(sku(name, ""), service_plans=(ServicePlan(*plan),)) for name, plan in (("SMALL", (first, one)), ("LARGE", (second, other))))
    right_of_small = UsageRight(small.id, "SMALL", frozenset({first}), (one,), ("a",))
    before = state(pool("a", small), pool("b", large), held=[has("a", small)], rights=[right_of_small])
    for check, is_error in (("enforce", True), ("try", False)):
        changes = plan_assignment(before, desired_assignment({"user": "ann", "allotment": "b", "plan_check": check}))
        assert [(one.code, one.is_error) for one in changes.findings] == [("plans_exclude", is_error)]
    changes = plan_assignment(before, desired_assignment({"user": "ann", "allotment": "b", "disabled_plans": [other]}))
    assert changes.findings == ()


def test_what_another_service_plan_needs_is_a_warning_here():
    """cloudLicensing takes the assignment, and reports what is missing later (graph-contract 4.4)."""
    rule = next(rule for rule in broken_rules(frozenset(), frozenset({"e95bec33-7c88-4a70-8e19-b10bd9d0c014"})) if rule.lacking)
    office = replace(sku("OFFICE", ""), service_plans=(ServicePlan("e95bec33-7c88-4a70-8e19-b10bd9d0c014", rule.lacking),))
    changes = plan_assignment(state(pool("a", office)), desired_assignment({"user": "ann", "sku": "OFFICE"}))
    assert [(one.code, one.is_error) for one in changes.findings] == [("plans_need", False)]


MISTAKES = {
    "an unknown SKU": (state(pool("a")), {"sku": "E9"}, "sku: no SKU 'E9'"),
    "an unknown allotment": (state(pool("a")), {"allotment": "z"}, "allotment: the tenant has no allotment 'z'; it has a (E5)"),
    "no allotment at all": (state(), {"allotment": "z"}, "it has none"),
    "an unknown subscription": (state(pool("a")), {"sku": "E5", "subscription_id": "sub-z"}, "subscription_id: no allotment has it; known are sub-a"),
    "absent, of an unknown subscription": (
        state(pool("a")),
        {"sku": "E5", "subscription_id": "sub-z", "state": "absent"},
        "subscription_id: no allotment has it",
    ),
    "an unknown service plan": (state(pool("a")), {"sku": "E5", "disabled_plans": ["TEAM"]}, "disabled_plans[0]: no service plan 'TEAM' of E5"),
    "several allotments": (state(pool("b"), pool("a")), {"sku": "E5"}, "2 allotments of E5 could serve: a (1 of 10 seats free), b (1 of 10 seats free)"),
    "several assignments": (
        state(pool("a"), pool("b"), held=[has("a"), has("b")]),
        {"sku": "E5", "disabled_plans": ["TEAMS"]},
        "sku: 2 assignments of E5 exist, and their service plans differ from what is wanted: in-a (allotment a), in-b (allotment b)",
    ),
}


@pytest.mark.parametrize("title", MISTAKES)
def test_what_could_mean_several_things_is_an_error(title):
    before, options, text = MISTAKES[title]
    with pytest.raises(OptionError) as raised:
        plan_assignment(before, desired_assignment({"user": "ann", **options}))
    assert text in raised.value.message


@st.composite
def states(draw) -> CloudState:
    """A user or group with assignments in some of a few allotments."""
    pools = [
        pool(f"p{index}", draw(st.sampled_from([E5, E5, E3])), draw(st.integers(0, 3)), draw(st.sampled_from(["active", "active", "warning", "deleted"])),
             draw(st.sampled_from([("user", "group"), ("user",), ("device",)])))
        for index in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    plans = st.sets(st.sampled_from(["TEAMS", "MAIL"]))
    held = [has(one.id, one.sku, *draw(plans), key=f"{draw(st.integers(0, 9))}-{one.id}") for one in pools if draw(st.booleans())]
    who = draw(st.sampled_from([user(), user(location=None), user(INHERITED), GROUP]))
    return state(*pools, held=held, who=who, rights=[right(E5, *(one.id for one in pools if one.sku == E5 and draw(st.booleans())))])


OPTIONS = st.fixed_dictionaries(
    {"state": st.sampled_from(["present", "present", "absent"]), "exclusive": st.booleans(), "allotment_choice": st.sampled_from(["only", "most_available"])},
    optional={"disabled_plans": st.lists(st.sampled_from(["TEAMS", "MAIL"]), unique=True), "subscription_id": st.sampled_from(["sub-p0", "sub-p1"])},
)


@settings(deadline=None)
@given(states(), st.sampled_from([{"sku": "E5"}, {"sku": "E3"}, {"allotment": "p0"}, {"allotment": "p1"}]), OPTIONS)
def test_after_the_operations_the_desired_state_is_there(before, named, options):
    desired = desired_assignment({"user": "ann", **named, **options})
    try:
        changes = plan_assignment(before, desired)
    except OptionError:
        assume(False)
    assume(not changes.errors and before.allotment(named.get("allotment", before.allotments[0].id)))
    sku_id = {"E5": E5.id, "E3": E3.id}.get(named.get("sku", "")) or before.allotment(named["allotment"]).sku.id
    mine = [one for one in changes.after.assignments if one.sku_id == sku_id]
    others = [one for one in before.assignments if one.sku_id != sku_id]
    assert [one for one in changes.after.assignments if one.sku_id != sku_id] == others
    again = plan_assignment(replace(changes.after, assignments=tuple(replace(one, id=one.id or "new") for one in changes.after.assignments)), desired)
    assert again.operations == ()
    if options["state"] == "absent":
        in_scope = [
            one
            for one in mine
            if named.get("allotment") in (None, one.allotment_id) and options.get("subscription_id", one.allotment_id)[-2:] == one.allotment_id
        ]
        assert in_scope == []
        return
    assert changes.subject in mine
    assert len(mine) == 1 or not options["exclusive"]
    if "disabled_plans" in options:
        assert changes.subject.disabled_plans == off(*options["disabled_plans"])
    kinds = [type(one) for one in changes.operations]
    assert DeleteAssignment not in kinds[: kinds.index(CreateAssignment)] if CreateAssignment in kinds else True
