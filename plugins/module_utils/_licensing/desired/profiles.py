# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms that files share: licenses with their service plans, and licensing groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..._errors import Problem
from .validate import Choice, ListOf, Record

SERVICE_PLANS = {"disabled_plans": ListOf(str), "enabled_plans": ListOf(str), "plans_mode": Choice(("set", "merge"))}
_SKU = Record({"sku": str, **SERVICE_PLANS}, ("sku",))
LICENSE = Record({"sku": str, **SERVICE_PLANS, "alternatives": ListOf(_SKU), "prefer": Choice(("held", "first"))}, ("sku",))

_GROUP = {"group": str, "licenses": ListOf(LICENSE), "remove": ListOf(str), "exactly": bool, "protect": ListOf(str), "max_removals": int}
GROUPS = ListOf(Record(_GROUP, ("group",)))


def group_problems(groups: Sequence[Mapping], variable: str) -> Iterator[Problem]:
    """What is wrong with groups that are of the form."""
    first: dict[str, int] = {}
    for index, group in enumerate(groups):
        where = f"{variable}[{index}]"
        earlier = first.setdefault(group["group"], index)
        if earlier != index:
            yield Problem(f"{group['group']} is also {variable}[{earlier}]; leave one of them out", where=f"{where}.group")
        if group.get("exactly") and group.get("remove"):
            yield Problem("with exactly, everything else is removed anyway; leave it out", where=f"{where}.remove")
        if not group.get("licenses") and not group.get("remove"):
            yield Problem("give licenses or remove", where=where)
        yield from _license_problems(group.get("licenses") or (), f"{where}.licenses")


def _license_problems(licenses: Sequence[Mapping], where: str) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for place, choice in _choices(licenses, where):
        earlier = seen.setdefault(choice["sku"].lower(), place)
        if earlier != place:
            yield Problem(f"{choice['sku']} is also at {earlier}; name each SKU in one place", where=f"{place}.sku")
        yield from service_plan_problems(choice, place)


def service_plan_problems(entry: Mapping, where: str) -> Iterator[Problem]:
    """What is wrong with the service plans of an entry that is of the form."""
    if entry.get("disabled_plans") is not None and entry.get("enabled_plans") is not None and entry.get("plans_mode") != "merge":
        yield Problem("disabled_plans and enabled_plans exclude each other; give one of them, or plans_mode: merge", where=where)


def _choices(licenses: Sequence[Mapping], where: str) -> Iterator[tuple[str, Mapping]]:
    """Every SKU that is named, with its place: alternatives as well."""
    for index, entry in enumerate(licenses):
        yield f"{where}[{index}]", entry
        for number, other in enumerate(entry.get("alternatives") or ()):
            yield f"{where}[{index}].alternatives[{number}]", other
