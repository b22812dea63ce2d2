# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of a service plan that people know."""

from __future__ import annotations

DOCUMENTATION = r"""
name: service_plan_name
short_description: Display name of a service plan
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns the id or the name of a service plan, such as V(TEAMS1), into its display name, for reports.
  - A value that is not in the file is returned unchanged.
options:
  _input:
    description:
      - Id or name of a service plan.
    type: str
    required: true
  names:
    description:
      - Path, on the controller, of Microsoft's file C(Product names and service plan identifiers for licensing), a CSV.
    type: path
    required: true
positional: names
seealso:
  - module: m365.licensing.sku_info
  - plugin: m365.licensing.sku_name
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the display name of a service plan
  ansible.builtin.debug:
    msg: "{{ 'TEAMS1' | m365.licensing.service_plan_name('product-names.csv') }}"
"""

RETURN = r"""
_value:
  description: The display name, or the input.
  type: str
  sample: Microsoft Teams
"""

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._module.names_file import read_names


def service_plan_name(value, names):
    """The friendly name of a service plan."""
    try:
        return wrap_var(read_names(names, "service_plan_name").service_plan_name(str(value)) or value)  # the content of a file is not a template
    except OptionError as error:
        raise AnsibleFilterError(error.message) from error


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"service_plan_name": service_plan_name}
