# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the model for tests without a tenant, with ids that follow from names."""

from __future__ import annotations

import uuid

from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import Allotment, Group, License, Principal, Seats, ServicePlan, Sku, Subscription


def guid(name: str) -> str:
    """The id of a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def sku(name: str, plans: str, free: int = 5, **more) -> Sku:
    """A SKU of ten seats; service plans in capitals are for people, the others for the organization."""
    made = tuple(ServicePlan(guid(f"plan {plan}"), plan, plan.isupper()) for plan in plans.split())
    return Sku(guid(name), name, made, Seats(enabled=10, consumed=10 - free), **more)


def off(*names: str) -> frozenset[str]:
    """The ids of service plans."""
    return frozenset(guid(f"plan {name}") for name in names)


def direct(held: Sku, *names: str) -> License:
    """A direct license with service plans off."""
    return License(held.id, off(*names))


def group(name: str, *skus: Sku, **more) -> Group:
    """A group that assigns SKUs."""
    return Group("group", guid(name), name, licenses=tuple(License(one.id) for one in skus), **more)


def signed(change, names: dict[str, str]) -> str:
    """A change in short: sign and what, with an asterisk where it waits."""
    sign = {"add": "+", "remove": "-", "update": "~", "set": "="}[change.verb]
    return f"{sign}{names.get(change.key, change.key)}{'*' if change.is_late else ''}"


def user(*licenses: License, location: str | None = "DE", name: str = "ann", **more) -> Principal:
    """A user of contoso.example."""
    return Principal("user", guid(name), f"{name}@contoso.example", location, licenses, **more)


def allotment(name: str, held: Sku, free: int = 1, state: str = "enabled") -> Allotment:
    """An allotment of ten seats, fed by one subscription."""
    return Allotment(name, held, 10, 10 - free, frozenset({"user", "group"}), (Subscription(f"sub-{name}", state, "2026-01-01", "2027-01-01"),))
