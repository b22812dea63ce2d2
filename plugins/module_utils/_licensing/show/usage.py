# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The licenses of a whole tenant, added up in one pass over its users, and compared with an earlier time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..catalog import Catalog
from ..desired.validate import ListOf, Record, problems_of
from ..model import CompanySubscription, Principal, Sku
from .results import error_rows

VERSION = 1
_LIVING = ("enabled", "warning")  # states of a subscription that still provides seats, with or without grace
_COMPARED = ("status", "owned", "used", "warning", "suspended", "in_error", "twice")


@dataclass(slots=True)
class _Held:
    """How a SKU is held: users by assignment path, and users with a service plan off."""

    direct: int = 0
    inherited: int = 0
    unknown: int = 0
    twice: int = 0
    in_error: int = 0
    off: Counter = field(default_factory=Counter)


class LicenseUsage:
    """Counts the licenses of users, each user once. What needs attention is kept by name, the rest is only counted.

    names are ids of users whose names are wanted; C(named) has those that were found.
    """

    def __init__(self, catalog: Catalog, with_sign_ins: bool, names: Collection[str] = (), inactive_before: str = "") -> None:
        """inactive_before is a time of ISO 8601: an account that was last used earlier is inactive."""
        self._catalog, self._wanted, self._inactive_before = catalog, names, inactive_before
        self._held: dict[str, _Held] = {}
        self._seen: set[str] = set()
        self.named: dict[str, str] = {}
        self.people = self.licensed = self.unknown_sign_ins = 0
        self.twice: list[dict] = []
        self.disabled: list[dict] = []
        self.never: list[dict] | None = [] if with_sign_ins else None
        self.inactive: list[dict] | None = [] if with_sign_ins else None
        self.errors: list[dict] = []

    def add(self, user: Principal) -> None:
        """Count a user. A directory that changes while it is read returns some users twice."""
        if user.id in self._seen:
            return
        self._seen.add(user.id)
        self.people += 1
        if user.id in self._wanted:
            self.named[user.id] = user.name
        self.errors += error_rows(user, self._catalog)
        held = sorted({lic.sku_id for lic in user.licenses if lic.is_held})
        for sku_id in {lic.sku_id for lic in user.licenses}:
            self._count(user, sku_id)
        if not held:
            return
        self.licensed += 1
        row = {"user": user.name, "skus": sorted(self._catalog.label(sku_id) for sku_id in held)}
        if user.is_enabled is False:
            self.disabled.append(row)
        if self.never is None or self.inactive is None:
            return
        if user.last_sign_in is None:
            self.unknown_sign_ins += 1
        elif not user.last_sign_in:
            self.never.append(row)
        elif user.last_sign_in < self._inactive_before:
            self.inactive.append({**row, "last_sign_in": user.last_sign_in[:10]})

    def _count(self, user: Principal, sku_id: str) -> None:
        held = self._held.setdefault(sku_id, _Held())
        ways = [lic for lic in user.licenses if lic.sku_id == sku_id]
        paths = [lic for lic in ways if lic.is_held]
        direct, groups = any(lic.is_direct for lic in paths), [lic.group_id for lic in paths if lic.group_id]
        held.direct += direct
        held.inherited += bool(groups)
        held.unknown += any(not lic.is_known for lic in paths)
        held.in_error += any(lic.error or not lic.is_held for lic in ways)
        if direct and groups:
            held.twice += 1
            self.twice.append({"user": user.name, "sku": self._catalog.label(sku_id), "groups": sorted(group for group in groups if group)})
        if paths:
            held.off.update(frozenset.intersection(*(lic.disabled_plans for lic in paths)))

    def sku_rows(self, ends: Mapping[str, str]) -> list[dict]:
        """The SKUs of the tenant, and the others that users hold; ends are the next dates on which subscriptions end or renew, by SKU."""
        ids = dict.fromkeys([*(sku.id for sku in self._catalog), *self._held])
        rows = [self._sku_row(self._catalog.sku(sku_id), ends.get(sku_id)) for sku_id in ids]
        return sorted(rows, key=lambda row: (row["sku"], row["sku_id"]))

    def _sku_row(self, sku: Sku, end: str | None) -> dict:
        held, seats = self._held.get(sku.id, _Held()), sku.seats
        names = {plan.id: plan.name for plan in sku.service_plans}
        off = [{"service_plan": names.get(service_plan_id, service_plan_id), "people": count} for service_plan_id, count in held.off.items()]
        return {
            "sku": self._catalog.label(sku.id),
            "sku_id": sku.id,
            "name": self._catalog.names.sku_name(sku.id),
            "status": sku.status if sku.is_owned else "Gone",
            "owned": seats.owned,
            "used": seats.consumed,
            "free": seats.free,
            "warning": seats.warning,
            "suspended": seats.suspended,
            "next_date": end,
            "direct": held.direct,
            "inherited": held.inherited,
            "unknown": held.unknown,
            "twice": held.twice,
            "in_error": held.in_error,
            "plans_off": sorted(off, key=lambda row: (-row["people"], row["service_plan"])),
        }


