#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Licenses of many groups, over assignLicense of Microsoft Graph."""

from __future__ import annotations

DOCUMENTATION = r"""
module: groups_assign_license
short_description: Manage the licenses of many Microsoft Entra groups
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Assigns licenses to the groups of a list, which their members inherit (group-based licensing), and removes them, over C(assignLicense) of Microsoft Graph.
  - The list has the form of C(licensing_groups) in M(m365.licensing.licensed_users). All groups are planned before anything is written.
    A group with an error doesn't stop the others.
  - SKUs and service plans that an entry does not name are unchanged. All changes of a group are in one request.
  - The module lists the members that the licenses of these groups don't reach, with cause and remedy.
  - A run of more than 30 seconds shows its progress, on a terminal and where the variable C(license_progress) is true.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._bulk
options:
  groups:
    description:
      - The groups. Each has C(group) (object id or exact display name), C(licenses) as a profile has them, C(remove) (SKUs),
        C(exactly) (whether the group has no other licenses), C(protect) and C(max_removals).
      - A text is read as YAML or JSON.
      - A SKU in C(remove) that the tenant doesn't have removes nothing, and is a warning.
    type: raw
    required: true
  protect:
    description:
      - SKUs that are never removed, in addition to those in C(protect) of an entry.
    type: list
    elements: str
  max_removals:
    description:
      - How many licenses the run may remove from the members of all groups together. A license removed from a group counts once per member,
        unless the group gets another one instead.
      - Beyond this limit, nothing is written. The results and the diff show what would be.
    type: int
  wait:
    description:
      - Whether to read until Graph has assigned the licenses to the members. That takes minutes, and for a large group up to a day.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait for each group at most.
    type: float
    default: 300.0
  member_errors:
    description:
      - What to do about members that the licenses of these groups don't reach.
      - V(warn) returns them, V(fail) fails the task as well, V(ignore) doesn't read them.
    type: str
    default: warn
    choices: [warn, fail, ignore]
  group_errors:
    description:
      - V(fail) fails the task when entries have errors. Ansible prints no diff of a failed task.
      - With V(report), the task succeeds, so that the diff is printed. RV(lines) then has the errors, and RV(msg) reports in one line that there are some.
        Validation errors and sign-in errors always fail the task.
    type: str
    default: fail
    choices: [fail, report]
seealso:
  - module: m365.licensing.group_assign_license
  - module: m365.licensing.licensed_users
  - module: m365.licensing.group_license_info
"""

EXAMPLES = r"""
- name: License groups from a file
  m365.licensing.groups_assign_license:
    groups:
      - group: Support desk
        licenses:
          - sku: SPE_E3
            disabled_plans: [SWAY]
    max_removals: 50

- name: Swap E3 for E5 and wait for members
  m365.licensing.groups_assign_license:
    groups:
      - group: Support desk
        licenses: [{sku: SPE_E5}]
        remove: [SPE_E3]
    wait: true
"""

RETURN = r"""
results:
  description: The entries that O(results) asks for, in the order given.
  returned: once the groups were read
  type: list
  elements: dict
  contains:
    group:
      description: The group, as the entry names it.
      type: str
      returned: always
      sample: Support desk
    outcome:
      description: V(changed), V(unchanged), V(failed) or V(skipped).
      type: str
      returned: always
      sample: changed
    changed:
      description: Whether something was done, or in check mode would be.
      type: bool
      returned: always
    failed:
      description: Whether the entry has errors, or the request failed.
      type: bool
      returned: always
    changes:
      description: What was done, or in check mode would be, as RV(m365.licensing.group_assign_license#module:changes) has it.
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
members_with_errors:
  description: The members that licenses don't reach, as RV(m365.licensing.group_license_info#module:members_with_errors) has them.
  returned: once the groups were read
  type: list
  elements: dict
summary:
  description:
    - How many groups there were of each outcome, and how many licenses don't reach a member. Also, how many requests were sent,
      and for how many seconds requests waited for Graph's limits.
  returned: once the groups were read
  type: dict
  sample: {total: 3, changed: 1, unchanged: 2, failed: 0, skipped: 0, waiting: 0, members_with_errors: 0, requests: 5, seconds_throttled: 0.0}
lines:
  description: The outcome of the groups, in a few lines. These are the counts, then up to ten errors, and up to ten members that licenses don't reach.
  returned: once the groups were read
  type: list
  elements: str
  sample: ["3 groups: 1 changed, 2 unchanged"]
msg:
  description: What failed, and what to do about it.
  returned: failure, or with O(group_errors=report) when something failed
  type: str
ansible_stats:
  description:
    - What a workflow passes on, as C(set_stats) does. C(license_summary) has the counts of C(groups), with the number of C(errors) by code, and the C(diff)
      as text, as far as 20,000 characters go. Without C(--diff), it is empty.
    - Ansible takes it from tasks that do not fail, so it needs O(group_errors=report).
  returned: once the groups were read
  type: dict
plan_digest:
  description: The digest of the plan. Two runs with the same digest make the same changes.
  returned: once the groups were read
  type: str
  sample: 5b2c1d7f8a90e3c4
failure:
  description:
    - What failed. C(code) is V(too_many_removals) when the run exceeds its removal limit, V(some_failed) when groups failed, V(members_in_error) for members
      that licenses don't reach, V(ended) when the run stopped.
  returned: failure
  type: dict
  sample: {code: some_failed, status: null, request_id: null, retriable: true, remedy: null}
"""

from ansible_collections.m365.licensing.plugins.module_utils._module.clients.licensed_groups import run_licensed_groups
from ansible_collections.m365.licensing.plugins.module_utils._module.options import BULK, SHARED, GraphModule


def main():
    """Entry point."""
    module = GraphModule(
        argument_spec={
            **SHARED,
            **BULK,
            "groups": {"type": "raw", "required": True},
            "protect": {"type": "list", "elements": "str"},
            "max_removals": {"type": "int"},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 300.0},
            "member_errors": {"type": "str", "default": "warn", "choices": ["warn", "fail", "ignore"]},
            "group_errors": {"type": "str", "default": "fail", "choices": ["fail", "report"]},
        },
        supports_check_mode=True,
    )
    run_licensed_groups(module)


if __name__ == "__main__":
    main()
