# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of M(m365.licensing.licensed_users): file and line of what the module names by its place in an option."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.m365.licensing.plugins.plugin_utils._origin import with_origins


class ActionModule(ActionBase):
    """Runs the module, and adds origins to its texts."""

    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """The answer of the module."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
        return with_origins(result, given)
