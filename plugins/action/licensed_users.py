# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of M(m365.licensing.licensed_users): file and line of what the module names by its place in an option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.m365.licensing.plugins.plugin_utils._origin import origin_of

_PLACE = re.compile(r"\b(?:users|profiles|licensing_groups)(?:\[[0-9]+\]|\.[\w-]+)+")
_STEP = re.compile(r"\[([0-9]+)\]|\.([\w-]+)")


class ActionModule(ActionBase):
    """Runs the module, and adds the origin of each place to its texts, where ansible-core knows it (2.19 and later)."""

    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        """The answer of the module."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
        return _placed(result, given)


def _placed(answer: dict, given: Mapping) -> dict:
    """The answer with origins behind the places in its messages."""
    origins: dict[str, str] = {}
    texts = [answer, *(row for row in [*(answer.get("results") or ()), *(answer.get("group_results") or ())] if row.get("msg"))]
    for text in texts:
        if isinstance(text.get("msg"), str):
            text["msg"] = _PLACE.sub(lambda found: _with_origin(found.group(0), given, origins), text["msg"])
    if answer.get("warnings"):
        answer["warnings"] = [_PLACE.sub(lambda found: _with_origin(found.group(0), given, origins), str(one)) for one in answer["warnings"]]
    return answer


def _with_origin(place: str, given: Mapping, origins: dict[str, str]) -> str:
    if place not in origins:
        origin = _origin(place, given)
        origins[place] = f"{place} ({origin})" if origin else place
    return origins[place]


def _origin(place: str, given: Mapping) -> str | None:
    """File, line and column of the innermost value of a place that has them."""
    option = re.split(r"[.\[]", place, maxsplit=1)[0]
    value: Any = given.get(option)
    known = None
    for index, key in _STEP.findall(place.removeprefix(option)):
        if index and isinstance(value, (list, tuple)) and int(index) < len(value):
            value = value[int(index)]
        elif key and isinstance(value, Mapping) and key in value:
            value = value[key]
        else:
            break
        known = origin_of(value) or known
    return known
