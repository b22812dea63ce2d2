#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Licenses of one user, of some users, or of all users."""

from __future__ import annotations

DOCUMENTATION = r"""
module: user_license_info
short_description: Licenses of users, direct and inherited
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Reads the licenses of users, with their assignment paths (direct, or the group they are inherited from), service plans that are off, and errors.
  - All users of a tenant are read in pages of 999, one request each, and one more for the SKUs.
    With O(report_path), only one page at a time is in memory.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.info_attributes
options:
  users:
    description:
      - Only these users, by object id or user principal name. Users that the tenant does not have are an error that names all of them.
      - If O(users), O(filter) and O(group) are unset, all users of the tenant.
    type: list
    elements: str
  filter:
    description:
      - Only users that match this OData filter, such as V(department eq 'Sales'). What Graph requires for advanced filters is sent along.
    type: str
  group:
    description:
      - Only direct members of this group, by object id or exact display name.
    type: str
  sku:
    description:
      - Only users that hold this SKU over any assignment path, by SKU part number or id; with O(sku_names) also by product display name.
        With O(only_errors=true), also those that do not hold it because it is in error.
    type: str
  only_errors:
    description:
      - Whether to leave out users without a license in error.
    type: bool
    default: false
  service_plans:
    description:
      - Whether each user has the effective service plans in C(service_plans) - what is on or off over all assignment paths, and the paths.
    type: bool
    default: false
  as_desired:
    description:
      - Whether to return RV(desired), the options of M(m365.licensing.user_assign_license) that keep exactly the current direct licenses,
        instead of RV(users). Applied immediately, they change nothing, but retry a direct license in error. Applied later, they restore these licenses.
    type: bool
    default: false
  report_path:
    description:
      - A file to write the rows to, as JSON lines, instead of returning them. The file is replaced when all rows are complete, also in check mode.
    type: path
seealso:
  - module: m365.licensing.user_assign_license
  - module: m365.licensing.group_license_info
"""

EXAMPLES = r"""
- name: Read the licenses of Alice and Bob
  m365.licensing.user_license_info:
    users: [alice@contoso.example, bob@contoso.example]

- name: Read Heidi's service plans and their assignment paths
  m365.licensing.user_license_info:
    users: [heidi@contoso.example]
    service_plans: true

- name: Export the licenses of Sales users with E3
  m365.licensing.user_license_info:
    filter: department eq 'Sales'
    sku: SPE_E3
    as_desired: true

- name: Write all users to a file
  m365.licensing.user_license_info:
    report_path: licenses.jsonl
"""

RETURN = r"""
users:
  description: The users, in the order of O(users), else that of Graph. Empty with O(report_path), absent with O(as_desired).
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Object id.
      type: str
      returned: always
    user_principal_name:
      description: User principal name.
      type: str
      returned: always
      sample: alice@contoso.example
    display_name:
      description: Display name.
      type: str
      returned: always
    account_enabled:
      description: Whether the account can sign in.
      type: bool
      returned: always
    usage_location:
      description: Country code, or null.
      type: str
      returned: always
    licenses:
      description: One row for each assignment path of a SKU, as RV(m365.licensing.user_assign_license#module:licenses) has them.
      type: list
      elements: dict
      returned: always
    service_plans:
      description: The service plans of all SKUs that the user holds, sorted by name. A service plan is on when one assignment path has it on.
      type: list
      elements: dict
      returned: with O(service_plans)
      contains:
        service_plan:
          description: Name of the service plan.
          type: str
          returned: always
          sample: SWAY
        service_plan_id:
          description: Id of the service plan.
          type: str
          returned: always
        is_on:
          description: Whether it is on in effect.
          type: bool
          returned: always
        paths:
          description: The assignment paths that have it, with C(sku), C(sku_id), C(origin), C(group) and C(is_on). A license in error counts as off.
          type: list
          elements: dict
          returned: always
          sample: [{sku: SPE_E3, sku_id: 05e9a617-0261-4cee-bb44-138d3ef5d965, origin: direct, group: null, is_on: false}]
desired:
  description: The users as options of M(m365.licensing.user_assign_license). Empty with O(report_path).
  returned: with O(as_desired)
  type: list
  elements: dict
  sample:
    - user: bob@contoso.example
      usage_location: DE
      licenses:
        set:
          - sku: SPE_E3
            disabled_plans: [SWAY, YAMMER_ENTERPRISE]
count:
  description: How many users there are.
  returned: success
  type: int
  sample: 12
errors:
  description: The licenses that are in error, one row for each, with C(user_principal_name), C(sku), C(group), C(error), C(cause) and C(remedy).
    Empty with O(report_path), where C(cause) and C(remedy) are not written.
  returned: success
  type: list
  elements: dict
report_path:
  description: The file, or null.
  returned: success
  type: str
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

from ansible_collections.m365.licensing.plugins.module_utils._engine.report_file import write_report
from ansible_collections.m365.licensing.plugins.module_utils._licensing.resolve import gone, sku_ids_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.results import error_rows
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.rows import desired_user, service_plan_rows, user_row
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule
from ansible_collections.m365.licensing.plugins.module_utils._module.run import run_info


def read(params, session):
    """The users that are asked for, as rows or in a file."""
    errors: list[dict] = []
    warnings: list[str] = []
    kind, path = "desired" if params["as_desired"] else "users", params["report_path"]

    def rows():
        catalog = session.reader.catalog()
        (sku_id,) = sku_ids_of(catalog, [params["sku"]], "sku") if params["sku"] else (None,)
        warnings.extend(gone(catalog, sku_id))
        for user in session.tenant.users(params["users"], params["group"], params["filter"], sku_id, params["only_errors"]):
            found = [row for row in error_rows(user, catalog) if sku_id in (None, row["sku_id"])]
            if found or not params["only_errors"]:
                errors.extend(() if path else found)
                more = {"service_plans": service_plan_rows(user, catalog)} if params["service_plans"] else {}
                yield desired_user(user, catalog) if params["as_desired"] else {**user_row(user, catalog), **more}

    listed = [] if path else list(rows())
    count = write_report(path, rows()) if path else len(listed)
    return {kind: listed, "count": count, "errors": errors, "report_path": path, "warnings": warnings}


def main():
    """Entry point."""
    module = GraphModule(
        argument_spec={
            **SHARED,
            "users": {"type": "list", "elements": "str"},
            "filter": {"type": "str"},
            "group": {"type": "str"},
            "sku": {"type": "str"},
            "only_errors": {"type": "bool", "default": False},
            "service_plans": {"type": "bool", "default": False},
            "as_desired": {"type": "bool", "default": False},
            "report_path": {"type": "path"},
        },
        mutually_exclusive=[("users", "filter", "group"), ("service_plans", "as_desired")],
        supports_check_mode=True,
    )
    run_info(module, read)


if __name__ == "__main__":
    main()
