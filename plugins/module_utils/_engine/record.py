# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in which a run records what leavers hold before it removes anything: one run at a time, and nothing is sent that is not on the disk."""

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
    """A record of leavers. In check mode it is read, and it is made sure that it could be written."""

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
        """Reads the file, which no other run may write until it is closed. Raises OptionError for a damaged file, and one of another tenant.

        Without a tenant, that of the file is taken; it must then be opened to be read alone.
        """
        if not self._is_dry:
            self._held = appended(self._path, _OPTION, ".lock")
            self._file = appended(self._path, _OPTION)
        content = read_regular(self._path, _OPTION) if exists(self._path, _OPTION) else b""
        whole = content[: content.rfind(b"\n") + 1]
        rest = content.removeprefix(whole)
        is_whole_line = _is_json(rest)
        if rest and not whole and not is_whole_line:
            raise OptionError(f"{_OPTION}: {self._path} is no record of leavers; give another path")
        text = (content + b"\n" if is_whole_line else whole).decode("utf-8", "replace")
        self.record = record_of(text, tenant, self._path)
        if self._file is not None:
            if is_whole_line:  # an editor took the last line end
                self._file.write("\n")
            else:
                self._file.truncate(len(whole))  # a line that was cut off in the middle goes
            self._size = len(content) + 1 if is_whole_line else len(whole)
            if not self._size:
                self._append([head_line(tenant or "")])
        return self.record

    def begin(self, episodes: Iterable[Episode]) -> list[Episode]:
        """Records what is going to be removed: all of it is on the disk when this returns. Those that were not in the file are returned.

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
        """Records that a user is released or restored. Raises OptionError when it cannot be written."""
        with self._lock:
            self._append([episode.line], is_safe=False)
            self.record.add(episode)

    def now(self) -> str:
        """The time as it stands in the file."""
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
            raise OptionError(f"{_OPTION}: another program has changed {self._path} while this run wrote it; look at the file before the next run")

    def close(self) -> None:
        """Writes the file anew where it has lines that are no longer needed, and lets another run have it."""
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
    """Whether a line that has no end is a whole one."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def state_line(episode: Episode, state: str, now: str) -> Episode:
    """A line that says what became of a user. Of one who got everything back, or lost everything, nothing else is recorded."""
    if state in ("partly_restored", "rejected"):
        return replace(episode, state=state, time=now)
    return Episode(episode.user_id, episode.user_name, now, state=state)
