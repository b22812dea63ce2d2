# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pace of requests against the sandbox's own quota, on a clock that only waiting moves."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import TransportError
from ansible_collections.m365.licensing.plugins.module_utils._graph.flow import Flow
from ansible_collections.m365.licensing.plugins.module_utils._graph.pace import Crowd
from hypothesis import given
from hypothesis import strategies as st
from sandbox_tenant.faults import SimulatedFaults
from sandbox_tenant.quota import Quota

LIMIT, SECONDS = 3000, 150.0
RULES = SimulatedFaults(writes=LIMIT, write_seconds=SECONDS)


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


class Service:
    """The sandbox's quota, on that clock."""

    def __init__(self, clock: Clock) -> None:
        self.quota, self.sent, self.refused = Quota(clock), 0, 0

    def batch(self, flow: Flow, size: int) -> int:
        """Sends a batch of writes. How many were carried out."""
        with flow.sending(size, size):
            answers = []
            for dummy in range(size):
                wait, headers = self.quota.ask("app", "POST", 1.0, RULES)
                self.sent += 1
                self.refused += wait > 0
                answers.append((True, 429 if wait else 200, headers))
        flow.learn(answers)
        return sum(status == 200 for dummy, status, dummy_too in answers)


def carry_out(service: Service, flows: list[Flow], clock: Clock, total: int) -> None:
    done, turn = 0, 0
    while done < total:
        done += service.batch(flows[turn % len(flows)], min(20, total - done))
        clock.sleep(0.01)
        turn += 1


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_ten_thousand_writes_take_what_the_quota_takes(processes):
    """Each of several tasks has its part of the quota; of one more that knows nothing of them, the next test speaks."""
    clock = Clock()
    service = Service(clock)
    carry_out(service, [Flow(4, LIMIT / processes, clock, clock.sleep) for dummy in range(processes)], clock, 10_000)
    assert clock.now <= 1.05 * (10_000 - LIMIT) * SECONDS / LIMIT
    assert service.refused < 0.01 * service.sent


def test_tasks_that_do_not_know_of_each_other_heed_what_the_service_says():
    clock = Clock()
    service = Service(clock)
    carry_out(service, [Flow(4, LIMIT, clock, clock.sleep) for dummy in range(3)], clock, 10_000)
    assert clock.now <= 1.05 * (10_000 - LIMIT) * SECONDS / LIMIT
    assert service.refused < 0.01 * service.sent


def test_a_retry_after_closes_the_door_for_everybody():
    clock = Clock()
    flow = Flow(4, LIMIT, clock, clock.sleep)
    flow.learn([(True, 429, {"Retry-After": "7.5"})])
    with flow.sending(1, 1):
        assert clock.now >= 7.5
    assert flow.seconds_throttled >= 7.5
    with flow.sending(0, 1):
        pass


def test_reads_do_not_wait_for_writes():
    clock = Clock()
    flow = Flow(4, LIMIT, clock, clock.sleep)
    flow.learn([(True, 429, {"Retry-After": "60"})])
    with flow.sending(0, 1):
        assert clock.now == 0


@given(st.integers(1, 16), st.lists(st.booleans(), max_size=200))
def test_the_crowd_stays_between_one_and_most(most, answers):
    crowd = Crowd(most)
    for went_well in answers:
        crowd.went_well() if went_well else crowd.had_trouble()
        assert 1 <= crowd.limit <= most
    for dummy in range(most * most + 2):
        crowd.went_well()
    assert crowd.limit == most


def test_no_more_are_in_flight_than_may_be():
    flow = Flow(2)
    inside, most = [0], [0]
    lock = threading.Lock()

    def send() -> None:
        for dummy in range(50):
            with flow.sending(0, 0):
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=send) for dummy in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most[0] <= 2
    assert flow.requests == 300


def test_what_is_stopped_sends_nothing_more():
    flow = Flow(2)
    flow.stop()
    with pytest.raises(TransportError, match="interrupted"), flow.sending(1, 1):
        pass
