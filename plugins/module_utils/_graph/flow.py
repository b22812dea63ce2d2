# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all requests of a task share, in all threads: the pace, how many are in flight, and the count of both."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from .._errors import InterruptedRunError, TransportError
from . import retry
from .pace import UNIT_SECONDS, UNITS, WRITE_SECONDS, WRITES, Bucket, Crowd

_TROUBLE = frozenset((409, 429, 503))


class Flow:
    """Admits requests as fast as the service accepts them. most is how many may be in flight, writes the quota of writes in 150 s."""

    def __init__(
        self,
        most: int = 1,
        writes: float = WRITES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        max_wait: float = 300.0,
    ) -> None:
        self._writes, self._units = Bucket(writes, WRITE_SECONDS, clock), Bucket(UNITS, UNIT_SECONDS, clock)
        self._crowd, self._active = Crowd(most), 0
        self._lock = threading.Condition()
        self._max_wait = max_wait
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self.requests = 0
        self.seconds_throttled = 0.0

    @contextlib.contextmanager
    def sending(self, writes: int, units: float) -> Iterator[None]:
        """Hold a place among the requests in flight, once the quota allows so many writes and resource units."""
        with self._lock:
            self._lock.wait_for(lambda: self._active < self._crowd.limit)
            self._active += 1
        try:
            self._take(self._writes, writes)
            self._take(self._units, units)
            self._check()
            self.requests += 1
            yield
        finally:
            with self._lock:
                self._active -= 1
                self._lock.notify_all()

    def _take(self, bucket: Bucket, amount: float) -> None:
        waited = 0.0
        while amount:
            with self._lock:
                seconds = bucket.wait(amount)
            if seconds <= 0:
                return
            waited += seconds
            if waited > self._max_wait:
                raise TransportError(f"Graph's limit allows no more requests within max_wait of {self._max_wait:g} s", retriable=True)
            self.rest(seconds)

    def rest(self, seconds: float) -> None:
        """Wait, and count the seconds as throttled."""
        with self._lock:
            self.seconds_throttled += seconds
        self._sleep(seconds)
        self._check()

    def stop(self) -> None:
        """Send nothing more, and end all waiting."""
        self._stopped.set()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise InterruptedRunError

    def learn(self, answers: Iterable[tuple[bool, int, Mapping]]) -> None:
        """Adjust the pace to answers: for each, whether it was a write, its status, and its headers."""
        is_troubled = False
        with self._lock:
            for is_write, status, headers in answers:
                bucket = self._writes if is_write else self._units
                named = {name.lower(): value for name, value in headers.items()}
                is_troubled = is_troubled or status in _TROUBLE
                part = retry.number(named.get("x-ms-throttle-limit-percentage"))
                if part is not None:
                    bucket.learn(part)
                if status == 429:
                    bucket.learn(1.0)
                    bucket.close(retry.retry_after(named, time.time()) or 0.0)
            if is_troubled:
                self._crowd.had_trouble()
            else:
                self._crowd.went_well()
            self._lock.notify_all()
