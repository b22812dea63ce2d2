# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a list as entries of users_assign_license."""

from __future__ import annotations

DOCUMENTATION = r"""
name: license_entries
short_description: People as entries of users_assign_license
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns people of the roles of this collection into the C(users) of M(m365.licensing.users_assign_license).
    Who has neither a location nor licenses to get or lose is left out.
options:
  _input:
    description:
      - People, each with C(user) and perhaps C(usage_location), C(licenses) to hold and C(remove), SKUs to hold no longer.
    type: list
    elements: dict
    required: true
  late:
    description:
      - Who gets seats of allotments shall not lose direct licenses before. With V(false), what such people lose is left out; with V(true), that is all.
        If unset, everything is in one entry.
    type: bool
seealso:
  - module: m365.licensing.users_assign_license
  - plugin: m365.licensing.assignment_entries
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What the bulk module is given
  ansible.builtin.debug:
    msg: "{{ [{'user': 'alice@contoso.example', 'licenses': [{'sku': 'SPE_E5'}]}] | m365.licensing.license_entries }}"
"""

RETURN = r"""
_value:
  description: The entries.
  type: list
  elements: dict
"""


def license_entries(people, late=None):
    """The people of a list as entries of users_assign_license."""
    entries = ((person, _licenses(person, late)) for person in people)
    return [
        {"user": person["user"], **_location(person), **({"licenses": licenses} if licenses else {})}
        for person, licenses in entries
        if licenses or (person.get("usage_location") and not late)
    ]


def _licenses(person, late):
    """What to add and to remove. Who gets seats of allotments loses licenses late: when the seats are there."""
    is_late = any(seat.get("state") != "absent" for seat in person.get("cloud_assignments") or ())
    add = None if late else person.get("licenses")
    remove = person.get("remove") if late is None or late == is_late else None
    return {name: value for name, value in {"add": add, "remove": remove}.items() if value}


def _location(person):
    return {"usage_location": person["usage_location"]} if person.get("usage_location") else {}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"license_entries": license_entries}
