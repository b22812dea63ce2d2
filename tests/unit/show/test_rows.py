# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the model as rows of results: names before ids, and nothing that is ambiguous."""

from __future__ import annotations

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import Problem
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import (
    Assignment,
    AssignmentError,
    CloudState,
    Group,
    Holder,
    License,
    UsageRight,
    WaitingMember,
)
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import (
    AssignLicenses,
    Changes,
    CreateAssignment,
    DeleteAssignment,
    Outcome,
    Reprocess,
    SetUsageLocation,
    UpdateAssignment,
)
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show import results, rows
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.problems import finding_rows
from support.values import allotment, guid, off, sku, user

E3, BI = sku("E3", "MAIL SWAY tenant"), sku("BI", "BI")
DOUBLE = [sku("TWO", "A"), sku("TWO ", "A")]
CATALOG = Catalog([E3, BI])
HOLDER = Holder("user", guid("ann"), "Ann")
HOLDER_ROW = {"kind": "user", "id": guid("ann"), "display_name": "Ann"}
GROUP = Group("group", guid("sales"), "Sales", licenses=(License(E3.id, off("SWAY")),), processing_state="ProcessingComplete")

# title: (row, what it must hold)
SEATS = {"owned": 10, "used": 5, "free": 5, "enabled": 10, "warning": 0, "suspended": 0, "locked_out": 0}
ROWS = {
    "sku": (
        rows.sku_row(E3, CATALOG),
        {"sku": "E3", "seats": {"owned": 10, "used": 5, "free": 5, "enabled": 10, "warning": 0, "suspended": 0, "locked_out": 0}},
    ),
    "group": (rows.group_row(GROUP, CATALOG), {"display_name": "Sales", "licenses": [{"sku": "E3", "sku_id": E3.id, "disabled_plans": ["SWAY"]}]}),
    "user": (rows.user_row(user(), CATALOG), {"user_principal_name": "ann@contoso.example", "licenses": [], "usage_location": "DE"}),
    "allotment": (
        rows.allotment_row(allotment("pool", BI), CATALOG),
        {"id": "pool", "sku": "BI", "seats": {"owned": 10, "used": 9, "free": 1}, "assignable_to": ["group", "user"]},
    ),
    "assignment": (
        rows.assignment_row(Assignment("a1", "pool", E3.id, off("MAIL")), HOLDER, CATALOG),
        {"id": "a1", "sku": "E3", "disabled_plans": ["MAIL"], "assigned_to": HOLDER_ROW},
    ),
    "assignment of no SKU": (rows.assignment_row(Assignment("a1", "pool", None), HOLDER, CATALOG), {"sku": None, "disabled_plans": []}),
    "error": (
        rows.cloud_error_row(AssignmentError("e", "noAvailableLicenses", "none", "2026-01-01", E3.id), HOLDER, CATALOG),
        {"sku": "E3", "code": "noAvailableLicenses", "cause": "Graph reports an undocumented error"},
    ),
    "error of no SKU": (
        rows.cloud_error_row(AssignmentError("e", "CountViolation", None, None, None), HOLDER, CATALOG),
        {"sku": None, "cause": "no seat is free"},
    ),
    "waiting": (
        rows.waiting_row(WaitingMember("w", "2026-01-01", allotment("pool", BI)), HOLDER, CATALOG),
        {"allotment": "pool", "sku": "BI", "assigned_to": HOLDER_ROW},
    ),
    "right": (rows.right_row(UsageRight(E3.id, "E3", off("MAIL"), ("MAIL",), ("z", "a")), HOLDER), {"service_plans": ["MAIL"], "allotments": ["a", "z"]}),
}


@pytest.mark.parametrize("title", ROWS)
def test_row(title):
    row, expected = ROWS[title]
    assert {name: row[name] for name in expected} == expected


# title: (what is held, the options that bring it back)
DESIRED = {
    "nothing": (user(), {"licenses": {"set": []}, "allow_empty": True, "usage_location": "DE"}),
    "a country that is no more": (user(location="AN"), {"licenses": {"set": []}, "allow_empty": True}),
    "switchable service plans only": (
        user(License(E3.id, off("SWAY", "tenant"))),
        {"licenses": {"set": [{"sku": "E3", "disabled_plans": ["SWAY"]}]}, "usage_location": "DE"},
    ),
    "inherited ones are left out": (user(License(E3.id, group_id="g")), {"licenses": {"set": []}, "allow_empty": True, "usage_location": "DE"}),
    "an unknown path removes nothing": (user(License(E3.id, is_known=False), License(BI.id)), {"licenses": {"add": [{"sku": "BI", "disabled_plans": []}]}}),
    "what the tenant does not own": (user(License(guid("gone"))), {"licenses": {"set": [{"sku": guid("gone")}]}}),
}


@pytest.mark.parametrize("title", DESIRED)
def test_desired_user(title):
    held, expected = DESIRED[title]
    row = rows.desired_user(held, CATALOG)
    assert {name: row[name] for name in expected} == expected
    assert ("usage_location" in row) == (held.usage_location == "DE")


def test_names_that_two_share_go_by_id():
    twice = [sku("TWO", "A A"), sku("other", "A")]
    catalog = Catalog([twice[0], type(twice[1])(twice[1].id, "TWO", twice[1].service_plans)])
    row = rows.desired_group(Group("group", "g", "G", licenses=(License(twice[0].id, off("A")),)), catalog)
    assert row["licenses"]["set"] == [{"sku": twice[0].id, "disabled_plans": [guid("plan A"), guid("plan A")]}]
    assert catalog.label(twice[0].id) == f"TWO ({twice[0].id})"
    assert [catalog.name_of(one) for one in (E3.id, guid("plan A"), "unknown")] == [None, "A", None]


