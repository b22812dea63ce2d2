# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many users in one task: the law, seats across the list, requests, failures of some, and taking up an interrupted run."""

from __future__ import annotations

import collections
import copy
import json
import os
import signal
import threading
import time

import pytest
from sandbox_tenant.seed import load_seed
from support.contract import prove
from support.seeds import crowd, outcomes, seed_with, upn, users
from support.tenant import SEED

BULK = "users_assign_license"
NAMES = [user["name"] for user in SEED["users"]]


def add(*skus: str, **more) -> dict:
    return {"add": [{"sku": sku, **more} for sku in skus]}


def test_the_module_contract_of_a_list(tenant):
    entries = [
        {"user": upn("alice"), "usage_location": "DE", "licenses": add("SPE_E3")},
        {"user": upn("bob"), "licenses": {"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"]}, "carry_plans": True},
        {"user": upn("erin"), "licenses": add("SPE_E5")},
        {"user": upn("heidi"), "licenses": {"add": [{"sku": "SPE_E3"}]}, "inherited": "accept"},
    ]
    before = tenant.state()
    predicted = tenant.check(BULK, users=entries)
    assert not tenant.writes()
    assert tenant.state() == before
    real = tenant.run(BULK, users=entries)
    assert not real["failed"], real
    for part in ("changed", "diff", "results"):
        assert predicted[part] == real[part], part
    assert outcomes(real) == ["changed", "changed", "unchanged", "unchanged"]
    assert [row["user"] for row in real["results"]] == [entry["user"] for entry in entries]
    assert (tenant.holds("alice"), tenant.holds("bob")) == ({"SPE_E3": []}, {"SPE_E5": ["SWAY", "YAMMER_ENTERPRISE"]})
    tenant.forget()
    again = tenant.run(BULK, users=entries)
    assert not again["changed"]
    assert not tenant.writes()
    assert again["summary"] | {"requests": 0} == {
        "total": 4, "changed": 0, "unchanged": 4, "failed": 0, "skipped": 0, "requests": 0, "seconds_throttled": 0.0,
    }  # fmt: skip


def test_defaults_of_the_task_and_what_an_entry_says_itself(tenant):
    entries = [{"user": upn("grace")}, {"user": upn("carol"), "licenses": add("SPE_E5", disabled_plans=["SWAY"])}]
    result = tenant.run(BULK, users=entries, licenses=add("POWER_BI_PRO"))
    assert not result["failed"], result
    assert (tenant.holds("grace"), tenant.holds("carol")) == ({"POWER_BI_PRO": []}, {"SPE_E3": [], "SPE_E5": ["SWAY"]})


def test_who_comes_first_is_served_first_in_check_mode_too(tenant):
    """Two seats of E5 are free."""
    entries = users("grace", "carol", "dave", "bob", licenses=add("SPE_E5"))
    for check in (True, False):
        result = tenant.run(BULK, check=check, users=entries)
        assert outcomes(result) == ["changed", "changed", "failed", "failed"]
        assert {row["failure"]["code"] for row in result["results"][2:]} == {"no_seats"}
    assert "SPE_E5" in tenant.holds("carol")
    assert "SPE_E5" not in tenant.holds("dave")
    assert result["msg"].startswith("2 of 4 failed: dave@contoso.example and 1 more: no free seat of SPE_E5")


def test_a_seat_that_one_user_frees_can_be_taken_by_the_next(tenant):
    entries = [
        *users("grace", "carol", licenses=add("SPE_E5")),
        {"user": upn("erin"), "licenses": {"remove": ["SPE_E5"]}},
        *users("dave", "bob", licenses=add("SPE_E5")),
    ]
    predicted = tenant.check(BULK, users=entries)
    real = tenant.run(BULK, users=entries)
    assert outcomes(predicted) == outcomes(real) == ["changed", "changed", "changed", "changed", "failed"]
    assert tenant.state()["seats_used"]["SPE_E5"] == 4


def test_unknown_people_are_reported_and_the_rest_is_done(tenant):
    entries = users("nobody", "grace", "nil", licenses=add("POWER_BI_PRO"))
    result = tenant.run(BULK, users=entries)
    assert outcomes(result) == ["failed", "changed", "failed"]
    assert "users[2]: this tenant has no user 'nil@contoso.example'" in result["results"][2]["msg"]
    assert result["changed"]
    held_back = tenant.run(BULK, users=users("nobody", "leo", licenses=add("POWER_BI_PRO"), usage_location="DE"), on_error="stop")
    assert outcomes(held_back) == ["failed", "skipped"]
    assert not held_back["changed"]
    assert tenant.holds("leo") == {}


