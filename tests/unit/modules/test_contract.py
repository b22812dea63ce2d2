# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of every module, proved on the sandbox's journal: the dry run writes nothing and tells the truth, the second run writes nothing."""

from __future__ import annotations

import copy
import os
import signal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_tenant.seed import load_seed
from support.contract import prove
from support.tenant import ROOT, SEED

USER, CLOUD = "user_assign_license", "cloud_license_assignment"


# title: (options of user_assign_license, direct licenses afterwards)
USER_TASKS = {
    "location and license": ({"user": "alice", "usage_location": "DE", "add": [{"sku": "SPE_E5", "disabled_plans": ["SWAY"]}]}, {"SPE_E5": ["SWAY"]}),
    "swap that carries": (
        {"user": "bob", "add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"], "carry_plans": True},
        {"SPE_E5": ["SWAY", "YAMMER_ENTERPRISE"]},
    ),
    "merge": (
        {"user": "bob", "add": [{"sku": "SPE_E3", "enabled_plans": ["SWAY"], "plans_mode": "merge"}]},
        {"SPE_E3": ["YAMMER_ENTERPRISE"]},
    ),
    "set": ({"user": "dave", "set": [{"sku": "SPE_E5"}], "protect": ["POWER_BI_PRO"]}, {"SPE_E5": [], "POWER_BI_PRO": []}),
    "set to nothing": ({"user": "dave", "set": [], "allow_empty": True}, {}),
    "direct beside inherited": ({"user": "heidi", "add": [{"sku": "SPE_E3"}]}, {"SPE_E3": ["SWAY"]}),
    "inherited will do": ({"user": "heidi", "add": [{"sku": "SPE_E3"}], "inherited": "accept"}, {}),
    "remove": ({"user": "carol", "remove": ["SPE_E3", "POWER_BI_PRO"]}, {}),
    "only the location": ({"user": "carol", "usage_location": "FR"}, {"SPE_E3": []}),
    "wait": ({"user": "carol", "add": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}], "wait": True}, {"SPE_E3": ["SWAY"]}),
    "nothing to do": ({"user": "erin", "add": [{"sku": "spe_e5"}]}, {"SPE_E5": []}),
}


def user_params(options: dict) -> dict:
    options = dict(options)
    licenses = {part: options.pop(part) for part in ("add", "remove", "set") if part in options}
    return {**options, "user": f"{options['user']}@contoso.example", **({"licenses": licenses} if licenses else {})}


@pytest.mark.parametrize("title", USER_TASKS)
def test_user_task(tenant, title):
    options, expected = USER_TASKS[title]
    result = prove(tenant, USER, **user_params(options))
    assert not result["failed"]
    assert tenant.holds(options["user"]) == expected
    rows = {row["sku"]: row["disabled_plans"] for row in result["licenses"] if row["origin"] == "direct"}
    assert rows == expected


# title: (options, code of the finding, part of the message)
USER_ERRORS = {
    "no seats": ({"user": "heidi", "add": [{"sku": "STANDARDPACK"}]}, "no_seats", "no free seat of STANDARDPACK (1 of 1 in use)"),
    "no location": ({"user": "alice", "add": [{"sku": "SPE_E5"}]}, "usage_location_missing", "usage_location"),
    "inherited only": ({"user": "ivan", "remove": ["SPE_E3"], "remove_inherited": "fail"}, "inherited_only", "group Support desk ("),
    "inherited, fail": ({"user": "ivan", "add": [{"sku": "SPE_E3"}], "inherited": "fail"}, "already_inherited", "Support desk"),
    "company": ({"user": "erin", "add": [{"sku": "WINDOWS_STORE"}]}, "sku_not_assignable", "organization"),
    "protected": ({"user": "erin", "remove": ["SPE_E5"], "protect": ["SPE_E5"]}, "protected", "protect"),
    "limit": ({"user": "dave", "set": [{"sku": "SPE_E5"}], "max_removals": 1}, "too_many_removals", "max_removals is 1"),
    "exclusion": (
        {"user": "carol", "add": [{"sku": "STANDARDPACK"}], "seat_check": "try"},
        "plans_exclude",
        "SPE_E3 (held) and STANDARDPACK (not held yet) bring service plans that exclude each other, and both would be on: EXCHANGE_S_ENTERPRISE and EX",
    ),
    "dependency": (
        {"user": "carol", "add": [{"sku": "SPE_E3", "disabled_plans": ["SHAREPOINTENTERPRISE"]}]},
        "plans_need",
        "SHAREPOINTWAC needs SHAREPOINTSTANDARD or SHAREPOINTENTERPRISE or SHAREPOINTDESKLESS or another",
    ),
}


