#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Licenses of one group, over assignLicense of Microsoft Graph."""

from __future__ import annotations

DOCUMENTATION = r"""
module: group_assign_license
short_description: Manage the licenses of one Microsoft Entra group
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Assigns licenses to a group, which its members inherit, removes them, and turns their service plans on and off, over C(assignLicense) of Microsoft Graph.
  - SKUs and service plans that the task does not name are unchanged. All changes are in one request.
  - Graph assigns the licenses to the members later. O(wait=true) waits for that, and returns the members that they did not reach, with the reason.
  - Members of nested groups get no licenses, and only a security-enabled group can have licenses.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._licenses
options:
  group:
    description:
      - Object id or exact display name of the group. A display name of several groups is an error that lists their ids.
    type: str
    required: true
  wait:
    description:
      - Whether to read until Graph has assigned the licenses to the members. That takes minutes, and for a large group up to a day.
      - It also waits when nothing has to change, but an earlier change is still being processed.
    type: bool
    default: false
seealso:
  - module: m365.licensing.user_assign_license
  - module: m365.licensing.group_license_info
"""

EXAMPLES = r"""
- name: Assign E3 without Sway to a group
  m365.licensing.group_assign_license:
    group: Support desk
    licenses:
      add:
        - sku: SPE_E3
          disabled_plans: [SWAY]

- name: Swap E3 for E5, list members in error
  m365.licensing.group_assign_license:
    group: Support desk
    licenses:
      add:
        - sku: SPE_E5
      remove: [SPE_E3]
    carry_plans: true
    wait: true
    wait_timeout: 3600

- name: Set exactly one license, with a removal limit
  m365.licensing.group_assign_license:
    group: Support desk
    licenses:
      set:
        - sku: SPE_E3
          enabled_plans: [EXCHANGE_S_ENTERPRISE, TEAMS1]
    max_removals: 1
"""

RETURN = r"""
group:
  description: The group.
  returned: success
  type: dict
  contains:
    id:
      description: Object id.
      type: str
      returned: always
    display_name:
      description: Display name.
      type: str
      returned: always
      sample: Support desk
licenses:
  description: The group's licenses after the task, sorted by SKU.
  returned: success
  type: list
  elements: dict
  contains:
    sku:
      description: SKU part number, or the id when the tenant does not own the SKU.
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
      description: Always V(direct), the group's own.
      type: str
      returned: always
      sample: direct
    group:
      description: Always null.
      type: str
      returned: always
    state:
      description: Always C(Active). Errors of the members are in RV(members_with_errors).
      type: str
      returned: always
    error:
      description: Always null.
      type: str
      returned: always
processing:
  description: How far Graph has come with assigning the licenses to the members.
  returned: with O(wait=true), not in check mode, also when O(wait_timeout) has passed
  type: dict
  contains:
    state:
      description: C(QueuedForProcessing), C(ProcessingInProgress) or C(ProcessingComplete).
      type: str
      returned: always
      sample: ProcessingComplete
    seconds_waited:
      description: Seconds that the task has waited.
      type: float
      returned: always
members_with_errors:
  description: The members that a license of the group did not reach, one row for each license.
  returned: with O(wait=true), not in check mode
  type: list
  elements: dict
  contains:
    id:
      description: Object id of the user.
      type: str
      returned: always
    user_principal_name:
      description: User principal name.
      type: str
      returned: always
      sample: ivan@contoso.example
    sku:
      description: SKU part number.
      type: str
      returned: always
      sample: SPE_E5
    sku_id:
      description: Id of the SKU.
      type: str
      returned: always
    group:
      description: Object id of the group.
      type: str
      returned: always
    error:
      description: Graph's code, such as C(CountViolation).
      type: str
      returned: always
      sample: CountViolation
    cause:
      description: What it means.
      type: str
      returned: always
    remedy:
      description: What to do about it.
      type: str
      returned: always
changes:
  description:
    - What was done, or in check mode would be done, one row for each license. After a failure, what was done before it.
    - C(action) is one of V(add) and V(update) with C(sku), C(sku_id) and C(disabled_plans),
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

from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licenses import desired_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.licenses import plan_licenses
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.results import license_result
from ansible_collections.m365.licensing.plugins.module_utils._module.clients.single import run_module
from ansible_collections.m365.licensing.plugins.module_utils._module.options import LICENSES, SHARED, GraphModule


def make_changes(params, reader):
    """The changes to the group's licenses; reads only."""
    desired = desired_licenses(params)
    group, catalog = reader.group_and_skus(params["group"])
    changes = plan_licenses(group, catalog, desired)
    if changes.wants_members:
        changes = plan_licenses(reader.with_members(group), catalog, desired)
    return changes


def main():
    """Entry point."""
    module = GraphModule(
        argument_spec={**SHARED, **LICENSES, "group": {"type": "str", "required": True}},
        required_if=[("wait", False, ("licenses",))],
        supports_check_mode=True,
    )
    run_module(module, make_changes, license_result)


if __name__ == "__main__":
    main()
