# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The licenses of a whole tenant, added up in one pass over its people, and compared with an earlier time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .catalog import Catalog
from .model import Principal, Sku
from .present import error_rows

VERSION = 1


@dataclass(slots=True)
class _Held:
    """How a SKU is held: people by way, and people for whom a service plan is off."""

    direct: int = 0
    inherited: int = 0
    twice: int = 0
    in_error: int = 0
    off: Counter = field(default_factory=Counter)


class Tally:
    """Adds up people. What is worth a look is kept by name, the rest only counted."""

    def __init__(self, catalog: Catalog, with_sign_ins: bool) -> None:
        self._catalog = catalog
        self._held: dict[str, _Held] = {}
        self.people = self.licensed = 0
        self.twice: list[dict] = []
        self.disabled: list[dict] = []
        self.never: list[dict] | None = [] if with_sign_ins else None
        self.errors: list[dict] = []

    def add(self, user: Principal, entity: Mapping) -> None:
        """Counts a user; entity is the user as Graph shows it."""
        self.people += 1
        self.errors += error_rows(user, self._catalog)
        held = sorted({lic.sku_id for lic in user.licenses if lic.is_held})
        for sku_id in {lic.sku_id for lic in user.licenses}:
            self._count(user, sku_id)
        if not held:
            return
        self.licensed += 1
        row = {"user": user.name, "skus": sorted(self._catalog.label(sku_id) for sku_id in held)}
        if entity.get("accountEnabled") is False:
            self.disabled.append(row)
        if self.never is not None and not (entity.get("signInActivity") or {}).get("lastSignInDateTime"):
            self.never.append(row)

    def _count(self, user: Principal, sku_id: str) -> None:
        held = self._held.setdefault(sku_id, _Held())
        paths = [lic for lic in user.licenses if lic.sku_id == sku_id and lic.is_held]
        direct, groups = any(lic.is_direct for lic in paths), [lic.group_id for lic in paths if lic.group_id]
        held.direct += direct
        held.inherited += bool(groups)
        held.in_error += any(not lic.is_held for lic in user.licenses if lic.sku_id == sku_id)
        if direct and groups:
            held.twice += 1
            self.twice.append({"user": user.name, "sku": self._catalog.label(sku_id), "groups": sorted(group for group in groups if group)})
        if paths:
            held.off.update(frozenset.intersection(*(lic.disabled_plans for lic in paths)))

    def sku_rows(self, ends: Mapping[str, str]) -> list[dict]:
        """The SKUs of the tenant, and those that people hold beside; ends are the next dates on which subscriptions end or renew, by SKU."""
        ids = dict.fromkeys([*(sku.id for sku in self._catalog), *self._held])
        rows = [self._sku_row(self._catalog.sku(sku_id), ends.get(sku_id)) for sku_id in ids]
        return sorted(rows, key=lambda row: row["sku"])

    def _sku_row(self, sku: Sku, end: str | None) -> dict:
        held, seats = self._held.get(sku.id, _Held()), sku.seats
        names = {plan.id: plan.name for plan in sku.service_plans}
        off = [{"service_plan": names.get(plan_id, plan_id), "people": count} for plan_id, count in held.off.items()]
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
            "twice": held.twice,
            "in_error": held.in_error,
            "plans_off": sorted(off, key=lambda row: (-row["people"], row["service_plan"])),
        }


def judged(rows: Iterable[dict], prices: Mapping[str, float], nearly_full: float, ignore: Iterable[str]) -> list[dict]:
    """The SKUs with what is to be said of them: over, full, nearly_full, warning, gone, or nothing; and with their cost, where a price is known."""
    hidden = {name.lower() for name in ignore}
    known = {name.lower(): price for name, price in prices.items()}
    return [{**row, "mark": _mark(row, nearly_full, hidden), **_cost(row, known)} for row in rows]


def _mark(row: Mapping, nearly_full: float, hidden: set[str]) -> str | None:
    if {row["sku"].lower(), row["sku_id"]} & hidden:
        return None
    if row["status"] == "Gone":
        return "gone"
    if row["free"] < 0:
        return "over"
    if row["status"].lower() not in ("enabled", "warning"):
        return "ended"
    if row["warning"] or row["status"].lower() == "warning":
        return "warning"
    if row["owned"] and row["used"] >= row["owned"]:
        return "full"
    return "nearly_full" if row["owned"] and row["used"] >= nearly_full * row["owned"] else None


def _cost(row: Mapping, prices: Mapping[str, float]) -> dict:
    price = prices.get(row["sku"].lower(), prices.get(row["sku_id"]))
    if price is None:
        return {"price": None, "cost": None, "cost_unused": None}
    paid = row["owned"] - row["warning"]  # what is in warning was paid for once, and is not any more
    return {"price": price, "cost": round(price * paid, 2), "cost_unused": round(price * max(paid - row["used"], 0), 2)}


def drift_of(now: Mapping, earlier: Mapping) -> dict:
    """What has changed since an earlier report: seats and holders of each SKU, and who came onto and off the lists of what is worth a look."""
    before, after = ({row["sku_id"]: row for row in report["skus"]} for report in (earlier, now))
    skus = []
    for sku_id in sorted({*before, *after}, key=lambda key: (after.get(key) or before[key])["sku"]):
        old, new = before.get(sku_id, {}), after.get(sku_id, {})
        changed = {name: [old.get(name, 0), new.get(name, 0)] for name in ("owned", "used", "in_error", "twice") if old.get(name, 0) != new.get(name, 0)}
        if changed:
            skus.append({"sku": (new or old)["sku"], **changed})
    return {"since": earlier.get("created"), "skus": skus, "disabled": _comings(now, earlier, "disabled"), "errors": _comings(now, earlier, "errors")}


def _comings(now: Mapping, earlier: Mapping, part: str) -> dict:
    old, new = ({row.get("user") or row.get("user_principal_name") for row in report.get(part) or ()} for report in (earlier, now))
    return {"new": sorted(new - old), "gone": sorted(old - new)}
