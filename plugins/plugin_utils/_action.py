# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin of modules for many principals: it runs the module on the target, and makes the answer easier to read."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ._origin import with_origins
from ._progress import is_terminal, shown


class LicensingAction(ActionBase):
    """Runs the module, adds origins to its texts, and displays its progress. Blank and null options are dropped, as surveys and files of settings mean it."""

    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """The answer of the module."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        sent = {name: value for name, value in given.items() if value is not None and value != ""}
        asked = (task_vars or {}).get("license_progress")
        is_shown = boolean(asked, strict=False) if asked is not None else is_terminal()
        is_local = self._connection.transport == "local" and not self._task.async_val
        environment = self._task.environment
        with shown(lambda text: self._display.display(f"{self._task.get_name()}: {text}"), is_shown and is_local) as more:
            self._task.environment = [*(environment or ()), *([more] if more else ())]
            try:
                result.update(self._execute_module(module_args=sent, task_vars=task_vars, wrap_async=self._task.async_val))
            finally:
                self._task.environment = environment
        return with_origins(result, given)
