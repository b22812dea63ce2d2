# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licensing groups as step zero of a run over users, on the sandbox."""

from __future__ import annotations

import copy

import pytest
from support.contract import prove
from support.seeds import upn
from support.tenant import SEED

MODULE = "licensed_users"


@pytest.fixture(autouse=True)
def prompt(tenant) -> None:
    """Graph carries licenses to members within the request."""
    tenant.conditions({"group_reads": 0})


PROFILES = {"project": {"usage_location": "DE", "groups": ["Everybody in sales"]}, "desk": {"usage_location": "DE", "groups": ["Support desk"]}}


def entry(name: str, profile: str, **more) -> dict:
    return {"user": upn(name), "profile": profile, **more}


def test_a_group_gets_its_licenses_before_users_join_it(tenant):
    groups = [{"group": "Support desk", "licenses": [{"sku": "POWER_BI_PRO"}]}]
    result = prove(tenant, MODULE, licensing_groups=groups, profiles=PROFILES, users=[entry("grace", "desk")])
    assert [row["outcome"] for row in result["group_results"]] == ["changed"]
    assert result["summary"]["groups"]["changed"] == 1
    assert result["summary"]["changed"] == 1
    assert len(result["diff"]) == 2
    held = {row["sku"] for row in tenant.state()["users"][upn("grace")]["licenses"]}
    assert held == {"SPE_E3", "POWER_BI_PRO"}


def test_the_seats_of_members_are_gone_for_users(tenant):
    """Power BI has five seats, one is in use. The group has two members, so two are left for three users."""
    groups = [{"group": "Support desk", "licenses": [{"sku": "POWER_BI_PRO"}]}]
    users = [{"user": upn(name), "usage_location": "DE", "licenses": [{"sku": "POWER_BI_PRO"}]} for name in ("grace", "carol", "frank")]
    result = prove(tenant, MODULE, licensing_groups=groups, users=users)
    assert [row["outcome"] for row in result["results"]] == ["changed", "changed", "failed"]


def test_a_license_that_a_group_loses_counts_once_per_member(tenant):
    groups = [{"group": "Support desk", "remove": ["spe_e3"]}]
    result = tenant.run(MODULE, licensing_groups=groups, users=[], max_removals="1")
    assert "2 licenses would be removed" in result["msg"]
    assert not tenant.writes()
    assert len(result["diff"]) == 1, "the diff is not hidden"
    done = prove(tenant, MODULE, licensing_groups=groups, users=[], max_removals="2")
    assert done["changed"]


def test_what_a_group_frees_serves_users(tenant):
    """All seats of E3 are in use, two of them by members of the group."""
    seed = copy.deepcopy(SEED)
    next(row for row in seed["skus"] if row["part_number"] == "SPE_E3").update(enabled=5, warning=0)
    seed["allotments"] = [row for row in seed["allotments"] if row["sku"] != "SPE_E3"]
    tenant.reset(seed)
    tenant.conditions({"group_reads": 0})
    takers = [{"user": upn(name), "usage_location": "DE", "licenses": [{"sku": "SPE_E3"}]} for name in ("grace", "frank")]
    users = [*takers, entry("heidi", "desk"), entry("ivan", "desk")]
    groups = [{"group": "Support desk", "remove": ["SPE_E3"]}]
    result = prove(tenant, MODULE, licensing_groups=groups, users=users, profiles=PROFILES, max_removals="100%")
    assert [row["outcome"] for row in result["results"][:2]] == ["changed", "changed"]
    alone = tenant.check(MODULE, users=[{"user": upn("leo"), "usage_location": "DE", "licenses": [{"sku": "SPE_E3"}]}])
    assert alone["results"][0]["failure"]["code"] == "no_seats"


# title: (groups, what the message of the group says)
MISTAKES = {
    "no such SKU": ([{"group": "Support desk", "licenses": [{"sku": "SPE_E33"}]}], "licensing_groups[0].licenses[0].sku: no SKU 'SPE_E33'"),
    "no such group": ([{"group": "Suport desk", "licenses": [{"sku": "SPE_E3"}]}], "licensing_groups[0].group: no group has the display name"),
    "protected": ([{"group": "Support desk", "remove": ["SPE_E3"], "protect": ["SPE_E3"]}], "SPE_E3 cannot be removed, as protect names it"),
}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(tenant, title):
    groups, said = MISTAKES[title]
    result = prove(tenant, MODULE, licensing_groups=groups, users=[entry("grace", "desk")], profiles=PROFILES)
    assert said in result["group_results"][0]["msg"]
    assert result["results"][0]["outcome"] == "changed", "the users are licensed with what the group has"


def test_one_group_under_two_names_is_an_error_of_both(tenant):
    groups = [{"group": name, "licenses": [{"sku": "SPE_E5"}]} for name in ("Support desk", tenant.group_id("Support desk"))]
    result = prove(tenant, MODULE, licensing_groups=groups, users=[])
    assert [row["failure"]["code"] for row in result["group_results"]] == ["conflicting_entries"] * 2


