# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers what a test says, for answers that the sandbox does not give: alone, in batches, in pieces, and as a proxy."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._graph.certificates import VARIABLES

from support.tenant import run_module

Answer = tuple  # status, headers, body: an object, bytes, or a function that writes to the connection by itself


class Server:
    """Answers each path out of a table: path (without query) to an answer, a list of answers of which the last stays, or a function of the body."""

    def __init__(self) -> None:
        self.table: dict = {}
        self.seen: list[tuple[str, str, dict | None]] = []
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                is_json = "json" in (self.headers.get("Content-Type") or "")
                body = json.loads(content) if content and is_json else None
                outer.seen.append((self.command, self.path, body))
                outer.headers.append(dict(self.headers))
                status, headers, answer = outer.reply(self.command, self.path, body)
                if callable(answer):
                    self.close_connection = True
                    answer(self.wfile)
                    return
                data = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
                head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": len(data)}.items())
                self.wfile.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data)

            do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = answer

            def log_message(self, format, *args) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def reply(self, method: str, path: str, body) -> Answer:
        plain = path.partition("?")[0]
        if plain.endswith("/$batch"):
            version = plain.split("/")[1]
            answers = [self._item(version, item) for item in body["requests"]]
            return 200, {}, {"responses": answers}
        found = self.table[method, plain]
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found(body) if callable(found) else found

    def _item(self, version: str, item: dict) -> dict:
        status, headers, answer = self.reply(item["method"], f"/{version}{item['url']}", item.get("body"))
        self.seen.append((item["method"], f"/{version}{item['url']}", item.get("body")))
        return {"id": item["id"], "status": status, "headers": headers, "body": answer}

    def paths(self, method: str) -> list[str]:
        """The paths that were asked with a method."""
        return [path for known, path, dummy in self.seen if known == method]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


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
ANN = {
    "id": "00000000-0000-4000-8000-000000000001",
    "userPrincipalName": "ann@c.example",
    "usageLocation": "DE",
    "assignedLicenses": [],
    "licenseAssignmentStates": [],
}


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
        ("GET", "/v1.0/users/ann@c.example"): (200, {}, {**ANN, "licenseAssignmentStates": None, "extra": 1}),
        ("GET", "/v1.0/subscribedSkus"): (200, {}, {"value": []}),
    }
    yield server
    server.close()


def run(graph, module: str = "cloud_license_assignment", **params) -> dict:
    defaults = {"user": "ann@c.example", **({"sku": "SPE_E5"} if module.startswith("cloud") else {"usage_location": "DE"})}
    return run_module(module, {"graph_url": graph.url, "access_token": "made.up.token", **defaults, **params})


PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
SKUS = ("GET", "/v1.0/subscribedSkus")
NO_SKUS = (200, {}, {"value": []})


@pytest.fixture
def bare_graph(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("AZURE_", "MSGRAPH_", "IDENTITY_", "MSI_")) or name in (*PROXIES, "NO_PROXY", "no_proxy", *VARIABLES):
            monkeypatch.delenv(name)
    server = Server()
    server.table[SKUS] = NO_SKUS
    yield server
    server.close()


def skus(graph, **options) -> dict:
    return run_module("sku_info", {"graph_url": graph.url, "access_token": "made.up.token", **options})
