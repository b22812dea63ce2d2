# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of users with groups and seats of allotments, leavers and returners, without a tenant: changes, their steps, seats, and what is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._engine.jobs import jobs_of, shown
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licensed_users import desired_run
from ansible_collections.m365.licensing.plugins.module_utils._licensing.episodes import Episode, HeldLicense, LeaverRecord, episode_of, record_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import Assignment, Group, License, Principal
from ansible_collections.m365.licensing.plugins.module_utils._licensing.observed import Observed, Tenant, claims, free_seats
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import Change, EndState
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.end_state import Settings
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.run_plan import Guards, RunPlan, held_by, plan_run, removal_limit, removals_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.steps import changes_of, steps_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.restore import returns_of, still_open, union_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.plans import change_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from support.values import allotment, direct, group, guid, off, signed, sku, user

E3, E5, BI, FULL = sku("E3", "MAIL TEAMS SWAY tenant"), sku("E5", "MAIL TEAMS SWAY VOICE tenant"), sku("BI", "BI"), sku("FULL", "X", free=0)
SKUS = (E3, E5, BI, FULL)
NAMES = {one.id: one.part_number for one in SKUS}
HEAD, FIELD, WIDE, OLD = allotment("head", BI, free=2), allotment("field", BI, free=1), allotment("wide", E5, free=5), allotment("old", BI, state="suspended")
KIOSK = replace(allotment("kiosk", E3), assignable_to=frozenset({"device"}))


DESK, LEADS, PLAIN = group("desk", E3), group("leads", E5), group("plain")
RULED = group("ruled", E3, managed_by="its rule selects them")
ROLES, MAIL = group("roles", is_role_assignable=True), group("mail", is_security_enabled=False)
GROUPS = (DESK, LEADS, PLAIN, RULED, ROLES, MAIL)
PROFILES = {
    "desk": {"groups": ["desk"]},
    "leads": {"groups": ["leads"]},
    "plain": {"groups": ["plain"]},
    "both": {"groups": ["desk", "plain"]},
    "analyst": {"licenses": [{"sku": "E3", "disabled_plans": ["SWAY"]}]},
    "lead": {"licenses": [{"sku": "E5"}]},
    "figures": {"licenses": [{"sku": "BI"}]},
    "head": {"allotments": [{"allotment": "head"}]},
    "field": {"allotments": [{"allotment": "FIELD", "disabled_plans": ["BI"]}]},
    "any": {"allotments": [{"sku": "BI", "allotment_choice": "most_available"}]},
    "wide": {"allotments": [{"sku": "E5"}]},
}
TASK = {"today": "2026-11-26", "grace_days": 0, "lead_days": 0, "remove": "previous", "record_path": "x"}
ANN = guid("ann")


def world(allotments=(HEAD, FIELD, WIDE), skus=SKUS, **more) -> Tenant:
    """A tenant with groups and allotments."""
    return Tenant(Catalog(skus), {one.id: one for one in GROUPS}, {one.name: one.id for one in GROUPS}, {}, tuple(allotments), **more)


def ann(*licenses: License, groups=(), seats=(), location: str | None = "DE") -> Observed:
    """A user with licenses, memberships, and assignments by allotment. Where seats are nothing, they were not read."""
    made = seats if seats is None else tuple(Assignment(f"of {pool.id}", pool.id, pool.sku.id, gone) for pool, gone in seats)
    return Observed(user(*licenses, location=location), frozenset(one.id for one in groups), made)


def through(some: Group, held, state: str = "Active", error: str | None = None) -> License:
    return License(held.id, frozenset(), some.id, state, error)


def plan(one: Observed, entry: dict, tenant: Tenant | None = None, more: dict | None = None, returns=None, **task) -> RunPlan:
    """The plan of one user."""
    run = desired_run({**TASK, "profiles": PROFILES, "users": [{"user": "ann@contoso.example", **entry}], **task})
    limit = Guards(limit=removal_limit("100%"))
    return plan_run(run, {0: one}, tenant or world(), Settings(**(more or {})), limit, returns or {})


def lines(made: RunPlan, index: int = 0) -> list[str]:
    """The changes of a user: sign and what, with an asterisk where it waits."""
    names = {**NAMES, **{one.id: one.name for one in GROUPS}}
    return [signed(one, names) for one in made.users[index].changes]


def codes(made: RunPlan) -> list[str | None]:
    return [problem.code for problem in made.users[0].problems]


