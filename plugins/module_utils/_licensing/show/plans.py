# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a user as rows and as a difference, with what goes on and off in effect."""

from __future__ import annotations

from functools import lru_cache

from ..catalog import Catalog
from ..plan.changes import Changes, service_plans_on
from ..plan.run_plan import UserPlan
from .results import diff_of, operation_rows

_EFFECT = "service plans in effect"


def change_rows(plan: UserPlan, operations: tuple, catalog: Catalog) -> list[dict]:
    """What operations do, one row for each license, and one for the service plans that go on or off for the user by all paths together."""
    rows = operation_rows(operations, catalog)
    off, on = _effect(plan, catalog)
    return [*rows, {"action": "service_plans", "off": off, "on": on}] if rows and (off or on) else rows


def user_diff(plan: UserPlan, catalog: Catalog) -> dict:
    """The difference in names, under the name of the user."""
    if plan.state is None:
        return {}
    diff = diff_of(Changes(plan.state.before, plan.state.after, plan.operations, (), catalog))
    off, on = _effect(plan, catalog)
    if off or on:
        diff["before"][_EFFECT], diff["after"][_EFFECT] = off, on
    return diff


def _effect(plan: UserPlan, catalog: Catalog) -> tuple[list[str], list[str]]:
    if plan.state is None:
        return [], []
    before, after = (service_plans_on(one.licenses, catalog) for one in (plan.state.before, plan.state.after))
    names = {one.id: one.name for sku in catalog for one in sku.service_plans}
    return _named(before - after, tuple(sorted(names.items()))), _named(after - before, tuple(sorted(names.items())))


@lru_cache(maxsize=1000)
def _named(ids: frozenset[str], names: tuple[tuple[str, str], ...]) -> list[str]:
    known = dict(names)
    return sorted(known.get(one, one) for one in ids)
