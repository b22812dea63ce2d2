# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leavers and returners, on the sandbox: recorded before anything is removed, and given everything again."""

from __future__ import annotations

import copy
import json
import os
import re
import resource
import signal
from pathlib import Path

import pytest
from support.contract import prove
from support.seeds import upn
from support.tenant import SEED

MODULE = "licensed_users"
E3, BI = "05e9a617-0261-4cee-bb44-138d3ef5d965", "f8a1db68-be16-40ed-86d5-cb42ce701560"


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "leavers.jsonl"


def release(tenant, path: Path, *names: str, check: bool = False, **more) -> dict:
    users = [name if isinstance(name, dict) else {"user": upn(name)} for name in names]
    options = {"users": users, "state": "released", "record_path": str(path), "record_missing": "create", "max_removals": "100%", **more}
    return tenant.run(MODULE, check=check, **options)


def restore(tenant, path: Path, *names: str, check: bool = False, **more) -> dict:
    users = [name if "@" in name else upn(name) for name in names]
    return tenant.run(MODULE, check=check, users=users, state="restored", record_path=str(path), **more)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def states(path: Path) -> list[str]:
    return [line["state"] for line in lines(path)[1:]]


def held(tenant, name: str) -> dict:
    """Direct licenses, memberships and allotments of a user."""
    user_id = tenant.user_id(name)
    state = tenant.state()
    seats = sorted(claim["allotment"] for claim in state["assignments"] if claim["holder"] == user_id)
    return {"licenses": tenant.holds(name), "groups": sorted(tenant.store.groups_of(user_id)), "seats": seats}


def test_a_leaver_loses_everything_and_gets_it_again(tenant, path):
    before = {name: held(tenant, name) for name in ("bob", "dave", "heidi")}
    dry = release(tenant, path, "bob", "dave", "heidi", check=True)
    assert not path.exists(), "check mode creates nothing"
    assert not tenant.writes()
    real = release(tenant, path, "bob", "dave", "heidi")
    assert (dry["changed"], dry["diff"], dry["results"]) == (real["changed"], real["diff"], real["results"])
    assert [row["outcome"] for row in real["results"]] == ["changed"] * 3
    assert tenant.holds("dave") == {}
    assert tenant.group_id("Support desk") not in held(tenant, "heidi")["groups"]
    assert held(tenant, "dave")["groups"] == before["dave"]["groups"], "other groups are not left"
    assert (path.stat().st_mode & 0o777) == 0o600
    again = release(tenant, path, "bob", "dave", "heidi")
    assert not again["changed"]
    size = path.stat().st_size
    release(tenant, path, "bob", "dave", "heidi")
    assert path.stat().st_size == size, "a nightly run over leavers appends nothing"
    dry = restore(tenant, path, "bob", "dave", "heidi", check=True)
    back = restore(tenant, path, "bob", "dave", "heidi")
    assert (dry["changed"], dry["diff"], dry["results"]) == (back["changed"], back["diff"], back["results"])
    assert {name: held(tenant, name) for name in before} == before
    assert states(path) == ["restored"] * 3
    assert not restore(tenant, path, "bob", "dave", "heidi")["changed"]


def test_a_mailbox_on_hold(tenant, path):
    exchange = {"licenses": [{"sku": "SPE_E3", "enabled_plans": ["EXCHANGE_S_ENTERPRISE"]}]}
    before = tenant.holds("dave")
    result = release(tenant, path, {"user": upn("dave"), "after_release": exchange})
    assert not result["failed"], result["msg"]
    assert list(tenant.holds("dave")) == ["SPE_E3"]
    assert "EXCHANGE_S_ENTERPRISE" not in tenant.holds("dave")["SPE_E3"]
    assert not release(tenant, path, {"user": upn("dave"), "after_release": exchange})["changed"]
    restore(tenant, path, "dave")
    assert tenant.holds("dave") == before


