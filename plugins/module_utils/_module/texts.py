# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that surveys and extra variables pass as text."""

from __future__ import annotations

import re
from ast import literal_eval
from typing import Any

from .._errors import OptionError, Problem
from .options import check_texts, without_blanks

try:
    import yaml
except ImportError:  # where a module runs, Ansible does not need it
    yaml = None  # type: ignore[assignment]

_BROKEN = (ValueError, RecursionError, yaml.YAMLError) if yaml else (ValueError, RecursionError)
# a date as Python writes it, the beginning of another value with a time, or a string, which is matched to be skipped
_DATE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(datetime\.)(?:date\(([0-9]+), ([0-9]+), ([0-9]+)\))?""")


def list_of_text(value: Any, option: str) -> Any:
    """Return the list in a YAML or JSON text, as a survey or an extra variable passes it; everything else unchanged.

    ansible-core 2.18 makes a Python text of a list with dates. They become texts such as 2026-12-31.
    Raises OptionError for a text in it that cannot be a name, and for a date with a time.
    """
    if not isinstance(value, str):
        return value
    try:
        found = _with_dates(value, option) if _is_dated(value) else yaml.safe_load(value) if yaml else value
        listed = without_blanks(found) if isinstance(found, list) else value
        check_texts(listed, option)
    except _BROKEN:
        return value
    return listed


def _is_dated(text: str) -> bool:
    return "datetime." in text and text.startswith("[") and any(found[1] for found in _DATE.finditer(text))


def _with_dates(text: str, option: str) -> Any:
    try:
        return literal_eval(_DATE.sub(lambda found: "'{:0>4}-{:0>2}-{:0>2}'".format(*found.groups()[1:]) if found[2] else found[0], text))
    except (ValueError, SyntaxError, MemoryError):
        raise OptionError(Problem("it has a date with a time", "give dates such as 2026-12-31", where=option)) from None
