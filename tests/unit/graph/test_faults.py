# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No fault of the service loses, doubles or invents a license."""

from __future__ import annotations

import pytest

USER, CLOUD = "user_assign_license", "cloud_license_assignment"
BUSY = {"status": 409, "code": "Directory_ConcurrencyViolation", "message": "Error due to concurrent requests being made to the tenant."}
LAG = {"status": 400, "code": "Request_BadRequest", "message": "License assignment cannot be done for user with invalid usage location."}

# title: rule
FAULTS = {
    "429, fractional Retry-After": {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "0.35"}},
    "429, no Retry-After": {"status": 429, "code": "TooManyRequests"},
    "429 twice": {"status": 429, "code": "TooManyRequests", "headers": {"Retry-After": "0.1"}, "times": 2},
    "502": {"status": 502},
    "503": {"status": 503, "code": "UnknownError", "message": ""},
    "504": {"status": 504},
    "409": BUSY,
    "cut before": {"action": "cut_before"},
    "cut after": {"action": "cut_after"},
    "cut after, then 503": {"action": "cut_after", "and": {"status": 503}},
    "cut after twice": {"action": "cut_after", "times": 2},
}

# title: (module, options, path of the write, who, what is held afterwards: SKU and what is off)
TASKS = {
    "swap": (USER, {"user": "bob@contoso.example", "licenses": {"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"]}}, "assignLicense", [("SPE_E5", [])]),
    "remove": (USER, {"user": "bob@contoso.example", "licenses": {"remove": ["SPE_E3"]}}, "assignLicense", []),
    "location and swap": (
        USER,
        {"user": "bob@contoso.example", "usage_location": "US", "licenses": {"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"]}},
        r"v1.0/\$batch",
        [("SPE_E5", [])],
    ),
    "create": (
        CLOUD,
        {"user": "bob@contoso.example", "sku": "SPE_E5"},
        "cloudLicensing/assignments$",
        [("SPE_E3", ["SWAY", "YAMMER_ENTERPRISE"]), ("SPE_E5", [])],
    ),
    "patch": (CLOUD, {"user": "bob@contoso.example", "sku": "SPE_E3", "disabled_plans": []}, "cloudLicensing/assignments/", [("SPE_E3", [])]),
    "delete": (CLOUD, {"user": "bob@contoso.example", "sku": "SPE_E3", "state": "absent"}, "cloudLicensing/assignments/", []),
    "create and delete": (
        CLOUD,
        {"user": "dave@contoso.example", "allotment": "{other}", "exclusive": True},
        r"beta/\$batch",
        [("POWER_BI_PRO", []), ("SPE_E3", ["FLOW_O365_P2"])],
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("title", TASKS)
def test_write_with_faults(tenant, title, kind):
    module, options, path, expected = TASKS[title]
    name = options["user"].partition("@")[0]
    if "allotment" in options:
        held = {claim["allotment"] for claim in tenant.claims(tenant.user_id(name))}
        (other,) = set(tenant.pools("POWER_BI_PRO")) - held
        options = {**options, "allotment": other}
    rule = dict(FAULTS[kind])
    second = rule.pop("and", None)
    skip = 1 if "batch" in path else 0
    method = "POST" if skip or title == "create" else ""
    tenant.fault(path, skip=skip, method=method, **rule)
    options = {**options, "max_wait": 8}
    if second:
        tenant.fault(path, skip=skip, method=method, **second)
    result = tenant.run(module, **options)
    assert not result["failed"], result
    assert result["changed"]
    assert any(entry["fault"] for entry in tenant.requests), "the fault was met"
    claims = tenant.claims(tenant.user_id(name))
    assert sorted((claim["sku"], claim["off"]) for claim in claims) == expected, "nothing lost, nothing doubled"
    if module == CLOUD and title.startswith("create"):
        assert result["assignment"]["id"] in {claim["id"] for claim in claims}
    tenant.clear_faults()
    tenant.forget()
    assert not tenant.run(module, **options)["changed"]
    assert not tenant.writes()


@pytest.mark.parametrize("kind", ["429, no Retry-After", "503", "409", "cut before", "cut after"])
@pytest.mark.parametrize("module", [USER, CLOUD])
def test_read_with_faults(tenant, module, kind):
    tenant.fault(r"\$batch", **FAULTS[kind])
    result = tenant.run(module, user="erin@contoso.example", **({"usage_location": "SE"} if module == USER else {"sku": "SPE_E5"}))
    assert not result["failed"], result
    assert not result["changed"]


def test_an_item_of_a_batch_is_throttled_alone(tenant):
    tenant.fault("v1.0/subscribedSkus", status=429, code="TooManyRequests", headers={"Retry-After": "0.2"})
    assert not tenant.run(USER, user="erin@contoso.example", usage_location="SE")["failed"]
    paths = [entry["path"] for entry in tenant.requests if entry["batch"]]
    assert [path.rpartition("/")[2] for path in paths].count("subscribedSkus") == 2
    assert len(paths) == 3, "only the throttled item is sent again"


def test_the_first_of_a_chain_is_throttled_alone(tenant):
    """The dependant is answered 424 and goes again with it."""
    tenant.fault("/v1.0/users/", method="PATCH", status=429, code="TooManyRequests", headers={"Retry-After": "0.1"})
    result = tenant.run(USER, user="alice@contoso.example", usage_location="DE", licenses={"add": [{"sku": "SPE_E5"}]})
    assert not result["failed"], result
    assert tenant.holds("alice") == {"SPE_E5": []}


@pytest.mark.parametrize("module", [USER, CLOUD])
def test_a_location_just_written_is_not_seen_yet(tenant, module):
    tenant.fault("(assignLicense|assignments)$", method="POST", **LAG)
    entry = {"licenses": {"add": [{"sku": "SPE_E5"}]}} if module == USER else {"sku": "SPE_E5"}
    result = tenant.run(module, user="alice@contoso.example", usage_location="DE", **entry)
    assert not result["failed"], result
    assert tenant.holds("alice") == {"SPE_E5": []}
    assert len([entry for entry in tenant.writes() if entry["method"] == "PATCH"]) == 1


def test_without_a_location_of_this_run_the_error_stands(tenant):
    tenant.fault("assignLicense", **LAG)
    result = tenant.run(USER, user="bob@contoso.example", licenses={"remove": ["SPE_E3"]})
    assert "invalid usage location" in result["msg"]
    assert len(tenant.writes()) == 1


def test_a_created_assignment_whose_answer_has_no_id_is_looked_up(tenant):
    tenant.fault("assignments", action="hide_id", method="POST")
    result = tenant.run(CLOUD, user="grace@contoso.example", sku="SPE_E5")
    (claim,) = tenant.claims(tenant.user_id("grace"))
    assert result["assignment"]["id"] == claim["id"]


def test_an_error_after_a_part_was_done_shows_what_was_done(tenant):
    tenant.fault("assignLicense", status=400, code="Request_BadRequest", message="Something that nobody foresaw.")
    result = tenant.run(USER, user="carol@contoso.example", usage_location="FR", licenses={"remove": ["SPE_E3"]})
    assert result["failed"]
    assert result["changed"]
    assert [row["action"] for row in result["changes"]] == ["set_usage_location"]
    assert "Something that nobody foresaw" in result["msg"]
    assert tenant.holds("carol") == {"SPE_E3": []}


def test_patience_ends(tenant):
    tenant.fault("assignLicense", status=429, code="TooManyRequests", headers={"Retry-After": "5"}, times=99)
    result = tenant.run(USER, user="bob@contoso.example", licenses={"remove": ["SPE_E3"]}, max_wait=1)
    assert result["failure"] == {**result["failure"], "status": 429, "retriable": True}
    assert len(tenant.writes()) == 1


def test_wait_that_is_not_met_says_what_is_outstanding(tenant):
    tenant.fault("assignLicense", status=200, code="", message="")
    result = tenant.run(USER, user="bob@contoso.example", licenses={"remove": ["SPE_E3"]}, wait=True, wait_timeout=0.5)
    assert result["failed"]
    assert result["changed"]
    assert "wait_timeout of 0.5 s" in result["msg"]


def test_a_reset_connection_to_nowhere_fails_soon(tenant):
    tenant.options["graph_url"] = "https://127.0.0.1:9"
    result = tenant.run(USER, user="bob@contoso.example", usage_location="DE")
    assert "cannot connect to https://127.0.0.1:9" in result["msg"]
    assert result["failure"]["retriable"]
