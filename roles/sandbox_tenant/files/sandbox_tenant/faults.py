# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fault injection: rules that make chosen requests fail, and conditions that apply to all requests, repeatable by a seed."""

from __future__ import annotations

import os
import random
import re
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import Any

ACTIONS = ("answer", "cut_before", "cut_after", "expire_token", "revoke_tokens", "hide_id")


@dataclass
class Fault:
    """A rule. method and path (a regular expression, searched in version and path) choose requests; skip lets some pass first.

    C(answer) returns status, headers, code and message in place of the service; C(cut_before) and C(cut_after) close the
    connection before or after the request is carried out; C(expire_token) ends the token that the request carries;
    C(revoke_tokens) ends every token issued so far, with a claims challenge; C(hide_id) leaves the id out of a created entity.
    """

    path: str
    action: str = "answer"
    method: str = ""
    skip: int = 0
    times: int = 1
    status: int = 503
    code: str = "serviceNotAvailable"
    message: str = "Service is not available."
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "rule"


@dataclass
class SimulatedFaults:
    """Conditions that apply to every request until they are changed.

    rates gives kinds of RANDOM faults a probability. stale_reads is how many reads after a write return the state before it, stale_seconds how long,
    location_lag how many license calls do not see a new usage location, new_user_lag how many reads do not find a new user,
    group_reads how many reads group licensing takes. page_size caps pages (0: no cap), delay slows answers down by seconds.
    wrapped, hide_ids, shuffle and unknown change the form of answers. classic_errors returns cloudLicensing's errors in the form
    of the older API. read_units in read_seconds and writes in write_seconds are the quota of an application, as it is documented (0: none; read_units -1:
    what the size of the tenant gives), tenant_writes in tenant_write_seconds that of all applications together; clock makes its time run faster.
    """

    seed: int = 0
    rates: dict[str, float] = field(default_factory=dict)
    retry_after: float = 0.3
    stale_reads: int = 0
    stale_seconds: float = 0.0
    location_lag: int = 0
    new_user_lag: int = 0
    group_reads: int = 2
    page_size: int = 0
    delay: float = 0.0
    wrapped: bool = False
    hide_ids: bool = False
    shuffle: bool = False
    unknown: bool = False
    classic_errors: bool = False
    read_units: float = -1.0
    read_seconds: float = 10.0
    writes: float = 3000.0
    write_seconds: float = 150.0
    tenant_writes: float = 18000.0
    tenant_write_seconds: float = 300.0
    clock: float = 1.0


# what a client must expect of Graph at any time: rows in any order, small pages, members that are new, single entities in value, a location that shows late
STRICT: dict[str, Any] = {"shuffle": True, "unknown": True, "wrapped": True, "page_size": 25, "location_lag": 1, "new_user_lag": 1}
STRICT_VARIABLE = "SANDBOX_TENANT_STRICT"

THROTTLED = {"status": 429, "code": "TooManyRequests", "message": "Please retry again later."}
BUSY = {"status": 409, "code": "Directory_ConcurrencyViolation", "message": "Error due to concurrent requests being made to the tenant."}
RANDOM: dict[str, dict] = {
    "throttled": {**THROTTLED, "headers": {"Retry-After": "{retry_after}"}},
    "throttled_without_time": THROTTLED,
    "bad_gateway": {"status": 502, "code": "UnknownError", "message": ""},
    "unavailable": {"status": 503, "headers": {"Retry-After": "{retry_after}"}},
    "timeout": {"status": 504, "code": "UnknownError", "message": ""},
    "busy": {**BUSY, "headers": {"Retry-After": "{retry_after}"}},
    "cut_before": {"action": "cut_before"},
    "cut_after": {"action": "cut_after"},
    "expire_token": {"action": "expire_token"},
    "revoke_tokens": {"action": "revoke_tokens"},
}


