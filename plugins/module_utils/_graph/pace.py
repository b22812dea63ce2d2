# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast to send: pure policy with an injected clock. What is published (graph-contract 6) is corrected by what the service says."""

from __future__ import annotations

from collections.abc import Callable

WRITES, WRITE_SECONDS = 3000.0, 150.0  # of an application in a tenant
UNITS, UNIT_SECONDS = 3500.0, 10.0  # of the smallest tenants, as nobody says how large one is
_MARGIN = 0.99  # what was spent here a moment ago, the service spends a moment later
_CROWDED = 0.95  # from this part of the limit on, tasks that do not know of each other make room
_SLOWEST = 0.02  # of the published rate
_GLANCE = 1.0  # seconds after which a wait is looked at anew


class Bucket:
    """So many tokens in so many seconds, that come back evenly. Nothing is taken before there is enough.

    Where the service says that its limit is nearly spent, tokens come back the slower the less is left: several tasks then reach equal parts.
    """

    def __init__(self, limit: float, seconds: float, clock: Callable[[], float]) -> None:
        self._limit, self._seconds, self._clock = limit * _MARGIN, seconds, clock
        self._spent, self._since, self._closed_until = 0.0, clock(), 0.0
        self._part, self._heard = 0.0, clock()

    def wait(self, amount: float) -> float:
        """Seconds until it is worth to ask again for an amount; at zero it is taken. An amount over the limit waits for an empty bucket."""
        now = self._refill()
        if self._closed_until > now:
            return self._closed_until - now
        missing = self._spent + min(amount, self._limit) - self._limit
        if missing > 0:
            return min(missing / self._rate(now), _GLANCE)
        self._spent += amount
        return 0.0

    def learn(self, part: float) -> None:
        """The service says which part of the limit is spent, by everybody."""
        self._part, self._heard = part, self._refill()
        self._spent = max(self._spent, min(part, 1.0) * self._limit)

    def close(self, seconds: float) -> None:
        """The service turns requests away for some seconds: until then nothing more is to be sent."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    def _rate(self, now: float) -> float:
        """Tokens a second: the published rate, less where the limit is nearly spent, as far as was heard and time has passed since."""
        part = self._part - (now - self._heard) / self._seconds
        share = min(1.0, max(_SLOWEST, (1 - part) / (1 - _CROWDED)))
        return share * self._limit / self._seconds

    def _refill(self) -> float:
        now = self._clock()
        self._spent = max(0.0, self._spent - (now - self._since) * self._rate(now))
        self._since = now
        return now


class Crowd:
    """How many requests may be in flight: from one up to most, one more after each round that went well, half as many after one that did not."""

    def __init__(self, most: int) -> None:
        self.most, self.limit, self._well = most, min(2, most), 0

    def went_well(self) -> None:
        """An answer without trouble."""
        self._well += 1
        if self._well >= self.limit:
            self._well, self.limit = 0, min(self.most, self.limit + 1)

    def had_trouble(self) -> None:
        """The service was busy, or turned something away."""
        self._well, self.limit = 0, max(1, self.limit // 2)
