# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What licensing groups must assign to their members, as a file declares it. Names are still as written, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..._errors import OptionError, Problem
from .licenses import WantedLicense, wanted_license
from .profiles import GROUPS, group_problems
from .validate import problems_of


@dataclass(frozen=True, slots=True)
class DesiredGroup:
    """A group with the licenses that it must have, and those that it must not have. is_exact says that it has no others."""

    where: str
    name: str
    licenses: tuple[WantedLicense, ...] = ()
    remove: tuple[str, ...] = ()
    is_exact: bool = False
    protect: tuple[str, ...] = ()
    max_removals: int | None = None


def desired_groups(groups: Any, option: str = "licensing_groups") -> tuple[DesiredGroup, ...]:
    """The groups of an option. Raises OptionError with every problem of form."""
    listed = groups if groups is not None else []
    problems = list(problems_of(listed, GROUPS, option)) or list(_problems(listed, option))
    if problems:
        raise OptionError(*problems)
    return tuple(_group(f"{option}[{index}]", entry) for index, entry in enumerate(listed))


def _problems(groups: Sequence, option: str) -> Iterator[Problem]:
    yield from group_problems(groups, option)
    for index, entry in enumerate(groups):
        if (entry.get("max_removals") or 0) < 0:
            where = f"{option}[{index}].max_removals"
            yield Problem(f"{entry['max_removals']} is below zero", "give zero or more", where=where)


def _group(where: str, entry: Any) -> DesiredGroup:
    licenses = tuple(wanted_license(one, f"{where}.licenses[{number}]") for number, one in enumerate(entry.get("licenses") or ()))
    protect, limit = tuple(entry.get("protect") or ()), entry.get("max_removals")
    return DesiredGroup(where, entry["group"], licenses, tuple(entry.get("remove") or ()), bool(entry.get("exactly")), protect, limit)