def codes(result: dict) -> list[str]:
    return [row["code"] for row in result["findings"]]


def test_an_allow_list_names_what_microsoft_has_added(tenant):
    """Bob's license was made by an allow-list, which does not name a service plan that is on by now."""
    e3 = next(sku for sku in tenant.store.skus.values() if sku["part_number"] == "SPE_E3")
    listed = [plan["name"] for plan in e3["service_plans"] if plan["name"] not in ("SWAY", "YAMMER_ENTERPRISE", "WHITEBOARD_PLAN2")]
    result = prove(tenant, USER, **user_params({"user": "bob", "add": [{"sku": "SPE_E3", "enabled_plans": listed}]}))
    assert codes(result) == ["plans_not_listed"]
    assert "does not name WHITEBOARD_PLAN2 of SPE_E3" in result["findings"][0]["message"]
    first = tenant.check(USER, **user_params({"user": "carol", "add": [{"sku": "SPE_E3", "enabled_plans": listed}]}))
    assert codes(first) == [], "an allow-list that comes into force says nothing"


def test_the_diff_shows_what_stays_through_a_group(tenant):
    tenant.run(USER, **user_params({"user": "heidi", "add": [{"sku": "SPE_E3", "disabled_plans": []}]}))
    result = prove_diff(tenant, {"user": "heidi", "remove": ["SPE_E3"]})
    group = {"group Support desk": {"disabled_plans": ["SWAY"]}}
    assert result["diff"]["before"] == {"SPE_E3": {"direct": {"disabled_plans": []}, **group}}
    assert result["diff"]["after"] == {"SPE_E3": group}
    assert codes(result) == ["still_inherited"]


def prove_diff(tenant, options: dict) -> dict:
    predicted, real = (tenant.run(USER, check=check, **user_params(options)) for check in (True, False))
    assert predicted["diff"] == real["diff"]
    return real


def test_a_second_allotment_is_a_second_seat(tenant):
    (held,) = [claim["allotment"] for claim in tenant.claims(tenant.user_id("dave")) if claim["sku"] == "POWER_BI_PRO"]
    (other,) = [pool for pool in tenant.pools("POWER_BI_PRO") if pool != held]
    assert codes(tenant.check(CLOUD, user="dave@contoso.example", allotment=other, exclusive=True)) == []
    result = prove(tenant, CLOUD, user="dave@contoso.example", allotment=other)
    assert codes(result) == ["second_seat"]
    assert held in result["findings"][0]["message"]
    assert tenant.state()["seats_used"]["POWER_BI_PRO"] == 2


def test_a_license_outside_the_allotments_next_to_an_assignment_is_a_warning(tenant):
    """Two of six seats of E5 are in no allotment: assignLicense gives carol one of them."""
    seed = copy.deepcopy(SEED)
    seed["skus"][0]["enabled"] = 6
    tenant.reset(seed)
    for name in ("grace", "heidi"):
        tenant.run(CLOUD, user=f"{name}@contoso.example", sku="SPE_E5")
    tenant.run(USER, **user_params({"user": "carol", "add": [{"sku": "SPE_E5"}]}))
    tenant.run(CLOUD, user="grace@contoso.example", sku="SPE_E5", state="absent")
    result = prove(tenant, CLOUD, user="carol@contoso.example", sku="SPE_E5")
    assert codes(result) == ["both_apis"]
    assert tenant.state()["seats_used"]["SPE_E5"] == 5


def test_what_a_group_keeps_on_is_not_off(tenant):
    """Heidi has E3 through a group and an assignment of her own: turning something off in the latter turns nothing off."""
    tenant.run(CLOUD, user="heidi@contoso.example", sku="SPE_E3")
    result = prove(tenant, CLOUD, user="heidi@contoso.example", sku="SPE_E3", disabled_plans=["SHAREPOINTENTERPRISE"], plans_mode="merge")
    assert codes(result) == ["plans_stay_on"]
    alone = prove(tenant, CLOUD, user="carol@contoso.example", sku="SPE_E3", disabled_plans=["SHAREPOINTENTERPRISE"])
    assert codes(alone) == ["plans_need"]


