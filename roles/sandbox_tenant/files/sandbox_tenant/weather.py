# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: rules that make chosen requests fail, each for a number of times."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

ACTIONS = ("answer", "cut_before", "cut_after", "expire_token", "hide_id")


@dataclass
class Fault:
    """A rule. method and path (a regular expression, searched in version and path) choose requests; skip lets some pass first.

    C(answer) gives status, headers, code and message in place of the service; C(cut_before) and C(cut_after) close the
    connection before or after the request is carried out; C(expire_token) ends the token that the request carries;
    C(hide_id) leaves the id out of a created entity.
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


class Weather:
    """The faults in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Adds a rule; raises ValueError for one that cannot work."""
        if fault.action not in ACTIONS:
            raise ValueError(f"action {fault.action!r} is not one of {', '.join(ACTIONS)}")
        re.compile(fault.path)
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Drops every rule."""
        with self._lock:
            self._faults.clear()

    def strike(self, method: str, path: str, actions: tuple[str, ...]) -> Fault | None:
        """The fault that a request meets, which is then used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and fault.action in actions and fault.method in ("", method) and re.search(fault.path, path):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None
