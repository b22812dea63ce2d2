#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many assignments of users, groups and devices on allotments, over the cloudLicensing API of Microsoft Graph (beta), in one process."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_license_assignments
short_description: Manage many cloudLicensing assignments of users, groups and devices
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Does for a list of principals what M(m365.licensing.cloud_license_assignment) does for one, in one process.
  - Principals are read in pages or batches, whichever takes fewer requests, and written in batches of twenty, several in parallel, as fast as Graph allows.
  - Seats are counted across the whole list. An entry with an error is reported, and the others are carried out.
  - The API is beta and only in the global cloud. Microsoft does not support it in production.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._bulk
options:
  assignments:
    description:
      - The assignments. What an entry does not set is taken from the module option of the same name.
      - The same assignment twice is an error when the entries differ, however the principal is named.
      - Entries of one principal are written one after the other.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description:
          - Object id or user principal name of a user. Exactly one of C(user), C(group) and C(device) must be given.
        type: str
      group:
        description:
          - Object id or exact display name of a group.
        type: str
      device:
        description:
          - Object id or exact display name of a device.
        type: str
      allotment:
        description:
          - Id of the allotment, instead of a SKU.
        type: str
      sku:
        description:
          - As O(sku), for this entry.
        type: str
      subscription_id:
        description:
          - As O(subscription_id), for this entry.
        type: str
      usage_location:
        description:
          - As O(usage_location), for this entry.
        type: str
      disabled_plans:
        description:
          - As O(disabled_plans), for this entry.
        type: list
        elements: str
      enabled_plans:
        description:
          - As O(enabled_plans), for this entry.
        type: list
        elements: str
      plans_mode:
        description:
          - As O(plans_mode), for this entry.
        type: str
        choices: [set, merge]
      state:
        description:
          - As O(state), for this entry.
        type: str
        choices: [present, absent]
      allotment_choice:
        description:
          - As O(allotment_choice), for this entry.
        type: str
        choices: [only, most_available]
      exclusive:
        description:
          - As O(exclusive), for this entry.
        type: bool
      route:
        description:
          - As O(route), for this entry.
        type: str
        choices: [principal, admin, allotment]
      seat_check:
        description:
          - As O(seat_check), for this entry.
        type: str
        choices: [enforce, try]
      plan_check:
        description:
          - As O(plan_check), for this entry.
        type: str
        choices: [enforce, try]
  sku:
    description:
      - SKU part number or id of the SKU; with O(sku_names) also the product display name.
      - An existing assignment of the SKU decides on the allotment.
    type: str
  subscription_id:
    description:
      - Only allotments to which this subscription contributes.
    type: str
  usage_location:
    description:
      - Two-letter country code (ISO 3166-1) of users, such as V(DE). It is written before the assignment, and only when it differs.
    type: str
  disabled_plans:
    description:
      - Service plans to turn off, by name or id. All others are turned on, so an empty list turns all on. If unset, they are unchanged.
    type: list
    elements: str
  enabled_plans:
    description:
      - Service plans to turn on, by name or id. All others are turned off, except those that can't be assigned to users.
    type: list
    elements: str
  plans_mode:
    description:
      - With V(set), the default, a list of service plans is the whole list. With V(merge), only the listed ones are turned off or on.
    type: str
    choices: [set, merge]
  state:
    description:
      - Whether the assignment must exist. V(present) is the default. V(absent) deletes every assignment that the entry describes.
    type: str
    choices: [present, absent]
  allotment_choice:
    description:
      - What to do when several allotments could serve a new assignment. V(only), the default, is an error. V(most_available) takes the one
        with the most free seats.
    type: str
    choices: [only, most_available]
  exclusive:
    description:
      - Whether to leave exactly one assignment of the SKU. The module creates the desired one first, then deletes the others.
    type: bool
  route:
    description:
      - Which path of the Graph API is used to write, for least privilege, as in M(m365.licensing.cloud_license_assignment).
        V(principal) is the default.
    type: str
    choices: [principal, admin, allotment]
  seat_check:
    description:
      - With V(enforce), the default, a principal without a free seat fails before anything is sent. With V(try), Graph decides.
    type: str
    choices: [enforce, try]
  plan_check:
    description:
      - With V(enforce), the default, service plans that, as Microsoft lists them, exclude each other are an error. With V(try), Graph decides.
    type: str
    choices: [enforce, try]
  max_removals:
    description:
      - The task fails before anything is written when it would delete more assignments than this. If unset, there is no limit.
    type: int
seealso:
  - module: m365.licensing.cloud_license_assignment
  - module: m365.licensing.cloud_license_info
"""

EXAMPLES = r"""
- name: Assign seats to two users and a group
  m365.licensing.cloud_license_assignments:
    assignments:
      - user: grace@contoso.example
        sku: SPE_E5
        disabled_plans: [SWAY]
      - user: alice@contoso.example
        usage_location: DE
        sku: SPE_E5
        disabled_plans: [SWAY]
      - group: Support desk
        sku: POWER_BI_PRO
    allotment_choice: most_available

- name: Remove Intune from two devices
  m365.licensing.cloud_license_assignments:
    assignments:
      - device: KIOSK-01
      - device: KIOSK-02
    sku: INTUNE_A_D
    state: absent
"""

RETURN = r"""
results:
  description: The entries that O(results) asks for, in the order given.
  returned: unless the whole list is rejected before anything is sent
  type: list
  elements: dict
  contains:
    user:
      description: The user, as the entry names it.
      type: str
      returned: for users
      sample: grace@contoso.example
    group:
      description: The group, as the entry names it.
      type: str
      returned: for groups
    device:
      description: The device, as the entry names it.
      type: str
      returned: for devices
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
      description: What was done, or in check mode would be, as RV(m365.licensing.cloud_license_assignment#module:changes) has it.
      type: list
      elements: dict
      returned: always
    findings:
      description: Predicted errors and warnings, as RV(m365.licensing.cloud_license_assignment#module:findings) has them.
      type: list
      elements: dict
      returned: always
    msg:
      description: What failed, and what to do about it.
      type: str
      returned: failure
    failure:
      description: What failed, for a playbook to branch on, as RV(m365.licensing.cloud_license_assignment#module:failure) has it.
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

from ansible_collections.m365.licensing.plugins.module_utils._module.clients.assignment_entries import AssignmentEntries
from ansible_collections.m365.licensing.plugins.module_utils._module.clients.lists import run_list
from ansible_collections.m365.licensing.plugins.module_utils._module.options import BULK, CHECKS, SERVICE_PLANS, SHARED, GraphModule, without_defaults


def main():
    """Entry point."""
    text = {"type": "str"}
    own = {
        **without_defaults({**SERVICE_PLANS, **CHECKS}),
        "sku": text,
        "subscription_id": text,
        "usage_location": text,
        "state": {"type": "str", "choices": ["present", "absent"]},
        "allotment_choice": {"type": "str", "choices": ["only", "most_available"]},
        "exclusive": {"type": "bool"},
        "route": {"type": "str", "choices": ["principal", "admin", "allotment"]},
    }
    entry = {"user": text, "group": text, "device": text, "allotment": text, **own}
    listed = {"type": "list", "elements": "dict", "required": True, "options": entry}
    module = GraphModule(argument_spec={**SHARED, **BULK, **own, "max_removals": {"type": "int"}, "assignments": listed}, supports_check_mode=True)
    run_list(module, AssignmentEntries)


if __name__ == "__main__":
    main()
