# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the seed that a tenant is built from. One table is its form, which checks a seed and makes the JSON schema."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONTOSO = Path(__file__).parent / "seeds" / "contoso.json"
GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
KINDS = r"(none|user|group|device)(,(user|group|device))*"

# name: (type, whether it must be there, pattern or parts); a list in the third place is the form of each member
LICENSES = (list, False, {"sku": (str, True, None), "disabled_plans": (list, False, str)})
FORM: dict[str, tuple[type, bool, Any]] = {
    "tenant": (dict, True, {"id": (str, True, GUID), "domain": (str, True, None), "country": (str, False, "[A-Z]{2}"), "name": (str, False, None)}),
    "skus": (
        list,
        True,
        {
            "sku_id": (str, True, GUID),
            "part_number": (str, True, None),
            "applies_to": (str, False, "User|Company"),
            "status": (str, False, "Enabled|Warning|Suspended|Deleted|LockedOut"),
            "enabled": (int, True, None),
            "warning": (int, False, None),
            "suspended": (int, False, None),
            "service_plans": (list, True, {"name": (str, True, None), "id": (str, True, GUID), "applies_to": (str, False, "User|Company")}),
        },
    ),
    "rules": (dict, False, {"excludes": (list, False, list), "needs": (dict, False, None), "prohibited": (dict, False, None)}),
    "allotments": (
        list,
        True,
        {
            "name": (str, True, None),
            "sku": (str, True, None),
            "units": (int, True, None),
            "assignable_to": (str, True, KINDS),
            "state": (str, False, "active|warning|suspended|deleted|lockedOut"),
        },
    ),
    "users": (
        list,
        True,
        {
            "name": (str, True, r"[^\s@/]+"),
            "display_name": (str, True, None),
            "department": (str, False, None),
            "usage_location": (str, False, "[A-Z]{2}"),
            "type": (str, False, "Member|Guest"),
            "enabled": (bool, False, None),
            "proxy_clash": (bool, False, None),
            "signed_in": (bool, False, None),
            "restricted": (bool, False, None),
            "roles": (list, False, str),
            "permissions": (list, False, str),
            "licenses": LICENSES,
        },
    ),
    "groups": (
        list,
        True,
        {
            "display_name": (str, True, None),
            "key": (str, False, None),
            "members": (list, False, str),
            "groups": (list, False, str),
            "security_enabled": (bool, False, None),
            "membership_rule": (str, False, None),
            "on_premises": (bool, False, None),
            "role_assignable": (bool, False, None),
            "restricted": (bool, False, None),
            "licenses": LICENSES,
        },
    ),
    "devices": (list, True, {"display_name": (str, True, None), "assignments": LICENSES}),
    "apps": (
        list,
        True,
        {"client_id": (str, True, GUID), "object_id": (str, True, GUID), "name": (str, False, None), "permissions": (list, True, str)},
    ),
}
ENDED = ("suspended", "deleted", "lockedOut")  # of these subscriptions, no seat can be assigned
HOLDERS = (("users", "licenses"), ("groups", "licenses"), ("devices", "assignments"))
TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


class SeedError(Exception):
    """A seed that cannot be used; the message names every fault by its place."""


def load_seed(path: str | None, generate_users: int = 0) -> dict:
    """The seed of a JSON or YAML file, or contoso, with generate_users users in addition to its own."""
    file = Path(path) if path else CONTOSO
    try:
        text = file.read_text(encoding="utf-8")
        seed = json.loads(text) if file.suffix == ".json" else _yaml(text)
    except (OSError, ValueError) as error:
        raise SeedError(f"cannot read the seed {file}: {error}") from None
    check_seed(seed, f"the seed {file}")
    _generate(seed, generate_users)
    return seed


def check_seed(seed: Any, name: str) -> None:
    """Raises SeedError with every fault of a seed."""
    faults = list(_form_faults(seed, (dict, True, FORM), "seed")) or list(_rule_faults(seed))
    if faults:
        raise SeedError(f"{name} cannot be used: " + "; ".join(faults))


def schema() -> dict:
    """The JSON schema of a seed."""
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Seed of a sandbox tenant"}
    return {**title, **_schema_of((dict, True, FORM))}


def _schema_of(form: Any) -> dict:
    if isinstance(form, type):
        return {"type": TYPES[form]}
    kind, dummy, rest = form
    if kind is dict and rest:
        needed = sorted(name for name, (dummy, must, dummy) in rest.items() if must)
        parts = {name: _schema_of(part) for name, part in rest.items()}
        return {"type": "object", "properties": parts, "additionalProperties": False, **({"required": needed} if needed else {})}
    if kind is list and rest:
        return {"type": "array", "items": _schema_of((dict, True, rest) if isinstance(rest, dict) else rest)}
    return {"type": TYPES[kind], **({"pattern": f"^({rest})$"} if rest else {})}


def _form_faults(value: Any, form: Any, place: str) -> Iterator[str]:
    kind: Any = form if isinstance(form, type) else form[0]
    rest: Any = None if isinstance(form, type) else form[2]
    if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or value < 0)):
        yield f"{place} is not of type {TYPES[kind]}"
    elif kind is str and rest and not re.fullmatch(rest, value):
        yield f"{place} is {value!r}, which is not of the form {rest}"
    elif kind is list and rest:
        for index, part in enumerate(value):
            yield from _form_faults(part, (dict, True, rest) if isinstance(rest, dict) else rest, f"{place}[{index}]")
    elif kind is dict and rest:
        yield from (f"{place} has no {name}" for name, (dummy, must, dummy) in rest.items() if must and name not in value)
        for name, part in value.items():
            if name in rest:
                yield from _form_faults(part, rest[name], f"{place}.{name}")
            else:
                yield f"{place}.{name} is unknown; known keys are {', '.join(rest)}"


