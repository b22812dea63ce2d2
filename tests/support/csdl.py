# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A judge of answers by Microsoft's schema: types, nulls, enum members, and no property that the schema does not know or leave open."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
CLOUD = "microsoft.graph.cloudLicensing."
GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
PRIMITIVES = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.Int32": lambda value: isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31,
    "Edm.Guid": lambda value: isinstance(value, str) and re.fullmatch(GUID, value),
    "Edm.DateTimeOffset": lambda value: isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value),
    "Edm.Date": lambda value: isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value),
}

# path below the version, and what it answers; a type in brackets is a list
PATHS = [
    (r"/(users/[^/]+|me)", "graph.user"),
    (r"/(users/[^/]+|me)/(assignLicense|reprocessLicenseAssignment)", "graph.user"),
    (r"/users", "[graph.user]"),
    (r"/(users/[^/]+|me)/licenseDetails", "[graph.licenseDetails]"),
    (r"/groups/[^/]+(/assignLicense)?", "graph.group"),
    (r"/groups", "[graph.group]"),
    (r"/groups/[^/]+/(members|membersWithLicenseErrors)", "[graph.directoryObject]"),
    (r"/devices/[^/]+", "graph.directoryObject"),
    (r"/devices", "[graph.directoryObject]"),
    (r"/subscribedSkus", "[graph.subscribedSku]"),
    (r"/subscribedSkus/[^/]+", "graph.subscribedSku"),
    (r"/groups/[^/]+/assignedLicenses", "[graph.assignedLicense]"),
    (r"/directory/subscriptions", "[graph.companySubscription]"),
    (r"/admin/cloudLicensing/allotments", f"[{CLOUD}allotment]"),
    (r"/admin/cloudLicensing/allotments/[^/]+", f"{CLOUD}allotment"),
    (r".*/cloudLicensing(/allotments/[^/]+)?/assignments", f"[{CLOUD}assignment]"),
    (r".*/cloudLicensing(/allotments/[^/]+)?/assignments/[^/]+", f"{CLOUD}assignment"),
    (r".*/cloudLicensing/(assignments|waitingMembers)/[^/]+/allotment", f"{CLOUD}allotment"),
    (r".*/cloudLicensing/.*/assignedTo", "graph.directoryObject"),
    (r".*/waitingMembers", f"[{CLOUD}waitingMember]"),
    (r".*/waitingMembers/[^/]+", f"{CLOUD}waitingMember"),
    (r".*/usageRights", f"[{CLOUD}usageRight]"),
    (r".*/usageRights/[^/]+", f"{CLOUD}usageRight"),
    (r".*/usageRights/[^/]+/assignments", f"[{CLOUD}assignment]"),
    (r".*/assignmentErrors", f"[{CLOUD}assignmentError]"),
    (r".*/assignmentErrors/[^/]+/usageRight", f"{CLOUD}usageRight"),
    (r".*/assignmentErrors/[^/]+", f"{CLOUD}assignmentError"),
]


