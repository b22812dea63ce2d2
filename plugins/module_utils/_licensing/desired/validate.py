# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validate the form of files: their keys, and the types of the values. Every fault is reported with its place."""

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
            yield Problem(f"{value!r} is not one of {', '.join(self.values)}", where=where)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, of which every member has a form."""

    form: Any

    def problems(self, value: Any, where: str) -> Iterator[Problem]:
        """What is wrong with a value."""
        if not isinstance(value, Sequence) or isinstance(value, str):
            yield Problem(f"{value!r} is not a list", where=where)
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
            yield Problem(f"{value!r} is not a dictionary", where=where)
            return
        for name, part in value.items():
            yield from problems_of(part, self.form, f"{where}.{name}")


@dataclass(frozen=True, slots=True)
class Record:
    """A dictionary of known keys. No required key may be missing. An open record may have other keys."""

    keys: Mapping[str, Any]
    required: tuple[str, ...] = ()
    is_open: bool = False

    def problems(self, value: Any, where: str) -> Iterator[Problem]:
        """What is wrong with a value."""
        if not isinstance(value, Mapping):
            yield Problem(f"{value!r} is not a dictionary", where=where)
            return
        for name in self.required:
            if value.get(name) is None:
                yield Problem(f"{name} is missing", where=where)
        for name, part in value.items():
            if name not in self.keys and self.is_open:
                continue
            if name not in self.keys:
                known = nearest(str(name), self.keys) or f"; known keys are {', '.join(self.keys)}"
                yield Problem(f"unknown key{known}", where=f"{where}.{name}")
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
    """The names nearest to an unknown one, in parentheses; an empty text where none is near."""
    near = get_close_matches(name, [str(one) for one in known], n=3, cutoff=0.6)
    return f" (nearest: {', '.join(near)})" if near else ""
