# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that prints a line of JSON with the seconds of each task."""

from __future__ import annotations

import json
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_seconds
type: stdout
short_description: Print the seconds of each task
description: Prints a line of JSON with the name and the seconds of each task.
"""


class CallbackModule(CallbackBase):
    """Measures tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "task_seconds"

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._began = time.perf_counter()

    def v2_runner_on_ok(self, result):
        print(json.dumps({"task": result._task.get_name(), "seconds": time.perf_counter() - self._began}), flush=True)
