# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of a play, checked against --limit."""

from __future__ import annotations

DOCUMENTATION = r"""
name: limited_hosts
short_description: The hosts of a play, unless a limit leaves none of them
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Returns the host pattern of a play. Fails when no host matches it, or C(--limit) or the limit of a job template leaves none of them.
  - Without this check, Ansible skips such a play, and the run ends as a success with nothing done. That is easy to miss with C(hosts=localhost).
  - The playbooks of this collection use it.
options:
  _terms:
    description:
      - Host patterns.
    type: list
    elements: str
    required: true
seealso:
  - module: m365.licensing.licensed_users
"""

EXAMPLES = r"""
- name: License new users, or fail with a limit that excludes localhost
  hosts: "{{ lookup('m365.licensing.limited_hosts', 'localhost') }}"
  gather_facts: false
  roles:
    - m365.licensing.onboard_users
"""

RETURN = r"""
_raw:
  description: The host patterns, as they were given.
  type: list
  elements: str
"""

from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """The lookup, for Ansible."""

    def run(self, terms, variables=None, **kwargs):
        """The host patterns. Raises AnsibleLookupError when no host matches, or the limit leaves none."""
        variables = variables or {}
        manager = InventoryManager(self._loader, parse=False)
        for group, hosts in variables.get("groups", {}).items():
            manager.add_group(group)
            for host in hosts:
                manager.add_host(host, group=group)
        patterns = self._flatten(terms)
        named = ", ".join(map(str, patterns))
        if not manager.get_hosts(pattern=patterns):
            raise AnsibleLookupError(f"limited_hosts: no host matches {named}, so nothing would be done; check the pattern and the inventory")
        limit = variables.get("ansible_limit")
        manager.subset(limit)
        if not manager.get_hosts(pattern=patterns):
            raise AnsibleLookupError(f"limited_hosts: limit {str(limit)!r} leaves no host of {named}, so nothing would be done; omit the limit")
        return patterns
