# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of a survey, as users."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.m365.licensing.plugins.plugin_utils._survey import names_of, text_of

DOCUMENTATION = r"""
name: survey_people
short_description: Names of a survey as users
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Splits a text at white space, commas and semicolons, and returns a user for each name, once. A text can also be a list of YAML or JSON.
  - Empty values are left out, because AWX sends blanks for unanswered questions.
options:
  _input:
    description:
      - Names, one per line or separated by commas, or a list of them.
    type: raw
    required: true
  profile:
    description:
      - The profile of all of them.
    type: str
  previous:
    description:
      - The profile that all of them had, whose licenses the new one replaces.
    type: str
  usage_location:
    description:
      - The usage location of all of them.
    type: str
  keep:
    description:
      - SKUs that all of them keep, as a list, or as a text that is split in the same way.
    type: raw
"""

EXAMPLES = r"""
- name: Show two users of a survey
  ansible.builtin.debug:
    msg: "{{ 'alice@contoso.example, bob@contoso.example' | m365.licensing.survey_people(profile='office') }}"
"""

RETURN = r"""
_value:
  description: The users.
  type: list
  elements: dict
"""


def survey_people(text, profile=None, previous=None, usage_location=None, keep=None):
    """The names of a survey, as users. Raises AnsibleFilterError for a list without names."""
    desired = {"profile": text_of(profile), "from": text_of(previous), "usage_location": text_of(usage_location), "keep": names_of(keep)}
    common = {name: value for name, value in desired.items() if value}
    names = names_of(text)
    if not names and text_of(text):
        raise AnsibleFilterError(f"the answer is {text!r}, which names no users: name them, or leave it blank")
    return [{"user": name, **common} for name in dict.fromkeys(names)]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"survey_people": survey_people}
