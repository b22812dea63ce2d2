# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every path of Graph shares: calls and replies, the principals that they name, and the form of what is answered."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import rejection
from .faults import FaultPlan
from .odata import Shape, page, project
from .tenant import Tenant

KINDS = {"users": "user", "groups": "group", "devices": "device"}


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
    """A tenant as paths see it. base is the address that links and contexts begin with."""

    def __init__(self, tenant: Tenant, faults: FaultPlan, base: str) -> None:
        self.tenant, self.faults, self.base = tenant, faults, base

    def find(self, collection: str, key: str) -> dict:
        """A user, group or device, or an error."""
        principal = self.tenant.principal(KINDS[collection], key)
        if principal is None and not re.fullmatch(r"[0-9a-fA-F-]{36}|[^@\s]+@[^@\s]+", key):
            raise rejection("E13", id=key)
        if principal is None:
            raise rejection("E15", id=key)
        return principal

    def page(self, call: Call, rows: list, shape: Shape, name: str, is_paged: bool = True, show: Callable[[Any], dict] = dict) -> Reply:
        """A page of a list; show makes an entity of a row."""
        context = f"{self.base}/{call.version}/$metadata#{name}"
        conditions = self.faults.conditions
        if conditions.shuffle:
            random.Random(conditions.seed).shuffle(rows)
        size = conditions.page_size if is_paged else None
        answer = page(rows, shape, call.query, f"{self.base}/{call.version}{call.path}", context, is_paged, size or None, show)
        if conditions.unknown:
            answer["value"] = [{**row, "propertyOfTomorrow": {"value": 1}} for row in answer["value"]]
        return Reply(200, answer)

    def one(self, call: Call, row: dict, shape: Shape, can_wrap: bool = True) -> Reply:
        """A single entity: bare, or wrapped in value when the conditions say so (graph-contract 1.6, no. 5)."""
        context = f"{self.base}/{call.version}/$metadata#{shape.name}/$entity"
        entity = project(row, shape, call.query)
        if self.faults.conditions.unknown:
            entity["propertyOfTomorrow"] = "x"
        if can_wrap and call.method == "GET" and self.faults.conditions.wrapped:
            return Reply(200, {"value": entity})
        return Reply(200, {"@odata.context": context, **entity})