def _rule_faults(seed: dict) -> Iterator[str]:
    """Faults that the form does not cover: names that must exist, names that must be unique, and seats that must be available."""
    skus = {sku["part_number"]: sku for sku in seed["skus"]}
    for part, key in (("skus", "sku_id"), ("skus", "part_number"), ("users", "name"), ("allotments", "name"), ("apps", "client_id")):
        counts = Counter(row[key].lower() for row in seed[part])
        yield from (f"seed.{part}: {key} {name!r} occurs {count} times" for name, count in counts.items() if count > 1)
    if len(seed["apps"]) < 2 or not seed["users"]:
        yield "seed.apps needs two applications, the second of which may only read, and seed.users needs a user to sign in"
    names = {user["name"].lower() for user in seed["users"]}
    for index, group in enumerate(seed["groups"]):
        yield from (f"seed.groups[{index}].members: no user {name!r}" for name in group.get("members", []) if name.lower() not in names)
        inside = {other["display_name"] for other in seed["groups"]}
        yield from (f"seed.groups[{index}].groups: no group {name!r}" for name in group.get("groups", []) if name not in inside)
    for part, key in HOLDERS:
        for index, holder in enumerate(seed[part]):
            rows = holder.get(key, [])
            twice = {row["sku"] for row in rows if sum(other["sku"] == row["sku"] for other in rows) > 1}
            yield from (f"seed.{part}[{index}].{key}: {name} occurs more than once" for name in sorted(twice))
            for number, row in enumerate(rows):
                yield from _license_faults(row, skus, f"seed.{part}[{index}].{key}[{number}]")
                yield from _kind_faults(row, part.rstrip("s"), skus, seed["allotments"], f"seed.{part}[{index}].{key}[{number}]")
    for index, pool in enumerate(seed["allotments"]):
        if pool["sku"] not in skus:
            yield f"seed.allotments[{index}].sku: no SKU {pool['sku']!r}"
    yield from _seat_faults(seed)


def _seat_faults(seed: dict) -> Iterator[str]:
    used = Counter(row["sku"] for part, key in HOLDERS if part != "groups" for holder in seed[part] for row in holder.get(key, []))
    for index, sku in enumerate(seed["skus"]):
        name, owned = sku["part_number"], sku["enabled"] + sku.get("warning", 0)
        pooled, ended = (
            sum(pool["units"] for pool in seed["allotments"] if pool["sku"] == name and (pool.get("state") in ENDED) == is_ended) for is_ended in (False, True)
        )
        if used[name] > owned + sku.get("suspended", 0):
            yield f"seed.skus[{index}]: {used[name]} of {name} are assigned, but {owned} are owned, and {sku.get('suspended', 0)} suspended"
        if pooled > owned:
            yield f"seed.skus[{index}]: allotments hold {pooled} of {name}, but {owned} are owned"
        if ended > sku.get("suspended", 0):
            yield f"seed.skus[{index}]: allotments whose subscription has ended hold {ended} of {name}, but {sku.get('suspended', 0)} are suspended"


def _kind_faults(row: dict, kind: str, skus: dict[str, dict], allotments: list[dict], place: str) -> Iterator[str]:
    """Whether there are seats of the SKU for this kind of principal: of an allotment, or of what no allotment takes."""
    sku = skus.get(row["sku"])
    if sku is None:
        return
    pools = [pool for pool in allotments if pool["sku"] == row["sku"]]
    has_rest = sku["enabled"] + sku.get("warning", 0) + sku.get("suspended", 0) > sum(pool["units"] for pool in pools) and kind != "device"
    if sku.get("applies_to", "User") != "User" or not (has_rest or any(kind in pool["assignable_to"].split(",") for pool in pools)):
        yield f"{place}.sku: {row['sku']} has no seats for a {kind}"


def _license_faults(row: dict, skus: dict[str, dict], place: str) -> Iterator[str]:
    if row["sku"] not in skus:
        yield f"{place}.sku: no SKU {row['sku']!r}"
        return
    plans = {plan["name"] for plan in skus[row["sku"]]["service_plans"]}
    yield from (f"{place}.disabled_plans: no service plan {name!r} of {row['sku']}" for name in row.get("disabled_plans", []) if name not in plans)


def _generate(seed: dict, count: int) -> None:
    """Add users, and as many seats of the SKU with the most seats. Half of the users hold it."""
    if count <= 0:
        return
    sku = max((sku for sku in seed["skus"] if sku.get("applies_to", "User") == "User"), key=lambda sku: sku["enabled"])
    sku["enabled"] += count
    departments = ("Finance", "Sales", "Research", "Support", "Legal")
    for number in range(1, count + 1):
        user = {"name": f"user{number:06}", "display_name": f"User {number:06}", "usage_location": "DE", "department": departments[number % 5]}
        seed["users"].append({**user, "licenses": [{"sku": sku["part_number"]}]} if number % 2 else user)


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise SeedError("a YAML seed needs the Python library PyYAML; give it as JSON instead") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SeedError(f"not YAML: {error}") from None
