# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a whole tenant once, for the report on its licenses."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Collection, Mapping

from .._errors import GraphError, LicensingError, OptionError, is_closed
from .._files import exists, read_regular
from .._licensing.catalog import Catalog
from .._licensing.show.rows import waiting_row
from .._licensing.show.usage import VERSION, LicenseUsage, drift_of, ends_of, in_order, is_report, judged, priced
from .session import Session
from .stats import stats_of

_DEAREST = 1_000_000_000
_DAY = 86_400  # seconds


def read_report(params: Mapping, session: Session) -> dict:
    """Return the report, as results of the module. Raises OptionError for files that are not reports, and for invalid prices."""
    _check(params)
    warnings: list[str] = []
    earlier, current = (_saved(params[option], option, warnings) for option in ("earlier", "current"))
    catalog = session.reader.catalog()
    for option, saved in (("earlier", earlier), ("current", current)):
        if saved and saved.get("tenant_id") not in (None, session.reader.tenant_id):
            raise OptionError(f"{option}: {params[option]} is of the tenant {saved['tenant_id']}, not of {session.reader.tenant_id}; give another path")
    queue = _waiting(params, session, catalog, warnings)
    usage = _usage_of(params, session, catalog, {(row["assigned_to"]["id"] or "").lower() for row in queue or ()}, warnings)
    _name_groups(usage, session)
    rows = judged(usage.sku_rows(_ends(session, warnings)), params["prices"] or {}, params["nearly_full"], params["ignore"] or ())
    _warn_of_names(params, rows, warnings)
    report = {
        "version": VERSION,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "tenant_id": session.reader.tenant_id,
        "tenant_name": session.reader.tenant_name,
        "people": usage.people,
        "licensed": usage.licensed,
        "skus": rows,
        "twice": in_order(usage.twice),
        "disabled": priced(usage.disabled, rows),
        "never_signed_in": priced(usage.never, rows),
        "inactive": priced(usage.inactive, rows),
        "sign_ins_unknown": None if usage.never is None else usage.unknown_sign_ins,
        "errors": in_order(usage.errors),
        "waiting": None if queue is None else in_order([_waiting_row(row, usage.named) for row in queue]),
        "cost": _sum(rows, "cost"),
        "cost_unused": _sum(rows, "cost_unused"),
    }
    whole = _complete({**report, "drift": drift_of(report, earlier) if earlier else None}, current, params)
    return {"report": whole, "lines": _lines(whole), "ansible_stats": stats_of(_headline(whole)), "warnings": warnings}


def _headline(report: dict) -> dict:
    """Return what a workflow passes on: the figures that the report begins with."""
    names = ("people", "licensed", "cost", "cost_unused")
    seats = {row["sku"]: {"used": row["used"], "owned": row["owned"]} for row in report["skus"]}
    causes = Counter(row["error"] for row in report["errors"])
    return {**{name: report[name] for name in names}, "disabled": len(report["disabled"]), "errors": dict(sorted(causes.items())), "seats": seats}


def _lines(report: dict) -> list[str]:
    """Return the headline as lines of text."""
    owned, used = (sum(row[name] for row in report["skus"]) for name in ("owned", "used"))
    inactive = f", {len(report['inactive'])} inactive accounts with licenses" if report["inactive"] is not None else ""
    attention = (
        f"{len(report['disabled'])} disabled accounts with licenses{inactive}, {len(report['errors'])} licenses in error, {len(report['twice'])} held twice"
    )
    return [f"{report['licensed']} of {report['people']} users have licenses", f"{used} of {owned} seats are in use", attention]


def _complete(report: dict, current: dict | None, params: Mapping) -> dict:
    """Return the current report if nothing in the tenant has changed since, with its date and its changes, else the new one.

    Otherwise a job would rewrite it every day, and a second run on a day would report no changes.
    """
    is_own = params["earlier"] and params["current"] and os.path.realpath(params["earlier"]) == os.path.realpath(params["current"])
    passing = ("created", "drift") if is_own else ("created",)
    fixed = [{name: value for name, value in (one or {}).items() if name not in passing} for one in (report, current)]
    return current if current and json.loads(json.dumps(fixed[0])) == fixed[1] else report


