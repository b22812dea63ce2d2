# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a SKU: exactly these, these and more, these no longer; chains of SKUs; and the guards."""

from __future__ import annotations

import pytest
from support.contract import prove
from support.seeds import crowd, outcomes, upn

HOLDERS = "sku_holders"


def holders(tenant, sku: str) -> set[str]:
    """Who holds a SKU directly."""
    rows = {name: user["licenses"] for name, user in tenant.state()["users"].items()}
    return {name.partition("@")[0] for name, licenses in rows.items() if any(row["sku"] == sku and row["group"] is None for row in licenses)}


def run(tenant, skus: list[str], check: bool = False, **options) -> dict:
    return tenant.run(HOLDERS, check=check, **holder_params(skus, **options))


def holder_params(skus: list[str], **options) -> dict:
    people = {name: options.pop(name) for name in ("add", "remove", "set", "group", "filter", "mode") if name in options}
    people |= {name: [upn(one) for one in people[name]] for name in ("add", "remove", "set") if name in people}
    return {"skus": [{"sku": sku} for sku in skus], "users": people, **options}


# title: (SKUs, options, who holds each SKU afterwards)
ENTRIES = {
    "exactly these": (["POWER_BI_PRO"], {"set": ["erin", "carol"]}, {"POWER_BI_PRO": {"erin", "carol"}}),
    "these and more": (["POWER_BI_PRO"], {"add": ["erin"]}, {"POWER_BI_PRO": {"dave", "erin"}}),
    "these no longer": (["POWER_BI_PRO"], {"remove": ["dave", "erin"]}, {"POWER_BI_PRO": set()}),
    "add and remove": (["POWER_BI_PRO"], {"add": ["erin"], "remove": ["dave"]}, {"POWER_BI_PRO": {"erin"}}),
    "members of a group": (["POWER_BI_PRO"], {"group": "Support desk"}, {"POWER_BI_PRO": {"heidi", "ivan"}}),
    "members of a group no longer": (["SPE_E3"], {"filter": "department eq 'Sales'", "mode": "remove"}, {"SPE_E3": {"bob"}}),
    "a filter": (["POWER_BI_PRO"], {"filter": "department eq 'Sales'", "mode": "add"}, {"POWER_BI_PRO": {"carol", "dave"}}),
    "a chain, first with seats": (["SPE_E5", "SPE_E3"], {"add": ["grace"]}, {"SPE_E5": {"erin", "frank", "grace"}}),
    "who holds one keeps it": (["SPE_E5", "SPE_E3"], {"add": ["bob", "erin"]}, {"SPE_E5": {"erin", "frank"}, "SPE_E3": {"bob", "carol", "dave"}}),
    "exactly these of a chain": (
        ["SPE_E5", "SPE_E3"],
        {"set": ["bob", "erin", "grace"]},
        {"SPE_E5": {"erin", "grace"}, "SPE_E3": {"bob"}},
    ),
    "moving up": (
        ["SPE_E5", "SPE_E3"],
        {"add": ["bob"], "prefer": "first", "carry_plans": True},
        {"SPE_E5": {"bob", "erin", "frank"}, "SPE_E3": {"carol", "dave"}},
    ),
}


@pytest.mark.parametrize("title", ENTRIES)
def test_entry(tenant, title):
    skus, options, expected = ENTRIES[title]
    result = prove(tenant, HOLDERS, **holder_params(skus, **options))
    assert not result["failed"], result
    assert {sku: holders(tenant, sku) for sku in expected} == expected


def test_a_move_is_one_call_and_carries_service_plans(tenant):
    tenant.forget()
    run(tenant, ["SPE_E5", "SPE_E3"], add=["bob"], prefer="first", carry_plans=True)
    assert len(tenant.writes()) == 1
    assert tenant.holds("bob") == {"SPE_E5": ["SWAY", "YAMMER_ENTERPRISE"]}


def test_when_the_first_is_used_up_the_next_is_taken(tenant):
    result = prove(tenant, HOLDERS, **holder_params(["SPE_E5", "SPE_E3"], add=["grace", "leo", "alice"], usage_location="DE"))
    assert not result["failed"], result
    assert holders(tenant, "SPE_E5") == {"erin", "frank", "grace", "leo"}
    assert "alice" in holders(tenant, "SPE_E3")


def test_when_all_are_used_up_it_is_refused(tenant):
    result = run(tenant, ["SPE_E5"], add=["grace", "carol", "dave"])
    assert outcomes(result) == ["changed", "changed", "failed"]
    assert result["results"][2]["failure"]["code"] == "no_seats"


def test_the_guards(tenant):
    limited = run(tenant, ["SPE_E3"], set=["bob"], max_removals=1)
    assert limited["failure"]["code"] == "too_many_removals"
    assert "allow_empty: true" in run(tenant, ["SPE_E3"], set=[])["msg"]
    assert "allow_empty: true" in run(tenant, ["SPE_E3"], filter="department eq 'Nowhere'")["msg"]
    assert not tenant.writes()
    assert not run(tenant, ["SPE_E3"], set=[], allow_empty=True)["failed"]
    assert holders(tenant, "SPE_E3") == set()


