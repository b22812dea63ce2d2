# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The info modules: what they read, in how many requests, and that what they export can be applied again."""

from __future__ import annotations

import copy
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_tenant.seed import load_seed
from support.seeds import seed_with
from support.tenant import SEED

USER, GROUP = "user_assign_license", "group_assign_license"
SKUS, USERS, GROUPS, CLOUD = "sku_info", "user_license_info", "group_license_info", "cloud_license_info"
EVERYBODY = [f"{user['name']}@contoso.example" for user in SEED["users"]]


def names(result: dict) -> set[str]:
    return {row["user_principal_name"].partition("@")[0] for row in result["users"]}


def test_skus_and_seats(tenant):
    result = tenant.run(SKUS)
    seats = {row["sku"]: row["seats"] for row in result["skus"]}
    assert list(seats) == sorted(sku["part_number"] for sku in SEED["skus"])
    assert seats["SPE_E3"] == {"owned": 14, "used": 5, "free": 9, "enabled": 12, "warning": 2, "suspended": 0, "locked_out": 0}
    plans = {plan["service_plan"]: plan["is_switchable"] for row in result["skus"] if row["sku"] == "POWER_BI_PRO" for plan in row["service_plans"]}
    assert plans == {"BI_AZURE_P2": True, "EXCHANGE_S_FOUNDATION": False}
    assert len(tenant.journal()) == 1
    assert [row["sku"] for row in tenant.run(SKUS, skus=["spe_e5", "POWER_BI_PRO"])["skus"]] == ["POWER_BI_PRO", "SPE_E5"]
    assert "skus[1]: no SKU 'SPE_E7'" in tenant.run(SKUS, skus=["SPE_E5", "SPE_E7"])["msg"]


# title: (options, who)
CHOICES = {
    "all": ({}, {user["name"] for user in SEED["users"]}),
    "one": ({"users": ["bob@contoso.example"]}, {"bob"}),
    "a list": ({"users": ["bob@contoso.example", "ERIN@contoso.example"]}, {"bob", "erin"}),
    "a filter": ({"filter": "department eq 'Sales'"}, {"carol", "dave"}),
    "a filter that Graph wants as advanced": ({"filter": "assignedLicenses/$count eq 0"}, {"alice", "grace", "kim", "leo"}),
    "a filter and a SKU": ({"filter": "department eq 'Sales' or department eq 'Finance'", "sku": "SPE_E3"}, {"bob", "carol", "dave"}),
    "a group": ({"group": "Support desk"}, {"heidi", "ivan"}),
    "a group and a SKU": ({"group": "Support desk", "sku": "SPE_E5"}, set()),
    "a SKU, direct or inherited": ({"sku": "spe_e3"}, {"bob", "carol", "dave", "heidi", "ivan"}),
    "a SKU that nobody holds": ({"sku": "INTUNE_A_D"}, set()),
}


@pytest.mark.parametrize("title", CHOICES)
def test_choice_of_users(tenant, title):
    options, who = CHOICES[title]
    tenant.conditions({"page_size": 3})
    result = tenant.run(USERS, **options)
    assert not result["failed"], result
    assert names(result) == who
    assert result["count"] == len(who)


@pytest.mark.parametrize(("module", "option"), [(USERS, "users"), (GROUPS, "groups"), (SKUS, "skus"), (CLOUD, "users")])
def test_an_empty_list_is_no_user(tenant, module, option):
    result = tenant.run(module, **{option: []})
    assert not result["failed"], result
    assert all(rows == [] for name, rows in result.items() if isinstance(rows, list) and name not in ("allotments", "warnings"))


def test_a_sku_in_error_is_found_with_only_errors_whichever_way_users_are_chosen(tenant):
    tenant.conditions({"group_reads": 0})
    tenant.run(GROUP, group="Support desk", licenses={"add": [{"sku": "SPE_E5"}]})
    ways = [{}, {"filter": "department eq 'Support'"}, {"group": "Support desk"}, {"users": ["ivan@contoso.example"]}]
    for way in ways:
        assert names(tenant.run(USERS, sku="SPE_E5", only_errors=True, **way)) == {"ivan"}
        assert "ivan" not in names(tenant.run(USERS, sku="SPE_E5", **way))


