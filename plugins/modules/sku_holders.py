#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who holds a SKU: these people, these and no others, or these no longer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sku_holders
short_description: Manage who holds a SKU
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Looks at a SKU, or a chain of SKUs in order of preference, and makes users hold it directly. With C(set), no other user holds it.
  - Who shall hold one and holds none gets the first SKU of the chain of which a seat is free. Who holds one keeps it, and of several the most preferred.
    Who moves from one to another does so in one call.
  - Licenses that come from groups are left alone. Other SKUs are not touched.
  - Check mode says who gains (C(add)), who loses (C(remove)) and who moves (both), in the C(changes) of RV(results) and in the diff.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._licenses.checks
  - m365.licensing._bulk
options:
  skus:
    description:
      - The SKU, or SKUs in order of preference.
    type: list
    elements: dict
    required: true
    suboptions:
      sku:
        description:
          - Part number or id of the SKU; with O(sku_names) also the product name.
        type: str
        required: true
      disabled_plans:
        description:
          - Service plans, by name or id, that are off, and no others. An empty list turns all on. If unset, they stay as they are.
        type: list
        elements: str
      enabled_plans:
        description:
          - Service plans, by name or id, that are on, and no others. Those that apply to the organization are left alone.
        type: list
        elements: str
      plans_mode:
        description:
          - With V(set), a list of service plans is the whole list. With V(merge), it is what to turn off or on, and the others stay.
        type: str
        default: set
        choices: [set, merge]
  users:
    description:
      - The users.
    type: dict
    required: true
    suboptions:
      add:
        description:
          - People who shall hold one of the SKUs, by object id or user principal name. All others stay as they are.
        type: list
        elements: str
      remove:
        description:
          - People who shall not hold any of the SKUs directly.
        type: list
        elements: str
      set:
        description:
          - Exactly the users who hold one of the SKUs directly. It is removed from all others. Excludes O(users.add) and O(users.remove).
        type: list
        elements: str
      group:
        description:
          - The direct members of this group, by object id or exact display name.
        type: str
      filter:
        description:
          - The users that match this OData filter, such as V(department eq 'Sales').
        type: str
      mode:
        description:
          - What to do with the people of O(users.group) or O(users.filter). V(set) makes them exactly those who hold one of the SKUs,
            V(add) makes them hold one beside others, V(remove) takes it from them.
        type: str
        default: set
        choices: [set, add, remove]
  prefer:
    description:
      - With V(held), a user who holds a SKU of the chain keeps it. With V(first), users get the most preferred SKU with a free seat.
    type: str
    default: held
    choices: [held, first]
  usage_location:
    description:
      - Country code of two letters (ISO 3166-1), written for people who shall hold a SKU, before the license, and only when it differs.
    type: str
  carry_plans:
    description:
      - Whether who moves from one SKU to another keeps the service plans off that were off, matched by id, then by name.
    type: bool
    default: false
  inherited:
    description:
      - What to do when a user holds a SKU of the chain through a group only. V(assign) assigns one directly as well, V(accept) accepts it,
        V(fail) is an error for that person.
    type: str
    default: assign
    choices: [assign, accept, fail]
  max_removals:
    description:
      - The task fails before anything is written when it would remove more licenses than this. If unset, there is no limit.
    type: int
  allow_empty:
    description:
      - Whether the SKUs may be removed from all users.
    type: bool
    default: false
seealso:
  - module: m365.licensing.users_assign_license
  - module: m365.licensing.user_license_info
"""

EXAMPLES = r"""
- name: Exactly these people have Power BI
  m365.licensing.sku_holders:
    skus:
      - sku: POWER_BI_PRO
    users:
      set: [dave@contoso.example, erin@contoso.example]

- name: Assign E5 to Research, or E3 when no seat of E5 is free
  m365.licensing.sku_holders:
    skus:
      - sku: SPE_E5
      - sku: SPE_E3
    users:
      filter: department eq 'Research'
      mode: add
    max_removals: 0

- name: The support desk no longer has Power BI
  m365.licensing.sku_holders:
    skus:
      - sku: POWER_BI_PRO
    users:
      group: Support desk
      mode: remove
"""

RETURN = r"""
results:
  description: The people that O(results) asks for. Those who shall not hold a SKU come first, as others may take their seats.
  returned: unless the whole list is rejected before anything is sent
  type: list
  elements: dict
  contains:
    user:
      description: The user, as the task names it, else the user principal name.
      type: str
      returned: always
      sample: alice@contoso.example
    outcome:
      description: V(changed), V(unchanged), V(failed), or V(skipped) for what was done in the run that is taken up, or not sent as the run has ended.
      type: str
      returned: always
      sample: changed
    changed:
      description: Whether something was done, or in check mode would be.
      type: bool
      returned: always
    failed:
      description: Whether it failed.
      type: bool
      returned: always
    changes:
      description: What was done, or in check mode would be, as RV(m365.licensing.user_assign_license#module:changes) has it.
      type: list
      elements: dict
      returned: always
    findings:
      description: Predicted errors and warnings, as RV(m365.licensing.user_assign_license#module:findings) has them.
      type: list
      elements: dict
      returned: always
    msg:
      description: What failed, and what to do about it.
      type: str
      returned: failure
    failure:
      description: The same for a playbook to branch on, as RV(m365.licensing.user_assign_license#module:failure) has it.
      type: dict
      returned: failure
summary:
  description: How many there were of each, how many requests were sent, and for how many seconds requests waited for Graph's limits.
  returned: unless the whole list is rejected before anything is sent
  type: dict
  sample: {total: 1000, changed: 100, unchanged: 899, failed: 1, skipped: 0, requests: 8, seconds_throttled: 0.0}
failure:
  description: What failed. C(code) is V(some_failed) when entries did, V(ended) when the run was interrupted or stopped.
  returned: failure
  type: dict
  sample: {code: some_failed, status: null, request_id: null, retriable: true, remedy: null}
"""

from ansible_collections.m365.licensing.plugins.module_utils._module.clients.holder_entries import HolderEntries
from ansible_collections.m365.licensing.plugins.module_utils._module.clients.lists import run_list
from ansible_collections.m365.licensing.plugins.module_utils._module.options import BULK, CHECKS, SERVICE_PLANS, SHARED, GraphModule


def main():
    """Entry point."""
    names = {"type": "list", "elements": "str"}
    people = {
        "add": names,
        "remove": names,
        "set": names,
        "group": {"type": "str"},
        "filter": {"type": "str"},
        "mode": {"type": "str", "default": "set", "choices": ["set", "add", "remove"]},
    }
    sku = {"sku": {"type": "str", "required": True}, **SERVICE_PLANS}
    module = GraphModule(
        argument_spec={
            **SHARED,
            **BULK,
            **CHECKS,
            "skus": {"type": "list", "elements": "dict", "required": True, "options": sku},
            "users": {"type": "dict", "required": True, "options": people, "mutually_exclusive": [("set", "add"), ("set", "remove"), ("group", "filter")]},
            "prefer": {"type": "str", "default": "held", "choices": ["held", "first"]},
            "usage_location": {"type": "str"},
            "carry_plans": {"type": "bool", "default": False},
            "inherited": {"type": "str", "default": "assign", "choices": ["assign", "accept", "fail"]},
            "max_removals": {"type": "int"},
            "allow_empty": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_list(module, HolderEntries)


if __name__ == "__main__":
    main()