# title: (user, entry, changes, codes)
CASES = {
    "into a group": (ann(), {"profile": "desk"}, ["+desk"], []),
    "a member already": (ann(through(DESK, E3), groups=[DESK]), {"profile": "desk"}, [], []),
    "a mover into a group": (ann(direct(E3)), {"profile": "desk", "from": "analyst"}, ["+desk", "-E3*"], []),
    "a member whose license does not show": (ann(direct(E3), groups=[DESK]), {"profile": "desk", "from": "analyst"}, ["-E3*"], []),
    "a member whose license shows": (ann(direct(E3), through(DESK, E3), groups=[DESK]), {"profile": "desk", "from": "analyst"}, ["-E3"], []),
    "what does not share a service plan waits as well": (ann(direct(BI)), {"profile": "desk", "from": "figures"}, ["+desk", "-BI*"], []),
    "a swap beside a join stays one call": (
        ann(direct(BI)),
        {"profile": "both", "from": "figures", "licenses": [{"sku": "E5"}]},
        ["+E5", "+desk", "+plain", "-BI"],
        [],
    ),
    "a swap waits for what a group is to have on": (
        ann(direct(E3)),
        {"profile": "leads", "from": "analyst", "licenses": [{"sku": "BI"}]},
        ["+BI", "+leads", "-E3*"],
        [],
    ),
    "out of a group": (ann(through(DESK, E3), groups=[DESK]), {"profile": "lead", "from": "desk"}, ["+E5", "-desk*"], []),
    "both profiles name it": (ann(through(DESK, E3), groups=[DESK]), {"profile": "both", "from": "desk"}, ["+plain"], []),
    "keep keeps the group that assigns it": (
        ann(through(DESK, E3), groups=[DESK]),
        {"profile": "lead", "from": "desk", "keep": ["E3"]},
        ["+E5"],
        ["group_stays"],
    ),
    "a group of a rule": (ann(), {"groups": ["ruled"]}, ["+ruled"], ["members_not_manageable"]),
    "a group with roles": (ann(), {"groups": ["roles"]}, ["+roles"], ["group_role_assignable"]),
    "a group for mail": (ann(), {"groups": ["mail"]}, ["+mail"], ["group_not_security_enabled"]),
    "a license in error that is to replace": (
        ann(direct(E3), through(DESK, E3, "Error", "DependencyViolation"), groups=[DESK]),
        {"profile": "desk", "from": "analyst"},
        ["-E3*"],
        ["license_in_error"],
    ),
    "an error that has nothing to do with it": (
        ann(direct(BI), through(LEADS, E5, "Error", "CountViolation"), groups=[LEADS]),
        {"profile": "plain", "from": "figures", "groups": ["leads"]},
        ["+plain", "-BI"],
        [],
    ),
    "an origin that Graph does not say": (ann(License(E3.id, is_known=False)), {"profile": "analyst"}, [], ["origin_unknown"]),
    "a direct license beside one in error": (
        ann(direct(E3, "SWAY"), through(DESK, E3, "Error", "CountViolation")),
        {"profile": "lead", "from": "analyst"},
        ["+E5", "-E3"],
        ["only_working_copy"],
    ),
    "a seat and a license that stays": (ann(direct(BI), direct(E3, "SWAY"), seats=[(HEAD, off())]), {"profile": "analyst"}, [], []),
    "a seat": (ann(), {"profile": "head"}, ["+head"], []),
    "a seat with service plans off": (ann(), {"profile": "field"}, ["+field"], []),
    "a seat that is held": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "head"}, [], []),
    "a seat with other service plans": (ann(direct(BI), seats=[(FIELD, off())]), {"profile": "field"}, ["~field"], []),
    "the allotment with most seats": (ann(), {"profile": "any"}, ["+head"], []),
    "the one that is held": (ann(direct(BI), seats=[(FIELD, off())]), {"profile": "any"}, [], []),
    "one holding": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "head", "from": "figures"}, [], []),
    "one holding, back": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "figures", "from": "head"}, [], []),
    "from a direct license to a seat": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "field", "from": "figures"}, ["+field", "-head*"], []),
    "from seat to seat": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "field", "from": "head"}, ["+field", "-head*"], []),
    "from a seat to nothing": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "lead", "from": "head"}, ["+E5", "-head*"], []),
    "a seat that no profile names stays": (ann(direct(BI), seats=[(HEAD, off()), (FIELD, off())]), {"profile": "lead", "from": "head"}, ["+E5", "-head*"], []),
    "keep keeps the seat": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "lead", "from": "head", "keep": ["BI"]}, ["+E5"], []),
    "a license to a seat of another SKU": (ann(direct(E3), seats=[]), {"profile": "wide", "from": "analyst"}, ["+wide", "-E3*"], []),
    "what is behind the license does not show": (ann(direct(BI)), {"profile": "head", "from": "figures"}, ["+head"], ["assignment_unseen"]),
    "a second seat": (ann(direct(BI), seats=[(HEAD, off())]), {"profile": "field"}, ["+field"], ["second_seat"]),
    "a seat beside a license": (ann(direct(BI)), {"profile": "field"}, ["+field"], ["both_apis"]),
    "a seat without a location": (ann(location=None), {"profile": "head"}, ["+head"], ["usage_location_missing"]),
    "several could serve": (ann(), {"allotments": [{"sku": "BI"}]}, [], ["allotment_ambiguous"]),
    "the one of a subscription": (ann(), {"allotments": [{"sku": "BI", "subscription_id": "SUB-FIELD"}]}, ["+field"], []),
    "no such subscription": (ann(), {"allotments": [{"sku": "BI", "subscription_id": "x"}]}, [], ["name_unknown"]),
    "no such allotment": (ann(), {"allotments": [{"allotment": "x"}]}, [], ["name_unknown"]),
    "an unknown SKU": (ann(), {"allotments": [{"sku": "x"}]}, [], ["name_unknown"]),
    "no allotment of it": (ann(), {"allotments": [{"sku": "FULL"}]}, [], ["name_unknown"]),
    "named twice": (ann(), {"licenses": [{"sku": "BI"}], "allotments": [{"allotment": "head"}]}, ["+BI", "+head"], ["named_twice"]),
    "the entry replaces the profile": (ann(), {"profile": "figures", "allotments": [{"allotment": "head"}]}, ["+head"], []),
    "a leaver": (
        ann(direct(E3), through(DESK, E3), groups=[DESK, PLAIN]),
        {"state": "released"},
        ["-E3", "-desk*"],
        [],
    ),
    "a leaver in a group that does not assign its license yet": (ann(groups=[DESK]), {"state": "released"}, ["-desk*"], []),
    "a leaver with seats": (ann(direct(BI), seats=[(HEAD, off())]), {"state": "released"}, ["-BI"], []),
    "a leaver with a seat that is no license": (ann(seats=[(HEAD, off())]), {"state": "released"}, ["-head*"], []),
    "a leaver in a group of a rule": (ann(through(RULED, E3), groups=[RULED]), {"state": "released"}, [], ["group_stays"]),
    "a mailbox on hold": (
        ann(direct(E3, "SWAY"), direct(BI)),
        {"state": "released", "after_release": {"licenses": [{"sku": "E3", "enabled_plans": ["MAIL"]}]}},
        ["~E3", "-BI"],
        [],
    ),
    "a leaver who keeps something": (ann(direct(E3), direct(BI)), {"state": "released", "keep": ["e3"]}, ["-BI"], []),
}


