# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The users of a tenant as hosts, so that limits, serial and job slicing work on users."""

from __future__ import annotations

DOCUMENTATION = r"""
name: users
short_description: Users of a Microsoft 365 tenant as hosts
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Makes a host of each user of the tenant, or of those that match a filter. Then C(--limit), C(serial) and AWX job slicing work on users.
  - Each host has variables of the user with the prefix C(m365_), and is in the group C(m365_users), which runs tasks on the controller.
  - Users are read in pages of 999, one request each.
  - The file's name must end in C(m365_users.yml) or C(m365_users.yaml).
  - The tenant's values of a user are data, never a template, also in O(compose), O(groups) and O(keyed_groups). In these options, ansible-core 2.18 reads
    a text such as V(True) or V([1]) as a value of Python.
  - With O(cache=true), users are read from the cache only for the same options and the same connection. A file cache must be in a folder of
    your own that others can't write to. Otherwise, the tenant is read again, with a warning.
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
      - Only users that match this OData filter, such as V(department eq 'Sales' and accountEnabled eq true).
        What Graph requires for advanced filters is sent along.
    type: str
  properties:
    description:
      - Properties of users to read, as Graph names them. Each becomes a variable, in lower case with underscores, such as C(m365_usage_location).
    type: list
    elements: str
    default: [id, userPrincipalName, displayName, department, usageLocation, accountEnabled]
  licenses:
    description:
      - Whether to read the licenses as well, as C(m365_skus), the SKU part numbers that the user holds over any assignment path.
        That takes one more request.
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
cache_connection: ~/.cache/m365-inventory
cache_timeout: 3600
"""

import hashlib
import json
import os
import re
import stat
import subprocess
import sys

from ansible import constants
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.m365.licensing.plugins.module_utils._errors import LicensingError, OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.catalog import Catalog
from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import is_guid
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.problems import explained, failure_of
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED
from ansible_collections.m365.licensing.plugins.module_utils._module.session import Session