def test_an_unknown_name_in_remove_removes_nothing(tenant):
    groups = [{"group": "Support desk", "licenses": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}], "remove": ["SPE_E55"]}]
    result = prove(tenant, MODULE, licensing_groups=groups, users=[])
    assert not result["failed"]
    assert "SPE_E55" in result["group_results"][0]["findings"][0]["message"]


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("x", "licensing_groups: 'x' is not a list"),
        ([{"group": "a"}], "licensing_groups[0]: give licenses or remove"),
        ([{"group": "a", "remove": ["x"], "max_removals": -1}], "licensing_groups[0].max_removals: -1 is below zero"),
        ([{"group": "a", "licenses": [{"sku": "x"}], "exact": True}], "licensing_groups[0].exact: unknown key"),
    ],
)
def test_form(tenant, groups, said):
    result = tenant.run(MODULE, licensing_groups=groups, users=[])
    assert said in result["msg"]
    assert not tenant.requests


def test_a_rejected_group_stops_no_user(tenant):
    tenant.fault(f"{tenant.group_id('Support desk')}/assignLicense", status=403, code="Authorization_RequestDenied", message="Insufficient privileges")
    groups = [{"group": "Support desk", "licenses": [{"sku": "POWER_BI_PRO"}]}]
    users = [{"user": upn("grace"), "usage_location": "DE", "licenses": [{"sku": "SPE_E3"}]}]
    result = tenant.run(MODULE, licensing_groups=groups, users=users)
    assert result["group_results"][0]["outcome"] == "failed"
    assert result["results"][0]["outcome"] == "changed"
    assert "1 of 1 failed: Support desk" in result["msg"]


def test_a_license_that_a_group_replaces_is_no_removal(tenant):
    groups = [{"group": "Support desk", "licenses": [{"sku": "POWER_BI_PRO"}], "remove": ["SPE_E3"]}]
    assert not tenant.run(MODULE, licensing_groups=groups, users=[], max_removals="0")["failed"]


def _with_seats(tenant, part_number: str, enabled: int) -> None:
    """The tenant with so many units of a SKU, and no allotments of it, and a group without licenses, Field, of which grace is a member."""
    seed = copy.deepcopy(SEED)
    next(row for row in seed["skus"] if row["part_number"] == part_number).update(enabled=enabled, warning=0)
    seed["allotments"] = [row for row in seed["allotments"] if row["sku"] != part_number]
    seed["groups"].append({"display_name": "Field", "members": ["grace"], "licenses": []})
    tenant.reset(seed)
    tenant.conditions({"group_reads": 0})


def test_a_leaver_leaves_a_group_that_gets_its_license_in_the_same_run(tenant, tmp_path):
    _with_seats(tenant, "POWER_BI_PRO", 9)
    groups = [{"group": "Field", "licenses": [{"sku": "POWER_BI_PRO"}]}]
    options = {"users": [{"user": upn("grace"), "state": "released"}], "record_path": str(tmp_path / "leavers.jsonl"), "record_missing": "create"}
    result = prove(tenant, MODULE, licensing_groups=groups, **options)
    assert [row["outcome"] for row in result["results"]] == ["changed"]


def test_a_member_who_is_listed_takes_one_seat(tenant):
    """One unit of Power BI is in use, and two are left for the two members of the group: one of them is listed."""
    _with_seats(tenant, "POWER_BI_PRO", 3)
    groups = [{"group": "Support desk", "licenses": [{"sku": "POWER_BI_PRO"}]}]
    users = [entry("heidi", "desk"), {"user": upn("grace"), "usage_location": "DE", "licenses": [{"sku": "POWER_BI_PRO"}]}]
    result = prove(tenant, MODULE, licensing_groups=groups, users=users, profiles=PROFILES)
    assert [row["outcome"] for row in result["results"]] == ["unchanged", "failed"]


def test_a_freed_seat_goes_to_the_members_first(tenant):
    """The one unit of Power BI is dave's, who leaves it; the member of the group gets it, and no other user."""
    _with_seats(tenant, "POWER_BI_PRO", 1)
    groups = [{"group": "Field", "licenses": [{"sku": "POWER_BI_PRO"}]}]
    profiles = {"bi": {"licenses": [{"sku": "POWER_BI_PRO"}]}, "base": {"usage_location": "DE"}}
    users = [entry("frank", "bi"), entry("dave", "base", **{"from": "bi"})]
    result = prove(tenant, MODULE, licensing_groups=groups, users=users, profiles=profiles, remove="previous")
    assert [row["outcome"] for row in result["results"]] == ["failed", "changed"]


