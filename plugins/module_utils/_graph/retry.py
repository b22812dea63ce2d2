# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether to send a request again, and how long to wait before: pure policy, without clock or random numbers of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

LAG_LIMIT = 60.0  # seconds in which a replica should have seen a write of the same run (graph-contract 3.5)
CONNECT_ATTEMPTS = 4  # no long wait for an address that does not exist
_FLOOR = 0.1
_LEAST = 2.0
_BASE = 0.5
_CAP = 30.0
_LOST = frozenset((502, 503, 504))


def is_throttled(status: int, error_text: str) -> bool:
    """Whether the service rejected the request for now: throttling, or a concurrent write (graph-contract E21, E22)."""
    return status == 429 or (status == 409 and "concurren" in error_text.lower())


def is_lost(status: int) -> bool:
    """Whether a gateway gave up, so that it is not known if the request was carried out (graph-contract E23)."""
    return status in _LOST


def is_retriable(status: int, error_text: str) -> bool:
    """Whether the same request may succeed later (graph-contract 4.2)."""
    return is_throttled(status, error_text) or is_lost(status)


def delay(attempt: int, retry_after: float | None, jitter: Callable[[], float]) -> float:
    """Return the seconds to wait before the next attempt; attempt counts those made. retry_after takes precedence."""
    if retry_after is not None:
        return max(retry_after, min(_FLOOR * 2 ** min(attempt - 1, 10), _LEAST))  # a pause also for 0
    return min(_CAP, _BASE * 2 ** min(attempt - 1, 10)) * (0.5 + jitter() / 2)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of Retry-After, a number or a date (RFC 9110, 10.2.3); None where it is missing or neither.

    A date is compared with the service's own clock where the answer has a date, else with now, in seconds since the epoch.
    """
    named = {name.lower(): value for name, value in headers.items()}
    header = named.get("retry-after")
    seconds, until = number(header), _seconds_of(header)
    if seconds is not None or until is None:
        return seconds
    since = _seconds_of(named.get("date"))
    return max(0.0, until - (now if since is None else since))


def _seconds_of(header: str | None) -> float | None:
    """A date of HTTP in seconds since the epoch."""
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except (ValueError, TypeError, OverflowError):
        return None


def number(header: str | None) -> float | None:
    """A header as a number that is not negative, which may be fractional (graph-contract E22); None when it is absent or something else."""
    try:
        value = float(header) if header is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None