@pytest.mark.parametrize("title", CASES)
def test_changes(title):
    one, entry, expected, said = CASES[title]
    made = plan(one, entry)
    assert sorted(lines(made)) == sorted(expected)
    assert [code for code in codes(made) if code != "still_inherited"] == said


@pytest.mark.parametrize("title", [title for title, case in CASES.items() if not case[3] or set(case[3]) <= {"second_seat", "both_apis", "group_stays"}])
def test_the_plan_of_what_was_planned_is_empty(title):
    one, entry, dummy, dummy_too = CASES[title]
    made = plan(one, entry)
    again = plan(after(made, one), entry)
    assert lines(again) == []


def after(made: RunPlan, one: Observed) -> Observed:
    """The user once all was done, and shows."""
    state = made.users[0].state
    if state is None:
        return one
    groups, seats = set(one.groups), {held.allotment_id: held for held in one.seats or ()}
    for change in state.changes:
        if change.kind == "membership":
            (groups.add if change.after else groups.discard)(change.key)
        elif change.kind == "seat":
            seats.pop(change.key, None)
            if isinstance(change.after, frozenset):
                seats[change.key] = Assignment("new", change.key, change.sku_id, change.after)
    removed = {change.key for change in state.changes if change.kind == "license" and change.verb == "remove"}
    kept = tuple(held for held in seats.values() if held.sku_id not in removed)
    return Observed(state.after, frozenset(groups), kept)


@pytest.mark.parametrize(("inherited", "said"), [("fail", ["already_inherited"]), ("accept", []), ("assign", [])])
def test_a_license_that_a_group_assigns_already(inherited, said):
    made = plan(ann(through(DESK, E3), groups=[DESK]), {"profile": "analyst"}, more={"inherited": inherited})
    assert [code for code in codes(made) if code != "plans_stay_on"] == said
    assert lines(made) == (["+E3"] if inherited == "assign" else [])


def test_the_allotment_has_ended():
    made = plan(ann(direct(BI), seats=[(OLD, off())]), {"allotments": [{"sku": "BI", "allotment_choice": "most_available"}]}, world((OLD, FIELD)))
    assert (lines(made), codes(made)) == (["+field"], ["held_in_ended_allotment", "second_seat"])
    alone = plan(ann(direct(BI), seats=[(OLD, off())]), {"allotments": [{"sku": "BI"}]}, world((OLD,)))
    assert (lines(alone), codes(alone)) == ([], ["held_in_ended_allotment"])
    assert codes(plan(ann(), {"allotments": [{"sku": "BI"}]}, world((OLD,)))) == ["sku_not_assignable"]
    assert codes(plan(ann(), {"allotments": [{"sku": "E3"}]}, world((KIOSK,)))) == ["not_assignable_to_kind"]


