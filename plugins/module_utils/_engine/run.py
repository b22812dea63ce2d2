# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over many principals: stages in sequence, batches in parallel, and a result for each job as it arrives. No Ansible, no URL."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from .._errors import AuthenticationError, GraphError, LicensingError, OptionError, PredictedError, Problem, SignInUnavailableError
from .._licensing.catalog import Catalog
from .._licensing.plan.changes import Written
from .._licensing.plan.predict import no_seats_any_more
from .._licensing.show.problems import explained

_REFUSED = 20  # a run ends when so many objects forbid a kind of write, and none allows it
_LONGEST = 15.0  # seconds between two reads of what must show
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Job(Protocol):
    """Operations of one principal, to be written in a stage. new_sku_ids are the keys of the seats that it takes."""

    @property
    def name(self) -> str:
        """The principal, as the task names it."""

    @property
    def stage(self) -> int:
        """Stages are written in sequence."""

    @property
    def operations(self) -> tuple:
        """The operations in their order, in one request or chain."""

    @property
    def new_sku_ids(self) -> frozenset[str]:
        """The keys of the seats that it takes."""

    @property
    def chain(self) -> Hashable | None:
        """The key that the jobs of one principal have in common."""

    @property
    def follows(self) -> Collection[Hashable]:
        """The chains whose earlier jobs must all be done before it is sent."""

    @property
    def lane(self) -> str:
        """Jobs of a lane are sent in batches of their own, in sequence."""

    @property
    def is_later(self) -> bool:
        """Whether it may take a seat that an earlier stage has freed."""

    @property
    def awaited(self) -> tuple:
        """What must show before it is sent."""


@dataclass(frozen=True, slots=True)
class Line:
    """The functions that access the service. send carries out some jobs in one batch of at most size operations, and returns a result for each.

    pause waits for some seconds, and returns whether the run goes on; stop ends all waiting.
    max_wait is for how many seconds a job that takes a freed seat is sent again.
    look returns by place which waiting jobs may be sent and which failed; it is called for at most wait_timeout seconds of the run.
    """

    send: Callable[[Sequence[Any]], list[Written]]
    pause: Callable[[float], bool]
    stop: Callable[[], None]
    size: int
    max_wait: float
    look: Callable[[Sequence[Any]], Mapping[int, Written | None]] = lambda jobs: {}
    wait_timeout: float = 0.0


