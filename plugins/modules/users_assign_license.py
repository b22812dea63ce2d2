#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Direct licenses of many users, over assignLicense of Microsoft Graph, in one process."""

from __future__ import annotations

DOCUMENTATION = r"""
module: users_assign_license
short_description: Manage the direct licenses of many Microsoft 365 users
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Does for a list of users what M(m365.licensing.user_assign_license) does for one, in one process.
  - Users are read in pages or batches, whichever takes fewer requests, and written in batches of twenty, several in parallel, as fast as Graph allows.
    When nothing has to change, that is C(ceil(N / 999)) requests and two at most for N users.
  - Seats are counted across the whole list. Seats are assigned in list order. A seat that one user frees can be assigned to a later one.
  - A user with an error is reported, and the others are licensed.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._bulk
options:
  licenses:
    description:
      - The licenses of every user whose entry sets none. Licenses that are not named are kept, unless O(licenses.set) is given.
    type: dict
    suboptions: &licenses
      add:
        description:
          - Licenses that must be held. All others are kept.
        type: list
        elements: dict
        suboptions: &license
          sku:
            description:
              - SKU part number such as V(SPE_E5), or id of the SKU; with O(sku_names) also the product display name. Case does not matter.
            type: str
            required: true
          disabled_plans:
            description:
              - Service plans to turn off, by name or id. All others are turned on, so an empty list turns all on.
                With O(licenses.add[].plans_mode=merge), only these are turned off.
              - If unset, the service plans are unchanged. Those of a new license are all on, unless O(carry_plans) turns some off.
              - When a group already assigns the SKU, a new direct license begins with the service plans that are off there.
            type: list
            elements: str
          enabled_plans:
            description:
              - Service plans to turn on, by name or id. All others are turned off, except those that apply to the organization and not to users.
                With O(licenses.add[].plans_mode=merge), only these are turned on.
            type: list
            elements: str
          plans_mode:
            description:
              - With V(set), a list of service plans is the whole list. With V(merge), the listed ones are turned off or on, and the others are unchanged.
            type: str
            default: set
            choices: [set, merge]
          prefer:
            description:
              - With V(held), a user that holds one of O(licenses.add[].alternatives) keeps it.
                With V(first), the user moves to a more preferred SKU
                when it has a free seat. The same request removes the other SKU.
            type: str
            default: held
            choices: [held, first]
          alternatives:
            description:
              - SKUs that can replace this one, in order of preference. A user that holds the SKU or one of these keeps it.
                Another user gets the first SKU with a free seat. O(licenses.add[].prefer) changes that.
            type: list
            elements: dict
            suboptions:
              sku:
                description: The SKU, as O(licenses.add[].sku).
                type: str
                required: true
              disabled_plans:
                description: Service plans that are off, as O(licenses.add[].disabled_plans).
                type: list
                elements: str
              enabled_plans:
                description: Service plans that are on, as O(licenses.add[].enabled_plans).
                type: list
                elements: str
              plans_mode:
                description: As O(licenses.add[].plans_mode).
                type: str
                default: set
                choices: [set, merge]
      remove:
        description:
          - SKUs, by SKU part number, id or product display name, that must not be held directly. A SKU that is not held is ignored.
            A SKU that only a group assigns to a user is a warning or an error that names the group. See C(remove_inherited).
        type: list
        elements: str
      set:
        description:
          - The complete list of direct licenses. Every other direct license is removed. An empty list needs O(allow_empty=true).
          - Excludes O(licenses.add) and O(licenses.remove).
        type: list
        elements: dict
        suboptions: *license
  users:
    description:
      - The users. What an entry does not set is taken from the module option of the same name.
      - The same user twice is an error when the entries differ, whether named by id or by user principal name.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description:
          - Object id or user principal name.
        type: str
        required: true
      usage_location: &location
        description:
          - Two-letter country code (ISO 3166-1), such as V(DE). It is written before the license, and only when it differs.
        type: str
      licenses:
        description:
          - The licenses to hold. If unset, those of O(licenses).
        type: dict
        suboptions: *licenses
      carry_plans: &carry
        description:
          - Whether a license that is added while another is removed begins with the service plans that were off there, matched by id, then by name.
        type: bool
      inherited: &inherited
        description:
          - What to do when the user holds a desired SKU through a group and not directly, as in M(m365.licensing.user_assign_license).
            V(assign) is the default.
        type: str
        choices: [assign, accept, fail]
      remove_inherited: &inherited_removal
        description:
          - What to do with a SKU of C(licenses.remove) that only a group assigns, as in M(m365.licensing.user_assign_license).
            The default is V(warn).
        type: str
        choices: [warn, fail]
      protect: &protect
        description:
          - SKUs that are never removed.
        type: list
        elements: str
      max_removals:
        description:
          - The entry fails when it would remove more licenses than this.
        type: int
      allow_empty: &empty
        description:
          - Whether C(licenses.set) may be empty, which removes every direct license.
        type: bool
      seat_check: &check
        description:
          - With V(enforce), a user without a free seat fails before anything is sent. With V(try), Graph decides. Its first error
            that no seat of a SKU is free applies to the rest of the list. V(enforce) is the default.
        type: str
        choices: [enforce, try]
      plan_check:
        description:
          - With V(enforce), service plans that, as Microsoft lists them, exclude or need each other are an error. With V(try), Graph decides.
            V(enforce) is the default.
        type: str
        choices: [enforce, try]
  read_filter:
    description:
      - An OData filter, such as C(department eq 'Sales'), that matches the users of the list, or most of them.
        Only users that match are then read, in pages of 999. That takes fewer requests when the tenant is much larger than the list.
      - The filter only affects how users are read. The module changes only users of the list, and finds them even when the filter does not match them.
    type: str
  usage_location: *location
  carry_plans: *carry
  inherited: *inherited
  remove_inherited: *inherited_removal
  protect: *protect
  allow_empty: *empty
  seat_check: *check
  plan_check:
    description:
      - As that of an entry.
    type: str
    choices: [enforce, try]
  max_removals:
    description:
      - The task fails before anything is written when it would remove more licenses than this, of all users together. If unset, there is no limit.
    type: int
seealso:
  - module: m365.licensing.user_assign_license
  - module: m365.licensing.user_license_info
"""

