# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tenant has, as rows of the info modules, and as the options that would restore it."""

from __future__ import annotations

from ..catalog import Catalog
from ..model import Allotment, Assignment, AssignmentError, Group, Holder, License, Principal, ServicePlan, Sku, UsageRight, WaitingMember
from ..plan.predict import error_of
from ..tables.countries import CODES
from .results import license_rows


def sku_row(sku: Sku, catalog: Catalog) -> dict:
    """A SKU with its seats and service plans."""
    seats = sku.seats
    return {
        "sku": catalog.label(sku.id),
        "sku_id": sku.id,
        "name": catalog.names.sku_name(sku.id),
        "applies_to": sku.applies_to,
        "status": sku.status,
        "seats": {
            "owned": seats.owned,
            "used": seats.consumed,
            "free": seats.free,
            "enabled": seats.enabled,
            "warning": seats.warning,
            "suspended": seats.suspended,
            "locked_out": seats.locked_out,
        },
        "service_plans": [
            {"service_plan": plan.name, "service_plan_id": plan.id, "name": catalog.names.service_plan_name(plan.id), "is_switchable": plan.is_switchable}
            for plan in sorted(sku.service_plans, key=lambda plan: plan.name)
        ],
    }


def user_row(user: Principal, catalog: Catalog) -> dict:
    """A user with licenses."""
    return {
        "id": user.id,
        "user_principal_name": user.name,
        "display_name": user.display_name,
        "account_enabled": user.is_enabled,
        "usage_location": user.usage_location,
        "licenses": license_rows(user, catalog),
    }


def service_plan_rows(user: Principal, catalog: Catalog) -> list[dict]:
    """The service plans of all SKUs that a user holds: whether each is on in effect, and every assignment path that has it."""
    found: dict[str, dict] = {}
    for lic in user.licenses:
        origin = "direct" if lic.is_direct else "group" if lic.group_id else "unknown"
        for plan in catalog.sku(lic.sku_id).service_plans:
            is_on = lic.is_held and plan.id not in lic.disabled_plans
            row = found.setdefault(plan.id, {"service_plan": plan.name, "service_plan_id": plan.id, "is_on": False, "paths": []})
            row["is_on"] = row["is_on"] or is_on
            path = {"sku": catalog.label(lic.sku_id), "sku_id": lic.sku_id, "origin": origin, "group": lic.group_id, "is_on": is_on}
            row["paths"] = sorted([*row["paths"], path], key=lambda path: (path["sku"], path["origin"], path["group"] or ""))
    return sorted(found.values(), key=lambda row: (row["service_plan"], row["service_plan_id"]))


def group_row(group: Group, catalog: Catalog) -> dict:
    """A group with its licenses."""
    licenses = [{name: row[name] for name in ("sku", "sku_id", "disabled_plans")} for row in license_rows(group, catalog)]
    return {"id": group.id, "display_name": group.name, "processing_state": group.processing_state, "licenses": licenses}


def desired_user(user: Principal, catalog: Catalog) -> dict:
    """The options of M(m365.licensing.user_assign_license) that declare exactly the current direct licenses of a user.

    What is inherited is not desired. A license of the user's own that is in error is one, so that applying tries it again. As long as Graph does not
    report the origin of a SKU, the others are added, and none is removed.
    """
    location = {"usage_location": user.usage_location} if user.usage_location in CODES else {}  # a former country is not a valid option
    return {"user": user.name, **location, **_desired_licenses(user.licenses, catalog)}


def desired_group(group: Group, catalog: Catalog) -> dict:
    """The options of M(m365.licensing.group_assign_license) that declare exactly the current licenses of a group."""
    return {"group": group.id, **_desired_licenses(group.licenses, catalog)}


def _desired_licenses(licenses: tuple[License, ...], catalog: Catalog) -> dict:
    entries = [_desired_license(lic, catalog) for lic in licenses if lic.is_direct]
    entries.sort(key=lambda entry: entry["sku"])
    if not all(lic.is_known for lic in licenses):
        return {"licenses": {"add": entries}}
    return {"licenses": {"set": entries}, **({} if entries else {"allow_empty": True})}


def _desired_license(lic: License, catalog: Catalog) -> dict:
    """A SKU with the service plans that are off, as far as users can switch them; by id where a name is ambiguous."""
    sku = catalog.sku(lic.sku_id)
    is_shared = catalog.label(lic.sku_id) != sku.part_number
    if not sku.is_owned:
        return {"sku": lic.sku_id}
    off = [plan for plan in sku.service_plans if plan.id in lic.disabled_plans and plan.is_switchable]
    return {"sku": lic.sku_id if is_shared else sku.part_number, "disabled_plans": sorted(_unmistakable(plan, sku) for plan in off)}


def _unmistakable(plan: ServicePlan, sku: Sku) -> str:
    return plan.name if sum(other.name.lower() == plan.name.lower() for other in sku.service_plans) == 1 else plan.id


def allotment_row(pool: Allotment, catalog: Catalog) -> dict:
    """An allotment with its seats and subscriptions."""
    return {
        "id": pool.id,
        "sku": catalog.label(pool.sku.id),
        "sku_id": pool.sku.id,
        "name": catalog.names.sku_name(pool.sku.id),
        "seats": {"owned": pool.allotted, "used": pool.consumed, "free": pool.free},
        "assignable_to": sorted(pool.assignable_to),
        "subscriptions": [
            {"id": sub.id, "state": sub.state, "start_date": sub.start_date, "next_lifecycle_date": sub.next_lifecycle_date}
            for sub in sorted(pool.subscriptions, key=lambda sub: sub.id)
        ],
    }


def assignment_row(held: Assignment, holder: Holder, catalog: Catalog) -> dict:
    """An assignment, with its holder."""
    return {
        "id": held.id,
        "allotment": held.allotment_id,
        "sku": catalog.label(held.sku_id) if held.sku_id else None,
        "sku_id": held.sku_id,
        "disabled_plans": catalog.service_plan_names(held.sku_id or "", held.disabled_plans),
        "assigned_to": holder_row(holder),
    }


def holder_row(holder: Holder) -> dict:
    """The principal that holds or waits: kind, id and display name."""
    return {"kind": holder.kind, "id": holder.id, "display_name": holder.name}


def cloud_error_row(error: AssignmentError, holder: Holder, catalog: Catalog) -> dict:
    """Why a principal does not have what an assignment says (graph-contract 4.4)."""
    cause, remedy = error_of(error.code)
    return {
        "id": error.id,
        "sku": catalog.label(error.sku_id) if error.sku_id else None,
        "sku_id": error.sku_id,
        "code": error.code,
        "message": error.message,
        "since": error.since,
        "cause": cause,
        "remedy": remedy,
        "assigned_to": holder_row(holder),
    }


def waiting_row(waiting: WaitingMember, holder: Holder, catalog: Catalog) -> dict:
    """A principal that waits for a seat of an allotment."""
    pool = waiting.allotment
    sku = {"allotment": pool.id, "sku": catalog.label(pool.sku.id), "sku_id": pool.sku.id}
    return {"id": waiting.id, **sku, "since": waiting.since, "assigned_to": holder_row(holder)}


def right_row(right: UsageRight, holder: Holder) -> dict:
    """What a principal may use of a SKU."""
    return {
        "sku": right.sku,
        "sku_id": right.sku_id,
        "service_plans": list(right.service_plan_names),
        "allotments": sorted(right.allotment_ids),
        "assigned_to": holder_row(holder),
    }
