# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graph over HTTP: who asks, what is asked, $batch, the journal of it all, and the sandbox's own control paths."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .classic import assign_license
from .cloud import COLLECTIONS, CloudLicensing
from .directory import DETAILS, MEMBER, SHAPES, SKU, license_states, shown_details, shown_principal, shown_sku
from .errors import Refusal, cloud_refusal, new_request_id, refusal
from .identity import Identity, IdentityError
from .odata import page, project
from .tenant import Claim, Tenant
from .weather import Fault, Weather

CONTROL = "/_sandbox"
_READS = {"CloudLicensing.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "User.Read", "User.Read.All", "User.ReadWrite.All"}
_WRITES = {"CloudLicensing.AssignLicenses.Organization", "Directory.ReadWrite.All", "LicenseAssignment.ReadWrite.All", "User.ReadWrite.All"}


class CutConnection(Exception):
    """The connection is to be closed without an answer."""


@dataclass
class Call:
    """One request to Graph, alone or as an item of a batch."""

    method: str
    version: str
    path: str
    query: dict[str, str]
    body: Any
    claims: dict
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Reply:
    """An answer. body None is an answer without content."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """A tenant with its identity service, behind one address."""

    def __init__(self, seed: dict, lifetime: int = 3600) -> None:
        self._seed = seed
        self.base = ""
        self.weather = Weather()
        self.journal: list[dict] = []
        self._lock = threading.RLock()
        self.reset()
        self.identity = Identity(self.tenant.id, seed["apps"], seed["users"], lifetime)
        self._routes: list[tuple[str, re.Pattern, Callable]] = [(method, re.compile(pattern), handler) for method, pattern, handler in self._table()]

    def reset(self) -> None:
        """The tenant as the seed says, an empty journal and fair weather."""
        with self._lock:
            self.tenant = Tenant(json.loads(json.dumps(self._seed)))
            self.cloud = CloudLicensing(self.tenant)
            self.journal.clear()
            self.weather.clear()

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
        fault = self.weather.strike(method, path, ("answer", "cut_before", "cut_after", "expire_token"))
        entry: dict[str, Any] = {"method": method, "path": path, "query": query, "batch": None, "fault": fault.action if fault else None}
        entry["write"] = method != "GET" and not path.endswith("/$batch")
        self.journal.append(entry)
        if fault and fault.action == "cut_before":
            raise CutConnection
        if fault and fault.action == "expire_token":
            self.identity.end(headers.get("authorization"))
        with self._lock:
            reply = _faulty(fault, request_id) if fault and fault.action == "answer" else self._answered(method, path, query, headers, content, request_id)
        entry["status"] = reply.status
        if fault and fault.action == "cut_after":
            raise CutConnection
        reply.headers = {"request-id": request_id, "client-request-id": headers.get("client-request-id", request_id), **reply.headers}
        return reply

    def _answered(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], content: bytes, request_id: str) -> Reply:
        try:
            claims = self.identity.claims(headers.get("authorization"))
            body = _json(content)
            version, rest = path[1:].split("/", 1)
            if rest == "$batch":
                return self._batch(version, body, claims)
            return self._dispatch(Call(method, version, f"/{rest}", query, body, claims, headers))
        except Refusal as error:
            return Reply(error.status, error.body(request_id), error.headers)

    def _dispatch(self, call: Call) -> Reply:
        """The answer of the service itself."""
        path = self._without_me(call)
        self._authorize(call)
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and method == call.method and (call.version == "beta" or "cloudLicensing" not in path):
                return handler(call, *(unquote(group) for group in found.groups()))
        if call.version == "beta" and "cloudLicensing" in path and any(pattern.fullmatch(path) for dummy, pattern, also in self._routes):
            raise cloud_refusal("methodNotAllowed", "The method is not allowed", 405)
        segments = [segment for segment in path.split("/") if segment]
        raise refusal("segment", segment="cloudLicensing" if "cloudLicensing" in segments else segments[-1] if segments else "")

    def _without_me(self, call: Call) -> str:
        path = re.sub(r"/(users|groups|devices)\('((?:[^']|'')*)'\)", lambda found: f"/{found.group(1)}/{found.group(2)}", call.path)
        if path != "/me" and not path.startswith("/me/"):
            return path
        if call.claims.get("idtyp") != "user":
            raise refusal("me_needs_user")
        return f"/users/{call.claims['oid']}{path[3:]}"

    def _authorize(self, call: Call) -> None:
        held = set(call.claims.get("roles") or call.claims.get("scp", "").split())
        if not held & (_READS | _WRITES if call.method == "GET" else _WRITES):
            raise refusal("E18")

    def _batch(self, version: str, body: Any, claims: dict) -> Reply:
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not all(isinstance(item, dict) and {"id", "method", "url"} <= item.keys() for item in requests):
            raise refusal("batch_shape")
        if len(requests) > 20:
            raise refusal("batch_size")
        answers: dict[str, dict] = {}
        for item in requests:
            if str(item["id"]).lower() in answers:
                raise refusal("batch_id", id=str(item["id"]))
            failed = any(answers.get(str(other).lower(), {"status": 424})["status"] >= 400 for other in item.get("dependsOn") or [])
            answers[str(item["id"]).lower()] = self._item(version, item, claims, failed)
        return Reply(200, {"responses": list(reversed(answers.values()))})

    def _item(self, version: str, item: dict, claims: dict, is_blocked: bool) -> dict:
        request_id = new_request_id()
        parts = urlsplit("/" + item["url"].lstrip("/"))
        method, path = item["method"].upper(), f"/{version}{parts.path}"
        fault = None if is_blocked else self.weather.strike(method, path, ("answer",))
        entry = {"method": method, "path": path, "query": dict(parse_qsl(parts.query)), "batch": version, "fault": fault.action if fault else None}
        try:
            if is_blocked:
                raise refusal("dependency")
            call = Call(method, version, parts.path, dict(parse_qsl(parts.query)), item.get("body"), claims, item.get("headers") or {})
            reply = _faulty(fault, request_id) if fault else self._dispatch(call)
        except Refusal as error:
            reply = Reply(error.status, error.body(request_id), error.headers)
        self.journal.append({**entry, "write": method != "GET" and not is_blocked, "status": reply.status})
        headers = {"Content-Type": "application/json", "request-id": request_id, **reply.headers}
        return {"id": item["id"], "status": reply.status, "headers": headers, "body": reply.body}

    def _table(self) -> list[tuple[str, str, Callable]]:
        """Every path that the sandbox answers, below the version."""
        principal = r"/(users|groups|devices)/([^/]+)"
        pools, claims = "/admin/cloudLicensing/allotments", "/admin/cloudLicensing/assignments"
        own = principal + "/cloudLicensing/assignments"
        return [
            ("GET", r"/(users|groups|devices)", self._list),
            ("GET", principal, self._get),
            ("PATCH", r"/users/([^/]+)", self._patch_user),
            ("POST", r"/users/([^/]+)/assignLicense", self._assign),
            ("GET", r"/users/([^/]+)/licenseDetails", self._details),
            ("GET", r"/groups/([^/]+)/members", self._members),
            ("GET", "/subscribedSkus", self._skus),
            ("GET", pools, lambda call: self._page(call, self.cloud.allotments(), self.cloud.pool, "allotments")),
            ("GET", pools + "/([^/]+)", lambda call, pool: self._one(call, self.cloud.shown_pool(self.cloud.find_pool(pool)), self.cloud.pool)),
            ("GET", pools + "/([^/]+)/assignments", lambda call, pool: self._claims(call, pool_id=self.cloud.find_pool(pool).id)),
            ("POST", pools + "/([^/]+)/assignments", lambda call, pool: self._create(call, pool=self.cloud.find_pool(pool))),
            ("GET", pools + "/([^/]+)/waitingMembers", self._waiting),
            ("GET", claims, self._claims),
            ("POST", claims, self._create),
            ("GET", own, lambda call, kind, key: self._claims(call, holder_id=self._principal(kind, key)["id"])),
            ("POST", own, lambda call, kind, key: self._create(call, holder=(COLLECTIONS[kind], self._principal(kind, key)))),
            ("GET", principal + "/cloudLicensing/usageRights", self._rights),
            *(
                (method, base, self._claim)
                for method in ("GET", "PATCH", "DELETE")
                for base in (claims + "/([^/]+)", pools + "/([^/]+)/assignments/([^/]+)", own + "/([^/]+)")
            ),
            ("GET", claims + "/([^/]+)/(allotment|assignedTo)", self._relation),
            ("GET", own + "/([^/]+)/(allotment)", lambda call, kind, key, claim, name: self._relation(call, claim, name)),
        ]

    def _principal(self, collection: str, key: str) -> dict:
        kind = COLLECTIONS[collection]
        principal = self.tenant.principal(kind, key)
        if principal is None and not re.fullmatch(r"[0-9a-fA-F-]{36}|[^@\s]+@[^@\s]+", key):
            raise refusal("E13", id=key)
        if principal is None:
            raise refusal("E15", id=key)
        return principal

    def _page(self, call: Call, rows: list[dict], shape: Any, name: str, is_paged: bool = True) -> Reply:
        context = f"{self.base}/{call.version}/$metadata#{name}"
        return Reply(200, page(rows, shape, call.query, f"{self.base}/{call.version}{call.path}", context, is_paged))

    def _one(self, call: Call, row: dict, shape: Any) -> Reply:
        return Reply(200, {"@odata.context": f"{self.base}/{call.version}/$metadata#{shape.name}/$entity", **project(row, shape, call.query)})

    def _list(self, call: Call, collection: str) -> Reply:
        kind = COLLECTIONS[collection]
        rows = {"user": self.tenant.users, "group": self.tenant.groups, "device": self.tenant.devices}[kind]
        shown = [shown_principal(self.tenant, kind, row) for row in rows.values()]
        return self._page(call, shown, SHAPES[kind], collection)

    def _get(self, call: Call, collection: str, key: str) -> Reply:
        kind = COLLECTIONS[collection]
        return self._one(call, shown_principal(self.tenant, kind, self._principal(collection, key)), SHAPES[kind])

    def _patch_user(self, call: Call, key: str) -> Reply:
        user = self._principal("users", key)
        for name, value in (call.body or {}).items():
            if name != "usageLocation" or not (value is None or re.fullmatch("[A-Z]{2}", value)):
                raise Refusal(400, "Request_BadRequest", f"Invalid value specified for property '{name}' of resource 'User'.")
            user[name] = value
        return Reply(204)

    def _assign(self, call: Call, key: str) -> Reply:
        user = self._principal("users", key)
        assign_license(self.tenant, user, call.body or {})
        return self._one(Call("GET", call.version, call.path, {}, None, call.claims), user, SHAPES["user"])

    def _details(self, call: Call, key: str) -> Reply:
        return self._page(call, shown_details(self.tenant, self._principal("users", key)), DETAILS, "licenseDetails", is_paged=False)

    def _members(self, call: Call, key: str) -> Reply:
        group = self._principal("groups", key)
        return self._page(call, [self.tenant.users[user_id] for user_id in self.tenant.members[group["id"]]], MEMBER, "directoryObjects")

    def _skus(self, call: Call) -> Reply:
        return self._page(call, [shown_sku(self.tenant, sku) for sku in self.tenant.skus.values()], SKU, "subscribedSkus", is_paged=False)

    def _claims(self, call: Call, holder_id: str | None = None, pool_id: str | None = None) -> Reply:
        return self._page(call, self.cloud.claims(holder_id, pool_id), self.cloud.claim, "assignments")

    def _create(self, call: Call, **ends: Any) -> Reply:
        claim = self.cloud.create(call.body if isinstance(call.body, dict) else {}, **ends)
        shown = self.cloud.shown_claim(claim)
        if self.weather.strike(call.method, f"/{call.version}{call.path}", ("hide_id",)):
            del shown["id"]
        return Reply(201, {"@odata.context": f"{self.base}/{call.version}/$metadata#assignments/$entity", **shown})

    def _claim(self, call: Call, *ids: str) -> Reply:
        claim = self._found_claim(*ids)
        if call.method == "DELETE":
            self.tenant.delete_claim(claim)
            return Reply(204)
        if call.method == "PATCH":
            self.cloud.update(claim, call.body if isinstance(call.body, dict) else {})
        return self._one(call, self.cloud.shown_claim(claim), self.cloud.claim)

    def _found_claim(self, *ids: str) -> Claim:
        if len(ids) == 3:
            return self.cloud.find_claim(ids[2], holder_id=self._principal(ids[0], ids[1])["id"])
        if len(ids) == 2:
            return self.cloud.find_claim(ids[1], pool_id=self.cloud.find_pool(ids[0]).id)
        return self.cloud.find_claim(ids[0])

    def _relation(self, call: Call, claim_id: str, name: str) -> Reply:
        follow, shape = self.cloud.claim.relations[name]
        return self._one(call, follow(self.cloud.shown_claim(self.cloud.find_claim(claim_id))), shape)

    def _waiting(self, call: Call, pool_id: str) -> Reply:
        return self._page(call, self.cloud.waiting_members(self.cloud.find_pool(pool_id)), self.cloud.waiting, "waitingMembers")

    def _rights(self, call: Call, collection: str, key: str) -> Reply:
        holder = self._principal(collection, key)
        return self._page(call, self.cloud.usage_rights(COLLECTIONS[collection], holder["id"]), self.cloud.right, "usageRights")

    def _identity(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], content: bytes) -> Reply:
        token_path = f"/{self.tenant.id}/oauth2/v2.0/token"
        self.journal.append({"method": method, "path": path, "query": {}, "batch": None, "write": False, "fault": None, "status": None})
        fault = self.weather.strike(method, path, ("answer",))
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
        """The sandbox's own paths: /journal, /faults, /state and /reset."""
        if (method, path) == ("GET", "/journal"):
            return Reply(200, {"requests": self.journal})
        if (method, path) == ("DELETE", "/journal"):
            self.journal.clear()
        elif (method, path) == ("POST", "/faults"):
            try:
                self.weather.add(Fault(**json.loads(content)))
            except (TypeError, ValueError, re.error) as error:
                return Reply(400, {"error": str(error)})
        elif (method, path) == ("DELETE", "/faults"):
            self.weather.clear()
        elif (method, path) == ("POST", "/reset"):
            self.reset()
        elif (method, path) == ("GET", "/state"):
            return Reply(200, self.state())
        else:
            return Reply(404, {"error": f"no {method} {CONTROL}{path}"})
        return Reply(204)

    def state(self) -> dict:
        """Who holds what, read from the store and not over the API: a witness for tests."""
        with self._lock:
            names = {plan["id"]: plan["name"] for sku in self.tenant.skus.values() for plan in sku["service_plans"]}
            parts = {sku_id: sku["part_number"] for sku_id, sku in self.tenant.skus.items()}
            users = {}
            for user in self.tenant.users.values():
                rows = [
                    {
                        "sku": parts[row["skuId"]],
                        "group": row["assignedByGroup"],
                        "state": row["state"],
                        "off": sorted(names[off] for off in row["disabledPlans"]),
                    }
                    for row in license_states(self.tenant, user)
                ]
                users[user["userPrincipalName"]] = {"id": user["id"], "usage_location": user["usageLocation"], "licenses": rows}
            claims = [
                {
                    "id": claim.id,
                    "allotment": claim.pool_id,
                    "sku": parts[self.tenant.pools[claim.pool_id].sku_id],
                    "holder": claim.holder_id,
                    "off": sorted(names[off] for off in claim.disabled),
                }
                for claim in self.tenant.claims.values()
            ]
            seats = {parts[sku_id]: self.tenant.consumed(sku_id) for sku_id in parts}
            pools = {
                pool.id: {"sku": parts[pool.sku_id], "units": pool.units, "used": len(pool.seats)} for pool in self.tenant.pools.values() if not pool.is_hidden
            }
            groups = {group["id"]: group["displayName"] for group in self.tenant.groups.values()}
            devices = {device["displayName"]: device["id"] for device in self.tenant.devices.values()}
        return {"users": users, "assignments": claims, "seats_used": seats, "allotments": pools, "groups": groups, "devices": devices}


def _faulty(fault: Fault, request_id: str) -> Reply:
    error = Refusal(fault.status, fault.code, fault.message)
    return Reply(fault.status, error.body(request_id), dict(fault.headers))


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        raise refusal("body") from None