class Schema:
    """Types and enums of a CSDL file."""

    def __init__(self, path: Path) -> None:
        self.types: dict[str, dict[str, tuple[str, bool]]] = {}
        self.bases: dict[str, str] = {}
        self.open: set[str] = set()
        self.enums: dict[str, tuple[set[str], bool]] = {}
        for schema in ET.parse(path).getroot().iter(f"{EDM}Schema"):  # noqa: S314
            prefix = "graph" if schema.get("Alias") == "graph" else schema.get("Namespace")
            for part in [*schema.iter(f"{EDM}EntityType"), *schema.iter(f"{EDM}ComplexType")]:
                name = f"{prefix}.{part.get('Name')}"
                members = [*part.iter(f"{EDM}Property"), *part.iter(f"{EDM}NavigationProperty")]
                self.types[name] = {member.get("Name"): (member.get("Type"), member.get("Nullable") != "false") for member in members}
                if part.get("BaseType"):
                    self.bases[name] = part.get("BaseType")
                if part.get("OpenType") == "true":
                    self.open.add(name)
            for part in schema.iter(f"{EDM}EnumType"):
                self.enums[f"{prefix}.{part.get('Name')}"] = ({member.get("Name") for member in part}, part.get("IsFlags") == "true")

    def faults(self, value: Any, type_name: str, where: str = "$") -> list[str]:
        """What is wrong with a value of a type; nothing when it is right."""
        found = re.fullmatch(r"Collection\((.*)\)", type_name)
        if found:
            if not isinstance(value, list):
                return [f"{where}: not a list"]
            return [fault for index, part in enumerate(value) for fault in self.faults(part, found.group(1), f"{where}[{index}]")]
        if type_name in PRIMITIVES:
            return [] if PRIMITIVES[type_name](value) else [f"{where}: {value!r} is no {type_name}"]
        if type_name in self.enums:
            members, is_flags = self.enums[type_name]
            parts = value.split(",") if is_flags and isinstance(value, str) else [value]
            return [] if set(parts) <= members else [f"{where}: {value!r} is no {type_name}"]
        return self._entity_faults(value, type_name, where)

    def _entity_faults(self, value: Any, type_name: str, where: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{where}: not an object"]
        known: dict[str, tuple[str, bool]] = {}
        is_open = False
        name: str | None = type_name
        while name is not None:
            known = {**self.types[name], **known}
            is_open = is_open or name in self.open
            name = self.bases.get(name)
        faults = []
        for key, part in value.items():
            if "@odata." in key:
                continue
            if key not in known:
                faults += [] if is_open else [f"{where}.{key}: {type_name} has no such property"]
            elif part is None:
                faults += [] if known[key][1] else [f"{where}.{key}: null"]
            else:
                faults += self.faults(part, known[key][0], f"{where}.{key}")
        return faults

    def judge(self, method: str, path: str, query: Any, status: int, body: Any) -> list[str]:
        """What is wrong with the answer to a request; nothing also for what the schema does not speak of."""
        if not 200 <= status < 300 or body is None or "$apply" in query:
            return []
        below = re.sub(r"^/(v1\.0|beta)", "", path)
        for pattern, type_name in PATHS:
            if re.fullmatch(pattern, below):
                is_list = type_name.startswith("[") and method == "GET"
                values = body.get("value") if is_list else [body]
                if not isinstance(values, list):
                    return [f"{path}: no list of values"]
                return [f"{method} {path} {fault}" for value in values for fault in self.faults(value, type_name.strip("[]"))]
        return [f"{method} {path}: nobody said what this answers"]


def observe(service: Any, schema: Schema, report: Callable[[list[str]], None]) -> None:
    """Lets the schema judge every answer of a sandbox's service on its way out, but for conditions that invent properties."""
    handle = service.handle

    def judge(method: str, path: str, query: str, status: int, body: Any) -> None:
        if not service.faults.conditions.unknown and not service.faults.conditions.wrapped and not isinstance(body, bytes):
            report(schema.judge(method, path, {"$apply"} & {query[:6]}, status, body))

    def judged(method: str, target: str, headers: dict, content: bytes) -> Any:
        reply = handle(method, target, headers, content)
        path, dummy, query = target.partition("?")
        if path.endswith("/$batch") and reply.status == 200:
            asked = {item["id"]: item for item in json.loads(content)["requests"]}
            version = path.removesuffix("/$batch")
            for item in reply.body["responses"]:
                there, dummy, query = asked[item["id"]]["url"].partition("?")
                judge(asked[item["id"]]["method"], f"{version}/{there.lstrip('/')}", query, item["status"], item["body"])
        elif path.startswith(("/v1.0/", "/beta/")):
            judge(method, path, query, reply.status, reply.body)
        return reply

    service.handle = judged


def schema_path() -> Path | None:
    """Microsoft's schema, when it lies beside this checkout."""
    for folder in Path(__file__).resolve().parents:
        path = folder / "shared/data/graph-licensing.csdl"
        if path.is_file():
            return path
    return None
