# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine without a tenant: stages in their order, batches of a size, and when a run ends."""

from __future__ import annotations

import itertools
import os
import signal
from dataclasses import dataclass

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._engine.run import Engine, Line, batches_of
from ansible_collections.m365.licensing.plugins.module_utils._engine.task import Progress
from ansible_collections.m365.licensing.plugins.module_utils._errors import AuthenticationError, GraphError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import SetUsageLocation, Written
from hypothesis import given
from hypothesis import strategies as st
from support.values import user


@dataclass(frozen=True)
class Job:
    name: str
    stage: int = 0
    size: int = 1
    new_sku_ids: frozenset[str] = frozenset()
    chain: str | None = None
    follows: tuple = ()
    lane: str = ""
    awaited: tuple = ()

    @property
    def is_later(self) -> bool:
        return self.stage > 0

    @property
    def operations(self) -> tuple:
        return (SetUsageLocation(user(name=self.name), "DE"),) * self.size


class Service:
    """Answers each job as it was told, and remembers the batches."""

    def __init__(self, **answers) -> None:
        self.answers, self.batches, self.is_stopped, self.pauses = answers, [], False, []
        self.times: dict[str, int] = {}

    def send(self, jobs) -> list[Written]:
        self.batches.append([job.name for job in jobs])
        return [Written(error=self.answers[job.name]) if self._fails(job.name) else Written(done=list(job.operations)) for job in jobs]

    def _fails(self, name: str) -> bool:
        """Whether an answer is an error; with times, only so often."""
        left = self.times.get(name, 10**9)
        self.times[name] = left - 1
        return name in self.answers and left > 0

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return not self.is_stopped

    def stop(self) -> None:
        self.is_stopped = True


def run(service: Service, jobs: list[Job], size: int = 20, on_error: str = "continue", max_wait: float = 0) -> tuple[Engine, dict[str, str]]:
    """The engine, and what became of each job; on one connection, so that the order is that of the list."""
    engine = Engine(Line(service.send, service.pause, service.stop, size, max_wait), 1, on_error)
    outcomes = {}
    for job, result in engine.run(jobs):
        outcomes[job.name] = "not sent" if result is None else "failed" if result.error else "done"
        if result is not None and result.error:
            engine.failed(job, result, Catalog())
    return engine, outcomes


def forbidden() -> GraphError:
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges", "r")


def no_seat() -> GraphError:
    return GraphError(400, "Request_BadRequest", "Subscription with SKU x does not have any available licenses.", "r")


def test_stages_are_sent_one_after_the_other():
    service = Service()
    run(service, [Job("a", 1), Job("b", 0), Job("c", 2), Job("d", 0)])
    assert service.batches == [["b", "d"], ["a"], ["c"]]


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(5, 20))
def test_a_batch_holds_no_more_than_its_size_and_no_job_is_lost(sizes, size):
    jobs = [Job(str(number), size=count) for number, count in enumerate(sizes)]
    batches = list(batches_of(jobs, size))
    assert [job for batch in batches for job in batch] == jobs
    assert all(sum(job.size for job in batch) <= size for batch in batches)
    assert all(sum(job.size for job in one) + other[0].size > size for one, other in itertools.pairwise(batches))


def test_what_one_object_is_refused_stops_no_other():
    engine, outcomes = run(Service(a=forbidden()), [Job("a"), Job("b")])
    assert outcomes == {"a": "failed", "b": "done"}
    assert engine.ended is None


def test_what_the_first_twenty_objects_are_refused_ends_the_run():
    names = [f"u{number}" for number in range(30)]
    engine, outcomes = run(Service(**{name: forbidden() for name in names}), [Job(name) for name in names], size=10)
    assert "forbade the first 20 writes" in engine.ended.message
    assert list(outcomes.values()) == ["failed"] * 20 + ["not sent"] * 10


def test_one_success_among_twenty_does_not_end_it():
    names = [f"u{number}" for number in range(30)]
    engine, outcomes = run(Service(**{name: forbidden() for name in names[1:]}), [Job(name) for name in names], size=10)
    assert engine.ended is None
    assert list(outcomes.values()).count("not sent") == 0


def test_a_token_that_is_not_accepted_ends_the_run():
    engine, outcomes = run(Service(b=AuthenticationError("no token")), [Job("a"), Job("b"), Job("c")], size=1)
    assert outcomes == {"a": "done", "b": "failed", "c": "not sent"}
    assert "can no longer sign in to Graph" in engine.ended.message


@pytest.mark.parametrize(("on_error", "last"), [("continue", "done"), ("stop", "not sent")])
def test_on_error(on_error, last):
    dummy, outcomes = run(Service(a=no_seat()), [Job("a", 0), Job("b", 1)], on_error=on_error)
    assert outcomes == {"a": "failed", "b": last}


def test_where_no_seat_is_left_no_other_job_of_the_stage_is_sent():
    takes = frozenset({"x"})
    service = Service(a=no_seat())
    dummy, outcomes = run(service, [Job("a", new_sku_ids=takes), Job("b", new_sku_ids=takes), Job("c"), Job("d", 1, new_sku_ids=takes)], size=1)
    assert outcomes == {"a": "failed", "b": "failed", "c": "done", "d": "done"}, "a later stage has the seats that this one frees"
    assert service.batches == [["a"], ["c"], ["d"]]


