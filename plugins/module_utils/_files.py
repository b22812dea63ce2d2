# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that opens files: what is written belongs to this user alone, and what is read is a regular file.

Paths are encoded as UTF-8 whatever the locale says, so that a name with an umlaut is the same file under C(LC_ALL=C).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from typing import TextIO

from ._errors import OptionError

_PRIVATE = 0o600
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def encoded(path: str, option: str) -> bytes:
    """Return a path as the operating system takes it. Raises OptionError, which names the option, for a text that is no path."""
    try:
        raw = os.path.expanduser(path).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = b"\0"
    if b"\0" in raw or not raw:
        raise OptionError(f"{option} is {path!r}, which is no path: give the path of a file")
    return raw


def read_regular(path: str, option: str) -> bytes:
    """Return the content of a regular file. Raises OptionError when it cannot be read; links are followed, devices and pipes are not read."""
    raw = encoded(path, option)
    try:
        with open(os.open(raw, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as handle:
            if stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                return handle.read()
    except OSError as error:
        raise OptionError(f"{option}: cannot read {path}: {error.strerror}; name a file that this user can read") from None
    raise OptionError(f"{option}: {path} is not a regular file; name a file that this user can read")


def check_writable(path: str, option: str) -> None:
    """Raise OptionError unless a file can be written at a path. Nothing is created or changed: check mode calls this as well."""
    raw = encoded(path, option)
    folder = os.path.dirname(raw) or b"."
    found = _checked(raw, path, option)
    target = folder if found is None else raw
    if not os.access(target, os.W_OK) or not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot(path, option, "Permission denied")


@contextlib.contextmanager
def replaced(path: str, option: str) -> Iterator[TextIO]:
    """Yield a file that takes the place of the one at a path when the block ends well; until then readers see the old one.

    The new file has mode 0600. Raises OptionError when it cannot be written, or when the old one is a link, a device, or another user's.
    """
    raw = encoded(path, option)
    _checked(raw, path, option)
    draft = b""
    try:
        number, draft = tempfile.mkstemp(dir=os.path.dirname(raw) or b".", prefix=b"." + os.path.basename(raw) + b".")
        with open(number, "w", encoding="utf-8", errors="surrogatepass") as handle:
            yield handle
            handle.flush()
            os.fsync(number)
        os.replace(draft, raw)
        draft = b""
    except OSError as error:
        raise _cannot(path, option, error.strerror or str(error)) from None
    finally:
        if draft:
            os.unlink(draft)


def appended(path: str, option: str, suffix: str = "") -> TextIO:
    """Open a file to read it and to append to it, for this process alone until it is closed. Every line is written as soon as it ends.

    With a suffix, it is the file of that name beside the path. A looser mode of this user's own file is narrowed to 0600.
    Raises OptionError as replaced does, and while another run holds the file.
    """
    raw = encoded(path, option) + suffix.encode()
    is_new = _checked(raw, path, option) is None
    number = _opened(raw, path, option, os.O_RDWR | os.O_APPEND | (os.O_CREAT | os.O_EXCL if is_new else 0))
    handle = open(number, "a+", encoding="utf-8", errors="surrogatepass", newline="\n", buffering=1)  # noqa: SIM115  the caller closes it
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise OptionError(f"{option}: another run writes {path} now: wait for it to end, or give each run a path of its own") from None
    except OSError as error:
        handle.close()
        raise OptionError(f"{option}: {path} cannot be locked against other runs: {error.strerror}; give a path on another file system") from None
    _narrow(number, path, option)
    return handle


def make_folder(path: str, option: str) -> None:
    """Make the folder of a path, for this user alone, where it is not there. Raises OptionError when that is not possible."""
    try:
        os.makedirs(os.path.dirname(encoded(path, option)) or b".", mode=0o700, exist_ok=True)
    except OSError as error:
        raise _cannot(path, option, error.strerror or str(error)) from None


def make_private(path: str, option: str) -> bool:
    """Narrow an existing file of this user to mode 0600. Return whether others could have written it before. Raises OptionError as replaced does."""
    raw = encoded(path, option)
    found = _checked(raw, path, option)
    if found is None or not found.st_mode & 0o077:
        return False
    number = _opened(raw, path, option, os.O_RDONLY)
    try:
        _narrow(number, path, option)
    finally:
        os.close(number)
    return bool(found.st_mode & _OTHERS_WRITE)


def _opened(raw: bytes, path: str, option: str, flags: int) -> int:
    """Open a file that was checked, and check again what was opened: it may have been exchanged since."""
    try:
        number = os.open(raw, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, _PRIVATE)
    except OSError as error:
        raise _cannot(path, option, error.strerror or str(error)) from None
    try:
        found = os.fstat(number)
        _check_status(found, path, option)
        if found.st_nlink > 1 and flags & os.O_APPEND:
            raise OptionError(f"{option}: {path} has a second name (a hard link), under which it would change too; give another path")
    except OptionError:
        os.close(number)
        raise
    return number


def _narrow(number: int, path: str, option: str) -> None:
    """Remove the permissions of other users; a file system without modes keeps its own rules, so nothing is asked of it needlessly."""
    if os.fstat(number).st_mode & 0o077:
        try:
            os.fchmod(number, _PRIVATE)
        except OSError as error:
            raise OptionError(f"{option}: others can read {path}, and its mode cannot be changed: {error.strerror}; give another path") from None


def _checked(raw: bytes, path: str, option: str) -> os.stat_result | None:
    """Return the status of the file at a path, None when there is none. Raises OptionError unless this user alone decides what it is."""
    try:
        folder = os.stat(os.path.dirname(raw) or b".")
        try:
            found = os.lstat(raw)
        except FileNotFoundError:
            found = None
    except OSError as error:
        raise _cannot(path, option, error.strerror or str(error)) from None
    if not stat.S_ISDIR(folder.st_mode):
        raise _cannot(path, option, "Not a directory")
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        raise OptionError(f"{option}: every user can exchange files in the folder of {path}; run chmod o-w on the folder, or give a path elsewhere")
    if found is not None:
        _check_status(found, path, option)
    return found


def _check_status(found: os.stat_result, path: str, option: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise _cannot(path, option, "Is a directory")
    if stat.S_ISLNK(found.st_mode):
        raise OptionError(f"{option}: {path} is a symbolic link, which is not followed; give the path that it points to")
    if not stat.S_ISREG(found.st_mode):
        raise OptionError(f"{option}: {path} is a device, pipe or socket; give the path of a regular file")
    if found.st_uid != os.geteuid():
        raise OptionError(f"{option}: {path} belongs to another user (uid {found.st_uid}); remove it, or give another path")


def _cannot(path: str, option: str, reason: str) -> OptionError:
    return OptionError(f"{option}: cannot write {path}: {reason}; give a path in a folder that exists and can be written")


def exists(path: str, option: str) -> bool:
    """Return whether there is something at a path."""
    return os.path.lexists(encoded(path, option))