def test_what_was_assigned_in_exchange_goes_again(tenant, path):
    exchange = {"licenses": [{"sku": "POWER_BI_PRO"}]}
    release(tenant, path, "bob", after_release=exchange)
    assert list(tenant.holds("bob")) == ["POWER_BI_PRO"]
    release(tenant, path, "bob", after_release={"licenses": [{"sku": "SPE_E5"}]})
    assert list(tenant.holds("bob")) == ["SPE_E5"]
    restore(tenant, path, "bob")
    assert tenant.holds("bob") == {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE"]}


def test_what_a_workflow_hands_on(tenant, path):
    """Errors by code, each user once, and a difference of bounded length in which nothing is a template."""
    users = [{"user": upn(name), "licenses": [{"sku": sku}], "usage_location": "DE"} for name, sku in (("alice", "STANDARDPACK"), ("grace", "SPE_E3"))]
    profiles = {"{{ lookup('pipe', 'id') }}": {"licenses": [{"sku": "POWER_BI_PRO"}]}}
    users += [{"user": f"unknown{number}@contoso.example", "licenses": [{"sku": "SPE_E3"}]} for number in (1, 2)]
    users += [{"user": upn("bob"), "profile": next(iter(profiles))}]
    stats = tenant.check(MODULE, users=users, profiles=profiles, user_errors="report")["ansible_stats"]["data"]["license_summary"]
    assert stats["users"]["errors"] == {"no_seats": 1, "not_found": 2}
    assert stats["seats"] == {"SPE_E3": {"before": 5, "after": 6, "owned": 14}, "POWER_BI_PRO": {"before": 1, "after": 2, "owned": 5}}
    assert "{{" not in stats["diff"] and "{ { lookup" in stats["diff"]
    many = [{"user": f"user{number:05}@contoso.example", "licenses": [{"sku": "SPE_E3"}]} for number in range(400)]
    long = tenant.check(MODULE, users=many, user_errors="report")["ansible_stats"]["data"]["license_summary"]["diff"]
    assert len(long) < 20_100
    assert re.search(r"and \d+ more in the output of the job\n$", long)


def test_a_keep_that_keeps_nothing_is_spoken_of(tenant, path):
    result = release(tenant, path, {"user": upn("bob"), "keep": ["SPE_E5"]}, check=True)
    assert [row["code"] for row in result["results"][0]["findings"]] == ["keep_not_held"]
    assert release(tenant, path, {"user": upn("bob"), "keep": ["SPE_E3"]}, check=True)["results"][0]["findings"] == []


@pytest.mark.parametrize("key", ["licenses", "groups", "allotments"])
@pytest.mark.parametrize("state", ["released", "restored"])
def test_what_a_leaver_is_to_get_does_not_vanish_without_a_word(tenant, path, key, state):
    """The state is that of the task, as in the roles."""
    desired = {"licenses": [{"sku": "SPE_E3"}], "groups": ["Support desk"], "allotments": [{"sku": "POWER_BI_PRO"}]}[key]
    path.touch()
    result = tenant.run(MODULE, users=[{"user": upn("bob"), key: desired}], state=state, record_path=str(path))
    assert f"users[0].{key}: it has no effect for a user whose state is {state}" in result["msg"]
    rows = [{"user": upn("bob"), "profile": "office", "usage_location": "DE", "last_day": "2020-01-01"}]
    more = {"profiles": {"office": {"licenses": [{"sku": "SPE_E3"}]}}}
    if state == "released":
        assert not tenant.run(MODULE, users=rows, state=state, record_path=str(path), check=True, **more)["failed"], "rows of the list of joiners"


def test_keep(tenant, path):
    result = release(tenant, path, {"user": upn("dave"), "keep": ["power_bi_pro"]}, "bob", keep=[E3.upper()])
    assert set(tenant.holds("dave")) == {"POWER_BI_PRO", "SPE_E3"}
    assert not result["changed"]
    wrong = release(tenant, path, "bob", keep=["SPE_E33"])
    assert "keep[0]: no SKU 'SPE_E33'" in wrong["msg"]
    assert set(tenant.holds("bob")) == {"SPE_E3"}


DAYS = {
    "over": ({"last_day": "2026-01-01"}, {}, "changed", None),
    "skipped": ({"last_day": "2026-01-01", "profile": "p"}, {"leavers": "skip"}, "skipped", "the last day was 2026-01-01"),
    "only, and no leaver": ({"profile": "p"}, {"leavers": "only"}, "skipped", "no last day has passed"),
    "only": ({"last_day": "2026-01-01", "profile": "p"}, {"leavers": "only"}, "changed", None),
    "grace": ({"last_day": "2026-11-20"}, {"grace_days": 30, "state": "released"}, "skipped", "the last day is 2026-11-20"),
    "never": ({"last_day": "9999-12-31"}, {"state": "released"}, "skipped", "the last day is 9999-12-31"),
}


@pytest.mark.parametrize("title", DAYS)
def test_days(tenant, path, title):
    entry, options, outcome, reason = DAYS[title]
    result = prove(
        tenant,
        MODULE,
        users=[{"user": upn("bob"), **entry}],
        profiles={"p": {"licenses": [{"sku": "SPE_E5"}]}},
        record_path=str(path),
        record_missing="create",
        today="2026-11-26",
        **options,
    )
    assert [row["outcome"] for row in result["results"]] == [outcome]
    assert result["results"][0].get("reason") == reason


def test_the_file_must_be_there_unless_it_may_be_created(tenant, path):
    result = tenant.run(MODULE, users=[upn("bob")], state="released", record_path=str(path))
    assert "record_missing: create" in result["msg"]
    assert not tenant.requests or not tenant.writes()
    folder = tenant.run(MODULE, users=[upn("bob")], state="released", record_path=str(path / "none/x"), record_missing="create")
    assert "record_path: cannot write" in folder["msg"]


def test_a_file_of_another_tenant_and_a_damaged_one(tenant, path):
    path.write_text('{"version": 2, "tenant": "other"}\n')
    assert "belongs to tenant other" in release(tenant, path, "bob")["msg"]
    path.write_text("{}\n")
    assert "is not a record of leavers" in release(tenant, path, "bob")["msg"]
    release(tenant, path.with_name("good"), "bob")
    good = path.with_name("good").read_text()
    path.write_text(good.splitlines()[0] + "\nnonsense\n")
    assert "is damaged in line 2" in release(tenant, path, "dave")["msg"]
    path.write_text(good + '{"user": {"id": "x"')
    assert not release(tenant, path, "dave")["failed"], "a last line that was cut off counts for nothing"


def test_two_runs_on_one_file(tenant, path):
    from ansible_collections.m365.licensing.plugins.module_utils._files import appended

    handle = appended(str(path), "record_path", ".lock")
    try:
        result = release(tenant, path, "bob")
        assert "another run writes" in result["msg"]
        assert not tenant.writes()
        assert not release(tenant, path, "bob", check=True)["failed"]
    finally:
        handle.close()


def test_a_looser_mode_is_narrowed(tenant, path):
    release(tenant, path, "bob")
    os.chmod(path, 0o644)
    assert not release(tenant, path, "dave")["failed"]
    assert (path.stat().st_mode & 0o777) == 0o600


def test_who_was_renamed_and_who_has_the_name_now(tenant, path):
    release(tenant, path, "bob")
    user = tenant.store.user(upn("bob"))
    tenant.store._by_upn.pop(user["userPrincipalName"].lower())
    user["userPrincipalName"] = "robert@contoso.example"
    tenant.store._by_upn["robert@contoso.example"] = user
    back = restore(tenant, path, "bob", check=True)
    assert not back["failed"], "the record knows the old name, and no other user has it"
    tenant.store.add_user(upn("bob"), "Bob Two", "DE")
    wrong = restore(tenant, path, "bob")
    assert user["id"] in wrong["msg"] and tenant.user_id("bob") in wrong["msg"]
    assert not restore(tenant, path, "robert@contoso.example")["failed"]
    assert "SPE_E3" in {row["sku"] for row in tenant.state()["users"]["robert@contoso.example"]["licenses"]}


def test_what_is_impossible_stays_open(tenant, path):
    release(tenant, path, "dave", "heidi")
    group_id = tenant.group_id("Support desk")
    for claim in tenant.store.claims_of(group_id):
        tenant.store.delete_claim(claim)
    group = tenant.store.groups[group_id]
    tenant.store.delete_group(group)
    sku = tenant.store.skus.pop(BI)
    pools = {key: tenant.store.pools.pop(key) for key in [pool.id for pool in tenant.store.pools.values() if pool.sku_id == BI]}
    result = restore(tenant, path, "dave", "heidi")
    assert not result["failed"], result["msg"]
    codes = [[one["code"] for one in row["findings"]] for row in result["results"]]
    assert all("not_restorable" in some for some in codes)
    assert set(tenant.holds("dave")) == {"SPE_E3"}
    assert sorted(states(path)) == ["partly_restored", "recorded", "released"], "nothing of heidi was restored"
    tenant.store.skus[BI] = sku
    tenant.store.pools.update(pools)
    restore(tenant, path, "dave")
    assert set(tenant.holds("dave")) == {"SPE_E3", "POWER_BI_PRO"}


def test_a_full_allotment_while_the_sku_has_seats(tenant, path):
    release(tenant, path, "dave")
    pool = next(one for one in tenant.store.pools.values() if one.sku_id == BI and one.units == 3)
    for name in ("grace", "heidi", "ivan"):
        tenant.store.add_claim(pool, "user", tenant.user_id(name), ())
    result = restore(tenant, path, "dave")
    assert not result["failed"], result["msg"]
    assert "has no free seat, so the license is assigned directly" in str(result["results"][0]["findings"])
    assert set(tenant.holds("dave")) == {"SPE_E3", "POWER_BI_PRO"}


def test_a_dynamic_group_is_not_left(tenant, path):
    seed = copy.deepcopy(SEED)
    next(row for row in seed["groups"] if row.get("membership_rule"))["licenses"] = [{"sku": "POWER_BI_PRO"}]
    tenant.reset(seed)
    result = release(tenant, path, "carol")
    assert "group_stays" in [one["code"] for one in result["results"][0]["findings"]]
    assert tenant.holds("carol") == {}
    assert not result["failed"]


def test_without_cloud_licensing_the_rest_is_released(tenant, path, capsys):
    tenant.fault("admin/cloudLicensing/allotments", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=10)
    result = release(tenant, path, "bob")
    assert not result["failed"], result["msg"]
    assert "cloudLicensing cannot be read" in str(result.get("warnings")) + capsys.readouterr().err
    assert tenant.holds("bob") == {}


def test_the_guard_counts_leavers_by_date_and_not_those_who_are_named(tenant, path):
    names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"]
    by_date = [{"user": upn(name), "last_day": "2020-01-01"} for name in names]
    options = {"record_path": str(path), "record_missing": "create"}
    forbidden = tenant.run(MODULE, users=by_date, **options)
    assert forbidden["failure"]["code"] == "too_many_removals"
    assert not tenant.writes()
    named = tenant.run(MODULE, users=[upn(name) for name in names], state="released", **options)
    assert not named["failed"], named["msg"]


def test_what_is_assigned_in_exchange_later_is_recorded_as_well(tenant, path):
    release(tenant, path, "bob")
    release(tenant, path, "bob", after_release={"licenses": [{"sku": "POWER_BI_PRO"}]})
    restore(tenant, path, "bob")
    assert set(tenant.holds("bob")) == {"SPE_E3"}
    kept = {"keep": ["SPE_E3"], "after_release": {"licenses": [{"sku": "POWER_BI_PRO"}]}}
    release(tenant, path, {"user": upn("bob"), **kept})
    assert set(tenant.holds("bob")) == {"SPE_E3", "POWER_BI_PRO"}
    restore(tenant, path, "bob")
    assert set(tenant.holds("bob")) == {"SPE_E3"}


def test_one_impossible_license_keeps_no_other_away(tenant, path):
    release(tenant, path, "dave")
    tenant.store.skus[BI]["status"] = "Suspended"
    result = restore(tenant, path, "dave")
    assert not result["failed"], result["msg"]
    assert set(tenant.holds("dave")) == {"SPE_E3"}
    assert "not_restorable" in str(result["results"][0]["findings"])
    tenant.store.skus[BI]["status"] = "Enabled"
    restore(tenant, path, "dave")
    assert set(tenant.holds("dave")) == {"SPE_E3", "POWER_BI_PRO"}
    assert states(path) == ["restored"]


def test_without_a_seat_the_rest_comes_back(tenant, path):
    release(tenant, path, "dave")
    sku = tenant.store.skus[BI]
    for pool in [one for one in tenant.store.pools.values() if one.sku_id == BI]:
        sku["enabled"] -= pool.units - len(pool.seats)
        pool.units = len(pool.seats)
    result = restore(tenant, path, "dave")
    assert not result["failed"], result["msg"]
    assert set(tenant.holds("dave")) == {"SPE_E3"}


def test_a_mailbox_stays_while_nothing_replaces_it(tenant, path):
    release(tenant, path, "frank", after_release={"licenses": [{"sku": "POWER_BI_PRO"}]})
    del tenant.store.skus["06ebc4ee-1bb5-47dd-8120-11324bc54e06"]
    tenant.store.pools = {key: pool for key, pool in tenant.store.pools.items() if pool.sku_id != "06ebc4ee-1bb5-47dd-8120-11324bc54e06"}
    tenant.store.claims = {key: claim for key, claim in tenant.store.claims.items() if claim.pool_id in tenant.store.pools}
    for claims in tenant.store._claims_of.values():
        for key in [key for key, claim in claims.items() if claim.pool_id not in tenant.store.pools]:
            del claims[key]
    result = restore(tenant, path, "frank")
    assert not result["failed"], result["msg"]
    assert set(tenant.holds("frank")) == {"POWER_BI_PRO"}


def test_a_rejected_release_is_not_restored_later(tenant, path):
    tenant.fault(f"{tenant.user_id('bob')}/assignLicense", status=403, code="Authorization_RequestDenied", message="no")
    assert release(tenant, path, "bob")["failed"]
    assert states(path) == []
    result = restore(tenant, path, "bob")
    assert "has no entry of bob" in result["msg"]


def test_two_seats_of_one_sku_come_back(tenant, path):
    pools = [pool for pool in tenant.store.pools.values() if pool.sku_id == BI and not pool.is_hidden]
    for pool, off in zip(pools, ((tenant.store.plan_ids["BI_AZURE_P2"],), ())):
        if not any(claim.pool_id == pool.id for claim in tenant.store.claims_of(tenant.user_id("grace"))):
            tenant.store.add_claim(pool, "user", tenant.user_id("grace"), off)
    before = held(tenant, "grace")
    release(tenant, path, "grace")
    assert held(tenant, "grace")["seats"] == []
    restore(tenant, path, "grace")
    assert held(tenant, "grace") == before


def test_two_returners_for_the_last_seat_of_an_allotment(tenant, path):
    pool = next(pool for pool in tenant.store.pools.values() if pool.sku_id == BI and pool.units == 2)
    for name in ("grace", "ivan"):
        tenant.store.add_claim(pool, "user", tenant.user_id(name), ())
    release(tenant, path, "grace", "ivan")
    pool.units = 1
    dry = restore(tenant, path, "grace", "ivan", check=True)
    real = restore(tenant, path, "grace", "ivan")
    assert dry["results"] == real["results"]
    assert not real["failed"], real["msg"]
    assert all("POWER_BI_PRO" in tenant.holds(name) for name in ("grace", "ivan"))


def test_what_comes_back_is_direct_whatever_inherited_says(tenant, path):
    tenant.store.add_claim(next(pool for pool in tenant.store.pools.values() if pool.sku_id == E3), "user", tenant.user_id("heidi"), ())
    before = held(tenant, "heidi")
    release(tenant, path, "heidi")
    result = restore(tenant, path, "heidi", inherited="fail")
    assert not result["failed"], result["msg"]
    assert held(tenant, "heidi") == before


def test_a_name_that_two_users_had_is_no_name(tenant, path):
    release(tenant, path, "bob")
    first = tenant.user_id("bob")
    user = tenant.store._by_upn.pop(upn("bob"))
    user["userPrincipalName"] = "bob.old@contoso.example"
    tenant.store._by_upn["bob.old@contoso.example"] = user
    second = tenant.store.add_user(upn("bob"), "Bob Two", "DE")
    tenant.store.add_claim(next(pool for pool in tenant.store.pools.values() if pool.sku_id == E3), "user", second["id"], ())
    release(tenant, path, "bob")
    result = restore(tenant, path, "bob")
    assert first in result["msg"] and second["id"] in result["msg"]
    assert not restore(tenant, path, "bob.old@contoso.example")["failed"]


def test_a_sku_that_only_the_record_knows_can_be_kept(tenant, path):
    release(tenant, path, "dave")
    tenant.store.skus.pop(BI)
    tenant.store.pools = {key: pool for key, pool in tenant.store.pools.items() if pool.sku_id != BI}
    result = release(tenant, path, "bob", keep=["POWER_BI_PRO"])
    assert not result["failed"], result["msg"]


TEXTS = {
    "YAML": ("[{user: bob@contoso.example, usage_location: SE}]", None),
    "a text": ("bob@contoso.example", "users: expected a list, got text"),
    "half of a surrogate pair": ('["a\\ud800b@x"]', "it contains a character"),
    "a circle": ("&a [*a]", "users: expected a list"),
}


@pytest.mark.parametrize("title", TEXTS)
def test_a_list_in_a_text(tenant, title):
    text, said = TEXTS[title]
    result = tenant.run(MODULE, users=text)
    assert result["failed"] == (said is not None)
    assert said is None or said in result["msg"]


def test_record_and_report_are_two_files(tenant, path):
    result = release(tenant, path, "bob", report_path=str(path))
    assert "record_path and report_path are one file" in result["msg"]


def test_where_nothing_can_be_recorded_nothing_is_removed(tenant, path):
    """The disk is full: the head of the file fits, an episode does not."""
    release(tenant, path, "grace")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, limits[1]))
    try:
        result = release(tenant, path, "bob", "heidi")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "record_path: cannot write" in result["msg"]
    assert not tenant.writes()
    assert not release(tenant, path, "bob", "heidi")["failed"], "what was cut off counts for nothing"
    restore(tenant, path, "bob", "heidi")
    assert "SPE_E3" in tenant.holds("bob")


