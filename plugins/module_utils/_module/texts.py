# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that surveys and extra variables pass as text."""

from __future__ import annotations

from typing import Any

from .options import check_texts, parsed, without_blanks

try:
    import yaml
except ImportError:  # where a module runs, Ansible does not need it
    yaml = None  # type: ignore[assignment]


def list_of_text(value: Any, option: str) -> Any:
    """Return the list in a text of YAML, JSON or Python, as a survey or an extra variable passes it; everything else unchanged.

    Raises OptionError for a text in it that cannot be a name.
    """
    found = parsed(value)
    if isinstance(found, str) and yaml is not None:
        try:
            loaded = yaml.safe_load(found)
        except (yaml.YAMLError, ValueError, RecursionError):
            return value
        found = without_blanks(loaded) if isinstance(loaded, list) else found
    if found is not value:
        check_texts(found, option)
    return found
