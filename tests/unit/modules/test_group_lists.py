# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licenses of many groups in one task, in conversation with the sandbox."""

from __future__ import annotations

import copy

import pytest
from support.contract import prove
from support.tenant import SEED

MODULE = "groups_assign_license"
BI = [{"sku": "POWER_BI_PRO"}]


@pytest.fixture(autouse=True)
def fields(tenant) -> None:
    """Three more groups without licenses."""
    seed = copy.deepcopy(SEED)
    seed["groups"] += [{"display_name": f"Field {number}", "members": ["grace"], "licenses": []} for number in (1, 2, 3)]
    tenant.reset(seed)
    tenant.conditions({"group_reads": 0})


def entry(name: str, **more) -> dict:
    return {"group": name, **(more or {"licenses": BI})}


# title: (groups, options, outcomes, part of the message)
TASKS = {
    "two groups": ([entry("Field 1"), entry("Support desk")], {}, ["changed", "changed"], None),
    "as it is": ([entry("Support desk", licenses=[{"sku": "spe_e3"}])], {}, ["unchanged"], None),
    "exactly": ([entry("Support desk", licenses=BI, exactly=True)], {}, ["changed"], None),
    "an error stops no other": ([entry("Nobody"), entry("Field 1")], {}, ["failed", "changed"], "1 of 2 failed: Nobody: groups[0].group: no group has"),
    "unless it shall": ([entry("Nobody"), entry("Field 1")], {"on_error": "stop"}, ["failed", "skipped"], "1 of 2 failed"),
    "protected by the task": ([entry("Support desk", remove=["SPE_E3"])], {"protect": ["SPE_E3"]}, ["failed"], "SPE_E3 cannot be removed, as protect names it"),
    "too many removals": ([entry("Support desk", remove=["SPE_E3"])], {"max_removals": 1}, ["skipped"], "2 licenses would be removed"),
    "one group twice": ([entry("Field 1"), entry("Field 1")], {}, None, "groups[1].group: Field 1 is also groups[0]"),
    "no list": ("Field 1", {}, None, "groups: 'Field 1' is not a list"),
    "a text": ("[{group: Field 1, licenses: [{sku: POWER_BI_PRO}]}]", {}, ["changed"], None),
    "a time to wait, and no wait": ([entry("Field 1")], {"wait_timeout": 5}, None, "wait_timeout is given, and wait is false"),
}


@pytest.mark.parametrize("title", TASKS)
def test_task(tenant, title):
    groups, options, outcomes, said = TASKS[title]
    result = prove(tenant, MODULE, groups=groups, member_errors="ignore", **options)
    assert bool(result.get("failure")) == bool(said)
    assert (said or "") in result.get("msg", "")
    if outcomes is None:
        assert "results" not in result
    else:
        assert [row["outcome"] for row in result["results"]] == outcomes


def test_the_diff_is_there_although_too_many_would_lose_it(tenant):
    result = tenant.check(MODULE, groups=[entry("Support desk", remove=["SPE_E3"])], max_removals=1)
    assert result["diff"] == [{"prepared": "group Support desk\n  - SPE_E3\n"}]


def test_errors_of_groups_are_reported_beside_the_diff(tenant):
    result = tenant.run(MODULE, groups=[entry("Nobody"), entry("Field 1")], group_errors="report")
    assert not result["failed"]
    assert result["msg"] == "1 of 2 failed"
    assert result["lines"][0] == "2 groups: 1 changed, 0 unchanged, 1 with an error"
    assert result["ansible_stats"]["data"]["license_summary"]["groups"]["failed"] == 1
    assert tenant.run(MODULE, groups="x", group_errors="report")["failed"], "an error of form fails in any case"


@pytest.mark.parametrize("member_errors", ["warn", "fail", "ignore"])
def test_members_who_are_not_reached_are_named(tenant, member_errors):
    """Ivan's usage location does not allow E5."""
    swap = [entry("Support desk", licenses=[{"sku": "SPE_E5"}], remove=["SPE_E3"])]
    result = tenant.run(MODULE, groups=swap, wait=True, member_errors=member_errors)
    assert result["failed"] == (member_errors == "fail")
    assert len(result["members_with_errors"]) == (member_errors != "ignore")
    if member_errors != "ignore":
        assert result["lines"][1].startswith("ivan@contoso.example does not get SPE_E5 from Support desk: ")
    if member_errors == "fail":
        assert result["failure"]["code"] == "members_in_error"
        assert result["msg"].startswith("1 license does not reach its member: ivan@contoso.example")


def test_what_does_not_show_in_time_is_said_with_what_was_done(tenant):
    tenant.conditions({"group_reads": 1000})
    result = tenant.run(MODULE, groups=[entry("Field 1"), entry("Field 2")], wait=True, wait_timeout=0.1)
    assert result["failed"]
    assert "Field 1: " in result["msg"] and "Field 2: " in result["msg"]
    assert [row["outcome"] for row in result["results"]] == ["changed", "changed"]


def test_seats_are_counted_over_all_groups(tenant):
    """Four seats of Power BI are free; each group takes one for grace, who needs one alone."""
    result = tenant.check(MODULE, groups=[entry(f"Field {number}") for number in (1, 2, 3)])
    assert [row["outcome"] for row in result["results"]] == ["changed"] * 3


def test_twenty_groups_take_few_requests(tenant):
    seed = copy.deepcopy(SEED)
    seed["groups"] += [{"display_name": f"Team {number}", "members": [], "licenses": []} for number in range(40)]
    tenant.reset(seed)
    tenant.forget()
    result = tenant.run(MODULE, groups=[entry(f"Team {number}") for number in range(40)], member_errors="ignore")
    assert result["summary"]["changed"] == 40
    assert result["summary"]["requests"] <= 1 + 2 + 40 + 2, "SKUs, groups, members of each, writes"
