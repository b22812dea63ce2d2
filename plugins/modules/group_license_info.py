#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which groups assign which licenses, and the members that they do not reach."""

from __future__ import annotations

DOCUMENTATION = r"""
module: group_license_info
short_description: Licenses of groups, and members that they do not reach
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Reads the licenses of groups. All groups of a tenant are read in pages of 999, one request each, and one more for the SKUs.
    Groups without licenses are left out.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.info_attributes
options:
  groups:
    description:
      - Only these groups, by object id or exact display name. A display name of several groups is an error that lists their ids.
      - If unset, all groups that have licenses.
    type: list
    elements: str
  sku:
    description:
      - Only groups that have this SKU, by SKU part number or id; with O(sku_names) also by product display name.
    type: str
  only_errors:
    description:
      - Whether to read only groups for which Graph reports members in error. Ignored with O(groups).
    type: bool
    default: false
  member_errors:
    description:
      - Whether to also read the members that licenses do not reach. That takes a request for each group, and one more for every 20 such members.
    type: bool
    default: false
  as_desired:
    description:
      - Whether to return RV(desired), the options of M(m365.licensing.group_assign_license) that keep exactly the current licenses of each group,
        instead of RV(groups). Applied immediately, they change nothing. Applied later, they restore these licenses.
    type: bool
    default: false
seealso:
  - module: m365.licensing.group_assign_license
  - module: m365.licensing.user_license_info
"""

EXAMPLES = r"""
- name: List groups that have licenses
  m365.licensing.group_license_info:

- name: List members that group licenses do not reach
  m365.licensing.group_license_info:
    only_errors: true
    member_errors: true

- name: Export the licenses of the support desk
  m365.licensing.group_license_info:
    groups: [Support desk]
    as_desired: true
"""

RETURN = r"""
groups:
  description: The groups, in the order of O(groups), else by display name. Absent with O(as_desired).
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Object id.
      type: str
      returned: always
    display_name:
      description: Display name.
      type: str
      returned: always
      sample: Support desk
    processing_state:
      description: How far Graph has come with assigning the licenses to the members, such as C(ProcessingComplete), or null.
      type: str
      returned: always
    licenses:
      description: The licenses, sorted, each with C(sku), C(sku_id) and C(disabled_plans) by name.
      type: list
      elements: dict
      returned: always
desired:
  description: The groups as options of M(m365.licensing.group_assign_license), by object id.
  returned: with O(as_desired)
  type: list
  elements: dict
members_with_errors:
  description: The members that licenses do not reach, as RV(m365.licensing.group_assign_license#module:members_with_errors) has them.
  returned: with O(member_errors)
  type: list
  elements: dict
failure:
  description: What failed, for a playbook to branch on.
  returned: failure
  type: dict
  contains:
    code:
      description: Short name of what failed, else Graph's own code, or null.
      type: str
      returned: always
    status:
      description: HTTP status of Graph's answer, or null.
      type: int
      returned: always
    request_id:
      description: Graph's request id, for Microsoft's support, or null.
      type: str
      returned: always
    retriable:
      description: Whether the same task may succeed later.
      type: bool
      returned: always
    remedy:
      description: What to do about it, or null.
      type: str
      returned: always
"""

from ansible_collections.m365.licensing.plugins.module_utils._licensing.resolve import gone, sku_ids_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.results import error_rows
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.rows import desired_group, group_row
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule
from ansible_collections.m365.licensing.plugins.module_utils._module.run import run_info


def read(params, session):
    """The groups that are asked for."""
    catalog = session.reader.catalog()
    (sku_id,) = sku_ids_of(catalog, [params["sku"]], "sku") if params["sku"] else (None,)
    groups = [group for group in session.tenant.groups(params["groups"], params["only_errors"]) if not sku_id or group.direct(sku_id)]
    if params["groups"] is None:
        groups.sort(key=lambda group: (group.name, group.id))
    as_desired = params["as_desired"]
    results: dict = {"warnings": gone(catalog, sku_id)}
    results["desired" if as_desired else "groups"] = [desired_group(group, catalog) if as_desired else group_row(group, catalog) for group in groups]
    if params["member_errors"]:
        members = ((group, member) for group in groups for member in session.reader.members_in_error(group))
        results["members_with_errors"] = [row for group, member in members for row in error_rows(member, catalog, group.id)]
    return results


def main():
    """Entry point."""
    module = GraphModule(
        argument_spec={
            **SHARED,
            "groups": {"type": "list", "elements": "str"},
            "sku": {"type": "str"},
            "only_errors": {"type": "bool", "default": False},
            "member_errors": {"type": "bool", "default": False},
            "as_desired": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_info(module, read)


if __name__ == "__main__":
    main()
