# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a user as rows, with the service plans that are turned on and off in effect."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ..catalog import Catalog
from ..model import Principal
from ..observed import Tenant
from ..plan.changes import Change, EndState, end_of, service_plans_on

_VERBS = {"add": "create", "update": "update", "remove": "delete"}  # of seats, as cloud_license_assignment has them


def change_rows(state: EndState | None, changes: Sequence[Change], tenant: Tenant) -> list[dict]:
    """What changes do, one row for each, and one for the service plans that are turned on or off over all paths together."""
    if state is None or not changes:
        return []
    rows = [_row(one, tenant) for one in changes]
    off, on = _effect(state, changes, tenant.catalog)
    return [*rows, {"action": "service_plans", "off": off, "on": on}] if off or on else rows


def _row(one: Change, tenant: Tenant) -> dict:
    catalog, reason = tenant.catalog, {"reason": one.reason} if one.reason else {}
    off = {"disabled_plans": catalog.service_plan_names(one.sku_id, one.after)} if isinstance(one.after, frozenset) else {}
    if one.kind == "usage_location":
        return {"action": "set_usage_location", "before": one.before, "after": one.after}
    if one.kind == "membership":
        return {"action": "join_group" if one.after else "leave_group", "group": tenant.group_name(one.key), "group_id": one.key, **reason}
    named = {"sku": catalog.label(one.sku_id), "sku_id": one.sku_id, **off, **reason}
    if one.kind == "seat":
        return {"action": f"{_VERBS[one.verb]}_seat", "allotment": one.key, **named}
    return {"action": one.verb, **named}


def _end(state: EndState, changes: Sequence[Change]) -> Principal:
    """The user after changes: all of the plan, or those that were made before a request failed."""
    if len(changes) == len(state.changes):
        return state.after
    return end_of(state.before.user, changes)


def _effect(state: EndState, changes: Sequence[Change], catalog: Catalog) -> tuple[list[str], list[str]]:
    """The names of the service plans that are turned off and on."""
    before, after = (service_plans_on(one.licenses, catalog) for one in (state.before.user, _end(state, changes)))
    return _named(before - after, catalog), _named(after - before, catalog)


@lru_cache(maxsize=1000)
def _named(ids: frozenset[str], catalog: Catalog) -> list[str]:
    return sorted({catalog.name_of(one) or one for one in ids})
