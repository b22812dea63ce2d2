# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a user as rows and as a difference, with what goes on and off in effect."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ..catalog import Catalog
from ..plan.changes import Changes, SetUsageLocation, service_plans_on
from ..plan.end_state import EndState
from ..plan.run_plan import UserPlan
from .results import diff_of, operation_rows

_EFFECT = "service plans in effect"


def change_rows(plan: UserPlan, operations: tuple, catalog: Catalog) -> list[dict]:
    """What operations do, one row for each license, and one for the service plans that go on or off for the user by all paths together."""
    rows = operation_rows(operations, catalog)
    off, on = _effect(_done(plan, operations), catalog)
    return [*rows, {"action": "service_plans", "off": off, "on": on}] if off or on else rows


def user_diff(plan: UserPlan, operations: tuple, catalog: Catalog) -> dict:
    """The difference that operations make, in names, under the name of the user."""
    state = _done(plan, operations)
    if state is None:
        return {}
    diff = diff_of(Changes(state.before, state.after, operations, (), catalog))
    off, on = _effect(state, catalog)
    if off or on:
        diff["before"][_EFFECT], diff["after"][_EFFECT] = off, on
    return diff


def _done(plan: UserPlan, operations: tuple) -> EndState | None:
    """The end state that operations lead to: all of the plan, or what was written of it before a request failed."""
    kinds = {"usage_location" if isinstance(operation, SetUsageLocation) else "license" for operation in operations}
    return replace(plan.state, changes=tuple(one for one in plan.state.changes if one.kind in kinds)) if plan.state and kinds else None


def _effect(state: EndState | None, catalog: Catalog) -> tuple[list[str], list[str]]:
    """The names of the service plans that go off and on."""
    if state is None:
        return [], []
    before, after = (service_plans_on(one.licenses, catalog) for one in (state.before, state.after))
    return _named(before - after, catalog), _named(after - before, catalog)


@lru_cache(maxsize=1000)
def _named(ids: frozenset[str], catalog: Catalog) -> list[str]:
    return sorted({catalog.name_of(one) or one for one in ids})
