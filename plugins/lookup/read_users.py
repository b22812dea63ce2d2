# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users from a table: CSV as spreadsheets and scripts write it, or an Excel workbook."""

from __future__ import annotations

DOCUMENTATION = r"""
name: read_users
short_description: Users from a CSV file or an Excel workbook
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Reads a table of users and returns entries for C(license_people), C(onboard_users_people) and the other lists of users.
  - CSV is read as spreadsheets in any language and PowerShell write it. Encoding and delimiter are detected - UTF-8 and UTF-16, with or without
    a byte order mark, and the code page of Western Windows; comma, semicolon, tab and bar.
  - The first row has the header names. English ones are recognized, such as C(UserPrincipalName), C(Usage location), C(License), C(Groups),
    C(Last day), C(Profile) and C(Keep). Others are mapped with O(columns).
  - A blank cell leaves its key out. A cell of C(licenses), C(groups) or C(keep) can hold a list, separated by line ends, semicolons or bars. A list
    of SKUs can also have commas between SKU part numbers, and the plus signs of the admin center's export.
  - All errors of the table are reported in one message, with line and column. The content of the table is data, never a template.
options:
  _terms:
    description:
      - The files, C(.csv), C(.txt), C(.tsv) or C(.xlsx), relative to the playbook or its folder C(files).
      - A workbook needs the Python library C(openpyxl) on the controller.
    type: list
    elements: str
    required: true
  columns:
    description:
      - Header names that are not recognized, each with the key it maps to - V(user), V(profile), V(from), V(usage_location), V(licenses), V(groups),
        V(last_day) or V(keep). With an empty string, the column is ignored. Case, blanks, hyphens and underscores do not matter.
    type: dict
    default: {}
  ignore_other_columns:
    description:
      - Whether to ignore columns whose header is neither recognized nor in O(columns). Otherwise they are an error, as a mistyped
        header would be ignored too.
    type: bool
    default: false
  date_format:
    description:
      - How C(last_day) is written in the table, as Python's C(strptime) takes it, such as V(%m/%d/%Y). If unset, as V(2026-12-31) or V(31.12.2026).
    type: str
  delimiter:
    description:
      - The delimiter of a CSV file. If unset, the one that the header has most often.
    type: str
  encoding:
    description:
      - The encoding of a CSV file, such as V(cp1250). If unset, it is detected.
    type: str
  sheet:
    description:
      - The sheet of a workbook. If unset, the first one.
    type: str
notes:
  - Use C(lookup) rather than C(query), which puts the list into another list.
seealso:
  - module: m365.licensing.users_assign_license
"""

EXAMPLES = r"""
- name: License the users of a table
  m365.licensing.licensed_users:
    users: "{{ lookup('m365.licensing.read_users', 'people.csv') }}"

- name: Read a table with German headers
  ansible.builtin.set_fact:
    license_people: "{{ lookup('m365.licensing.read_users', 'leute.csv', columns=headers) }}"
  vars:
    headers:
      Benutzerprinzipalname: user
      Verwendungsstandort: usage_location
      Lizenz: licenses
      Letzter Tag: last_day
      Abteilung: ""
"""

RETURN = r"""
_raw:
  description: One list of the entries of all files, each with C(user), and with the other keys for which its row has a cell.
  type: list
  elements: list
"""

import io
import zipfile
import zlib

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._files import read_regular
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.user_table import csv_rows, entries_of, rows_of_sheet

OPTIONS = {"columns", "ignore_other_columns", "date_format", "delimiter", "encoding", "sheet"}
# what openpyxl raises for a file that is not an Excel workbook, or a damaged one
BROKEN = (OSError, ValueError, LookupError, AttributeError, TypeError, SyntaxError, zipfile.BadZipFile, zlib.error)


class LookupModule(LookupBase):
    """The lookup, for Ansible."""

    def run(self, terms, variables=None, **kwargs):
        """The entries of all files, as one list."""
        unknown = sorted(set(kwargs) - OPTIONS)
        if unknown:
            raise AnsibleLookupError(f"read_users: unknown option {' and '.join(unknown)}; known are {', '.join(sorted(OPTIONS))}")
        self.set_options(var_options=variables, direct=kwargs)
        entries: list = []
        first: dict = {}
        for term in terms:
            path = self.find_file_in_search_path(variables, "files", str(term))
            if path is None:
                raise AnsibleLookupError(f"read_users: no file {term!r} next to the playbook or in its folder files; check the path")
            try:
                for entry in self._entries(path):
                    if first.setdefault(entry["user"].lower(), term) != term:
                        raise OptionError(f"{entry['user']} is also in {first[entry['user'].lower()]}; leave one of them out")
                    entries.append(entry)
            except OptionError as error:
                raise AnsibleLookupError(f"read_users: {term}: {error.message}") from error
        return [wrap_var(entries)]

    def _entries(self, path):
        content = read_regular(path, "read_users")
        if path.lower().endswith((".xlsx", ".xlsm")):
            rows = self._sheet(content)
        else:
            rows = csv_rows(content, self.get_option("encoding"), self.get_option("delimiter"))
        return entries_of(rows, self.get_option("columns"), self.get_option("ignore_other_columns"), self.get_option("date_format"))

    def _sheet(self, content):
        """The rows of a sheet. The size that it states is ignored: some programs write it wrongly."""
        try:
            import openpyxl
        except ImportError:
            raise OptionError("a workbook needs the Python library openpyxl on the controller; install it, or save the table as CSV UTF-8") from None
        try:
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheets = {sheet.title: sheet for sheet in book.worksheets}
            name = self.get_option("sheet") or next(iter(sheets), None)
            if name in sheets:
                sheets[name].reset_dimensions()
                return rows_of_sheet(sheets[name].iter_rows(values_only=True))
        except BROKEN as error:
            raise OptionError(f"it is not an Excel workbook: {error}; save it as .xlsx or as CSV UTF-8") from None
        raise OptionError(f"the workbook has no sheet {name!r}; its sheets are {', '.join(sheets) or 'none with a table'}")
