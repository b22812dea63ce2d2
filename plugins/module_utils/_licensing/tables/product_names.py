# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Product display names from Microsoft's file "Product names and service plan identifiers for licensing"."""

from __future__ import annotations

import csv
from collections.abc import Iterable

from ..._errors import OptionError

_SKU, _PART, _SKU_ID = "Product_Display_Name", "String_Id", "GUID"
_PLAN_CODE, _PLAN_ID, _PLAN = "Service_Plan_Name", "Service_Plan_Id", "Service_Plans_Included_Friendly_Names"
_COLUMNS = (_SKU, _PART, _SKU_ID, _PLAN_CODE, _PLAN_ID, _PLAN)


class ProductNames:
    """Product display names and their ids. A name can stand for several SKUs; in the file, 15 names do."""

    def __init__(self, rows: Iterable[dict[str, str]] = ()) -> None:
        self._names: dict[str, str] = {}
        self._plan_names: dict[str, str] = {}
        self._ids: dict[str, set[str]] = {}
        self._ids_of_part: dict[str, set[str]] = {}
        self._plan_ids: dict[str, set[str]] = {}
        for row in rows:
            self._add(**row)

    def _add(self, sku: str, part: str, sku_id: str, plan: str, service_plan_id: str, plan_code: str) -> None:
        self._names.setdefault(sku_id, sku)
        self._ids.setdefault(sku.lower(), set()).add(sku_id)
        self._ids_of_part.setdefault(part.lower(), set()).add(sku_id)
        if service_plan_id and plan:
            self._plan_names.setdefault(service_plan_id, plan)
            self._plan_names.setdefault(plan_code.lower(), plan)
            self._plan_ids.setdefault(plan.lower(), set()).add(service_plan_id)

    def sku_ids(self, name: str) -> frozenset[str]:
        """The ids of the SKUs of a product display name, else of a SKU part number, in any case."""
        key = _clean(name).lower()
        return frozenset(self._ids.get(key, set()) or self._ids_of_part.get(key, set()))

    def service_plan_ids(self, name: str) -> frozenset[str]:
        """The ids of the service plans of a friendly name, in any case."""
        return frozenset(self._plan_ids.get(_clean(name).lower(), ()))

    def sku_name(self, name: str) -> str | None:
        """The product display name of an id, or of a SKU part number that only one SKU has."""
        ids = self._ids_of_part.get(_clean(name).lower(), set())
        return self._names.get(name.lower()) or (self._names[next(iter(ids))] if len(ids) == 1 else None)

    def service_plan_name(self, name: str) -> str | None:
        """The friendly name of the id or name of a service plan."""
        return self._plan_names.get(_clean(name).lower())


def product_names(lines: Iterable[str], where: str) -> ProductNames:
    """The names of the lines of Microsoft's file. Raises OptionError, which names where, for another file.

    The file has no-break spaces, also at the end of ids, blanks and tabs around part numbers, and several rows for each SKU.
    """
    try:
        reader = csv.DictReader(lines)
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        rows = [] if missing else [{column: _clean(row[column] or "") for column in _COLUMNS} for row in reader]
    except csv.Error as error:
        raise OptionError(f"{where} is not a CSV file: {error}. {_REMEDY}") from None
    if missing:
        raise OptionError(f"{where} has no column {' and no column '.join(missing)}. {_REMEDY}")
    return ProductNames(
        {
            "sku": row[_SKU],
            "part": row[_PART],
            "sku_id": row[_SKU_ID].lower(),
            "plan": row[_PLAN],
            "service_plan_id": row[_PLAN_ID].lower(),
            "plan_code": row[_PLAN_CODE],
        }
        for row in rows
        if row[_SKU_ID] and row[_SKU]
    )


def _clean(text: str) -> str:
    """The text without blanks around it, and with each run of blanks inside, no-break ones too, as one."""
    return " ".join(text.split())


_REMEDY = 'Give Microsoft\'s file "Product names and service plan identifiers for licensing", as it is downloaded'
NO_NAMES = ProductNames()
