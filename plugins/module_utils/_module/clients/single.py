# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module for one principal: a list of one, with results in a form of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._engine.report import RunReport
from ..._engine.task import Planned, Progress, TaskRun
from ..._errors import Problem
from ..._licensing.plan.changes import Changes, Outcome, Written
from ..._licensing.show.problems import finding_rows
from ..._licensing.show.results import diff_of, operation_rows, outcome_rows
from ..._tenant.reader import Reader
from ..options import GraphModule
from ..run import run_client
from ..session import Session
from .base import Plan, PlanClient

MakeChanges = Callable[[Mapping, Reader], Changes]
ResultOf = Callable[[Changes, Outcome], dict]


class SingleClient(PlanClient):
    """A client with one entry. make_changes plans, result_of returns the module's own results."""

    def __init__(self, module: GraphModule, session: Session, make_changes: MakeChanges, result_of: ResultOf) -> None:
        super().__init__(module, session)
        self._make_changes, self._result_of = make_changes, result_of
        self._changes: Changes | None = None
        self._progress = Progress()
        self._outcome = ""

    def plan(self, report: RunReport) -> Planned:
        """The plan of the one principal."""
        self._changes = self._make_changes(self.module.params, self.session.reader)
        return Planned([Plan(0, "principal", "", self._changes)])

    def send(self, jobs: Sequence[Plan]) -> list[Written]:
        """Write on the path that the task chooses."""
        return self.session.writer.apply_all(None, [(job.operations, self.module.params.get("route") or "principal") for job in jobs])

    def note(self, entry: Plan, outcome: str, progress: Progress) -> str | None:
        """Keep the outcome."""
        self._outcome, self._progress = outcome, progress
        return None

    def finish(self, is_dry: bool) -> None:
        """Wait until the changes show, where the task asks for that."""
        if not is_dry and self.module.params.get("wait") and self._changes is not None and self._outcome in ("changed", "unchanged"):
            self.session.writer.wait(self._changes, self.module.params["wait_timeout"])

    def answer(self, task: TaskRun) -> tuple[dict[str, Any], list[Problem]]:
        """Return what was or would be done; after a failure, what was done anyway."""
        changes, made, shown = self._changes, tuple(self._progress.made), self.session.writer.outcome
        if changes is None:
            return {}, []
        shown.created_id = self._progress.created_id
        warnings = [one.message for one in changes.findings if not one.is_error]
        common = {"changes": operation_rows(made, changes.catalog), "findings": finding_rows(changes.findings), "warnings": warnings}
        problems = list(self._progress.problems)
        if self._outcome == "skipped" and task.engine.ended is not None:
            problems = [Problem(task.engine.ended.message, code="ended", retriable=True)]
        if problems:
            return {**common, "changed": bool(made), **outcome_rows(shown, changes)}, problems
        return {**common, "changed": changes.is_change, "diff": diff_of(changes), **self._result_of(changes, shown)}, []


def run_module(module: GraphModule, make_changes: MakeChanges, result_of: ResultOf) -> None:
    """Run the module, and exit."""
    run_client(module, lambda module, session: SingleClient(module, session, make_changes, result_of))
