# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a whole tenant once, for the report on its licenses."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from .._errors import GraphError, LicensingError, OptionError, is_closed
from .._licensing.catalog import Catalog
from .._licensing.payloads import principal_of
from .._licensing.tallies import VERSION, Tally, drift_of, judged
from .surveys import Survey

_FIELDS = "id,userPrincipalName,accountEnabled,usageLocation,assignedLicenses,licenseAssignmentStates"


def read_report(params: Mapping, survey: Survey) -> dict:
    """The report, as results of the module. Raises OptionError for an earlier report that is none, and for prices below zero."""
    _check(params)
    earlier = _earlier(params["earlier"])
    warnings: list[str] = []
    catalog = survey.catalog()
    if earlier and earlier.get("tenant_id") not in (None, survey.reader.tenant_id):
        raise OptionError(f"earlier: {params['earlier']} is of the tenant {earlier['tenant_id']}, not of {survey.reader.tenant_id}; give another path")
    tally = _tally(params, survey, catalog, warnings)
    waiting = _waiting(params, survey, catalog, warnings)
    _name_groups(tally, survey)
    rows = judged(tally.sku_rows(_ends(survey, warnings)), params["prices"] or {}, params["nearly_full"], params["ignore"] or ())
    known = {name for row in rows for name in (row["sku"].lower(), row["sku_id"])}
    for option in ("prices", "ignore"):
        unknown = sorted(name for name in params[option] or () if name.lower() not in known)
        warnings += [f"{option}: the tenant has no SKU {', '.join(unknown)}; check the spelling"] if unknown else []
    report = {
        "version": VERSION,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "tenant_id": survey.reader.tenant_id,
        "people": tally.people,
        "licensed": tally.licensed,
        "skus": rows,
        "twice": tally.twice,
        "disabled": tally.disabled,
        "never_signed_in": tally.never,
        "errors": tally.errors,
        "waiting": waiting,
        "cost": _sum(rows, "cost"),
        "cost_unused": _sum(rows, "cost_unused"),
    }
    return {"report": {**report, "drift": drift_of(report, earlier) if earlier else None}, "warnings": warnings}


def _name_groups(tally: Tally, survey: Survey) -> None:
    """Puts names of groups beside licenses that are held twice: twenty groups in a request."""
    names = survey.reader.group_names(tuple(sorted({group for row in tally.twice for group in row["groups"]})))
    for row in tally.twice:
        row["groups"] = sorted(names[group] for group in row["groups"])


def _check(params: Mapping) -> None:
    if not 0 < params["nearly_full"] <= 1:
        raise OptionError(f"nearly_full is {params['nearly_full']}: give a part of the seats, such as 0.9")
    for name, price in (params["prices"] or {}).items():
        if isinstance(price, bool) or not isinstance(price, (int, float)) or price < 0:
            raise OptionError(f"prices.{name} is {price!r}: give a number, zero or more")


def _earlier(path: str | None) -> dict | None:
    if not path:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(f"earlier: cannot read {path}: {error}; give a report of JSON, or leave it out") from None
    rows = found.get("skus") if isinstance(found, dict) else None
    if not isinstance(rows, list) or found.get("version") != VERSION or not all(isinstance(row, dict) and {"sku", "sku_id"} <= row.keys() for row in rows):
        raise OptionError(f"earlier: {path} is no report of this module; give another path, or leave it out")
    return found


def _tally(params: Mapping, survey: Survey, catalog: Catalog, warnings: list[str]) -> Tally:
    """Everybody, in pages: with the last sign-in where it is wanted and may be read, which makes pages of 500."""
    how = params["sign_ins"]
    if how != "none":
        try:
            return _counted(survey, catalog, f"/users?$select={_FIELDS},signInActivity&$top=500", with_sign_ins=True)
        except GraphError as error:
            if how == "required" or not is_closed(error):
                raise
            warnings.append(f"who never signed in is not known: it takes the permission AuditLog.Read.All and Microsoft Entra ID P1. {error.message}")
    return _counted(survey, catalog, f"/users?$select={_FIELDS}&$top=999", with_sign_ins=False)


def _counted(survey: Survey, catalog: Catalog, path: str, with_sign_ins: bool) -> Tally:
    tally = Tally(catalog, with_sign_ins)
    for row in survey.pages(path):
        tally.add(principal_of("user", row), row)
    return tally


def _waiting(params: Mapping, survey: Survey, catalog: Catalog, warnings: list[str]) -> list[dict] | None:
    """Who waits for a seat, where cloudLicensing can be read. Without it, who waits shows among the errors as well."""
    if params["pools"] == "none":
        return None
    try:
        rows = survey.cloud({"waiting_members"}, None, survey.allotments(), catalog)["waiting_members"]
    except LicensingError as error:
        if params["pools"] == "required" or not is_closed(error):
            raise
        warnings.append(f"waiting rooms are not known, as cloudLicensing cannot be read here. {error.message}")
        return None
    return [{"sku": row["sku"], "who": row["assigned_to"]["display_name"] or row["assigned_to"]["id"], "since": row["since"]} for row in rows]


def _ends(survey: Survey, warnings: list[str]) -> dict[str, str]:
    """The next date of each SKU on which a subscription ends or renews, as YYYY-MM-DD (graph-contract 2.2)."""
    ends: dict[str, str] = {}
    try:
        for row in survey.pages("/directory/subscriptions"):
            day, sku_id = (row.get("nextLifecycleDateTime") or "")[:10], (row.get("skuId") or "").lower()
            if day and sku_id:
                ends[sku_id] = min(day, ends.get(sku_id, day))
    except GraphError as error:
        if not is_closed(error):
            raise
        warnings.append(f"when subscriptions end is not known. {error.message}")
    return ends


def _sum(rows: list[dict], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return round(sum(known), 2) if known else None
