# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Those of a list whose last day is over."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.profiles import leavers as leaving
from ansible_collections.m365.licensing.plugins.plugin_utils._origin import told

DOCUMENTATION = r"""
name: leavers
short_description: People whose last day is over
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Those people whose C(last_day), and some days of grace after it, are over.
options:
  _input:
    description:
      - People, each with C(user), and perhaps C(last_day) and C(keep).
    type: list
    elements: dict
    required: true
  today:
    description:
      - The day, as V(2026-12-31).
    type: str
    required: true
  grace_days:
    description:
      - Days after the last one in which everything stays.
    type: int
    default: 0
  variable:
    description:
      - What the list is called, for errors.
    type: str
    default: people
  at_once:
    description:
      - Whether who has no last day is meant as well.
    type: bool
    default: true
seealso:
  - module: m365.licensing.license_snapshot
"""

EXAMPLES = r"""
- name: Who is to be offboarded today
  vars:
    people:
      - user: bob@contoso.example
        last_day: "2026-01-31"
      - user: carol@contoso.example
        last_day: "2999-01-31"
  ansible.builtin.debug:
    msg: "{{ people | m365.licensing.leavers('2026-11-30', grace_days=30) }}"
"""

RETURN = r"""
_value:
  description: The people, each with C(user) and perhaps C(keep), as M(m365.licensing.license_snapshot) takes them.
  type: list
  elements: dict
"""


def leavers(people, today, grace_days=0, variable="people", at_once=True):
    """Those of a list whose last day is over."""
    return told(lambda: leaving(people, today, grace_days, variable, at_once))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"leavers": leavers}
