# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a long run, in a file that the action plugin of a module reads and displays."""

from __future__ import annotations

import contextlib
import os
import time

VARIABLE = "M365_LICENSING_PROGRESS"  # of the environment: the file
_PAUSE = 1.0  # seconds between two lines


class ProgressFile:
    """The last line of the file is the progress of the run. Without a file, nothing is written; errors of writing are ignored."""

    def __init__(self, path: str | None, clock=time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._last: float | None = None
        self._began = clock()

    def reading(self) -> None:
        """Report that the tenant is being read, and all planned."""
        self._say("reading the tenant, and planning", is_forced=True)

    def read(self, done: int, total: int) -> None:
        """Report how many users are read, of all."""
        self._say(f"{done:,} of {total:,} users read", is_forced=done == total)

    def written(self, done: int, total: int, errors: int) -> None:
        """Report how many changes are written, of all."""
        if done == 0:
            self._began = self._clock()
        spent = self._clock() - self._began
        left = f", about {_duration(spent / done * (total - done))} left" if done and done < total else ""
        failed = f", {errors} {'error' if errors == 1 else 'errors'}" if errors else ""
        self._say(f"{done:,} of {total:,} changes written{failed}{left}", is_forced=done in (0, total))

    def _say(self, text: str, is_forced: bool) -> None:
        now = self._clock()
        if not self._path or (not is_forced and self._last is not None and now - self._last < _PAUSE):
            return
        self._last = now
        with contextlib.suppress(OSError):
            number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)  # the action plugin has created it
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(f"{text}\n")


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min" if seconds >= 60 else f"{max(1, round(seconds))} s"
