#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tenant owns: SKUs, their seats and service plans."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sku_info
short_description: Seats and service plans of the SKUs of a tenant
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Reads the SKUs that the tenant owns, with seats owned, used and free, and with their service plans. That takes one request.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.info_attributes
options:
  skus:
    description:
      - Only these SKUs, by SKU part number or id; with O(sku_names) also by product display name. If unset, all.
    type: list
    elements: str
seealso:
  - module: m365.licensing.user_license_info
  - module: m365.licensing.cloud_license_info
"""

EXAMPLES = r"""
- name: Read the SKUs of the tenant
  m365.licensing.sku_info:

- name: Read the seats of E5
  m365.licensing.sku_info:
    skus: [SPE_E5]
"""

RETURN = r"""
skus:
  description: The SKUs, sorted.
  returned: success
  type: list
  elements: dict
  contains:
    sku:
      description: SKU part number.
      type: str
      returned: always
      sample: SPE_E5
    sku_id:
      description: Id.
      type: str
      returned: always
      sample: 06ebc4ee-1bb5-47dd-8120-11324bc54e06
    name:
      description: Product display name, with O(sku_names), or null.
      type: str
      returned: always
      sample: Microsoft 365 E5
    applies_to:
      description: V(User), or V(Company) for a SKU that can't be assigned to users.
      type: str
      returned: always
    status:
      description: State of the subscription. Only V(Enabled) and V(Warning) can be assigned.
      type: str
      returned: always
      sample: Enabled
    seats:
      description: Seats C(owned) (enabled and warning), C(used) and C(free), below zero when more are assigned than owned,
        and those C(enabled), C(warning), C(suspended) and C(locked_out).
      type: dict
      returned: always
      sample: {owned: 14, used: 5, free: 9, enabled: 12, warning: 2, suspended: 0, locked_out: 0}
    service_plans:
      description: The service plans, sorted, each with C(service_plan), C(service_plan_id), C(name), the display name (with O(sku_names)),
        and C(is_switchable), whether it can be turned off for one user.
      type: list
      elements: dict
      returned: always
failure:
  description: What failed, for a playbook to branch on.
  returned: failure
  type: dict
  contains:
    code:
      description: Short name of what failed, else Graph's own code, or null.
      type: str
      returned: always
    status:
      description: HTTP status of Graph's answer, or null.
      type: int
      returned: always
    request_id:
      description: Graph's request id, for Microsoft's support, or null.
      type: str
      returned: always
    retriable:
      description: Whether the same task may succeed later.
      type: bool
      returned: always
    remedy:
      description: What to do about it, or null.
      type: str
      returned: always
"""

from ansible_collections.m365.licensing.plugins.module_utils._licensing.resolve import gone, sku_ids_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.rows import sku_row
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule
from ansible_collections.m365.licensing.plugins.module_utils._module.run import run_info


def read(params, session):
    """The SKUs that are asked for."""
    catalog = session.reader.catalog()
    ids = None if params["skus"] is None else sku_ids_of(catalog, params["skus"], "skus")
    rows = [sku_row(sku, catalog) for sku in catalog if ids is None or sku.id in ids]
    warnings = [text for sku_id in ids or () for text in gone(catalog, sku_id)]
    return {"skus": sorted(rows, key=lambda row: (row["sku"], row["sku_id"])), "warnings": warnings}


def main():
    """Entry point."""
    module = GraphModule(argument_spec={**SHARED, "skus": {"type": "list", "elements": "str"}}, supports_check_mode=True)
    run_info(module, read)


if __name__ == "__main__":
    main()
