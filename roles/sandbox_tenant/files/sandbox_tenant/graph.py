# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of Graph: which there are, who may use them, and what each answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .classic import assign_license
from .cloud import COLLECTIONS, CloudLicensing
from .directory import DETAILS, MEMBER, SHAPES, SKU, shown_details, shown_principal, shown_sku
from .errors import Refusal, cloud_refusal, refusal
from .odata import page, project
from .tenant import Claim, Tenant
from .weather import Weather

_READS = {"CloudLicensing.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "User.Read", "User.Read.All", "User.ReadWrite.All"}
_WRITES = {"CloudLicensing.AssignLicenses.Organization", "Directory.ReadWrite.All", "LicenseAssignment.ReadWrite.All", "User.ReadWrite.All"}


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


class Graph:
    """The API over a tenant. base is the address that links and contexts begin with."""

    def __init__(self, tenant: Tenant, weather: Weather, base: str) -> None:
        self.tenant, self.weather, self.base = tenant, weather, base
        self.cloud = CloudLicensing(tenant)
        self._routes: list[tuple[str, re.Pattern, Callable]] = [(method, re.compile(pattern), handler) for method, pattern, handler in self._table()]

    def answer(self, call: Call) -> Reply:
        """The answer to one request. Raises Refusal."""
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
