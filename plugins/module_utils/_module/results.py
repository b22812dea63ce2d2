# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each entry of a list, as results: counted, filtered as the task wants it, in the order given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .._errors import Problem
from .._licensing.show.problems import failure_of

_SHOWN = {"all": ("changed", "unchanged", "skipped", "failed"), "changed": ("changed", "failed"), "failed": ("failed",), "none": ()}
_FIRST = 3  # failures that the message of the task quotes


class ResultList:
    """Rows by entry, of those outcomes that are shown, and counts of all. A row that failed says so, also when something of it was done."""

    def __init__(self, shown: str) -> None:
        self._shown = _SHOWN[shown]
        self._rows: dict[int, dict] = {}
        self.counts: Counter = Counter()
        self.is_changed = False
        self._diffs: dict[int, dict] = {}
        self._failures: dict[str, list] = {}  # message: who has it first, and how many have it

    def add(self, index: int, who: dict[str, str], outcome: str, changes: list[dict], findings: list[dict], problems: Sequence[Problem] = ()) -> None:
        """What became of an entry, which says who, and why."""
        self.counts[outcome] += 1
        self.is_changed = self.is_changed or (bool(changes) and outcome != "skipped")
        said = failure_of(problems) if problems else {}
        if said:
            first = self._failures.setdefault(said["msg"], [str(next(iter(who.values()))), 0])
            first[1] += 1
        if outcome in self._shown:
            is_failed = outcome == "failed"
            base = {**who, "outcome": outcome, "changed": bool(changes) and outcome != "skipped", "failed": is_failed}
            self._rows[index] = {**base, "changes": changes, "findings": findings, **said}

    def show(self, index: int, diff: dict) -> None:
        """Adds the difference of one entry."""
        self._diffs[index] = diff

    def rows(self) -> list[dict]:
        """The rows in the order of the entries."""
        return [self._rows[index] for index in sorted(self._rows)]

    def diffs(self) -> list[dict]:
        """The differences in the order of the entries, each under the name of its principal, as Ansible shows them one by one."""
        return [self._diffs[index] for index in sorted(self._diffs)]

    def message(self) -> str:
        """What the task says when entries failed: the first few messages, each once, with how many have it."""
        failed, total = self.counts["failed"], sum(self.counts.values())
        first = list(self._failures.items())[:_FIRST]
        quoted = [f"{who}{f' and {count - 1} more' if count > 1 else ''}: {text}" for text, (who, count) in first]
        left = failed - sum(count for dummy, (who, count) in first)
        return f"{failed} of {total} failed: " + "; ".join(quoted) + (f"; and {left} more" if left else "")