def test_what_is_on_beside_a_seat_stays_on_and_what_a_seat_replaces_does_not():
    """The profile has service plan BI off in the seat. A license that shows in no allotment keeps it on."""
    unseen = plan(ann(direct(BI)), {"profile": "field"}).users[0].state
    assert [(lic.sku_id, lic.disabled_plans) for lic in unseen.after.licenses] == [(BI.id, off())]
    replaced = plan(ann(direct(BI), seats=[(HEAD, off())]), {"profile": "field", "from": "head"}).users[0].state
    assert [(lic.sku_id, lic.disabled_plans) for lic in replaced.after.licenses] == [(BI.id, off("BI"))]


@pytest.mark.parametrize(("skus", "pool"), [(SKUS, replace(BI, service_plans=())), (tuple(one for one in SKUS if one != BI), BI)])
def test_service_plans_are_those_of_the_sku_that_the_tenant_owns_and_else_those_of_the_allotment(skus, pool):
    made = plan(ann(), {"profile": "field"}, world((replace(FIELD, sku=pool),), skus))
    assert (lines(made), "name_unknown" in codes(made)) == (["+field"], False)


def test_service_plans_are_carried_to_a_seat():
    made = plan(ann(direct(E3, "SWAY"), seats=[]), {"profile": "wide", "from": "analyst"}, more={"carry_plans": True})
    (seat,) = [one for one in made.users[0].changes if one.kind == "seat"]
    assert seat.after == off("SWAY")


def test_a_conflict_while_both_are_there():
    """The group's license conflicts with the one that is removed only when the group's shows: it would never show."""
    from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import ServicePlan
    from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.service_plan_conflicts import EXCLUSIVE

    (first, one), (second, other), *dummy = EXCLUSIVE[0].items()
    small, large = replace(sku("SMALL", ""), service_plans=(ServicePlan(first, one),)), replace(sku("LARGE", ""), service_plans=(ServicePlan(second, other),))
    large_group = group("large", large)
    tenant = replace(world(skus=(small, large)), groups={large_group.id: large_group}, group_ids={"large": large_group.id})
    profiles = {"old": {"licenses": [{"sku": "SMALL"}]}, "new": {"groups": ["large"]}}
    made = plan(ann(direct(small)), {"profile": "new", "from": "old"}, tenant, profiles=profiles)
    assert codes(made) == ["plans_exclude"]
    assert made.users[0].errors


# title: (user, entry, steps as version and operations)
STEPS = {
    "a swap": (
        ann(direct(E3), location=None),
        {"profile": "lead", "from": "analyst", "usage_location": "DE"},
        [("v1.0", ["SetUsageLocation", "AssignLicenses"])],
    ),
    "a location alone": (ann(location="US"), {"usage_location": "DE"}, [("v1.0", ["SetUsageLocation"])]),
    "a seat behind a location": (ann(location="US"), {"profile": "head", "usage_location": "DE"}, [("beta", ["SetUsageLocation", "CreateAssignment"])]),
    "seat and license": (
        ann(location="US"),
        {"profile": "head", "usage_location": "DE", "licenses": [{"sku": "E3"}]},
        [("beta", ["SetUsageLocation", "CreateAssignment"]), ("v1.0", ["AssignLicenses"])],
    ),
    "two groups": (ann(), {"profile": "both"}, [("v1.0", ["JoinGroup"]), ("v1.0", ["JoinGroup"])]),
    "from seat to seat": (
        ann(direct(BI), seats=[(HEAD, off())]),
        {"profile": "field", "from": "head"},
        [("beta", ["CreateAssignment"]), ("beta", ["DeleteAssignment"])],
    ),
    "other service plans": (ann(direct(BI), seats=[(FIELD, off())]), {"profile": "field"}, [("beta", ["UpdateAssignment"])]),
    "a mover into a group": (ann(direct(E3)), {"profile": "desk", "from": "analyst"}, [("v1.0", ["JoinGroup"]), ("v1.0", ["AssignLicenses"])]),
    "a leaver": (ann(direct(E3), through(DESK, E3), groups=[DESK]), {"state": "released"}, [("v1.0", ["AssignLicenses"]), ("v1.0", ["LeaveGroup"])]),
}


@pytest.mark.parametrize("title", STEPS)
def test_steps(title):
    one, entry, expected = STEPS[title]
    made = plan(one, entry)
    steps = steps_of(made.users[0].state)
    assert [(step.version, [type(operation).__name__ for operation in step.operations]) for step in steps] == expected
    assert [step.number for step in steps] == sorted(step.number for step in steps)
    assert sorted(map(repr, (change for step in steps for change in changes_of(step, step.operations)))) == sorted(map(repr, made.users[0].changes))
    assert [changes_of(step, ()) for step in steps] == [()] * len(steps)
    jobs = jobs_of((), made.users)
    assert [bool(job.follows) for job in jobs] == [any(one.is_late for one in job.step.changes) for job in jobs]
    assert all(job.chain == 0 and job.name == "ann@contoso.example" and not job.is_later for job in jobs)


