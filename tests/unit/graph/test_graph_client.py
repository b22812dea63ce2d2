# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against answers that the sandbox does not give: other hosts, other shapes, odd headers."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._graph import retry
from ansible_collections.m365.licensing.plugins.module_utils._graph.answers import claims_of
from ansible_collections.m365.licensing.plugins.module_utils._graph.clouds import CLOUDS, choose_cloud
from ansible_collections.m365.licensing.plugins.module_utils._graph.odata import equals, key_segment
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import ANN, POOL, Server, run
from support.tenant import run_module


def test_wrapped_answers_unknown_members_and_ids_in_other_case(graph):
    result = run(graph)
    assert not result["failed"], result
    assert result["assignment"]["id"] == "new"
    bind = next(body for method, path, body in graph.seen if method == "POST" and path.endswith("/assignments"))
    assert bind["allotment@odata.bind"] == f"{graph.url}/beta/admin/cloudLicensing/allotments/POOLaBc"
    assert bind["disabledServicePlanIds"] == []


def test_an_assignment_whose_allotment_graph_does_not_say_is_left_out_of_account(graph):
    rows = [{"id": "dark", "disabledServicePlanIds": [], "allotment": None}]
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": rows})
    result = run(graph)
    assert [finding["code"] for finding in result["findings"]] == ["allotment_unknown", "rights_unreadable"]
    assert [row["action"] for row in result["changes"]] == ["create"]


def test_members_of_a_group_that_are_no_users_take_no_seat(graph):
    rows = [
        {"@odata.type": f"#microsoft.graph.{kind}", "id": kind, "displayName": kind} for kind in ("user", "device", "servicePrincipal", "orgContact", "group")
    ]
    group = {"id": "22222222-0000-4000-8000-000000000001", "displayName": "Desk", "assignedLicenses": None}
    sku = {"skuId": POOL["skuId"], "skuPartNumber": "SPE_E5", "prepaidUnits": {"enabled": 0}, "consumedUnits": 0}
    base = f"/v1.0/groups/{group['id']}"
    graph.table |= {
        ("GET", base): (200, {}, group),
        ("GET", f"{base}/members"): (200, {}, {"value": [*rows, {"id": "untyped"}]}),
        ("GET", "/v1.0/subscribedSkus"): (200, {}, {"value": [sku]}),
        ("POST", f"{base}/assignLicense"): (202, {}, {}),
    }
    options = {"graph_url": graph.url, "access_token": "made.up.token", "group": group["id"], "licenses": {"add": [{"sku": "SPE_E5"}]}}
    result = run_module("group_assign_license", options)
    assert not result["failed"], result
    assert [row["code"] for row in result["findings"]] == ["members_wait", "nested_groups"]
    assert "has 2 members" in result["findings"][0]["message"]


def test_a_token_that_graph_does_not_accept_has_a_status_and_a_request_id(graph):
    error = {"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed.", "innerError": {"request-id": "r-1"}}}
    graph.table["GET", "/v1.0/users/ann@c.example"] = (401, {}, error)
    result = run(graph, "user_assign_license")
    assert result["failure"] == {
        "code": "not_authenticated", "status": 401, "request_id": "r-1", "retriable": False, "remedy": "give a fresh access_token",
    }  # fmt: skip
    assert "request-id r-1" in result["msg"]


def test_an_assignment_on_a_pool_that_is_listed_no_more_can_be_deleted(graph):
    pool = {"id": "gone", "skuId": "11111111-0000-4000-8000-000000000001", "skuPartNumber": "OLD"}
    rows = [{"id": "one", "disabledServicePlanIds": [], "allotment": pool}]
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": rows})
    graph.table["DELETE", f"/beta/users/{ANN['id']}/cloudLicensing/assignments/one"] = (204, {}, None)
    assert run(graph, sku="OLD", state="absent")["changed"]
    assert not run(graph, sku="OLD")["changed"]


