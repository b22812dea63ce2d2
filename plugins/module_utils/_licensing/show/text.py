# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts for readers: names next to the ids that Graph returns."""

from __future__ import annotations

import re

from ..catalog import Catalog

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def with_names(text: str, catalog: Catalog) -> str:
    """The text with the name behind each id of a SKU or service plan that the tenant, or the file of product names, knows."""

    def named(found: re.Match) -> str:
        name = catalog.name_of(found.group().lower())
        return f"{found.group()} ({name})" if name else found.group()

    return _GUID.sub(named, text)


def printable(text: str) -> str:
    """The text in one line: without line breaks, control characters, and marks that turn the direction of writing."""
    return _UNPRINTABLE.sub(" ", text)
