# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a list with what their profiles declare."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.profiles import people_with_profiles
from ansible_collections.m365.licensing.plugins.plugin_utils._origin import told

DOCUMENTATION = r"""
name: with_profiles
short_description: People with the licenses of their profiles
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Gives each person the licenses, pools and groups of the profile that the person names, and of those it inherits from.
  - Every mistake in the people and in the profiles is an error that says where it is, with the file and line where ansible-core knows them.
options:
  _input:
    description:
      - People, each with C(user), and C(profile) or licenses of their own. The guide to profiles says what else.
    type: list
    elements: dict
    required: true
  profiles:
    description:
      - Profiles by name, as C(docs/license_profiles.schema.json) has them.
    type: dict
    required: true
  variable:
    description:
      - What the list is called, for errors.
    type: str
    default: people
  move:
    description:
      - Whether what other profiles give, and the new one does not, is to go.
    type: bool
    default: false
  today:
    description:
      - The day, as V(2026-12-31). Whose last day, and the days of grace after it, are over by then, is left out. If unset, nobody is.
    type: str
  grace_days:
    description:
      - Days after the last one in which everything stays.
    type: int
    default: 0
seealso:
  - plugin: m365.licensing.license_entries
    plugin_type: filter
  - plugin: m365.licensing.membership_entries
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What a person of a profile is to hold
  vars:
    license_profiles:
      office:
        licenses:
          - sku: SPE_E3
            disabled_plans: [SWAY]
    people:
      - user: alice@contoso.example
        profile: office
        usage_location: DE
  ansible.builtin.debug:
    msg: "{{ people | m365.licensing.with_profiles(license_profiles) | m365.licensing.license_entries }}"
"""

RETURN = r"""
_value:
  description: The people, each with C(licenses), C(cloud_assignments) and C(groups); after a move also with C(remove) and C(leave_groups).
  type: list
  elements: dict
"""


def with_profiles(people, profiles, variable="people", move=False, today=None, grace_days=0):
    """The people of a list with what their profiles declare."""
    return told(lambda: people_with_profiles(people, profiles, variable, move, today, grace_days))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"with_profiles": with_profiles}
