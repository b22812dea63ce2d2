# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module for the principals of a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..._engine.report import RunReport
from ..._engine.task import Planned, Progress
from ..._errors import LicensingError, Problem
from ..._licensing.catalog import Catalog
from ..._licensing.plan.changes import Changes, Written
from ..._licensing.plan.predict import too_many_removals
from ..._licensing.show.problems import explained
from ..options import GraphModule
from ..run import run_client
from ..session import Session
from .base import Plan, PlanClient
from .entries import check_duplicates, removals


class Listed(Protocol):
    """The desired state of many principals. option is the name of the list, keys are the options that name the principal of an entry.

    entries are complete after begin. described is what the task asks for; a report must be of the same.
    """

    option: str
    keys: tuple[str, ...]
    version: str
    entries: list[dict]
    described: Any

    def begin(self, session: Session) -> str | None:
        """Read what the tenant has. Return a text that identifies the tenant."""

    def read(self, indexes: list[int]) -> dict[int, str]:
        """Read the principals of entries. Return the target of each entry that the tenant has: equal texts are the same target."""

    def plan(self, index: int, stage: int) -> tuple[Changes, int]:
        """The changes of an entry, and the stage in which they can be written, not before the one given.

        Raises LicensingError for an entry that cannot be planned.
        """

    def principal_id(self, index: int) -> str | None:
        """The id of the principal of an entry."""

    def route(self, index: int) -> str:
        """Return which of Graph's paths the writes of an entry use."""


class ListClient(PlanClient):
    """A client of a list."""

    def __init__(self, module: GraphModule, session: Session, listed: Listed) -> None:
        super().__init__(module, session)
        self._listed = listed
        module.forget(listed.option)  # it was read

    def plan(self, report: RunReport) -> Planned:
        """The plans of all entries, in their order. Raises LicensingError for what prevents the whole run, such as conflicting entries."""
        listed = self._listed
        report.begin(listed.begin(self.session), listed.described)
        plans = [_plan_of(index, entry, listed.keys) for index, entry in enumerate(listed.entries)]
        todo = [plan for plan in plans if not report.is_done(plan.name, listed.entries[plan.index])]
        targets = listed.read([plan.index for plan in todo])
        check_duplicates(todo, listed.entries, targets, listed.option, listed.keys)
        seen: Counter = Counter()
        for plan in todo:
            if plan.duplicate_of is None:
                self._plan(plan, seen)
        limit = self.module.params.get("max_removals")
        return Planned(plans, _beyond(limit, removals(todo)) if limit is not None else None)

    def _plan(self, plan: Plan, seen: Counter) -> None:
        who = self._listed.principal_id(plan.index)
        try:
            plan.changes, plan.stage = self._listed.plan(plan.index, seen[who])
        except LicensingError as error:
            plan.faults = explained(error, Catalog())
            return
        if plan.is_to_write:
            seen[who] = plan.stage + 1

    def send(self, jobs: Sequence[Plan]) -> list[Written]:
        """Write in one batch."""
        return self.session.writer.apply_all(self._listed.version, [(job.operations, self._listed.route(job.index)) for job in jobs])

    def key(self, entry: Plan) -> Any:
        """Return the entry itself, as the report of another list cannot be used."""
        return self._listed.entries[entry.index]

    def note(self, entry: Plan, outcome: str, progress: Progress) -> str | None:
        """Drop the changes: a hundred thousand of them are not kept longer than needed."""
        entry.changes = None
        return None


def _beyond(limit: int, gone: dict[str, list[str]]) -> Problem | None:
    """The problem of a run that removes more than it may. gone are SKU part numbers by the name of the principal."""
    count = sum(map(len, gone.values()))
    losers = (f"{name} {', '.join(skus)}" for name, skus in gone.items())
    return too_many_removals(count, limit, losers) if count > limit else None


def _plan_of(index: int, entry: dict, keys: tuple[str, ...]) -> Plan:
    kind = next((key for key in keys if entry.get(key)), keys[0])
    return Plan(index, kind, str(entry.get(kind)))


def run_list(module: GraphModule, make_listed: Callable[[dict], Listed]) -> None:
    """Run a module over a list, and exit. make_listed reads the options, and raises OptionError for contradictions."""
    run_client(module, lambda module, session: ListClient(module, session, make_listed(module.params)))
