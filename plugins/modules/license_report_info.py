#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The licenses of a whole tenant, added up in one pass."""

from __future__ import annotations

DOCUMENTATION = r"""
module: license_report_info
short_description: Seats, costs and what needs attention in a tenant
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Reads the SKUs, subscriptions, waiting members and all users of a tenant once, and adds them up. Users whose licenses are in order are only counted.
  - The role C(license_report) makes files of it - JSON, CSV and a page to look at.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.info_attributes
options:
  nearly_full:
    description:
      - From which part of the seats in use on a SKU is nearly full.
    type: float
    default: 0.9
  ignore:
    description:
      - SKUs, by part number or id, of which nothing is to be said, such as free ones.
    type: list
    elements: str
  prices:
    description:
      - What one seat costs in the time that the report is about, by part number or id of the SKU. Currency is yours.
    type: dict
  earlier:
    description:
      - An earlier report of JSON, to compare with. Where there is no such file yet, a warning says so, and nothing is compared.
    type: path
  current:
    description:
      - The report of JSON that the new one takes the place of. Where nothing but the time has changed since, it is returned as it is, so that a
        job that saves it changes nothing. It can be the same file as O(earlier). If unset, or where there is none yet, a new report is returned.
    type: path
  sign_ins:
    description:
      - Whether sign-ins are read, to find inactive accounts. This takes the permission C(AuditLog.Read.All) and Microsoft Entra ID P1, and pages of 500
        users, of which Graph gives ten in a minute. V(auto) reads them where it may, and warns where it may not.
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
      - Whether waiting members are read, which takes the beta API C(cloudLicensing). V(auto) does so where it can be read, and warns where it cannot.
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
  description: The figures that matter most, for people.
  returned: success
  type: list
  elements: str
  sample: ["11 of 12 users have licenses", "14 of 20 seats are in use", "1 disabled accounts with licenses, 0 licenses in error, 0 held twice"]
ansible_stats:
  description: What a workflow hands on, as C(set_stats) does it. C(license_summary) has the figures, the seats of each SKU, and the number of errors by code.
  returned: success
  type: dict
report:
  description: The report.
  returned: success
  type: dict
  contains:
    version:
      description: Of the form of the report.
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
      description: The name of the tenant, or null where Graph does not give it.
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
        - The SKUs, with C(sku), C(sku_id), C(name), C(status), the seats C(owned), C(used), C(free), C(warning) and C(suspended), C(next_date) on which a
          subscription ends or renews, how many people hold it C(direct), C(inherited), C(unknown), C(twice) and C(in_error), C(plans_off) with the
          service plans that are off and for how many, C(price), C(cost) of what is owned and not in warning, C(cost_unused) of unused seats of
          that, and C(mark).
        - Users whose assignment path Graph does not name are C(unknown). C(next_date) is of subscriptions that are not over.
        - C(mark) is the gravest that applies - V(gone), V(ended), V(over), V(full), V(warning), V(nearly_full) or null.
      type: list
      elements: dict
      returned: always
    twice:
      description: Who holds a SKU directly and through groups, with C(user), C(sku) and the names of the C(groups).
      type: list
      elements: dict
      returned: always
    disabled:
      description: Disabled accounts that hold licenses, with C(user), C(skus) and C(cost), what the seats with a price cost.
      type: list
      elements: dict
      returned: always
    inactive:
      description:
        - Accounts that hold licenses and were not used for O(inactive_days), with C(user), C(skus), C(last_sign_in) and C(cost). Null where that is not known.
        - The users can be given to the role C(offboard_users), such as with C(map(attribute='user')).
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
      description: Of how many users with licenses Graph does not say whether they ever signed in. Null where nothing is known.
      type: int
      returned: always
    errors:
      description: Licenses in error, as RV(m365.licensing.user_license_info#module:errors) has them, with cause and remedy.
      type: list
      elements: dict
      returned: always
    waiting:
      description: Who waits for a seat, with C(sku), C(who) and C(since). Null where that is not known.
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
