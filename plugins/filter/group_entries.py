# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups of a list as options of group_assign_license."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.profiles import entries_of_groups
from ansible_collections.m365.licensing.plugins.plugin_utils._origin import told

DOCUMENTATION = r"""
name: group_entries
short_description: Groups as options of group_assign_license
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns groups of the role C(license_groups) into options of M(m365.licensing.group_assign_license).
  - Every mistake is an error that says where it is, with the file and line where ansible-core knows them.
options:
  _input:
    description:
      - Groups, each with C(group), C(licenses), and perhaps C(remove), C(exactly), C(protect) and C(max_removals).
    type: list
    elements: dict
    required: true
  variable:
    description:
      - What the list is called, for errors.
    type: str
    default: groups
seealso:
  - module: m365.licensing.group_assign_license
"""

EXAMPLES = r"""
- name: What a group is to have
  vars:
    licensing_groups:
      - group: Support desk
        licenses:
          - sku: SPE_E3
            disabled_plans: [SWAY]
        exactly: true
  ansible.builtin.debug:
    msg: "{{ licensing_groups | m365.licensing.group_entries }}"
"""

RETURN = r"""
_value:
  description: The options, one dictionary for each group.
  type: list
  elements: dict
"""


def group_entries(groups, variable="groups"):
    """The groups of a list as options of group_assign_license."""
    return told(lambda: entries_of_groups(groups, variable))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"group_entries": group_entries}
