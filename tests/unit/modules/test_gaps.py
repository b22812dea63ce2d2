# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Movers between any two profiles, while groups lose licenses: what a user has before and after, the user has after every single request in between."""

from __future__ import annotations

import copy

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox_tenant.tenant import _pool_id
from support.seeds import upn
from support.tenant import SEED

MODULE, USER = "licensed_users", upn("bob")
PLANS = {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE"], "SPE_E5": ["SWAY", "THREAT_INTELLIGENCE"], "POWER_BI_PRO": ["BI_AZURE_P2"]}
GROUPS = ["A", "B", "C"]
NAMES = {sku["part_number"]: {plan["name"] for plan in sku["service_plans"]} for sku in SEED["skus"]}
POOLS = {sku: [row["name"] for row in SEED["allotments"] if row["sku"] == sku] for sku in PLANS}


def with_plans(sku: str, key: str, value: str) -> st.SearchStrategy[dict]:
    """An entry of a profile, perhaps with service plans off."""
    return st.fixed_dictionaries({key: st.just(value)}, optional={"disabled_plans": st.lists(st.sampled_from(PLANS[sku]), min_size=1, max_size=1)})


LICENSE = st.sampled_from(list(PLANS)).flatmap(lambda sku: with_plans(sku, "sku", sku))
SEAT = st.sampled_from([(sku, name) for sku, names in POOLS.items() for name in names]).flatmap(lambda one: with_plans(one[0], "allotment", _pool_id(one[1])))
PROFILE = st.fixed_dictionaries(
    {"usage_location": st.just("DE")},
    optional={
        "licenses": LICENSE.map(lambda one: [one]),
        "allotments": SEAT.map(lambda one: [one]),
        "groups": st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True),
    },
)


def world(licenses: list[dict]) -> dict:
    """A tenant with seats for everybody, where each group has one license."""
    seed = copy.deepcopy(SEED)
    for user in seed["users"]:
        user.pop("licenses", None)
        user["usage_location"] = "DE"
    seed["groups"] = [{"display_name": name, "members": [], "licenses": [one]} for name, one in zip(GROUPS, licenses)]
    for sku in seed["skus"]:
        sku["enabled"] = 60
    for row in seed["allotments"]:
        row["units"] = 20
    return seed


def effective(tenant) -> set[str]:
    """The service plans that the user has on, by any path."""
    held = [row for row in tenant.state()["users"][USER]["licenses"] if row["state"] == "Active"]
    return set().union(*(NAMES[row["sku"]] - set(row["off"]) for row in held))


def watched(tenant) -> list[set[str]]:
    """What the user has after each request from now on."""
    service, seen = tenant.sandbox.service, []
    handle = type(service).handle.__get__(service)

    def seeing(*call):
        reply = handle(*call)
        seen.append(effective(tenant))
        return reply

    service.handle = seeing
    return seen


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=PROFILE,
    new=PROFILE,
    licenses=st.lists(LICENSE, min_size=3, max_size=3),
    carries=st.booleans(),
    inherited=st.sampled_from(["assign", "accept"]),
    delay=st.sampled_from([0, 1, 2]),
    bare=st.lists(st.sampled_from([0, 1, 2]), max_size=2, unique=True),
)
def test_nothing_is_off_in_between(tenant, old, new, licenses, carries, inherited, delay, bare):
    tenant.reset(world(licenses))
    tenant.conditions({"group_reads": 0})
    profiles = {"old": old, "new": new}
    options = {"profiles": profiles, "plan_check": "try", "max_wait": 3}
    if tenant.run(MODULE, users=[{"user": USER, "profile": "old"}], **options)["failed"]:
        return  # a profile that names one SKU twice
    tenant.conditions({"group_reads": delay})
    before, seen = effective(tenant), watched(tenant)
    options |= {"remove": "previous", "carry_plans": carries, "inherited": inherited, "wait_timeout": 0}
    options["licensing_groups"] = [{"group": GROUPS[place], "remove": [licenses[place]["sku"]]} for place in bare]
    for dummy in range(6):  # each run may end while a group has not assigned its license yet
        result = tenant.run(MODULE, users=[{"user": USER, "profile": "new", "from": "old"}], **options)
        row, outcomes = result["results"][0], {one["outcome"] for one in (*result["results"], *result["group_results"])}
        if row["outcome"] == "failed" or outcomes == {"unchanged"}:
            break
    del tenant.sandbox.service.handle
    if row["outcome"] != "failed":
        assert outcomes == {"unchanged"}, "it ends"
        lasting = before & effective(tenant)
        assert not [lasting - now for now in seen if not lasting <= now]
