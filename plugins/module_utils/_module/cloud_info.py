# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What M(m365.licensing.cloud_license_info) returns: the parts of cloudLicensing that are asked for, as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .._errors import OptionError
from .._licensing.catalog import Catalog
from .._licensing.resolve import sku_ids_of
from .._licensing.show.rows import allotment_row, assignment_row, cloud_error_row, right_row, waiting_row
from .session import Session


def read_cloud(params: Mapping, session: Session) -> dict[str, list[dict]]:
    """The parts of gather, of the whole tenant or of some principals. Raises OptionError for a part that Graph does not list for a whole tenant."""
    gather, named = set(params["gather"]), session.cloud.named(params)
    if "usage_rights" in gather and named is None:
        raise OptionError("gather: usage_rights need principals; set users, groups or devices, or remove usage_rights")
    allotments = session.cloud.allotments()
    catalog = Catalog([pool.sku for pool in allotments], session.reader.names)
    (sku_id,) = sku_ids_of(catalog, [params["sku"]], "sku") if params["sku"] else (None,)
    cloud = session.cloud
    parts: dict[str, Callable[[], Iterable[dict]]] = {
        "allotments": lambda: sorted((allotment_row(pool, catalog) for pool in allotments), key=lambda row: (row["sku"], row["id"])),
        "assignments": lambda: (assignment_row(held, holder, catalog) for held, holder in cloud.assignments(named)),
        "errors": lambda: (cloud_error_row(error, holder, catalog) for error, holder in cloud.errors(named)),
        "waiting_members": lambda: (waiting_row(waiting, holder, catalog) for waiting, holder in cloud.waiting_members(named, allotments)),
        "usage_rights": lambda: (right_row(right, holder) for right, holder in cloud.usage_rights(named or [])),
    }
    return {name: [row for row in rows() if sku_id in (None, row["sku_id"])] for name, rows in parts.items() if name in gather}
