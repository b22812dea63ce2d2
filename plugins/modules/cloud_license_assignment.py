#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One assignment of a user, group or device on an allotment, over the cloudLicensing API of Microsoft Graph (beta)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_license_assignment
short_description: Manage one cloudLicensing assignment of a user, group or device
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Creates, changes and deletes the assignment of a principal on an allotment, over the C(cloudLicensing) API of Microsoft Graph.
    An allotment is a pool of seats of one SKU.
  - The API is beta and only in the global cloud. Microsoft does not support it in production.
  - An existing assignment is changed in place. The module never creates it a second time, even when an answer was lost.
  - Do not manage one principal's SKU with both this module and M(m365.licensing.user_assign_license). Both act on the same licenses.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._licenses.checks
options:
  user:
    description:
      - Object id or user principal name of a user.
      - Exactly one of O(user), O(group), O(device) and O(me) must be given.
    type: str
  group:
    description:
      - Object id or exact display name of a group. A display name of several groups is an error that lists their ids.
    type: str
  device:
    description:
      - Object id or exact display name of a device. A display name of several devices is an error that lists their ids.
    type: str
  me:
    description:
      - Act on the signed-in user. Needs a delegated token.
    type: bool
  sku:
    description:
      - SKU part number or id of the SKU; with O(sku_names) also the product display name.
      - An existing assignment of the SKU decides on the allotment, else O(allotment_choice).
      - Exactly one of O(sku) and O(allotment) must be given.
    type: str
  allotment:
    description:
      - Id of the allotment.
    type: str
  subscription_id:
    description:
      - Only allotments to which this subscription contributes. If unset, all allotments of the SKU.
    type: str
  usage_location:
    description:
      - Two-letter country code (ISO 3166-1) of a user, such as V(DE). It is written before the assignment, and only when it differs.
      - If unset, the usage location is unchanged. There is no default. Ignored with O(state=absent).
    type: str
  disabled_plans:
    description:
      - Service plans to turn off, by name or id. All others are turned on, so an empty list turns all on.
        With O(plans_mode=merge), only these are turned off.
      - If unset, the service plans are unchanged. A new assignment takes the service plans that the user has through groups, else all are on.
    type: list
    elements: str
  enabled_plans:
    description:
      - Service plans to turn on, by name or id. All others are turned off, except those that can't be assigned to users.
        With O(plans_mode=merge), only these are turned on.
    type: list
    elements: str
  plans_mode:
    description:
      - With V(set), a list of service plans is the whole list. With V(merge), the listed ones are turned off or on, and the others are unchanged.
    type: str
    default: set
    choices: [set, merge]
  state:
    description:
      - Whether the assignment must exist. V(absent) deletes every assignment of the principal that O(sku), O(allotment) and O(subscription_id) describe,
        and ignores service plans.
    type: str
    default: present
    choices: [present, absent]
  allotment_choice:
    description:
      - What to do when several allotments of the SKU could serve a new assignment. With V(only), that is an error that lists them.
        V(most_available) takes the one with the most free seats.
    type: str
    default: only
    choices: [only, most_available]
  exclusive:
    description:
      - Whether to leave exactly one assignment of the SKU. The module creates the desired one first, then deletes the others.
    type: bool
    default: false
  route:
    description:
      - Which path of the Graph API is used to write, for least privilege. V(principal) is the path of the user, group or device,
        V(admin) that of the organization, V(allotment) that of the allotment. Reads are the same for all.
    type: str
    default: principal
    choices: [principal, admin, allotment]
seealso:
  - module: m365.licensing.user_assign_license
  - module: m365.licensing.cloud_license_info
"""

EXAMPLES = r"""
- name: Assign E5 to Alice, without Yammer
  m365.licensing.cloud_license_assignment:
    user: alice@contoso.example
    usage_location: DE
    sku: SPE_E5
    disabled_plans: [YAMMER_ENTERPRISE]

- name: Assign Power BI to the support desk
  m365.licensing.cloud_license_assignment:
    group: Support desk
    sku: POWER_BI_PRO
    allotment_choice: most_available