ANN = user(License(E3.id), location=None)
OPERATIONS = {
    "location": (SetUsageLocation(ANN, "DE"), [{"action": "set_usage_location", "before": None, "after": "DE"}]),
    "licenses": (
        AssignLicenses(ANN, (License(E3.id, off("SWAY")), License(BI.id)), (guid("gone"),)),
        [
            {"action": "update", "sku": "E3", "sku_id": E3.id, "disabled_plans": ["SWAY"]},
            {"action": "add", "sku": "BI", "sku_id": BI.id, "disabled_plans": []},
            {"action": "remove", "sku": guid("gone"), "sku_id": guid("gone")},
        ],
    ),
    "reprocess": (Reprocess(ANN, True), [{"action": "reprocess", "api": "cloudLicensing"}]),
    "create": (
        CreateAssignment(ANN, Assignment(None, "pool", BI.id)),
        [{"action": "create", "assignment": None, "allotment": "pool", "sku": "BI", "sku_id": BI.id, "disabled_plans": []}],
    ),
    "update": (
        UpdateAssignment(ANN, Assignment("a", "pool", BI.id)),
        [{"action": "update", "assignment": "a", "allotment": "pool", "sku": "BI", "sku_id": BI.id, "disabled_plans": []}],
    ),
    "delete": (
        DeleteAssignment(ANN, Assignment("a", "pool", BI.id)),
        [{"action": "delete", "assignment": "a", "allotment": "pool", "sku": "BI", "sku_id": BI.id}],
    ),
}


@pytest.mark.parametrize("title", OPERATIONS)
def test_operation(title):
    operation, expected = OPERATIONS[title]
    assert results.operation_rows((operation,), CATALOG) == expected


# title: (before, after, what the diff shows)
DIFFS = {
    "a license": (user(), user(License(E3.id)), {}, {"E3": {"direct": {"disabled_plans": []}}}),
    "by which path": (
        user(License(E3.id, group_id="g", state="Error"), group_names={"g": "Sales"}),
        user(License(E3.id, group_id="g", state="Error"), License(E3.id), group_names={"g": "Sales"}),
        {"E3": {"group Sales": {"disabled_plans": [], "state": "Error"}}},
        {"E3": {"direct": {"disabled_plans": []}, "group Sales": {"disabled_plans": [], "state": "Error"}}},
    ),
    "two groups of one name": (
        user(License(E3.id, group_id="g"), License(E3.id, group_id="h"), location=None, group_names={"g": "Sales", "h": "Sales"}),
        user(location="DE"),
        {"E3": {"group Sales (g)": {"disabled_plans": []}, "group Sales (h)": {"disabled_plans": []}}, "usage_location": None},
        {"usage_location": "DE"},
    ),
    "an unknown path": (user(License(BI.id, is_known=False)), user(), {"BI": {"unknown origin": {"disabled_plans": []}}}, {}),
}


@pytest.mark.parametrize("title", DIFFS)
def test_diff(title):
    before, after, old, new = DIFFS[title]
    diff = results.diff_of(Changes(before, after, (), (), CATALOG))
    assert (diff["before"], diff["after"]) == (old, new)
    assert diff["before_header"] == diff["after_header"] == "ann@contoso.example"


def test_the_diff_of_assignments_has_allotments():
    before = CloudState(user(), (), (allotment("pool", BI),))
    after = CloudState(user(), (Assignment("a", "pool", BI.id), Assignment("b", None, None)), before.allotments)
    diff = results.diff_of(Changes(before, after, (), (), CATALOG))
    assert diff["after"] == {"BI in allotment pool": {"disabled_plans": []}}


def test_results_of_users_groups_and_assignments():
    after = user(License(E3.id, group_id="g", error="CountViolation", state="Error"))
    changes = Changes(user(), after, (), (), CATALOG)
    assert results.license_result(changes, Outcome())["licenses"][0]["origin"] == "group"
    assert results.license_result(Changes(GROUP, GROUP, (), (), CATALOG), Outcome())["group"] == {"id": GROUP.id, "display_name": "Sales"}
    outcome = Outcome(processing_state="ProcessingComplete", seconds_waited=1.25, members=[after])
    reached = results.outcome_rows(outcome, Changes(Group("group", "g", "G"), Group("group", "g", "G"), (), (), CATALOG))
    assert reached["processing"] == {"state": "ProcessingComplete", "seconds_waited": 1.2}
    assert [row["cause"] for row in reached["members_with_errors"]] == ["no seat is free"]
    assert "members_with_errors" not in results.outcome_rows(Outcome(processing_state="x"), changes)
    cloud = Changes(CloudState(user(), (), ()), CloudState(user(), (), ()), (), (), CATALOG)
    assert results.assignment_result(cloud, Outcome()) == {"assignment": None}
    named = Changes(cloud.before, cloud.after, (), (), CATALOG, Assignment(None, "pool", BI.id))
    assert results.assignment_result(named, Outcome(created_id="new"))["assignment"]["id"] == "new"
    assert results.reprocess_result(Changes(after, after, (), (), CATALOG), Outcome())["reprocessed"] is False


def test_a_problem_is_one_text_of_its_parts():
    problem = Problem("no seat", "buy one", "no_seats", where="users[0]", words="Graph said so", status=400, request_id="r")
    assert problem.message == "users[0]: no seat: buy one. Graph said so (request-id r)"
    assert problem.as_failure() == {"code": "no_seats", "status": 400, "request_id": "r", "retriable": False, "remedy": "buy one"}
    assert finding_rows((problem,))[0] == {"code": "no_seats", "severity": "error", "message": problem.message, "remedy": "buy one"}