def _warn_of_names(params: Mapping, rows: list[dict], warnings: list[str]) -> None:
    known = {name for row in rows for name in (row["sku"].lower(), row["sku_id"])}
    for option in ("prices", "ignore"):
        unknown = sorted(name for name in params[option] or () if name.lower() not in known)
        warnings += [f"{option}: the tenant has no SKU {', '.join(unknown)}; check the spelling"] if unknown else []


def _name_groups(usage: LicenseUsage, session: Session) -> None:
    """Replace ids of groups by names in licenses that are held twice: twenty groups in a request."""
    names = session.reader.group_names(tuple(sorted({group for row in usage.twice for group in row["groups"]})))
    for row in usage.twice:
        row["groups"] = sorted(names[group] for group in row["groups"])


def _check(params: Mapping) -> None:
    if not 0 < params["inactive_days"] <= 36_500:
        raise OptionError(f"inactive_days is {params['inactive_days']}: give a number of days, such as 90")
    if not 0 < params["nearly_full"] <= 1:
        raise OptionError(f"nearly_full is {params['nearly_full']}: give a part of the seats, such as 0.9")
    for name, price in (params["prices"] or {}).items():
        if isinstance(price, bool) or not isinstance(price, (int, float)) or not 0 <= price <= _DEAREST:
            raise OptionError(f"prices.{name} is {price!r}: give a number from 0 to {_DEAREST:,}")


def _saved(path: str | None, option: str, warnings: list[str]) -> dict | None:
    """Return a saved report; None where there is none yet. Raises OptionError for any other file."""
    if not path:
        return None
    if not exists(path, option):
        warnings += [f"earlier: there is no report {path} yet, so nothing is compared"] if option == "earlier" else []
        return None
    try:
        found = json.loads(read_regular(path, option))
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{option}: cannot read {path}: {error}; give a report of JSON, or leave it out") from None
    if not is_report(found):
        raise OptionError(f"{option}: {path} is not a report of this module; give another path, or leave it out")
    return found


def _usage_of(params: Mapping, session: Session, catalog: Catalog, names: Collection[str], warnings: list[str]) -> LicenseUsage:
    """Count the licenses of all users, with the last sign-in where it is wanted and can be read, which makes pages of 500."""
    how = params["sign_ins"]
    if how != "none":
        try:
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - params["inactive_days"] * _DAY))
            usage = _counted(session, LicenseUsage(catalog, True, names, since), with_sign_ins=True)
            if usage.unknown_sign_ins:
                warnings.append(
                    f"for {usage.unknown_sign_ins} users with licenses, Graph does not report whether they have signed in; they are not in never_signed_in"
                )
            return usage
        except GraphError as error:
            if how == "required" or not is_closed(error):
                raise
            warnings.append(f"sign-ins are not known: they require the permission AuditLog.Read.All and Microsoft Entra ID P1. {error.message}")
    return _counted(session, LicenseUsage(catalog, False, names), with_sign_ins=False)


def _counted(session: Session, usage: LicenseUsage, with_sign_ins: bool) -> LicenseUsage:
    for user in session.tenant.reported_users(with_sign_ins):
        usage.add(user)
    return usage


def _waiting(params: Mapping, session: Session, catalog: Catalog, warnings: list[str]) -> list[dict] | None:
    """Return the members that wait for a seat, None where cloudLicensing is not read: they also show among the errors."""
    if params["pools"] == "none":
        return None
    try:
        queues = session.cloud.waiting_members(None, session.cloud.allotments())
        return [waiting_row(waiting, holder, catalog) for waiting, holder in queues]
    except LicensingError as error:
        if params["pools"] == "required" or not is_closed(error):
            raise
        warnings.append(f"waiting members are not known, as cloudLicensing cannot be read here. {error.message}")
        return None


def _waiting_row(row: Mapping, names: Mapping[str, str]) -> dict:
    """Return the row of a waiting member, with the name of the user where Graph returns only the id."""
    who = row["assigned_to"]
    return {"sku": row["sku"], "who": who["display_name"] or names.get((who["id"] or "").lower()) or who["id"], "since": row["since"]}


def _ends(session: Session, warnings: list[str]) -> dict[str, str]:
    """The next date of each SKU, as far as subscriptions can be read."""
    try:
        return ends_of(session.tenant.subscriptions(), time.strftime("%Y-%m-%d", time.gmtime()))
    except GraphError as error:
        if not is_closed(error):
            raise
        warnings.append(f"the ends of subscriptions are not known. {error.message}")
        return {}


def _sum(rows: list[dict], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return round(sum(known), 2) if known else None