def test_usage_rights_that_cannot_be_read_are_spoken_of(tenant):
    tenant.fault("usageRights", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=99)
    assert codes(tenant.check(CLOUD, user="grace@contoso.example", sku="SPE_E5")) == ["rights_unreadable"]
    assert codes(tenant.check(CLOUD, user="erin@contoso.example", sku="SPE_E5")) == []


def test_cloud_licensing_refuses_service_plans_that_exclude_each_other(tenant):
    refused = prove(tenant, CLOUD, user="judy@contoso.example", sku="SPE_E5")
    assert refused["failure"]["code"] == "plans_exclude"
    asked = tenant.run(CLOUD, user="judy@contoso.example", sku="SPE_E5", plan_check="try")
    assert (asked["failure"]["code"], asked["failure"]["status"]) == ("plans_exclude", 400)


@pytest.mark.parametrize("title", USER_ERRORS)
def test_user_error(tenant, title):
    options, code, said = USER_ERRORS[title]
    result = prove(tenant, USER, **user_params(options))
    assert result["failed"]
    assert result["failure"]["code"] == code
    assert said in result["msg"]


def test_the_sandbox_rejects_what_was_predicted(tenant):
    """The finding is right: when Graph is let decide, it refuses."""
    result = tenant.run(USER, **user_params({"user": "heidi", "add": [{"sku": "STANDARDPACK"}], "seat_check": "try", "plan_check": "try"}))
    assert result["failed"]
    assert "does not have any available licenses" in result["msg"]
    assert (result["failure"]["code"], result["failure"]["status"]) == ("no_seats", 400)
    assert result["failure"]["request_id"]


# title: (options of cloud_license_assignment, holder, assignments afterwards as SKU and what is off)
CLOUD_TASKS = {
    "create for a user": ({"user": "erin@contoso.example", "sku": "SPE_E3", "disabled_plans": ["SWAY"]}, "erin", [("SPE_E3", ["SWAY"])]),
    "create with a location": ({"user": "alice@contoso.example", "usage_location": "DE", "sku": "SPE_E5"}, "alice", [("SPE_E5", [])]),
    "most available": ({"user": "grace@contoso.example", "sku": "POWER_BI_PRO", "allotment_choice": "most_available"}, "grace", [("POWER_BI_PRO", [])]),
    "patch": (
        {"user": "bob@contoso.example", "sku": "SPE_E3", "enabled_plans": ["SWAY"], "plans_mode": "merge"},
        "bob",
        [("SPE_E3", ["YAMMER_ENTERPRISE"])],
    ),
    "all on": ({"user": "bob@contoso.example", "sku": "SPE_E3", "disabled_plans": []}, "bob", [("SPE_E3", [])]),
    "absent": ({"user": "carol@contoso.example", "sku": "SPE_E3", "state": "absent"}, "carol", []),
    "absent already": ({"user": "grace@contoso.example", "sku": "SPE_E3", "state": "absent"}, "grace", []),
    "group": ({"group": "Support desk", "sku": "SPE_E3", "disabled_plans": []}, "Support desk", [("SPE_E3", [])]),
    "device": ({"device": "KIOSK-02", "sku": "INTUNE_A_D"}, "KIOSK-02", [("INTUNE_A_D", [])]),
    "device absent": ({"device": "KIOSK-01", "sku": "INTUNE_A_D", "state": "absent"}, "KIOSK-01", []),
}


def holder_id(tenant, name: str) -> str:
    state = tenant.state()
    ids = {**state["devices"], **{value: key for key, value in state["groups"].items()}}
    return ids.get(name) or tenant.user_id(name)


@pytest.mark.parametrize("route", ["principal", "admin", "allotment"])
@pytest.mark.parametrize("title", CLOUD_TASKS)
def test_cloud_task(tenant, title, route):
    options, holder, expected = CLOUD_TASKS[title]
    result = prove(tenant, CLOUD, route=route, **options)
    assert not result["failed"], result
    claims = [claim for claim in tenant.claims(holder_id(tenant, holder)) if claim["sku"] == options["sku"]]
    assert sorted((claim["sku"], claim["off"]) for claim in claims) == expected
    if expected:
        shown = result["assignment"]
        assert (shown["id"], shown["allotment"], shown["disabled_plans"]) == (claims[0]["id"], claims[0]["allotment"], claims[0]["off"])
    else:
        assert result["assignment"] is None