def test_a_sku_that_the_tenant_does_not_own_is_warned_of(tenant, capfd):
    """In the answer, or where a process has loaded what Ansible displays with, on the screen."""
    for module in (SKUS, USERS, GROUPS):
        gone = str(uuid.uuid4())  # one process does not say the same twice
        result = tenant.run(module, **({"skus": [gone]} if module == SKUS else {"sku": gone}))
        assert not result["failed"]
        said = json.dumps(result.get("warnings", "")) + capfd.readouterr().err
        assert f"thetenantdoesnotownSKU{gone}" in "".join(said.split())


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (USERS, {"users": ["bo@contoso.example", "bob", "no@contoso.example"]}),
        (CLOUD, {"users": ["bo@contoso.example", "bob", "no@contoso.example"]}),
        (GROUPS, {"groups": ["Nobody", "", "Project team"]}),
    ],
)
def test_every_unknown_name_is_in_one_error(tenant, module, options):
    result = tenant.run(module, **options)
    (option,) = options
    assert all(f"{option}[{index}]" in result["msg"] for index in range(3)), result["msg"]


def test_what_is_said_of_a_user(tenant):
    (row,) = tenant.run(USERS, users=["heidi@contoso.example"])["users"]
    assert (row["display_name"], row["account_enabled"], row["usage_location"]) == ("Heidi Hahn", True, "DE")
    assert [(lic["sku"], lic["origin"], lic["group"], lic["disabled_plans"]) for lic in row["licenses"]] == [
        ("SPE_E3", "group", tenant.group_id("Support desk"), ["SWAY"])
    ]


def test_unknown_users_are_all_named(tenant):
    result = tenant.run(USERS, users=["bob@contoso.example", "bo@contoso.example", "nobody@contoso.example"])
    assert "users[1]: this tenant has no user 'bo@contoso.example'; users[2]: this tenant has no user 'nobody@contoso.example'" in result["msg"]


@pytest.mark.parametrize(("size", "pages"), [(999, 1), (5, 3), (1, 12)])
def test_a_page_is_a_request_and_the_skus_another(tenant, size, pages):
    tenant.conditions({"page_size": size})
    assert len(tenant.run(USERS)["users"]) == len(EVERYBODY)
    assert len(tenant.journal()) == pages + 1


@pytest.mark.plain
def test_two_thousand_people_are_three_pages(tenant):
    tenant.reset(load_seed(None, 2000))
    assert tenant.run(USERS)["count"] == len(EVERYBODY) + 2000
    assert len(tenant.journal()) == 3 + 1


def test_members_of_a_group_are_read_by_the_hundred(tenant):
    seed = seed_with(lambda seed: seed["groups"][0].update(members=[user["name"] for user in seed["users"]]))
    seed["skus"][1]["enabled"] = 20
    tenant.reset(seed)
    group_id = tenant.group_id("Support desk")
    tenant.forget()
    assert names(tenant.run(USERS, group=group_id)) == {user["name"] for user in SEED["users"]}
    assert len(tenant.journal()) == 3, "the SKUs, the ids, and all users in one request"


def test_errors_with_cause_and_remedy(tenant):
    tenant.conditions({"group_reads": 0})
    tenant.run(GROUP, group="Support desk", licenses={"add": [{"sku": "SPE_E5"}]})
    result = tenant.run(USERS, only_errors=True)
    assert names(result) == {"ivan"}
    assert {(row["sku"], row["error"], row["group"]) for row in result["errors"]} == {
        (sku, "ProhibitedInUsageLocationViolation", tenant.group_id("Support desk")) for sku in ("SPE_E3", "SPE_E5")
    }
    assert all("not offered" in row["cause"] and row["remedy"] for row in result["errors"])
    groups = tenant.run(GROUPS, only_errors=True, member_errors=True)
    assert [row["display_name"] for row in groups["groups"]] == ["Support desk"]
    assert {row["user_principal_name"] for row in groups["members_with_errors"]} == {"ivan@contoso.example"}


def test_a_report_instead_of_rows(tenant, tmp_path):
    path = tmp_path / "licenses.jsonl"
    listed = tenant.run(USERS)
    result = tenant.run(USERS, report_path=str(path))
    assert (result["users"], result["count"], result["report_path"]) == ([], len(EVERYBODY), str(path))
    assert [json.loads(line) for line in path.read_text().splitlines()] == listed["users"]
    assert [file.name for file in tmp_path.iterdir()] == ["licenses.jsonl"]


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_read(tenant, tmp_path):
    result = tenant.run(USERS, report_path=str(tmp_path / "nowhere" / "licenses.jsonl"))
    assert result["msg"].startswith("report_path: cannot write")
    assert not tenant.journal()


