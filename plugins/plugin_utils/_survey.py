# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to a survey."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import yaml


def names_of(value):
    """Return the names in a text: those of a YAML or JSON list, else separated by white space, commas or semicolons. Those of a list unchanged."""
    given = value
    if isinstance(value, str) and value.lstrip().startswith(("[", "- ")):
        with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError):
            given = yaml.safe_load(value)
    if isinstance(given, Iterable) and not isinstance(given, str):
        return list(given)
    return text_of(value).replace(",", " ").replace(";", " ").split()


def text_of(value):
    """Return an answer as text, empty for null. A survey can give a number."""
    return "" if value is None else str(value).strip()
