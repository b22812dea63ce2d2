# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For whom a task of a bulk module has not done what it should."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unserved
short_description: Users for whom a task has not done what it should
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Of the users that a task was given, those for whom it failed, and those whom it did not come to. What was refused as a whole has served nobody.
  - So a playbook takes something away only from those who have got what they are to have instead.
options:
  _input:
    description:
      - What a task of M(m365.licensing.users_assign_license), M(m365.licensing.cloud_license_assignments) or M(m365.licensing.group_members) has registered.
    type: dict
    required: true
  users:
    description:
      - The users, as the task was given them.
    type: list
    elements: str
    required: true
seealso:
  - module: m365.licensing.users_assign_license
"""

EXAMPLES = r"""
- name: Nobody was left out
  vars:
    registered:
      failed: false
  ansible.builtin.debug:
    msg: "{{ registered | m365.licensing.unserved(['alice@contoso.example']) }}"
"""

RETURN = r"""
_value:
  description: The users.
  type: list
  elements: str
"""


def unserved(result, users):
    """For whom a task of a bulk module has not done what it should."""
    if not result.get("failed"):
        return []
    rows = result.get("results", ())
    failed = {row.get("user") for row in result.get("failed_users", [row for row in rows if row.get("failed")])}
    if not failed <= set(users):  # whoever that is, a secret is hidden in the name: everybody keeps what he has
        return list(users)
    if "failed_users" in result:
        return [user for user in users if user in failed]
    if "results" not in result:
        return list(users)
    if (result.get("failure") or {}).get("code") != "ended":
        return [user for user in users if user in failed]
    done = {row.get("user") for row in rows if row.get("changed")} - failed
    return [user for user in users if user not in done]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"unserved": unserved}
