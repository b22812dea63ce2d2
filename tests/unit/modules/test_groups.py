# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licenses of groups, and reprocessing, in conversation with the sandbox."""

from __future__ import annotations

import pytest
from support.contract import prove
from support.seeds import seed_with

GROUP, REPROCESS = "group_assign_license", "license_reprocess"


def group_holds(tenant, name: str = "Support desk") -> dict[str, list[str]]:
    return {claim["sku"]: claim["off"] for claim in tenant.claims(tenant.group_id(name))}


# title: (licenses and other options, what the group holds afterwards)
TASKS = {
    "add": ({"add": [{"sku": "POWER_BI_PRO"}]}, {"SPE_E3": ["SWAY"], "POWER_BI_PRO": []}),
    "omitted service plans keep": ({"add": [{"sku": "SPE_E3"}]}, {"SPE_E3": ["SWAY"]}),
    "an empty list clears": ({"add": [{"sku": "SPE_E3", "disabled_plans": []}]}, {"SPE_E3": []}),
    "the same list in another case": ({"add": [{"sku": "spe_e3", "disabled_plans": ["sway"]}]}, {"SPE_E3": ["SWAY"]}),
    "swap that carries": ({"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"], "carry_plans": True}, {"SPE_E5": ["SWAY"]}),
    "remove": ({"remove": ["SPE_E3"]}, {}),
    "remove what is not held": ({"remove": ["SPE_E5"]}, {"SPE_E3": ["SWAY"]}),
    "set": ({"set": [{"sku": "SPE_E5"}]}, {"SPE_E5": []}),
    "set with protect": ({"set": [{"sku": "SPE_E5"}], "protect": ["SPE_E3"]}, {"SPE_E3": ["SWAY"], "SPE_E5": []}),
    "set to nothing": ({"set": [], "allow_empty": True}, {}),
}


def params(options: dict, group: str = "Support desk") -> dict:
    options = dict(options)
    licenses = {part: options.pop(part) for part in ("add", "remove", "set") if part in options}
    return {"group": group, "licenses": licenses, **options}


@pytest.mark.parametrize("title", TASKS)
def test_task(tenant, title):
    options, expected = TASKS[title]
    tenant.conditions({"group_reads": 0})
    result = prove(tenant, GROUP, **params(options))
    assert not result["failed"], result
    assert group_holds(tenant) == expected
    assert {row["sku"]: row["disabled_plans"] for row in result["licenses"]} == expected


# title: (change of the seed, options, code, part of the message)
REJECTIONS = {
    "not security enabled": (lambda seed: seed["groups"][1].update(security_enabled=False), {"add": [{"sku": "SPE_E3"}]}, "group_not_security_enabled"),
    "company": (lambda seed: None, {"add": [{"sku": "WINDOWS_STORE"}]}, "sku_not_assignable"),
    "suspended": (lambda seed: seed["skus"][3].update(status="Suspended"), {"add": [{"sku": "POWER_BI_PRO"}]}, "sku_not_assignable"),
    "too many": (lambda seed: seed["groups"][1].update(licenses=[{"sku": "SPE_E3"}]), {"set": [], "allow_empty": True, "max_removals": 0}, "too_many_removals"),
    "protected": (lambda seed: seed["groups"][1].update(licenses=[{"sku": "SPE_E3"}]), {"remove": ["SPE_E3"], "protect": ["SPE_E3"]}, "protected"),
}


@pytest.mark.parametrize("title", REJECTIONS)
def test_rejection(tenant, title):
    change, options, code = REJECTIONS[title]
    seed = seed_with(change)
    seed["groups"][1]["display_name"] = "Sales"
    tenant.reset(seed)
    result = prove(tenant, GROUP, **params(options, "Sales"))
    assert result["failed"]
    assert result["failure"]["code"] == code
    assert result["failure"]["remedy"]


def test_the_sandbox_refuses_a_group_that_is_not_security_enabled(tenant):
    """The finding is right: Graph refuses the same."""
    tenant.reset(seed_with(lambda seed: seed["groups"][0].update(security_enabled=False, licenses=[])))
    group_id = tenant.group_id("Support desk")
    body = {"addLicenses": [{"skuId": "05e9a617-0261-4cee-bb44-138d3ef5d965", "disabledPlans": []}], "removeLicenses": []}
    reply = tenant.graph("POST", f"/v1.0/groups/{group_id}/assignLicense", body)
    assert reply.status_code == 400