def test_me_on_every_route(tenant):
    """The signed-in user is alice."""
    tenant.options["access_token"] = tenant.credentials["user_access_token"]
    for route, plan in (("principal", "SWAY"), ("admin", "TEAMS1"), ("allotment", "YAMMER_ENTERPRISE")):
        result = prove(tenant, CLOUD, me=True, usage_location="DE", sku="SPE_E5", disabled_plans=[plan], route=route)
        assert result["changed"]
        assert [claim["off"] for claim in tenant.claims(tenant.user_id("alice"))] == [[plan]]
    assert not prove(tenant, USER, me=True, licenses={"remove": ["SPE_E5"]})["failed"]
    assert tenant.holds("alice") == {}
    result = prove(tenant, USER, me=True, usage_location="FR", licenses={"add": [{"sku": "SPE_E5"}]})
    assert result["user"]["user_principal_name"] == "alice@contoso.example"


def test_exclusive_creates_first_and_then_deletes_the_others(tenant):
    first, second = tenant.pools("POWER_BI_PRO")
    who = {"user": "dave@contoso.example"}
    held = tenant.claims(tenant.user_id("dave"))
    (old,) = [claim["allotment"] for claim in held if claim["sku"] == "POWER_BI_PRO"]
    new = second if old == first else first
    tenant.forget()
    result = prove(tenant, CLOUD, **who, allotment=new, exclusive=True)
    assert [row["action"] for row in result["changes"]] == ["create", "delete"]
    assert [claim["allotment"] for claim in tenant.claims(tenant.user_id("dave")) if claim["sku"] == "POWER_BI_PRO"] == [new]
    tenant.run(CLOUD, **who, allotment=old)
    result = prove(tenant, CLOUD, **who, sku="POWER_BI_PRO", exclusive=True)
    assert [row["action"] for row in result["changes"]] == ["delete"]
    assert len([claim for claim in tenant.claims(tenant.user_id("dave")) if claim["sku"] == "POWER_BI_PRO"]) == 1


def test_subscription_narrows(tenant):
    pools = tenant.store.pools
    wanted = tenant.pools("POWER_BI_PRO")[1]
    result = prove(tenant, CLOUD, user="grace@contoso.example", sku="POWER_BI_PRO", subscription_id=pools[wanted].subscription_id)
    assert result["assignment"]["allotment"] == wanted
    mistake = tenant.run(CLOUD, user="erin@contoso.example", sku="POWER_BI_PRO", subscription_id="other")
    assert pools[wanted].subscription_id in mistake["msg"]


# title: (options, code, part of the message)
CLOUD_ERRORS = {
    "not for devices": ({"device": "KIOSK-02", "sku": "SPE_E5"}, "not_assignable_to_kind", "group or user, not to a device"),
    "not for users": ({"user": "erin@contoso.example", "sku": "INTUNE_A_D"}, "not_assignable_to_kind", "device, not to a user"),
    "no location": ({"user": "alice@contoso.example", "sku": "SPE_E5"}, "usage_location_missing", "no usage location"),
}


@pytest.mark.parametrize("title", CLOUD_ERRORS)
def test_cloud_error(tenant, title):
    options, code, said = CLOUD_ERRORS[title]
    result = prove(tenant, CLOUD, **options)
    assert result["failure"]["code"] == code
    assert said in result["msg"]


def test_a_full_allotment_refuses_users_but_lets_groups_wait(tenant):
    for name in ("grace", "heidi"):
        assert not tenant.run(CLOUD, user=f"{name}@contoso.example", sku="SPE_E5")["failed"]
    refused = prove(tenant, CLOUD, user="ivan@contoso.example", sku="SPE_E5")
    assert refused["failure"]["code"] == "no_seats"
    group = prove(tenant, CLOUD, group=tenant.group_id("Support desk"), sku="SPE_E5")
    assert [row["code"] for row in group["findings"]] == ["members_wait"]
    assert tenant.state()["users"]["ivan@contoso.example"]["licenses"][-1]["state"] == "Error"


