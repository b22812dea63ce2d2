# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions: each has a code, a severity, and a text with the names that an administrator needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import Problem
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import Assignment, Group, License
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan import predict
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.conflicts import service_plans_conflicts
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.service_plan_conflicts import BrokenRule
from support.values import allotment, guid, sku, user

E3, STORE = sku("E3", "MAIL SWAY"), sku("STORE", "X", applies_to="Company")
ANN, SALES = user(group_names={"g": "Sales"}), Group("group", guid("sales"), "Sales")
THROUGH = (License(E3.id, group_id="g"),)
POOL = allotment("pool", E3)


def conflict(rule: BrokenRule, check: str = "enforce") -> Problem:
    (found,) = service_plans_conflicts(ANN, [rule], True, check, (), Catalog())
    return found


# title: (problem, code, severity, parts of the message)
PROBLEMS = {
    "not owned": (predict.not_owned(E3), "sku_not_owned", "error", ["no longer owns SKU E3"]),
    "nothing to remove": (predict.nothing_to_remove(ANN, E3), "sku_not_owned", "warning", ["ann@contoso.example does not hold it"]),
    "for the organization": (predict.not_assignable(STORE), "sku_not_assignable", "error", ["SKU STORE applies to the organization"]),
    "ended": (predict.not_assignable(replace(E3, status="Suspended")), "sku_not_assignable", "error", ["subscription of SKU E3 is Suspended"]),
    "no seats": (predict.no_seats("E3", 10, 10, "enforce"), "no_seats", "error", ["no free seat of E3 (10 of 10 in use)", "seat_check: try"]),
    "no seats, tried": (predict.no_seats("E3", 10, 10, "try"), "no_seats", "warning", ["Graph decides"]),
    "no seats any more": (predict.no_seats_any_more("ann"), "no_seats", "error", ["no request was sent for ann"]),
    "members wait": (predict.members_wait(SALES, "E3", -2, 5), "members_wait", "warning", ["0 free seats", "Sales has 5 members"]),
    "no location": (predict.no_usage_location(), "usage_location_missing", "error", ["set usage_location"]),
    "exclude": (
        conflict(BrokenRule(excluding=("A", "B"))),
        "plans_exclude",
        "error",
        ["service plans exclude each other, and both would be on: A and B", "plan_check: try"],
    ),
    "exclude, tried": (conflict(BrokenRule(excluding=("A", "B")), "try"), "plans_exclude", "warning", ["Graph decides"]),
    "exclude, in a group": (
        conflict(BrokenRule(is_certain=False, excluding=("A", "B"))),
        "plans_exclude",
        "warning",
        ["turn all but one off"],
    ),
    "need": (
        conflict(BrokenRule(lacking="A", needed=("B", "C", "D", "E"))),
        "plans_need",
        "error",
        ["service plan A", "needs B or C or D or another of their kind"],
    ),
    "not allowed": (predict.service_plans_not_listed(ANN, E3, ["NEW"], True), "plans_not_listed", "warning", ["enabled_plans does not name NEW of E3"]),
    "not disabled": (predict.service_plans_not_listed(ANN, E3, ["OLD"], False), "plans_not_listed", "warning", ["disabled_plans does not name OLD of E3"]),
    "inherited only": (predict.inherited_only(ANN, E3, THROUGH), "inherited_only", "error", ["only through group Sales (g)"]),
    "inherited by an unknown path": (predict.inherited_only(ANN, E3, (License(E3.id, is_known=False),)), "origin_unknown", "error", ["Graph does not say"]),
    "still inherited": (predict.still_inherited(ANN, E3, THROUGH), "still_inherited", "warning", ["still holds it through group Sales (g)"]),
    "already inherited": (predict.already_inherited(ANN, E3, (*THROUGH, License(E3.id, group_id="h"))), "already_inherited", "error", ["groups Sales (g), h"]),
    "license in error": (
        predict.license_in_error(ANN, E3, License(E3.id, error="CountViolation")),
        "license_in_error",
        "warning",
        ["(direct)", "no seat is free"],
    ),
    "protected, asked": (predict.is_protected(E3, True), "protected", "error", ["E3 cannot be removed, as protect names it"]),
    "protected, left": (predict.is_protected(E3, False), "protected", "warning", ["but is kept"]),
    "too many": (predict.too_many_removals(3, 2), "too_many_removals", "error", ["3 licenses", "max_removals is 2"]),
    "not security enabled": (predict.group_not_security_enabled(SALES), "group_not_security_enabled", "error", ["group Sales"]),
    "role-assignable": (predict.group_role_assignable(SALES), "group_role_assignable", "warning", ["isAssignableToRole"]),
    "nested": (predict.nested_groups(SALES, ("East", "West")), "nested_groups", "warning", ["East and West, nested in group Sales"]),
    "wrong kind": (predict.wrong_kind(POOL, "device"), "not_assignable_to_kind", "error", ["to group or user, not to a device"]),
    "wrong kind, of none": (predict.wrong_kind(replace(POOL, assignable_to=frozenset({"none"})), "user"), "not_assignable_to_kind", "error", ["no principal"]),
    "ended allotment": (predict.pool_ended(allotment("pool", E3, state="deleted")), "sku_not_assignable", "error", ["allotment pool of E3 are deleted"]),
    "held in an ended one": (predict.held_in_ended_pool(ANN, E3, Assignment("a", "pool", E3.id), True), "held_in_ended_allotment", "warning", ["another one"]),
    "only in an ended one": (predict.only_in_ended_pool(ANN, E3, Assignment("a", "pool", E3.id)), "held_in_ended_allotment", "warning", ["renew"]),
    "allotment unknown": (predict.pool_unknown("a"), "allotment_unknown", "warning", ["assignment a"]),
    "second seat": (predict.second_seat(ANN, POOL, ("p", "q")), "second_seat", "warning", ["p and q already"]),
    "both APIs": (predict.both_apis(ANN, POOL), "both_apis", "warning", ["outside the allotments"]),
    "origin unknown": (predict.origin_unknown(ANN, E3), "origin_unknown", "error", ["whether directly or through a group"]),
    "rights unreadable": (predict.rights_unreadable(ANN), "rights_unreadable", "warning", ["usage rights of ann@contoso.example"]),
}


@pytest.mark.parametrize("title", PROBLEMS)
def test_problem(title):
    problem, code, severity, parts = PROBLEMS[title]
    assert (problem.code, problem.severity) == (code, severity)
    assert [part for part in parts if part not in problem.message] == []


def test_a_living_sku_for_people_is_assignable():
    assert predict.not_assignable(E3) is None


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("CountViolation", "no seat is free"),
        ("DependencyViolation", "needs another one"),
        (None, "undocumented"),
        ("proxyAddress", "same proxy address"),
    ],
)
def test_cause_of_a_license_error(code, cause):
    assert cause in predict.error_of(code)[0]
