# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a list as entries of cloud_license_assignments."""

from __future__ import annotations

DOCUMENTATION = r"""
name: assignment_entries
short_description: People as entries of cloud_license_assignments
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns people of the roles of this collection into the C(assignments) of M(m365.licensing.cloud_license_assignments), one for each seat of an allotment.
options:
  _input:
    description:
      - People, each with C(user) and perhaps C(usage_location) and C(cloud_assignments).
    type: list
    elements: dict
    required: true
  state:
    description:
      - Only seats that are to be held, or only those that are to go. If unset, all.
    type: str
    choices: [present, absent]
seealso:
  - module: m365.licensing.cloud_license_assignments
  - plugin: m365.licensing.license_entries
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What the bulk module is given
  ansible.builtin.debug:
    msg: "{{ [{'user': 'alice@contoso.example', 'licenses': [{'sku': 'SPE_E5'}]}] | m365.licensing.assignment_entries }}"
"""

RETURN = r"""
_value:
  description: The entries.
  type: list
  elements: dict
"""


def assignment_entries(people, state=None):
    """The people of a list as entries of cloud_license_assignments."""
    return [
        {"user": person["user"], **(_location(person) if seat.get("state") != "absent" else {}), **seat}
        for person in people
        for seat in person.get("cloud_assignments") or ()
        if state in (None, seat.get("state") or "present")
    ]


def _location(person):
    return {"usage_location": person["usage_location"]} if person.get("usage_location") else {}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"assignment_entries": assignment_entries}
