# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SKUs of a survey, as a group to license."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.plugin_utils._survey import names_of, text_of

DOCUMENTATION = r"""
name: survey_group
short_description: SKUs of a survey as a group to license
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns the answers to a survey into an entry of M(m365.licensing.groups_assign_license).
  - Texts are split at white space, commas and semicolons. A text can also be a list of YAML or JSON.
options:
  _input:
    description:
      - The group.
    type: str
    required: true
  skus:
    description:
      - SKUs that the group must have, as a list or a text.
    type: raw
  remove:
    description:
      - SKUs that the group must not have, as a list or a text.
    type: raw
"""

EXAMPLES = r"""
- name: Show the group of a survey
  ansible.builtin.debug:
    msg: "{{ 'Support desk' | m365.licensing.survey_group('SPE_E3 POWER_BI_PRO') }}"
"""

RETURN = r"""
_value:
  description: One group, in a list.
  type: list
  elements: dict
"""


def survey_group(group, skus=None, remove=None):
    """The SKUs of a survey, as a group to license."""
    desired = {"licenses": [{"sku": sku} for sku in names_of(skus)], "remove": names_of(remove)}
    return [{"group": text_of(group), **{name: value for name, value in desired.items() if value}}]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"survey_group": survey_group}