def test_who_has_it_through_a_group_only(tenant):
    assert outcomes(run(tenant, ["SPE_E3"], add=["heidi"], inherited="accept")) == ["unchanged"]
    assert outcomes(run(tenant, ["SPE_E3"], add=["heidi"], inherited="fail")) == ["failed"]
    kept = run(tenant, ["SPE_E3"], set=["bob", "carol", "dave"])
    assert not kept["changed"], "those of the group are no concern of this module"
    removed = run(tenant, ["SPE_E3"], remove=["heidi"])
    assert (removed["failed"], removed["results"][0]["findings"][0]["code"]) == (False, "inherited_only")


# title: (SKUs, options, part of the message)
MISTAKES = {
    "no SKU": ([], {"add": ["bob"]}, "skus is empty"),
    "nobody": (["SPE_E3"], {}, "users: give add, remove, set, group or filter"),
    "list and group": (["SPE_E3"], {"add": ["bob"], "group": "Support desk"}, "cannot be given with group or filter"),
    "both ways": (["SPE_E3"], {"add": ["bob"], "remove": ["bob"]}, "bob@contoso.example: both in add and in remove"),
    "unknown SKU": (["SPE_E9"], {"add": ["bob"]}, "skus[0].sku: no SKU 'SPE_E9'"),
    "twice": (["SPE_E3", "spe_e3"], {"add": ["bob"]}, "a SKU is named more than once"),
    "unknown group": (["SPE_E3"], {"group": "Nobody"}, "no group has the display name 'Nobody'"),
}


@pytest.mark.parametrize("title", MISTAKES)
def test_mistake(tenant, title):
    skus, options, said = MISTAKES[title]
    result = run(tenant, skus, **options)
    assert said in result["msg"]
    assert not tenant.writes()


def test_an_unknown_person_is_reported_and_the_rest_is_done(tenant):
    result = run(tenant, ["POWER_BI_PRO"], add=["nobody", "erin"])
    assert outcomes(result) == ["failed", "changed"]


def test_a_report_of_holders_is_taken_up(tenant, tmp_path):
    path = str(tmp_path / "report")
    assert run(tenant, ["POWER_BI_PRO"], set=["erin", "carol"], report_path=path)["changed"]
    again = run(tenant, ["POWER_BI_PRO"], set=["erin", "carol"], report_path=path, resume=True)
    assert set(outcomes(again)) == {"skipped"}
    assert "other entries" in run(tenant, ["POWER_BI_PRO"], set=["erin"], report_path=path, resume=True)["msg"]


def test_set_with_a_mistyped_name_takes_nothing_from_anybody(tenant):
    for names in (["bbo"], ["bob", "carol", "daev"]):
        result = run(tenant, ["SPE_E3"], set=names)
        assert "nothing is done before all are found" in result["msg"]
    assert not tenant.writes()


def test_a_sku_that_is_used_up_goes_from_some_to_others(tenant):
    for name in ("grace", "heidi"):
        assert not tenant.run("user_assign_license", user=upn(name), licenses={"add": [{"sku": "SPE_E5"}]})["failed"]
    result = prove(tenant, HOLDERS, **holder_params(["SPE_E5"], set=["bob", "carol"]))
    assert not result["failed"], result
    assert holders(tenant, "SPE_E5") == {"bob", "carol"}


def test_a_chain_of_which_a_group_gives_a_part(tenant):
    assert outcomes(run(tenant, ["SPE_E5", "SPE_E3"], add=["heidi"], inherited="fail")) == ["failed"]
    assert holders(tenant, "SPE_E5") == {"erin", "frank"}


def test_who_is_no_longer_meant_is_not_skipped(tenant, tmp_path):
    path = str(tmp_path / "report")
    sales = {"filter": "department eq 'Sales'", "report_path": path}
    assert run(tenant, ["POWER_BI_PRO"], **sales)["changed"]
    dave = tenant.store.user(upn("dave"))
    dave["department"] = "Legal"
    result = run(tenant, ["POWER_BI_PRO"], **sales, resume=True)
    assert {row["user"]: row["outcome"] for row in result["results"]} == {upn("dave"): "changed", upn("carol"): "skipped"}


@pytest.mark.plain
def test_who_holds_it_already_is_not_read_again(tenant):
    crowd(tenant, 3000)
    now = sorted(holders(tenant, "SPE_E3"))
    assert len(now) > 999
    tenant.forget()
    result = run(tenant, ["SPE_E3"], set=now)
    assert (result["failed"], result["changed"]) == (False, False), result
    assert len(tenant.journal()) <= -(-len(now) // 999) + 2