@pytest.mark.parametrize("action", ["cut_before", "cut_after"])
def test_a_lost_answer_loses_no_record_and_is_recorded_once(tenant, path, action):
    before = {name: held(tenant, name) for name in ("bob", "dave")}
    tenant.fault("\\$batch", method="POST", action=action, skip=1)
    release(tenant, path, "bob", "dave", max_wait=0.0)
    release(tenant, path, "bob", "dave")
    assert tenant.holds("bob") == tenant.holds("dave") == {}
    assert states(path).count("recorded") == 2
    restore(tenant, path, "bob", "dave")
    assert {name: held(tenant, name) for name in before} == before


@pytest.mark.parametrize(("name", "path_of_write", "method"), [("bob", "assignLicense", "POST"), ("heidi", "members/.*ref", "DELETE")])
@pytest.mark.parametrize("status", [400, 403, 429])
def test_a_rejection_behind_a_lost_answer_drops_no_record(tenant, path, name, path_of_write, method, status):
    """The lost attempt was carried out: what comes back for the next one says nothing of it."""
    before = held(tenant, name)
    tenant.fault(path_of_write, method=method, action="cut_after", times=1)
    tenant.fault(path_of_write, method=method, status=status, code="Request_BadRequest", message="no", times=99, headers={"Retry-After": "1"})
    release(tenant, path, name, max_wait=2.0)
    assert held(tenant, name) != before
    tenant.clear_faults()
    release(tenant, path, name)
    restore(tenant, path, name)
    assert held(tenant, name) == before