- name: Remove Intune from a device
  m365.licensing.cloud_license_assignment:
    device: KIOSK-01
    sku: INTUNE_A_D
    state: absent
"""

RETURN = r"""
assignment:
  description: The assignment after the task, or null when there is none. When several exist and none had to change, it is one of them.
  returned: success
  type: dict
  contains:
    id:
      description: Id of the assignment. In check mode, null for one that would be created.
      type: str
      returned: always
      sample: 405ee855-0000-4000-8000-000000000001
    allotment:
      description: Id of the allotment.
      type: str
      returned: always
    sku:
      description: SKU part number.
      type: str
      returned: always
      sample: SPE_E5
    sku_id:
      description: Id of the SKU, or of the allotment when Graph reports no SKU for it.
      type: str
      returned: always
      sample: 06ebc4ee-1bb5-47dd-8120-11324bc54e06
    disabled_plans:
      description: Names of the service plans that are off, sorted.
      type: list
      elements: str
      returned: always
      sample: [YAMMER_ENTERPRISE]
changes:
  description:
    - What was done, or in check mode would be done, one row for each assignment. After a failure, what was done before it.
    - C(action) is V(create), V(update) or V(delete), with C(assignment), C(allotment), C(sku) and C(sku_id), and C(disabled_plans) unless it is V(delete);
      or V(set_usage_location) with C(before) and C(after).
  returned: always
  type: list
  elements: dict
  sample:
    - action: delete
      assignment: 405ee855-0000-4000-8000-000000000001
      allotment: 5t7a3xjq
      sku: SPE_E5
      sku_id: 06ebc4ee-1bb5-47dd-8120-11324bc54e06
findings:
  description: Predicted errors (the task failed for them, and nothing was written) and warnings.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: Short name of the finding.
      type: str
      returned: always
      sample: no_seats
    severity:
      description: V(error) or V(warning).
      type: str
      returned: always
      sample: error
    message:
      description: What is wrong, and what to do about it.
      type: str
      returned: always
    remedy:
      description: What to do about it, alone, or null.
      type: str
      returned: always
failure:
  description: What failed, for a playbook to branch on.
  returned: failure
  type: dict
  contains:
    code:
      description: Code of the predicted error, or of the error that Graph answered, else Graph's own code, or null.
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

from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licenses import desired_assignment
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.assignments import plan_assignment
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.results import assignment_result
from ansible_collections.m365.licensing.plugins.module_utils._module.clients.single import run_module
from ansible_collections.m365.licensing.plugins.module_utils._module.options import CHECKS, SERVICE_PLANS, SHARED, GraphModule, principal_of


def make_changes(params, reader):
    """The changes to the principal's assignments; reads only."""
    desired = desired_assignment(params)
    state = reader.cloud_state(*principal_of(params, ("user", "group", "device", "me")))
    changes = plan_assignment(state, desired, reader.names)
    if changes.wants_members:
        changes = plan_assignment(state.with_principal(reader.with_members(state.principal)), desired, reader.names)
    return changes


def main():
    """Entry point."""
    module = GraphModule(
        argument_spec={
            **SHARED,
            **SERVICE_PLANS,
            **CHECKS,
            "user": {"type": "str"},
            "group": {"type": "str"},
            "device": {"type": "str"},
            "me": {"type": "bool"},
            "sku": {"type": "str"},
            "allotment": {"type": "str"},
            "subscription_id": {"type": "str"},
            "usage_location": {"type": "str"},
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "allotment_choice": {"type": "str", "default": "only", "choices": ["only", "most_available"]},
            "exclusive": {"type": "bool", "default": False},
            "route": {"type": "str", "default": "principal", "choices": ["principal", "admin", "allotment"]},
        },
        mutually_exclusive=[("sku", "allotment")],
        required_one_of=[("sku", "allotment")],
        supports_check_mode=True,
    )
    run_module(module, make_changes, assignment_result)


if __name__ == "__main__":
    main()
