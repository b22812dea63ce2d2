# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of JSON lines, one for each principal, written as rows arrive: what does not fit into a task's answer."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .._errors import OptionError


def write_report(path: str, rows: Iterable[dict]) -> int:
    """Writes rows as they come, and puts the file, for its owner only, in its place when all are there. How many there were.

    Raises OptionError before the first row is asked for when the file cannot be written.
    """
    try:
        if Path(path).is_dir():
            raise IsADirectoryError(21, "it is a folder")
        handle, name = tempfile.mkstemp(dir=Path(path).parent, prefix=f".{Path(path).name}.")
        os.close(handle)
    except OSError as error:
        raise OptionError(f"report_path: cannot write {path}: {error.strerror}; give a path in a folder that exists and can be written") from None
    part = Path(name)
    count = 0
    try:
        with part.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
        part.replace(path)
    except OSError as error:
        raise OptionError(f"report_path: cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return count
