#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Direct licenses of one user, over assignLicense of Microsoft Graph."""

from __future__ import annotations

DOCUMENTATION = r"""
module: user_assign_license
short_description: Manage the direct licenses of one Microsoft 365 user
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Gives a user licenses, takes them away, and turns their service plans on and off, over C(assignLicense) of Microsoft Graph.
  - SKUs and service plans that the task does not name stay as they are. Licenses that come from a group are never taken for direct ones.
  - Everything that changes travels in one call that Graph carries out as a whole, so a swap leaves no moment without a license.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
options:
  user:
    description:
      - Object id or user principal name of the user.
      - Exactly one of O(user) and O(me) must be given.
    type: str
  me:
    description:
      - Act on the signed-in user. Needs a delegated token.
    type: bool
  usage_location:
    description:
      - Country code of two letters (ISO 3166-1), such as V(DE). It is written before the license, and only when it differs.
      - If unset, the usage location stays as it is. There is no default.
    type: str
  licenses:
    description:
      - The licenses to hold. If unset, only O(usage_location) is looked after.
    type: dict
    suboptions:
      add:
        description:
          - Licenses that the user shall hold. All others stay.
        type: list
        elements: dict
        suboptions: &license
          sku:
            description:
              - Part number such as V(SPE_E5), or id, of the SKU. Case does not matter.
            type: str
            required: true
          disabled_plans:
            description:
              - Service plans, by name or id, that are off, and no others. An empty list turns all on.
                With O(licenses.add[].plans_mode=merge), these are turned off.
              - If unset, the service plans stay as they are. Those of a new license are all on, unless O(carry_plans) says otherwise.
              - When the SKU comes from a group so far, a new direct license begins with the service plans that are off there.
            type: list
            elements: str
          enabled_plans:
            description:
              - Service plans, by name or id, that are on, and no others. Those that apply to the organization and not to people are left alone.
                With O(licenses.add[].plans_mode=merge), these are turned on.
            type: list
            elements: str
          plans_mode:
            description:
              - With V(set), a list of service plans is the whole list. With V(merge), it is what to turn off or on, and the others stay.
            type: str
            default: set
            choices: [set, merge]
      remove:
        description:
          - SKUs, by part number or id, that the user shall not hold directly. One that is not held is no change.
            One that only a group gives is an error that names the group.
        type: list
        elements: str
      set:
        description:
          - Exactly the direct licenses of the user. Every other direct license is removed. An empty list needs O(allow_empty=true).
          - Excludes O(licenses.add) and O(licenses.remove).
        type: list
        elements: dict
        suboptions: *license
  carry_plans:
    description:
      - Whether a license that is added while another is removed begins with the service plans that were off there, matched by id, then by name.
      - Ignored for a license that states all of its service plans, and for one that the user holds already.
    type: bool
    default: false
  inherited:
    description:
      - What to do when the user holds a wanted SKU through a group and not directly. V(assign) assigns it directly as well, which takes no further seat.
        V(accept) leaves it at that. V(fail) is an error. An inherited license in state Error is not held, so it is not accepted.
    type: str
    default: assign
    choices: [assign, accept, fail]
  protect:
    description:
      - SKUs, by part number or id, that are never removed. O(licenses.set) leaves them, and naming one in O(licenses.remove) is an error.
    type: list
    elements: str
  max_removals:
    description:
      - The task fails before anything is written when it would remove more licenses than this. If unset, there is no limit.
    type: int
  allow_empty:
    description:
      - Whether O(licenses.set) may be empty, which removes every direct license.
    type: bool
    default: false
  seat_check:
    description:
      - With V(enforce), the task fails when the tenant has no free seat, in check mode too. With V(try), it warns, and Graph decides.
        Its counters can lag behind a seat that was freed a moment ago.
    type: str
    default: enforce
    choices: [enforce, try]
  wait:
    description:
      - Whether to read until the change shows. Microsoft Graph usually needs seconds for that. The results do not depend on it.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds after which O(wait) fails, naming what does not show.
    type: float
    default: 300
seealso:
  - module: m365.licensing.cloud_license_assignment
"""

EXAMPLES = r"""
- name: Give Alice Microsoft 365 E3 without Yammer, and leave the rest alone
  m365.licensing.user_assign_license:
    user: alice@contoso.example
    usage_location: DE
    licenses:
      add:
        - sku: SPE_E3
          disabled_plans: [YAMMER_ENTERPRISE]

- name: Swap E3 for E5 in one call, with the same service plans off
  m365.licensing.user_assign_license:
    user: bob@contoso.example
    licenses:
      add:
        - sku: SPE_E5
      remove: [SPE_E3]
    carry_plans: true

- name: Turn Sway off and nothing else
  m365.licensing.user_assign_license:
    user: carol@contoso.example
    licenses:
      add:
        - sku: SPE_E3
          disabled_plans: [SWAY]
          plans_mode: merge

- name: Exactly these direct licenses, but never take Power BI away
  m365.licensing.user_assign_license:
    user: dave@contoso.example
    licenses:
      set:
        - sku: SPE_E3
          enabled_plans: [EXCHANGE_S_ENTERPRISE, TEAMS1]
    protect: [POWER_BI_PRO]
    max_removals: 1
"""