def test_a_folder_is_no_report(tenant, tmp_path):
    assert "Is a directory" in tenant.run(USERS, report_path=str(tmp_path))["msg"]
    assert not tenant.journal()


def test_a_report_stays_as_it_was_when_reading_fails(tenant, tmp_path):
    path = tmp_path / "licenses.jsonl"
    path.write_text("before\n")
    tenant.fault("/users", status=400, code="Request_BadRequest", message="Invalid filter clause")
    assert tenant.run(USERS, report_path=str(path))["failed"]
    assert path.read_text() == "before\n"
    assert [file.name for file in tmp_path.iterdir()] == ["licenses.jsonl"]


def test_groups(tenant):
    result = tenant.run(GROUPS)
    assert [(row["display_name"], [(lic["sku"], lic["disabled_plans"]) for lic in row["licenses"]]) for row in result["groups"]] == [
        ("Support desk", [("SPE_E3", ["SWAY"])])
    ]
    assert len(tenant.journal()) == 2
    one = tenant.run(GROUPS, groups=[tenant.group_id("Support desk")], sku="SPE_E5")
    assert one["groups"] == []
    assert "groups" in tenant.run(GROUPS, groups=["Project team"])["msg"]


def test_cloud_licensing_of_the_tenant(tenant):
    tenant.run("cloud_license_assignment", group="Support desk", sku="SPE_E5")
    for name in ("grace", "leo"):
        tenant.run("cloud_license_assignment", user=f"{name}@contoso.example", usage_location="DE", sku="SPE_E5")
    tenant.forget()
    result = tenant.run(CLOUD)
    assert not result["failed"], result
    state = tenant.state()
    assert {row["id"]: (row["sku"], row["seats"]["owned"], row["seats"]["used"]) for row in result["allotments"]} == {
        key: (pool["sku"], pool["units"], pool["used"]) for key, pool in state["allotments"].items()
    }
    shown = {claim["id"]: claim for claim in state["assignments"] if claim["allotment"] in state["allotments"]}
    assert {row["id"]: (row["sku"], row["disabled_plans"], row["assigned_to"]["id"]) for row in result["assignments"]} == {
        key: (claim["sku"], claim["off"], claim["holder"]) for key, claim in shown.items()
    }
    assert {row["assigned_to"]["kind"] for row in result["assignments"]} == {"user", "group", "device"}
    assert {(row["assigned_to"]["id"], row["code"]) for row in result["errors"]} == {(tenant.user_id("ivan"), "InvalidUsageLocation")}
    assert {"cause", "remedy"} <= result["errors"][0].keys()
    assert len(tenant.journal()) == 4, "allotments, assignments, errors, and every waiting room in one batch"


def test_waiting_members(tenant):
    seed = seed_with(lambda seed: seed["groups"][0].update(members=["heidi", "grace", "carol"]))
    tenant.reset(seed)
    tenant.run("cloud_license_assignment", group="Support desk", sku="SPE_E5")
    result = tenant.run(CLOUD, gather=["waiting_members"])
    (row,) = result["waiting_members"]
    assert (row["sku"], row["assigned_to"]["id"]) == ("SPE_E5", tenant.user_id("carol"))
    (mine,) = tenant.run(CLOUD, gather=["waiting_members"], users=["carol@contoso.example"])["waiting_members"]
    assert (mine["allotment"], mine["since"]) == (row["allotment"], row["since"])


def test_cloud_licensing_of_principals(tenant):
    gather = ["assignments", "errors", "waiting_members", "usage_rights"]
    who = {"users": ["erin@contoso.example"], "groups": ["Support desk"], "devices": ["KIOSK-01"]}
    result = tenant.run(CLOUD, **who, gather=gather)
    assert not result["failed"], result
    held = {(row["assigned_to"]["display_name"], row["sku"]) for row in result["assignments"]}
    assert held == {("erin@contoso.example", "SPE_E5"), ("Support desk", "SPE_E3"), ("KIOSK-01", "INTUNE_A_D")}
    rights = {row["assigned_to"]["kind"]: row for row in result["usage_rights"]}
    assert rights["user"]["sku"] == "SPE_E5"
    assert "MCOEV" in rights["user"]["service_plans"]
    assert "SWAY" not in rights["group"]["service_plans"]
    assert "gather" in tenant.run(CLOUD, gather=["usage_rights"])["msg"]
    narrowed = tenant.run(CLOUD, **who, gather=["assignments", "allotments"], sku="SPE_E3")
    assert [row["sku"] for row in narrowed["assignments"]] == ["SPE_E3"]
    assert [row["sku"] for row in narrowed["allotments"]] == ["SPE_E3"]


