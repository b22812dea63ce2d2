# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast to send: pure policy with an injected clock. Published limits (graph-contract 6) are corrected by what the service reports."""

from __future__ import annotations

from collections.abc import Callable

WRITES, WRITE_SECONDS = 3000.0, 150.0  # of an application in a tenant
UNITS, UNIT_SECONDS = 3500.0, 10.0  # of the smallest tenants, as the size of a tenant is not known
_MARGIN = 0.99  # the service counts requests a moment later
_CROWDED = 0.95  # from this part of the limit on, tasks that do not know of each other slow down
_SLOWEST = 0.02  # of the published rate
_GLANCE = 1.0  # seconds after which a wait is calculated again


class Bucket:
    """A token bucket: so many tokens in so many seconds, refilled evenly. Nothing is taken before there is enough.

    Where the service reports that its limit is nearly spent, the refill slows down: several tasks then reach equal parts.
    """

    def __init__(self, limit: float, seconds: float, clock: Callable[[], float]) -> None:
        self._limit, self._seconds, self._clock = limit * _MARGIN, seconds, clock
        self._spent, self._since, self._closed_until = 0.0, clock(), 0.0
        self._part, self._heard = 0.0, clock()

    def wait(self, amount: float) -> float:
        """Return the seconds until to ask again for an amount; at zero it is taken. An amount over the limit waits until nothing is spent."""
        now = self._refill()
        if self._closed_until > now:
            return self._closed_until - now
        missing = self._spent + min(amount, self._limit) - self._limit
        if missing > 0:
            return min(missing / self._rate(now), _GLANCE)
        self._spent += amount
        return 0.0

    def learn(self, part: float) -> None:
        """Record which part of the limit is spent by all tasks, as the service reports it."""
        self._part, self._heard = part, self._refill()
        self._spent = max(self._spent, min(part, 1.0) * self._limit)

    def close(self, seconds: float) -> None:
        """Allow nothing for some seconds, as the service rejects requests."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    def _rate(self, now: float) -> float:
        """Return tokens per second: the published rate, reduced where the limit is nearly spent, by the last report and the time since."""
        part = self._part - (now - self._heard) / self._seconds
        share = min(1.0, max(_SLOWEST, (1 - part) / (1 - _CROWDED)))
        return share * self._limit / self._seconds

    def _refill(self) -> float:
        now = self._clock()
        self._spent = max(0.0, self._spent - (now - self._since) * self._rate(now))
        self._since = now
        return now


class Crowd:
    """How many requests may be in flight, from one to most: one more after each round without trouble, half as many after trouble."""

    def __init__(self, most: int) -> None:
        self.most, self.limit, self._well = most, min(2, most), 0

    def went_well(self) -> None:
        """Record an answer without trouble."""
        self._well += 1
        if self._well >= self.limit:
            self._well, self.limit = 0, min(self.most, self.limit + 1)

    def had_trouble(self) -> None:
        """Record that the service was busy, or rejected a request."""
        self._well, self.limit = 0, max(1, self.limit // 2)
