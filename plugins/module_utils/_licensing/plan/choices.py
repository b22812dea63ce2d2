# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage one of a plan: names become ids, layers become the licenses of one user. What follows sees no name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..._errors import Problem
from ..catalog import Catalog
from ..desired.licensed_users import DesiredRun, DesiredUser, Layer
from ..desired.licenses import WantedLicense
from ..model import Principal, Sku
from ..resolve import ResolvedPlans, Resolver


@dataclass(frozen=True, slots=True)
class Option:
    """A SKU that may be assigned, with its service plans, and where it is declared."""

    sku: Sku
    plans: ResolvedPlans
    where: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some SKUs, in order of preference. With prefers_first, a better one replaces one that is held."""

    options: tuple[Option, ...]
    prefers_first: bool = False

    @property
    def sku_ids(self) -> frozenset[str]:
        """The ids of all SKUs among which is chosen."""
        return frozenset(option.sku.id for option in self.options)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The desired licenses of a user, by id. removable are SKUs of previous profiles, keep those that stay in any case. problems are errors of the user."""

    choices: tuple[Choice, ...]
    usage_location: str | None
    removable: frozenset[str]
    keep: frozenset[str]
    problems: tuple[Problem, ...] = ()


class ProfileResolver:
    """Resolves users. A layer that many share is resolved once; warnings are what concerns no user in particular."""

    def __init__(self, catalog: Catalog, run: DesiredRun, protect: Iterable[str]) -> None:
        self._catalog, self._run, self._profiles = catalog, run, run.profiles
        self._layers: dict[int, tuple[tuple[Choice, ...], tuple[Problem, ...]]] = {}
        self._users: dict[tuple, Resolved] = {}
        self._named: dict[str, frozenset[str]] = {}
        self._names: dict[tuple[str, ...], tuple[frozenset[str], tuple[Problem, ...]]] = {}
        self.warnings: dict[str, Problem] = {}
        self._protect, unknown = self._named_skus(tuple(protect))
        self._unprotected = tuple(replace(problem, where=f"protect{problem.where}") for problem in unknown)

    def user(self, desired: DesiredUser, user: Principal) -> Resolved:
        """The desired licenses of a user."""
        previous = self._run.previous_of(desired, user)
        known = (tuple(id(layer) for layer in desired.layers), previous, desired.keep)
        if known not in self._users:
            self._users[known] = self._resolved(desired, previous)
        resolved = self._users[known]
        unknown = self._named_skus(desired.keep)[1]
        placed = tuple(replace(problem, where=f"{desired.where}.keep{problem.where}") for problem in unknown)
        return replace(resolved, problems=(*resolved.problems, *placed)) if placed else resolved

    def choices(self, desired: DesiredUser) -> tuple[Choice, ...]:
        """The licenses of an entry, whoever the user is."""
        return self._merged(desired.layers)[0]

    def _resolved(self, desired: DesiredUser, previous: tuple[str, ...]) -> Resolved:
        choices, problems = self._merged(desired.layers)
        removable: frozenset[str] = frozenset().union(*(self._of_profile(name) for name in previous))
        locations = [layer.usage_location for layer in desired.layers if layer.usage_location]
        keep = self._named_skus(desired.keep)[0] | self._protect
        return Resolved(choices, locations[-1] if locations else None, removable, keep, (*problems, *self._unprotected))

    def check_profiles(self) -> None:
        """Resolves what no user has, so that a mistake there is a warning."""
        for layers in self._profiles.values():
            for layer in layers:
                if id(layer) not in self._layers:
                    for problem in self._resolve(layer)[1]:
                        self._warn(problem)

    def _named_skus(self, names: tuple[str, ...]) -> tuple[frozenset[str], tuple[Problem, ...]]:
        """SKUs that stay. One that the tenant does not know is an error, as nothing may be removed by mistake; its place is that in the list."""
        if names not in self._names:
            resolver = Resolver(self._catalog)
            skus = [resolver.sku(name, f"[{index}]") for index, name in enumerate(names)]
            self._names[names] = frozenset(sku.id for sku in skus if sku), resolver.taken()
        return self._names[names]

    def _of_profile(self, name: str) -> frozenset[str]:
        """The SKUs that a profile assigns by any alternative, with what it inherits. A name that the tenant does not know removes nothing."""
        if name not in self._named:
            choices, problems = self._merged(self._profiles[name])
            for problem in problems:
                self._warn(problem)
            self._named[name] = frozenset().union(*(choice.sku_ids for choice in choices))
        return self._named[name]

    def _warn(self, problem: Problem) -> None:
        self.warnings.setdefault(problem.message, replace(problem, severity="warning"))

    def _resolve(self, layer: Layer) -> tuple[tuple[Choice, ...], tuple[Problem, ...]]:
        if id(layer) not in self._layers:
            resolver = Resolver(self._catalog)
            choices = tuple(choice for want in layer.licenses if (choice := _choice(want, resolver)) is not None)
            self._layers[id(layer)] = choices, resolver.taken()
        return self._layers[id(layer)]

    def _merged(self, layers: tuple[Layer, ...]) -> tuple[tuple[Choice, ...], tuple[Problem, ...]]:
        """The choices of all layers. A layer replaces what an earlier one says of a SKU; a SKU that is left in two places is an error."""
        merged: tuple[Choice, ...] = ()
        problems: tuple[Problem, ...] = ()
        for layer in layers:
            choices, found = self._resolve(layer)
            own: frozenset[str] = frozenset().union(*(choice.sku_ids for choice in choices))
            merged = (*(choice for choice in merged if choice.options[0].sku.id not in own), *choices)
            problems += found
        first: dict[str, str] = {}
        for option in (option for choice in merged for option in choice.options):
            earlier = first.setdefault(option.sku.id, option.where)
            if earlier != option.where:
                problems += (Problem(f"SKU {option.sku.part_number} is also at {earlier}; name each SKU in one place", code="named_twice", where=option.where),)
        return merged, problems


def _choice(want: WantedLicense, resolver: Resolver) -> Choice | None:
    options = []
    for one in (want, *want.alternatives):
        sku = resolver.sku(one.sku, f"{one.where}.sku")
        if sku is not None:
            options.append(Option(sku, resolver.rule(sku, one.plans, f"{one.where}."), one.where))
    return Choice(tuple(options), want.prefer == "first") if options else None