def test_where_cloud_licensing_is_not_available(tenant):
    tenant.fault("/admin/cloudLicensing", status=400, code="BadRequest", message="Resource not found for the segment 'cloudLicensing'.", times=9)
    assert "not available in AzureCloud" in tenant.run(CLOUD)["msg"]


def applied(tenant, desired: list[dict], module: str) -> list[dict]:
    return [tenant.run(module, **entry) for entry in desired]


def test_export_and_apply_is_no_change(tenant):
    users, groups = tenant.run(USERS, as_desired=True), tenant.run(GROUPS, as_desired=True)
    before = tenant.state()
    tenant.forget()
    for result in applied(tenant, users["desired"], USER) + applied(tenant, groups["desired"], GROUP):
        assert not result["failed"], result
        assert not result["changed"]
    assert not tenant.writes()
    assert tenant.state() == before


def test_a_saved_group_is_restored(tenant):
    tenant.conditions({"group_reads": 0})
    saved = tenant.run(GROUPS, as_desired=True)["desired"]
    before = tenant.state()["assignments"]
    assert tenant.run(GROUP, group="Support desk", licenses={"set": [{"sku": "SPE_E5"}]})["changed"]
    assert all(result["changed"] for result in applied(tenant, saved, GROUP))
    after = tenant.state()["assignments"]
    assert sorted((row["sku"], row["holder"], row["off"]) for row in after) == sorted((row["sku"], row["holder"], row["off"]) for row in before)


PLANS = {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE", "TEAMS1"], "SPE_E5": ["SWAY", "THREAT_INTELLIGENCE"], "POWER_BI_PRO": ["BI_AZURE_P2"]}
held = st.dictionaries(st.sampled_from(sorted(PLANS)), st.sets(st.integers(0, 2)), max_size=2)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=held, later=held)
def test_what_was_saved_comes_back_service_plans_included(tenant, before, later):
    """Whatever somebody held, and whatever came of it: the export brings it back."""

    def entry(licenses):
        entries = [{"sku": sku, "disabled_plans": [PLANS[sku][index] for index in off if index < len(PLANS[sku])]} for sku, off in licenses.items()]
        return {"user": "bob@contoso.example", "licenses": {"set": entries}, "allow_empty": True}

    tenant.reset(SEED)
    tenant.run(USER, **entry(before))
    then = tenant.holds("bob")
    (saved,) = tenant.run(USERS, users=["bob@contoso.example"], as_desired=True)["desired"]
    assert not tenant.run(USER, **copy.deepcopy(saved))["changed"]
    tenant.run(USER, **entry(later))
    result = tenant.run(USER, **saved)
    assert not result["failed"], result
    assert tenant.holds("bob") == then


def test_options_that_exclude_each_other(tenant):
    assert "mutually exclusive" in tenant.run(USERS, users=["bob@contoso.example"], group="Support desk")["msg"]
    refused = tenant.run(USERS, filter="department is Sales")
    assert refused["failed"]
    assert refused["failure"]["status"] == 400


def test_effective_service_plans_with_the_paths_that_bring_them(tenant):
    """Heidi has E3 through a group, with SWAY off, and gets it directly, with TEAMS1 off."""
    licenses = {"add": [{"sku": "SPE_E3", "disabled_plans": ["TEAMS1", "SWAY"]}]}
    tenant.run("user_assign_license", user="heidi@contoso.example", usage_location="DE", licenses=licenses)
    (user,) = tenant.run("user_license_info", users=["heidi@contoso.example"], service_plans=True)["users"]
    plans = {row["service_plan"]: row for row in user["service_plans"]}
    assert (plans["TEAMS1"]["is_on"], plans["SWAY"]["is_on"], plans["YAMMER_ENTERPRISE"]["is_on"]) == (True, False, True)
    assert [(path["origin"], path["is_on"]) for path in plans["TEAMS1"]["paths"]] == [("direct", False), ("group", True)]
    assert plans["TEAMS1"]["paths"][1]["group"] == tenant.group_id("Support desk")
    assert list(plans) == sorted(plans)
    assert "service_plans" not in tenant.run("user_license_info", users=["heidi@contoso.example"])["users"][0]
