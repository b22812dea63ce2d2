# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of users, groups, devices and subscriptions."""

from __future__ import annotations

import re
from collections.abc import Callable

from .classic import assign_license
from .directory import (
    DETAILS,
    MEMBER,
    SHAPES,
    SINGLE_ONLY,
    SKU,
    SUBSCRIPTION,
    shown_details,
    shown_principal,
    shown_sku,
    shown_subscription,
)
from .errors import Rejection, rejection
from .graph import KINDS, Call, Graph, Reply
from .groups import add_members, assign_group_license, check_static, reprocess_user
from .odata import is_advanced


class DirectoryRoutes:
    """Handlers over one tenant."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._tenant = graph, graph.tenant

    def table(self) -> list[tuple[str, str, Callable]]:
        """Method, path below the version, handler."""
        principal = r"/(users|groups|devices)/([^/]+)"
        return [
            ("GET", r"/(users|groups|devices)", self._list),
            ("GET", principal, self._get),
            ("POST", "/users", self._new_user),
            ("PATCH", r"/users/([^/]+)", self._patch_user),
            ("DELETE", r"/users/([^/]+)", self._delete_user),
            ("DELETE", r"/groups/([^/]+)", self._delete_group),
            ("POST", r"/users/([^/]+)/assignLicense", self._assign),
            ("POST", r"/groups/([^/]+)/assignLicense", self._assign_group),
            ("POST", r"/users/([^/]+)/reprocessLicenseAssignment", self._reprocess),
            ("GET", r"/users/([^/]+)/licenseDetails", self._details),
            ("GET", r"/groups/([^/]+)/assignedLicenses", self._group_licenses),
            ("GET", r"/groups/([^/]+)/members", self._members),
            ("PATCH", r"/groups/([^/]+)", self._patch_group),
            ("POST", r"/groups/([^/]+)/members/\$ref", self._add_member),
            ("DELETE", r"/groups/([^/]+)/members/([^/]+)/\$ref", self._remove_member),
            ("GET", r"/groups/([^/]+)/membersWithLicenseErrors", self._members_with_errors),
            ("GET", "/subscribedSkus", self._skus),
            ("GET", "/subscribedSkus/([^/]+)", self._sku),
            ("GET", "/directory/subscriptions", self._subscriptions),
        ]

    def _list(self, call: Call, collection: str) -> Reply:
        kind = KINDS[collection]
        self._check_list(call)
        rows = {"user": self._tenant.users, "group": self._tenant.groups, "device": self._tenant.devices}[kind]
        return self._graph.page(call, list(rows.values()), SHAPES[kind], collection, show=lambda row: shown_principal(self._tenant, kind, row))

    def _check_list(self, call: Call) -> None:
        """Check what Graph requires of advanced queries, and what it does not return in lists (graph-contract E26 to E28)."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        is_eventual = headers.get("consistencylevel", "").lower() == "eventual"
        if call.query.get("$count") == "true" and not is_eventual:
            raise rejection("E26")
        if is_advanced(call.query.get("$filter", "")) and not (is_eventual and call.query.get("$count") == "true"):
            raise rejection("E27")
        self._check_sign_ins(call)
        if set(call.query.get("$select", "").split(",")) & SINGLE_ONLY:
            raise Rejection(501, "NotImplemented", "This property can only be read of a single user.")

    def _check_sign_ins(self, call: Call) -> None:
        """Check that reads of the last sign-in have the permission that they need, and smaller pages (graph-contract 6)."""
        if "signInActivity" not in call.query.get("$select", "").split(","):
            return
        if "AuditLog.Read.All" not in {*(call.claims.get("roles") or ()), *call.claims.get("scp", "").split()}:
            raise Rejection(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        if int(call.query.get("$top", "100")) > 500:
            raise Rejection(400, "Request_BadRequest", "Invalid page size specified: must be between 1 and 500 with signInActivity.")

    def _get(self, call: Call, collection: str, key: str) -> Reply:
        kind = KINDS[collection]
        if kind == "user" and self._graph.faults.is_too_new(key):
            raise rejection("E15", id=key)
        return self._graph.one(call, shown_principal(self._tenant, kind, self._graph.find(collection, key)), SHAPES[kind], can_wrap=False)

    def _new_user(self, call: Call) -> Reply:
        body = call.body if isinstance(call.body, dict) else {}
        if not all(isinstance(body.get(name, ""), str) for name in ("displayName", "userPrincipalName", "usageLocation")):
            raise rejection("body")
        missing = [name for name in ("accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName") if name not in body]
        if missing or self._tenant.user(body.get("userPrincipalName", "")):
            text = f"A value is required for property '{missing[0]}' of resource 'User'." if missing else "Another object with the same value exists."
            raise Rejection(400, "Request_BadRequest", text)
        user = self._tenant.add_user(body["userPrincipalName"], body["displayName"], body.get("usageLocation"))
        self._graph.faults.note_new(user)
        return Reply(201, self._graph.one(call, user, SHAPES["user"]).body)

    def _patch_user(self, call: Call, key: str) -> Reply:
        user = self._graph.find("users", key)
        for name, value in (call.body or {}).items():
            if name != "usageLocation" or not (value is None or re.fullmatch("[A-Z]{2}", str(value))):
                raise Rejection(400, "Request_BadRequest", f"Invalid value specified for property '{name}' of resource 'User'.")
            self._graph.faults.note_location(user)
            user[name] = value
        return Reply(204)

    def _delete_user(self, call: Call, key: str) -> Reply:
        self._tenant.delete_user(self._graph.find("users", key))
        return Reply(204)

    def _delete_group(self, call: Call, key: str) -> Reply:
        group = self._graph.find("groups", key)
        if self._tenant.claims_of(group["id"]) or group["id"] in self._tenant.jobs:
            raise rejection("E25")
        self._tenant.delete_group(group)
        return Reply(204)

    def _assign(self, call: Call, key: str) -> Reply:
        user = self._graph.find("users", key)
        location = self._graph.faults.location_of(user)
        assign_license(self._tenant, user, call.body or {}, location)
        return self._graph.one(Call("POST", call.version, call.path, {}, None, call.claims), user, SHAPES["user"])

    def _assign_group(self, call: Call, key: str) -> Reply:
        group = self._graph.find("groups", key)
        assign_group_license(self._tenant, group, call.body or {}, self._graph.faults.conditions.group_reads)
        reply = self._graph.one(Call("POST", call.version, call.path, {}, None, call.claims), group, SHAPES["group"])
        place = f"https://graph.microsoft.com/v2/{self._tenant.id}/directoryObjects/{group['id']}/Microsoft.DirectoryServices.Group"
        return Reply(202, reply.body, {"location": place})

    def _reprocess(self, call: Call, key: str) -> Reply:
        user = self._graph.find("users", key)
        reprocess_user(self._tenant, user)
        return self._graph.one(Call("POST", call.version, call.path, {}, None, call.claims), user, SHAPES["user"])

    def _details(self, call: Call, key: str) -> Reply:
        return self._graph.page(call, shown_details(self._tenant, self._graph.find("users", key)), DETAILS, "licenseDetails", is_paged=False)

    def _group_licenses(self, call: Call, key: str) -> Reply:
        group = shown_principal(self._tenant, "group", self._graph.find("groups", key))
        return Reply(200, {"@odata.context": f"{self._graph.base}/{call.version}/$metadata#assignedLicenses", "value": group["assignedLicenses"]})

    def _members(self, call: Call, key: str) -> Reply:
        group = self._graph.find("groups", key)
        users = [self._tenant.users[user_id] for user_id in self._tenant.members[group["id"]]]
        inside = [self._tenant.groups[group_id] for group_id in self._tenant.nested[group["id"]] if group_id in self._tenant.groups]
        return self._graph.page(call, users + inside, MEMBER, "directoryObjects")

    def _patch_group(self, call: Call, key: str) -> Reply:
        """Add up to twenty members in one request; nothing else of a group can be changed here."""
        group, body = self._graph.find("groups", key), call.body if isinstance(call.body, dict) else {}
        links = body.get("members@odata.bind")
        if body.keys() != {"members@odata.bind"} or not isinstance(links, list) or not 0 < len(links) <= 20:
            raise rejection("body")
        add_members(self._tenant, group["id"], [self._linked(link) for link in links])
        return Reply(204)

    def _add_member(self, call: Call, key: str) -> Reply:
        group = self._graph.find("groups", key)
        add_members(self._tenant, group["id"], [self._linked((call.body or {}).get("@odata.id"))])
        return Reply(204)

    def _linked(self, link: object) -> str:
        """The id of the user that a reference names."""
        found = re.fullmatch(r"https?://[^/]+/(?:v1\.0|beta)/(?:directoryObjects|users)/([0-9a-fA-F-]{36})", str(link))
        if found is None:
            raise rejection("body")
        return str(self._graph.find("users", found.group(1))["id"])

    def _remove_member(self, call: Call, key: str, member: str) -> Reply:
        group = self._graph.find("groups", key)
        check_static(self._tenant, group["id"])
        if member.lower() not in self._tenant.members[group["id"]]:
            raise rejection("E15", id=member)
        self._tenant.remove_member(group["id"], member.lower())
        return Reply(204)

    def _members_with_errors(self, call: Call, key: str) -> Reply:
        group = self._graph.find("groups", key)
        rows = [self._tenant.users[user_id] for user_id in self._tenant.members[group["id"]] if self._tenant.group_error(group["id"], user_id)]
        return self._graph.page(call, rows, MEMBER, "directoryObjects")

    def _skus(self, call: Call) -> Reply:
        return self._graph.page(call, [shown_sku(self._tenant, sku) for sku in self._tenant.skus.values()], SKU, "subscribedSkus", is_paged=False)

    def _sku(self, call: Call, key: str) -> Reply:
        sku = self._tenant.skus.get(key.rpartition("_")[2].lower())
        if sku is None:
            raise rejection("E15", id=key)
        return self._graph.one(call, shown_sku(self._tenant, sku), SKU, can_wrap=False)

    def _subscriptions(self, call: Call) -> Reply:
        rows = [shown_subscription(self._tenant, pool) for pool in self._tenant.pools.values()]
        return self._graph.page(call, rows, SUBSCRIPTION, "directory/subscriptions", is_paged=False)
