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
  - Assigns licenses to a user, removes them, and turns their service plans on and off, over C(assignLicense) of Microsoft Graph.
  - SKUs and service plans that the task does not name are unchanged. Inherited licenses never count as direct ones.
  - All changes are in one request that Graph carries out as a whole, so the user is never without a license during a swap.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._licenses
  - m365.licensing._licenses.checks
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
      - Two-letter country code (ISO 3166-1), such as V(DE). It is written before the license, and only when it differs.
      - If unset, the usage location is unchanged. There is no default.
    type: str
  inherited:
    description:
      - What to do when the user holds a desired SKU through a group and not directly. V(assign) assigns it directly as well, which uses no further seat.
        V(accept) keeps only the inherited one. V(fail) is an error. An inherited license in state Error does not count as held, so it is not accepted.
    type: str
    default: assign
    choices: [assign, accept, fail]
  remove_inherited:
    description:
      - What to do with a SKU of O(licenses.remove) that only a group assigns. V(warn) changes nothing and warns. V(fail) is an error.
        Both name the group.
      - With V(warn), a second run of the task succeeds even when a group still assigns the SKU.
    type: str
    default: warn
    choices: [warn, fail]
  wait:
    description:
      - Whether to read until the change shows. Microsoft Graph usually needs seconds for that. The results do not depend on it.
    type: bool
    default: false
seealso:
  - module: m365.licensing.group_assign_license
  - module: m365.licensing.cloud_license_assignment
  - module: m365.licensing.user_license_info
"""

EXAMPLES = r"""
- name: Assign E3 to Alice, without Yammer
  m365.licensing.user_assign_license:
    user: alice@contoso.example
    usage_location: DE
    licenses:
      add:
        - sku: SPE_E3
          disabled_plans: [YAMMER_ENTERPRISE]

- name: Swap E3 for E5, keep service plans off
  m365.licensing.user_assign_license:
    user: bob@contoso.example
    licenses:
      add:
        - sku: SPE_E5
      remove: [SPE_E3]
    carry_plans: true

- name: Turn off Sway only
  m365.licensing.user_assign_license:
    user: carol@contoso.example
    licenses:
      add:
        - sku: SPE_E3
          disabled_plans: [SWAY]
          plans_mode: merge

- name: Set the direct licenses, but protect Power BI
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
  description: The user's licenses after the task, one row for each assignment path of a SKU, sorted by SKU.
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
      description: V(direct), V(group), or V(unknown) when Graph does not report the assignment path.
      type: str
      returned: always
      sample: direct
    group:
      description: Object id of the group that assigns the license, or null.
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
from ansible_collections.m365.licensing.plugins.module_utils._module.options import CHECKS, INHERITED, LICENSES, SHARED, GraphModule, principal_of


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
    module = GraphModule(
        argument_spec={
            **SHARED,
            **LICENSES,
            **CHECKS,
            "user": {"type": "str"},
            "me": {"type": "bool"},
            "usage_location": {"type": "str"},
            **INHERITED,
        },
        required_one_of=[("licenses", "usage_location")],
        supports_check_mode=True,
    )
    run_module(module, make_changes, license_result)


if __name__ == "__main__":
    main()