def test_what_takes_a_seat_says_so():
    made = plan(ann(), {"profile": "head", "licenses": [{"sku": "E3"}], "groups": ["leads"]})
    jobs = jobs_of((), made.users)
    assert [(job.lane != "", sorted(job.new_sku_ids)) for job in jobs] == [(False, sorted(["allotment head", BI.id])), (True, []), (False, [E3.id])]


def test_what_is_awaited_shows():
    made = plan(ann(direct(E3)), {"profile": "desk", "from": "analyst"})
    job = jobs_of((), made.users)[-1]

    def now(one: Observed) -> dict:
        return {one.id: one}

    assert list(shown(job, now(ann(direct(E3))))) == []
    assert list(shown(job, now(ann(direct(E3), through(DESK, E3))))) == [None]
    (refused,) = shown(job, now(ann(direct(E3), through(DESK, E3, "Error", "DependencyViolation"))))
    assert "does not get the license from it" in refused.error.message
    assert list(shown(replace(job, plan=replace(job.plan, is_patient=True)), now(ann(through(DESK, E3, "Error", "CountViolation"))))) == []
    (gone,) = shown(job, {})
    assert gone.error.problem.code == "not_found"
    seat = jobs_of((), plan(ann(direct(BI), seats=[(HEAD, off())]), {"profile": "field", "from": "head"}).users)[-1]
    assert list(shown(seat, now(ann(seats=[(HEAD, off())])))) == []
    assert list(shown(seat, now(ann(seats=[(HEAD, off()), (FIELD, off())])))) == [None]


def test_rows_name_everything():
    one = ann(direct(BI), through(DESK, E3), groups=[DESK], seats=[(HEAD, off())])
    made = plan(
        one,
        {"profile": "field", "from": "head", "groups": ["leads"], "usage_location": "US"},
        profiles={**PROFILES, "head": {**PROFILES["head"], "groups": ["desk"]}},
    )
    state, tenant = made.users[0].state, made.tenant
    rows = change_rows(state, state.changes, tenant)
    assert [row["action"] for row in rows] == ["set_usage_location", "create_seat", "join_group", "delete_seat", "leave_group", "service_plans"]
    assert rows[2]["group"] == "leads"
    assert rows[3]["reason"].startswith("after group leads")
    assert change_rows(state, (), tenant) == []


# title: (user, end, seats afterwards, taken, freed)
CLAIMS = {
    "a group of an allotment": (ann(), [through(DESK, E3)], {}, ["allotment of desk", E3.id], []),
    "a license behind a group": (ann(direct(E3)), [direct(E3), through(DESK, E3)], {}, ["allotment of desk", E3.id], []),
    "a seat beside the same through a group": (ann(through(DESK, E3)), [through(DESK, E3)], {"of desk": (E3.id, off())}, [], []),
    "from allotment to allotment": (ann(direct(BI), seats=[(HEAD, off())]), [direct(BI)], {"field": (BI.id, off())}, ["allotment field"], ["allotment head"]),
    "a leaver": (ann(direct(BI), through(DESK, E3), seats=[(HEAD, off())]), [], {}, [], ["allotment head", "allotment of desk", BI.id, E3.id]),
    "one in error holds no seat": (ann(through(DESK, E3, "Error")), [], {}, [], []),
}


@pytest.mark.parametrize("title", CLAIMS)
def test_claims(title):
    before, licenses, seats, taken, freed = CLAIMS[title]
    end = replace(before.user, licenses=tuple(licenses))
    tenant = world(group_seats={DESK.id: (Assignment("g", "of desk", E3.id), Assignment("h", "head", BI.id))})
    assert tuple(map(sorted, claims(before, end, seats, tenant))) == (sorted(taken), sorted(freed))


def test_who_waits_in_a_queue_is_served_first():
    waiting = ann(through(DESK, E3, "Error", "CountViolation"))
    tenant = world(group_seats={DESK.id: (Assignment("g", "head", E3.id),)})
    free = free_seats(tenant, [waiting])
    assert (free[E3.id], free["allotment head"]) == (E3.seats.free - 1, HEAD.free - 1)


def test_members_of_a_group_that_gets_a_license_take_a_seat_each_once():
    joined = ann()
    tenant = world(taken={E3.id: 2}, getting={E3.id: frozenset({joined.id})})
    assert free_seats(tenant, [joined])[E3.id] == E3.seats.free - 3
    assert free_seats(tenant, [joined], {joined.id: frozenset({E3.id})})[E3.id] == E3.seats.free - 2
    assert free_seats(world(taken={E3.id: E3.seats.free + 2}), [])[E3.id] == -2, "what is freed goes to the members first"


def test_what_a_user_holds_for_the_guard():
    assert held_by(ann(direct(E3), through(DESK, E3), through(DESK, BI), seats=[(HEAD, off()), (WIDE, off())])) == 4


