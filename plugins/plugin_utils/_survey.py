# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to a survey."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import yaml
from ansible.errors import AnsibleFilterError


def names_of(value):
    """Return the names in a text: those of a YAML or JSON list, else separated by white space, commas or semicolons; or the names of a list.

    Raises AnsibleFilterError for a list whose entries are no names.
    """
    given = value
    if isinstance(value, str) and value.lstrip().startswith(("[", "- ")):
        with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError):
            given = yaml.load(value, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts, lists and dictionaries alone
    if isinstance(given, Iterable) and not isinstance(given, str):
        return [_name(one, index) for index, one in enumerate(given)]
    return text_of(value).replace(",", " ").replace(";", " ").split()


def _name(one, index):
    if one is None or (isinstance(one, Iterable) and not isinstance(one, str)):
        raise AnsibleFilterError(f"entry {index} of the answer is {one!r}: give the name alone")
    return str(one)


def text_of(value):
    """Return an answer as text, empty for null. A survey can give a number."""
    return "" if value is None else str(value).strip()
