# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired licenses of a task, read from its options. Names are still as written; where is the option that names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..._errors import OptionError
from ..resolve import ServicePlanRule
from ..tables.countries import country_code

_UNSAID = ServicePlanRule()


@dataclass(frozen=True, slots=True)
class WantedLicense:
    """A desired SKU with its service plans, and the alternatives that replace it when no seat is free, in order of preference."""

    sku: str
    plans: ServicePlanRule
    where: str
    alternatives: tuple[WantedLicense, ...] = ()
    prefer: str = ""

    @property
    def choices(self) -> tuple[WantedLicense, ...]:
        """The SKUs of which the user must have one."""
        return (self, *self.alternatives)


@dataclass(frozen=True, slots=True)
class DesiredLicenses:
    """The desired state of M(m365.licensing.user_assign_license) and M(m365.licensing.group_assign_license)."""

    add: tuple[WantedLicense, ...] = ()
    remove: tuple[str, ...] = ()
    is_set: bool = False
    usage_location: str | None = None
    carry_plans: bool = False
    inherited: str = "assign"
    remove_inherited: str = "warn"
    seat_check: str = "enforce"
    plan_check: str = "enforce"
    protect: tuple[str, ...] = ()
    max_removals: int | None = None


@dataclass(frozen=True, slots=True)
class WantedSeat:
    """A seat of an allotment: one of sku and allotment is given. is_any says that of several allotments the one with most seats free is taken.

    An exclusive seat is the only one of its SKU.
    """

    where: str
    sku: str | None = None
    allotment: str | None = None
    subscription_id: str | None = None
    plans: ServicePlanRule = _UNSAID
    is_any: bool = False
    is_exclusive: bool = False


@dataclass(frozen=True, slots=True)
class DesiredAssignment:
    """What M(m365.licensing.cloud_license_assignment) declares."""

    seat: WantedSeat
    is_present: bool = True
    seat_check: str = "enforce"
    plan_check: str = "enforce"
    usage_location: str | None = None


def plan_rule(entry: Mapping, where: str) -> ServicePlanRule:
    """The rule of an entry's disabled_plans, enabled_plans and plans_mode. Raises OptionError for a contradiction."""
    disabled, enabled = entry.get("disabled_plans"), entry.get("enabled_plans")
    is_merge = entry.get("plans_mode") == "merge"
    if disabled is not None and enabled is not None and not is_merge:
        raise OptionError(
            f"{where}disabled_plans and {where}enabled_plans exclude each other: each says the whole list. "
            "Give one of them, or plans_mode: merge to turn some off and others on"
        )
    return ServicePlanRule(_names(disabled), _names(enabled), is_merge)


def wanted_license(entry: Mapping, where: str) -> WantedLicense:
    """A SKU with service plans and alternatives. Raises OptionError for service plans that contradict themselves."""
    listed = (wanted_license(other, f"{where}.alternatives[{index}]") for index, other in enumerate(entry.get("alternatives") or ()))
    return WantedLicense(entry["sku"], plan_rule(entry, f"{where}."), where, tuple(listed), entry.get("prefer") or "")


def desired_licenses(params: Mapping) -> DesiredLicenses:
    """The desired licenses of a task's options. Raises OptionError for what contradicts itself."""
    licenses = params.get("licenses") or {}
    is_set = licenses.get("set") is not None
    if is_set and not licenses["set"] and not params.get("allow_empty"):
        raise OptionError("licenses.set is empty, which removes every direct license: set the option allow_empty: true, next to licenses, if that is intended")
    max_removals = params.get("max_removals")
    if max_removals is not None and max_removals < 0:
        raise OptionError(f"max_removals is {max_removals}: give zero or more")
    part = "set" if is_set else "add"
    return DesiredLicenses(
        add=tuple(wanted_license(entry, f"licenses.{part}[{index}]") for index, entry in enumerate(licenses.get(part) or ())),
        remove=tuple(licenses.get("remove") or ()),
        is_set=is_set,
        usage_location=usage_location_of(params.get("usage_location")),
        carry_plans=bool(params.get("carry_plans")),
        inherited=params.get("inherited") or "assign",
        remove_inherited=params.get("remove_inherited") or "warn",
        seat_check=params.get("seat_check") or "enforce",
        plan_check=params.get("plan_check") or "enforce",
        protect=tuple(params.get("protect") or ()),
        max_removals=max_removals,
    )


def desired_assignment(params: Mapping) -> DesiredAssignment:
    """The desired assignment of a task's options. Raises OptionError for what contradicts itself."""
    if params.get("usage_location") and not (params.get("user") or params.get("me")):
        raise OptionError("usage_location is for users: a group or device has none; leave it out")
    is_any, is_exclusive = params.get("allotment_choice") == "most_available", bool(params.get("exclusive"))
    seat = WantedSeat("", params.get("sku"), params.get("allotment"), params.get("subscription_id"), plan_rule(params, ""), is_any, is_exclusive)
    return DesiredAssignment(
        seat,
        is_present=params.get("state") != "absent",
        seat_check=params.get("seat_check") or "enforce",
        plan_check=params.get("plan_check") or "enforce",
        usage_location=usage_location_of(params.get("usage_location")),
    )


def _names(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def usage_location_of(value: str | None) -> str | None:
    """A country code in capitals. Raises OptionError for an unknown code."""
    return None if value is None else country_code(value, "usage_location")