def test_pages_are_followed_on_the_same_host_only(graph):
    path = "/beta/users/ann@c.example/cloudLicensing/assignments"
    graph.table["GET", path] = (200, {}, {"value": [], "@odata.nextLink": f"{graph.url}/beta/more?$skiptoken=a%20b"})
    rows = [{"id": "two", "disabledServicePlanIds": [], "allotment": {"id": POOL["id"], "skuId": POOL["skuId"]}}]
    graph.table["GET", "/beta/more"] = (200, {}, {"value": rows})
    assert not run(graph)["changed"]
    assert ("GET", "/beta/more?$skiptoken=a%20b", None) in graph.seen
    graph.table["GET", path] = (200, {}, {"value": [], "@odata.nextLink": "https://evil.example/beta/more"})
    assert "evil.example, not at" in run(graph)["msg"]


def test_a_redirect_is_not_followed(graph):
    graph.reply = lambda *dummy: (302, {"Location": "https://evil.example/"}, None)
    assert "redirect to https://evil.example/, which is not followed" in run(graph)["msg"]


@pytest.mark.parametrize(
    "answer",
    [
        (400, {}, {"error": {"code": "BadRequest", "message": "Resource not found for the segment 'cloudLicensing'."}}),
        (404, {}, {"error": {"code": "ResourceNotFound", "message": "?"}}),
    ],
    ids=["400", "404"],
)
def test_a_cloud_without_the_api_is_named(graph, answer):
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = answer
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = answer
    result = run(graph, cloud="AzureChinaCloud")
    assert "cloudLicensing is not available in AzureChinaCloud" in result["msg"]


@pytest.mark.parametrize("body", [b"<html>proxy</html>", b"[]", b'"text"'], ids=["html", "list", "text"])
def test_what_is_not_json_is_said_so(graph, body):
    graph.reply = lambda *dummy: (200, {}, body)
    assert "not JSON" in run(graph, max_wait=0.3)["msg"]


@pytest.mark.parametrize("body", [b"", b"<html>", {"error": None}, {"error": "text"}, {"error": {"innererror": {"code": "deep"}}}])
def test_errors_of_any_shape(graph, body):
    graph.table["GET", "/v1.0/users/ann@c.example"] = (400, {}, body if isinstance(body, dict) else {"odd": 1})
    result = run(graph, "user_assign_license")
    assert result["failure"]["status"] == 400


def test_an_unanswered_item_of_a_batch_is_an_error(graph):
    graph.reply = lambda *dummy: (200, {}, {"responses": []})
    assert "unanswered" in run(graph, max_wait=0.3)["msg"]


def test_a_claims_challenge_with_a_ready_token(graph):
    challenge = 'Bearer realm="", error="insufficient_claims", claims="eyJhIjoxfQ=="'
    graph.reply = lambda *dummy: (401, {"WWW-Authenticate": challenge}, {"error": {"code": "InvalidAuthenticationToken", "message": "Continuous access"}})
    assert "Continuous access: give a fresh access_token" in run(graph)["msg"]


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20)))
def test_claims_are_decoded_with_and_without_padding(claims):
    text = json.dumps(claims, ensure_ascii=len(claims) % 2 == 0).encode("utf-8", "replace").decode()
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    for form in (encoded, encoded.rstrip("=")):
        assert claims_of(f'Bearer claims="{form}"') == text


@pytest.mark.parametrize("text", ["[]", "5", '"text"', "no JSON", "[" * 100_000])
def test_claims_that_are_none_are_not_handed_on(text):
    assert claims_of(f'Bearer claims="{base64.urlsafe_b64encode(text.encode()).decode()}"') is None