class Engine:
    """Sends jobs. ended is why no more jobs are sent, None while they are."""

    def __init__(self, line: Line, concurrency: int, on_error: str, has_report: bool = False) -> None:
        """has_report says that an interrupted run can be resumed."""
        self._line, self._concurrency, self._on_error, self._has_report = line, concurrency, on_error, has_report
        self._full: set[str] = set()
        self._refused: dict[str, set[str]] = {}
        self._written: set[str] = set()
        self._broken: set[Hashable] = set()
        self._patience = line.wait_timeout
        self._lock = threading.Lock()
        self.ended: LicensingError | None = None

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Any, Written | None]]:
        """Yield each job with its result, as answers arrive; None for one that was not sent, as the run or its chain has ended. A signal ends the run."""
        before = {sign: signal.signal(sign, self._interrupt) for sign in _SIGNALS}
        stages: dict[int, list[Job]] = {}
        for job in jobs:
            stages.setdefault(job.stage, []).append(job)
        try:
            with ThreadPoolExecutor(self._concurrency) as pool:
                for number in sorted(stages):
                    for job, result in self._stage(pool, stages.pop(number)):
                        if job.chain is not None and (result is None or result.error is not None or result.is_waiting):
                            self._broken.add(job.chain)
                        yield job, result
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def _stage(self, pool: ThreadPoolExecutor, jobs: list[Job]) -> Iterator[tuple[Any, Written | None]]:
        """Send the jobs of one stage, each once what it waits for shows."""
        ready, broken = jobs, []
        if self._broken:
            ready = [job for job in jobs if self._broken.isdisjoint(job.follows)]
            broken = [job for job in jobs if not self._broken.isdisjoint(job.follows)]
        yield from ((job, None) for job in broken)
        awaiting = [job for job in ready if job.awaited]
        if awaiting:
            shown: list[Job] = []
            for job, result in self._await(awaiting):
                if result is None:
                    shown.append(job)
                else:
                    yield job, result
            ready = [job for job in ready if not job.awaited] + shown
        yield from self._sent(pool, ready)

    def _await(self, jobs: list[Job]) -> Iterator[tuple[Any, Written | None]]:
        """Yield jobs with None once what they wait for shows, else with their result. All are read together."""
        seconds = 1.0
        while jobs and self.ended is None:
            try:
                found = self._line.look(jobs)
            except LicensingError:  # what could not be read does not show
                found = {}
            yield from ((jobs[place], result) for place, result in found.items())
            jobs = [job for place, job in enumerate(jobs) if place not in found]
            if not jobs or seconds > self._patience or not self._line.pause(seconds):
                break
            self._patience -= seconds
            seconds = min(seconds * 1.5, _LONGEST)
        yield from ((job, Written(is_waiting=True)) for job in jobs)

    def _sent(self, pool: ThreadPoolExecutor, jobs: list[Job]) -> Iterator[tuple[Any, Written | None]]:
        """Yield jobs as they are answered. Graph's counters lag behind a freed seat, so a job without a seat is sent again for a while."""
        waited, seconds = 0.0, 1.0
        while jobs:
            self._full.clear()
            may_wait = waited + seconds <= self._line.max_wait and self.ended is None
            again: list[tuple[Any, Written]] = []
            for job, result in self._answered(pool, jobs):
                if may_wait and job.is_later and result is not None and not result.done and _lacks_seat(result):
                    again.append((job, result))
                else:
                    yield job, result
            if again and not self._line.pause(seconds):
                yield from again
                return
            jobs = [job for job, dummy in again]
            waited, seconds = waited + seconds, seconds * 2

    def _answered(self, pool: ThreadPoolExecutor, jobs: list[Job]) -> Iterator[tuple[Any, Written | None]]:
        """Send jobs in batches, in parallel; those of a lane in sequence."""
        lanes: dict[str, list[Job]] = {}
        for job in jobs:
            lanes.setdefault(job.lane, []).append(job)
        waiting = deque((lane, batches_of(listed, self._line.size)) for lane, listed in lanes.items())
        sent: dict[Future, tuple[str, Iterator, list[Job]]] = {}
        while waiting or sent:
            while waiting and len(sent) < 2 * self._concurrency:
                lane, batches = waiting.popleft()
                for batch in islice(batches, 1):
                    sent[pool.submit(self._send_batch, batch)] = lane, batches, batch
                    if not lane:
                        waiting.appendleft((lane, batches))
            done = wait(sent, return_when=FIRST_COMPLETED).done
            for future in [one for one in sent if one in done]:
                lane, batches, batch = sent.pop(future)
                if lane:
                    waiting.append((lane, batches))
                yield from zip(batch, future.result())

    def end(self, reason: str) -> None:
        """Send nothing more."""
        self.ended = self.ended or LicensingError(reason)

    def failed(self, job: Job, result: Written, catalog: Catalog) -> tuple[Problem, ...]:
        """Record a job that failed, and return why. Where no seat is left, jobs of this stage that need one are not sent."""
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
        """Send one batch, without jobs for whose SKU no seat is left."""
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
        """End the run if the answer for one principal applies to all, before another batch is sent."""
        kinds = [type(operation).__name__ for operation in job.operations]
        with self._lock:
            self._written |= set(kinds[: len(result.done)])
            if isinstance(result.error, OptionError):  # a file that was writable is not any more
                self.end(result.error.message)
            elif isinstance(result.error, (AuthenticationError, SignInUnavailableError)):
                self.end("stopped, as the task can no longer sign in to Graph")
            if isinstance(result.error, GraphError) and result.error.status == 403:
                self._count_refused(kinds[min(len(result.done), len(kinds) - 1)], job)

    def _count_refused(self, kind: str, job: Job) -> None:
        """A 403 is about the object (graph-contract 12, no. 1), unless the first writes of a kind, to different objects, all get it."""
        refused = self._refused.setdefault(kind, set())
        refused.add(job.lane or job.name.lower())  # a lane is one object
        if len(refused) >= _REFUSED and kind not in self._written:
            self.end(f"stopped, as Graph forbade the first {len(refused)} writes of this kind, each to another object")

    def _interrupt(self, *dummy: Any) -> None:
        more = ", and in the file of report_path; set resume: true to resume the run" if self._has_report else ""
        self.ended = LicensingError(f"interrupted; what was done is in results{more}")
        self._line.stop()


def _lacks_seat(result: Written) -> bool:
    return result.error is not None and explained(result.error, Catalog())[0].code == "no_seats"


def batches_of(jobs: Iterable[Job], size: int) -> Iterator[list[Job]]:
    """Jobs in lists of as many operations as a batch holds, in their order; a job is never split."""
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
