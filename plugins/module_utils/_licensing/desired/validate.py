# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of files that people write: which keys there are, and what stands behind them. Every fault is named by its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..._errors import Problem

_NAMES = {str: "text", int: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts."""

    values: tuple[str, ...]

    def problems(self, value: Any, where: str) -> Iterator[Problem]:
        """What is wrong with a value."""
        if not isinstance(value, str) or value not in self.values:
            yield Problem(f"{value!r} is none of {', '.join(self.values)}", where=where)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, of which every member has a form."""

    form: Any

    def problems(self, value: Any, where: str) -> Iterator[Problem]:
        """What is wrong with a value."""
        if not isinstance(value, Sequence) or isinstance(value, str):
            yield Problem(f"{value!r} is no list", where=where)
            return
        for index, part in enumerate(value):
            yield from problems_of(part, self.form, f"{where}[{index}]")


@dataclass(frozen=True, slots=True)
class Named:
    """A dictionary of free names, each with a value of one form."""

    form: Any

    def problems(self, value: Any, where: str) -> Iterator[Problem]:
        """What is wrong with a value."""
        if not isinstance(value, Mapping):
            yield Problem(f"{value!r} is no dictionary", where=where)
            return
        for name, part in value.items():
            yield from problems_of(part, self.form, f"{where}.{name}")


@dataclass(frozen=True, slots=True)
class Record:
    """A dictionary of known keys. Of the required ones, none may be missing. One that is open may have others."""

    keys: Mapping[str, Any]
    required: tuple[str, ...] = ()
    is_open: bool = False

    def problems(self, value: Any, where: str) -> Iterator[Problem]:
        """What is wrong with a value."""
        if not isinstance(value, Mapping):
            yield Problem(f"{value!r} is no dictionary", where=where)
            return
        for name in self.required:
            if value.get(name) is None:
                yield Problem(f"{name} is missing", where=where)
        for name, part in value.items():
            if name not in self.keys and self.is_open:
                continue
            if name not in self.keys:
                known = nearest(str(name), self.keys) or f"; there are {', '.join(self.keys)}"
                yield Problem(f"there is no such key{known}", where=f"{where}.{name}")
            elif part is not None:
                yield from problems_of(part, self.keys[name], f"{where}.{name}")


def problems_of(value: Any, form: Any, where: str) -> Iterator[Problem]:
    """Everything that is not of the form. A form is str, int or bool, or one of the classes above."""
    if form not in (str, int, bool):
        yield from form.problems(value, where)
    elif not isinstance(value, form) or (form is int and isinstance(value, bool)) or value == "":
        hint = "; put it in quotes" if form is str and isinstance(value, (bool, int, float)) else ""
        yield Problem("it is empty" if value in ("", None) else f"{value!r} is not {_NAMES[form]}{hint}", where=where)


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """Names like one that is unknown, in parentheses; nothing where none is near."""
    near = get_close_matches(name, [str(one) for one in known], n=3, cutoff=0.6)
    return f" (nearest: {', '.join(near)})" if near else ""
