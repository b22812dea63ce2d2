# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a tenant: one store of claims on pools of seats, which assignLicense and cloudLicensing both act on.

A pool is what cloudLicensing calls an allotment; seats that no allotment of the seed names make a hidden pool.
A claim is an assignment. Licenses, seats in use and queues all follow from claims and memberships.
"""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .principals import named_of, object_id, user_of
from .seed import ENDED


@dataclass
class Pool:
    """Seats of one SKU. seats has the ids of principals with a seat, waiting those of principals in the queue, with the time since when."""

    id: str
    sku_id: str
    units: int
    assignable_to: str
    subscription_id: str
    state: str = "active"
    is_hidden: bool = False
    seats: dict[str, None] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """Unused seats that can be assigned: fewer than none where seats were suspended, and none where the subscription has ended."""
        return min(self.units - len(self.seats), 0 if self.state in ENDED else self.units)


@dataclass
class Claim:
    """A principal's assignment on a pool."""

    id: str
    pool_id: str
    kind: str
    holder_id: str
    disabled: tuple[str, ...]


@dataclass
class Job:
    """Background processing of a group's licenses: the reads left until it is done, the licenses of the group by then, and what carries it out."""

    left: int
    licenses: dict[str, list[str]]
    finish: Callable[[], None]


def status_of(sku: dict) -> str:
    """The capabilityStatus of a SKU: as the seed has it, else Suspended where all its seats are suspended."""
    is_suspended = bool(sku.get("suspended")) and not (sku["enabled"] or sku.get("warning"))
    return sku.get("status", "Suspended" if is_suspended else "Enabled")


