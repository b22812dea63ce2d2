# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quote ids and strings for paths and filters of OData."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from .._errors import OptionError


def key_segment(collection: str, key: str) -> str:
    """Return the path of an entity: C(/users/alice@contoso.com). Ids and names are written into paths only here.

    A key with another meaning as a segment, dots or a leading C($), is written in parentheses, as Graph allows for keys.
    """
    if not key:
        raise OptionError(f"{collection}: the id or name is empty; give one")
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
    """Return a filter of the task, quoted for a URL."""
    return quote(condition, safe="'(),:/$")
