# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How ids and strings are written into paths and filters of OData."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from .._errors import OptionError


def key_segment(collection: str, key: str) -> str:
    """The path of an entity, the only place where an id or name gets into a path: C(/users/alice@contoso.com).

    What stands for something else as a segment of its own, dots or a leading C($), takes the form in parentheses that Graph has for keys.
    """
    if not key:
        raise OptionError(f"{collection}: an empty id or name; give one")
    if key.startswith("$") or not key.strip("."):
        return f"/{collection}('{quote(key.replace(chr(39), chr(39) * 2), safe='@')}')"
    return f"/{collection}/{quote(key, safe='@')}"


def equals(name: str, value: str) -> str:
    """A filter for a string, quoted for a URL."""
    literal = value.replace("'", "''")
    return quote(f"{name} eq '{literal}'", safe="'")


def among(name: str, ids: Iterable[str]) -> str:
    """A filter for strings, at most fifteen."""
    listed = ",".join("'" + one.replace("'", "''") + "'" for one in ids)
    return quote(f"{name} in ({listed})", safe="'(),")


def escaped(condition: str) -> str:
    """A filter of somebody's own for a URL."""
    return quote(condition, safe="'(),:/$")
