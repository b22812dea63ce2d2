#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""cloudLicensing of a tenant, or of some principals: allotments, assignments, errors, waiting members, usage rights."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_license_info
short_description: Allotments, assignments, errors and waiting members of cloudLicensing
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Reads the allotments of a tenant, their assignments, waiting members and assignment errors, over the C(cloudLicensing) API of Microsoft Graph (beta).
  - For the whole tenant, or for some users, groups and devices.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.info_attributes
options:
  users:
    description:
      - Only these users, by object id or user principal name.
      - If O(users), O(groups) and O(devices) are unset, the whole tenant.
    type: list
    elements: str
  groups:
    description:
      - Only these groups, by object id or exact display name.
    type: list
    elements: str
  devices:
    description:
      - Only these devices, by object id or exact display name.
    type: list
    elements: str
  sku:
    description:
      - Only results for this SKU, by SKU part number or id; with O(sku_names) also by product display name.
    type: str
  gather:
    description:
      - What to read. Each takes one or more requests. V(usage_rights) is for principals only, not for the whole tenant.
        Graph has no V(errors) for groups and devices, and no V(waiting_members) for groups.
    type: list
    elements: str
    choices: [allotments, assignments, errors, waiting_members, usage_rights]
    default: [allotments, assignments, errors, waiting_members]
seealso:
  - module: m365.licensing.cloud_license_assignment
  - module: m365.licensing.sku_info
"""

EXAMPLES = r"""
- name: Read allotments, assignments and waiting members
  m365.licensing.cloud_license_info:

- name: Read the usage rights of a user
  m365.licensing.cloud_license_info:
    users: [erin@contoso.example]
    gather: [assignments, usage_rights]

- name: Read the seats of the allotments of Power BI
  m365.licensing.cloud_license_info:
    sku: POWER_BI_PRO
    gather: [allotments]
"""

RETURN = r"""
allotments:
  description: The allotments, sorted by SKU, each with C(id), C(sku), C(sku_id), C(name) (with O(sku_names)), C(seats), C(assignable_to) and C(subscriptions).
  returned: with O(gather=allotments)
  type: list
  elements: dict
  sample:
    - id: 5t7a3xjq
      sku: SPE_E5
      sku_id: 06ebc4ee-1bb5-47dd-8120-11324bc54e06
      name: null
      seats: {owned: 4, used: 2, free: 2}
      assignable_to: [group, user]
      subscriptions:
        - id: 405ee855-0000-4000-8000-000000000002
          state: active
          start_date: "2026-01-01"
          next_lifecycle_date: "2027-01-01"
assignments:
  description: The assignments, each with C(id), C(allotment), C(sku), C(sku_id), C(disabled_plans) by name, and C(assigned_to) with C(kind), C(id)
    and C(display_name).
  returned: with O(gather=assignments)
  type: list
  elements: dict
errors:
  description: Why principals do not have what is assigned to them, each with C(sku), C(code), C(message), C(since), C(cause), C(remedy) and C(assigned_to).
  returned: with O(gather=errors)
  type: list
  elements: dict
waiting_members:
  description: The members that wait for a seat, each with C(allotment), C(sku), C(since) and C(assigned_to).
  returned: with O(gather=waiting_members)
  type: list
  elements: dict
usage_rights:
  description: What principals may use, each with C(sku), C(service_plans) by name that are on, C(allotments) and C(assigned_to).
  returned: with O(gather=usage_rights)
  type: list
  elements: dict
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

from ansible_collections.m365.licensing.plugins.module_utils._module.cloud_info import read_cloud
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule
from ansible_collections.m365.licensing.plugins.module_utils._module.run import run_info


def main():
    """Entry point."""
    parts = ["allotments", "assignments", "errors", "waiting_members", "usage_rights"]
    names = {"type": "list", "elements": "str"}
    module = GraphModule(
        argument_spec={
            **SHARED,
            "users": names,
            "groups": names,
            "devices": names,
            "sku": {"type": "str"},
            "gather": {"type": "list", "elements": "str", "choices": parts, "default": parts[:-1]},
        },
        supports_check_mode=True,
    )
    run_info(module, read_cloud)


if __name__ == "__main__":
    main()