def test_the_limit_is_a_part_of_what_all_listed_users_hold(tenant, path):
    names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"]
    users = [{"user": upn(name), "usage_location": "DE", **({"last_day": "2020-01-01"} if name == "bob" else {})} for name in names]
    options = {"users": users, "record_path": str(path), "record_missing": "create"}
    assert not tenant.check(MODULE, **options)["failed"]
    only = tenant.check(MODULE, **options, leavers="only")
    assert not only["failed"], only["msg"]
    assert only["summary"]["changed"] == 1


TWO_ENTRIES = {
    "leaves, and has a profile": ([{"user": upn("bob"), "last_day": "2020-01-01"}, {"user": "<bob>", "usage_location": "DE"}], "only"),
    "the same, joiners alone": ([{"user": upn("bob"), "last_day": "2020-01-01"}, {"user": "<bob>", "usage_location": "DE"}], "skip"),
    "leaves today and later": ([{"user": upn("bob"), "state": "released", "last_day": "2099-01-01"}, {"user": "<bob>", "state": "released"}], "release"),
}


@pytest.mark.parametrize("title", TWO_ENTRIES)
def test_an_entry_that_is_skipped_conflicts_as_well(tenant, path, title):
    users, leavers = TWO_ENTRIES[title]
    listed = [{**one, "user": one["user"].replace("<bob>", tenant.user_id("bob"))} for one in users]
    result = tenant.run(MODULE, users=listed, leavers=leavers, record_path=str(path), record_missing="create", max_removals="100%")
    assert "conflicting entries of one user, users[0]" in result["msg"]
    assert not tenant.writes()


def test_two_entries_that_are_skipped_are_no_conflict(tenant):
    users = [{"user": upn("bob"), "last_day": "2020-01-01"}, {"user": tenant.user_id("bob"), "last_day": "2020-01-02"}]
    result = tenant.run(MODULE, users=users, leavers="skip")
    assert not result["failed"], result["msg"]
    assert [row["outcome"] for row in result["results"]] == ["skipped", "skipped"]


def test_assignments_that_cannot_be_read_stop_the_release(tenant, path):
    """Where there are allotments, what is not read would be removed and not recorded."""
    tenant.fault("cloudLicensing/assignments", method="GET", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=99)
    result = release(tenant, path, "heidi")
    assert result["failed"]
    assert not tenant.writes()
