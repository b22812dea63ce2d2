# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage one of a plan: names become ids, layers become the desired holdings of one user. What follows sees no name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..._errors import Problem
from ..desired.licenses import WantedLicense, WantedSeat
from ..model import Allotment, Principal, Sku
from ..observed import Observed, Tenant
from ..resolve import ResolvedPlans, Resolver
from . import predict

if TYPE_CHECKING:  # a task on one user need not read them
    from ..desired.licensed_users import DesiredRun, DesiredUser, Layer


@dataclass(frozen=True, slots=True)
class Option:
    """A SKU that may be assigned, with its service plans, and where it is declared."""

    sku: Sku
    plans: ResolvedPlans
    where: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some SKUs, in order of preference. With prefer "first", a better one replaces one that is held; without one, that is so for a mover."""

    options: tuple[Option, ...]
    prefer: str = ""

    @property
    def prefers_first(self) -> bool:
        """Whether a better SKU replaces one that is held."""
        return self.prefer == "first"

    @property
    def sku_ids(self) -> frozenset[str]:
        """The ids of all SKUs among which is chosen."""
        return frozenset(option.sku.id for option in self.options)


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat of one of some allotments of a SKU. With is_any, of several the one with most seats free is taken; with is_exclusive, other seats are deleted."""

    sku: Sku
    allotments: tuple[Allotment, ...]
    plans: ResolvedPlans
    where: str
    is_any: bool = False
    is_exclusive: bool = False

    @property
    def sku_ids(self) -> frozenset[str]:
        """The id of the SKU, as that of the only one among which is chosen."""
        return frozenset((self.sku.id,))

    def sku_in(self, allotment: Allotment) -> Sku:
        """The SKU with the service plans of an allotment, where it lists any: those of two allotments may differ."""
        return allotment.sku if allotment.sku.service_plans else self.sku

    @property
    def allotment_ids(self) -> frozenset[str]:
        """The ids of the allotments."""
        return frozenset(one.id for one in self.allotments)


_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Holdings:
    """Ids of what profiles assign by any alternative."""

    sku_ids: frozenset[str] = _NOTHING
    allotment_ids: frozenset[str] = _NOTHING
    group_ids: frozenset[str] = _NOTHING


@dataclass(frozen=True, slots=True)
class Resolved:
    """The desired holdings of a user, by id. removable are those of previous profiles, keep are SKUs that stay in any case.

    is_release says that everything else is removed, is_return that the user has had it before, so that Graph decides on service plans that conflict.
    problems are errors of the user, and warnings.
    """

    choices: tuple[Choice, ...] = ()
    usage_location: str | None = None
    removable: Holdings = Holdings()
    keep: frozenset[str] = _NOTHING
    problems: tuple[Problem, ...] = ()
    seats: tuple[Seat, ...] = ()
    group_ids: tuple[str, ...] = ()
    is_release: bool = False
    is_return: bool = False

    @property
    def has_choice(self) -> bool:
        """Whether the seats that are left decide what the user gets."""
        several = any(len(choice.options) > 1 for choice in self.choices) or any(seat.is_any and len(seat.allotments) > 1 for seat in self.seats)
        return self.is_return or several

    @property
    def declared(self) -> tuple:
        """What is desired, to be compared: without the places in files."""
        choices = {(tuple((option.sku.id, option.plans) for option in choice.options), choice.prefers_first) for choice in self.choices}
        seats = {(seat.sku.id, seat.allotment_ids, seat.plans, seat.is_any) for seat in self.seats}
        common = self.usage_location, self.removable, self.keep, frozenset(self.group_ids), self.is_release
        return choices, seats, common, {problem.cause for problem in self.problems}


@dataclass(frozen=True, slots=True)
class _Part:
    """What one layer declares, or several together."""

    choices: tuple[Choice, ...] = ()
    seats: tuple[Seat, ...] = ()
    group_ids: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def holdings(self) -> Holdings:
        """Everything that may be assigned."""
        return Holdings(
            _NOTHING.union(*(choice.sku_ids for choice in self.choices)),
            _NOTHING.union(*(seat.allotment_ids for seat in self.seats)),
            frozenset(self.group_ids),
        )