def test_after_the_first_rejected_write_no_further_batch_is_sent(tenant, many):
    """With on_error: stop; what is in flight by then is done, and with continue everything is tried."""
    outcomes_of = {}
    for how in ("stop", "continue"):
        tenant.clear_faults()
        tenant.conditions({"write_seconds": 0.01, "writes": 0})
        tenant.fault("assignLicense$", method="POST", status=400, code="Request_BadRequest", message="something new", times=1)
        result = tenant.run(BULK, users=[{"user": name} for name in many[how]], licenses=add("POWER_BI_PRO"), on_error=how, concurrency=1)
        outcomes_of[how] = collections.Counter(outcomes(result))
    assert outcomes_of["continue"] == {"failed": 1, "changed": 199}
    assert outcomes_of["stop"]["skipped"] > 100


@pytest.fixture
def many(tenant) -> dict[str, list[str]]:
    """Two hundred users for each, in a tenant with seats for all."""
    seed = load_seed(None, 400)
    for sku in seed["skus"]:
        sku["enabled"] = 2000
    tenant.reset(seed)
    names = [f"user{number:06}@contoso.example" for number in range(1, 401)]
    return {"stop": names[:200], "continue": names[200:]}


# title: (options, what the message says)
MISTAKES = {
    "the same person twice": (
        {"users": [*users("bob", licenses=add("SPE_E5")), *users("carol", licenses=add("SPE_E5")), *users("BOB", licenses=add("SPE_E3"))]},
        ["users[0] and users[2] are conflicting entries of the same user", "BOB@contoso.example and bob@contoso.example"],
    ),
    "an empty set": ({"users": users("bob", licenses={"set": []})}, ["users[0]: licenses.set is empty"]),
    "a malformed user": ({"users": [{"user": "bob"}, {"user": "carol"}], "licenses": add("SPE_E5")}, ["users[0].user is 'bob'", "users[1].user is 'carol'"]),
    "no entry": ({"users": users("bob")}, ["users[0]: one of licenses and usage_location must be given"]),
    "a location": ({"users": users("bob", usage_location="Germany")}, ["users[0]: usage_location: 'Germany' is not a country code"]),
    "too many removals": (
        {"users": users("bob", "carol", licenses={"remove": ["SPE_E3"]}), "max_removals": 1},
        ["2 licenses would be removed, and max_removals is 1"],
    ),
    "no pace": ({"users": [], "concurrency": 0}, ["concurrency is 0"]),
    "a report that cannot be written": ({"users": [], "report_path": "/nowhere/report"}, ["report_path: cannot write /nowhere/report"]),
    "nothing to take up": ({"users": [], "resume": True}, ["report_path is missing"]),
}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(tenant, title):
    options, said = MISTAKES[title]
    for check in (True, False):
        result = tenant.run(BULK, check=check, **options)
        assert result["failed"]
        assert all(part in result["msg"] for part in said), result["msg"]
        assert ("summary" in result) == (title == "too many removals"), "nothing was counted before there is a plan"
    assert not tenant.writes()


def test_the_same_person_twice_by_id_and_by_name(tenant):
    entries = [*users("bob", licenses=add("SPE_E5")), {"user": tenant.user_id("bob"), "licenses": add("SPE_E3")}]
    assert "are conflicting entries of the same user" in tenant.run(BULK, users=entries)["msg"]
    duplicate = [*users("grace", licenses=add("SPE_E5")), {"user": tenant.user_id("grace").upper(), "licenses": add("SPE_E5")}]
    result = tenant.run(BULK, users=duplicate)
    assert outcomes(result) == ["changed", "unchanged"]
    assert len(tenant.writes()) == 1


def test_an_empty_list_is_no_change(tenant):
    result = tenant.run(BULK, users=[])
    assert (result["failed"], result["changed"], result["summary"]["total"]) == (False, False, 0)


