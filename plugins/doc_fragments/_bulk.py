# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that do for many what another one does for one."""

from __future__ import annotations


class ModuleDocFragment:
    """Pace, errors, results and the report."""

    DOCUMENTATION = r"""
options:
  concurrency:
    description:
      - How many batches of writes may be sent in parallel. The module begins with two, and has fewer when Graph is busy.
    type: int
    default: 4
  write_quota:
    description:
      - How many writes the task may send in 150 seconds. The default is what Graph allows an application in a tenant.
      - Give each of several parallel tasks its part. What Graph says of its limits is always heeded.
    type: int
    default: 3000
  on_error:
    description:
      - With V(continue), errors are reported, and the rest is carried out. With V(stop), nothing is written when an error is predicted,
        and no further batch is sent after the first failure.
    type: str
    default: continue
    choices: [continue, stop]
  results:
    description:
      - Which entries RV(results) holds. Those that failed are in all but V(none). RV(summary) counts them all.
    type: str
    default: all
    choices: [all, changed, failed, none]
  report_path:
    description:
      - A file to write a line of JSON to as each principal is done, with time, outcome, changes and Graph's request id. Not in check mode.
    type: path
  resume:
    description:
      - Whether to take up an interrupted run from O(report_path). What it says is done is skipped; a file of another tenant or of other entries is an error.
    type: bool
    default: false
"""