def test_who_has_a_seat_through_a_group_needs_no_other(tenant):
    for name in ("grace", "carol"):
        assert not tenant.run(CLOUD, user=f"{name}@contoso.example", sku="SPE_E5")["failed"]
    assert not tenant.run(CLOUD, user="carol@contoso.example", sku="SPE_E5", state="absent")["failed"]
    tenant.run(CLOUD, group="Support desk", sku="SPE_E5")
    assert tenant.state()["allotments"][tenant.pools("SPE_E5")[0]]["used"] == 4
    result = prove(tenant, CLOUD, user="heidi@contoso.example", sku="SPE_E5")
    assert not result["failed"], result
    assert tenant.state()["allotments"][tenant.pools("SPE_E5")[0]]["used"] == 4


# what a task costs: module, options, requests when it changes
COSTS = {
    USER: ({"user": "carol@contoso.example", "usage_location": "FR", "licenses": {"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"]}}, 2),
    CLOUD: ({"user": "carol@contoso.example", "usage_location": "FR", "sku": "SPE_E5", "exclusive": True}, 2),
}


@pytest.mark.parametrize("module", COSTS)
def test_one_request_to_look_and_one_to_change(tenant, module):
    options, requests = COSTS[module]
    connection = tenant.sign_in
    tenant.options = dict(connection)
    assert tenant.run(module, **options)["changed"]
    assert len(tenant.journal()) == requests
    assert len(tenant.requests) - len([e for e in tenant.requests if e["batch"]]) == requests + 2
    tenant.forget()
    assert not tenant.run(module, **options)["changed"]
    assert [entry["path"] for entry in tenant.journal()] == ["/v1.0/$batch" if module == USER else "/beta/$batch"]


PEOPLE = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "leo"]
PLANS = {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE", "FORMS_PLAN_E3"], "SPE_E5": ["SWAY", "MCOEV"], "POWER_BI_PRO": ["BI_AZURE_P2"], "STANDARDPACK": ["SWAY"]}


@st.composite
def user_entries(draw):
    skus = draw(st.permutations(list(PLANS)))
    count = draw(st.integers(0, 2))
    entries = []
    for sku in skus[:count]:
        names = draw(st.lists(st.sampled_from(PLANS[sku]), unique=True))
        key = draw(st.sampled_from(["disabled_plans", None]))
        entries.append({"sku": sku, **({key: names} if key else {})})
    entry = {"user": draw(st.sampled_from(PEOPLE)), "inherited": draw(st.sampled_from(["assign", "accept", "fail"])), "carry_plans": draw(st.booleans())}
    location = draw(st.sampled_from([None, "DE", "US"]))
    if location:
        entry["usage_location"] = location
    if draw(st.booleans()):
        return {**entry, "set": entries, "allow_empty": True}
    return {**entry, "add": entries, "remove": list(skus[count : count + draw(st.integers(0, 2))])}


def held_by_all(state: dict) -> dict:
    return {name: user["licenses"] for name, user in state["users"].items()}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(user_entries(), min_size=1, max_size=3))
def test_any_entry_keeps_the_module_contract(tenant, entries):
    """Whatever is desired: an error that only Graph can know (service plans that exclude each other) excepted."""
    tenant.reset()
    for entry in entries:
        params = user_params(entry)
        predicted = tenant.check(USER, **params)
        before = tenant.state()
        tenant.forget()
        real = tenant.run(USER, **params)
        if real["failed"] and not predicted["failed"]:
            assert real["failure"]["code"] in ("plans_need", "plans_exclude")
            assert held_by_all(tenant.state()) == held_by_all(before)
            continue
        assert (predicted["failed"], predicted["changed"], predicted.get("diff")) == (real["failed"], real["changed"], real.get("diff"))
        if not real["failed"]:
            assert tenant.holds(entry["user"]) == {row["sku"]: row["disabled_plans"] for row in real["licenses"] if row["origin"] == "direct"}
        tenant.forget()
        again = tenant.run(USER, **params)
        assert not again["changed"]
        assert not tenant.writes()


