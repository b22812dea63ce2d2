# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that surveys and extra variables pass as text."""

from __future__ import annotations

import json
from typing import Any

from .._errors import OptionError, Problem
from .options import check_texts, is_dated, python_value, without_blanks

try:
    import yaml
except ImportError:  # where a module runs, Ansible does not need it
    yaml = None  # type: ignore[assignment]

_BROKEN = (ValueError, RecursionError, yaml.YAMLError) if yaml else (ValueError, RecursionError)


def list_of_text(value: Any, option: str) -> Any:
    """Return the list in a text of YAML or JSON, as a survey or an extra variable passes it; everything else unchanged.

    ansible-core 2.18 makes a text of Python of a list with dates. They become texts such as 2026-12-31.
    Raises OptionError for a text in it that cannot be a name, and for a date with a time.
    """
    if not isinstance(value, str):
        return value
    try:
        found = _loaded(value, option)
        listed = without_blanks(found) if isinstance(found, list) else value
        check_texts(listed, option)
    except _BROKEN:
        return value
    return listed


def _loaded(text: str, option: str) -> Any:
    if is_dated(text):
        try:
            return python_value(text)
        except (ValueError, SyntaxError, MemoryError):
            problem = Problem("a value in it is no text, number or date, or a date with a time", "give dates such as 2026-12-31", where=option)
            raise OptionError(problem) from None
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text) if yaml else text