# -- leavers and returners


def released(one: Observed, entry: dict | None = None, tenant: Tenant | None = None) -> tuple[Episode | None, Observed, RunPlan]:
    """What is recorded of a leaver, and the leaver afterwards."""
    made = plan(one, {"state": "released", **(entry or {})}, tenant)
    state = made.users[0].state
    return episode_of(state, made.tenant, "now") if state else None, after(made, one), made


def restored(record: LeaverRecord, one: Observed, tenant: Tenant | None = None, aliases=None) -> tuple[RunPlan, EndState | None]:
    """The plan of a returner."""
    returns = returns_of({0: one}, aliases or {}, record, tenant or world())
    made = plan(one, {"state": "restored"}, tenant, returns={key: resolved for key, (resolved, dummy) in returns.items()})
    return made, made.users[0].state


def recorded(*episodes: Episode) -> LeaverRecord:
    """A record as it is read from the file."""
    import json

    record = LeaverRecord("t")
    for one in episodes:
        record.add(one)
    text = "".join(json.dumps(line) + "\n" for line in record.compacted())
    return record_of(text, "t", "x")


LEAVERS = {
    "a license": ann(direct(E3, "SWAY")),
    "a license and a group": ann(direct(BI), through(DESK, E3), groups=[DESK]),
    "a license and its seat": ann(direct(BI), seats=[(HEAD, off())]),
    "two seats of one SKU": ann(direct(BI), seats=[(HEAD, off("BI")), (FIELD, off())]),
    "a seat of the only allotment": ann(direct(E5, "VOICE"), seats=[(WIDE, off("VOICE"))]),
    "everything": ann(direct(E3, "SWAY"), direct(BI), direct(E5), through(DESK, E3), groups=[DESK], seats=[(FIELD, off()), (WIDE, off())]),
}


def test_a_returner_keeps_a_seat_that_was_assigned_since():
    episode, left, dummy = released(ann(direct(BI), seats=[(HEAD, off())]))
    since = replace(left, user=user(direct(BI)), seats=(Assignment("new", "field", BI.id),))
    back, dummy_too = restored(recorded(episode), since)
    assert lines(back) == ["+head"]
    assert codes(back) == ["second_seat"]


@pytest.mark.parametrize("free", [0, 1])
def test_a_returner_who_has_the_seat_again_needs_no_free_one(free):
    episode, left, dummy = released(ann(direct(BI), seats=[(HEAD, off())]))
    since = replace(left, user=user(direct(BI)), seats=(Assignment("new", "head", BI.id),))
    back, dummy_too = restored(recorded(episode), since, world((allotment("head", BI, free=free), FIELD)))
    assert (lines(back), codes(back)) == ([], [])


@pytest.mark.parametrize(("free", "expected"), [(0, ["+BI"]), (1, ["+BI", "+desk"])])
def test_a_returner_joins_a_group_while_a_seat_of_its_license_is_free(free, expected):
    episode, left, dummy = released(ann(direct(BI), through(DESK, E3), groups=[DESK]))
    back, dummy_too = restored(recorded(episode), left, world(skus=(sku("E3", "MAIL TEAMS SWAY tenant", free=free), BI)))
    assert lines(back) == expected


@pytest.mark.parametrize("exchange", [None, {"licenses": [{"sku": "E3", "enabled_plans": ["MAIL"]}]}, {"licenses": [{"sku": "FULL"}]}])
@pytest.mark.parametrize("title", LEAVERS)
def test_what_a_leaver_held_comes_back(title, exchange):
    one = LEAVERS[title]
    tenant = world(skus=(*SKUS[:3], sku("FULL", "X")))
    episode, left, made = released(one, {"after_release": exchange} if exchange else {}, tenant)
    assert not made.users[0].errors
    back, state = restored(recorded(episode), left, tenant)
    assert not back.users[0].errors
    home = after(back, left)
    assert {lic for lic in home.user.licenses if lic.is_direct} == {lic for lic in one.user.licenses if lic.is_direct}
    assert home.groups == one.groups
    assert {(seat.allotment_id, seat.disabled_plans) for seat in home.seats or ()} >= {
        (seat.allotment_id, seat.disabled_plans) for seat in one.seats or () if seat.allotment_id != "wide"
    }
    assert still_open(union_of([episode]), state, tenant).is_empty
    again = plan(home, {"state": "released", **({"after_release": exchange} if exchange else {})}, tenant)
    assert lines(again) == lines(made)