def in_order(rows: Iterable[dict]) -> list[dict]:
    """Rows in an order of their own: Graph promises none, and a report that is saved must not change for that."""
    return sorted(rows, key=lambda row: [str(row[name]) for name in row])


def ends_of(subscriptions: Iterable[CompanySubscription], today: str) -> dict[str, str]:
    """The next date, from today on, on which an active subscription of each SKU ends or renews, as YYYY-MM-DD (graph-contract 2.2)."""
    ends: dict[str, str] = {}
    for one in subscriptions:
        day = one.next_lifecycle_date or ""
        if day >= today and one.sku_id and one.status.lower() in _LIVING:
            ends[one.sku_id] = min(day, ends.get(one.sku_id, day))
    return ends


def judged(rows: Iterable[dict], prices: Mapping[str, float], nearly_full: float, ignore: Iterable[str]) -> list[dict]:
    """The SKUs, each with a mark and, where a price is known, with its cost.

    The mark is the most severe one that applies: gone, ended, over, full, warning, nearly_full, or none.
    """
    hidden = {name.lower() for name in ignore}
    known = {name.lower(): price for name, price in prices.items()}
    return [{**row, "mark": _mark(row, nearly_full, hidden), **_cost(row, known)} for row in rows]


def priced(rows: Iterable[dict] | None, skus: Iterable[Mapping]) -> list[dict] | None:
    """Users with licenses, in order, each with what the seats cost; nothing where no SKU of a user has a price."""
    if rows is None:
        return None
    prices = {row["sku"]: row["price"] for row in skus if row["price"] is not None}
    made = [{**row, "cost": round(sum(prices[sku] for sku in row["skus"] if sku in prices), 2) if prices.keys() & row["skus"] else None} for row in rows]
    return in_order(made)


def _mark(row: Mapping, nearly_full: float, hidden: set[str]) -> str | None:
    status, is_held = row["status"].lower(), row["direct"] + row["inherited"] + row["unknown"] > 0
    applies = {
        "gone": status == "gone" and is_held,
        "ended": status not in (*_LIVING, "gone"),
        "over": row["free"] < 0,
        "full": row["owned"] > 0 and row["free"] == 0,
        "warning": row["warning"] > 0 or status == "warning",
        "nearly_full": row["owned"] > 0 and row["used"] >= nearly_full * row["owned"],
    }
    is_hidden = bool({row["sku"].lower(), row["sku_id"]} & hidden)
    return None if is_hidden else next((mark for mark, holds in applies.items() if holds), None)


def _cost(row: Mapping, prices: Mapping[str, float]) -> dict:
    price = prices.get(row["sku"].lower(), prices.get(row["sku_id"]))
    if price is None:
        return {"price": None, "cost": None, "cost_unused": None}
    paid = row["owned"] - row["warning"]  # seats in warning are no longer paid for
    return {"price": price, "cost": round(price * paid, 2), "cost_unused": round(price * max(paid - row["used"], 0), 2)}


_SKU_ROW = Record({"sku": str, "sku_id": str, "status": str, **dict.fromkeys(_COMPARED[1:], int)}, ("sku", "sku_id"), is_open=True)
_ERROR_ROW = Record({"user_principal_name": str, "sku": str, "error": str}, ("user_principal_name",), is_open=True)
_USER_ROW = Record({"user": str}, ("user",), is_open=True)
_REPORT = Record({"created": str, "skus": ListOf(_SKU_ROW), "disabled": ListOf(_USER_ROW), "errors": ListOf(_ERROR_ROW)}, ("skus",), is_open=True)


def is_report(found: Any) -> bool:
    """Whether something is a report that this version can be compared with."""
    return isinstance(found, dict) and found.get("version") == VERSION and not list(problems_of(found, _REPORT, "report"))


def drift_of(now: Mapping, earlier: Mapping) -> dict:
    """What has changed since an earlier report: each SKU's subscription, seats and errors, and the new and removed entries of what needs attention."""
    before, after = ({row["sku_id"]: row for row in report["skus"]} for report in (earlier, now))
    skus = []
    for sku_id in sorted({*before, *after}, key=lambda key: ((after.get(key) or before[key])["sku"], key)):
        old, new = before.get(sku_id, {}), after.get(sku_id, {})
        pairs = {name: [old.get(name) or _NOTHING.get(name, 0), new.get(name) or _NOTHING.get(name, 0)] for name in _COMPARED}
        changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
        if changed:
            skus.append({"sku": (new or old)["sku"], **changed})
    return {"since": earlier.get("created"), "skus": skus, "disabled": _comings(now, earlier, "disabled"), "errors": _comings(now, earlier, "errors")}


_NOTHING = {"status": "none"}


def _comings(now: Mapping, earlier: Mapping, name: str) -> dict:
    old, new = ({_told(row) for row in report.get(name) or ()} for report in (earlier, now))
    return {"new": sorted(new - old), "gone": sorted(old - new)}


def _told(row: Mapping) -> str:
    """The identity of an entry of a list: the user, and of an error also the SKU and the error."""
    return " ".join(filter(None, (row.get("user") or row.get("user_principal_name"), row.get("sku"), row.get("error"))))