class Tenant:
    """The state of a sandbox tenant, built from a seed."""

    def __init__(self, seed: dict) -> None:
        self.id: str = seed["tenant"]["id"]
        self.domain: str = seed["tenant"]["domain"]
        self.skus: dict[str, dict] = {sku["sku_id"]: sku for sku in seed["skus"]}
        self.plan_ids = {plan["name"]: plan["id"] for sku in seed["skus"] for plan in sku["service_plans"]}
        self.excludes: list[list[str]] = seed.get("rules", {}).get("excludes", [])
        self.needs: dict[str, list[str]] = seed.get("rules", {}).get("needs", {})
        self.users = {user["id"]: user for user in (user_of(row, self.domain) for row in seed["users"])}
        self.groups = {group["id"]: group for group in (named_of("group", row) for row in seed["groups"])}
        self.devices = {device["id"]: device for device in (named_of("device", row) for row in seed["devices"])}
        self._by_upn = {user["userPrincipalName"].lower(): user for user in self.users.values()}
        self.prohibited: dict[str, list[str]] = seed.get("rules", {}).get("prohibited", {})
        self.country: str = seed["tenant"].get("country", "US")
        names = {group["displayName"]: group["id"] for group in self.groups.values()}
        self.nested = {group["id"]: [names[name] for name in group.pop("groups")] for group in self.groups.values()}
        self.jobs: dict[str, Job] = {}
        self.blocked: dict[tuple[str, str], str] = {}
        self.members = {gid: [self._by_upn[f"{name}@{self.domain}".lower()]["id"] for name in group["members"]] for gid, group in self.groups.items()}
        self._groups_of: dict[str, list[str]] = {}
        for group_id, members in self.members.items():
            for user_id in members:
                self._groups_of.setdefault(user_id, []).append(group_id)
        self.pools: dict[str, Pool] = {pool.id: pool for pool in self._pools(seed)}
        self.claims: dict[str, Claim] = {}
        self._claims_of: dict[str, dict[str, Claim]] = {}
        self._claims_on: dict[str, dict[str, Claim]] = {}
        self._claim_all()

    def user(self, key: str) -> dict | None:
        """A user by id or user principal name, in any case."""
        return self.users.get(key.lower()) or self._by_upn.get(key.lower())

    def principal(self, kind: str, key: str) -> dict | None:
        """A user, group or device."""
        if kind == "user":
            return self.user(key)
        return (self.groups if kind == "group" else self.devices).get(key.lower())

    def kind_of(self, object_id: str) -> str:
        """The kind of a principal."""
        return "user" if object_id in self.users else "group" if object_id in self.groups else "device"

    def groups_of(self, user_id: str) -> list[str]:
        """The ids of the groups that a user is a direct member of."""
        return self._groups_of.get(user_id, [])

    def claims_of(self, holder_id: str) -> list[Claim]:
        """A principal's own claims."""
        return list(self._claims_of.get(holder_id, {}).values())

    def paths_of(self, user_id: str) -> Iterator[tuple[Claim, str | None]]:
        """Every claim that reaches a user, with the group it comes through."""
        for claim in self.claims_of(user_id):
            yield claim, None
        for group_id in self.groups_of(user_id):
            for claim in self.claims_of(group_id):
                yield claim, group_id

    def effective_paths(self, user_id: str) -> Iterator[tuple[str, tuple[str, ...], str | None]]:
        """SKU, what is off, and the group, of each claim through which a user has a seat. A claim in error does not count."""
        for claim, group_id in self.paths_of(user_id):
            pool = self.pools[claim.pool_id]
            if user_id in pool.seats and (group_id or "", user_id) not in self.blocked:
                yield pool.sku_id, claim.disabled, group_id

    def sku_of(self, claim: Claim) -> dict:
        """The SKU that a claim is about."""
        return self.skus[self.pools[claim.pool_id].sku_id]

    def pools_of(self, sku_id: str) -> list[Pool]:
        """The pools of a SKU, hidden ones last."""
        return sorted((pool for pool in self.pools.values() if pool.sku_id == sku_id), key=lambda pool: pool.is_hidden)

    def consumed(self, sku_id: str) -> int:
        """Seats of a SKU in use."""
        return sum(len(pool.seats) for pool in self.pools_of(sku_id))

    def add_claim(self, pool: Pool, kind: str, holder_id: str, disabled: Iterable[str]) -> Claim:
        """Create a claim. The caller checks that it is allowed."""
        claim = Claim(str(uuid.uuid4()), pool.id, kind, holder_id, tuple(disabled))
        self.claims[claim.id] = claim
        self._claims_of.setdefault(holder_id, {})[claim.id] = claim
        self._claims_on.setdefault(pool.id, {})[claim.id] = claim
        if kind == "group":
            self.allot(pool)
        else:
            pool.seats[holder_id] = None
            pool.waiting.pop(holder_id, None)
        return claim

    def delete_claim(self, claim: Claim) -> None:
        """Delete a claim, and assign its seats to principals that wait."""
        del self.claims[claim.id]
        del self._claims_of[claim.holder_id][claim.id]
        del self._claims_on[claim.pool_id][claim.id]
        pool = self.pools[claim.pool_id]
        if claim.kind == "group":
            self.allot(pool)
        elif not any(other.pool_id == pool.id for other, dummy in self.paths_of(claim.holder_id)):
            del pool.seats[claim.holder_id]
            self._fill(pool)

    def tick(self) -> None:
        """Count one read: background processing advances by one step."""
        for group_id, job in list(self.jobs.items()):
            job.left -= 1
            if job.left <= 0:
                del self.jobs[group_id]
                job.finish()

    def group_error(self, group_id: str, user_id: str) -> str | None:
        """Why a member does not have the licenses of a group, as licenseAssignmentStates names it."""
        if (group_id, user_id) in self.blocked:
            return self.blocked[group_id, user_id]
        waits = any(user_id in self.pools[claim.pool_id].waiting for claim in self.claims_of(group_id))
        return "CountViolation" if waits else None

    def add_user(self, upn: str, display_name: str, usage_location: str | None) -> dict:
        """A new user, without licenses."""
        user = user_of({"name": upn.partition("@")[0], "display_name": display_name, "usage_location": usage_location}, self.domain)
        user.pop("licenses")
        user["userPrincipalName"] = user["mail"] = upn
        user["id"] = str(uuid.uuid4())
        self.users[user["id"]] = self._by_upn[upn.lower()] = user
        return user

    def delete_user(self, user: dict) -> None:
        """Delete a user, with claims and memberships."""
        for claim in self.claims_of(user["id"]):
            self.delete_claim(claim)
        for group_id in self._groups_of.pop(user["id"], []):
            self.members[group_id].remove(user["id"])
            self.blocked.pop((group_id, user["id"]), None)
        del self.users[user["id"]], self._by_upn[user["userPrincipalName"].lower()]
        for pool in self.pools.values():
            self.allot(pool)

    def add_member(self, group_id: str, user_id: str) -> None:
        """Add a user to a group. The caller checks that the user is not a member."""
        self.members[group_id].append(user_id)
        self._groups_of.setdefault(user_id, []).append(group_id)

    def remove_member(self, group_id: str, user_id: str) -> None:
        """Remove a user from a group, with the licenses that came through it."""
        self.members[group_id].remove(user_id)
        self._groups_of[user_id].remove(group_id)
        self.blocked.pop((group_id, user_id), None)
        for claim in self.claims_of(group_id):
            self.allot(self.pools[claim.pool_id])

    def delete_group(self, group: dict) -> None:
        """Delete a group that has no licenses."""
        for user_id in self.members.pop(group["id"]):
            self._groups_of[user_id].remove(group["id"])
            self.blocked.pop((group["id"], user_id), None)
        del self.groups[group["id"]]

    def enabled_plans(self, paths: Iterable[tuple[str, Iterable[str]]]) -> set[str]:
        """The ids of service plans that are on, out of pairs of SKU and what is off: one path is enough."""
        on: set[str] = set()
        for sku_id, disabled in paths:
            on |= {plan["id"] for plan in self.skus[sku_id]["service_plans"]} - set(disabled)
        return on

    def allot(self, pool: Pool) -> None:
        """Assign seats to the principals that claims reach: direct ones first, then those that wait longest (graph-contract 2.1)."""
        direct: list[str] = []
        through_group: list[str] = []
        for claim in self._claims_on.get(pool.id, {}).values():
            (through_group if claim.kind == "group" else direct).append(claim.holder_id)
        members = [user_id for group_id in through_group for user_id in self.members[group_id] if (group_id, user_id) not in self.blocked]
        reached = dict.fromkeys([*direct, *members])
        pool.seats = {holder: None for holder in pool.seats if holder in reached}
        pool.seats.update(dict.fromkeys(direct))
        queue = [holder for holder in pool.waiting if holder in reached] + members
        pool.waiting = {holder: pool.waiting.get(holder, _now()) for holder in queue if holder not in pool.seats}
        self._fill(pool)

    def _fill(self, pool: Pool) -> None:
        """Assign free seats to the principals that wait longest."""
        for holder in list(pool.waiting)[: max(pool.free, 0)]:
            pool.seats[holder] = None
            del pool.waiting[holder]

    def _pools(self, seed: dict) -> Iterator[Pool]:
        named = {sku["part_number"]: sku["sku_id"] for sku in seed["skus"]}
        left = {sku["sku_id"]: sku["enabled"] + sku.get("warning", 0) for sku in seed["skus"]}
        for row in seed["allotments"]:
            sku_id = named[row["sku"]]
            state = row.get("state", "active")
            left[sku_id] -= 0 if state in ENDED else row["units"]
            yield Pool(_pool_id(row["name"]), sku_id, row["units"], row["assignable_to"], object_id("subscription", row["name"]), state)
        suspended = {sku["sku_id"] for sku in seed["skus"] if sku.get("suspended")}
        for sku_id, units in left.items():
            if units > 0 or sku_id in suspended:
                yield Pool(_pool_id(f"hidden {sku_id}"), sku_id, max(units, 0), "user,group", object_id("subscription", sku_id), is_hidden=True)

    def _claim_all(self) -> None:
        """Create the claims of the seed."""
        parts = {sku["part_number"]: sku for sku in self.skus.values()}
        for holders in (self.users, self.groups, self.devices):
            for holder in holders.values():
                for row in holder.pop("licenses", None) or holder.pop("assignments", None) or []:
                    sku = parts[row["sku"]]
                    off = row.get("disabled_plans")
                    disabled = [plan["id"] for plan in sku["service_plans"] if plan["name"] in off] if off else ()
                    kind = self.kind_of(holder["id"])
                    pools = [pool for pool in self.pools_of(sku["sku_id"]) if kind in pool.assignable_to.split(",")]
                    pool = next((pool for pool in pools if pool.free > 0), pools[0])
                    self.add_claim(pool, kind, holder["id"], disabled)


def _pool_id(name: str) -> str:
    """An opaque id of 52 characters, as the examples of the API show (graph-contract 10, no. 3)."""
    return base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower().rstrip("=")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
