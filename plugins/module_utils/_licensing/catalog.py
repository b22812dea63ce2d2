# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and ids of SKUs and service plans. The SKUs that the tenant owns decide what a name means; an id is always valid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .model import Sku
from .tables.product_names import NO_NAMES, ProductNames


class Catalog:
    """The SKUs of a tenant by SKU part number, by id and, with names, by product display name."""

    def __init__(self, skus: Iterable[Sku] = (), names: ProductNames = NO_NAMES) -> None:
        self._by_id = {sku.id: sku for sku in skus}
        self.names = names

    def __iter__(self):
        return iter(self._by_id.values())

    def sku(self, sku_id: str) -> Sku:
        """The SKU of an id. A SKU that the tenant does not own has its id as its name."""
        return self._by_id.get(sku_id) or Sku(sku_id, sku_id, is_owned=False)

    def with_skus(self, skus: Iterable[Sku]) -> Catalog:
        """The catalog with SKUs that it lacks: the tenant may have no subscription of the SKU of an allotment."""
        return Catalog([*({sku.id: sku for sku in skus} | self._by_id).values()], self.names)

    def take(self, sku_id: str, seats: int) -> None:
        """Add to the seats in use of a SKU; a negative number frees seats."""
        sku = self._by_id.get(sku_id)
        if sku is not None:
            self._by_id[sku_id] = replace(sku, seats=replace(sku.seats, consumed=sku.seats.consumed + seats))

    def label(self, sku_id: str) -> str:
        """The SKU part number, with the id where two SKUs share the part number."""
        part_number = self.sku(sku_id).part_number
        is_shared = sum(sku.part_number == part_number for sku in self) > 1
        return f"{part_number} ({sku_id})" if is_shared else part_number

    def service_plan_names(self, sku_id: str, service_plan_ids: Iterable[str]) -> list[str]:
        """The names of service plans of a SKU, sorted. An unknown service plan is listed by its id."""
        known = {plan.id: plan.name for plan in self.sku(sku_id).service_plans}
        return sorted(known.get(service_plan_id, service_plan_id) for service_plan_id in service_plan_ids)

    def name_of(self, some_id: str) -> str | None:
        """The SKU part number or the service plan name of an id, None for an unknown one."""
        if some_id in self._by_id:
            return self._by_id[some_id].part_number
        plans = (plan.name for sku in self for plan in sku.service_plans if plan.id == some_id)
        return next(plans, None) or self.names.service_plan_name(some_id) or self.names.sku_name(some_id)
