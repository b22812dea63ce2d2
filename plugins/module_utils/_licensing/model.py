# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tenant has, as values: SKUs, service plans, seats, principals, licenses, allotments and assignments.

Ids of SKUs, service plans and directory objects are lower case, so that they compare as Graph compares them.
Ids of allotments and assignments are opaque and are kept as Graph returns them (graph-contract 1.6, no. 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

# loaded first: it reports the required version to an older Python
from .. import _errors  # noqa: F401  # pylint: disable=unused-import

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_guid(text: str) -> bool:
    """Whether the text is a GUID in its usual form, in any case."""
    return _GUID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A part of a SKU. Only a switchable one (it applies to users) can be turned off."""

    id: str
    name: str
    is_switchable: bool = True


@dataclass(frozen=True, slots=True)
class Seats:
    """The seats of a SKU in the tenant; seats in warning can still be assigned (graph-contract 10, no. 29)."""

    enabled: int = 0
    warning: int = 0
    consumed: int = 0
    suspended: int = 0
    locked_out: int = 0

    @property
    def owned(self) -> int:
        """Seats that may be assigned."""
        return self.enabled + self.warning

    @property
    def free(self) -> int:
        """Unused seats; below zero when more are assigned than owned."""
        return self.owned - self.consumed


@dataclass(frozen=True, slots=True)
class Sku:
    """A licensed product. A SKU that the tenant does not own (any more) has is_owned false and no service plans."""

    id: str
    part_number: str
    service_plans: tuple[ServicePlan, ...] = ()
    seats: Seats = Seats()
    applies_to: str = "User"
    status: str = "Enabled"
    is_owned: bool = True


@dataclass(frozen=True, slots=True)
class License:
    """One path by which a principal holds a SKU: direct, or inherited from the group of group_id.

    is_known is false when Graph lists the SKU as held, but not by which path. Such a license must not be treated as direct.
    """

    sku_id: str
    disabled_plans: frozenset[str] = frozenset()
    group_id: str | None = None
    state: str = "Active"
    error: str | None = None
    is_known: bool = True

    @property
    def is_direct(self) -> bool:
        """Whether the license is the principal's own."""
        return self.is_known and self.group_id is None

    @property
    def is_held(self) -> bool:
        """Whether the license is in effect; one in state Error is not (graph-contract 4.3)."""
        return self.state.lower() != "error"


@lru_cache(maxsize=10_000)
def shared(lic: License) -> License:
    """Return one shared object for all equal licenses: a large tenant has few kinds of them, and each is kept once."""
    return lic


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, group or device. is_enabled and last_sign_in are of users, null where they were not read or Graph does not report them."""

    kind: str
    id: str
    name: str
    usage_location: str | None = None
    licenses: tuple[License, ...] = ()
    group_names: dict[str, str] = field(default_factory=dict)
    is_me: bool = False
    display_name: str | None = None
    is_enabled: bool | None = None
    last_sign_in: str | None = None

    def direct(self, sku_id: str) -> License | None:
        """The direct license of a SKU, in effect or not."""
        return next((lic for lic in self.licenses if lic.sku_id == sku_id and lic.is_direct), None)

    def not_direct(self, sku_id: str) -> tuple[License, ...]:
        """The licenses of a SKU that are not direct and are in effect."""
        return tuple(lic for lic in self.licenses if lic.sku_id == sku_id and not lic.is_direct and lic.is_held)

    def holds(self, sku_id: str) -> bool:
        """Whether the SKU is in effect by any path. If so, assigning it takes no further seat."""
        return any(lic.sku_id == sku_id and lic.is_held for lic in self.licenses)


@dataclass(frozen=True, slots=True)
class Group(Principal):
    """A group to which licenses are assigned. members are the names of its direct user members by id, null where they were not read.

    nested are the names of groups among the members. managed_by says what else determines the members, such as a rule.
    """

    is_security_enabled: bool = True
    is_role_assignable: bool = False
    processing_state: str | None = None
    members: dict[str, str] | None = None
    nested: tuple[str, ...] = ()
    managed_by: str | None = None

    @property
    def member_count(self) -> int | None:
        """How many users are direct members, null where that was not read."""
        return None if self.members is None else len(self.members)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription that feeds an allotment. Dates are as YYYY-MM-DD (graph-contract 1.6, no. 11)."""

    id: str
    state: str = ""
    start_date: str | None = None
    next_lifecycle_date: str | None = None


@dataclass(frozen=True, slots=True)
class Allotment:
    """An allotment of cloudLicensing: a pool of seats of one SKU."""

    id: str
    sku: Sku
    allotted: int = 0
    consumed: int = 0
    assignable_to: frozenset[str] = frozenset()
    subscriptions: tuple[Subscription, ...] = ()

    @property
    def free(self) -> int:
        """Unused seats."""
        return self.allotted - self.consumed

    @property
    def has_ended(self) -> bool:
        """Whether every subscription that feeds it has ended. An unknown state counts as active."""
        return bool(self.subscriptions) and all(sub.state.lower() in ("suspended", "lockedout", "deleted") for sub in self.subscriptions)

    @property
    def subscription_ids(self) -> frozenset[str]:
        """The ids of the subscriptions that feed it."""
        return frozenset(sub.id for sub in self.subscriptions)


@dataclass(frozen=True, slots=True)
class Assignment:
    """An assignment of an allotment to a principal; id is None until it is created."""

    id: str | None
    allotment_id: str | None
    sku_id: str | None
    disabled_plans: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Holder:
    """The principal that holds an assignment, waits for a seat or has an error, as far as Graph reports it."""

    kind: str | None
    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class AssignmentError:
    """Why a principal does not have what an assignment says (graph-contract 4.4)."""

    id: str | None
    code: str | None
    message: str | None
    since: str | None
    sku_id: str | None


@dataclass(frozen=True, slots=True)
class WaitingMember:
    """A principal in the queue of an allotment without free seats."""

    id: str | None
    since: str | None
    allotment: Allotment


@dataclass(frozen=True, slots=True)
class CompanySubscription:
    """A subscription of the tenant that provides seats of a SKU. The date is as YYYY-MM-DD."""

    sku_id: str
    status: str
    next_lifecycle_date: str | None


@dataclass(frozen=True, slots=True)
class UsageRight:
    """What a principal may use of a SKU: the service plans that are on by any path, and the allotments that it has a seat of."""

    sku_id: str | None
    sku: str
    service_plan_ids: frozenset[str]
    service_plan_names: tuple[str, ...]
    allotment_ids: tuple[str, ...] = ()


def reached_by(rights: Iterable[UsageRight]) -> frozenset[str]:
    """The ids of the allotments on which usage rights show a seat, by any path."""
    return frozenset(allotment_id for right in rights for allotment_id in right.allotment_ids)


@dataclass(frozen=True, slots=True)
class CloudState:
    """A principal with its assignments, and the tenant's allotments.

    rights are what the principal may use by any path, as far as Graph reports it.
    """

    principal: Principal
    assignments: tuple[Assignment, ...]
    allotments: tuple[Allotment, ...]
    rights: tuple[UsageRight, ...] = ()
    are_rights_known: bool = True

    @property
    def reached(self) -> frozenset[str]:
        """The ids of the allotments on which the principal has a seat by any path."""
        return reached_by(self.rights)

    def allotment(self, allotment_id: str | None) -> Allotment | None:
        """The allotment of an id."""
        return next((pool for pool in self.allotments if pool.id == allotment_id), None)

    def with_principal(self, principal: Principal) -> CloudState:
        """Return the same state with an updated principal."""
        return replace(self, principal=principal)