def test_a_signal_ends_the_run_and_handlers_come_back():
    service = Service()
    before = signal.getsignal(signal.SIGTERM)
    engine = Engine(Line(service.send, service.pause, service.stop, 1, 0), 1, "continue")
    outcomes = []
    for job, result in engine.run([Job("a", 0), Job("b", 1)]):
        outcomes.append((job.name, result is not None))
        if job.name == "a":
            os.kill(os.getpid(), signal.SIGTERM)
    assert outcomes == [("a", True), ("b", False)]
    assert service.is_stopped
    assert "interrupted" in engine.ended.message
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(("stage", "times", "outcome", "pauses"), [(1, 2, "done", [1, 2]), (1, 9, "failed", [1, 2, 4]), (0, 2, "failed", [])])
def test_a_seat_that_this_run_has_freed_is_asked_for_again(stage, times, outcome, pauses):
    """Graph's counters lag. In the first stage nothing was freed yet, so nothing is asked for again."""
    service = Service(a=no_seat())
    service.times["a"] = times
    dummy, outcomes = run(service, [Job("a", stage, new_sku_ids=frozenset({"x"})), Job("b", stage)], max_wait=10)
    assert outcomes == {"a": outcome, "b": "done"}
    assert service.pauses == pauses


def test_who_waits_for_a_seat_when_the_run_is_stopped_has_the_last_answer():
    service = Service(a=no_seat())
    service.is_stopped = True
    dummy, outcomes = run(service, [Job("a", 1)], max_wait=10)
    assert outcomes == {"a": "failed"}


class Waiting(Service):
    """A service of which something shows only after some looks. refused are jobs for which it never will."""

    def __init__(self, looks: int = 0, refused: tuple[str, ...] = (), is_broken: bool = False) -> None:
        super().__init__()
        self.looks, self.refused, self.is_broken = looks, refused, is_broken

    def look(self, jobs) -> dict:
        self.looks -= 1
        if self.is_broken:
            raise forbidden()
        found = {place: Written(error=no_seat()) for place, job in enumerate(jobs) if job.name in self.refused}
        return found | {place: None for place, job in enumerate(jobs) if self.looks < 0 and place not in found}


def wait(service: Waiting, jobs: list[Job], wait_timeout: float = 60) -> dict[str, list[str]]:
    """What became of the steps of each chain."""
    line = Line(service.send, service.pause, service.stop, 20, 0, service.look, wait_timeout)
    outcomes: dict[str, list[str]] = {}
    for job, result in Engine(line, 2, "continue").run(jobs):
        said = "not sent" if result is None else "waiting" if result.is_waiting else "failed" if result.error else "done"
        outcomes.setdefault(job.chain, []).append(said)
    return outcomes


# title: (service, wait_timeout, what becomes of the two steps of ann)
SHOWN = {
    "at once": (Waiting(), 60, ["done", "done"]),
    "after a while": (Waiting(3), 60, ["done", "done"]),
    "not in time": (Waiting(99), 5, ["done", "waiting"]),
    "never": (Waiting(99, ("ann",)), 60, ["done", "failed"]),
    "it cannot be read": (Waiting(is_broken=True), 5, ["done", "waiting"]),
}


@pytest.mark.parametrize("title", SHOWN)
def test_what_waits_is_sent_once_it_shows(title):
    service, timeout, expected = SHOWN[title]
    jobs = [Job("ann", 0, chain="ann"), Job("ann", 1, chain="ann", follows=("ann",), awaited=("x",)), Job("bob", 1, chain="bob")]
    outcomes = wait(service, jobs, timeout)
    assert outcomes == {"ann": expected, "bob": ["done"]}
    assert sum(service.pauses) <= timeout


def test_what_follows_a_step_that_failed_is_not_sent_and_what_does_not_is():
    service = Service(ann=no_seat())
    service.times = {"ann": 1}
    jobs = [Job("ann", 0, chain="ann"), Job("ann", 1, chain="ann"), Job("ann", 2, chain="ann", follows=("ann",))]
    line = Line(service.send, service.pause, service.stop, 20, 0)
    outcomes = ["not sent" if result is None else "failed" if result.error else "done" for dummy, result in Engine(line, 1, "continue").run(jobs)]
    assert outcomes == ["failed", "done", "not sent"]


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=60), st.integers(1, 4))
def test_a_lane_has_one_batch_in_flight(lanes, concurrency):
    """Batches of a lane never overlap, and are not mixed."""
    flying: dict[str, int] = {}
    most: dict[str, int] = {}

    def send(jobs) -> list[Written]:
        (lane,) = {job.lane for job in jobs}
        flying[lane] = flying.get(lane, 0) + 1
        most[lane] = max(most.get(lane, 0), flying[lane])
        flying[lane] -= 1
        return [Written(done=list(job.operations)) for job in jobs]

    jobs = [Job(f"u{number}", lane=lane) for number, lane in enumerate(lanes)]
    line = Line(send, lambda seconds: True, lambda: None, 5, 0)
    done = [job.name for job, dummy in Engine(line, concurrency, "continue").run(jobs)]
    assert sorted(done) == sorted(job.name for job in jobs)
    assert all(count == 1 for lane, count in most.items() if lane)


def test_what_was_partly_done_when_the_run_ended_has_failed_and_the_task_may_be_run_again():
    partly = Progress(made=["first step"], is_left=True)
    assert (partly.outcome(), [(one.code, one.retriable) for one in partly.problems]) == ("failed", [("ended", True)])
    assert Progress(is_left=True).outcome() == "skipped"
    assert Progress(made=["first step"], is_left=True, is_waiting=True).outcome() == "waiting"
