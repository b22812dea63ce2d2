# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over many principals: stages one after the other, batches side by side, and an outcome for each job as it comes. No Ansible, no URL."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Protocol

from .._errors import AuthenticationError, GraphError, LicensingError, OptionError, PredictedError, Problem, SignInUnavailableError
from .._licensing.catalog import Catalog
from .._licensing.plan.changes import Written
from .._licensing.plan.predict import no_seats_any_more
from .._licensing.show.problems import explained

_REFUSED = 20  # objects to which a kind of write must be forbidden, and to none allowed, until a run takes it for forbidden altogether
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Job(Protocol):
    """The operations of one principal, to be written in a stage. new_sku_ids are the SKUs of which it takes a seat."""

    @property
    def name(self) -> str:
        """How the task calls the principal."""

    @property
    def stage(self) -> int:
        """Stages are written one after the other."""

    @property
    def operations(self) -> tuple:
        """What is to be done, in its order, in one request or chain."""

    @property
    def new_sku_ids(self) -> frozenset[str]:
        """SKUs of which a seat is taken."""


@dataclass(frozen=True, slots=True)
class Line:
    """The way to the service. send carries out the operations of some jobs in one batch of at most size operations, and answers for each.

    pause waits for some seconds, and says whether the run goes on; stop ends all waiting.
    max_wait is for how many seconds a seat that an earlier stage has freed is asked for again.
    """

    send: Callable[[Sequence[Any]], list[Written]]
    pause: Callable[[float], bool]
    stop: Callable[[], None]
    size: int
    max_wait: float


class Engine:
    """Sends jobs. ended says why no more is sent, if that is so."""

    def __init__(self, line: Line, concurrency: int, on_error: str) -> None:
        self._line, self._concurrency, self._on_error = line, concurrency, on_error
        self._full: set[str] = set()
        self._refused: dict[str, set[str]] = {}
        self._written: set[str] = set()
        self._lock = threading.Lock()
        self.ended: LicensingError | None = None

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Any, Written | None]]:
        """Each job with what became of it, as answers come; nothing for one that was not sent, as the run has ended. A signal ends the run."""
        before = {sign: signal.signal(sign, self._interrupt) for sign in _SIGNALS}
        try:
            with ThreadPoolExecutor(self._concurrency) as pool:
                for number in sorted({job.stage for job in jobs}):
                    yield from self._stage(pool, [job for job in jobs if job.stage == number], number)
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def _stage(self, pool: ThreadPoolExecutor, jobs: list[Job], number: int) -> Iterator[tuple[Any, Written | None]]:
        """One stage. Graph's counters lag behind a seat that was freed a moment ago, so what is rejected for want of one is sent again for a while."""
        waited, seconds = 0.0, 1.0
        while jobs:
            self._full.clear()
            may_wait = number > 0 and waited + seconds <= self._line.max_wait and self.ended is None
            again: list[tuple[Any, Written]] = []
            sent = {pool.submit(self._send_batch, batch): batch for batch in batches_of(jobs, self._line.size)}
            for future in as_completed(sent):
                for job, result in zip(sent.pop(future), future.result()):
                    if may_wait and result is not None and not result.done and _lacks_seat(result):
                        again.append((job, result))
                    else:
                        yield job, result
            if again and not self._line.pause(seconds):
                yield from again
                return
            jobs = [job for job, dummy in again]
            waited, seconds = waited + seconds, seconds * 2

    def end(self, reason: str) -> None:
        """Sends nothing more."""
        self.ended = self.ended or LicensingError(reason)

    def failed(self, job: Job, result: Written, catalog: Catalog) -> tuple[Problem, ...]:
        """Takes note of a job that failed, and returns why. Where no seat is left, jobs of this stage that need one are not sent any more."""
        if result.error is None:
            return ()
        kind = type(job.operations[min(len(result.done), len(job.operations) - 1)]).__name__
        problems = explained(result.error, catalog, kind in self._written)
        if problems[0].code == "no_seats" and len(job.new_sku_ids) == 1:
            self._full |= job.new_sku_ids
        if self._on_error == "stop":
            self.end("stopped after the first failure, as on_error is stop")
        return problems

    def _send_batch(self, jobs: list[Job]) -> list[Written | None]:
        """Sends one batch, without those whose seats turned out to be gone."""
        if self.ended is not None:
            return [None for dummy in jobs]
        has_seats = [not self._full & job.new_sku_ids for job in jobs]
        rest = [job for job, is_sent in zip(jobs, has_seats) if is_sent]
        written = self._line.send(rest) if rest else []
        for job, result in zip(rest, written):
            self._judge(job, result)
        answers = iter(written)
        return [next(answers) if is_sent else Written(error=PredictedError(no_seats_any_more(job.name))) for job, is_sent in zip(jobs, has_seats)]

    def _judge(self, job: Job, result: Written) -> None:
        """Ends the run where what one principal was answered holds for all: right when the answer is there, before another batch is sent."""
        kinds = [type(operation).__name__ for operation in job.operations]
        with self._lock:
            self._written |= set(kinds[: len(result.done)])
            if isinstance(result.error, (AuthenticationError, SignInUnavailableError, OptionError)):  # of what was sent, only a token can be wrong
                self.end("stopped, as Graph does not let the task in any more")
            if isinstance(result.error, GraphError) and result.error.status == 403:
                self._count_refused(kinds[min(len(result.done), len(kinds) - 1)], job)

    def _count_refused(self, kind: str, job: Job) -> None:
        """A 403 belongs to the object (graph-contract 12, no. 1), unless the first writes of a kind, to different objects, all get it."""
        refused = self._refused.setdefault(kind, set())
        refused.add(job.name.lower())
        if len(refused) >= _REFUSED and kind not in self._written:
            self.end(f"stopped, as Graph forbade the first {len(refused)} writes of this kind, each to another object")

    def _interrupt(self, *dummy: Any) -> None:
        self.ended = LicensingError("interrupted; what was done is in results, and in the file of report_path, from which resume: true takes the run up")
        self._line.stop()


def _lacks_seat(result: Written) -> bool:
    return result.error is not None and explained(result.error, Catalog())[0].code == "no_seats"


def batches_of(jobs: Iterable[Job], size: int) -> Iterator[list[Job]]:
    """Jobs in lists of as many operations as a batch holds, in their order; one job is never in two of them."""
    batch: list[Job] = []
    count = 0
    for job in jobs:
        if batch and count + len(job.operations) > size:
            yield batch
            batch, count = [], 0
        batch.append(job)
        count += len(job.operations)
    if batch:
        yield batch
