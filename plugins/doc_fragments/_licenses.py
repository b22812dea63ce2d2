# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which licenses a user or group holds."""

from __future__ import annotations


class ModuleDocFragment:
    """The grammar of licenses: add, remove or set, with guards."""

    DOCUMENTATION = r"""
options:
  licenses:
    description:
      - The licenses to hold. What is not named stays, unless O(licenses.set) is given.
    type: dict
    suboptions:
      add:
        description:
          - Licenses that shall be held. All others stay.
        type: list
        elements: dict
        suboptions: &license
          sku:
            description:
              - Part number such as V(SPE_E5), or id, of the SKU; with O(sku_names) also the product name. Case does not matter.
            type: str
            required: true
          disabled_plans:
            description:
              - Service plans, by name or id, that are off, and no others. An empty list turns all on.
                With O(licenses.add[].plans_mode=merge), these are turned off.
              - If unset, the service plans stay as they are. Those of a new license are all on, unless O(carry_plans) says otherwise.
              - When the SKU comes from a group so far, a new direct license begins with the service plans that are off there.
            type: list
            elements: str
          enabled_plans:
            description:
              - Service plans, by name or id, that are on, and no others. Those that apply to the organization and not to people are left alone.
                With O(licenses.add[].plans_mode=merge), these are turned on.
            type: list
            elements: str
          plans_mode:
            description:
              - With V(set), a list of service plans is the whole list. With V(merge), it is what to turn off or on, and the others stay.
            type: str
            default: set
            choices: [set, merge]
          prefer:
            description:
              - With V(held), a user who holds one of O(licenses.add[].alternatives) keeps it.
                With V(first), the user gets the preferred SKU when a seat is free
                of a SKU that is preferred, and gives the other one back in the same call.
            type: str
            default: held
            choices: [held, first]
          alternatives:
            description:
              - What may stand in for the SKU, in order of preference. Who holds the SKU or one of these keeps it,
                another user gets the first SKU with a free seat. O(licenses.add[].prefer) changes that.
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
          - SKUs, by part number, id or product name, that shall not be held directly. One that is not held is no change.
            One that a user has only from a group is an error that names the group.
        type: list
        elements: str
      set:
        description:
          - Exactly the direct licenses. Every other direct license is removed. An empty list needs O(allow_empty=true).
          - Excludes O(licenses.add) and O(licenses.remove).
        type: list
        elements: dict
        suboptions: *license
  carry_plans:
    description:
      - Whether a license that is added while another is removed begins with the service plans that were off there, matched by id, then by name.
      - Ignored for a license that states all of its service plans, and for one that is held already.
    type: bool
    default: false
  protect:
    description:
      - SKUs, by part number, id or product name, that are never removed. O(licenses.set) leaves them, and naming one in O(licenses.remove) is an error.
    type: list
    elements: str
  max_removals:
    description:
      - The task fails before anything is written when it would remove more licenses than this. If unset, there is no limit.
    type: int
  allow_empty:
    description:
      - Whether O(licenses.set) may be empty, which removes every direct license.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds after which O(wait) fails, naming what is outstanding. What was done is in the results.
    type: float
    default: 300
"""

    CHECKS = r"""
options:
  seat_check:
    description:
      - With V(enforce), the task fails when no seat is free, in check mode too. With V(try), it warns, and Graph decides.
        Its counters can lag behind a seat that was freed a moment ago.
    type: str
    default: enforce
    choices: [enforce, try]
  plan_check:
    description:
      - With V(enforce), the task fails when service plans would be on that, as Microsoft lists them, exclude or need each other, in check mode too.
        With V(try), it warns, and Graph decides.
    type: str
    default: enforce
    choices: [enforce, try]
"""