def test_a_group_by_its_ambiguous_name_lists_both_ids(tenant):
    result = tenant.run(GROUP, **params({"add": [{"sku": "SPE_E3"}]}, "Project team"))
    ids = [key for key, name in tenant.state()["groups"].items() if name == "Project team"]
    assert all(group_id in result["msg"] for group_id in ids)
    assert not tenant.writes()


def test_warnings_for_members_without_a_seat_and_for_nested_groups(tenant):
    seed = seed_with(lambda seed: seed["groups"][0].update(members=["heidi", "ivan", "grace", "leo", "alice"], groups=["Project team"]))
    tenant.reset(seed)
    tenant.conditions({"group_reads": 0})
    result = prove(tenant, GROUP, **params({"add": [{"sku": "SPE_E5"}]}))
    assert [row["code"] for row in result["findings"]] == ["members_wait", "nested_groups"]
    assert "has 2 free seats, and Support desk has 5 members" in result["findings"][0]["message"]


def test_service_plans_that_exclude_each_other_are_a_warning_for_groups(tenant):
    tenant.conditions({"group_reads": 0})
    result = prove(tenant, GROUP, **params({"add": [{"sku": "STANDARDPACK"}]}))
    assert not result["failed"]
    assert {"plans_exclude", "members_wait"} == {row["code"] for row in result["findings"]}


def test_waiting_follows_the_processing_and_returns_members_with_errors(tenant):
    tenant.conditions({"group_reads": 4})
    result = tenant.run(GROUP, **params({"add": [{"sku": "SPE_E5"}], "wait": True}))
    assert result["processing"]["state"] == "ProcessingComplete"
    assert result["processing"]["seconds_waited"] > 0
    assert [(row["user_principal_name"], row["sku"], row["error"]) for row in result["members_with_errors"]] == [
        ("ivan@contoso.example", "SPE_E3", "ProhibitedInUsageLocationViolation"),
        ("ivan@contoso.example", "SPE_E5", "ProhibitedInUsageLocationViolation"),
    ]
    assert all(row["cause"] and row["remedy"] for row in result["members_with_errors"])
    tenant.forget()
    again = tenant.run(GROUP, **params({"add": [{"sku": "SPE_E5"}], "wait": True}))
    assert not again["changed"]
    assert again["members_with_errors"] == result["members_with_errors"]
    assert not tenant.writes()


def test_all_pages_of_members_in_error_are_read(tenant):
    seed = seed_with(lambda seed: seed["groups"][0].update(members=[user["name"] for user in seed["users"]]))
    seed["skus"][1].update(enabled=10, warning=0)
    tenant.reset(seed)
    tenant.conditions({"group_reads": 0, "page_size": 2})
    result = tenant.run(GROUP, **params({"add": [{"sku": "SPE_E5"}], "wait": True}))
    waiting = [name for name, user in tenant.state()["users"].items() if any(row["state"] == "Error" for row in user["licenses"])]
    assert len(waiting) > 4
    assert {row["user_principal_name"] for row in result["members_with_errors"]} == set(waiting)


def test_wait_timeout_says_what_is_outstanding_and_what_was_done(tenant):
    tenant.conditions({"group_reads": 50})
    result = tenant.run(GROUP, **params({"add": [{"sku": "SPE_E5"}], "wait": True, "wait_timeout": 0.5}))
    assert result["failed"]
    assert result["changed"]
    assert [row["action"] for row in result["changes"]] == ["add"]
    assert "the processing of the group, which is QueuedForProcessing" in result["msg"]
    assert result["processing"]["state"] == "QueuedForProcessing"
    assert (result["failure"]["code"], result["failure"]["retriable"]) == ("wait_timeout", True)
    assert result["failure"]["remedy"]
    assert "members_with_errors" not in result, "nobody has read them"


def test_only_errors_of_this_group_are_its_own(tenant):
    """Ivan is in error by another group as well."""
    seed = seed_with(lambda seed: seed["groups"][1].update(display_name="Sales", members=["ivan"]))
    tenant.reset(seed)
    tenant.conditions({"group_reads": 0})
    for group in ("Sales", "Support desk"):
        result = tenant.run(GROUP, **params({"add": [{"sku": "SPE_E5"}], "wait": True}, group))
        assert {row["group"] for row in result["members_with_errors"]} == {tenant.group_id(group)}


def test_members_in_error_who_cannot_be_read_are_no_all_clear(tenant):
    tenant.conditions({"group_reads": 0})
    tenant.fault("/users/", method="GET", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=99)
    result = tenant.run(GROUP, **params({"add": [{"sku": "SPE_E5"}], "wait": True}))
    assert result["failed"]
    assert result["changed"]
    assert "members_with_errors" not in result
    assert "User.Read.All" in result["failure"]["remedy"]


