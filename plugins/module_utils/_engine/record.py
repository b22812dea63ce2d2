# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in which a run records the licenses of leavers before it removes any. One run at a time; removals are on the disk before they are sent."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TextIO

from .._errors import OptionError
from .._files import appended, check_writable, encoded, exists, read_regular, replaced
from .._licensing.episodes import Episode, LeaverRecord, head_line, record_of

_OPTION = "record_path"


class RecordFile:
    """A record of leavers. In check mode it is read, and checked to be writable."""

    def __init__(self, path: str, may_create: bool, is_dry: bool) -> None:
        """Raises OptionError for a path that cannot be written, and for a file that is missing unless it may be created."""
        self._path, self._is_dry = path, is_dry
        if not may_create and not exists(path, _OPTION):
            raise OptionError(f"{_OPTION}: there is no file {path}; check the path, or set record_missing: create for the first run")
        check_writable(path, _OPTION)
        check_writable(path + ".lock", _OPTION)
        self._lock = threading.Lock()
        self._held: TextIO | None = None
        self._file: TextIO | None = None
        self._size = 0
        self.record = LeaverRecord("")

    def open(self, tenant: str | None) -> LeaverRecord:
        """Read the file, and lock it against other runs until it is closed. Raises OptionError for a damaged file, and one of another tenant.

        Without a tenant, that of the file is used; then the file may only be read.
        """
        if not self._is_dry:
            self._held = appended(self._path, _OPTION, ".lock")
            self._file = appended(self._path, _OPTION)
        content = read_regular(self._path, _OPTION) if exists(self._path, _OPTION) else b""
        whole = content[: content.rfind(b"\n") + 1]
        rest = content.removeprefix(whole)
        is_whole_line = _is_json(rest)
        if rest and not whole and not is_whole_line:
            raise OptionError(f"{_OPTION}: {self._path} is not a record of leavers; give another path")
        text = (content + b"\n" if is_whole_line else whole).decode("utf-8", "replace")
        self.record = record_of(text, tenant, self._path)
        if self._file is not None:
            if is_whole_line:  # an editor took the last line end
                self._file.write("\n")
            else:
                self._file.truncate(len(whole))  # removes an incomplete line
            self._size = len(content) + 1 if is_whole_line else len(whole)
            if not self._size:
                self._append([head_line(tenant or "")])
        return self.record

    def begin(self, episodes: Iterable[Episode]) -> list[Episode]:
        """Record what will be removed: all of it is on the disk when this returns. Return the episodes that were not in the file.

        Raises OptionError when it cannot be written.
        """
        with self._lock:
            listed = [one for one in episodes if not self.record.covers(one)]
            if listed:
                self._append([one.line for one in listed])
                for one in listed:
                    self.record.add(one)
        return listed

    def note(self, episode: Episode) -> None:
        """Record that a user is released or restored. Raises OptionError when it cannot be written."""
        with self._lock:
            self._append([episode.line], is_safe=False)
            self.record.add(episode)

    def now(self) -> str:
        """Return the current time, in the form of the file."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def _append(self, lines: Iterable[dict], is_safe: bool = True) -> None:
        """Writes lines. Raises OptionError when that fails, and when another program has changed the file since."""
        if self._file is None:
            return
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        try:
            self._check_ours()
            self._file.write(text)
            self._file.flush()
            if is_safe:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise OptionError(f"{_OPTION}: cannot write {self._path} any more: {error.strerror}") from None
        self._size += len(text.encode("utf-8", "surrogatepass"))

    def _check_ours(self) -> None:
        number = self._file.fileno() if self._file is not None else -1
        ours, there = os.fstat(number), os.stat(encoded(self._path, _OPTION))
        if (ours.st_ino, ours.st_dev, ours.st_size) != (there.st_ino, there.st_dev, self._size):
            raise OptionError(f"{_OPTION}: another program has changed {self._path} while this run wrote it; check the file before the next run")

    def close(self) -> None:
        """Rewrite the file if it has lines that are no longer needed, and unlock it."""
        try:
            if self._file is not None:
                with contextlib.suppress(OptionError, OSError):  # the lines are there in any case
                    self._compact()
        finally:
            for handle in (self._file, self._held):
                if handle is not None:
                    with contextlib.suppress(OSError):
                        handle.close()

    def _compact(self) -> None:
        lines = list(self.record.compacted())
        if len(lines) < self.record.lines + 1:
            self._check_ours()
            with replaced(self._path, _OPTION) as file:
                file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _is_json(text: bytes) -> bool:
    """Whether a line without a line end is complete."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def state_line(episode: Episode, state: str, now: str) -> Episode:
    """Return the line with the state of a user. For a user who is fully restored or released, it has nothing else."""
    if state in ("partly_restored", "rejected"):
        return replace(episode, state=state, time=now)
    return Episode(episode.user_id, episode.user_name, now, state=state)
