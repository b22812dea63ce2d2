#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The licenses of a whole tenant, summarized in one pass."""

from __future__ import annotations

DOCUMENTATION = r"""
module: license_report_info
short_description: Seats, costs and what needs attention in a tenant
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Reads the SKUs, subscriptions, waiting members and all users of a tenant once, and summarizes them. Users without findings are only counted.
  - The role C(license_report) writes it to files - JSON, CSV and an HTML page.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.info_attributes
options:
  nearly_full:
    description:
      - The part of seats in use from which a SKU is nearly full.
    type: float
    default: 0.9
  ignore:
    description:
      - SKUs, by SKU part number or id, that get no mark, such as free ones.
    type: list
    elements: str
  prices:
    description:
      - What one seat costs in the period of the report, by SKU part number or id. Use any currency.
    type: dict
  earlier:
    description:
      - An earlier JSON report, to compare with. If the file does not exist yet, the module warns and compares nothing.
    type: path
  current:
    description:
      - The JSON report that the new one replaces. If only the time has changed since then, it is returned unchanged. A
        job that saves it then changes nothing. It can be the same file as O(earlier). If unset, or if the file does not exist yet, a new report is returned.
    type: path
  sign_ins:
    description:
      - Whether sign-ins are read, to find inactive accounts. This needs the permission C(AuditLog.Read.All) and Microsoft Entra ID P1. It reads pages of 500
        users, and Graph allows ten pages in a minute. V(auto) reads them where that is allowed, and warns where it isn't.
    type: str
    default: auto
    choices: [auto, required, none]
  inactive_days:
    description:
      - After how many days without a sign-in an account counts as inactive, where sign-ins are read.
    type: int
    default: 90
  pools:
    description:
      - Whether waiting members are read, which needs the beta API C(cloudLicensing). V(auto) reads them where that is possible, and warns where it isn't.
    type: str
    default: auto
    choices: [auto, required, none]
seealso:
  - module: m365.licensing.sku_info
  - module: m365.licensing.user_license_info
"""

EXAMPLES = r"""
- name: Read costs and what needs attention
  m365.licensing.license_report_info:
    ignore: [WINDOWS_STORE]
    prices:
      SPE_E3: 36.0
      SPE_E5: 57.0
"""

RETURN = r"""
lines:
  description: The most important figures, as text to display.
  returned: success
  type: list
  elements: str
  sample: ["11 of 12 users have licenses", "14 of 20 seats are in use", "1 disabled accounts with licenses, 0 licenses in error, 0 held twice"]
ansible_stats:
  description: What a workflow passes on, as C(set_stats) does. C(license_summary) has the figures, the seats of each SKU, and the number of errors by code.
  returned: success
  type: dict
report:
  description: The report.
  returned: success
  type: dict
  contains:
    version:
      description: Version of the report's format.
      type: int
      returned: always
    created:
      description: When it was made, in UTC.
      type: str
      returned: always
      sample: "2026-11-01T06:00:00Z"
    tenant_id:
      description: The id of the tenant.
      type: str
      returned: always
    tenant_name:
      description: The name of the tenant, or null if Graph does not return it.
      type: str
      returned: always
      sample: contoso
    people:
      description: How many users there are.
      type: int
      returned: always
    licensed:
      description: How many of them hold a license.
      type: int
      returned: always
    skus:
      description:
        - The SKUs, with C(sku), C(sku_id), C(name), C(status) and C(mark), and the seats C(owned), C(used), C(free), C(warning) and C(suspended).
          C(next_date) is the day on which a
          subscription ends or renews.
        - C(direct), C(inherited), C(unknown), C(twice) and C(in_error) count the users that hold it in this way.
          C(plans_off) has the
          service plans that are off and for how many users. C(price) is that of one seat. C(cost) is that of the seats owned and not in warning,
          C(cost_unused) that of the unused ones of
          these.
        - Users whose assignment path Graph does not name are C(unknown). C(next_date) ignores subscriptions that have ended.
        - C(mark) is the most severe one that applies - V(gone), V(ended), V(over), V(full), V(warning), V(nearly_full) or null.
      type: list
      elements: dict
      returned: always
    twice:
      description: Users that hold a SKU both directly and through groups, with C(user), C(sku) and the names of the C(groups).
      type: list
      elements: dict
      returned: always
    disabled:
      description: Disabled accounts that hold licenses, with C(user), C(skus) and C(cost), the cost of the seats with a price.
      type: list
      elements: dict
      returned: always
    inactive:
      description:
        - Accounts that hold licenses and were not used for O(inactive_days), with C(user), C(skus), C(last_sign_in) and C(cost). Null where that is not known.
        - You can pass the users to the role C(offboard_users), such as with C(map(attribute='user')).
      type: list
      elements: dict
      returned: always
    never_signed_in:
      description:
        - Accounts that hold licenses and were never used, neither by a person nor by a program, with C(user), C(skus) and C(cost). Null where that is not
          known.
      type: list
      elements: dict
      returned: always
    sign_ins_unknown:
      description: For how many users with licenses Graph does not report whether they have signed in. Null where nothing is known.
      type: int
      returned: always
    errors:
      description: Licenses in error, as RV(m365.licensing.user_license_info#module:errors) has them, with cause and remedy.
      type: list
      elements: dict
      returned: always
    waiting:
      description: The members that wait for a seat, with C(sku), C(who) and C(since). Null where that is not known.
      type: list
      elements: dict
      returned: always
    cost:
      description: What all seats with a price cost, or null.
      type: float
      returned: always
    cost_unused:
      description: What the unused seats cost, or null.
      type: float
      returned: always
    drift:
      description: What has changed since O(earlier) - C(since), C(skus), C(disabled) and C(errors). Null without it.
      type: dict
      returned: always
failure:
  description: What failed, as RV(m365.licensing.user_assign_license#module:failure) has it.
  returned: failure
  type: dict
"""

from ansible_collections.m365.licensing.plugins.module_utils._module.license_reports import read_report
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule
from ansible_collections.m365.licensing.plugins.module_utils._module.run import run_info


def main():
    """Entry point."""
    how = {"type": "str", "default": "auto", "choices": ["auto", "required", "none"]}
    module = GraphModule(
        argument_spec={
            **SHARED,
            "nearly_full": {"type": "float", "default": 0.9},
            "ignore": {"type": "list", "elements": "str"},
            "prices": {"type": "dict"},
            "earlier": {"type": "path"},
            "current": {"type": "path"},
            "sign_ins": how,
            "inactive_days": {"type": "int", "default": 90},
            "pools": how,
        },
        supports_check_mode=True,
    )
    run_info(module, read_report)


if __name__ == "__main__":
    main()
