#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Direct holders of a SKU: add users, remove users, or set the complete list."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sku_holders
short_description: Manage the direct holders of a SKU
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Assigns a SKU, or one of a chain of SKUs in order of preference, directly to users. With C(set), no other user holds it directly.
  - A user that must hold a SKU and holds none gets the first SKU of the chain with a free seat.
    A user that holds one keeps it; a user that holds several keeps the most preferred.
    A move from one SKU to another is one request.
  - The module changes neither licenses inherited from groups nor other SKUs.
  - Check mode shows assignments (C(add)), removals (C(remove)) and moves (both), in the C(changes) of RV(results) and in the diff.
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
          - SKU part number or id of the SKU; with O(sku_names) also the product display name.
        type: str
        required: true
      disabled_plans:
        description:
          - Service plans to turn off, by name or id. All others are turned on, so an empty list turns all on. If unset, they are unchanged.
        type: list
        elements: str
      enabled_plans:
        description:
          - Service plans to turn on, by name or id. All others are turned off, except those that apply to the organization.
        type: list
        elements: str
      plans_mode:
        description:
          - With V(set), a list of service plans is the whole list. With V(merge), the listed ones are turned off or on, and the others are unchanged.
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
          - Users that must hold one of the SKUs, by object id or user principal name. All others are unchanged.
        type: list
        elements: str
      remove:
        description:
          - Users that must not hold any of the SKUs directly.
        type: list
        elements: str
      set:
        description:
          - The complete list of users that hold one of the SKUs directly. The SKUs are removed from all others. Excludes O(users.add) and O(users.remove).
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
          - What to do with the users of O(users.group) or O(users.filter). With V(set), exactly these users hold one of the SKUs.
            V(add) assigns one to them, and other users keep theirs. V(remove) removes the SKUs from them.
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
      - Two-letter country code (ISO 3166-1) of users that must hold a SKU. It is written before the license, and only when it differs.
    type: str
  carry_plans:
    description:
      - Whether service plans that were off remain off for a user that moves from one SKU to another. They are matched by id, then by name.
    type: bool
    default: false
  inherited:
    description:
      - What to do when a user holds a SKU of the chain through a group only. V(assign) assigns one directly as well, V(accept) accepts it,
        V(fail) is an error for that user.
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
- name: Set the users that have Power BI
  m365.licensing.sku_holders:
    skus:
      - sku: POWER_BI_PRO
    users:
      set: [dave@contoso.example, erin@contoso.example]

- name: Assign E5 to Research, or else E3
  m365.licensing.sku_holders:
    skus:
      - sku: SPE_E5
      - sku: SPE_E3
    users:
      filter: department eq 'Research'
      mode: add
    max_removals: 0

- name: Remove Power BI from the support desk
  m365.licensing.sku_holders:
    skus:
      - sku: POWER_BI_PRO
    users:
      group: Support desk
      mode: remove
"""

RETURN = r"""
results:
  description: The users that O(results) asks for. Users that must not hold a SKU are first, as their seats can be assigned to others.
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
      description: V(changed), V(unchanged), V(failed), or V(skipped) for an entry that a resumed run had done, or that was not sent as the run ended.
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
      description: What failed, for a playbook to branch on, as RV(m365.licensing.user_assign_license#module:failure) has it.
      type: dict
      returned: failure
summary:
  description: How many entries there were of each outcome, how many requests were sent, and for how many seconds requests waited for Graph's limits.
  returned: unless the whole list is rejected before anything is sent
  type: dict
  sample: {total: 1000, changed: 100, unchanged: 899, failed: 1, skipped: 0, requests: 8, seconds_throttled: 0.0}
failure:
  description: What failed. C(code) is V(some_failed) when entries failed, V(ended) when the run was interrupted or stopped.
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
