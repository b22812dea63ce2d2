# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The users of a tenant as hosts, so that limits, serial and job slicing work on people."""

from __future__ import annotations

DOCUMENTATION = r"""
name: users
short_description: Users of a Microsoft 365 tenant as hosts
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Makes a host of each user of the tenant, or of those that a filter chooses, so that C(--limit), C(serial) and AWX job slicing work on people.
  - Each host has variables of the user with the prefix C(m365_), and is in the group C(m365_users), which runs tasks on the controller.
  - Users are read in pages of 999, one request each.
  - The file's name must end in C(m365_users.yml) or C(m365_users.yaml).
extends_documentation_fragment:
  - m365.licensing._graph
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description:
      - Marks the file as one of this plugin.
    type: str
    required: true
    choices: [m365.licensing.users]
  filter:
    description:
      - Only users for whom this OData filter holds, such as V(department eq 'Sales' and accountEnabled eq true).
        What Graph wants of advanced filters is sent along.
    type: str
  properties:
    description:
      - Properties of users to read, as Graph names them. Each becomes a variable, in lower case with underscores, such as C(m365_usage_location).
    type: list
    elements: str
    default: [id, userPrincipalName, displayName, department, usageLocation, accountEnabled]
  licenses:
    description:
      - Whether to read the licenses as well, as C(m365_skus), the part numbers of SKUs that the user holds in any way. One more request.
    type: bool
    default: false
seealso:
  - module: m365.licensing.users_assign_license
"""

EXAMPLES = r"""
# sales.m365_users.yml
plugin: m365.licensing.users
filter: department eq 'Sales'
keyed_groups:
  - key: m365_usage_location
    prefix: country
compose:
  user: m365_user_principal_name
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /tmp/m365-inventory
cache_timeout: 3600
"""

import hashlib
import json
import os
import re
import subprocess
import sys

from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.m365.licensing.plugins.module_utils._errors import LicensingError, OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED
from ansible_collections.m365.licensing.plugins.module_utils._module.results import explained
from ansible_collections.m365.licensing.plugins.module_utils._module.session import Session

GROUP = "m365_users"
_CAPITAL = re.compile("(?<=[a-z0-9])([A-Z])")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Hosts out of users."""

    NAME = "m365.licensing.users"

    def verify_file(self, path):
        """Whether a file is one of this plugin."""
        return super().verify_file(path) and path.endswith(("m365_users.yml", "m365_users.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Reads the users, out of the cache when it has them, and makes hosts of them."""
        super().parse(inventory, loader, path, cache)
        self._check(self._read_config_data(path), path)
        chosen = [self.get_option(name) for name in ("filter", "properties", "licenses", "tenant_id", "graph_url")]
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(json.dumps(chosen).encode()).hexdigest()[:12]}"
        users = self._cache.get(key) if cache and self.get_option("cache") else None
        if users is None:
            users = self._read()
            if self.get_option("cache"):
                self._cache[key] = users
        self._fill(users)

    def _check(self, config, path):
        """Refuses options that nobody knows: a misspelled filter would make hosts of everybody."""
        known = constants.config.get_configuration_definitions("inventory", self._load_name)
        unknown = sorted(set(config) - set(known))
        if unknown:
            raise AnsibleParserError(f"{path}: unknown option {' and '.join(unknown)}; known are {', '.join(sorted(known))}")

    def _read(self):
        """The variables of every user."""
        session = None
        try:
            session = Session(self._connection(), run_command)
            licenses = self.get_option("licenses")
            catalog = session.survey.catalog() if licenses else None
            rows = session.survey.properties(self.get_option("filter"), self.get_option("properties"), licenses)
            return [{**variables(row), **({"m365_skus": skus(user, catalog)} if licenses else {})} for user, row in rows]
        except LicensingError as error:
            raise AnsibleParserError(explained(error, Catalog())[0]) from error
        finally:
            if session is not None:
                session.close()

    def _connection(self):
        """The connection options: of the file, else of the environment, else the default; what is empty counts as unset."""
        params = {}
        for name, spec in SHARED.items():
            value, origin = self.get_option_and_origin(name)
            if value in (None, "") or origin == "default":
                names = spec.get("fallback", (None, []))[1]
                value = next((os.environ[known] for known in names if os.environ.get(known)), value or None)
            if value is not None and value not in spec.get("choices", [value]):
                raise OptionError(f"{name} is {value!r}: give one of {', '.join(spec['choices'])}")
            params[name] = os.path.expanduser(os.path.expandvars(value)) if spec["type"] == "path" and value else value
        return params

    def _fill(self, users):
        self.inventory.add_group(GROUP)
        for name, value in (("ansible_connection", "local"), ("ansible_python_interpreter", sys.executable)):
            self.inventory.set_variable(GROUP, name, value)
        strict = self.get_option("strict")
        is_constructed = any(self.get_option(option) for option in ("compose", "groups", "keyed_groups"))
        for user in users:
            host = user.get("m365_user_principal_name") or user["m365_id"]
            self.inventory.add_host(host, group=GROUP)
            for name, value in user.items():
                self.inventory.set_variable(host, name, wrap_var(value))  # what people call themselves is no template
            if is_constructed:
                self._set_composite_vars(self.get_option("compose"), user, host, strict=strict)
                self._add_host_to_composed_groups(self.get_option("groups"), user, host, strict=strict)
                self._add_host_to_keyed_groups(self.get_option("keyed_groups"), user, host, strict=strict)


def variables(row):
    """The properties of a user as variables."""
    return {"m365_" + _CAPITAL.sub(r"_\1", name).lower(): value for name, value in row.items()}


def skus(user, catalog):
    """The part numbers of the SKUs that a user holds."""
    return sorted({catalog.label(lic.sku_id) for lic in user.licenses if lic.is_held})


def run_command(command, **dummy):
    """Status, output and errors of a program, as AnsibleModule's own gives them."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