def test_no_claims():
    assert claims_of(None) is None
    assert claims_of("Bearer") is None
    assert claims_of('Bearer claims="%%%"') is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2.128", 2.128),
        ("0", 0.0),
        ("120", 120.0),
        (None, None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after(header, seconds):
    assert retry.number(header) == seconds


@given(st.integers(1, 1000), st.floats(0, 1))
def test_the_wait_grows_and_is_bounded(attempt, jitter):
    seconds = retry.delay(attempt, None, lambda: jitter)
    assert 0 < seconds <= 30
    assert retry.delay(attempt + 1, None, lambda: jitter) >= seconds


@pytest.mark.parametrize(
    ("status", "text", "again"),
    [(429, "", True), (503, "", True), (502, "", True), (504, "", True), (409, "Directory_ConcurrencyViolation", True), (409, "Conflict", False)]
    + [(status, "", False) for status in (200, 400, 401, 403, 404, 405, 412, 500, 501)],
)
def test_what_is_worth_trying_again(status, text, again):
    assert retry.is_retriable(status, text) is again


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("alice@contoso.com", "/users/alice@contoso.com"),
        ("bob_fabrikam.com#EXT#@contoso.com", "/users/bob_fabrikam.com%23EXT%23@contoso.com"),
        ("o'neil@contoso.com", "/users/o%27neil@contoso.com"),
        ("$svc@contoso.com", "/users('%24svc@contoso.com')"),
        ("jörg@contoso.com", "/users/j%C3%B6rg@contoso.com"),
    ],
)
def test_a_key_in_a_path(key, path):
    assert key_segment("users", key) == path


def test_a_string_in_a_filter():
    assert equals("displayName", "O'Neil & co") == "displayName%20eq%20'O''Neil%20%26%20co'"


@pytest.mark.parametrize("name", CLOUDS)
def test_every_cloud_has_its_hosts(name):
    cloud = choose_cloud(name, None, None)
    assert cloud.graph_url == cloud.resource
    assert cloud.authority_url.startswith("https://login.")


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://graph.example", "ftp://localhost", "https://x?y", "http://[", "https://x:99999"])
def test_an_address_that_is_not_safe(url):
    with pytest.raises(OptionError, match="graph_url is"):
        choose_cloud("AzureCloud", None, url)


def test_an_address_with_a_password_is_refused_without_showing_it():
    with pytest.raises(OptionError) as caught:
        choose_cloud("AzureCloud", None, "https://me:hunter2@graph.example")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.1.2.3", "http://[::1]:8", "graph.example/", "https://graph.example/prefix"])
def test_an_address_that_is_safe(url):
    assert not choose_cloud("AzureCloud", None, url).graph_url.endswith("/")


def test_allotments_without_a_sku_stand_for_themselves(graph):
    pools = [{**POOL, "id": f"pool-{name}", "skuId": None, "skuPartNumber": name, "consumedUnits": used} for name, used in (("VENDOR_A", 0), ("VENDOR_B", 3))]
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": pools})
    held = [{"id": "mine", "disabledServicePlanIds": [], "allotment": {"id": "pool-VENDOR_A", "skuId": None, "skuPartNumber": "VENDOR_A"}}]
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": held})
    result = run(graph, sku="VENDOR_B", allotment_choice="most_available")
    assert [(row["action"], row["allotment"]) for row in result["changes"]] == [("create", "pool-VENDOR_B")]
    assert list(result["diff"]["after"]) == ["VENDOR_B in allotment pool-VENDOR_B"]
    assert not run(graph, sku="VENDOR_B", state="absent")["changed"], "what is held of another pool stays"


def test_nulls_that_the_schema_allows_break_nothing(graph):
    states = [{"skuId": None, "state": None}, {"skuId": POOL["skuId"], "disabledPlans": None, "assignedByGroup": None, "state": "Active", "error": None}]
    graph.table["GET", "/v1.0/users/ann@c.example"] = (200, {}, {**ANN, "assignedLicenses": [{"skuId": None}], "licenseAssignmentStates": states})
    skus = [{"skuId": None}, {"skuId": POOL["skuId"], "skuPartNumber": None, "servicePlans": [{"servicePlanId": None}], "prepaidUnits": None}]
    graph.table["GET", "/v1.0/subscribedSkus"] = (200, {}, {"value": skus})
    result = run(graph, "user_assign_license", licenses={"add": [{"sku": POOL["skuId"]}]})
    assert not result["failed"], result
    assert not result["changed"]
    graph.table["GET", "/v1.0/users/ann@c.example"] = (200, {}, {"userPrincipalName": "ann@c.example"})
    assert "id is nothing" in run(graph, "user_assign_license")["msg"]