GONE = {
    "a SKU": (ann(direct(E3), direct(BI)), world(skus=(E3,), allotments=()), ["+E3"], {BI.id}),
    "a suspended SKU": (ann(direct(E3), direct(BI)), world(skus=(E3, replace(BI, status="Suspended"))), ["+E3"], {BI.id}),
    "no seat": (ann(direct(E3), direct(BI)), world(skus=(E3, sku("BI", "BI", free=0)), allotments=()), ["+E3"], {BI.id}),
    "a group": (ann(direct(E3), through(DESK, E3), groups=[DESK]), replace(world(), groups={}), ["+E3"], {DESK.id}),
    "a group of a rule now": (
        ann(direct(E3), through(DESK, E3), groups=[DESK]),
        replace(world(), groups={DESK.id: replace(DESK, managed_by="a rule")}),
        ["+E3"],
        {DESK.id},
    ),
    "no seat for the group": (
        ann(direct(BI), through(DESK, E3), groups=[DESK]),
        world(skus=(sku("E3", "MAIL", free=0), BI)),
        ["+BI"],
        {DESK.id},
    ),
    "an allotment": (ann(direct(BI), seats=[(HEAD, off())]), world((FIELD,)), ["+BI"], {"head"}),
    "a full allotment": (ann(direct(BI), seats=[(HEAD, off())]), world((allotment("head", BI, free=0), FIELD)), ["+BI"], {"head"}),
    "a seat of a SKU that is suspended": (ann(direct(BI), seats=[(HEAD, off())]), world(skus=(replace(BI, status="Suspended"),)), [], {"head"}),
}


@pytest.mark.parametrize("title", GONE)
def test_what_is_impossible_stays_open(title):
    one, tenant, expected, left_open = GONE[title]
    episode, left, dummy = released(one)
    made, state = restored(recorded(episode), left, tenant)
    assert not made.users[0].errors
    assert lines(made) == expected
    assert "not_restorable" in codes(made)
    still = still_open(episode, state, tenant)
    assert {*(lic.sku_id for lic in still.licenses), *(seat.allotment_id for seat in still.seats), *still.groups} == left_open
    whole, dummy = restored(recorded(still), after(made, left))
    assert not [code for code in codes(whole) if code == "not_restorable"], "and comes back once it is possible"


def test_what_was_assigned_in_exchange_stays_while_something_is_impossible():
    episode, left, dummy = released(ann(direct(E3)), {"after_release": {"licenses": [{"sku": "BI"}]}})
    made, state = restored(recorded(episode), left, world(skus=(BI,)))
    assert lines(made) == []
    still = still_open(episode, state, world(skus=(BI,)))
    assert [one.sku_id for one in still.assigned] == [BI.id]
    back, dummy = restored(recorded(still), left)
    assert lines(back) == ["+E3", "-BI"]


def test_a_service_plan_that_is_gone():
    episode, left, dummy = released(ann(direct(E3, "SWAY", "TEAMS")))
    smaller = world(skus=(sku("E3", "MAIL TEAMS"), E5, BI))
    made, state = restored(recorded(episode), left, smaller)
    assert codes(made) == ["not_restorable"]
    still = still_open(episode, state, smaller)
    assert [(one.disabled_plans, one.is_partial) for one in still.licenses] == [(off("SWAY"), True)]
    home = after(made, left)
    changed = replace(home, user=replace(home.user, licenses=(direct(E3, "MAIL"),)))
    back, state = restored(recorded(still), changed)
    (line,) = back.users[0].changes
    assert line.after == off("MAIL", "SWAY"), "what the administrator has set since stays"
    assert still_open(still, state, world()).is_empty
    gone, dummy = restored(recorded(still), ann())
    assert lines(gone) == []


def test_who_is_not_in_the_record():
    assert "the record has no entry of ann" in restored(LeaverRecord("t"), ann())[0].users[0].errors[0].message
    other = Episode("other", "ann@contoso.example", "now", (HeldLicense(E3.id),))
    made, dummy = restored(recorded(other), ann(), aliases={0: frozenset({"other"})})
    assert "one of that name with id other" in made.users[0].errors[0].message
    mine = Episode(ANN, "ann@contoso.example", "now", (HeldLicense(E3.id),))
    both, dummy = restored(recorded(other, mine), ann(), aliases={0: frozenset({"other", ANN})})
    assert "several users of this name" in both.users[0].errors[0].message
    done = replace(mine, state="restored")
    assert not restored(recorded(mine, done), ann())[0].users[0].errors


ENTRIES = st.fixed_dictionaries(
    {"profile": st.sampled_from(sorted(PROFILES))}, optional={"from": st.sampled_from(sorted(PROFILES)), "keep": st.sampled_from([["BI"], ["E3"]])}
)
PEOPLE = st.sampled_from(
    [
        ann(),
        ann(direct(E3), through(DESK, E3), groups=[DESK]),
        ann(direct(BI), seats=[(HEAD, off())]),
        ann(direct(BI), direct(E5), seats=[(FIELD, off()), (WIDE, off())]),
        ann(through(LEADS, E5), groups=[LEADS, PLAIN]),
        ann(direct(BI), groups=[DESK]),
    ]
)


