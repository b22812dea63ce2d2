# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against answers that the sandbox does not give: other hosts, other shapes, odd headers."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._graph import retry
from ansible_collections.m365.licensing.plugins.module_utils._graph.client import claims_of
from ansible_collections.m365.licensing.plugins.module_utils._graph.clouds import CLOUDS, choose_cloud
from ansible_collections.m365.licensing.plugins.module_utils._graph.odata import equals, key_segment
from conftest import run_module
from hypothesis import given
from hypothesis import strategies as st

POOL = {
    "id": "POOLaBc",
    "skuId": "06EBC4EE-1BB5-47DD-8120-11324BC54E06",
    "skuPartNumber": "SPE_E5",
    "allottedUnits": 5,
    "consumedUnits": 1,
    "assignableTo": "user,group,unknownFutureValue",
    "services": [{"planId": "A23B959C-7CE8-4E57-9140-B90EB88A9E97", "planName": "SWAY", "assignableTo": "user"}],
    "subscriptions": [{"subscriptionId": "S", "startDate": "2025-09-30T00:00:00.000Z", "state": "somethingNew"}],
    "surprise": {"of": "a kind"},
}
ANN = {"id": "00000000-0000-4000-8000-000000000001", "userPrincipalName": "ann@c.example", "usageLocation": "DE"}


class Server:
    """Answers each path out of a table: path (without query) to status, headers and body, or a function of the body."""

    def __init__(self) -> None:
        self.table: dict = {}
        self.seen: list[tuple[str, str, dict | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(content) if content else None
                outer.seen.append((self.command, self.path, body))
                status, headers, answer = outer.reply(self.command, self.path, body)
                data = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
                head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": len(data)}.items())
                self.wfile.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, format, *args) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def reply(self, method: str, path: str, body):
        plain = path.partition("?")[0]
        if plain.endswith("/$batch"):
            version = plain.split("/")[1]
            answers = [self._item(version, item) for item in body["requests"]]
            return 200, {}, {"responses": answers}
        return self.table[method, plain]

    def _item(self, version: str, item: dict) -> dict:
        status, headers, answer = self.reply(item["method"], f"/{version}{item['url']}", item.get("body"))
        self.seen.append((item["method"], f"/{version}{item['url']}", item.get("body")))
        return {"id": item["id"], "status": status, "headers": headers, "body": answer}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def graph():
    server = Server()
    base = "/beta/users/ann@c.example"
    own = f"/beta/users/{ANN['id']}/cloudLicensing/assignments"
    server.table = {
        ("GET", base): (200, {}, {"value": ANN}),
        ("GET", "/beta/admin/cloudLicensing/allotments"): (200, {}, {"value": [POOL]}),
        ("GET", f"{base}/cloudLicensing/assignments"): (200, {}, {"value": []}),
        ("GET", f"{base}/cloudLicensing/usageRights"): (403, {}, {"error": {"code": "Authorization_RequestDenied", "message": "no"}}),
        ("POST", own): (201, {}, {"id": "new", "disabledServicePlanIds": []}),
        ("GET", "/v1.0/users/ann@c.example"): (200, {}, {**ANN, "assignedLicenses": [], "licenseAssignmentStates": None, "extra": 1}),
        ("GET", "/v1.0/subscribedSkus"): (200, {}, {"value": []}),
    }
    yield server
    server.close()


def run(graph, module: str = "cloud_license_assignment", **params) -> dict:
    defaults = {"user": "ann@c.example", **({"sku": "SPE_E5"} if module.startswith("cloud") else {"usage_location": "DE"})}
    return run_module(module, {"graph_url": graph.url, "access_token": "made.up.token", **defaults, **params})


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
    assert [finding["code"] for finding in result["findings"]] == ["allotment_unknown"]
    assert [row["action"] for row in result["changes"]] == ["create"]


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
    assert "not JSON" in run(graph)["msg"]


@pytest.mark.parametrize("body", [b"", b"<html>", {"error": None}, {"error": "text"}, {"error": {"innererror": {"code": "deep"}}}])
def test_errors_of_any_shape(graph, body):
    graph.table["GET", "/v1.0/users/ann@c.example"] = (400, {}, body if isinstance(body, dict) else {"odd": 1})
    result = run(graph, "user_assign_license")
    assert result["failure"]["status"] == 400


def test_an_unanswered_item_of_a_batch_is_an_error(graph):
    graph.reply = lambda *dummy: (200, {}, {"responses": []})
    assert "unanswered" in run(graph)["msg"]


def test_a_claims_challenge_with_a_ready_token(graph):
    challenge = 'Bearer realm="", error="insufficient_claims", claims="eyJhIjoxfQ=="'
    graph.reply = lambda *dummy: (401, {"WWW-Authenticate": challenge}, {"error": {"code": "InvalidAuthenticationToken", "message": "Continuous access"}})
    assert "Continuous access. Give a fresh access_token" in run(graph)["msg"]


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=50))
def test_claims_are_decoded_with_and_without_padding(text):
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    for form in (encoded, encoded.rstrip("=")):
        assert claims_of(f'Bearer claims="{form}"') == (text or None)


def test_no_claims():
    assert claims_of(None) is None
    assert claims_of("Bearer") is None
    assert claims_of('Bearer claims="%%%"') in (None, "")


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
    assert retry.retry_after_seconds(header) == seconds


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


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "http://graph.example", "ftp://localhost", "https://a:b@graph.example", "https://x?y", "http://[", "https://x:99999"]
)
def test_an_address_that_is_not_safe(url):
    with pytest.raises(OptionError, match="graph_url is"):
        choose_cloud("AzureCloud", None, url)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.1.2.3", "http://[::1]:8", "graph.example/", "https://graph.example/prefix"])
def test_an_address_that_is_safe(url):
    assert not choose_cloud("AzureCloud", None, url).graph_url.endswith("/")