GROUP = "m365_users"
_NAME = re.compile(r"[\w.!#^~'+@-]+")  # a valid host name: nothing that a template, a pattern or a path is made of
_VARIABLE = re.compile(r"m365_[a-z0-9_]+")
_CAPITAL = re.compile("(?<=[a-z0-9])([A-Z])")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Hosts out of users."""

    NAME = "m365.licensing.users"

    def verify_file(self, path):
        """Whether a file belongs to this plugin."""
        return super().verify_file(path) and path.endswith(("m365_users.yml", "m365_users.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Read the users, from the cache if it has them, and add a host for each."""
        super().parse(inventory, loader, path, cache)
        self._check(self._read_config_data(path), path)
        session = None
        try:
            params, given = self._connection()
            session = Session(params, run_command, given)
            self._fill(self._users(session, params, path, cache))
        except LicensingError as error:
            raise AnsibleParserError(failure_of(explained(error, Catalog()))["msg"]) from error
        finally:
            if session is not None:
                session.close()

    def _users(self, session, params, path, cache):
        """The variables of every user, from the cache if it has them."""
        if not self.get_option("cache"):
            return self._read(session)[1]
        key = f"{self.get_cache_key(path)}_{self._fingerprint(session, params)}"
        is_private = self._is_private(key)
        users = self._cached(key, params["tenant_id"]) if cache and is_private else None
        if users is None:
            tenant, users = self._read(session)
            if is_private:
                self._cache[key] = {"tenant_id": tenant, "users": users}
        return users

    def _fingerprint(self, session, params):
        """The key in the cache for these options and the connection that is used; secrets are in it only as a hash."""
        chosen = [self.get_option(name) for name in ("filter", "properties", "licenses")]
        used = {name: value for name, value in params.items() if name not in ("timeout", "max_wait", "token_cache")}
        return hashlib.sha256(json.dumps([chosen, used, session.ambient_identity()], sort_keys=True).encode()).hexdigest()[:32]

    def _is_private(self, key):
        """Whether no other user can write or read the cache, as far as it is in files: its content is treated as Graph's answer."""
        place = self.get_option("cache_connection")
        if not place or not self.get_option("cache_plugin").endswith(("jsonfile", "yaml", "pickle")):
            return True
        folder = os.path.realpath(os.path.expanduser(os.path.expandvars(place)))
        os.makedirs(folder, mode=0o700, exist_ok=True)
        files = os.listdir(folder)
        if os.stat(folder).st_uid == os.geteuid() and all(self.NAME in name for name in files):
            os.chmod(folder, 0o700)  # Ansible's own plugins make it, and its files, readable for all users
        loose = [path for path in (folder, *_parents(folder)) if not _is_own(path, is_parent=path != folder)]
        loose += [path for name in files if name.endswith(key) and not _is_own_file(path := os.path.join(folder, name))]
        for name in files if not loose else ():
            if name.endswith(key):
                os.chmod(os.path.join(folder, name), 0o600)
        if loose:
            remedy = "Set cache_connection to a folder of your own, for this inventory alone"
            self.display.warning(f"{self.NAME}: other users can write {loose[0]}, so the cache is not used. {remedy}")
        return not loose

    def _cached(self, key, tenant_id):
        """The users in the cache, None where it has none, is of another tenant, or holds something else than this plugin writes."""
        try:
            found = self._cache.get(key)
        except AnsibleError:  # not a cache file; Ansible has deleted it
            return None
        users = found.get("users") if isinstance(found, dict) else None
        if not isinstance(users, list) or not all(_is_row(row) for row in users):
            return None
        tenant, wanted = found.get("tenant_id"), (tenant_id or "").lower()
        return users if isinstance(tenant, str) and (tenant.lower() == wanted or not is_guid(wanted)) else None

    def _check(self, config, path):
        """Reject unknown options: with a misspelled filter, every user would become a host."""
        known = constants.config.get_configuration_definitions("inventory", self._load_name)
        unknown = sorted(set(config) - set(known))
        if unknown:
            raise AnsibleParserError(f"{path}: unknown option {' and '.join(unknown)}; known are {', '.join(sorted(known))}")

    def _read(self, session):
        """The tenant's id, and the variables of every user."""
        licenses = self.get_option("licenses")
        catalog = session.tenant.catalog() if licenses or self.get_option("cache") else None
        rows = session.tenant.properties(self.get_option("filter"), self.get_option("properties"), licenses)
        users = [{**variables(row), **({"m365_skus": skus(user, catalog)} if licenses else {})} for user, row in rows]
        return session.reader.tenant_id or "", users

    def _connection(self):
        """The connection options, of the file, else of the environment, else the default; and the names of those that the file gives.

        What is empty counts as unset.
        """
        params, given = {}, set()
        for name, spec in SHARED.items():
            value, origin = self.get_option_and_origin(name)
            if value not in (None, "") and origin != "default":
                given.add(name)
            else:
                names = spec.get("fallback", (None, []))[1]
                value = next((os.environ[known] for known in names if os.environ.get(known)), value or None)
            if value is not None and value not in spec.get("choices", [value]):
                raise OptionError(f"{name} is {value!r}: give one of {', '.join(spec['choices'])}")
            params[name] = os.path.expanduser(os.path.expandvars(value)) if spec["type"] == "path" and value else value
        return params, frozenset(given)

    def _fill(self, users):
        self.inventory.add_group(GROUP)
        for name, value in (("ansible_connection", "local"), ("ansible_python_interpreter", sys.executable)):
            self.inventory.set_variable(GROUP, name, value)
        strict = self.get_option("strict")
        is_constructed = any(self.get_option(option) for option in ("compose", "groups", "keyed_groups"))
        for row in users:
            user = {name: wrap_var(value) for name, value in row.items()}  # names of users are not templates, nor is what is made of them
            host = host_of(row)
            if host is None:
                raise AnsibleParserError(f"{self.NAME}: a user has neither a name nor an id that can be a host: {row['m365_id']!r}")
            self.inventory.add_host(host, group=GROUP)
            for name, value in user.items():
                self.inventory.set_variable(host, name, value)
            if is_constructed:
                self._set_composite_vars(self.get_option("compose"), user, host, strict=strict)
                self._add_host_to_composed_groups(self.get_option("groups"), user, host, strict=strict)
                self._add_host_to_keyed_groups(self.get_option("keyed_groups"), user, host, strict=strict)


def _parents(folder):
    """The folders above one."""
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        yield folder


def _is_own(path, is_parent):
    """Whether only this user, or root, can replace files in a folder. A parent folder may be sticky: no other user can rename what is in it."""
    found = os.stat(path)
    if not is_parent:
        return found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return found.st_uid in (os.geteuid(), 0) and (not found.st_mode & stat.S_IWOTH or bool(found.st_mode & stat.S_ISVTX))


def _is_own_file(path):
    """Whether a file of the cache is one that this user wrote."""
    found = os.lstat(path)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _is_row(row):
    """Whether a row of a cache has the form that this plugin writes."""
    if not isinstance(row, dict) or not all(_VARIABLE.fullmatch(str(name)) for name in row):
        return False
    name, skus_held = row.get("m365_user_principal_name"), row.get("m365_skus", [])
    are_texts = isinstance(row.get("m365_id"), str) and isinstance(name, (str, type(None))) and isinstance(skus_held, list)
    return are_texts and host_of(row) is not None


def host_of(row):
    """The host name of a user: the name, or the id where the name is not a valid host name; None where neither is."""
    return next((name for name in (row.get("m365_user_principal_name"), row["m365_id"]) if name and _NAME.fullmatch(name)), None)


def variables(row):
    """The properties of a user as variables."""
    return {"m365_" + _CAPITAL.sub(r"_\1", name).lower(): value for name, value in row.items()}


def skus(user, catalog):
    """The part numbers of the SKUs that a user holds."""
    return sorted({catalog.label(lic.sku_id) for lic in user.licenses if lic.is_held})


def run_command(command, **dummy):
    """Run a program, and return status, output and errors as AnsibleModule.run_command does."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
