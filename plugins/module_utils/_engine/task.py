# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a module that writes: plan all, show or write each entry, and report all that was done. Check mode is decided only here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .._errors import Problem
from .._licensing.catalog import Catalog
from .._licensing.plan.changes import Written
from .._licensing.show.problems import failure_of, finding_rows
from .progress import ProgressFile
from .report import RunReport
from .results import ResultList
from .run import Engine, Job, Line


class Entry(Protocol):
    """The plan of one entry. outcome is the predicted one: changed, unchanged, skipped or failed.

    duplicate_of is the place of the entry that declares the same, and is carried out.
    """

    @property
    def index(self) -> int:
        """The place of the entry."""

    @property
    def name(self) -> str:
        """The principal, as the task names it."""

    @property
    def outcome(self) -> str:
        """The predicted outcome."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Errors and warnings."""

    @property
    def errors(self) -> Sequence[Problem]:
        """Why nothing is written."""

    @property
    def duplicate_of(self) -> int | None:
        """The entry that it repeats."""


@dataclass
class Progress:
    """The progress of the jobs of one entry. made is what they did, in the form of the client.

    is_left says that a job was not sent, is_broken that it was not sent because a job that it depends on failed.
    """

    made: list[Any] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()
    request_id: str | None = None
    created_id: str | None = None
    is_waiting: bool = False
    is_left: bool = False
    is_broken: bool = False
    was_lost: bool = False

    @property
    def is_rejected(self) -> bool:
        """Whether Graph rejected everything, and no attempt may have been carried out."""
        return not self.made and not self.was_lost and any(400 <= (problem.status or 0) < 500 for problem in self.problems)

    def outcome(self) -> str:
        """Return the outcome of the entry. An entry that was partly done when the run ended has failed."""
        if self.is_left and self.made and not (self.problems or self.is_waiting):
            self.problems = (Problem("the run ended before everything was done", "run the task again", "ended", retriable=True),)
        if self.problems:
            return "failed"
        return "waiting" if self.is_waiting else "skipped" if self.is_left else "changed"


@dataclass(frozen=True, slots=True)
class Planned:
    """The entries of a run. problem prevents the whole run."""

    entries: Sequence[Any]
    problem: Problem | None = None


class Client(Protocol):
    """What a module provides for a run."""

    def plan(self, report: RunReport) -> Planned:
        """Read, and plan. report has what an earlier run has done. Raises LicensingError for what prevents the whole run before anything is planned."""

    def jobs(self, entries: Sequence[Any]) -> Sequence[Any]:
        """Return the jobs of the entries to write."""

    def entry_of(self, job: Any) -> Any:
        """The entry of a job."""

    def send(self, jobs: Sequence[Any]) -> list[Written]:
        """Carry out jobs."""

    def look(self, jobs: Sequence[Any]) -> Mapping[int, Written | None]:
        """Return, by place, None for jobs that need not wait any longer, and the error of those that wait in vain."""

    def take(self, job: Any, result: Written | None, progress: Progress, problems: tuple[Problem, ...]) -> None:
        """Add what a job did, and its problems, to the progress of an entry."""

    def catalog(self, entry: Any) -> Catalog:
        """The names of SKUs."""

    def planned(self, entry: Any) -> Sequence[Any]:
        """Return what will be done for an entry, in the form of C(made)."""

    def results(self, entry: Any) -> ResultList:
        """Return the list that the results of an entry are added to."""

    def who(self, entry: Any) -> dict[str, str]:
        """The head of the row of an entry."""

    def key(self, entry: Any) -> Any:
        """Return the key of an entry in the report."""

    def rows(self, entry: Any, made: Sequence[Any]) -> list[dict]:
        """Return what was done, as rows."""

    def diff(self, entry: Any, made: Sequence[Any], outcome: str, problems: Sequence[Problem]) -> dict | None:
        """Return the same as a diff. problems are why the entry failed."""

    def note(self, entry: Any, outcome: str, progress: Progress) -> str | None:
        """Record an entry that is done. Return why nothing more can be sent, None if it can."""

    def finish(self, is_dry: bool) -> None:
        """Finish when everything was sent, for example wait; with is_dry, nothing was sent. Raises LicensingError."""


