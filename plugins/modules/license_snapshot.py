#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records in a file what users hold, so that it can be taken from them and given back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: license_snapshot
short_description: Record what Microsoft 365 users hold
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Writes into a file of JSON which direct licenses, seats of allotments and licensing groups users have, with their service plans, and returns
    what would release them. It changes nothing in the tenant.
  - Who is in the file already keeps what it says, and what is held now besides is added, until O(state) notes that the release is complete.
    So a release that was interrupted can be run again.
  - The file says who works for you and what they use. It is written so that only its owner can read it.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
options:
  path:
    description:
      - The file, on the machine where the task runs. Its folder must exist.
    type: path
    required: true
  users:
    description:
      - The users. One whom the tenant does not have is in RV(missing), and the others are recorded.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description:
          - Object id or user principal name.
        type: str
        required: true
      keep:
        description:
          - SKUs, by part number, id or product name, that this user is to keep. They are recorded, and are not in RV(releases).
        type: list
        elements: str
  keep:
    description:
      - SKUs that every user is to keep.
    type: list
    elements: str
  pools:
    description:
      - Whether seats of allotments are recorded, which takes the beta API C(cloudLicensing). V(auto) does so where it can be read, and warns
        where it cannot. Without it, a license comes back from any pool of its SKU.
    type: str
    default: auto
    choices: [auto, required, none]
  state:
    description:
      - With V(present), what the users hold is recorded. With V(released), it is noted that it was taken from them; when they have got something else
        since, the next record of them begins anew. With V(restored), it is noted that they have it again; the next record of them begins anew.
    type: str
    default: present
    choices: [present, released, restored]
seealso:
  - module: m365.licensing.users_assign_license
  - module: m365.licensing.user_license_info
"""

EXAMPLES = r"""
- name: Record what two people hold
  m365.licensing.license_snapshot:
    path: snapshot.json
    users:
      - user: bob@contoso.example
      - user: heidi@contoso.example
        keep: [POWER_BI_PRO]
"""

RETURN = r"""
recorded:
  description: Of whom the file says something new.
  returned: success
  type: list
  elements: str
  sample: [bob@contoso.example]
missing:
  description: Users whom the tenant does not have.
  returned: success
  type: list
  elements: str
releases:
  description: What would take from each user what is recorded, in the form of entries with C(remove).
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: Object id of the user.
      type: str
      returned: always
    name:
      description: User principal name.
      type: str
      returned: always
    remove:
      description: Ids of SKUs that are held directly.
      type: list
      elements: str
      returned: always
    cloud_assignments:
      description: Seats of allotments whose SKU is no direct license.
      type: list
      elements: dict
      returned: always
    leave_groups:
      description: Ids of the groups that give licenses.
      type: list
      elements: str
      returned: always
    stays:
      description: What is not taken - groups on whose members a rule decides, or that give what is kept, and licenses of unknown origin; C(what) and C(reason).
      type: list
      elements: dict
      returned: always
failure:
  description: What failed, as RV(m365.licensing.user_assign_license#module:failure) has it.
  returned: failure
  type: dict
"""

from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule
from ansible_collections.m365.licensing.plugins.module_utils._module.snapshots import run_snapshot


def main():
    """Entry point."""
    names = {"type": "list", "elements": "str"}
    module = GraphModule(
        argument_spec={
            **SHARED,
            "path": {"type": "path", "required": True},
            "users": {"type": "list", "elements": "dict", "required": True, "options": {"user": {"type": "str", "required": True}, "keep": names}},
            "keep": names,
            "pools": {"type": "str", "default": "auto", "choices": ["auto", "required", "none"]},
            "state": {"type": "str", "default": "present", "choices": ["present", "released", "restored"]},
        },
        supports_check_mode=True,
    )
    run_snapshot(module)


if __name__ == "__main__":
    main()
