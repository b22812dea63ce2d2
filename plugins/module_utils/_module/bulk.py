# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of every module, for a list: plan all, refuse or write each, in batches side by side, and forget nothing of what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from .._engine.report import RunReport
from .._engine.run import Engine, Line
from .._errors import LicensingError, PredictedError, Problem
from .._graph.batch import SIZE
from .._licensing.catalog import Catalog
from .._licensing.plan.changes import Changes, Written
from .._licensing.plan.predict import too_many_removals
from .._licensing.show.problems import explained, finding_rows
from .._licensing.show.results import diff_of, operation_rows
from .._tenant.writer import Writer
from .entries import Plan, check_duplicates, removals
from .options import GraphModule
from .results import ResultList, exit_with, remember
from .run import guarded
from .session import Session


class Listed(Protocol):
    """What a module desires for many principals. option is how the list is called, keys are the options that name the principal of an entry.

    entries are complete after begin. described is what the task asks for, by which a report is known to be of the same entries.
    """

    option: str
    keys: tuple[str, ...]
    version: str
    entries: list[dict]
    described: Any

    def begin(self, session: Session) -> str | None:
        """Reads what the tenant has. Something by which the tenant can be told from others."""

    def read(self, indexes: list[int]) -> dict[int, str]:
        """Reads the principals of entries. What each entry is about, of those that the tenant has: equal texts are the same."""

    def plan(self, index: int, stage: int) -> tuple[Changes, int]:
        """The changes of an entry, and the stage in which they can be written, not before the one given.

        Raises LicensingError for an entry that cannot be planned.
        """

    def principal_id(self, index: int) -> str | None:
        """Whom an entry is about."""

    def route(self, index: int) -> str:
        """Which of Graph's paths the writes of an entry take."""


class BulkRun:
    """One run over a list."""

    def __init__(self, module: GraphModule, session: Session, listed: Listed) -> None:
        self._module, self._session, self._listed, self._params = module, session, listed, module.params
        self.report = RunReport(self._params["report_path"], module.check_mode, self._params["resume"])
        self.results = ResultList(self._params["results"])
        self._outcomes: dict[int, tuple[str, Sequence[Problem]]] = {}
        self._writer = Writer(session.client, session.reader, "principal")
        line = Line(self._send, session.client.may_pause, session.client.flow.stop, SIZE, self._params["max_wait"])
        self.engine = Engine(line, self._params["concurrency"], self._params["on_error"])

    def run(self) -> None:
        """Plans, and writes unless in check mode. Raises LicensingError for what forbids the whole, before anything is written."""
        self.report.begin(self._listed.begin(self._session), self._listed.described)
        entries = self._listed.entries
        plans = [_plan_of(index, entry, self._listed.keys) for index, entry in enumerate(entries)]
        todo = [plan for plan in plans if not self.report.is_done(plan.name, entries[plan.index])]
        targets = self._listed.read([plan.index for plan in todo])
        check_duplicates(todo, entries, targets, self._listed.option, self._listed.keys)
        seen: Counter = Counter()
        for plan in todo:
            if plan.duplicate_of is None:
                self._plan(plan, seen)
        self._check_whole(todo)
        is_held_back = self._params["on_error"] == "stop" and any(plan.is_refused for plan in todo)
        open_indexes = {plan.index for plan in todo}
        for plan in plans:
            self._record_unwritten(plan, plan.index in open_indexes, is_held_back)
        if not is_held_back and not self._module.check_mode:
            self._write([plan for plan in todo if plan.is_to_write])
        for plan in todo:
            if plan.duplicate_of is not None:
                outcome, problems = self._outcomes[plan.duplicate_of]
                self._record(plan, "unchanged" if outcome == "changed" else outcome, problems=problems)

    def _plan(self, plan: Plan, seen: Counter) -> None:
        who = self._listed.principal_id(plan.index)
        try:
            plan.changes, plan.stage = self._listed.plan(plan.index, seen[who])
        except LicensingError as error:
            plan.error = error
            return
        if plan.is_to_write:
            seen[who] = plan.stage + 1

    def _check_whole(self, plans: list[Plan]) -> None:
        """Refuses the whole run when it would remove more than it may."""
        limit, count = self._params.get("max_removals"), removals(plans)
        if limit is not None and count > limit:
            raise PredictedError(too_many_removals(count, limit))

    def _record_unwritten(self, plan: Plan, is_open: bool, is_held_back: bool) -> None:
        """What was done before, is refused, has nothing to be done, or is not done: in check mode, or because another entry is refused."""
        if not is_open:
            self._record(plan, "skipped")
        elif plan.duplicate_of is not None:
            return
        elif plan.is_refused:
            self._record_error(plan)
        elif not plan.is_to_write:
            self._record(plan, "unchanged")
        elif is_held_back:
            self._record(plan, "skipped")
        elif self._module.check_mode:
            self._record(plan, "changed", plan.operations)

    def _record_error(self, plan: Plan) -> None:
        if plan.error is not None:
            self._record(plan, "failed", problems=explained(plan.error, self._catalog(plan)))
        elif plan.changes is not None:
            self._record(plan, "failed", problems=plan.changes.errors)

    def _record(self, plan: Plan, outcome: str, operations: tuple = (), problems: Sequence[Problem] = (), request_id: str | None = None) -> None:
        changes = operation_rows(operations, plan.changes.catalog) if plan.changes else []
        findings = finding_rows(plan.changes.findings) if plan.changes else []
        self._outcomes[plan.index] = (outcome, problems)
        self.results.add(plan.index, plan.who, outcome, changes, findings, problems)
        if plan.changes is not None and outcome == "changed" and self._module._diff:
            self.results.show(plan.index, diff_of(plan.changes))
        if outcome != "skipped":
            entry = self._listed.entries[plan.index]
            add = partial(self.report.add, plan.name, entry, outcome, changes, request_id)
            remember(self._session, self.engine, problems, add)
        plan.changes = None  # a hundred thousand of them are never held longer than needed

    def _catalog(self, plan: Plan) -> Catalog:
        return plan.changes.catalog if plan.changes else Catalog()

    def _write(self, plans: list[Plan]) -> None:
        """Writes first what needs no seat that another one gives back, then the rest, and records each as its answer comes."""
        for plan, result in self.engine.run(plans):
            if result is None:
                self._record(plan, "skipped")
            elif result.error is None:
                self._record(plan, "changed", tuple(result.done), request_id=result.request_id)
            else:
                problems = self.engine.failed(plan, result, self._catalog(plan))
                self._record(plan, "failed", tuple(result.done), problems, result.request_id)

    def _send(self, plans: Sequence[Plan]) -> list[Written]:
        return self._writer.apply_all(self._listed.version, [(plan.operations, self._listed.route(plan.index)) for plan in plans])


def _plan_of(index: int, entry: dict, keys: tuple[str, ...]) -> Plan:
    kind = next((key for key in keys if entry.get(key)), keys[0])
    return Plan(index, kind, str(entry.get(kind)))


def run_list(module: GraphModule, make_listed: Callable[[dict], Listed]) -> None:
    """Runs a module over a list, and exits. make_listed reads the options; it raises OptionError for what contradicts itself."""
    guarded(module, lambda run: _run_list(module, run.open(), make_listed(module.params)))


def _run_list(module: GraphModule, session: Session, listed: Listed) -> None:
    module.forget(listed.option)  # it was read
    bulk = BulkRun(module, session, listed)
    try:
        bulk.run()
    finally:
        bulk.report.close()
    exit_with(module, session, bulk.results, bulk.engine)