class FaultPlan:
    """The faults and conditions in force, and their state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._new: dict[str, int] = {}
        self._locations: dict[str, tuple[str | None, int]] = {}
        self.clear()

    def clear(self) -> None:
        """Remove all rules and reset the conditions."""
        with self._lock:
            self._faults.clear()
            self._set(SimulatedFaults(**(STRICT if os.environ.get(STRICT_VARIABLE) else {})))

    def _set(self, conditions: SimulatedFaults) -> None:
        self.conditions = conditions
        self._random = random.Random(conditions.seed)
        self._new.clear()
        self._locations.clear()

    def set(self, changes: dict) -> None:
        """Change conditions. Raises ValueError for an unknown one."""
        if not isinstance(changes, dict):
            raise ValueError("give an object of conditions")
        known = {each.name: type(getattr(SimulatedFaults(), each.name)) for each in fields(SimulatedFaults)}
        for name, value in changes.items():
            if name not in known or not isinstance(value, (known[name], int) if known[name] is float else known[name]):
                raise ValueError(f"no condition {name} of value {value!r}; known conditions are {', '.join(known)}")
        unknown = set(changes.get("rates", {})) - set(RANDOM)
        if not all(isinstance(rate, (int, float)) and 0 <= rate <= 1 for rate in changes.get("rates", {}).values()):
            raise ValueError("rates are probabilities, from 0 to 1")
        if (
            changes.get("clock", 1) <= 0
            or changes.get("read_seconds", 1) <= 0
            or min(changes.get("write_seconds", 1), changes.get("tenant_write_seconds", 1)) <= 0
        ):
            raise ValueError("clock, read_seconds, write_seconds and tenant_write_seconds must be above 0")
        if unknown:
            raise ValueError(f"unknown fault {', '.join(sorted(unknown))}; known faults are {', '.join(RANDOM)}")
        with self._lock:
            self._set(SimulatedFaults(**{**asdict(self.conditions), **changes}))

    def add(self, fault: Fault) -> None:
        """Add a rule. Raises ValueError for an invalid one."""
        if fault.action not in ACTIONS:
            raise ValueError(f"action {fault.action!r} is not one of {', '.join(ACTIONS)}")
        re.compile(fault.path)
        with self._lock:
            self._faults.append(fault)

    def strike(self, method: str, path: str, actions: tuple[str, ...]) -> Fault | None:
        """Return the fault for a request, and count it as used once: of a rule, else by chance."""
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and fault.action in actions and fault.method in ("", method) and re.search(fault.path, path):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
            return self._chance(actions) if "answer" in actions else None

    def _chance(self, actions: tuple[str, ...]) -> Fault | None:
        for kind, rate in self.conditions.rates.items():
            if self._random.random() < rate and RANDOM[kind].get("action", "answer") in actions:
                fault = Fault(path="", kind=kind, **RANDOM[kind])
                wait = round(self.conditions.retry_after * (0.5 + self._random.random()), 3)
                fault.headers = {name: value.format(retry_after=wait) for name, value in fault.headers.items()}
                return fault
        return None

    def hides_id(self, method: str, path: str) -> bool:
        """Whether the answer to a create leaves its id out."""
        return self.strike(method, path, ("hide_id",)) is not None or self.conditions.hide_ids

    def note_new(self, user: dict) -> None:
        """Note that a user was just created."""
        self._new[user["id"]] = self.conditions.new_user_lag

    def is_too_new(self, user_id: str) -> bool:
        """Whether a read does not find a user yet."""
        left = self._new.get(user_id.lower(), 0)
        self._new[user_id.lower()] = max(left - 1, 0)
        return left > 0

    def note_location(self, user: dict) -> None:
        """Note that a usage location is about to be written."""
        self._locations[user["id"]] = (user["usageLocation"], self.conditions.location_lag)

    def location_of(self, user: dict) -> str | None:
        """The usage location of a user as license calls see it."""
        old, left = self._locations.get(user["id"], (None, 0))
        if left <= 0:
            return user["usageLocation"]
        self._locations[user["id"]] = (old, left - 1)
        return old
