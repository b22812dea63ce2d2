# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The product display name of a SKU."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sku_name
short_description: Product display name of a SKU
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Turns the SKU part number or id of a SKU into its product display name, for reports.
  - A value that is not in the file is returned unchanged.
options:
  _input:
    description:
      - SKU part number or id of a SKU.
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
  - plugin: m365.licensing.service_plan_name
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the product display name of a SKU
  ansible.builtin.debug:
    msg: "{{ 'SPE_E5' | m365.licensing.sku_name('product-names.csv') }}"
"""

RETURN = r"""
_value:
  description: The product display name, or the input.
  type: str
  sample: Microsoft 365 E5
"""

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._module.names_file import read_names


def sku_name(value, names):
    """The product display name of a SKU."""
    try:
        return wrap_var(read_names(names, "sku_name").sku_name(str(value)) or value)  # the content of a file is not a template
    except OptionError as error:
        raise AnsibleFilterError(error.message) from error


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """The filter by its name."""
        return {"sku_name": sku_name}