@settings(max_examples=400, deadline=None)
@given(PEOPLE, ENTRIES, st.sampled_from(["nothing", "previous", "other_profiles"]), st.booleans())
def test_any_user_with_any_profile(one, entry, remove, is_accepted):
    """A planned state has an empty plan; nothing is lost that no profile of before assigns; what replaces comes before what is replaced."""
    more = {"inherited": "accept" if is_accepted else "assign"}
    made = plan(one, entry, remove=remove, more=more)
    if made.users[0].errors:
        return
    state = made.users[0].state
    assert lines(plan(after(made, one), entry, remove=remove, more=more)) == []
    lost = {lic.sku_id for lic in one.user.licenses} - {lic.sku_id for lic in state.after.licenses}
    assert remove != "nothing" or not lost
    assert not lost & {E3.id if name == "E3" else BI.id for name in entry.get("keep", ())}
    assert not any(change.verb == "remove" and not change.is_late for change in state.changes if change.kind != "license")
    spelled = [{key: value.upper() if key == "user" else value for key, value in entry.items()}]
    assert list(plan(one, {**spelled[0], "user": ANN.upper()}, remove=remove, more=more).data) == list(made.data)


def test_one_user_of_two_names_with_groups():
    run = desired_run({**TASK, "profiles": PROFILES, "users": [{"user": "ann@contoso.example", "profile": "desk"}, {"user": ANN, "groups": ["desk"]}]})
    made = plan_run(run, {0: ann(), 1: ann()}, world(), Settings(), Guards())
    assert made.users[1].duplicate_of == 0
    assert not any(one.errors for one in made.users)


def test_seats_that_will_be_needed():
    users = [{"user": "ann@contoso.example", "profile": name, "first_day": "2030-01-01"} for name in ("desk", "head", "lead")]
    run = desired_run({**TASK, "profiles": PROFILES, "users": [{**one, "user": f"u{index}@contoso.example"} for index, one in enumerate(users)]})
    made = plan_run(run, {0: ann()}, world(), Settings(), Guards())
    assert made.seats_due == {"BI": 1, "E3": 1, "E5": 1}


def test_a_taker_of_a_seat_that_a_group_frees_is_patient():
    one = ann(through(DESK, E3), groups=[DESK])
    bob = Observed(Principal("user", guid("bob"), "bob@contoso.example", "DE"))
    users = [{"user": "bob@contoso.example", "profile": "analyst"}, {"user": "ann@contoso.example", "profile": "lead", "from": "desk"}]
    run = desired_run({**TASK, "profiles": PROFILES, "users": users})
    made = plan_run(run, {0: bob, 1: one}, world(skus=(sku("E3", "MAIL TEAMS SWAY", free=0), E5, BI)), Settings(), Guards())
    assert [(plan.stage, plan.is_patient) for plan in made.users] == [(1, True), (0, False)]
    late = [job for job in jobs_of((), made.users) if job.plan.index == 0]
    assert all(job.is_later for job in late)


def test_a_full_allotment_is_named():
    made = plan(ann(), {"profile": "head"}, world((allotment("head", BI, free=0),)))
    assert codes(made) == ["no_seats"]
    assert "BI in allotment head" in made.users[0].errors[0].message


def test_a_service_plan_goes_off_only_when_the_seat_that_brings_it_shows():
    entry = {"licenses": [{"sku": "E3", "disabled_plans": ["TEAMS"]}], "allotments": [{"sku": "E5"}]}
    assert lines(plan(ann(direct(E3)), entry)) == ["~E3*", "+wide"]
    assert lines(plan(ann(direct(E3), direct(E5), seats=[(WIDE, off())]), entry)) == ["~E3"]


def test_a_removed_license_frees_the_seats_of_its_allotments():
    state = plan(ann(direct(BI), seats=[(HEAD, off())]), {"profile": "lead", "from": "figures"}).users[0].state
    assert state.frees == {"allotment head", BI.id}


def test_a_seat_of_an_allotment_that_a_removed_license_frees_is_taken_by_another_user():
    run = desired_run(
        {**TASK, "profiles": PROFILES, "users": [{"user": "eve@contoso.example", "profile": "head"}, {"user": ANN, "profile": "lead", "from": "figures"}]}
    )
    eve = Observed(user(name="eve"), seats=())
    made = plan_run(run, {0: eve, 1: ann(direct(BI), seats=[(HEAD, off())])}, world((replace(HEAD, consumed=10),)), Settings(), Guards(), {})
    assert [(one.outcome, one.stage) for one in made.users] == [("changed", 1), ("changed", 0)]


def test_what_a_user_loses_for_the_guard():
    gone = [Change("remove", kind, key, off(), None, BI.id) for kind, key in (("license", BI.id), ("seat", "head"), ("membership", DESK.id))]
    assert [removals_of(EndState(ann(), tuple(gone[:count]))) for count in range(4)] == [0, 1, 2, 3]
    assert removals_of(EndState(ann(), (*gone, Change("add", "seat", "wide", None, off(), BI.id)))) == 2, "a replacement is no removal"