EXAMPLES = r"""
- name: Assign E3 to three users
  m365.licensing.users_assign_license:
    users:
      - user: alice@contoso.example
        usage_location: DE
      - user: grace@contoso.example
      - user: carol@contoso.example
        licenses:
          add:
            - sku: SPE_E3
              disabled_plans: [SWAY]
    licenses:
      add:
        - sku: SPE_E3

- name: Move two users from E3 to E5
  m365.licensing.users_assign_license:
    users:
      - user: bob@contoso.example
      - user: dave@contoso.example
    licenses:
      add:
        - sku: SPE_E5
      remove: [SPE_E3]
    carry_plans: true
    max_removals: 2
    on_error: stop
"""

RETURN = r"""
results:
  description: The entries that O(results) asks for, in the order given.
  returned: unless the whole list is rejected before anything is sent
  type: list
  elements: dict
  contains:
    user:
      description: The user, as the entry names it.
      type: str
      returned: always
      sample: alice@contoso.example
    outcome:
      description: V(changed), V(unchanged), V(failed), or V(skipped) for an entry that a resumed run had done, or that was not sent as the run ended.
      type: str
      returned: always
      sample: changed
    changed:
      description: Whether something was done, or in check mode would be.
      type: bool
      returned: always
    failed:
      description: Whether it failed.
      type: bool
      returned: always
    changes:
      description: What was done, or in check mode would be, as RV(m365.licensing.user_assign_license#module:changes) has it.
      type: list
      elements: dict
      returned: always
    findings:
      description: Predicted errors and warnings, as RV(m365.licensing.user_assign_license#module:findings) has them.
      type: list
      elements: dict
      returned: always
    msg:
      description: What failed, and what to do about it.
      type: str
      returned: failure
    failure:
      description: What failed, for a playbook to branch on, as RV(m365.licensing.user_assign_license#module:failure) has it.
      type: dict
      returned: failure
summary:
  description: How many entries there were of each outcome, how many requests were sent, and for how many seconds requests waited for Graph's limits.
  returned: unless the whole list is rejected before anything is sent
  type: dict
  sample: {total: 1000, changed: 100, unchanged: 899, failed: 1, skipped: 0, requests: 8, seconds_throttled: 0.0}
failure:
  description: What failed. C(code) is V(some_failed) when entries failed, V(ended) when the run was interrupted or stopped.
  returned: failure
  type: dict
  sample: {code: some_failed, status: null, request_id: null, retriable: true, remedy: null}
"""

from ansible_collections.m365.licensing.plugins.module_utils._module.clients.lists import run_list
from ansible_collections.m365.licensing.plugins.module_utils._module.clients.user_entries import UserEntries
from ansible_collections.m365.licensing.plugins.module_utils._module.options import BULK, CHECKS, INHERITED, LICENSES, SHARED, GraphModule, without_defaults


def main():
    """Entry point."""
    own = without_defaults({name: spec for name, spec in {**LICENSES, **INHERITED, **CHECKS}.items() if not name.startswith("wait")})
    own["usage_location"] = {"type": "str"}
    entry = {"user": {"type": "str", "required": True}, **own}
    module = GraphModule(
        argument_spec={
            **SHARED,
            **BULK,
            **own,
            "read_filter": {"type": "str"},
            "users": {"type": "list", "elements": "dict", "required": True, "options": entry},
        },
        supports_check_mode=True,
    )
    run_list(module, UserEntries)


if __name__ == "__main__":
    main()
