# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that surveys and extra variables pass as text."""

from __future__ import annotations

from typing import Any

from .options import check_texts, without_blanks

try:
    import yaml
except ImportError:  # where a module runs, Ansible does not need it
    yaml = None  # type: ignore[assignment]


def list_of_text(value: Any, option: str) -> Any:
    """Return the list in a YAML or JSON text, as a survey or an extra variable passes it; everything else unchanged.

    Raises OptionError for a text in it that cannot be a name.
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