class TaskRun:
    """A run of a client's entries."""

    def __init__(
        self,
        client: Client,
        line: Line,
        report: RunReport,
        params: Mapping[str, Any],
        is_dry: bool,
        redacted: Callable[[str], str],
        progress_file: ProgressFile,
    ) -> None:
        self._client, self._line, self._report, self.is_dry, self._redacted = client, line, report, is_dry, redacted
        self._progress_file = progress_file
        self._is_stopping = params.get("on_error") == "stop"
        self.engine = Engine(line, params.get("concurrency") or 1, params.get("on_error") or "continue", bool(params.get("report_path")))
        self._repeated: dict[Hashable, tuple[str, Sequence[Problem]]] = {}
        self.problem: Problem | None = None
        self.is_planned = False

    def run(self) -> None:
        """Plan, and write, unless in check mode or when a problem prevents the whole run. Record the outcome of each entry."""
        self._progress_file.reading()
        plan = self._client.plan(self._report)
        self.problem, self.is_planned = plan.problem, True
        is_held_back = self._is_stopping and any(one.errors for one in plan.entries)
        repeats = [one for one in plan.entries if one.duplicate_of is not None and not one.errors]
        self._repeated = {self._spot(one, one.duplicate_of): ("", ()) for one in repeats}
        due = []
        for one in plan.entries:
            if one.duplicate_of is None or one.errors:
                outcome, is_shown = self._unwritten(one, is_held_back)
                if outcome is None:
                    due.append(one)
                else:
                    self._note(one, outcome, Progress(list(self._client.planned(one)) if is_shown else [], tuple(one.errors)))
        if due:
            self._write(due)
        for one in repeats:
            outcome, problems = self._repeated[self._spot(one, one.duplicate_of)]
            self._note(one, "unchanged" if outcome == "changed" else outcome, Progress(problems=tuple(problems)))
        if self.engine.ended is None:
            self._client.finish(self.is_dry)

    def _unwritten(self, one: Entry, is_held_back: bool) -> tuple[str | None, bool]:
        """Return the outcome of an entry that is not written, None for one to write, and whether its changes are shown anyway."""
        if self._report.is_done(one.name, self._client.key(one)):
            return "skipped", False
        if one.outcome != "changed":
            return one.outcome, False
        if self.problem is not None or is_held_back:
            return "skipped", self.problem is not None
        return ("changed", True) if self.is_dry else (None, True)

    def _write(self, entries: Sequence[Any]) -> None:
        """Write step by step. An entry is recorded when all its jobs are answered; jobs that depend on a failed one are answered without being sent."""
        jobs = self._client.jobs(entries)
        left = Counter(self._place(job) for job in jobs)
        started: dict[Hashable, Progress] = {}
        errors = 0
        self._progress_file.written(0, len(jobs), 0)
        for count, (job, result) in enumerate(self.engine.run(jobs), 1):
            errors += result is not None and result.error is not None
            self._progress_file.written(count, len(jobs), errors)
            place = self._place(job)
            progress = started.setdefault(place, Progress())
            self._take(job, result, progress)
            left[place] -= 1
            if not left[place]:
                del started[place]
                self._note(self._client.entry_of(job), progress.outcome(), progress)

    def _spot(self, one: Entry, index: int | None) -> Hashable:
        """Return a place in the list of an entry, as a key."""
        return id(self._client.results(one)), index

    def _place(self, job: Any) -> Hashable:
        return id(self._client.entry_of(job))

    def _take(self, job: Job, result: Written | None, progress: Progress) -> None:
        """Record the result of one job."""
        problems: tuple[Problem, ...] = ()
        if result is not None:
            progress.request_id = result.request_id or progress.request_id
            progress.created_id = result.created_id or progress.created_id
            progress.is_waiting = progress.is_waiting or result.is_waiting
            progress.was_lost = progress.was_lost or result.was_lost
            problems = self.engine.failed(job, result, self._client.catalog(self._client.entry_of(job)))
        else:
            progress.is_left, progress.is_broken = True, self.engine.ended is None
        self._client.take(job, result, progress, problems)

    def _note(self, one: Entry, outcome: str, progress: Progress) -> None:
        if self._repeated and one.duplicate_of is None and self._spot(one, one.index) in self._repeated:
            self._repeated[self._spot(one, one.index)] = outcome, progress.problems
        client, results = self._client, self._client.results(one)
        rows = client.rows(one, progress.made)
        results.add(one.index, client.who(one), outcome, rows, finding_rows(one.problems), progress.problems)
        diff = client.diff(one, progress.made, outcome, progress.problems)
        if diff:
            results.show(one.index, diff)
        if outcome != "skipped":
            self._report_line(one, outcome, rows, progress)
        reason = client.note(one, outcome, progress)
        if reason:
            self.engine.end(reason)

    def _report_line(self, one: Entry, outcome: str, rows: list[dict], progress: Progress) -> None:
        """Adds a line to the report, without secrets. When that fails, nothing more is sent, as the run could not be resumed."""
        message = self._redacted(failure_of(progress.problems)["msg"]) if progress.problems else None
        try:
            self._report.add(one.name, self._client.key(one), outcome, rows, progress.request_id, message)
        except OSError as error:
            self.engine.end(f"report_path: cannot write any more: {error.strerror}; what was done is in results")
            self._line.stop()


def problems_of(task: TaskRun, lists: Iterable[ResultList], is_short: bool) -> list[Problem]:
    """Return the problems of a task as a whole: what prevents the run, why it ended, and how many entries failed, unless is_short with the first errors."""
    problems = [task.problem] if task.problem else []
    problems += [Problem(task.engine.ended.message, code="ended", retriable=True)] if task.engine.ended else []
    failed = [one for one in lists if one.counts["failed"]]
    texts = [one.counted() if is_short else one.message() for one in failed]
    return problems + [Problem(text, code="some_failed", retriable=one.is_retriable) for one, text in zip(failed, texts)]
