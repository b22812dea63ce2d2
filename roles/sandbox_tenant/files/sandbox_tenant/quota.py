# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throttling: what a request costs, and what an application may spend (graph-contract 6)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from .faults import SimulatedFaults

COSTS = [(r"/(users|me)", 2.0), (r"/subscribedSkus", 3.0), (r"/(users/[^/]+|me)/licenseDetails", 2.0), (r"/groups/[^/]+/members", 3.0)]
WARN_FROM = 0.8
READ_UNITS = ((49, 3500.0), (500, 5000.0), (float("inf"), 8000.0))  # in 10 s, by the number of users


def cost_of(method: str, path: str, query: Mapping[str, str]) -> float:
    """Resource units of a request; path begins below the version."""
    if method != "GET":
        return 1.0
    base = next((units for pattern, units in COSTS if re.fullmatch(pattern, path)), 1.0)
    base -= 1.0 if "$select" in query else 0.0
    base += 1.0 if "$expand" in query else 0.0
    base -= 1.0 if query.get("$top", "99").isdigit() and int(query.get("$top", "99")) < 20 else 0.0
    return max(base, 1.0)


class Bucket:
    """A token bucket that refills evenly: a limit for a number of seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._spent, self._since = clock, 0.0, clock()

    def wait(self, amount: float, limit: float, seconds: float) -> float:
        """Seconds until an amount can be taken. If that is zero, take it."""
        now = self._clock()
        self._spent = max(0.0, self._spent - (now - self._since) * limit / seconds)
        self._since = now
        missing = self._spent + amount - limit
        if missing > 0:
            return missing * seconds / limit
        self._spent += amount
        return 0.0

    def used(self, limit: float) -> float:
        """The part of the limit that is spent, 1 for all of it."""
        return self._spent / limit


class Quota:
    """What every application has spent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._clock = clock

    def ask(self, app: str, method: str, units: float, conditions: SimulatedFaults, users: int = 0) -> tuple[float, dict[str, str]]:
        """Seconds to wait, 0 when the request may go on, and the headers that go with it. users is the size of the tenant."""
        headers = {"x-ms-resource-unit": f"{units:g}"}
        if method == "GET":
            allowed = conditions.read_units if conditions.read_units >= 0 else next(most for size, most in READ_UNITS if users <= size)
            limits = [("Tenant_Application/Read", app, units, allowed, conditions.read_seconds)]
        else:
            limits = [
                ("Tenant_Application/Write", app, 1.0, conditions.writes, conditions.write_seconds),
                ("Tenant/Write", "", 1.0, conditions.tenant_writes, conditions.tenant_write_seconds),
            ]
        for scope, who, amount, limit, seconds in limits:
            if limit <= 0:
                continue
            bucket = self._buckets.setdefault((who, scope), Bucket(lambda: self._clock() * conditions.clock))
            wait = bucket.wait(amount, limit, seconds) / conditions.clock
            if bucket.used(limit) > WARN_FROM:
                headers["x-ms-throttle-limit-percentage"] = f"{min(bucket.used(limit), 1.8):.2f}"
            if wait > 0:
                information = {"x-ms-throttle-scope": scope, "x-ms-throttle-information": "ResourceUnitLimitExceeded"}
                return wait, {**headers, **information, "Retry-After": f"{wait:.3f}"}
        return 0.0, headers
