# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holders of a chain of SKUs: which SKU is assigned to a user, kept, replaced or removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..catalog import Catalog
from ..model import Principal, Sku
from .licenses import DesiredLicenses, WantedLicense, wanted_license


def chain_of(entries: Sequence[Mapping]) -> tuple[WantedLicense, ...]:
    """The SKUs of a task in their order of preference. Raises OptionError for service plans that contradict themselves."""
    return tuple(wanted_license(entry, f"skus[{index}]") for index, entry in enumerate(entries))


def desired_holder(user: Principal, chain: Sequence[tuple[Sku, WantedLicense]], catalog: Catalog, is_wanted: bool, params: Mapping) -> DesiredLicenses:
    """The desired licenses of one user: exactly one SKU of the chain, or none.

    A holder keeps the most preferred SKU held, or with prefer: first moves up as soon as there is a seat. Every other user gets the first
    SKU with a free seat. All changes are made in one call.
    """
    direct = [sku for sku, dummy in chain if user.direct(sku.id)]
    held = [sku for sku in direct if (lic := user.direct(sku.id)) and lic.is_held]
    elsewhere = [sku for sku, dummy in chain if user.not_direct(sku.id)]
    if not is_wanted:
        return DesiredLicenses(remove=tuple(sku.id for sku in direct or elsewhere))
    if elsewhere and not held and params.get("inherited") == "accept":
        return DesiredLicenses()
    is_inherited = elsewhere and not held and (params.get("inherited") == "fail" or not all(lic.is_known for lic in user.not_direct(elsewhere[0].id)))
    target = elsewhere[0] if is_inherited else _target(user, chain, held, catalog, params.get("prefer") or "held")
    return DesiredLicenses(
        add=tuple(want for sku, want in chain if sku.id == target.id),
        remove=tuple(sku.id for sku in direct if sku.id != target.id),
        usage_location=params.get("usage_location"),
        carry_plans=bool(params.get("carry_plans")),
        inherited=params.get("inherited") or "assign",
        seat_check=params.get("seat_check") or "enforce",
        plan_check=params.get("plan_check") or "enforce",
    )


def _target(user: Principal, chain: Sequence[tuple[Sku, WantedLicense]], held: list[Sku], catalog: Catalog, prefer: str) -> Sku:
    if held and prefer == "held":
        return held[0]
    return first_free(user, [sku for sku, dummy in chain], catalog) or (held[0] if held else chain[0][0])


def first_free(principal: Principal, skus: Sequence[Sku], catalog: Catalog) -> Sku | None:
    """The first SKU that the principal already holds in any way, or that has a free seat."""
    return next((sku for sku in skus if principal.holds(sku.id) or catalog.sku(sku.id).seats.free > 0), None)
