# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users from files with groups and seats of allotments, on the sandbox: one plan, in the order in which nothing is lost."""

from __future__ import annotations

import copy

import pytest
from support.contract import prove
from support.seeds import crowd, upn
from support.tenant import SEED

MODULE = "licensed_users"
PROFILES = {
    "base": {"usage_location": "DE"},
    "desk": {"inherits": "base", "groups": ["Support desk"]},
    "analyst": {"inherits": "base", "licenses": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]},
    "lead": {"inherits": "base", "licenses": [{"sku": "SPE_E5"}]},
    "figures": {"inherits": "base", "licenses": [{"sku": "POWER_BI_PRO"}]},
    "team": {"inherits": "base", "groups": ["support desk"], "licenses": [{"sku": "POWER_BI_PRO"}]},
}
HEAD, FIELD, E5, E3 = "Power BI, headquarters", "Power BI, field", "E5", "E3"


def entry(name: str, **more) -> dict:
    return {"user": upn(name), **more}


def moved(name: str, profile: str, old: str, **more) -> dict:
    return entry(name, profile=profile, **{"from": old}, **more)


def allotments(tenant) -> dict[str, str]:
    """The ids of allotments by their name in the seed."""
    from sandbox_tenant.tenant import _pool_id

    return {row["name"]: _pool_id(row["name"]) for row in SEED["allotments"]}


def seats(tenant, name: str) -> dict[str, list[str]]:
    """The allotments in which a user has an assignment."""
    names = {pool_id: name for name, pool_id in allotments(tenant).items()}
    return sorted(names.get(claim["allotment"], claim["allotment"]) for claim in tenant.claims(tenant.user_id(name)))


def members(tenant, group: str) -> set[str]:
    group_id = tenant.group_id(group)
    users = tenant.store.users
    return {users[user_id]["userPrincipalName"].partition("@")[0] for user_id in tenant.store.members[group_id]}


def actions(result: dict, index: int = 0) -> list[str]:
    return [row["action"] for row in result["results"][index]["changes"]]


def paths(tenant) -> list[str]:
    """Method and last part of each write, in order."""
    return [f"{one['method']} {one['path'].rpartition('/')[2].partition('?')[0]}" for one in tenant.writes()]


def test_a_joiner_gets_the_group(tenant):
    result = prove(tenant, MODULE, users=[entry("grace", profile="desk")], profiles=PROFILES)
    assert actions(result) == ["set_usage_location", "join_group", "service_plans"]
    assert "grace" in members(tenant, "Support desk")


def test_a_mover_from_a_direct_license_to_a_group_is_never_without(tenant):
    result = prove(tenant, MODULE, users=[moved("bob", "desk", "analyst")], profiles=PROFILES, remove="previous")
    assert actions(result)[:2] == ["join_group", "remove"]
    assert result["results"][0]["changes"][1]["reason"] == "after group Support desk assigns it"
    assert tenant.holds("bob") == {}
    assert "bob" in members(tenant, "Support desk")


def test_a_direct_copy_goes_only_once_the_group_shows(tenant):
    seed = copy.deepcopy(SEED)
    tenant.reset(seed)
    tenant.conditions({"stale_reads": 3})
    result = tenant.run(MODULE, users=[moved("bob", "desk", "analyst")], profiles=PROFILES, remove="previous")
    assert not result["failed"], result.get("msg")
    assert paths(tenant)[-1].startswith("POST assignLicense")
    assert tenant.holds("bob") == {}


