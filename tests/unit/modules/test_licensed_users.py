# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users from files, on the sandbox: the dry run is the real run, the second run is none, and what stops whom."""

from __future__ import annotations

import copy
import json
import resource
import signal

import pytest
from support.contract import prove
from support.seeds import crowd, upn
from support.tenant import SEED

MODULE = "licensed_users"
PROFILES = {
    "base": {"usage_location": "DE"},
    "analyst": {"inherits": "base", "licenses": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]},
    "lead": {"inherits": "base", "licenses": [{"sku": "SPE_E5"}]},
    "either": {"licenses": [{"sku": "SPE_E5", "alternatives": [{"sku": "SPE_E3", "plans_mode": "merge", "disabled_plans": ["SWAY"]}]}]},
}


def entry(name: str, **more) -> dict:
    return {"user": upn(name), **more}


def outcomes(result: dict) -> list[str]:
    return [row["outcome"] for row in result["results"]]


# title: (users, options, outcomes, direct licenses of the first user afterwards)
TASKS = {
    "a joiner": ([entry("alice", profile="analyst")], {}, ["changed"], {"SPE_E3": ["SWAY"]}),
    "a name alone": ([upn("alice")], {}, ["failed"], {}),
    "a mover": ([entry("bob", profile="lead", **{"from": "analyst"})], {"remove": "previous"}, ["changed"], {"SPE_E5": []}),
    "service plans are carried": (
        [entry("bob", profile="lead", **{"from": "analyst"})],
        {"remove": "previous", "carry_plans": True},
        ["changed"],
        {"SPE_E5": ["SWAY", "YAMMER_ENTERPRISE"]},
    ),
    "a mover takes the first alternative that has a seat": (
        [entry("bob", profile="either", **{"from": "analyst"})],
        {"remove": "previous"},
        ["changed"],
        {"SPE_E5": []},
    ),
    "who does not move keeps the alternative": ([entry("bob", profile="either")], {}, ["unchanged"], None),
    "nothing mentioned": ([entry("bob", usage_location="DE")], {}, ["unchanged"], None),
    "two names of one user": ([entry("alice", profile="analyst"), {"user": "ALICE@contoso.example", "profile": "analyst"}], {}, ["changed", "unchanged"], None),
    "unknown users": ([entry("nobody", profile="lead"), entry("grace", profile="lead")], {}, ["failed", "changed"], None),
    "unknown users, ignored": ([entry("nobody", profile="lead"), entry("grace", profile="lead")], {"missing": "ignore"}, ["skipped", "changed"], None),
    "past the last working day, skipped": (
        [entry("bob", profile="lead", last_day="2020-01-01")],
        {"leavers": "skip"},
        ["skipped"],
        {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE"]},
    ),
}


@pytest.mark.parametrize("title", TASKS)
def test_task(tenant, title):
    users, options, expected, held = TASKS[title]
    if title == "a name alone":
        result = tenant.run(MODULE, users=users, profiles=PROFILES, **options)
        assert "users[0]: nothing is desired" in result["msg"]
        return
    result = prove(tenant, MODULE, users=users, profiles=PROFILES, **options)
    assert outcomes(result) == expected
    if held is not None:
        assert tenant.holds(users[0]["user"].partition("@")[0]) == held


def test_a_swap_is_one_request_and_shows_what_goes_on_and_off(tenant):
    result = tenant.run(MODULE, users=[entry("bob", profile="lead", **{"from": "analyst"})], profiles=PROFILES, remove="previous")
    assert len(tenant.writes()) == 1
    assert [row["action"] for row in result["results"][0]["changes"]] == ["add", "remove", "service_plans"]
    effect = result["results"][0]["changes"][-1]
    assert "SWAY" in effect["on"], "it was off in E3"
    assert "  - SPE_E3             replaced by SPE_E5\n" in result["diff"][0]["prepared"]


def test_a_seat_serves_another_user_whatever_the_order(tenant):
    """Two seats of E5 are free."""
    movers = [entry(name, profile="analyst", **{"from": "lead"}) for name in ("erin", "frank")]
    joiners = [entry(name, profile="lead") for name in ("grace", "carol", "dave")]
    result = prove(tenant, MODULE, users=[*joiners, *movers], profiles=PROFILES, remove="previous")
    assert outcomes(result) == ["changed"] * 5


def test_who_is_refused_keeps_everything(tenant):
    seed = copy.deepcopy(SEED)
    for held in seed["skus"]:
        if held["part_number"] == "SPE_E5":
            held.update(enabled=4, warning=0)
    tenant.reset(seed)
    before = tenant.holds("bob")
    users = [entry("grace", profile="lead"), entry("carol", profile="lead"), entry("bob", profile="lead", **{"from": "analyst"})]
    result = prove(tenant, MODULE, users=users, profiles=PROFILES, remove="previous")
    assert outcomes(result)[-1] == "failed"
    assert result["results"][-1]["failure"]["code"] == "no_seats"
    assert tenant.holds("bob") == before


def test_beyond_the_limit_nothing_is_written_and_all_is_shown(tenant):
    users = [entry(name, profile="base", **{"from": "analyst"}) for name in ("bob", "carol", "dave")]
    results = [tenant.run(MODULE, check=check, users=users, profiles=PROFILES, remove="previous", max_removals="2") for check in (True, False)]
    assert results[0]["msg"] == results[1]["msg"]
    assert "3 licenses would be removed, and max_removals is 2" in results[1]["msg"]
    assert "(bob@contoso.example SPE_E3; carol@contoso.example" in results[1]["msg"], "the users are named, as Ansible prints no diff of a failed task"
    assert results[1]["failure"]["code"] == "too_many_removals"
    assert not results[1]["changed"]
    assert len(results[1]["diff"]) == 3, "the diff is not hidden"
    assert not tenant.writes()
    assert [row["changed"] for row in results[1]["results"]] == [False] * 3


def test_with_stop_a_predicted_error_stops_everybody(tenant):
    users = [entry("alice", licenses=[{"sku": "SPE_E5"}]), entry("grace", profile="lead")]
    result = prove(tenant, MODULE, users=users, profiles=PROFILES, on_error="stop")
    assert outcomes(result) == ["failed", "skipped"]
    assert not result["changed"]


def test_no_secret_gets_into_the_report(tenant, tmp_path):
    path = tmp_path / "run.jsonl"
    token = tenant.ready_token["access_token"]
    tenant.fault(f"{tenant.user_id('grace')}/assignLicense", status=400, code="Request_BadRequest", message=f"echo {token}", times=1)
    result = tenant.run(MODULE, users=[entry("grace", profile="lead")], profiles=PROFILES, report_path=str(path))
    assert outcomes(result) == ["failed"]
    assert "echo ********" in path.read_text()
    assert token not in path.read_text()


def test_a_report_that_cannot_be_written_any_more_stops_the_run(tenant, tmp_path):
    path = tmp_path / "run.jsonl"
    people = crowd(tenant, 100)
    users = [entry(name, licenses=[{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]) for name in people]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        result = tenant.run(MODULE, users=users, report_path=str(path), seat_check="try", concurrency=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "report_path: cannot write any more" in result["msg"]
    assert result["failure"]["retriable"]
    assert result["failure"]["code"] == "ended"
    assert 0 < result["summary"]["changed"] < 100
    assert result["summary"]["skipped"] > 0


def test_what_was_written_of_a_user_who_failed_is_shown_and_no_more(tenant):
    tenant.fault(f"{tenant.user_id('heidi')}/assignLicense", status=400, code="Request_BadRequest", message="something new", times=1)
    result = tenant.run(MODULE, users=[entry("heidi", usage_location="FR", licenses=[{"sku": "SPE_E5"}])])
    assert [row["action"] for row in result["results"][0]["changes"]] == ["set_usage_location"]
    head, location, error = result["diff"][0]["prepared"].splitlines()
    assert (head, location) == ("heidi@contoso.example", "  + usage location FR  before: DE")
    assert error.startswith("  ! ")


def test_one_mistake_of_many_users_is_told_once(tenant):
    profiles = {"wrong": {"usage_location": "DE", "licenses": [{"sku": "SPE_E33"}]}}
    result = tenant.run(MODULE, users=[entry(name, profile="wrong") for name in ("bob", "carol", "dave")], profiles=profiles)
    assert result["msg"].startswith("3 of 3 failed: bob@contoso.example and 2 more: profiles.wrong.licenses[0].sku: no SKU 'SPE_E33'")
    assert result["msg"].count("SPE_E33") == 1


@pytest.mark.parametrize("value", [[5], [["x"]], [{"user": 7}], "x", {"a": 1}])
def test_a_list_of_the_last_run_of_another_form(tenant, value):
    result = tenant.run(MODULE, users=[entry("bob", profile="lead")], profiles=PROFILES, previous_users=value, remove="previous")
    assert "previous_users" in result["msg"]


def test_a_duplicate_entry_has_the_outcome_of_the_first(tenant):
    users = [entry("alice", licenses=[{"sku": "SPE_E5"}]), {"user": tenant.user_id("alice"), "licenses": [{"sku": "SPE_E5"}]}]
    assert outcomes(tenant.run(MODULE, users=users)) == ["failed", "failed"], "she has no usage location"


def test_a_typo_in_one_profile_stops_its_users_alone(tenant, capsys):
    profiles = {**PROFILES, "wrong": {"licenses": [{"sku": "SPE_E33"}]}, "unused": {"licenses": [{"sku": "SPE_E99"}]}}
    result = prove(tenant, MODULE, users=[entry("grace", profile="wrong"), entry("alice", profile="lead")], profiles=profiles)
    assert outcomes(result) == ["failed", "changed"]
    assert "profiles.wrong.licenses[0].sku: no SKU 'SPE_E33'" in result["results"][0]["msg"]
    alone = tenant.check(MODULE, users=[entry("alice", profile="lead")], profiles=profiles)
    assert "SPE_E99" in str(alone.get("warnings")) + capsys.readouterr().err


def test_seats_of_those_whose_first_day_is_ahead(tenant):
    users = [entry("alice", profile="lead", first_day="9999-01-01"), entry("bob", profile="analyst", first_day="9999-01-01")]
    result = tenant.check(MODULE, users=users, profiles=PROFILES)
    assert result["seats_due"] == {"SPE_E5": 1}, "bob holds E3 already"
    assert [row["reason"] for row in result["results"]] == ["the first day is 9999-01-01"] * 2


def test_an_interrupted_run_is_resumed(tenant, tmp_path):
    path = tmp_path / "run.jsonl"
    users = [entry(name, profile="lead") for name in ("grace", "carol")]
    options = {"users": users, "profiles": PROFILES, "report_path": str(path)}
    tenant.fault(f"{tenant.user_id('carol')}/assignLicense", status=400, code="Request_BadRequest", message="something new", times=1)
    assert outcomes(tenant.run(MODULE, **options)) == ["changed", "failed"]
    tenant.forget()
    again = tenant.run(MODULE, resume=True, **options)
    assert outcomes(again) == ["skipped", "changed"]
    assert len(tenant.writes()) == 1
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["outcome"] for line in lines[1:]] == ["changed", "failed", "changed"]


def test_many_users_take_few_requests(tenant):
    people = crowd(tenant, 300)
    before = [signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGHUP)]
    tenant.forget()
    users = [entry(name, profile="analyst") for name in people]
    result = tenant.run(MODULE, users=users, profiles=PROFILES, seat_check="try", results="none")
    assert result["summary"]["total"] == 300
    reads = [one for one in tenant.journal() if one["method"] == "GET" or "batch" in one["path"]]
    assert len(reads) <= 1 + 1 + -(-300 // 10), "SKUs, users, and two operations of a user in a batch of twenty"
    assert [signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGHUP)] == before, "handlers of signals come back"


def test_conflicting_entries_of_one_user(tenant):
    users = [entry("bob", profile="lead"), {"user": tenant.user_id("bob").upper(), "profile": "analyst"}]
    result = prove(tenant, MODULE, users=users, profiles=PROFILES)
    assert outcomes(result) == ["failed", "failed"]
    assert "conflicting entries of one user, users[0] (bob@contoso.example)" in result["results"][0]["msg"]


def test_the_message_counts_the_seats_that_the_run_assigns(tenant):
    result = tenant.check(MODULE, users=[entry(name, profile="lead") for name in ("grace", "alice", "leo")], profiles=PROFILES)
    assert [row["failed"] for row in result["results"]] == [False, False, True]
    assert "no free seat of SPE_E5 (2 of 4 in use, 2 more by this run)" in result["results"][2]["msg"]


def test_who_is_skipped_and_why(tenant):
    users = [entry(name, profile="analyst", first_day="2999-01-01") for name in ("grace", "alice")]
    lines = tenant.check(MODULE, users=users, profiles=PROFILES)["lines"]
    assert lines == ["2 users: 0 to change, 0 unchanged, 2 skipped", "skipped, as the first day is 2999-01-01: 2"]


@pytest.mark.parametrize(("status", "code", "is_retriable"), [(400, "Request_BadRequest", False), (503, "UnknownError", True)])
def test_a_run_can_be_tried_again_only_where_an_error_may_pass(tenant, status, code, is_retriable):
    tenant.fault(f"{tenant.user_id('grace')}/assignLicense", status=status, code=code, message="no", times=99)
    result = tenant.run(MODULE, users=[entry("grace", profile="analyst")], profiles=PROFILES, max_wait=0.1)
    assert result["failure"] == {**result["failure"], "code": "some_failed", "retriable": is_retriable}


@pytest.mark.parametrize("prefer", ["held", "first"])
def test_an_alternative_is_spoken_of(tenant, prefer):
    """The only seat of Office 365 E1 is taken."""
    choice = {"sku": "STANDARDPACK", "alternatives": [{"sku": "SPE_E3"}], "prefer": prefer}
    options = {"users": [entry("grace", profile="choice")], "profiles": {"choice": {"licenses": [choice]}}}
    first, second = (tenant.run(MODULE, **options) for dummy in range(2))
    assert [row["code"] for row in first["results"][0]["findings"]] == ["alternative_taken"]
    assert ("for now" in first["results"][0]["findings"][0]["message"]) == (prefer == "first")
    assert [row["code"] for row in second["results"][0]["findings"]] == (["alternative_taken"] if prefer == "first" else [])
    assert not second["changed"]


def test_a_product_name_without_the_file_of_names_gets_a_hint(tenant):
    result = tenant.check(MODULE, users=[entry("grace", licenses=[{"sku": "Microsoft 365 E5"}])])
    assert "for a product display name, give Microsoft's file of product names in sku_names" in result["msg"]


def test_who_is_not_in_the_list_any_more_is_named_and_keeps_everything(tenant, capsys):
    earlier = [entry("bob", profile="base"), {"user": tenant.user_id("carol").upper(), "profile": "base"}, entry("dave", profile="base"), entry("erin")]
    before = tenant.holds("bob")
    result = tenant.run(
        MODULE, users=[entry("dave", profile="base"), entry("carol", profile="base")], profiles=PROFILES, previous_users=earlier, remove="previous"
    )
    said = "2 users of the last run are not in the list any more, with all licenses kept: bob@contoso.example, erin@contoso.example"
    assert said in str(result.get("warnings")) + capsys.readouterr().err
    assert tenant.holds("bob") == before


def test_an_emptied_list_is_an_error(tenant):
    result = tenant.run(MODULE, users=[], profiles=PROFILES, previous_users=[entry("bob", profile="base")], remove="previous")
    assert "users: the list is empty, and previous_users has 1" in result["msg"]
    assert not tenant.journal()