RETURN = r"""
user:
  description: The user, as it is after the task.
  returned: success
  type: dict
  contains:
    id:
      description: Object id.
      type: str
      returned: always
      sample: 00000000-0000-4000-8000-000000000001
    user_principal_name:
      description: User principal name.
      type: str
      returned: always
      sample: alice@contoso.example
    usage_location:
      description: Country code, or null.
      type: str
      returned: always
      sample: DE
licenses:
  description: The user's licenses after the task, one row for each way a SKU reaches the user, sorted by SKU.
  returned: success
  type: list
  elements: dict
  contains:
    sku:
      description: Part number of the SKU, or its id when the tenant does not own it.
      type: str
      returned: always
      sample: SPE_E5
    sku_id:
      description: Id of the SKU.
      type: str
      returned: always
      sample: 06ebc4ee-1bb5-47dd-8120-11324bc54e06
    disabled_plans:
      description: Names of the service plans that are off, sorted.
      type: list
      elements: str
      returned: always
      sample: [YAMMER_ENTERPRISE]
    origin:
      description: V(direct), V(group), or V(unknown) when Graph does not say by which way the user holds it.
      type: str
      returned: always
      sample: direct
    group:
      description: Object id of the group that the license comes from, or null.
      type: str
      returned: always
    state:
      description: State of the license. One in state C(Error) is not in effect.
      type: str
      returned: always
      sample: Active
    error:
      description: Error code of the license, or null.
      type: str
      returned: always
changes:
  description:
    - What was done, or in check mode would be done, one row for each license. After a failure, what was done before it.
    - C(action) is one of V(set_usage_location) with C(before) and C(after), V(add) and V(update) with C(sku), C(sku_id) and C(disabled_plans),
      and V(remove) with C(sku) and C(sku_id).
  returned: always
  type: list
  elements: dict
  sample:
    - action: add
      sku: SPE_E5
      sku_id: 06ebc4ee-1bb5-47dd-8120-11324bc54e06
      disabled_plans: []
findings:
  description: Refusals that were predicted (the task failed for them, and nothing was written) and cautions.
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
      description: V(refusal) or V(caution).
      type: str
      returned: always
      sample: refusal
    message:
      description: What is wrong, and what to do about it.
      type: str
      returned: always
failure:
  description: What failed, for a playbook to branch on.
  returned: failure
  type: dict
  contains:
    code:
      description: Code of the finding or of Graph's error, or null.
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
"""

from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired import desired_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.license_changes import plan_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.present import license_result
from ansible_collections.m365.licensing.plugins.module_utils._module.options import CONNECTION, SEAT_CHECK, SERVICE_PLANS, GraphModule, principal_of
from ansible_collections.m365.licensing.plugins.module_utils._module.run import run_module


def make_changes(params, reader):
    """The changes to the user's licenses; reads only."""
    desired = desired_licenses(params)
    user, catalog = reader.user_and_skus(*principal_of(params, ("user", "me")))
    changes = plan_licenses(user, catalog, desired)
    if changes.unnamed_groups:
        changes = plan_licenses(reader.with_group_names(user, changes.unnamed_groups), catalog, desired)
    return changes


def main():
    """Entry point."""
    license_list = {"type": "list", "elements": "dict", "options": {"sku": {"type": "str", "required": True}, **SERVICE_PLANS}}
    module = GraphModule(
        argument_spec={
            **CONNECTION,
            **SEAT_CHECK,
            "user": {"type": "str"},
            "me": {"type": "bool"},
            "usage_location": {"type": "str"},
            "licenses": {
                "type": "dict",
                "options": {"add": license_list, "remove": {"type": "list", "elements": "str"}, "set": license_list},
                "mutually_exclusive": [("set", "add"), ("set", "remove")],
            },
            "carry_plans": {"type": "bool", "default": False},
            "inherited": {"type": "str", "default": "assign", "choices": ["assign", "accept", "fail"]},
            "protect": {"type": "list", "elements": "str"},
            "max_removals": {"type": "int"},
            "allow_empty": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 300.0},
        },
        required_one_of=[("licenses", "usage_location")],
        supports_check_mode=True,
    )
    run_module(module, make_changes, lambda changes, dummy: license_result(changes))


if __name__ == "__main__":
    main()
