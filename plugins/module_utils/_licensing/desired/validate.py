# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of files that people write: which keys there are, and what stands behind them. Every fault is named by its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_NAMES = {str: "text", int: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where; value is what was found there, by which the file can be told."""

    where: str
    text: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts."""

    values: tuple[str, ...]

    def faults(self, value: Any, where: str) -> Iterator[Fault]:
        """What is wrong with a value."""
        if not isinstance(value, str) or value not in self.values:
            yield Fault(where, f"{value!r} is none of {', '.join(self.values)}", value)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, of which every member has a form."""

    form: Any

    def faults(self, value: Any, where: str) -> Iterator[Fault]:
        """What is wrong with a value."""
        if not isinstance(value, Sequence) or isinstance(value, str):
            yield Fault(where, f"{value!r} is no list", value)
            return
        for index, part in enumerate(value):
            yield from faults_of(part, self.form, f"{where}[{index}]")


@dataclass(frozen=True, slots=True)
class Named:
    """A dictionary of free names, each with a value of one form."""

    form: Any

    def faults(self, value: Any, where: str) -> Iterator[Fault]:
        """What is wrong with a value."""
        if not isinstance(value, Mapping):
            yield Fault(where, f"{value!r} is no dictionary", value)
            return
        for name, part in value.items():
            yield from faults_of(part, self.form, f"{where}.{name}")


@dataclass(frozen=True, slots=True)
class Record:
    """A dictionary of known keys. Of the required ones, none may be missing. One that is open may have others."""

    keys: Mapping[str, Any]
    required: tuple[str, ...] = ()
    is_open: bool = False

    def faults(self, value: Any, where: str) -> Iterator[Fault]:
        """What is wrong with a value."""
        if not isinstance(value, Mapping):
            yield Fault(where, f"{value!r} is no dictionary", value)
            return
        for name in self.required:
            if value.get(name) is None:
                yield Fault(where, f"{name} is missing", value)
        for name, part in value.items():
            if name not in self.keys and self.is_open:
                continue
            if name not in self.keys:
                known = nearest(str(name), self.keys) or f"; there are {', '.join(self.keys)}"
                yield Fault(f"{where}.{name}", f"there is no such key{known}", name)
            elif part is not None:
                yield from faults_of(part, self.keys[name], f"{where}.{name}")


def faults_of(value: Any, form: Any, where: str) -> Iterator[Fault]:
    """Everything that is not of the form. A form is str, int or bool, or one of the classes above."""
    if form not in (str, int, bool):
        yield from form.faults(value, where)
    elif not isinstance(value, form) or (form is int and isinstance(value, bool)) or value == "":
        hint = "; put it in quotes" if form is str and isinstance(value, (bool, int, float)) else ""
        yield Fault(where, "it is empty" if value in ("", None) else f"{value!r} is not {_NAMES[form]}{hint}", value)


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """Names like one that is unknown, in parentheses; nothing where none is near."""
    near = get_close_matches(name, [str(one) for one in known], n=3, cutoff=0.6)
    return f" (nearest: {', '.join(near)})" if near else ""
