# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to a survey."""

from __future__ import annotations


def names_of(value):
    """Return the names in a text, separated by white space, commas or semicolons; those of a list unchanged."""
    return value.replace(",", " ").replace(";", " ").split() if isinstance(value, str) else list(value or ())
