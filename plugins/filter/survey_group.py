# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SKUs that somebody typed into a survey, as a group to license."""

from __future__ import annotations

DOCUMENTATION = r"""
name: survey_group
short_description: SKUs of a survey as a group to license
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Makes an entry of the role C(license_groups) out of the answers to a survey.
options:
  _input:
    description:
      - SKUs that the group is to have.
    type: list
    elements: str
    required: true
  group:
    description:
      - The group.
    type: str
    required: true
  remove:
    description:
      - SKUs that the group is to have no longer.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: A group of a survey
  ansible.builtin.debug:
    msg: "{{ ['SPE_E3', 'POWER_BI_PRO'] | m365.licensing.survey_group('Support desk') }}"
"""

RETURN = r"""
_value:
  description: One group, in a list.
  type: list
  elements: dict
"""


def survey_group(skus, group, remove=None):
    """The SKUs that somebody typed into a survey, as a group to license."""
    desired = {"licenses": [{"sku": sku} for sku in skus], "remove": remove}
    return [{"group": group.strip(), **{name: value for name, value in desired.items() if value}}]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"survey_group": survey_group}
