# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a module that writes: plan all, show or write each entry, and forget nothing of what was done. The one place that decides on check mode."""

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
    """What is planned for one entry. outcome is what becomes of it if all goes as planned: changed, unchanged, skipped or failed.

    duplicate_of is the place of the entry that declares the same, and does it.
    """

    @property
    def index(self) -> int:
        """The place of the entry."""

    @property
    def name(self) -> str:
        """How the task calls the principal."""

    @property
    def outcome(self) -> str:
        """What becomes of it."""

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
    """What became of the jobs of one entry so far. made is what they did, as the client has it.

    is_left says that a job was not sent, is_broken that this is so because another one failed which it depends on.
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
        """What became of the entry. One of which a part was done when the run ended has failed."""
        if self.is_left and self.made and not (self.problems or self.is_waiting):
            self.problems = (Problem("the run ended before everything was done", "run it again", "ended", retriable=True),)
        if self.problems:
            return "failed"
        return "waiting" if self.is_waiting else "skipped" if self.is_left else "changed"


@dataclass(frozen=True, slots=True)
class Planned:
    """The entries of a run. problem forbids the whole."""

    entries: Sequence[Any]
    problem: Problem | None = None


class Client(Protocol):
    """What a module brings to a run."""

    def plan(self, report: RunReport) -> Planned:
        """Reads, and plans. report knows what an earlier run has done. Raises LicensingError for what forbids the whole before anything is planned."""

    def jobs(self, entries: Sequence[Any]) -> Sequence[Any]:
        """The jobs of entries that are to be written; the chain of a job tells the entry."""

    def entry_of(self, job: Any) -> Any:
        """The entry of a job."""

    def send(self, jobs: Sequence[Any]) -> list[Written]:
        """Carries out jobs."""

    def look(self, jobs: Sequence[Any]) -> Mapping[int, Written | None]:
        """The jobs of which all shows that they wait for, and those of which it will not show."""

    def take(self, job: Any, result: Written | None, progress: Progress, problems: tuple[Problem, ...]) -> None:
        """Adds to the progress of an entry what a job did, and its problems."""

    def catalog(self, entry: Any) -> Catalog:
        """The names of SKUs."""

    def planned(self, entry: Any) -> Sequence[Any]:
        """What is going to be made of an entry, in the form of C(made)."""

    def results(self, entry: Any) -> ResultList:
        """The list into which the results of an entry go."""

    def who(self, entry: Any) -> dict[str, str]:
        """The head of the row of an entry."""

    def key(self, entry: Any) -> Any:
        """By what the report knows an entry."""

    def rows(self, entry: Any, made: Sequence[Any]) -> list[dict]:
        """What was made, as rows."""

    def diff(self, entry: Any, made: Sequence[Any], outcome: str, problems: Sequence[Problem]) -> dict | None:
        """The same as a difference, for people. problems are why the entry failed."""

    def note(self, entry: Any, outcome: str, progress: Progress) -> str | None:
        """Takes note of an entry that is done, and says why nothing more can be sent, if that is so."""

    def finish(self, is_dry: bool) -> None:
        """What follows when everything was sent, such as waiting; with is_dry, nothing was. Raises LicensingError."""


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
        """Plans, and writes unless in check mode, or because the run as a whole is forbidden. Notes what became of each entry."""
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
        """What becomes of an entry for which nothing is written, and whether its changes are shown all the same. Nothing for one that is to be written."""
        if self._report.is_done(one.name, self._client.key(one)):
            return "skipped", False
        if one.outcome != "changed":
            return one.outcome, False
        if self.problem is not None or is_held_back:
            return "skipped", self.problem is not None
        return ("changed", True) if self.is_dry else (None, True)

    def _write(self, entries: Sequence[Any]) -> None:
        """Writes step by step. An entry is noted when all its jobs are answered; those behind one that was not done are answered without being sent."""
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
        """A place in the list that an entry is of."""
        return id(self._client.results(one)), index

    def _place(self, job: Any) -> Hashable:
        return id(self._client.entry_of(job))

    def _take(self, job: Job, result: Written | None, progress: Progress) -> None:
        """Takes note of what became of one job."""
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
    """What a task says as a whole: what forbids the run, why it ended, and how many entries failed, with the first few errors unless is_short."""
    problems = [task.problem] if task.problem else []
    problems += [Problem(task.engine.ended.message, code="ended", retriable=True)] if task.engine.ended else []
    failed = [one for one in lists if one.counts["failed"]]
    texts = [one.counted() if is_short else one.message() for one in failed]
    return problems + [Problem(text, code="some_failed", retriable=one.is_retriable) for one, text in zip(failed, texts)]
