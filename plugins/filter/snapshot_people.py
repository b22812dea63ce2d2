# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a snapshot, with what they are to hold again."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.module_utils._licensing.records import snapshot_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.records import snapshot_people as people_of
from ansible_collections.m365.licensing.plugins.plugin_utils._origin import told

DOCUMENTATION = r"""
name: snapshot_people
short_description: People of a snapshot, with what they held
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns a file of M(m365.licensing.license_snapshot) into people as the roles of this collection take them.
options:
  _input:
    description:
      - What is in the file.
    type: str
    required: true
  users:
    description:
      - Only these, by object id or user principal name. One who is not in the snapshot is an error. If empty, all who have not got everything back.
    type: list
    elements: str
  path:
    description:
      - What the file is called, for errors.
    type: str
    default: the snapshot
seealso:
  - module: m365.licensing.license_snapshot
  - plugin: m365.licensing.license_entries
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What bob held
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'snapshot.json', errors='ignore') | default('', true) | m365.licensing.snapshot_people }}"
"""

RETURN = r"""
_value:
  description: The people, each with C(licenses), C(cloud_assignments), C(groups) and C(usage_location).
  type: list
  elements: dict
"""


def snapshot_people(text, users=None, path="the snapshot"):
    """The people of a snapshot, with what they are to hold again."""
    return told(lambda: people_of(snapshot_of(text or "", None, path), users))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"snapshot_people": snapshot_people}