DIRECT = {"direct": {"usage_location": "DE", "licenses": [{"sku": "SPE_E3"}]}, "field": {"usage_location": "DE", "groups": ["Field"]}}
OUT = [{"group": "Support desk", "remove": ["SPE_E3"]}]


def _without_gap(tenant, name: str, **options) -> dict:
    """The result of a run after each of whose requests the user has the mailbox."""
    service, seen = tenant.sandbox.service, []
    handle = type(service).handle.__get__(service)

    def seeing(*call):
        reply = handle(*call)
        held = [row for row in tenant.state()["users"][upn(name)]["licenses"] if row["state"] == "Active"]
        seen.append(any("EXCHANGE_S_ENTERPRISE" not in row["off"] and row["sku"] in ("SPE_E3", "SPE_E5") for row in held))
        return reply

    service.handle = seeing
    try:
        result = tenant.run(MODULE, max_removals="9", wait_timeout=1, **options)
    finally:
        del service.handle
    assert all(seen), "the user has the mailbox all the time"
    return result


@pytest.mark.parametrize("delay", [0, 3])
@pytest.mark.parametrize("profile", ["direct", "field"])
def test_members_have_what_replaces_a_license_before_the_group_loses_it(tenant, profile, delay):
    """Heidi gets E3 directly, or through another group, which Graph carries out behind; then the group loses it."""
    seed = copy.deepcopy(SEED)
    seed["groups"].append({"display_name": "Field", "members": [], "licenses": [{"sku": "SPE_E3"}]})
    tenant.reset(seed)
    tenant.conditions({"group_reads": delay})
    users = [entry("heidi", profile)]
    for dummy in range(4):
        result = _without_gap(tenant, "heidi", licensing_groups=OUT, users=users, profiles=DIRECT)
        assert not result["failed"]
        if not result["changed"]:
            break
    assert result["group_results"][0]["outcome"] == "unchanged"
    held = {(row["sku"], row["group"]) for row in tenant.state()["users"][upn("heidi")]["licenses"]}
    assert held == {("SPE_E3", None if profile == "direct" else tenant.group_id("Field"))}


def test_what_a_group_assigns_in_exchange_is_there_before_members_lose_anything(tenant):
    """The call is two: what the group gets, and what it loses behind the member who replaces it."""
    swap = [{"group": "Support desk", "licenses": [{"sku": "POWER_BI_PRO"}], "remove": ["SPE_E3"]}]
    result = _without_gap(tenant, "heidi", licensing_groups=swap, users=[entry("heidi", "direct")], profiles=DIRECT)
    assert [change["action"] for change in result["group_results"][0]["changes"]] == ["add", "remove"]
    assert result["group_results"][0]["outcome"] == "changed"
    assert {row["sku"] for row in tenant.state()["users"][upn("heidi")]["licenses"]} == {"SPE_E3", "POWER_BI_PRO"}


def test_a_group_keeps_what_a_member_with_an_error_would_lose(tenant):
    users = [{"user": upn("heidi"), "usage_location": "DE", "licenses": [{"sku": "SPE_E33"}]}]
    result = prove(tenant, MODULE, licensing_groups=OUT, users=users, max_removals="9")
    assert result["group_results"][0]["failure"]["code"] == "members_failed"
    assert f"{upn('heidi')}, who has an error, would lose what group Support desk assigns" in result["group_results"][0]["msg"]
    assert not tenant.writes()


def test_a_group_keeps_what_a_member_did_not_get(tenant):
    tenant.fault(f"{tenant.user_id('heidi')}/assignLicense", status=400, code="Request_BadRequest", message="License assignment failed")
    result = tenant.run(MODULE, licensing_groups=OUT, users=[entry("heidi", "direct")], profiles=DIRECT, max_removals="9")
    assert [row["failure"]["code"] for row in result["group_results"]] == ["members_failed"]
    assert all(row["failure"]["retriable"] for row in result["group_results"])
    assert {row["sku"] for row in tenant.state()["users"][upn("heidi")]["licenses"]} == {"SPE_E3"}


def test_seats_that_come_free_behind_the_group_serve_others(tenant):
    """One member gets E5 for E3, and the seat of E3 that the group then frees is grace's."""
    _with_seats(tenant, "SPE_E3", 6)
    held = [row["sku"] for user in tenant.state()["users"].values() for row in user["licenses"]]
    _with_seats(tenant, "SPE_E3", held.count("SPE_E3"))
    profiles = {"five": {"usage_location": "DE", "licenses": [{"sku": "SPE_E5"}]}, **DIRECT}
    users = [entry("grace", "direct"), entry("heidi", "five")]
    result = _without_gap(tenant, "heidi", licensing_groups=OUT, users=users, profiles=profiles, max_wait=5)
    assert [row["outcome"] for row in result["results"]] == ["changed", "changed"]
    assert result["group_results"][0]["outcome"] == "changed"
