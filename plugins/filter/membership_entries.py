# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a list by the groups that they are to join or leave."""

from __future__ import annotations

DOCUMENTATION = r"""
name: membership_entries
short_description: People by their licensing groups
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns people of the roles of this collection into what M(m365.licensing.group_members) takes, one entry for each group.
options:
  _input:
    description:
      - People, each with C(user) and perhaps C(groups) or C(leave_groups).
    type: list
    elements: dict
    required: true
  key:
    description:
      - Which list of a person is meant.
    type: str
    default: groups
    choices: [groups, leave_groups]
seealso:
  - module: m365.licensing.group_members
  - plugin: m365.licensing.with_profiles
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Who joins which group
  vars:
    people:
      - user: alice@contoso.example
        groups: [Support desk]
      - user: bob@contoso.example
        groups: [Support desk]
  ansible.builtin.debug:
    msg: "{{ people | m365.licensing.membership_entries }}"
"""

RETURN = r"""
_value:
  description: The groups, each with C(group) and its C(users).
  type: list
  elements: dict
"""


def membership_entries(people, key="groups"):
    """The people of a list by the groups that they are to join or leave."""
    users: dict[str, list] = {}
    for person in people:
        for group in person.get(key) or ():
            users.setdefault(group, []).append(person["user"])
    return [{"group": group, "users": names} for group, names in users.items()]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"membership_entries": membership_entries}