def test_one_sku_on_two_direct_paths_counts_as_one_license(graph):
    """A service plan is off only if every path has it off, in whatever order they come."""
    plan = POOL["services"][0]["planId"]
    graph.table["GET", "/v1.0/subscribedSkus"] = (
        200,
        {},
        {"value": [{"skuId": POOL["skuId"], "servicePlans": [{"servicePlanId": plan, "servicePlanName": "SWAY"}]}]},
    )
    rows = [{"skuId": POOL["skuId"], "disabledPlans": off, "state": "Active", "error": "None"} for off in ([plan], [])]
    for states in (rows, rows[::-1]):
        graph.table["GET", "/v1.0/users/ann@c.example"] = (200, {}, {**ANN, "licenseAssignmentStates": states})
        result = run(graph, "user_assign_license", licenses={"add": [{"sku": POOL["skuId"], "disabled_plans": []}]})
        assert not result["changed"]
        assert len(result["licenses"]) == 1


def test_a_direct_license_in_error_shows_in_the_diff(graph):
    states = [{"skuId": POOL["skuId"], "disabledPlans": [], "state": "Error", "error": "CountViolation"}]
    graph.table["GET", "/v1.0/users/ann@c.example"] = (200, {}, {**ANN, "licenseAssignmentStates": states})
    graph.table["POST", f"/v1.0/users/{ANN['id']}/assignLicense"] = (200, {}, ANN)
    result = run(graph, "user_assign_license", licenses={"remove": [POOL["skuId"]]})
    assert result["changed"]
    assert next(iter(result["diff"]["before"].values()))["direct"]["state"] == "Error"