class ProfileResolver:
    """Resolves users. A layer that many share is resolved once; warnings are what concerns no user in particular."""

    def __init__(self, tenant: Tenant, run: DesiredRun, protect: Iterable[str], returns: Mapping[str, Resolved]) -> None:
        """returns are the desired holdings of users who come back, by id."""
        self._tenant, self._run, self._profiles, self._returns = tenant, run, run.profiles, returns
        self._layers: dict[int, _Part] = {}
        self._users: dict[tuple, Resolved] = {}
        self._named: dict[str, Holdings] = {}
        self._names: dict[tuple[str, ...], tuple[frozenset[str], tuple[Problem, ...]]] = {}
        self.warnings: dict[str, Problem] = {}
        self._protect, unknown = self._named_skus(tuple(protect))
        self._unprotected = tuple(replace(problem, where=f"protect{problem.where}") for problem in unknown)
        self._kept, unknown = self._named_skus(run.keep)
        self._unkept = tuple(replace(problem, where=f"keep{problem.where}") for problem in unknown)

    def user(self, desired: DesiredUser, user: Principal) -> Resolved:
        """The desired holdings of a user."""
        if desired.state == "restored":
            back = self._returns.get(user.id, Resolved())
            return replace(back, keep=self._protect, problems=(*back.problems, *self._unprotected), is_return=True)
        previous = self._run.previous_of(desired, user)
        exchange = desired.after_release
        known = (tuple(id(layer) for layer in desired.layers), previous, desired.keep, desired.state, id(exchange) if exchange else 0)
        if known not in self._users:
            self._users[known] = self._resolved(desired, previous)
        resolved = self._users[known]
        unknown = self._named_skus(desired.keep)[1]
        placed = tuple(replace(problem, where=f"{desired.where}.keep{problem.where}") for problem in unknown)
        for name in desired.keep if desired.state == "released" else ():
            if (ids := self._named_skus((name,))[0]) and not any(map(user.holds, ids)):
                placed += (replace(predict.keep_not_held(user, name), where=f"{desired.where}.keep"),)
        return replace(resolved, problems=(*resolved.problems, *placed)) if placed else resolved

    def due(self, desired: DesiredUser, user: Observed | None) -> list[str]:
        """The SKU part numbers of the seats that a user will need."""
        held = {lic.sku_id for lic in user.user.licenses if lic.is_held} if user else set()
        part = self._merged(desired.layers)
        named: list[Choice | Seat] = [*part.choices, *part.seats]
        needed = [(one.sku if isinstance(one, Seat) else one.options[0].sku).id for one in named if not one.sku_ids & held]
        through = {lic.sku_id for group_id in part.group_ids for lic in self._tenant.groups[group_id].licenses} - held
        return [self._tenant.catalog.sku(key).part_number for key in dict.fromkeys([*needed, *sorted(through)])]

    def _resolved(self, desired: DesiredUser, previous: tuple[str, ...]) -> Resolved:
        keep = self._named_skus(desired.keep)[0] | self._protect
        if desired.state == "released":
            part = self._merged((desired.after_release,)) if desired.after_release else _Part()
            problems = (*part.problems, *self._unprotected, *self._unkept)
            return Resolved(part.choices, keep=keep | self._kept, problems=problems, is_release=True)
        part = self._merged(desired.layers)
        named = [self._of_profile(name) for name in previous]
        removable = Holdings(
            _NOTHING.union(*(one.sku_ids for one in named)),
            _NOTHING.union(*(one.allotment_ids for one in named)),
            _NOTHING.union(*(one.group_ids for one in named)),
        )
        locations = [layer.usage_location for layer in desired.layers if layer.usage_location]
        location = locations[-1] if locations else None
        choices = tuple(replace(one, prefer=one.prefer or "first") for one in part.choices) if previous else part.choices
        return Resolved(choices, location, removable, keep, (*part.problems, *self._unprotected), part.seats, part.group_ids)

    def check_profiles(self) -> None:
        """Resolves the SKUs that no user has, so that a mistake there is a warning. Their groups and allotments were not read."""
        unused = {id(layer): layer for layers in self._profiles.values() for layer in layers if id(layer) not in self._layers}
        bare = [replace(layer, groups=(), seats=()) for layer in unused.values()]
        for problem in (problem for layer in bare for problem in self._resolve(layer).problems):
            self._warn(problem)

    def _named_skus(self, names: tuple[str, ...]) -> tuple[frozenset[str], tuple[Problem, ...]]:
        """SKUs that stay. One that the tenant does not know is an error, as nothing may be removed by mistake; its place is that in the list."""
        if names not in self._names:
            resolver = Resolver(self._tenant.catalog)
            ids = [resolver.sku_ids(name, f"[{index}]") for index, name in enumerate(names)]
            self._names[names] = _NOTHING.union(*ids), resolver.taken()
        return self._names[names]

    def _of_profile(self, name: str) -> Holdings:
        """What a profile assigns by any alternative, with what it inherits. A name that the tenant does not know removes nothing."""
        if name not in self._named:
            part = self._merged(self._profiles[name])
            for problem in part.problems:
                self._warn(problem)
            self._named[name] = part.holdings()
        return self._named[name]

    def _warn(self, problem: Problem) -> None:
        self.warnings.setdefault(problem.message, replace(problem, severity="warning"))

    def _resolve(self, layer: Layer) -> _Part:
        if id(layer) not in self._layers:
            resolver = Resolver(self._tenant.catalog)
            choices = tuple(choice for want in layer.licenses if (choice := choice_of(want, resolver)) is not None)
            seats = [seat_of(want, resolver, self._tenant) for want in layer.seats]
            problems = [*resolver.taken(), *(one for one in seats if isinstance(one, Problem))]
            groups = [(name, self._tenant.group_ids.get(name)) for name in layer.groups]
            for index, (name, group_id) in enumerate(groups):
                if group_id is None:
                    problems.append(replace(self._tenant.faults[name], where=f"{layer.where}.groups[{index}]"))
            ids = tuple(dict.fromkeys(group_id for dummy, group_id in groups if group_id))
            self._layers[id(layer)] = _Part(choices, tuple(one for one in seats if isinstance(one, Seat)), ids, tuple(problems))
        return self._layers[id(layer)]

    def _merged(self, layers: tuple[Layer, ...]) -> _Part:
        """What all layers declare. A layer replaces what an earlier one says of a SKU; a SKU that is left in two places is an error."""
        choices: tuple[Choice, ...] = ()
        seats: tuple[Seat, ...] = ()
        groups: dict[str, None] = {}
        problems: tuple[Problem, ...] = ()
        for layer in layers:
            part = self._resolve(layer)
            own = _NOTHING.union(*(choice.sku_ids for choice in part.choices), *(seat.sku_ids for seat in part.seats))
            choices = (*(choice for choice in choices if choice.options[0].sku.id not in own), *part.choices)
            seats = (*(seat for seat in seats if seat.sku.id not in own), *part.seats)
            groups |= dict.fromkeys(part.group_ids)
            problems += part.problems
        first: dict[str, str] = {}
        named = [(option.sku, option.where) for choice in choices for option in choice.options] + [(seat.sku, seat.where) for seat in seats]
        for sku, where in named:
            earlier = first.setdefault(sku.id, where)
            if earlier != where:
                problems += (Problem(f"SKU {sku.part_number} is also at {earlier}; name each SKU in one place", code="named_twice", where=where),)
        return _Part(choices, seats, tuple(groups), problems)


