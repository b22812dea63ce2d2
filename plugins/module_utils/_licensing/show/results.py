# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model in the words of results and diffs: names first, in a stable order, nothing that did not change."""

from __future__ import annotations

from typing import Any

from ..catalog import Catalog
from ..model import Assignment, CloudState, Group, License, Principal
from ..plan.changes import AssignLicenses, Changes, CreateAssignment, Outcome, Reprocess, SetUsageLocation, UpdateAssignment
from ..plan.predict import error_of


def license_result(changes: Changes, outcome: Outcome) -> dict:
    """The results of M(m365.licensing.user_assign_license) or M(m365.licensing.group_assign_license), built from what will be."""
    principal: Principal = changes.after
    licenses = license_rows(principal, changes.catalog)
    if isinstance(principal, Group):
        group = {"id": principal.id, "display_name": principal.name}
        return {"group": group, "licenses": licenses, **outcome_rows(outcome, changes)}
    return {"user": {"id": principal.id, "user_principal_name": principal.name, "usage_location": principal.usage_location}, "licenses": licenses}


def license_rows(principal: Principal, catalog: Catalog) -> list[dict]:
    """The licenses of a principal, one row for each assignment path of a SKU, sorted."""
    rows = [_license_row(lic, catalog) for lic in principal.licenses]
    return sorted(rows, key=lambda row: (row["sku"], row["origin"], row["group"] or ""))


def outcome_rows(outcome: Outcome, changes: Changes) -> dict:
    """The processing state of a group, where a task waited for it, and the members with errors."""
    if outcome.processing_state is None:
        return {}
    processing = {"state": outcome.processing_state, "seconds_waited": round(outcome.seconds_waited, 1)}
    if outcome.members is None:
        return {"processing": processing}
    rows = [row for member in outcome.members for row in error_rows(member, changes.catalog, changes.before.id)]
    return {"processing": processing, "members_with_errors": rows}


def error_rows(user: Principal, catalog: Catalog, group_id: str | None = None) -> list[dict]:
    """The licenses of a user that are in error, of one group or of all, with cause and remedy."""
    rows = []
    for lic in sorted(user.licenses, key=lambda lic: (lic.sku_id, lic.group_id or "")):
        if (lic.error or not lic.is_held) and group_id in (None, lic.group_id):
            cause, remedy = error_of(lic.error)
            row = {"id": user.id, "user_principal_name": user.name, "sku": catalog.label(lic.sku_id), "sku_id": lic.sku_id}
            rows.append({**row, "group": lic.group_id, "error": lic.error, "cause": cause, "remedy": remedy})
    return rows


def assignment_result(changes: Changes, outcome: Outcome) -> dict:
    """The results of M(m365.licensing.cloud_license_assignment). A created assignment has its id only after the real run."""
    held: Assignment | None = changes.subject
    if held is None:
        return {"assignment": None}
    return {"assignment": {"id": held.id or outcome.created_id, "allotment": held.allotment_id, **_named(held, changes.catalog)}}


def operation_rows(operations: tuple, catalog: Catalog) -> list[dict]:
    """What operations do, one row for each license or assignment."""
    return [row for operation in operations for row in _rows(operation, catalog)]


def _rows(operation: Any, catalog: Catalog) -> list[dict]:
    if isinstance(operation, SetUsageLocation):
        return [{"action": "set_usage_location", "before": operation.principal.usage_location, "after": operation.usage_location}]
    if isinstance(operation, AssignLicenses):
        held = {lic.sku_id for lic in operation.principal.licenses if lic.is_direct and lic.is_held}
        rows = [{"action": "update" if lic.sku_id in held else "add", **_named(lic, catalog)} for lic in operation.add]
        return rows + [{"action": "remove", "sku": catalog.label(sku_id), "sku_id": sku_id} for sku_id in operation.remove]
    if isinstance(operation, Reprocess):
        return [{"action": "reprocess", "api": "cloudLicensing" if operation.is_cloud else "assignLicense"}]
    target = operation.assignment
    where = {"assignment": target.id, "allotment": target.allotment_id}
    if isinstance(operation, CreateAssignment):
        return [{"action": "create", **where, **_named(target, catalog)}]
    if isinstance(operation, UpdateAssignment):
        return [{"action": "update", **where, **_named(target, catalog)}]
    return [{"action": "delete", **where, "sku": catalog.label(target.sku_id or ""), "sku_id": target.sku_id}]


def diff_of(changes: Changes) -> dict:
    """The difference in names, for C(--diff): only what changes, under the name of the principal."""
    before, after = changes.before, changes.after
    show = _shown_assignments if isinstance(before, CloudState) else shown_licenses
    name = before.principal.name if isinstance(before, CloudState) else before.name
    old, new = show(before, changes.catalog), show(after, changes.catalog)
    differ = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    return {
        "before_header": name,
        "after_header": name,
        "before": {key: old[key] for key in sorted(differ & old.keys())},
        "after": {key: new[key] for key in sorted(differ & new.keys())},
    }


def shown_licenses(principal: Principal, catalog: Catalog) -> dict:
    """The licenses by SKU and origin: the license of a group is shown also when the direct license next to it changes."""
    shown: dict[str, Any] = {}
    for lic in sorted(principal.licenses, key=lambda lic: lic.group_id or ""):
        state = {} if lic.is_held else {"state": lic.state}
        shown.setdefault(catalog.label(lic.sku_id), {})[_origin(lic, principal)] = {"disabled_plans": _off(lic, catalog), **state}
    return shown if principal.kind == "group" else {**shown, "usage_location": principal.usage_location}


def _origin(lic: License, principal: Principal) -> str:
    if lic.group_id:
        name = principal.group_names.get(lic.group_id, lic.group_id)
        is_shared = sum(other == name for other in principal.group_names.values()) > 1
        return f"group {name} ({lic.group_id})" if is_shared else f"group {name}"
    return "direct" if lic.is_known else "unknown origin"


def _shown_assignments(state: CloudState, catalog: Catalog) -> dict:
    shown: dict[str, Any] = {
        f"{catalog.label(held.sku_id)} in allotment {held.allotment_id}": {"disabled_plans": _off(held, catalog)} for held in state.assignments if held.sku_id
    }
    return {**shown, "usage_location": state.principal.usage_location}


def _license_row(lic: License, catalog: Catalog) -> dict:
    origin = "direct" if lic.is_direct else "group" if lic.group_id else "unknown"
    return {**_named(lic, catalog), "origin": origin, "group": lic.group_id, "state": lic.state, "error": lic.error}


def _named(held: License | Assignment, catalog: Catalog) -> dict:
    return {"sku": catalog.label(held.sku_id or ""), "sku_id": held.sku_id, "disabled_plans": _off(held, catalog)}


def _off(held: License | Assignment, catalog: Catalog) -> list[str]:
    return catalog.service_plan_names(held.sku_id or "", held.disabled_plans)


def reprocess_result(changes: Changes, dummy: Outcome) -> dict:
    """The results of M(m365.licensing.license_reprocess)."""
    return {"reprocessed": not changes.is_noop, "errors": error_rows(changes.before, changes.catalog)}