def test_what_was_done_is_said_when_the_token_ends_in_the_middle(graph):
    """The location was written, the license throttled, and the repetition met a 401."""
    calls = []

    def answers(method, path, body):
        if path.endswith("/$batch") and any(item["method"] == "PATCH" for item in body["requests"]):
            throttled = {"id": "1", "status": 429, "headers": {"Retry-After": "0.1"}, "body": {"error": {"code": "TooManyRequests"}}}
            return 200, {}, {"responses": [{"id": "0", "status": 204}, throttled]}
        if path.endswith("/$batch") and any(item["method"] == "POST" for item in body["requests"]):
            calls.append(path)
            return 401, {}, {"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}
        return Server.reply(graph, method, path, body)

    graph.reply = answers
    states = [{"skuId": POOL["skuId"], "disabledPlans": [], "state": "Active"}]
    graph.table["GET", "/v1.0/users/ann@c.example"] = (200, {}, {**ANN, "licenseAssignmentStates": states})
    result = run(graph, "user_assign_license", usage_location="US", licenses={"remove": [POOL["skuId"]]})
    assert calls
    assert result["failed"]
    assert result["changed"]
    assert [row["action"] for row in result["changes"]] == ["set_usage_location"]
    assert "give a fresh access_token" in result["msg"]


def test_a_401_of_an_item_is_explained(graph):
    graph.table["GET", "/v1.0/subscribedSkus"] = (401, {}, {"error": {"code": "InvalidAuthenticationToken", "message": "expired"}})
    assert "expired: give a fresh access_token" in run(graph, "user_assign_license", usage_location="DE")["msg"]


@pytest.mark.parametrize("responses", [["x"], [{"id": "0", "status": None}, {"id": "1", "status": "?"}], None, {}])
def test_a_batch_of_another_shape_is_an_error(graph, responses):
    graph.reply = lambda *dummy: (200, {}, {"responses": responses})
    result = run(graph, "user_assign_license", max_wait=0.3)
    assert result["failed"]
    assert "batch" in result["msg"]


def test_a_created_assignment_may_be_wrapped_and_its_look_up_may_fail(graph):
    own = f"/beta/users/{ANN['id']}/cloudLicensing/assignments"
    graph.table["POST", own] = (201, {}, {"value": {"id": "wrapped"}})
    assert run(graph)["assignment"]["id"] == "wrapped"
    graph.table["POST", own] = (201, {}, {"disabledServicePlanIds": []})
    graph.table["GET", own] = (403, {}, {"error": {"code": "Authorization_RequestDenied"}})
    result = run(graph)
    assert not result["failed"]
    assert result["changed"]
    assert result["assignment"]["id"] is None


def test_a_lost_create_is_not_repeated_while_reads_may_lag(graph):
    """The service did it, said 504, and shows it only at the third look."""
    own = f"/beta/users/{ANN['id']}/cloudLicensing/assignments"
    graph.table["POST", own] = (504, {}, None)
    looks = []

    def answers(method, path, body):
        if method == "GET" and path.partition("?")[0] == own:
            looks.append(path)
            rows = [{"id": "late", "disabledServicePlanIds": [], "allotment": {"id": POOL["id"]}}] if len(looks) > 2 else []
            return 200, {}, {"value": rows}
        return Server.reply(graph, method, path, body)

    graph.reply = answers
    result = run(graph)
    assert result["assignment"]["id"] == "late"
    assert [method for method, path, dummy in graph.seen if path == own and method == "POST"] == ["POST"]


def test_a_delete_that_no_path_knows_is_no_success(graph):
    held = [{"id": "mine", "disabledServicePlanIds": [], "allotment": {"id": POOL["id"], "skuId": POOL["skuId"]}}]
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": held})
    path = f"/beta/users/{ANN['id']}/cloudLicensing/assignments/mine"
    graph.table["DELETE", path] = (404, {}, {"error": {"code": "BadRequest", "message": "Resource not found for the segment 'assignments'."}})
    assert run(graph, state="absent")["failed"]
    graph.table["DELETE", path] = (404, {}, {"error": {"code": "notFound", "message": "Resource 'mine' not found"}})
    assert run(graph, state="absent")["changed"]


def test_an_allotment_whose_subscription_has_ended_is_not_drawn_on(graph):
    ended = {**POOL, "id": "ended", "allottedUnits": 900, "subscriptions": [{"subscriptionId": "T", "state": "suspended"}]}
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": [ended, POOL]})
    assert run(graph, allotment_choice="most_available")["assignment"]["allotment"] == POOL["id"]
    refused = run(graph, sku=None, allotment="ended")
    assert refused["failure"]["code"] == "sku_not_assignable"
    assert "suspended" in refused["msg"]


def test_a_full_pool_in_which_the_user_has_a_seat_is_preferred(graph):
    pools = [{**POOL, "id": name, "allottedUnits": 1, "consumedUnits": 1} for name in ("aaa", "zzz")]
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": pools})
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/usageRights"] = (200, {}, {"value": [{"allotments": [{"id": "zzz"}]}]})
    result = run(graph, allotment_choice="most_available")
    assert not result["failed"], result
    assert result["assignment"]["allotment"] == "zzz"


def test_a_licensed_path_that_graph_never_names_is_left_alone(graph):
    graph.table["GET", "/v1.0/users/ann@c.example"] = (200, {}, {**ANN, "assignedLicenses": [{"skuId": POOL["skuId"], "disabledPlans": []}]})
    graph.table["GET", "/v1.0/subscribedSkus"] = (200, {}, {"value": [{"skuId": POOL["skuId"], "skuPartNumber": "SPE_E5"}]})
    result = run(graph, "user_assign_license", licenses={"add": [{"sku": "SPE_E5"}]})
    assert not result["changed"]
    assert [finding["code"] for finding in result["findings"]] == ["origin_unknown"]


def test_a_display_name_counts_exactly(graph):
    rows = [{"id": "11111111-0000-4000-8000-000000000001", "displayName": "sales"}, {"id": "11111111-0000-4000-8000-000000000002", "displayName": "Sales"}]
    graph.table["GET", "/v1.0/groups"] = (200, {}, {"value": rows})
    base = f"/beta/groups/{rows[1]['id']}"
    graph.table["GET", base] = (200, {}, rows[1])
    graph.table["GET", f"{base}/cloudLicensing/assignments"] = (200, {}, {"value": []})
    result = run(graph, user=None, group="Sales", state="absent")
    assert not result["failed"], result
