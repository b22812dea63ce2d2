# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of most clients of the engine: entries that are jobs themselves, with the changes of one principal each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._engine.report import RunReport
from ..._engine.results import ResultList
from ..._engine.task import Planned, Progress, TaskRun, problems_of
from ..._errors import Problem
from ..._licensing.catalog import Catalog
from ..._licensing.plan.changes import Changes, Written
from ..._licensing.show.results import diff_of, operation_rows
from ..options import GraphModule
from ..session import Session


@dataclass(slots=True)
class Plan:
    """The plan of one entry: changes, or an error. name is the principal as in the task, kind the option that names it. It is its own job.

    Stages are written in sequence: a plan that needs a freed seat, and a further entry of one principal, are in a later one.
    duplicate_of is the entry that desires the same for the same principal, and is carried out. faults is why it cannot be planned.
    """

    index: int
    kind: str
    name: str
    changes: Changes | None = None
    faults: tuple[Problem, ...] = ()
    stage: int = 0
    duplicate_of: int | None = None

    @property
    def who(self) -> dict[str, str]:
        """The principal, as the entry has it."""
        return {self.kind: self.name}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Errors and warnings about the plan."""
        return self.changes.findings if self.changes else ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Why nothing of it is written."""
        return self.faults or (self.changes.errors if self.changes else ())

    @property
    def outcome(self) -> str:
        """The predicted outcome."""
        return "failed" if self.errors else "changed" if self.operations else "unchanged"

    @property
    def operations(self) -> tuple:
        """The operations of the plan."""
        return self.changes.operations if self.changes else ()

    @property
    def is_to_write(self) -> bool:
        """Whether there are operations, and no errors."""
        return bool(self.operations) and not self.errors

    @property
    def chain(self) -> None:
        """None: a further entry of one principal is written even if the earlier one failed."""

    @property
    def follows(self) -> tuple:
        """It depends on no other one."""
        return ()

    @property
    def lane(self) -> str:
        """Empty: nothing must be written in sequence within a stage."""
        return ""

    @property
    def is_later(self) -> bool:
        """Whether it may take a seat that an earlier stage has freed."""
        return self.stage > 0

    @property
    def awaited(self) -> tuple:
        """What must show before it is written."""
        return ()

    @property
    def new_sku_ids(self) -> frozenset[str]:
        """The SKUs of which it takes a seat by assignLicense."""
        before = getattr(self.changes, "before", None)
        return frozenset(sku_id for sku_id in self.changes.new_sku_ids if not before.holds(sku_id)) if self.changes and before else frozenset()


def summary_of(session: Session, results: ResultList) -> dict[str, Any]:
    """How many entries there are of each outcome, and what they cost."""
    flow = session.client.flow
    return {**results.summary(), "requests": flow.requests, "seconds_throttled": round(flow.seconds_throttled, 1)}


class PlanClient:
    """A client whose entries are plans. Each client reads, plans and answers in its own way."""

    is_reporting = False

    def __init__(self, module: GraphModule, session: Session) -> None:
        self.module, self.session = module, session
        self.list = ResultList(module.params.get("results") or "all")

    def plan(self, report: RunReport) -> Planned:
        """Plan; each client has its own."""
        raise NotImplementedError

    def jobs(self, entries: Sequence[Plan]) -> Sequence[Plan]:
        """A plan is its own job."""
        return entries

    def entry_of(self, job: Plan) -> Plan:
        """A plan is its own job."""
        return job

    def send(self, jobs: Sequence[Plan]) -> list[Written]:
        """Writes below v1.0, on the path of the principal."""
        return self.session.writer.apply_all("v1.0", [(job.operations, "principal") for job in jobs])

    def look(self, jobs: Sequence[Plan]) -> dict[int, Written | None]:
        """Return nothing, as no job waits for anything to show."""
        return {}

    def take(self, job: Plan, result: Written | None, progress: Progress, problems: tuple[Problem, ...]) -> None:
        """Add the operations that were carried out."""
        progress.made += result.done if result else ()
        progress.problems += problems

    def catalog(self, entry: Plan) -> Catalog:
        """Return the catalog of the changes."""
        return entry.changes.catalog if entry.changes else Catalog()

    def planned(self, entry: Plan) -> tuple:
        """The operations."""
        return entry.operations

    def results(self, entry: Plan) -> ResultList:
        """Return the only list."""
        return self.list

    def who(self, entry: Plan) -> dict[str, str]:
        """The principal, as the entry has it."""
        return entry.who

    def key(self, entry: Plan) -> Any:
        """The place of the entry."""
        return entry.index

    def rows(self, entry: Plan, made: Sequence[Any]) -> list[dict]:
        """A row for each license or assignment."""
        return operation_rows(tuple(made), self.catalog(entry)) if made else []

    def diff(self, entry: Plan, made: Sequence[Any], outcome: str, problems: Sequence[Problem]) -> dict | None:
        """Return the whole diff, where all was or would be done."""
        return diff_of(entry.changes) if made and entry.changes and outcome != "failed" and self.module._diff else None

    def note(self, entry: Plan, outcome: str, progress: Progress) -> str | None:
        """Do nothing."""
        return None

    def finish(self, is_dry: bool) -> None:
        """Nothing follows."""

    def close(self) -> None:
        """No file is open."""

    def answer(self, task: TaskRun) -> tuple[dict[str, Any], list[Problem]]:
        """The results of a list."""
        results = {"changed": self.list.is_changed, "results": self.list.rows(), "summary": summary_of(self.session, self.list), "diff": self.list.diffs()}
        return results, problems_of(task, [self.list], is_short=False)