@pytest.mark.parametrize("shown", ["all", "changed", "failed", "none"])
def test_which_results_are_shown(tenant, shown):
    entries = users("nobody", "grace", "erin", licenses=add("SPE_E5"))
    expected = {"all": ["failed", "changed", "unchanged"], "changed": ["failed", "changed"], "failed": ["failed"], "none": []}
    result = tenant.run(BULK, users=entries, results=shown)
    assert outcomes(result) == expected[shown]
    assert (result["summary"]["failed"], result["summary"]["changed"], result["summary"]["unchanged"]) == (1, 1, 1)


@pytest.mark.plain
@pytest.mark.parametrize(("count", "reads"), [(15, 1), (20, 1), (300, 1), (600, 2), (1500, 2)])
def test_requests_when_nothing_changes(tenant, count, reads):
    people = crowd(tenant, count)
    result = tenant.run(BULK, users=users(*people, usage_location="DE"))
    assert not result["changed"], result
    assert len(tenant.journal()) == reads + 1
    assert reads + 1 <= -(-count // 999) + 2
    assert result["summary"]["requests"] == len(tenant.journal())


@pytest.mark.plays
def test_a_scattered_list_in_a_large_tenant_is_not_read_by_pages(tenant):
    people = crowd(tenant, 6000)[::8]
    result = tenant.run(BULK, users=users(*people, usage_location="DE"))
    assert not result["failed"]
    assert len(tenant.journal()) == 1 + 1 + 3, "the SKUs, one page that was not worth it, and the rest by filters"


@pytest.mark.plain
def test_ids_and_names_side_by_side_keep_to_the_bound(tenant):
    people = [upn(name) for name in crowd(tenant, 600)]
    ids = [tenant.state()["users"][name]["id"] for name in people[:301]]
    names = people[301:]
    result = tenant.run(BULK, users=[{"user": one, "usage_location": "DE"} for one in (*ids, *names)])
    assert (result["failed"], result["changed"]) == (False, False), result
    assert len(tenant.journal()) <= -(-600 // 999) + 2


@pytest.mark.plain
def test_a_condition_that_is_true_of_the_list_saves_reading_the_tenant(tenant):
    people = crowd(tenant, 6000)
    sales = [name for name in people if tenant.store.user(upn(name))["department"] == "Sales"]
    assert len(sales) == 1200
    result = tenant.run(BULK, users=users(*sales, usage_location="DE"), read_filter="department eq 'Sales'")
    assert (result["failed"], result["changed"], result["summary"]["total"]) == (False, False, len(sales))
    assert len(tenant.journal()) <= -(-len(sales) // 999) + 2


def test_a_condition_that_is_not_true_of_all_loses_no_user(tenant):
    result = tenant.run(BULK, users=users("erin", "bob", "nobody", licenses=add("POWER_BI_PRO")), read_filter="department eq 'Sales'")
    assert outcomes(result) == ["changed", "changed", "failed"], result
    assert "nobody@contoso.example" in result["results"][2]["msg"]


@pytest.mark.plain
def test_twenty_people_are_a_batch(tenant):
    people = crowd(tenant, 700)
    tenant.store.skus["f8a1db68-be16-40ed-86d5-cb42ce701560"]["enabled"] = 900
    result = tenant.run(BULK, users=users(*people, licenses=add("SPE_E3", disabled_plans=["SWAY"])), results="none")
    assert result["summary"]["changed"] == 700
    batches = [entry for entry in tenant.journal() if entry["path"].endswith("$batch")]
    assert len(batches) == 35
    assert len(tenant.writes()) == 700
    assert result["results"] == []


def test_the_first_rejection_for_want_of_a_seat_holds_for_the_rest(tenant):
    people = crowd(tenant, 60)
    entries = users(*people, licenses=add("SPE_E5"), seat_check="try")
    result = tenant.run(BULK, users=entries, concurrency=1)
    assert result["summary"]["failed"] == 58
    assert len(tenant.writes()) < 60, "not everybody is sent to be refused"
    assert {row["failure"]["code"] for row in result["results"] if row["failed"]} == {"no_seats"}


def test_faults_of_single_items_are_survived(tenant):
    tenant.fault("assignLicense", status=429, code="TooManyRequests", message="Please retry again later.", headers={"Retry-After": "0.05"}, times=5)
    tenant.fault("assignLicense", status=503, times=2)
    result = tenant.run(BULK, users=users("bob", "carol", "dave", "erin", "grace", licenses=add("POWER_BI_PRO")), seat_check="try")
    assert result["summary"]["failed"] == 0, result
    assert result["summary"]["seconds_throttled"] > 0


def test_some_refused_by_graph_are_reported_and_the_rest_is_done(tenant):
    result = tenant.run(BULK, users=users("kim", "grace", "leo", licenses=add("SPE_E3"), usage_location="GB"))
    assert outcomes(result) == ["failed", "changed", "changed"]
    assert result["results"][0]["failure"]["code"] == "proxy_address_conflict"


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_report_and_taking_it_up(tenant, tmp_path):
    path = tmp_path / "report.jsonl"
    entries = users("grace", "kim", "carol", "erin", licenses=add("SPE_E3"), usage_location="GB")
    first = tenant.run(BULK, users=entries, report_path=str(path))
    assert outcomes(first) == ["changed", "failed", "changed", "changed"]
    head, *rest = lines(path)
    assert head["tenant"] == SEED["tenant"]["id"]
    assert {line["principal"]: line["outcome"] for line in rest} == {entry["user"]: outcome for entry, outcome in zip(entries, outcomes(first))}
    assert all(line["time"] and "request_id" in line for line in rest)
    tenant.forget()
    second = tenant.run(BULK, users=entries, report_path=str(path), resume=True)
    assert outcomes(second) == ["skipped", "failed", "skipped", "skipped"]
    assert len([entry for entry in tenant.writes() if entry["status"] < 300]) == 0


def test_a_report_that_was_cut_off_is_taken_up(tenant, tmp_path):
    path = tmp_path / "report.jsonl"
    entries = users("grace", "carol", licenses=add("SPE_E3", disabled_plans=["SWAY"]))
    tenant.run(BULK, users=entries, report_path=str(path))
    whole = path.read_text()
    path.write_text(whole[: len(whole) - 20])
    result = tenant.run(BULK, users=entries, report_path=str(path), resume=True)
    assert outcomes(result) in (["skipped", "unchanged"], ["unchanged", "skipped"])
    assert len(lines(path)) == 3


@pytest.mark.parametrize("content", ["license_people:\n  - user: alice\n", "[]\n", "\xff\n", "{}\n"])
@pytest.mark.parametrize("check", [True, False])
def test_a_file_that_is_no_report_is_not_lost(tenant, tmp_path, content, check):
    """The list of users itself is named, without resume."""
    path = tmp_path / "people.yml"
    path.write_text(content)
    result = tenant.run(BULK, users=users("grace", licenses=add("SPE_E3")), report_path=str(path), check=check)
    assert "is not a report of this module, and would be overwritten" in result["msg"]
    assert path.read_text() == content
    assert not tenant.writes()


def test_reports_that_cannot_be_taken_up(tenant, tmp_path):
    path = tmp_path / "report.jsonl"
    entries = users("grace", licenses=add("SPE_E3"))
    tenant.run(BULK, users=entries, report_path=str(path))
    other = tenant.run(BULK, users=users("carol", licenses=add("SPE_E5")), report_path=str(path), resume=True)
    assert "is of other entries" in other["msg"]
    head, *rest = lines(path)
    path.write_text(json.dumps({**head, "tenant": "another"}) + "\n")
    assert "is of another tenant" in tenant.run(BULK, users=entries, report_path=str(path), resume=True)["msg"]
    for line in ({"a": 1}, {"principal": 1, "entry": "x"}, ["principal", "entry"]):
        path.write_text(json.dumps(head) + "\n" + json.dumps(line) + "\n")
        assert "is not a report of this module" in tenant.run(BULK, users=entries, report_path=str(path), resume=True)["msg"]
    path.write_text("[" * 200000 + "\n")
    assert "is not a report of this module" in tenant.run(BULK, users=entries, report_path=str(path), resume=True)["msg"]
    path.write_text("not a report\n")
    assert "is not a report of this module" in tenant.run(BULK, users=entries, report_path=str(path), resume=True)["msg"]
    assert "SPE_E5" not in tenant.holds("carol")


def test_check_mode_writes_no_report(tenant, tmp_path):
    path = tmp_path / "report.jsonl"
    tenant.check(BULK, users=users("grace", licenses=add("SPE_E3")), report_path=str(path))
    assert not path.exists()


def test_groups_are_named_in_the_diff_at_the_price_of_one_request(tenant):
    seed = seed_with(lambda seed: seed["groups"][0].update(members=["heidi", "ivan", "grace"]))
    tenant.reset(seed)
    result = tenant.run(BULK, users=users("heidi", "ivan", "grace", licenses=add("SPE_E3", disabled_plans=[])))
    heidi = next(diff for diff in result["diff"] if diff["after_header"] == upn("heidi"))
    assert {"group Support desk"} < heidi["after"]["SPE_E3"].keys()
    reads = [entry for entry in tenant.requests if entry["path"].startswith("/v1.0/groups/")]
    assert len(reads) == 1


def test_the_module_contract_of_single_modules(tenant):
    prove(tenant, BULK, users=users("bob", "carol", licenses={"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"]}))


CLOUD = "cloud_license_assignments"


def claims_of(tenant, holder_id: str) -> dict[str, list[str]]:
    return {claim["sku"]: claim["off"] for claim in tenant.claims(holder_id)}


def test_assignments_of_a_list_keep_the_module_contract(tenant):
    entries = [
        {"user": upn("grace"), "sku": "SPE_E5", "disabled_plans": ["SWAY"]},
        {"user": upn("alice"), "usage_location": "DE", "sku": "SPE_E3"},
        {"user": upn("bob"), "sku": "SPE_E3", "disabled_plans": []},
        {"group": "Support desk", "sku": "SPE_E3", "state": "absent"},
        {"device": "KIOSK-02", "sku": "INTUNE_A_D"},
        {"user": upn("erin"), "sku": "SPE_E5"},
    ]
    before = tenant.state()
    predicted = tenant.check(CLOUD, assignments=entries)
    assert not tenant.writes()
    assert tenant.state() == before
    real = tenant.run(CLOUD, assignments=entries)
    assert not real["failed"], real
    assert (predicted["changed"], predicted["diff"], predicted["results"]) == (real["changed"], real["diff"], real["results"])
    assert outcomes(real) == ["changed"] * 5 + ["unchanged"]
    assert claims_of(tenant, tenant.user_id("grace")) == {"SPE_E5": ["SWAY"]}
    assert claims_of(tenant, tenant.user_id("alice")) == {"SPE_E3": []}
    assert claims_of(tenant, tenant.user_id("bob")) == {"SPE_E3": []}
    assert claims_of(tenant, tenant.group_id("Support desk")) == {}
    tenant.forget()
    assert not tenant.run(CLOUD, assignments=entries)["changed"]
    assert not tenant.writes()


def test_seats_of_allotments_are_counted_across_the_list(tenant):
    entries = [{"user": upn(name), "sku": "SPE_E5"} for name in ("grace", "carol", "dave")]
    for check in (True, False):
        result = tenant.run(CLOUD, check=check, assignments=entries)
        assert outcomes(result) == ["changed", "changed", "failed"]
        assert result["results"][2]["failure"]["code"] == "no_seats"
    freed = [{"user": upn("erin"), "sku": "SPE_E5", "state": "absent"}, *entries]
    tenant.reset(SEED)
    real = tenant.run(CLOUD, assignments=freed)
    assert outcomes(real) == ["changed"] * 4
    assert tenant.state()["allotments"][tenant.pools("SPE_E5")[0]]["used"] == 4


def test_two_entries_of_one_principal_are_written_one_after_the_other(tenant):
    entries = [{"user": upn("grace"), "sku": sku} for sku in ("SPE_E5", "POWER_BI_PRO")]
    result = tenant.run(CLOUD, assignments=entries, allotment_choice="most_available")
    assert outcomes(result) == ["changed", "changed"]
    assert claims_of(tenant, tenant.user_id("grace")) == {"SPE_E5": [], "POWER_BI_PRO": []}
    assert [entry["batch"] for entry in tenant.writes()] == [None] * 2, "in calls of their own"


def test_mistakes_in_assignments(tenant):
    nameless = tenant.run(CLOUD, assignments=[{"sku": "SPE_E5"}, {"user": upn("bob"), "group": "x", "sku": "SPE_E5"}, {"user": upn("bob")}])
    for said in ("assignments[0]: exactly one of user, group and device", "assignments[1]: exactly one of", "assignments[2]: one of sku and allotment"):
        assert said in nameless["msg"]
    twice = [{"user": upn("bob"), "sku": "SPE_E3"}, {"user": tenant.user_id("bob"), "sku": "spe_e3", "disabled_plans": []}]
    assert "assignments[0] and assignments[1] are conflicting entries of the same user" in tenant.run(CLOUD, assignments=twice)["msg"]
    some = tenant.run(
        CLOUD, assignments=[{"group": "Nobody", "sku": "SPE_E5"}, {"device": "KIOSK-02", "sku": "INTUNE_A_D"}, {"user": upn("no"), "sku": "SPE_E5"}]
    )
    assert outcomes(some) == ["failed", "changed", "failed"]
    assert not [entry for entry in tenant.writes() if "users" in entry["path"]]


def test_many_assignments_are_read_by_pages_of_the_tenant(tenant):
    people = crowd(tenant, 600)
    tenant.forget()
    result = tenant.run(CLOUD, assignments=[{"user": upn(name), "sku": "SPE_E3", "state": "absent"} for name in people[1::2]])
    assert not result["changed"], result["results"][:1]
    assert len(tenant.journal()) <= 1 + 1 + 1 + 1, "allotments, users by filters, assignments in pages"


def test_a_duplicate_entry_of_a_user_who_failed_fails_as_well(tenant):
    entries = [*users("alice", licenses=add("SPE_E5")), {"user": tenant.user_id("alice"), "licenses": add("SPE_E5")}]
    result = tenant.run(BULK, users=entries)
    assert outcomes(result) == ["failed", "failed"]
    assert {row["failure"]["code"] for row in result["results"]} == {"usage_location_missing"}


def test_the_diff_shows_nothing_of_what_failed(tenant):
    result = tenant.run(BULK, users=users("kim", "grace", licenses=add("SPE_E3"), usage_location="FR"))
    assert outcomes(result) == ["failed", "changed"]
    assert [row["action"] for row in result["results"][0]["changes"]] == ["set_usage_location"], "what was done of it is said"
    assert [diff["after_header"] for diff in result["diff"]] == [upn("grace")]


def test_a_signal_ends_the_run_and_what_was_done_is_reported(tenant, tmp_path):
    """One of a batch is told to wait for a minute, and somebody ends the run meanwhile."""
    path = tmp_path / "report.jsonl"
    entries = users("bob", "carol", "grace", licenses=add("POWER_BI_PRO"))
    who = tenant.user_id("carol")
    tenant.fault(f"{who}/assignLicense", status=429, code="TooManyRequests", message="later", headers={"Retry-After": "60"}, times=9)

    def interrupt() -> None:
        while not any(entry.get("status") == 429 for entry in list(tenant.requests)):
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    result = tenant.run(BULK, users=entries, report_path=str(path))
    assert result["failed"]
    assert result["failure"]["code"] == "ended"
    assert outcomes(result) == ["changed", "failed", "changed"]
    assert result["changed"]
    tenant.clear_faults()
    again = tenant.run(BULK, users=entries, report_path=str(path), resume=True)
    assert outcomes(again) == ["skipped", "changed", "skipped"]


def test_a_token_that_ends_ends_the_run(tenant):
    people = crowd(tenant, 300)
    tenant.fault("batch", action="expire_token", skip=3)
    result = tenant.run(BULK, users=users(*people, licenses=add("SPE_E3", disabled_plans=["SWAY"])), concurrency=1)
    assert result["failure"]["code"] == "ended"
    assert result["summary"]["skipped"] > 200
    assert result["summary"]["changed"] > 0


def test_max_wait_bounds_what_a_limit_makes_everybody_wait(tenant):
    people = crowd(tenant, 60)
    tenant.fault("assignLicense", status=429, code="TooManyRequests", message="later", headers={"Retry-After": "3600"})
    result = tenant.run(BULK, users=users(*people, licenses=add("SPE_E3", disabled_plans=["SWAY"])), concurrency=1, max_wait=1)
    assert result["failed"]
    assert 0 < result["summary"]["changed"] < 60
    assert all(row["failure"]["retriable"] for row in result["results"] if row["failed"])


def test_seats_that_go_from_hand_to_hand(tenant):
    """Erin gives E5 back, bob takes it and gives E3 back, which is full but for his."""
    seed = copy.deepcopy(SEED)
    seed["skus"][0]["enabled"] = 4
    seed["skus"][1].update(enabled=5, warning=0)
    seed["allotments"] = [pool for pool in seed["allotments"] if pool["sku"] not in ("SPE_E5", "SPE_E3")]
    for name in ("kim", "leo"):
        next(user for user in seed["users"] if user["name"] == name).update(usage_location="GB", licenses=[{"sku": "SPE_E5"}])
    tenant.reset(seed)
    entries = [
        {"user": upn("erin"), "licenses": {"remove": ["SPE_E5"]}},
        {"user": upn("bob"), "licenses": {"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"]}},
        {"user": upn("grace"), "licenses": add("SPE_E3")},
    ]
    result = tenant.run(BULK, users=entries)
    assert outcomes(result) == ["changed"] * 3, result
    assert len(tenant.writes()) == 3
    assert [entry["batch"] for entry in tenant.writes()] == [None] * 3, "one after the other, in calls of their own"


def test_a_foreign_file_is_left_as_it_is(tenant, tmp_path):
    for content in ("important without newline", '[1]\n{"a": 1}\n', "caf\u00e9".encode("latin-1")):
        path = tmp_path / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        before = path.read_bytes()
        result = tenant.run(BULK, users=users("grace", licenses=add("SPE_E3")), report_path=str(path), resume=True)
        assert "is not a report of this module" in result["msg"]
        assert path.read_bytes() == before
    fresh = tmp_path / "fresh"
    tenant.run(BULK, users=users("grace", licenses=add("SPE_E3")), report_path=str(fresh))
    assert fresh.stat().st_mode & 0o777 == 0o600


def test_one_assignment_by_two_names_of_its_sku(tenant):
    e5 = SEED["skus"][0]["sku_id"]
    pool = tenant.pools("SPE_E5")[0]
    for second in ({"sku": e5, "state": "absent"}, {"allotment": pool, "disabled_plans": ["SWAY"]}):
        result = tenant.run(CLOUD, assignments=[{"user": upn("grace"), "sku": "SPE_E5"}, {"user": upn("grace"), **second}])
        assert "are conflicting entries of the same user" in result["msg"]
    both = tenant.run(CLOUD, assignments=[{"user": upn("grace"), "sku": "SPE_E3", "allotment": pool}])
    assert "sku and allotment exclude each other" in both["msg"]
    places = [{"user": upn("grace"), "sku": sku, "usage_location": place} for sku, place in (("SPE_E5", "FR"), ("SPE_E3", "GB"))]
    assert "one user would get several" in tenant.run(CLOUD, assignments=places)["msg"]
    assert not tenant.writes()


def test_two_pools_of_one_sku_are_two_assignments(tenant):
    entries = [{"user": upn("grace"), "allotment": pool} for pool in tenant.pools("POWER_BI_PRO")]
    result = tenant.run(CLOUD, assignments=entries)
    assert outcomes(result) == ["changed", "changed"], result
    assert len(tenant.claims(tenant.user_id("grace"))) == 2


def test_a_group_takes_the_seats_of_its_members(tenant):
    entries = [{"group": "Support desk", "sku": "SPE_E5"}, {"user": upn("grace"), "sku": "SPE_E5"}]
    assert outcomes(tenant.check(CLOUD, assignments=entries)) == ["changed", "failed"]


# title: (protect and allow_empty of the task, those of the entry, what is said)
GUARDS = {
    "protect of the task": ({"protect": ["SPE_E5"]}, {}, "SPE_E5 cannot be removed, as protect names it"),
    "protect of the entry": ({}, {"protect": ["SPE_E5"]}, "SPE_E5 cannot be removed, as protect names it"),
    "both add up": ({"protect": ["SPE_E5"]}, {"protect": ["POWER_BI_PRO"]}, "SPE_E5 cannot be removed, as protect names it"),
    "the task denies what the entry allows": ({"allow_empty": False}, {"allow_empty": True, "licenses": {"set": []}}, "licenses.set is empty"),
}


@pytest.mark.parametrize("title", GUARDS)
def test_guards_of_task_and_entry_add_up(tenant, title):
    task, own, said = GUARDS[title]
    result = tenant.run(BULK, users=[{"user": upn("erin"), "licenses": {"remove": ["SPE_E5"]}, **own}], **task)
    assert said in result["msg"]
    assert not tenant.writes()
    assert not tenant.run(BULK, users=[{"user": upn("erin"), "licenses": {"set": []}, "allow_empty": True}])["failed"]
