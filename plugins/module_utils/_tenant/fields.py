# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read single properties of Graph's answers, each with the type in Microsoft's schema. Another type is an error, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import TransportError

_LARGEST = 2**53  # the largest integer that a number of JSON represents exactly


def text(entity: Mapping, name: str) -> str | None:
    """A text that may be null or absent."""
    value = entity.get(name)
    if value is not None and not isinstance(value, str):
        raise unusable(name, value)
    return value


def identifier(entity: Mapping, name: str = "id") -> str:
    """Return a text that must be there and not be empty."""
    value = text(entity, name)
    if not value or not value.isprintable():  # it goes into a path
        raise unusable(name, value)
    return value


def integer(entity: Mapping, name: str) -> int:
    """A whole number, 0 where it is null or absent."""
    value = entity.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise unusable(name, value)
    return value


def flag(entity: Mapping, name: str) -> bool | None:
    """True, false, or None where it is null or absent."""
    value = entity.get(name)
    if value is not None and not isinstance(value, bool):
        raise unusable(name, value)
    return value


def part(entity: Mapping, name: str) -> Mapping:
    """An object inside another, an empty one where it is null or absent."""
    value = entity.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise unusable(name, value)
    return value or {}


def rows(entity: Mapping, name: str, must_be: bool = False) -> list[Mapping]:
    """A list of objects, an empty one where it is null or absent, unless it must be there, as it was selected."""
    value = entity.get(name)
    if value is None and not must_be:
        return []
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise unusable(name, value)
    return value


def texts(entity: Mapping, name: str, must_be: bool = False) -> list[str]:
    """A list of texts, an empty one where it is null or absent, unless it must be there."""
    value = entity.get(name)
    if value is None and must_be:
        raise unusable(name, value)
    if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise unusable(name, value)
    return value or []


def check_selected(entity: Mapping, *names: str) -> None:
    """Raise TransportError for what was selected or expanded and is missing: that is not the same as null."""
    for name in names:
        if name not in entity:
            raise unusable(name, None)


def unusable(name: str, value: Any) -> TransportError:
    """Return the error of a property of another form."""
    shown = "nothing" if value is None else repr(value)[:80]
    return TransportError(f"Graph answered in a form that cannot be used: {name} is {shown}; if this persists, report it as a bug of this collection")
