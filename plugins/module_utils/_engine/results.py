# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of each entry of a list, as results: counted, filtered as the task asks, in the order given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .._errors import Problem
from .._licensing.show.problems import failure_of

_SHOWN = {"all": ("changed", "unchanged", "skipped", "waiting", "failed"), "changed": ("changed", "waiting", "failed"), "failed": ("failed",), "none": ()}
_LISTED = 10  # errors and names in the lines
_FIRST = 3  # failures that the message of the task quotes


class ResultList:
    """Rows by entry, of the outcomes that are shown, and counts of all. A failed row is marked so, also when it was partly done."""

    def __init__(self, shown: str, *more: str) -> None:
        """more are outcomes that this list can have in addition to the usual ones."""
        self._shown, self.more = _SHOWN[shown], more
        self._rows: dict[int, dict] = {}
        self.counts: Counter = Counter()
        self.is_changed = False
        self._diffs: dict[int, dict] = {}
        self._changed: list[str] = []
        self.is_retriable = False  # whether an entry failed for a reason that may pass
        self._reasons: Counter = Counter()
        self._codes: Counter = Counter()
        self._failures: dict[str, list] = {}  # message: the first entry with it, and how many have it

    def add(self, index: int, who: dict[str, str], outcome: str, changes: list[dict], findings: list[dict], problems: Sequence[Problem] = ()) -> None:
        """Add the outcome of an entry, its changes, findings and problems."""
        self.counts[outcome] += 1
        has_changed = bool(changes) and outcome != "skipped"
        self.is_changed = self.is_changed or has_changed
        if outcome == "changed" and len(self._changed) < _LISTED:
            self._changed.append(str(next(iter(who.values()))))
        said = failure_of(problems) if problems else {}
        self.is_retriable = self.is_retriable or (outcome == "failed" and any(one.retriable for one in problems))
        if outcome == "skipped" and who.get("reason"):
            self._reasons[who["reason"]] += 1
        if outcome == "failed":
            self._codes.update({one.code for one in problems if one.is_error})
        if said:
            first = self._failures.setdefault(said["msg"], [str(next(iter(who.values()))), 0])
            first[1] += 1
        if outcome in self._shown:
            is_failed = outcome == "failed"
            base = {**who, "outcome": outcome, "changed": has_changed, "failed": is_failed}
            self._rows[index] = {**base, "changes": changes, "findings": findings, **said}

    def show(self, index: int, diff: dict) -> None:
        """Add the diff of one entry."""
        self._diffs[index] = diff

    def lines(self, noun: str, is_dry: bool, seats: str = "") -> list[str]:
        """Return the outcome of the entries as lines: the counts with the text about seats, then the errors, each once, the most frequent first.

        The names of changed entries follow, unless a diff shows them, and why others were skipped.
        """
        total, waiting = sum(self.counts.values()), self.counts["waiting"]
        said = [f"{self.counts['changed']} {'to change' if is_dry else 'changed'}", f"{self.counts['unchanged']} unchanged"]
        said += [f"{self.counts['skipped']} skipped"] if self.counts["skipped"] else []
        said += [f"{waiting} waiting for Graph, the next run continues"] if waiting else []
        said += [f"{self.counts['failed']} with {'an error' if self.counts['failed'] == 1 else 'errors'}"] if self.counts["failed"] else []
        named, left = self._quoted(_LISTED, sorted(self._failures.items(), key=lambda one: -one[1][1]))
        more = self.counts["changed"] - len(self._changed)
        changed = f"{'to change' if is_dry else 'changed'}: {', '.join(self._changed)}{f' and {more} more' if more > 0 else ''}"
        skipped = [f"skipped, as {reason}: {count}" for reason, count in self._reasons.most_common(_FIRST)]
        counts = f"{total} {noun if total != 1 else noun[:-1]}: {', '.join(said)}{seats}"
        errors = [*named, *([f"and {left} more, see results"] if left else [])]
        return [counts, *errors, *([changed] if self._changed and not self._diffs else []), *skipped]

    def summary(self) -> dict[str, int]:
        """How many entries there are of each outcome."""
        counts = {name: self.counts[name] for name in ("changed", "unchanged", "failed", "skipped", *self.more)}
        return {"total": sum(counts.values()), **counts}

    def stats(self) -> dict[str, object]:
        """Return the summary, and the number of entries by error code."""
        return {**self.summary(), "errors": dict(sorted(self._codes.items()))}

    def rows(self) -> list[dict]:
        """The rows in the order of the entries."""
        return [self._rows[index] for index in sorted(self._rows)]

    def diffs(self) -> list[dict]:
        """The differences in the order of the entries, each under the name of its principal, as Ansible shows them one by one."""
        return [self._diffs[index] for index in sorted(self._diffs)]

    def message(self) -> str:
        """Return the message of the task when entries failed: the first few messages, each once, with how many have it."""
        quoted, left = self._quoted(_FIRST, list(self._failures.items()))
        return f"{self.counted()}: " + "; ".join(quoted) + (f"; and {left} more" if left else "")

    def _quoted(self, most: int, failures: Sequence[tuple[str, list]]) -> tuple[list[str], int]:
        """The first few failures, each once with how many entries have it, and how many entries have others."""
        named = [f"{who}{f' and {count - 1} more' if count > 1 else ''}: {text}" for text, (who, count) in failures[:most]]
        return named, sum(count for dummy, (who, count) in failures[most:])

    def counted(self) -> str:
        """How many entries failed."""
        return f"{self.counts['failed']} of {sum(self.counts.values())} failed"
