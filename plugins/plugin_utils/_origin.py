# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""File and line of what a module names by its place in an option, where ansible-core knows them (2.19 and later)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # ansible-core before 2.19 keeps the place with the text itself
    Origin = None

_PLACE = re.compile(r"\b(?:users|profiles|licensing_groups|groups)(?:\[[0-9]+\]|\.[\w-]+)+")
_STEP = re.compile(r"\[([0-9]+)\]|\.([\w-]+)")


def origin_of(value: Any) -> str | None:
    """File, line and column of a value."""
    if Origin is not None:
        tag = Origin.get_tag(value)
        return str(tag) if tag and tag.path else None
    place = getattr(value, "ansible_pos", None)
    return ":".join(str(part) for part in place) if place and place[0] else None


def with_origins(answer: dict, given: Mapping) -> dict:
    """Return the answer of a module with origins after the places in its messages. given are the options of the task."""
    origins: dict[str, str] = {}

    def placed(text: str) -> str:
        return _PLACE.sub(lambda found: _with_origin(found.group(0), given, origins), text)

    rows = [*(answer.get("results") or ()), *(answer.get("group_results") or ())]
    for one in [answer, *(row for row in rows if row.get("msg"))]:
        if isinstance(one.get("msg"), str):
            one["msg"] = placed(one["msg"])
    for name in ("warnings", "lines"):
        if answer.get(name):
            answer[name] = [_reworded(one, placed) for one in answer[name]]
    return answer


def _reworded(one: Any, placed: Callable[[str], str]) -> Any:
    """A text with origins. ansible-core 2.19 and later keeps the text of a warning in an event."""
    event = getattr(one, "event", None)
    if isinstance(one, str) or event is None:
        return placed(str(one))
    return replace(one, event=replace(event, msg=placed(event.msg)))


def _with_origin(place: str, given: Mapping, origins: dict[str, str]) -> str:
    if place not in origins:
        origin = _origin(place, given)
        origins[place] = f"{place} ({origin})" if origin else place
    return origins[place]


def _origin(place: str, given: Mapping) -> str | None:
    """The origin of the innermost value of a place that has one."""
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
