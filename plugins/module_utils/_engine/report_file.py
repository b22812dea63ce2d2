# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of JSON lines, one for each principal, written as rows arrive: for results that are too large for a task's answer."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .._files import replaced


def write_report(path: str, rows: Iterable[dict]) -> int:
    """Write rows as they arrive, and move the file, for its owner only, to its place at the end. Return how many there were.

    Raises OptionError before the first row is read when the file cannot be written.
    """
    count = 0
    with replaced(path, "report_path") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
            count += 1
    return count
