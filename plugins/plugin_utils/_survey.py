# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is typed into a survey."""

from __future__ import annotations


def names_of(value):
    """The names of a text, between which are white space, commas or semicolons; those of a list as they are."""
    return value.replace(",", " ").replace(";", " ").split() if isinstance(value, str) else list(value or ())
