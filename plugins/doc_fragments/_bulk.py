# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that manage many users, groups or devices."""

from __future__ import annotations


class ModuleDocFragment:
    """Pace, errors, results and the report."""

    DOCUMENTATION = r"""
options:
  concurrency:
    description:
      - How many batches of writes may be sent in parallel. The module begins with two, and sends fewer when Graph is busy.
    type: int
    default: 4
  write_quota:
    description:
      - How many writes the task may send in 150 seconds. The default is what Graph allows an application in a tenant.
      - Divide it between parallel tasks. The module always respects the limits that Graph reports.
    type: int
    default: 3000
  on_error:
    description:
      - With V(continue), the module reports errors, and carries out the rest. With V(stop), nothing is written when an error is predicted,
        and no further batch is sent after the first failure.
    type: str
    default: continue
    choices: [continue, stop]
  results:
    description:
      - Which entries RV(results) has. Every value but V(none) includes those that failed. RV(summary) counts all entries.
    type: str
    default: all
    choices: [all, changed, failed, none]
  report_path:
    description:
      - A file that gets a line of JSON as each principal is done, with time, outcome, changes and Graph's request id. Not in check mode.
    type: path
  resume:
    description:
      - Whether to resume an interrupted run from O(report_path). Entries that the file lists as done are skipped.
        A file of another tenant or of other entries is an error.
    type: bool
    default: false
"""