def choice_of(want: WantedLicense, resolver: Resolver) -> Choice | None:
    """A license with its alternatives, by id, as far as the tenant knows them; nothing where it knows none. The resolver takes note of the others."""
    options = []
    for one in (want, *want.alternatives):
        sku = resolver.sku(one.sku, f"{one.where}.sku")
        if sku is not None:
            options.append(Option(sku, resolver.rule(sku, one.plans, f"{one.where}."), one.where))
    return Choice(tuple(options), want.prefer) if options else None


def seat_of(want: WantedSeat, resolver: Resolver, tenant: Tenant, is_removed: bool = False) -> Seat | Problem | None:
    """The allotments that could serve; with is_removed there may be none. Nothing when the SKU is unknown, of which the resolver has taken note."""
    at = f"{want.where}." if want.where else ""
    named = None if want.allotment else resolver.sku(want.sku or "", f"{at}sku")
    if want.allotment:
        found = [one for one in tenant.allotments if one.id.lower() == want.allotment.lower()]
        known = ", ".join(f"{one.id} ({one.sku.part_number})" for one in tenant.allotments) or "none"
        problem = Problem(f"the tenant has no allotment {want.allotment!r}; it has {known}", code="name_unknown", where=f"{at}allotment")
    elif named is None:
        return None
    else:
        found = [one for one in tenant.allotments if one.sku.id == named.id]
        problem = Problem(f"the tenant has no allotment of {named.part_number}", "assign it as a license", "name_unknown", where=f"{at}sku")
    if found and want.subscription_id:
        known = ", ".join(sorted(one for pool in found for one in pool.subscription_ids)) or "none"
        found = [one for one in found if want.subscription_id.lower() in one.subscription_ids]
        problem = Problem(f"no allotment has it; known are {known}", code="name_unknown", where=f"{at}subscription_id")
    sku = found[0].sku if found else named
    if sku is None or not (found or (is_removed and not want.subscription_id)):
        return problem
    owned = tenant.catalog.sku(sku.id)
    sku = owned if owned.is_owned else sku
    return Seat(sku, tuple(sorted(found, key=lambda one: one.id)), resolver.rule(sku, want.plans, at), want.where, want.is_any, want.is_exclusive)
