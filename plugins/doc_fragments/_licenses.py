# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which licenses a user or group holds."""

from __future__ import annotations


class ModuleDocFragment:
    """The form of license options: add, remove or set, with limits."""

    DOCUMENTATION = r"""
options:
  licenses:
    description:
      - The licenses to hold. Licenses that are not named are kept, unless O(licenses.set) is given.
    type: dict
    suboptions:
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
  carry_plans:
    description:
      - Whether a license that is added while another is removed begins with the service plans that were off there, matched by id, then by name.
      - Ignored for a license that sets all of its service plans, and for one that is already held.
    type: bool
    default: false
  protect:
    description:
      - SKUs, by SKU part number, id or product display name, that are never removed.
        O(licenses.set) keeps them, and naming one in O(licenses.remove) is an error.
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
      - Seconds after which O(wait) fails and lists what is outstanding. The results have what was done.
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
      - With V(enforce), the task fails when the service plans that would be on exclude or need each other, as Microsoft lists them. Check mode fails too.
        With V(try), it warns, and Graph decides.
    type: str
    default: enforce
    choices: [enforce, try]
"""
