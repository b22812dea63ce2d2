# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people held before it was taken from them: recorded, released, and given back."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from .._errors import OptionError
from .catalog import Catalog
from .desired.validate import ListOf, Named, Record, problems_of
from .model import Assignment, Group, Principal

_VERSION = 1
_PLANS = ListOf(str)
_PEOPLE = Named(
    Record(
        {
            "id": str,
            "usage_location": str,
            "licenses": ListOf(Record({"sku": str, "sku_id": str, "disabled_plans": _PLANS}, ("sku", "sku_id", "disabled_plans"))),
            "pools": ListOf(Record({"allotment": str, "sku_id": str, "disabled_plans": _PLANS}, ("disabled_plans",))),
            "groups": ListOf(Record({"id": str, "display_name": str, "kept_by": str}, ("id", "display_name"))),
            **dict.fromkeys(("taken", "released", "restored"), str),
        },
        ("id", "licenses", "pools", "groups"),
    )
)


def record_of(user: Principal, assignments: Sequence[Assignment], groups: Mapping[str, Group], catalog: Catalog) -> dict:
    """What a user holds: direct licenses, assignments by allotment, and the groups that give licenses."""
    licenses = [
        {"sku": catalog.label(lic.sku_id), "sku_id": lic.sku_id, "disabled_plans": catalog.service_plan_names(lic.sku_id, lic.disabled_plans)}
        for lic in user.licenses
        if lic.is_direct
    ]
    pools = [
        {"allotment": one.allotment_id, "sku_id": one.sku_id, "disabled_plans": catalog.service_plan_names(one.sku_id or "", one.disabled_plans)}
        for one in assignments
    ]
    ids = sorted({lic.group_id for lic in user.licenses if lic.group_id})
    return {
        "id": user.id,
        "usage_location": user.usage_location,
        "licenses": sorted(licenses, key=lambda row: row["sku"]),
        "pools": sorted(pools, key=lambda row: row["allotment"] or ""),
        "groups": [{"id": group_id, "display_name": groups[group_id].name, "kept_by": groups[group_id].managed_by} for group_id in ids if group_id in groups],
    }


def release_of(user: Principal, record: Mapping, keep: Collection[str]) -> dict:
    """What is to be taken from a user: all that was recorded, but SKUs whose ids are kept. stays says what cannot be taken, or is not, and why."""
    direct = {row["sku_id"] for row in record["licenses"]}
    given = {lic.group_id for lic in user.licenses if lic.group_id and lic.sku_id in keep}
    staying = [row for row in record["groups"] if row["kept_by"] or row["id"] in given]
    stays = [{"what": f"group {row['display_name']}", "reason": row["kept_by"] or "it gives what is kept"} for row in staying]
    stays += [{"what": f"SKU {lic.sku_id}", "reason": "Graph does not say where it comes from"} for lic in user.licenses if not lic.is_known]
    return {
        "user": user.id,
        "name": user.name,
        "remove": sorted(direct - set(keep)),
        "cloud_assignments": [
            {"allotment": row["allotment"], "state": "absent"} for row in record["pools"] if row["allotment"] and row["sku_id"] not in direct | set(keep)
        ],
        "leave_groups": [row["id"] for row in record["groups"] if not row["kept_by"] and row["id"] not in given],
        "stays": stays,
    }


def merged_record(old: Mapping | None, new: Mapping) -> dict:
    """What was held before, and what is held now besides: a run that was interrupted forgets nothing.

    Who was given all back begins anew, and so does who was released and has got something else since.
    """
    keys = {"licenses": "sku_id", "pools": "allotment", "groups": "id"}
    more = {name: [row for row in new[name] if old is None or row[key] not in {one[key] for one in old[name]}] for name, key in keys.items()}
    if old is None or old.get("restored") or (old.get("released") and any(more.values())):
        return dict(new)
    now = {name: {row[key]: row for row in new[name]} for name, key in keys.items()}
    lists = {name: [now[name].get(row[key], row) for row in old[name]] + more[name] for name, key in keys.items()}
    return {**old, "usage_location": old["usage_location"] or new["usage_location"], **lists}


def is_empty(record: Mapping) -> bool:
    """Whether nothing is held at all."""
    return not (record["licenses"] or record["pools"] or record["groups"])


def snapshot_of(text: str, tenant: str | None, path: str) -> dict:
    """The snapshot in a file, an empty one where there is none. Raises OptionError for another file, or one of another tenant."""
    if not text:
        return {"version": _VERSION, "tenant": tenant, "people": {}}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("version") != _VERSION or not isinstance(found.get("people"), dict):
        raise OptionError(f"{path} is no snapshot of licenses; give another path")
    if tenant is not None and found.get("tenant") not in (tenant, None):
        raise OptionError(f"{path} is of the tenant {found.get('tenant')}, not of {tenant}; give another path")
    problem = next(iter(problems_of(found["people"], _PEOPLE, "people")), None)
    if problem is not None:
        raise OptionError(f"{path} is damaged: {problem.message}; take the file out of a backup, or give another path")
    blank = {"usage_location": None}
    tidy = {name: {**blank, **row, **_tidy(row)} for name, row in found["people"].items()}
    return {**found, "people": tidy}


def _tidy(row: Mapping) -> dict:
    """The lists of a person, with null for what may be left out."""
    return {
        "pools": [{"allotment": None, "sku_id": None, **one} for one in row["pools"]],
        "groups": [{"kept_by": None, **one} for one in row["groups"]],
    }
