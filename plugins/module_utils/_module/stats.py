# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(license_summary) as C(set_stats) would set it: artifacts of a job, which a workflow passes to the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST = 20_000  # characters of the difference, as artifacts are kept with each job
_TEMPLATES = {"{{": "{ {", "{%": "{ %", "{#": "{ #"}  # artifacts become extra variables, and names are free texts


def stats_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The value of C(ansible_stats)."""
    return {"data": {"license_summary": dict(summary)}, "per_host": False, "aggregate": False}


def bounded(texts: Iterable[str]) -> str:
    """Return diffs as one text of bounded length, which says how many are left out. Nothing in it is a template."""
    kept, left, size = [], 0, 0
    for text in texts:
        size += len(text)
        if size > _LONGEST:
            left += 1
        else:
            kept.append(text)
    whole = "".join([*kept, f"and {left} more in the output of the job\n" if left else ""])
    for sign, harmless in _TEMPLATES.items():
        whole = whole.replace(sign, harmless)
    return whole
