# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that are texts where lists belong, as surveys and extra variables give them."""

from __future__ import annotations

from typing import Any

from .options import check_texts, without_blanks

try:
    import yaml
except ImportError:  # where a module runs, Ansible does not need it
    yaml = None  # type: ignore[assignment]


def list_of_text(value: Any, option: str) -> Any:
    """The list that a text holds as YAML or JSON, as a survey or an extra variable gives it; everything else as it is.

    Raises OptionError for a text in it that can be no name.
    """
    if not isinstance(value, str) or yaml is None:
        return value
    try:
        found = yaml.safe_load(value)
        listed = without_blanks(found) if isinstance(found, list) else value
        check_texts(listed, option)
    except (yaml.YAMLError, ValueError, RecursionError):
        return value
    return listed
