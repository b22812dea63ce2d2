# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request at a time: to Graph, alone or in a $batch, to the identity service, or to the sandbox's own paths. Keeps the journal."""

from __future__ import annotations

import copy
import json
import re
import threading
import time
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .errors import Rejection, new_request_id, rejection
from .faults import Fault, FaultPlan, SimulatedFaults
from .graph import Call, Graph, Reply
from .identity import Identity, IdentityError
from .page import tenant_page
from .quota import Quota, cost_of
from .router import Router
from .seed import SeedError, check_seed
from .state import state_of
from .tenant import Tenant

CONTROL = "/_sandbox"


class CutConnection(Exception):
    """Raised to close the connection without an answer."""


class Service:
    """A tenant with its identity service, behind one address."""

    def __init__(self, seed: dict, lifetime: int = 3600) -> None:
        self._seed = seed
        self._base = ""
        self.faults = FaultPlan()
        self.journal: list[dict] = []
        self._lock = threading.RLock()
        self.identity = Identity(seed["tenant"]["id"], seed["apps"], lifetime)
        self.reset()

    @property
    def base(self) -> str:
        """The address of the service, without a slash at the end."""
        return self._base

    @base.setter
    def base(self, address: str) -> None:
        self._base = address
        self.router = Router(Graph(self.tenant, self.faults, address))

    def reset(self, seed: dict | None = None) -> None:
        """Reset the tenant to its seed, or to another seed with the same id and apps; clear journal and faults. Raises SeedError."""
        if seed is not None:
            check_seed(seed, "the seed")
            self._seed = {**seed, "tenant": self._seed["tenant"], "apps": self._seed["apps"]}
        with self._lock:
            self.tenant = Tenant(json.loads(json.dumps(self._seed)))
            self.router = Router(Graph(self.tenant, self.faults, self._base))
            self.quota = Quota()
            self._stale: Router | None = None
            self._stale_left, self._stale_until = 0, 0.0
            self.journal.clear()
            self.faults.clear()
            self.identity.pardon()

    def handle(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Reply:
        """The answer to one HTTP request. Raises CutConnection."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path.startswith(CONTROL):
            return self._control(method, parts.path[len(CONTROL) :], content)
        if not re.match(r"/(v1\.0|beta)/", parts.path):
            return self._identity(method, parts.path, query, headers, content)
        return self._graph(method, parts.path, query, headers, content)

    def _graph(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], content: bytes) -> Reply:
        request_id = new_request_id()
        fault = self.faults.strike(method, path, ("answer", "cut_before", "cut_after", "expire_token", "revoke_tokens"))
        is_batch = path.endswith("/$batch")
        entry: dict[str, Any] = {"method": method, "path": path, "query": query, "batch": None, "fault": fault.kind if fault else None}
        entry["write"] = method != "GET" and not is_batch
        self.journal.append(entry)
        if self.faults.conditions.delay:
            time.sleep(self.faults.conditions.delay)
        self._spoil(fault, headers)
        with self._lock:
            reply = _faulty(fault, request_id) if fault and fault.action == "answer" else self._answered(method, path, query, headers, content, request_id)
        entry.update(status=reply.status, unknown=_is_unknown(reply))
        if fault and fault.action == "cut_after":
            raise CutConnection
        reply.headers = {"request-id": request_id, "client-request-id": headers.get("client-request-id", request_id), **reply.headers}
        return reply

    def _spoil(self, fault: Fault | None, headers: dict[str, str]) -> None:
        """What a fault does before the request is looked at."""
        if fault and fault.action == "cut_before":
            raise CutConnection
        if fault and fault.action == "expire_token":
            self.identity.end(headers.get("authorization"))
        if fault and fault.action == "revoke_tokens":
            self.identity.revoke()

    def _answered(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], content: bytes, request_id: str) -> Reply:
        try:
            claims = self.identity.claims(headers.get("authorization"))
            body = _json(content)
            version, rest = path[1:].split("/", 1)
            if rest == "$batch":
                return self._batch(version, body, claims)
            return self._routed(Call(method, version, f"/{rest}", query, body, claims, headers))
        except Rejection as error:
            return self._refused(error, request_id)

    def _refused(self, error: Rejection, request_id: str) -> Reply:
        is_cloud = "code" in error.extra
        if is_cloud and self.faults.conditions.classic_errors:
            error = Rejection(error.status, "Request_BadRequest" if error.status == 400 else "Request_ResourceNotFound", error.message, None, error.headers)
        return Reply(error.status, error.body(request_id), error.headers)

    def _routed(self, call: Call) -> Reply:
        """The answer of Graph, within the quota. Some reads after a write return the state before it."""
        conditions = self.faults.conditions
        wait, headers = self.quota.ask(
            call.claims.get("appid", ""), call.method, cost_of(call.method, call.path, call.query), conditions, len(self.tenant.users)
        )
        if wait > 0:
            error = rejection("E22")
            error.headers = headers
            raise error
        if call.method == "GET" and self._stale is not None and self._is_stale(conditions):
            self._stale_left -= 1
            reply = self._stale.answer(call)
        elif call.method != "GET" and (conditions.stale_reads or conditions.stale_seconds):
            before = copy.deepcopy(self.tenant)
            before.jobs.clear()
            reply = self.router.answer(call)
            self._stale, self._stale_left = Router(Graph(before, self.faults, self._base)), conditions.stale_reads
            self._stale_until = time.monotonic() + conditions.stale_seconds
        else:
            reply = self.router.answer(call)
        reply.headers = {**headers, **reply.headers}
        return reply

    def _is_stale(self, conditions: SimulatedFaults) -> bool:
        """Whether a read still returns the state before the last write."""
        return bool((conditions.stale_reads and self._stale_left > 0) or (conditions.stale_seconds and time.monotonic() < self._stale_until))

    def _batch(self, version: str, body: Any, claims: dict) -> Reply:
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not all(_is_item(item) for item in requests):
            raise rejection("batch_shape")
        if len(requests) > 20:
            raise rejection("batch_size")
        answers: dict[str, dict] = {}
        for item in requests:
            if str(item["id"]).lower() in answers:
                raise rejection("batch_id", id=str(item["id"]))
            failed = any(answers.get(str(other).lower(), {"status": 424})["status"] >= 400 for other in item.get("dependsOn") or [])
            answers[str(item["id"]).lower()] = self._item(version, item, claims, failed)
        return Reply(200, {"responses": list(reversed(answers.values()))})

    def _item(self, version: str, item: dict, claims: dict, is_blocked: bool) -> dict:
        request_id = new_request_id()
        parts = urlsplit("/" + item["url"].lstrip("/"))
        method, path, query = item["method"].upper(), f"/{version}{parts.path}", dict(parse_qsl(parts.query))
        fault = None if is_blocked else self.faults.strike(method, path, ("answer",))
        entry = {"method": method, "path": path, "query": query, "batch": version, "fault": fault.kind if fault else None}
        try:
            if is_blocked:
                raise rejection("dependency")
            call = Call(method, version, parts.path, query, item.get("body"), claims, item.get("headers") or {})
            reply = _faulty(fault, request_id) if fault else self._routed(call)
        except Rejection as error:
            reply = self._refused(error, request_id)
        self.journal.append({**entry, "write": method != "GET" and not is_blocked, "status": reply.status, "unknown": _is_unknown(reply)})
        headers = {"Content-Type": "application/json", "request-id": request_id, **reply.headers}
        return {"id": item["id"], "status": reply.status, "headers": headers, "body": reply.body}

    def _identity(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], content: bytes) -> Reply:
        token_path = f"/{self.tenant.id}/oauth2/v2.0/token"
        self.journal.append({"method": method, "path": path, "query": {}, "batch": None, "write": False, "fault": None, "status": None})
        fault = self.faults.strike(method, path, ("answer",))
        if fault:
            return _faulty(fault, new_request_id())
        try:
            if path == f"/{self.tenant.id}/v2.0/.well-known/openid-configuration":
                return Reply(200, self.identity.discovery(self.base))
            if path == f"/{self.tenant.id}/discovery/v2.0/keys":
                return Reply(200, self.identity.keys())
            if path == token_path and method == "POST":
                return Reply(200, self.identity.token(dict(parse_qsl(content.decode())), f"{self.base}{token_path}"))
            if path == "/msi/token":
                return Reply(200, self.identity.managed_identity(headers, query))
        except IdentityError as error:
            return Reply(error.status, {"error": error.code, "error_description": error.description, "message": error.description})
        return Reply(404, {"error": "invalid_request", "error_description": "AADSTS90002: Tenant not found. Check that the tenant id is correct."})

    def _control(self, method: str, path: str, content: bytes) -> Reply:
        """The sandbox's own paths: an HTML page, /journal, /faults, /conditions, /state and /reset."""
        if method == "GET":
            return self._shown(path)
        change = {
            ("DELETE", "/journal"): self.journal.clear,
            ("POST", "/faults"): lambda: self.faults.add(Fault(**json.loads(content))),
            ("DELETE", "/faults"): self.faults.clear,
            ("POST", "/conditions"): lambda: self.faults.set(json.loads(content)),
            ("POST", "/reset"): lambda: self.reset(json.loads(content) if content else None),
        }.get((method, path))
        if change is None:
            return Reply(404, {"error": f"no {method} {CONTROL}{path}"})
        try:
            change()
        except (TypeError, ValueError, re.error, SeedError) as error:
            return Reply(400, {"error": str(error)})
        return Reply(204)

    def _shown(self, path: str) -> Reply:
        if path in ("", "/"):
            with self._lock:
                return Reply(200, tenant_page(self.tenant, self.journal, self._base), {"Content-Type": "text/html; charset=utf-8"})
        shown = {"/journal": lambda: {"requests": self.journal}, "/conditions": lambda: asdict(self.faults.conditions), "/state": self.state}.get(path)
        return Reply(200, shown()) if shown else Reply(404, {"error": f"no GET {CONTROL}{path}"})

    def state(self) -> dict:
        """The licenses of all principals, read without the API."""
        with self._lock:
            return state_of(self.tenant)


def _is_item(item: Any) -> bool:
    """Whether an item of a batch has the form that it must have."""
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) and item[name] for name in ("id", "method", "url")):
        return False
    headers, others = item.get("headers") or {}, item.get("dependsOn") or []
    return isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values()) and isinstance(others, list)


def _is_unknown(reply: Reply) -> bool:
    """Whether the path is one that the sandbox does not have."""
    return reply.status == 400 and isinstance(reply.body, dict) and str(reply.body.get("error")).find("Resource not found for the segment") >= 0


def _faulty(fault: Fault, request_id: str) -> Reply:
    error = Rejection(fault.status, fault.code, fault.message)
    return Reply(fault.status, error.body(request_id), dict(fault.headers))


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise rejection("body") from None