def test_check_mode_does_not_wait(tenant):
    tenant.conditions({"group_reads": 50})
    tenant.run(GROUP, **params({"add": [{"sku": "SPE_E5"}]}))
    tenant.forget()
    result = tenant.check(GROUP, **params({"add": [{"sku": "SPE_E5"}], "wait": True}))
    assert not result["failed"]
    assert "processing" not in result
    assert len(tenant.journal()) == 2, "the display name, then the group and the SKUs in one batch"


def test_what_a_group_costs(tenant):
    """A change with something new: the look, the members, the write."""
    who = tenant.group_id("Support desk")
    tenant.forget()
    assert tenant.run(GROUP, **params({"add": [{"sku": "POWER_BI_PRO"}]}, who))["changed"]
    assert [entry["method"] for entry in tenant.journal()] == ["POST", "GET", "POST"]
    tenant.forget()
    assert not tenant.run(GROUP, **params({"add": [{"sku": "POWER_BI_PRO"}]}, who))["changed"]
    assert [entry["path"] for entry in tenant.journal()] == ["/v1.0/$batch"]


def test_reprocess_triggers_where_something_is_in_error_and_never_changes(tenant):
    tenant.conditions({"group_reads": 0})
    tenant.run(GROUP, **params({"add": [{"sku": "POWER_BI_PRO"}, {"sku": "SPE_E5"}]}))
    tenant.forget()
    dry = tenant.check(REPROCESS, user="heidi@contoso.example")
    assert not dry["reprocessed"]
    dry = tenant.check(REPROCESS, user="ivan@contoso.example")
    assert dry["reprocessed"]
    assert not tenant.writes()
    assert {(row["sku"], row["error"]) for row in dry["errors"]} == {
        ("POWER_BI_PRO", "ProhibitedInUsageLocationViolation"),
        ("SPE_E3", "ProhibitedInUsageLocationViolation"),
        ("SPE_E5", "ProhibitedInUsageLocationViolation"),
    }
    for dummy in range(2):
        real = tenant.run(REPROCESS, user="ivan@contoso.example")
        assert not real["failed"], real
        assert not real["changed"]
        assert real["changes"] == [{"action": "reprocess", "api": "assignLicense"}]
    assert len(tenant.writes()) == 2
    assert not tenant.run(REPROCESS, user="heidi@contoso.example", force=True)["changed"]
    assert len(tenant.writes()) == 3


def test_reprocess_says_what_still_stands_in_the_way(tenant):
    tenant.conditions({"group_reads": 0})
    tenant.reset(seed_with(lambda seed: seed["groups"][0]["members"].append("judy")))
    result = tenant.run(REPROCESS, user="judy@contoso.example", force=True)
    assert result["failed"]
    assert not result["changed"]
    assert result["failure"]["code"] == "plans_exclude"
    assert "(EXCHANGE_S_STANDARD)" in result["msg"], "ids have names beside them"


@pytest.mark.parametrize("who", [{"user": "ivan@contoso.example"}, {"group": "Support desk"}, {"device": "KIOSK-01"}])
def test_reprocess_of_assignments(tenant, who):
    result = tenant.run(REPROCESS, **who, api="cloudLicensing", force=True)
    assert not result["failed"], result
    assert (result["changed"], result["reprocessed"]) == (False, True)
    assert [entry["path"].rsplit("/", 1)[1] for entry in tenant.writes()] == ["reprocessAssignments"]
    tenant.forget()
    lazy = tenant.run(REPROCESS, **who, api="cloudLicensing")
    assert lazy["reprocessed"] == ("group" in who)


@pytest.mark.parametrize("who", [{"user": "ivan@contoso.example"}, {"group": "Support desk"}, {"device": "KIOSK-01"}])
def test_reprocess_where_cloud_licensing_is_not_available(tenant, who):
    tenant.fault("cloudLicensing", status=400, code="BadRequest", message="Resource not found for the segment 'cloudLicensing'.", times=9)
    results = [tenant.run(REPROCESS, check=check, **who, api="cloudLicensing", force=True) for check in (True, False)]
    assert all("not available in AzureCloud" in result["msg"] for result in results)


def test_reprocess_of_a_group_needs_cloud_licensing(tenant):
    result = tenant.run(REPROCESS, group="Support desk")
    assert "give api: cloudLicensing" in result["msg"]
