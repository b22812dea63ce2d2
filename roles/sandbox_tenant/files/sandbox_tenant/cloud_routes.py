# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of cloudLicensing, which are beta only (graph-contract 1.1 to 1.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cloud import CloudLicensing, not_found
from .errors import rejection
from .graph import KINDS, Call, Graph, Reply
from .odata import filtered
from .tenant import Claim

POOLS, CLAIMS, ERRORS = (f"/admin/cloudLicensing/{name}" for name in ("allotments", "assignments", "assignmentErrors"))
PRINCIPAL = r"/(users|groups|devices)/([^/]+)"
OWN = PRINCIPAL + "/cloudLicensing"
ONE = "/([^/]+)"
REPROCESS = r"(?:microsoft\.graph\.cloudLicensing\.)?reprocessAssignments"
SUMS = "groupby((skuId,skuPartNumber),aggregate(allottedUnits with sum as totalAllottedUnits,consumedUnits with sum as totalConsumedUnits))"


class CloudRoutes:
    """Handlers over one tenant."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._tenant = graph, graph.tenant
        self._cloud = CloudLicensing(graph.tenant, graph.faults)

    def table(self) -> list[tuple[str, str, Callable]]:
        """Method, path below the version, handler."""
        waiting, rights = r"/(users|devices)/([^/]+)/cloudLicensing/waitingMembers", OWN + "/usageRights"
        errors = r"/users/([^/]+)/cloudLicensing/assignmentErrors"
        claims = [CLAIMS, POOLS + ONE + "/assignments", OWN + "/assignments"]
        return [
            ("GET", POOLS, self._pools),
            *(("GET", base + r"/\$count", self._count) for base in (POOLS, CLAIMS, ERRORS)),
            ("GET", POOLS + ONE + r"/(?:assignments|waitingMembers)/\$count", self._count),
            ("GET", POOLS + ONE, lambda call, pool: self._graph.one(call, self._cloud.shown_pool(self._cloud.find_pool(pool)), self._cloud.pool)),
            ("GET", POOLS + ONE + "/waitingMembers", lambda call, pool: self._waiting(call, pool_id=self._cloud.find_pool(pool).id)),
            ("GET", POOLS + ONE + "/waitingMembers" + ONE, lambda call, pool, key: self._waiter(call, key, pool_id=self._cloud.find_pool(pool).id)),
            ("POST", r"/admin/cloudLicensing/assignments/" + REPROCESS, self._reprocess),
            ("POST", OWN + "/assignments/" + REPROCESS, self._reprocess),
            *(("GET", base, self._claims) for base in claims),
            *(("POST", base, self._create) for base in claims),
            *((method, base + ONE, self._claim) for base in claims for method in ("GET", "PATCH", "DELETE")),
            ("GET", CLAIMS + ONE + "/(allotment|assignedTo)", self._relation),
            ("GET", OWN + "/assignments/([^/]+)/(allotment)", self._relation),
            ("GET", rights, self._rights),
            ("GET", rights + ONE, lambda call, kind, key, right: self._graph.one(call, self._right(kind, key, right), self._cloud.right)),
            ("GET", rights + ONE + "/assignments", self._right_claims),
            ("GET", waiting, lambda call, *holder: self._waiting(call, holder=self._holder(*holder))),
            ("GET", waiting + ONE, lambda call, kind, key, row: self._waiter(call, row, holder=self._holder(kind, key))),
            ("GET", waiting + ONE + "/allotment", self._waiter_pool),
            ("GET", ERRORS, lambda call: self._graph.page(call, self._cloud.errors(), self._cloud.error, "assignmentErrors")),
            ("GET", ERRORS + ONE, self._error),
            ("GET", ERRORS + ONE + "/(assignedTo|usageRight)", self._error_relation),
            ("GET", errors, lambda call, key: self._graph.page(call, self._cloud.errors(self._holder("users", key)), self._cloud.error, "assignmentErrors")),
            ("GET", errors + ONE, lambda call, key, error: self._error(call, error, self._holder("users", key))),
        ]

    def _holder(self, collection: str, key: str) -> str:
        return self._graph.find(collection, key)["id"]

    def _pools(self, call: Call) -> Reply:
        rows = self._cloud.allotments()
        asked = call.query.get("$apply")
        if asked is None:
            return self._graph.page(call, rows, self._cloud.pool, "allotments")
        if asked.replace(" ", "") != SUMS.replace(" ", ""):
            raise rejection("filter", text="$apply")
        sums: dict[str, dict] = {}
        for row in filtered(rows, call.query.get("$filter")):
            total = sums.setdefault(
                row["skuId"], {"skuId": row["skuId"], "skuPartNumber": row["skuPartNumber"], "totalAllottedUnits": 0, "totalConsumedUnits": 0}
            )
            total["totalAllottedUnits"] += row["allottedUnits"]
            total["totalConsumedUnits"] += row["consumedUnits"]
        return Reply(200, {"@odata.context": f"{self._graph.base}/{call.version}/$metadata#allotments", "value": list(sums.values())})

    def _count(self, call: Call, pool_id: str | None = None) -> Reply:
        """The number of entities, as text."""
        pool = self._cloud.find_pool(pool_id) if pool_id else None
        rows: list = self._cloud.allotments()
        if "/assignments/" in call.path:
            rows = self._cloud.claims(pool_id=pool.id if pool else None)
        elif "/waitingMembers/" in call.path:
            rows = self._cloud.waiting_members(pool.id if pool else None)
        elif "/assignmentErrors/" in call.path:
            rows = self._cloud.errors()
        return Reply(200, str(len(rows)).encode(), {"Content-Type": "text/plain"})

    def _ends(self, *ids: str) -> dict[str, Any]:
        """What a path names of an assignment: nothing, its allotment, or its holder."""
        if len(ids) == 2:
            return {"holder": (KINDS[ids[0]], self._graph.find(*ids))}
        return {"pool": self._cloud.find_pool(ids[0])} if ids else {}

    def _claims(self, call: Call, *ids: str) -> Reply:
        ends = self._ends(*ids)
        rows = self._cloud.claims(ends["holder"][1]["id"] if "holder" in ends else None, ends["pool"].id if "pool" in ends else None)
        return self._graph.page(call, rows, self._cloud.claim, "assignments")

    def _create(self, call: Call, *ids: str) -> Reply:
        claim = self._cloud.create(call.body if isinstance(call.body, dict) else {}, **self._ends(*ids))
        shown = self._cloud.shown_claim(claim)
        if self._graph.faults.hides_id(call.method, f"/{call.version}{call.path}"):
            del shown["id"]
        return Reply(201, {"@odata.context": f"{self._graph.base}/{call.version}/$metadata#assignments/$entity", **shown})

    def _claim(self, call: Call, *ids: str) -> Reply:
        claim = self._found_claim(*ids)
        if call.method == "DELETE":
            self._cloud.delete(claim)
            return Reply(204)
        if call.method == "PATCH":
            self._cloud.update(claim, call.body if isinstance(call.body, dict) else {})
        return self._graph.one(call, self._cloud.shown_claim(claim), self._cloud.claim)

    def _found_claim(self, *ids: str) -> Claim:
        ends = self._ends(*ids[:-1])
        holder_id = ends["holder"][1]["id"] if "holder" in ends else None
        return self._cloud.find_claim(ids[-1], holder_id, ends["pool"].id if "pool" in ends else None)

    def _relation(self, call: Call, *parts: str) -> Reply:
        follow, shape = self._cloud.claim.relations[parts[-1]]
        return self._graph.one(call, follow(self._cloud.shown_claim(self._found_claim(*parts[:-1]))), shape)  # type: ignore[arg-type]

    def _reprocess(self, call: Call, *holder: str) -> Reply:
        if holder:
            self._graph.find(*holder)
        for pool in self._tenant.pools.values():
            self._tenant.allot(pool)
        return Reply(200)

    def _waiting(self, call: Call, pool_id: str | None = None, holder: str | None = None) -> Reply:
        return self._graph.page(call, self._waiting_rows(pool_id, holder), self._cloud.waiting, "waitingMembers")

    def _waiting_rows(self, pool_id: str | None, holder: str | None) -> list[dict]:
        return [row for row in self._cloud.waiting_members(pool_id) if holder in (None, row["holder_id"])]

    def _found_waiter(self, key: str, pool_id: str | None, holder: str | None) -> dict:
        row = next((row for row in self._waiting_rows(pool_id, holder) if row["id"] == key), None)
        if row is None:
            raise not_found(key, "waitingMemberId")
        return row

    def _waiter(self, call: Call, key: str, pool_id: str | None = None, holder: str | None = None) -> Reply:
        return self._graph.one(call, self._found_waiter(key, pool_id, holder), self._cloud.waiting)

    def _waiter_pool(self, call: Call, collection: str, holder: str, key: str) -> Reply:
        row = self._found_waiter(key, None, self._holder(collection, holder))
        return self._graph.one(call, self._cloud.shown_pool(self._tenant.pools[row["pool_id"]]), self._cloud.pool)

    def _rights(self, call: Call, collection: str, key: str) -> Reply:
        return self._graph.page(call, self._cloud.usage_rights(KINDS[collection], self._holder(collection, key)), self._cloud.right, "usageRights")

    def _right(self, collection: str, key: str, right_id: str) -> dict:
        rights = self._cloud.usage_rights(KINDS[collection], self._holder(collection, key))
        found = next((row for row in rights if row["id"] == right_id), None)
        if found is None:
            raise not_found(right_id, "usageRightId")
        return found

    def _right_claims(self, call: Call, collection: str, key: str, right_id: str) -> Reply:
        return self._graph.page(call, self._right(collection, key, right_id)["assignments"], self._cloud.claim, "assignments")

    def _error(self, call: Call, error_id: str, holder_id: str | None = None) -> Reply:
        return self._graph.one(call, self._found_error(error_id, holder_id), self._cloud.error)

    def _error_relation(self, call: Call, error_id: str, name: str) -> Reply:
        follow, shape = self._cloud.error.relations[name]
        target = follow(self._found_error(error_id, None))
        if target is None:
            raise not_found(error_id, name)
        return self._graph.one(call, target, shape)  # type: ignore[arg-type]

    def _found_error(self, error_id: str, holder_id: str | None) -> dict:
        found = next((row for row in self._cloud.errors(holder_id) if row["id"] == error_id), None)
        if found is None:
            raise not_found(error_id, "assignmentErrorId")
        return found
