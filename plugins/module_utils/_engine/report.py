# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a long run: a line of JSON for each finished principal, from which an interrupted run can be resumed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable
from typing import Any, TextIO

from .._errors import OptionError
from .._files import appended, check_writable, exists, read_regular

_DONE = ("changed", "unchanged")


class RunReport:
    """Writes lines as results arrive. Without a path, or in check mode (is_dry), nothing is written."""

    def __init__(self, path: str | None, is_dry: bool, is_resumed: bool) -> None:
        """Raises OptionError for a path that cannot be written, before anything is sent."""
        self._path, self.is_dry, self._is_resumed = path, is_dry, is_resumed
        self._done: set[tuple[str, str]] = set()
        self._file: TextIO | None = None
        if is_resumed and not path:
            raise OptionError("resume is true, but report_path is missing; give the report of the run to resume")
        if path:
            check_writable(path, "report_path")

    def begin(self, tenant_id: str | None, entries: Any) -> None:
        """Begin a new file, or resume from the old one. Raises OptionError for one of another tenant or of other entries, and while another run writes it."""
        if not self._path:
            return
        head = {"tenant": tenant_id, "entries": digest(entries)}
        if not self.is_dry:
            self._file = appended(self._path, "report_path")
        whole = self._take_up(self._text(), head)
        if self._file is not None:
            self._file.truncate(whole)  # removes an incomplete last line
            if not whole:
                self._write(head)

    def close(self) -> None:
        """Close the file, so that another run can write it."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk was reported when the line was written
                self._file.close()

    def is_done(self, principal: str, entry: Any) -> bool:
        """Whether the run that is resumed has done this entry."""
        return bool(self._done) and (principal, digest(entry)) in self._done

    def add(self, principal: str, entry: Any, outcome: str, changes: list[dict], request_id: str | None, message: str | None) -> None:
        """Add the line of one principal, which is done or has failed."""
        if self._file is None:
            return
        said = {"message": message} if message else {}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._write({"time": now, "principal": principal, "entry": digest(entry), "outcome": outcome, "changes": changes, "request_id": request_id, **said})

    def _write(self, line: dict) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")

    def _text(self) -> str:
        """Return the content of the file. Raises OptionError for content that is not text."""
        if not self._path or not exists(self._path, "report_path"):
            return ""
        try:
            return read_regular(self._path, "report_path").decode("utf-8")
        except UnicodeDecodeError:
            raise self._no_report() from None

    def _take_up(self, text: str, head: dict) -> int:
        """Read what an earlier run has done, if it is resumed. Return the length in bytes of the complete lines to keep.

        Raises OptionError for a file that is not a report, which would be overwritten.
        """
        if not text:
            return 0
        if not self._is_resumed:
            self._head(text.split("\n", 1)[0], head)
            return 0
        lines = self._checked(text, head)
        self._done = {(line["principal"], line["entry"]) for line in lines if line.get("outcome") in _DONE}
        return len(text[: text.rfind("\n") + 1].encode())

    def _checked(self, text: str, head: dict) -> list[dict]:
        """Return the lines after the head; the last one may be incomplete. Raises OptionError for a file that is not of this module, tenant and entries."""
        first, *rest = text[: max(text.rfind("\n"), 0)].split("\n")
        found = self._head(first, head)
        try:
            lines = [json.loads(line) for line in rest]
        except (ValueError, RecursionError):
            raise self._no_report() from None
        if not all(isinstance(line, dict) and all(isinstance(line.get(name), str) for name in ("principal", "entry")) for line in lines):
            raise self._no_report()
        for name, what in (("tenant", "another tenant"), ("entries", "other entries")):
            if found[name] != head[name]:
                raise OptionError(f"report_path: {self._path} is of {what}, so this run cannot be resumed from it; give another path, or resume: false")
        return lines

    def _head(self, line: str, head: dict) -> dict:
        """Return the first line of a report. Raises OptionError for any other line."""
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise self._no_report() from None
        if not isinstance(found, dict) or found.keys() != head.keys():
            raise self._no_report()
        return found

    def _no_report(self) -> OptionError:
        lost = "" if self._is_resumed else ", and would be overwritten"
        return OptionError(f"report_path: {self._path} is not a report of this module{lost}; give another path")


def digest(value: Any) -> str:
    """Return the digest of a value: equal values have the same."""
    return digest_of_all([value])


def digest_of_all(values: Iterable[Any]) -> str:
    """Return the digest of values, which are read one by one, as there may be many."""
    found = hashlib.sha256()
    for value in values:
        found.update(json.dumps(value, sort_keys=True).encode())
    return found.hexdigest()[:16]
