# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries for many principals: entries of a list, with defaults, in which each principal is named once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..._errors import LicensingError, OptionError
from .changes import AssignLicenses, Changes, DeleteAssignment


@dataclass(slots=True)
class Plan:
    """What is to become of one entry, whose principal the task calls name, in an option of that kind: changes, or an error.

    Stages are written one after the other: what needs such a seat, and a further entry of one principal, comes in a later one.
    duplicate_of is the entry that desires the same for the same principal, and does it.
    """

    index: int
    kind: str
    name: str
    changes: Changes | None = None
    error: LicensingError | None = None
    stage: int = 0
    duplicate_of: int | None = None

    @property
    def who(self) -> dict[str, str]:
        """The principal, as the entry has it."""
        return {self.kind: self.name}

    @property
    def is_refused(self) -> bool:
        """Whether it fails before anything of it is written."""
        return self.error is not None or bool(self.changes and self.changes.errors)

    @property
    def operations(self) -> tuple:
        """What is to be done."""
        return self.changes.operations if self.changes else ()

    @property
    def is_to_write(self) -> bool:
        """Whether something is to be done, and may be."""
        return bool(self.operations) and not self.is_refused

    @property
    def new_sku_ids(self) -> frozenset[str]:
        """The SKUs of which it takes a seat by assignLicense."""
        before = getattr(self.changes, "before", None)
        return frozenset(sku_id for sku_id in self.changes.new_sku_ids if not before.holds(sku_id)) if self.changes and before else frozenset()


def merged(entries: Iterable[Mapping], defaults: Mapping, names: Iterable[str]) -> list[dict]:
    """The options of each entry: its own, else the default of the task. Equal lists and dictionaries are one object, as a long list has few kinds of them."""
    common = {name: defaults[name] for name in names if defaults.get(name) is not None}
    kept: dict[str, Any] = {}
    return [{**common, **{name: _one(value, kept) for name, value in entry.items() if value is not None}} for entry in entries]


def _one(value: Any, kept: dict[str, Any]) -> Any:
    return kept.setdefault(repr(value), value) if isinstance(value, (dict, list)) else value


def check_duplicates(plans: Iterable[Plan], entries: list[dict], targets: Mapping[int, str], option: str, keys: tuple[str, ...]) -> None:
    """Marks entries that repeat an earlier one. Raises OptionError with every pair that has conflicting entries of one target.

    targets say what an entry is about: equal ones are the same. keys are the options that name the principal.
    """
    first: dict[str, int] = {}
    problems = []
    for plan in plans:
        target = targets.get(plan.index)
        if target is None:
            continue
        earlier = first.setdefault(target, plan.index)
        if earlier == plan.index:
            continue
        if _desired(entries[earlier], keys) == _desired(entries[plan.index], keys):
            plan.duplicate_of = earlier
        else:
            names = " and ".join(sorted({str(entry[key]) for entry in (entries[earlier], entries[plan.index]) for key in keys if entry.get(key)}))
            problems.append(f"{option}[{earlier}] and {option}[{plan.index}] are conflicting entries of the same {plan.kind}, {names}")
    if problems:
        raise OptionError("; ".join(problems) + "; leave one of them out")


def _desired(entry: Mapping, keys: tuple[str, ...]) -> dict:
    return {name: value for name, value in entry.items() if name not in keys}


def removals(plans: Iterable[Plan]) -> int:
    """How many licenses or assignments plans would remove."""
    operations = [one for plan in plans if plan.is_to_write for one in plan.operations]
    licenses = sum(len(one.remove) for one in operations if isinstance(one, AssignLicenses))
    return licenses + sum(isinstance(one, DeleteAssignment) for one in operations)
