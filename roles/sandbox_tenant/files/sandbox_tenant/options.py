# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The query options that each path accepts (graph-contract 1.1 to 1.4, 2.2, 7); others are rejected."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import rejection

_ONE = {"$select", "$expand"}
_LIST = {"$select", "$top", "$expand", "$skiptoken"}
_FILTERED = {*_LIST, "$filter"}
_DIRECTORY = {*_FILTERED, "$count", "$orderby", "$search"}

# path below the version, what it accepts; the first row that matches decides, and a path without a row accepts what a single entity does
_ROWS = (
    (r"/subscribedSkus(/[^/]+)?", {"$select"}),
    (r"/directory/subscriptions", {*_FILTERED}),
    (r".*/\$count", {"$filter"}),
    (r"/admin/cloudLicensing/allotments", {*_FILTERED, "$apply"}),
    (r"/admin/cloudLicensing/allotments/[^/]+/waitingMembers", _LIST),
    (r"/admin/cloudLicensing/(allotments/[^/]+/)?assignments", _FILTERED),
    (r"/admin/cloudLicensing/assignmentErrors", _FILTERED),
    (r"/users/[^/]+/cloudLicensing/assignmentErrors", _FILTERED),
    (r"/(users|groups|devices)/[^/]+/cloudLicensing/usageRights", _FILTERED),
    (r"/(users|groups|devices)/[^/]+/cloudLicensing/(assignments|waitingMembers)", _LIST),
    (r"/(users|groups|devices)/[^/]+/cloudLicensing/usageRights/[^/]+/assignments", _LIST),
    (r"/(users|groups|devices)", _DIRECTORY),
    (r"/groups/[^/]+/(members|membersWithLicenseErrors)", _DIRECTORY),
    (r"/users/[^/]+/licenseDetails", {"$select"}),
)


def check_options(method: str, path: str, query: Mapping[str, str]) -> None:
    """Raise Rejection for a query option that a read does not accept. Options without a dollar sign are those of applications, and ignored."""
    if method != "GET":
        return
    allowed = next((options for pattern, options in _ROWS if re.fullmatch(pattern, path)), _ONE)
    for name in query:
        if name.startswith("$") and name.lower() not in allowed:
            raise rejection("option", name=name)
