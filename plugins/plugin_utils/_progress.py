# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Display the progress of a module that runs on the controller, at most every ten seconds: on a terminal, or where license_progress asks for it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator

from ..module_utils._engine.progress import VARIABLE

_FIRST = 30.0  # seconds until the first line: short runs have none
_PAUSE = 10.0


@contextlib.contextmanager
def shown(display: Callable[[str], None], is_shown: bool, first: float = _FIRST, pause: float = _PAUSE) -> Iterator[dict[str, str]]:
    """The environment of the module, while what it writes is displayed."""
    if not is_shown:
        yield {}
        return
    number, path = tempfile.mkstemp(prefix="m365-progress-")
    os.close(number)
    is_over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(path, display, is_over, first, pause), daemon=True)
    watcher.start()
    try:
        yield {VARIABLE: path}
    finally:
        is_over.set()
        watcher.join()
        os.unlink(path)


def _watch(path: str, display: Callable[[str], None], is_over: threading.Event, first: float, pause: float) -> None:
    seen, seconds = "", first
    while not is_over.wait(seconds):
        seconds = pause
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        if lines and lines[-1] != seen:
            seen = lines[-1]
            display(seen)


def is_terminal() -> bool:
    """Whether the output of the playbook goes to a terminal. Tasks run in children of it, whose own output ansible-core may have detached."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{os.getppid()}/fd/1").startswith(("/dev/pts/", "/dev/tty"))
    return False