def test_who_waits_is_no_failure_and_the_next_run_goes_on(tenant):
    tenant.conditions({"stale_reads": 1000})
    users = [moved("bob", "desk", "analyst"), entry("carol", licenses=[{"sku": "SPE_E3"}])]
    first = tenant.run(MODULE, users=users, profiles=PROFILES, remove="previous", wait_timeout=0)
    assert not first["failed"]
    assert [row["outcome"] for row in first["results"]] == ["waiting", "unchanged"]
    assert first["summary"]["waiting"] == 1
    assert tenant.holds("bob") == {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE"]}
    tenant.clear_faults()
    second = tenant.run(MODULE, users=users, profiles=PROFILES, remove="previous")
    assert [row["outcome"] for row in second["results"]] == ["changed", "unchanged"]
    assert actions(second)[0] == "remove"
    third = tenant.run(MODULE, users=users, profiles=PROFILES, remove="previous")
    assert not third["changed"]


def test_from_a_group_to_a_direct_license(tenant):
    result = prove(tenant, MODULE, users=[moved("heidi", "analyst", "desk")], profiles=PROFILES, remove="previous")
    assert actions(result) == ["add", "leave_group"]
    assert "heidi" not in members(tenant, "Support desk")
    assert tenant.holds("heidi") == {"SPE_E3": ["SWAY"]}


def test_what_both_profiles_name_stays_by_whatever_name(tenant):
    profiles = {**PROFILES, "desk": {"groups": [tenant.group_id("Support desk").upper()]}}
    result = prove(tenant, MODULE, users=[moved("heidi", "team", "desk")], profiles=profiles, remove="previous")
    assert actions(result) == ["add", "service_plans"]
    assert "heidi" in members(tenant, "Support desk")


# title: (entry, options, code of the error)
PREDICTED = {
    "a dynamic group": ({"groups": ["Everybody in sales"]}, "members_not_manageable"),
    "no such group": ({"groups": ["Suport desk"]}, "name_unknown"),
    "a name of two groups": ({"groups": ["Project team"]}, "name_unknown"),
    "an allotment of many": ({"allotments": [{"sku": "POWER_BI_PRO"}]}, "allotment_ambiguous"),
    "no allotment": ({"allotments": [{"sku": "STANDARDPACK"}]}, "name_unknown"),
    "no such allotment": ({"allotments": [{"allotment": "xyz"}]}, "name_unknown"),
    "another kind": ({"allotments": [{"sku": "INTUNE_A_D"}]}, "not_assignable_to_kind"),
}


@pytest.mark.parametrize("title", PREDICTED)
def test_predicted(tenant, title):
    more, code = PREDICTED[title]
    users = [entry("grace", usage_location="DE", **more), entry("frank", profile="analyst")]
    result = prove(tenant, MODULE, users=users, profiles=PROFILES)
    assert [row["outcome"] for row in result["results"]] == ["failed", "changed"]
    assert result["results"][0]["findings"][-1]["code"] == code
    assert tenant.holds("grace") == {}


def test_the_last_seat_of_a_licensing_group(tenant):
    """The dry run counts the seats that joins take; two joiners, one seat."""
    seed = copy.deepcopy(SEED)
    for row in seed["skus"]:
        if row["part_number"] == "SPE_E3":
            row.update(enabled=6, warning=0)
    seed["allotments"] = [row for row in seed["allotments"] if row["name"] not in (E3, E5)]
    tenant.reset(seed)
    result = prove(tenant, MODULE, users=[entry("grace", profile="desk"), entry("kim", profile="desk")], profiles=PROFILES)
    assert [row["outcome"] for row in result["results"]] == ["changed", "failed"]
    assert result["results"][1]["failure"]["code"] == "no_seats"


def test_a_seat_of_an_allotment(tenant):
    ids = allotments(tenant)
    users = [entry("grace", allotments=[{"sku": "power_bi_pro", "allotment_choice": "most_available"}])]
    result = prove(tenant, MODULE, users=users)
    assert actions(result)[0] == "create_seat"
    assert seats(tenant, "grace") in ([HEAD], [FIELD])
    assert ids[HEAD] != ids[FIELD]


def test_a_direct_license_and_the_assignment_behind_it_are_one_holding(tenant):
    """Erin holds E5 directly, and an assignment of the only allotment of E5 is behind it."""
    profiles = {**PROFILES, "seat": {"allotments": [{"sku": "SPE_E5"}]}}
    result = prove(tenant, MODULE, users=[moved("erin", "seat", "lead")], profiles=profiles, remove="previous")
    assert not result["changed"]
    back = prove(tenant, MODULE, users=[moved("erin", "lead", "seat")], profiles=profiles, remove="previous")
    assert actions(back) == ["set_usage_location"]
    assert tenant.holds("erin") == {"SPE_E5": []}


def test_from_a_direct_license_to_a_seat_of_another_allotment(tenant):
    """The seat is created first, and the old assignment is deleted by its id: removing the license would delete both."""
    ids = allotments(tenant)
    profiles = {**PROFILES, "field": {"usage_location": "DE", "allotments": [{"allotment": ids[FIELD]}]}}
    assert seats(tenant, "dave") == [E3, HEAD]
    users = [moved("dave", "field", "figures")]
    result = prove(tenant, MODULE, users=users, profiles=profiles, remove="previous")
    assert actions(result) == ["set_usage_location", "create_seat", "delete_seat"]
    assert seats(tenant, "dave") == [E3, FIELD]
    assert "POWER_BI_PRO" in tenant.holds("dave")
    tenant.reset(SEED)
    tenant.forget()
    tenant.run(MODULE, users=users, profiles=profiles, remove="previous")
    assert [path.split()[0] for path in paths(tenant)] == ["PATCH", "POST", "DELETE"]


def test_a_seat_beside_a_direct_license_is_a_warning_without_remove(tenant):
    ids = allotments(tenant)
    result = prove(tenant, MODULE, users=[entry("dave", allotments=[{"allotment": ids[FIELD]}])])
    assert [one["code"] for one in result["results"][0]["findings"]] == ["second_seat"]
    assert seats(tenant, "dave") == [E3, FIELD, HEAD]


def test_where_the_old_assignment_does_not_show_nothing_is_written(tenant):
    seed = copy.deepcopy(SEED)
    seed["allotments"] = [row for row in seed["allotments"] if row["name"] != HEAD]
    tenant.reset(seed)
    users = [moved("dave", "field", "figures")]
    profiles = {**PROFILES, "field": {"allotments": [{"sku": "POWER_BI_PRO"}]}}
    for row in tenant.store.claims_of(tenant.user_id("dave")):
        pool = tenant.store.pools[row.pool_id]
        if pool.sku_id == "f8a1db68-be16-40ed-86d5-cb42ce701560" and not pool.is_hidden:
            tenant.store.delete_claim(row)
            hidden = next(one for one in tenant.store.pools.values() if one.is_hidden and one.sku_id == pool.sku_id)
            tenant.store.add_claim(hidden, "user", tenant.user_id("dave"), ())
    before = tenant.state()
    result = tenant.run(MODULE, users=users, profiles=profiles, remove="previous")
    assert result["results"][0]["failure"]["code"] == "assignment_unseen"
    assert tenant.state() == before


def test_a_seat_that_one_user_frees_serves_another(tenant):
    """Two seats of the field allotment: both are taken, one is freed."""
    ids = allotments(tenant)
    profiles = {"field": {"usage_location": "DE", "allotments": [{"allotment": ids[FIELD]}]}, "none": {"usage_location": "DE"}}
    tenant.run(MODULE, users=[entry(name, profile="field") for name in ("grace", "kim")], profiles=profiles)
    users = [entry("frank", profile="field"), moved("kim", "none", "field"), entry("judy", profile="field")]
    result = prove(tenant, MODULE, users=users, profiles=profiles, remove="previous", max_removals="100%")
    assert [row["outcome"] for row in result["results"]] == ["changed", "changed", "failed"]


def test_many_join_twenty_in_a_request(tenant):
    people = crowd(tenant, 45)
    tenant.forget()
    result = tenant.run(MODULE, users=[entry(name, groups=["Support desk"]) for name in people], seat_check="try", wait_timeout=0)
    assert not result["failed"], result["msg"]
    assert [one["method"] for one in tenant.writes()] == ["PATCH"] * 3
    assert members(tenant, "Support desk") >= set(people)


def test_a_user_who_is_a_member_already_stops_no_other(tenant):
    """Another run was faster with one of them."""
    tenant.fault(
        f"groups/{tenant.group_id('Support desk')}",
        method="PATCH",
        status=400,
        code="Request_BadRequest",
        message="One or more added object references already exist",
        times=1,
    )
    result = tenant.run(MODULE, users=[entry("grace", profile="desk"), entry("kim", profile="desk")], profiles=PROFILES)
    assert [row["outcome"] for row in result["results"]] == ["changed", "changed"]
    assert {"grace", "kim"} <= members(tenant, "Support desk")


def test_a_join_that_graph_rejects_is_the_failure_of_its_users(tenant):
    tenant.fault(f"groups/{tenant.group_id('Support desk')}", method="PATCH", status=403, code="Authorization_RequestDenied", message="Insufficient privileges")
    result = tenant.run(MODULE, users=[moved("bob", "desk", "analyst"), entry("frank", profile="analyst")], profiles=PROFILES, remove="previous")
    assert [row["outcome"] for row in result["results"]] == ["failed", "changed"]
    assert tenant.holds("bob") == {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE"]}, "nothing is removed from a user whose replacement did not come"


def group_seed(**licenses: list[str]) -> dict:
    """The seed with groups of one member, frank, that assign SKUs."""
    seed = copy.deepcopy(SEED)
    seed["groups"] = [
        {"display_name": name, "key": f"group {place}", "members": ["frank"], "licenses": [{"sku": sku} for sku in skus]}
        for place, (name, skus) in enumerate(licenses.items())
    ]
    return seed


def test_who_is_a_member_already_waits_until_the_license_shows(tenant):
    """The second run finds a member whose license does not show: the old license stays."""
    tenant.reset(group_seed(Leads=["SPE_E5"]))
    profiles = {**PROFILES, "lead": {"groups": ["Leads"]}, "desk": {}, "team": {}}
    tenant.store.add_member(tenant.group_id("Leads"), tenant.user_id("bob"))  # Graph has not carried it out
    pool = next(one for one in tenant.store.pools.values() if one.sku_id == "06ebc4ee-1bb5-47dd-8120-11324bc54e06")
    pool.units = len(pool.seats)
    result = tenant.run(MODULE, users=[moved("bob", "lead", "analyst")], profiles=profiles, remove="previous", wait_timeout=0)
    assert "SPE_E3" in tenant.holds("bob")
    assert result["results"][0]["outcome"] in ("waiting", "failed"), result


def test_a_seat_that_no_file_names_stays(tenant):
    ids = allotments(tenant)
    tenant.store.add_claim(tenant.store.pools[ids[FIELD]], "user", tenant.user_id("dave"), ())
    profiles = {name: {"allotments": [{"allotment": ids[HEAD]}]} for name in ("new", "old")}
    result = prove(tenant, MODULE, users=[moved("dave", "new", "old")], profiles=profiles, remove="previous")
    assert not result["changed"]
    assert seats(tenant, "dave") == [E3, FIELD, HEAD]


REPLACED = {
    "by a group": {"groups": ["Support desk"]},
    "by a seat": {"allotments": [{"sku": "SPE_E5"}]},
}


@pytest.mark.parametrize("title", REPLACED)
def test_nothing_is_removed_before_what_replaces_it(tenant, title):
    """Power BI and what replaces it have no service plan in common, and Graph rejects the replacement."""
    profiles = {**PROFILES, "new": REPLACED[title]}
    said = {"status": 403, "code": "Authorization_RequestDenied", "message": "Insufficient privileges", "times": 9}
    tenant.fault(f"groups/{tenant.group_id('Support desk')}", method="PATCH", **said)
    tenant.fault(f"users/{tenant.user_id('dave')}/cloudLicensing/assignments", method="POST", **said)
    result = tenant.run(MODULE, users=[moved("dave", "new", "figures")], profiles=profiles, remove="previous")
    assert result["results"][0]["outcome"] == "failed"
    assert "POWER_BI_PRO" in tenant.holds("dave")


def test_what_one_join_is_refused_keeps_no_other_license_away(tenant):
    tenant.reset(group_seed(One=["POWER_BI_PRO"], Two=["SPE_E3"]))
    tenant.fault(f"groups/{tenant.group_id('Two')}", method="PATCH", status=403, code="Authorization_RequestDenied", message="no", times=9)
    users = [entry("grace", usage_location="DE", groups=["One", "Two"], licenses=[{"sku": "SPE_E5"}])]
    for dummy in range(3):
        result = tenant.run(MODULE, users=users)
        assert result["results"][0]["outcome"] == "failed", "the answer of every step counts"
    assert tenant.holds("grace") == {"SPE_E5": []}
    assert "grace" in members(tenant, "One")


def test_names_of_groups_that_differ_in_case_only(tenant):
    tenant.reset(group_seed(Leads=["SPE_E5"], LEADS=["POWER_BI_PRO"]))
    users = [entry("grace", groups=["Leads"]), entry("heidi", groups=["LEADS"])]
    prove(tenant, MODULE, users=users)
    assert members(tenant, "Leads") == {"frank", "grace"}
    assert members(tenant, "LEADS") == {"frank", "heidi"}


def test_a_read_that_fails_while_the_run_waits_loses_nothing(tenant):
    user_id = tenant.user_id("bob")
    tenant.fault(f"/users/{user_id}", method="GET", status=403, code="Authorization_RequestDenied", message="no", times=9)
    users = [moved("bob", "team", "analyst")]
    result = tenant.run(MODULE, users=users, profiles=PROFILES, remove="previous", wait_timeout=0)
    assert [row["outcome"] for row in result["results"]] == ["waiting"]
    assert "join_group" in actions(result)


def test_a_seat_right_after_the_usage_location(tenant):
    tenant.conditions({"location_lag": 1})
    users = [entry("alice", usage_location="DE", allotments=[{"sku": "SPE_E5"}], licenses=[{"sku": "SPE_E3"}])]
    result = tenant.run(MODULE, users=users)
    assert not result["failed"], result["msg"]
    assert set(tenant.holds("alice")) == {"SPE_E3", "SPE_E5"}


def test_a_seat_through_a_group_that_no_file_names_is_counted(tenant):
    """Grace has a seat of the headquarters through a group, and all seats there are in use: a seat of her own takes no further one."""
    ids, seed = allotments(tenant), group_seed(Hidden=["POWER_BI_PRO"])
    tenant.reset(seed)
    tenant.store.add_member(tenant.group_id("Hidden"), tenant.user_id("grace"))
    pool = tenant.store.pools[ids[HEAD]]
    tenant.store.allot(pool)
    pool.units = len(pool.seats)
    result = prove(tenant, MODULE, users=[entry("grace", usage_location="DE", allotments=[{"allotment": ids[HEAD]}])])
    assert not result["failed"], result["msg"]


def test_service_plans_are_carried_from_a_license_to_a_seat(tenant):
    profiles = {**PROFILES, "seat": {"usage_location": "DE", "allotments": [{"sku": "SPE_E5"}]}}
    prove(tenant, MODULE, users=[moved("bob", "seat", "analyst")], profiles=profiles, remove="previous", carry_plans=True)
    assert tenant.holds("bob") == {"SPE_E5": ["SWAY", "YAMMER_ENTERPRISE"]}


def test_what_no_listed_user_needs_is_not_read(tenant):
    """Another profile has groups and allotments, and cloudLicensing cannot be read here."""
    tenant.fault("admin/cloudLicensing", status=403, code="Authorization_RequestDenied", message="no", times=9)
    profiles = {**PROFILES, "other": {"groups": ["no such group"], "allotments": [{"sku": "POWER_BI_PRO"}]}}
    result = tenant.run(MODULE, users=[entry("grace", profile="analyst")], profiles=profiles)
    assert not result["failed"], result["msg"]
    assert result["summary"]["requests"] == 3
    needed = tenant.run(MODULE, users=[entry("grace", profile="other")], profiles=profiles)
    assert needed["failed"]


def test_requests_are_few(tenant):
    """45 users, two groups, an allotment: pages of users, groups and members, allotments and assignments; then batches of twenty."""
    people = crowd(tenant, 45)
    ids = allotments(tenant)
    tenant.store.pools[ids[FIELD]].units = 100
    profile = {"usage_location": "DE", "groups": ["Support desk", tenant.group_id("Everybody in sales")], "allotments": [{"allotment": ids[FIELD]}]}
    tenant.store.groups[tenant.group_id("Everybody in sales")]["groupTypes"] = []
    tenant.forget()
    users = [entry(name, profile="all") for name in people]
    dry = tenant.check(MODULE, users=users, profiles={"all": profile}, seat_check="try")
    reads = dry["summary"]["requests"]
    assert reads <= 1 + 2 + 2 + 1 + 4 + 2, "a page of users, members of two groups, the groups, assignments, and four"
    real = tenant.run(MODULE, users=users, profiles={"all": profile}, seat_check="try", wait_timeout=0)
    writes = real["summary"]["requests"] - reads
    assert writes <= (3 + 2) + 2 * (3 + 2), "a batch for each ten users with a location and a seat, and a call for each twenty joins of a group"


def test_a_free_seat_of_an_allotment_is_drawn_before_direct_licenses(tenant):
    """E5 has one unit, which erin frees for alice. Alice's seat of the headquarters is free, and a direct license of bob must not be drawn from it."""
    seed = copy.deepcopy(SEED)
    for user in seed["users"]:
        user.pop("licenses", None)
        user["usage_location"] = "DE"
        if user["name"] == "erin":
            user["licenses"] = [{"sku": "SPE_E5"}]
    for name, enabled in (("SPE_E5", 1), ("POWER_BI_PRO", 2)):
        next(row for row in seed["skus"] if row["part_number"] == name).update(enabled=enabled, warning=0)
    seed["groups"] = []
    seed["devices"] = []
    seed["allotments"] = [{**row, "units": 1} for row in seed["allotments"] if row["name"] in (HEAD, FIELD)]
    tenant.reset(seed)
    profiles = {
        "lead": {"licenses": [{"sku": "SPE_E5"}], "allotments": [{"allotment": allotments(tenant)[HEAD]}]},
        "figures": {"licenses": [{"sku": "POWER_BI_PRO"}]},
        "none": {"usage_location": "DE"},
    }
    users = [entry("alice", profile="lead"), entry("bob", profile="figures"), entry("erin", profile="none", **{"from": "lead"})]
    result = prove(tenant, MODULE, users=users, profiles=profiles, remove="previous")
    assert [row["outcome"] for row in result["results"]] == ["changed"] * 3


def test_a_second_seat_that_goes_with_the_direct_license_is_named(tenant):
    for pool in [pool for pool in tenant.store.pools.values() if pool.id in (allotments(tenant)[HEAD], allotments(tenant)[FIELD])]:
        if pool.id not in {claim["allotment"] for claim in tenant.claims(tenant.user_id("grace"))}:
            tenant.store.add_claim(pool, "user", tenant.user_id("grace"), ())
    users = [moved("grace", "base", "figures"), entry("alice", usage_location="DE", allotments=[{"sku": "SPE_E3", "allotment_choice": "most_available"}])]
    result = tenant.check(MODULE, users=users, profiles=PROFILES, remove="previous")
    assert "all 2 seats of POWER_BI_PRO are removed from" in str(result["results"][0]["findings"])
