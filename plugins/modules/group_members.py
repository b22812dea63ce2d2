#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Direct members of one group, to which group-based licensing assigns licenses."""

from __future__ import annotations

DOCUMENTATION = r"""
module: group_members
short_description: Manage the users in a Microsoft Entra group
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Adds users to a group, removes them, or makes its users exactly those of a list. Graph assigns and removes the licenses of the group accordingly.
  - The module manages only direct members that are users. It keeps groups and devices inside the group.
  - The members are read in pages of 999 and added twenty in a request. A user that can't be added does not stop the others.
  - A group with dynamic membership, or one that is synchronized from the local directory, is an error before anything is sent.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
options:
  group:
    description:
      - Object id or exact display name of the group. A display name of several groups is an error that lists their ids.
    type: str
    required: true
  add:
    description:
      - Users to add, by object id or user principal name. The module keeps all other members.
    type: list
    elements: str
  remove:
    description:
      - Users to remove. The module ignores a user that is not a member.
    type: list
    elements: str
  set:
    description:
      - The complete list of users that must be members. The module removes every other user. An empty list needs O(allow_empty=true).
    type: list
    elements: str
  allow_empty:
    description:
      - Whether O(set) may be empty, which removes every user.
    type: bool
    default: false
  max_removals:
    description:
      - The task fails before anything is written when it would remove more users than this. If unset, there is no limit.
    type: int
  wait:
    description:
      - Whether to read until the users of O(add) or O(set) hold the licenses of the group. RV(failed_users) has those that get an error instead.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait at most.
    type: float
    default: 300.0
seealso:
  - module: m365.licensing.group_assign_license
  - module: m365.licensing.group_license_info
"""

EXAMPLES = r"""
- name: Add two users and wait for their licenses
  m365.licensing.group_members:
    group: Support desk
    add:
      - alice@contoso.example
      - grace@contoso.example
    wait: true

- name: Remove a user from the support desk
  m365.licensing.group_members:
    group: Support desk
    remove: [ivan@contoso.example]

- name: Set exactly these members, with a removal limit
  m365.licensing.group_members:
    group: Support desk
    set:
      - heidi@contoso.example
      - alice@contoso.example
    max_removals: 1
"""

RETURN = r"""
group:
  description: The group.
  returned: unless the whole task is rejected
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
changes:
  description:
    - The users that were added and removed, or in check mode would be, one row for each.
    - C(action) is V(add_member) or V(remove_member), with C(id) and C(user).
  returned: always
  type: list
  elements: dict
  sample:
    - action: add_member
      id: 7b1d4c0e-9a53-5a30-8d0e-1f2a3b4c5d6e
      user: alice@contoso.example
findings:
  description: Predicted errors and warnings, as RV(m365.licensing.user_assign_license#module:findings) has them.
  returned: always
  type: list
  elements: dict
failed_users:
  description: The users that could not be added or removed, and why. All others were.
  returned: unless the whole task is rejected
  type: list
  elements: dict
  contains:
    user:
      description: The user, as the task names it.
      type: str
      returned: always
    msg:
      description: What failed, and what to do about it.
      type: str
      returned: always
failure:
  description: What failed, as RV(m365.licensing.user_assign_license#module:failure) has it. C(code) is V(some_failed) when some users failed.
  returned: failure
  type: dict
"""

from ansible_collections.m365.licensing.plugins.module_utils._module.clients.group_members import run_members
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule


def main():
    """Entry point."""
    users = {"type": "list", "elements": "str"}
    module = GraphModule(
        argument_spec={
            **SHARED,
            "group": {"type": "str", "required": True},
            "add": users,
            "remove": users,
            "set": users,
            "allow_empty": {"type": "bool", "default": False},
            "max_removals": {"type": "int"},
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 300.0},
        },
        mutually_exclusive=[("set", "add"), ("set", "remove")],
        required_one_of=[("add", "remove", "set")],
        supports_check_mode=True,
    )
    run_members(module)


if __name__ == "__main__":
    main()