@st.composite
def cloud_entries(draw):
    sku = draw(st.sampled_from(["SPE_E5", "SPE_E3", "POWER_BI_PRO", "INTUNE_A_D"]))
    names = draw(st.lists(st.sampled_from(PLANS.get(sku, ["INTUNE_A"])), unique=True))
    people = [("user", f"{name}@contoso.example") for name in PEOPLE if name != "judy"]  # her service plans exclude those of the others
    others = [("group", "Support desk"), ("device", "KIOSK-01"), ("device", "KIOSK-02")]
    who = draw(st.sampled_from(people + others))
    entry = {
        who[0]: who[1],
        "sku": sku,
        "allotment_choice": "most_available",
        "exclusive": draw(st.booleans()),
        "state": draw(st.sampled_from(["present", "present", "absent"])),
        "route": draw(st.sampled_from(["principal", "admin", "allotment"])),
    }
    return {**entry, "disabled_plans": names} if draw(st.booleans()) else entry


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(cloud_entries(), min_size=1, max_size=4))
def test_any_assignment_keeps_the_module_contract(tenant, entries):
    tenant.reset()
    for entry in entries:
        result = prove(tenant, CLOUD, **entry)
        claims = tenant.state()["assignments"]
        assert len({(claim["holder"], claim["allotment"]) for claim in claims}) == len(claims), "no duplicate"
        if not result["failed"] and entry["state"] == "absent":
            assert result["assignment"] is None


# each module that writes to Graph: options of a task that changes something
WRITERS = {
    USER: {"user": "erin@contoso.example", "usage_location": "US"},
    "licensed_users": {"users": [{"user": "erin@contoso.example", "usage_location": "US"}]},
    "users_assign_license": {"users": [{"user": "grace@contoso.example"}], "licenses": {"add": [{"sku": "POWER_BI_PRO"}]}},
    CLOUD: {"user": "grace@contoso.example", "sku": "POWER_BI_PRO", "allotment_choice": "most_available"},
    "cloud_license_assignments": {"assignments": [{"user": "grace@contoso.example", "sku": "POWER_BI_PRO"}], "allotment_choice": "most_available"},
    "group_assign_license": {"group": "Support desk", "licenses": {"add": [{"sku": "SPE_E3", "disabled_plans": []}]}},
    "groups_assign_license": {"groups": [{"group": "Support desk", "licenses": [{"sku": "SPE_E3", "disabled_plans": []}]}]},
    "group_members": {"group": "Support desk", "add": ["alice@contoso.example"]},
    "sku_holders": {"skus": [{"sku": "POWER_BI_PRO"}], "users": {"add": ["grace@contoso.example"]}},
}
READERS = {"license_reprocess"}  # it changes no license


def test_every_module_that_writes_is_proved():
    assert {path.stem for path in (ROOT / "plugins/modules").glob("*.py") if not path.stem.endswith("_info")} == {*WRITERS, *READERS}


@pytest.mark.parametrize("module", WRITERS)
def test_the_contract_of_every_module_that_writes(tenant, module):
    tenant.conditions({"group_reads": 0})
    result = prove(tenant, module, **WRITERS[module])
    assert not result["failed"], result
    assert result["changed"]
    assert result["diff"]


LOST = {"action": "cut_after", "times": 1}


@pytest.mark.parametrize("module", WRITERS)
def test_a_lost_answer_neither_doubles_nor_loses(tenant, module):
    """The answer to the first write does not arrive; the write itself was carried out."""
    tenant.conditions({"group_reads": 0})
    assert not tenant.run(module, **WRITERS[module])["failed"]
    expected = tenant.state()
    tenant.reset()
    tenant.conditions({"group_reads": 0})
    for method in ("POST", "PATCH", "DELETE"):
        tenant.fault("assignLicense|Licensing/assignments|members|users/[^/?]+$", method=method, **LOST)
    real = tenant.run(module, **WRITERS[module])
    assert not real["failed"], real
    tenant.clear_faults()
    assert not tenant.run(module, **WRITERS[module])["changed"]
    after = tenant.state()
    assert held_by_all(after) == held_by_all(expected)
    assert len(after["assignments"]) == len(expected["assignments"])


# what has a usage location to write first, and then a license or a seat
BEHIND = {
    "user_assign_license": {"user": "alice@contoso.example", "licenses": {"add": [{"sku": "SPE_E3"}]}},
    "users_assign_license": {"users": [{"user": "alice@contoso.example"}], "licenses": {"add": [{"sku": "SPE_E3"}]}},
    "cloud_license_assignment": {"user": "alice@contoso.example", "sku": "SPE_E3"},
    "cloud_license_assignments": {"assignments": [{"user": "alice@contoso.example"}], "sku": "SPE_E3"},
    "licensed_users": {"users": [{"user": "alice@contoso.example", "licenses": [{"sku": "SPE_E3"}], "usage_location": "DE"}]},
}


