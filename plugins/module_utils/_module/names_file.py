# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Microsoft's file of product names, once for each version of it in a process."""

from __future__ import annotations

import io
import os
from functools import lru_cache

from .._errors import OptionError
from .._files import encoded, read_regular
from .._licensing.tables.product_names import NO_NAMES, ProductNames, product_names


def read_names(path: str | None, option: str) -> ProductNames:
    """The names of the file, or none without a path. Raises OptionError, which names the option, for any other file."""
    if path is None:
        return NO_NAMES
    try:
        changed = os.stat(encoded(path, option)).st_mtime_ns
    except OSError as error:
        raise OptionError(f"{option}: cannot read {path}: {error.strerror}") from None
    return _read(path, changed, option)


@lru_cache(maxsize=4)
def _read(path: str, changed: int, option: str) -> ProductNames:
    """Read the file in UTF-8, or in cp1252 as older versions are; changed makes each version a cache entry of its own."""
    raw = read_regular(path, option)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    return product_names(io.StringIO(text, newline=""), f"{option}: {path}")