@pytest.mark.plain
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("module", BEHIND)
def test_what_stands_behind_a_lost_write_is_sent_again_before_it_is_judged(tenant, module, times):
    """The write of the usage location has no answer in a batch, so Graph answers 424 for what depends on it, which it did not try."""
    options = BEHIND[module] if module == "licensed_users" else {**BEHIND[module], "usage_location": "DE"}
    tenant.fault("users/[^/?]+$", method="PATCH", status=504, times=times)
    result = tenant.run(module, **options, max_wait=0 if times == 1 else 60)
    assert not result["failed"], result["msg"]
    tenant.clear_faults()
    assert [row["sku"] for row in tenant.state()["users"]["alice@contoso.example"]["licenses"]] == ["SPE_E3"]
    assert len(tenant.claims(tenant.user_id("alice"))) == 1
    assert not tenant.run(module, **options)["changed"]


# each module for many: options for the users of a list, and how a user is called in it
LISTS = {
    "licensed_users": lambda names: {"users": [{"user": name, "licenses": [{"sku": "SPE_E5"}]} for name in names]},
    "users_assign_license": lambda names: {"users": [{"user": name} for name in names], "licenses": {"add": [{"sku": "SPE_E5"}]}},
    "cloud_license_assignments": lambda names: {"assignments": [{"user": name} for name in names], "sku": "SPE_E5"},
    "sku_holders": lambda names: {"skus": [{"sku": "SPE_E5"}], "users": {"add": names}},
}


@pytest.fixture
def names(tenant) -> list[str]:
    """Users of a tenant with seats for all."""
    seed = load_seed(None, 300)
    for sku in seed["skus"]:
        sku["enabled"] = 2000
    for row in seed["allotments"]:
        row["units"] = 900
    tenant.reset(seed)
    tenant.conditions({"write_seconds": 0.01, "writes": 0})
    return [f"user{number:06}@contoso.example" for number in range(1, 301)]


@pytest.mark.parametrize("module", LISTS)
def test_one_locked_account_of_three_hundred_leaves_the_others_done(tenant, module, names):
    locked = tenant.store.users[tenant.user_id("user000150")]["id"]
    tenant.fault(locked, method="POST", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=99)
    result = tenant.run(module, **LISTS[module](names), seat_check="try")
    assert result["summary"]["failed"] == 1, result.get("msg")
    assert result["summary"]["changed"] == 299
    assert "user000150@contoso.example" in result["msg"]


@pytest.mark.parametrize("module", LISTS)
def test_the_progress_of_any_list(tenant, tmp_path, monkeypatch, module, names):
    (tmp_path / "progress").touch()
    monkeypatch.setenv("M365_LICENSING_PROGRESS", str(tmp_path / "progress"))
    tenant.run(module, **LISTS[module](names), seat_check="try")
    lines = (tmp_path / "progress").read_text().splitlines()
    assert lines[0] == "reading the tenant, and planning"
    assert "300 of 300 users read" in lines
    assert lines[-1].startswith("300 of 300 changes written")


@pytest.mark.parametrize("module", LISTS)
def test_an_interrupted_run_of_any_module_is_taken_up(tenant, tmp_path, module, names):
    """A signal arrives with the third batch of writes: what was done is known, and the next run does the rest."""
    service, batches = tenant.sandbox.service, []
    handle = type(service).handle.__get__(service)

    def counting(*call):
        reply = handle(*call)
        batches.extend(["batch"] if tenant.writes() else [])
        if len(batches) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return reply

    options = {**LISTS[module](names), "seat_check": "try", "report_path": str(tmp_path / "report.jsonl"), "concurrency": 1}
    service.handle = counting
    try:
        first = tenant.run(module, **options)
    finally:
        del service.handle
    assert first["failure"]["code"] == "ended"
    assert 0 < first["summary"]["changed"] < 300
    second = tenant.run(module, **options, resume=True)
    assert not second["failed"], second.get("msg")
    assert first["summary"]["changed"] + second["summary"]["changed"] == 300
    assert not tenant.run(module, **LISTS[module](names), seat_check="try")["changed"]
