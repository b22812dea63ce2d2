# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which permissions and roles open what, in the names of Microsoft's pages and of its permission map, which differ (graph-contract 1.7, 3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Needed:
    """What opens an operation, least first: permissions of an application, those of a signed-in user, and one role that the user has beside."""

    application: tuple[str, ...]
    delegated: tuple[str, ...]
    roles: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As a sentence."""
        role = f" and one of the roles {', '.join(self.roles)}" if self.roles else ""
        return f"an application needs one of {', '.join(self.application)}; a signed-in user needs one of {', '.join(self.delegated)}{role}"


_ROLES = ("License Administrator", "User Administrator", "Directory Writers")
_GROUP_ROLES = (*_ROLES, "Groups Administrator")
_USER_READ = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
_GROUP_READ = ("Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_USER_WRITE = ("User.ReadWrite.All", "Directory.ReadWrite.All")
_GROUP_WRITE = ("Group.ReadWrite.All", "Directory.ReadWrite.All")
_SKUS = ("LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")
_CLOUD_READ = "CloudLicensing.Read.All"
_ASSIGN = ("CloudLicensing.AssignLicenses.Organization", "Directory.ReadWrite.All")
_USER_ASSIGN = ("User-CloudLicensing.AssignLicenses.Organization", *_USER_WRITE)
_GROUP_ASSIGN = ("Group-CloudLicensing.AssignLicenses.Organization", *_GROUP_WRITE)
_DEVICE_ASSIGN = ("CloudLicensing-Assignment.ReadWrite.All", "Directory.ReadWrite.All")
_DEVICE_READ = ("CloudLicensing-UsageRights.Read.All", "Directory.Read.All", "Directory.ReadWrite.All")
_OWN = r"/(?:me|users/[^/]+)"

# method, path below the version, what opens it; the first row that fits decides
TABLE: tuple[tuple[str, str, Needed], ...] = (
    ("GET", r"/admin/cloudLicensing/.*", Needed((_CLOUD_READ, *_DIRECTORY), ("CloudLicensing.Read", *_DIRECTORY))),
    (
        "POST",
        r"/admin/cloudLicensing/.*",
        Needed(_ASSIGN, ("CloudLicensing.AssignLicenses", "Directory.ReadWrite.All"), _ROLES),
    ),
    ("*", r"/admin/cloudLicensing/.*", Needed(_ASSIGN, ("CloudLicensing.AssignLicenses", "Directory.ReadWrite.All"), _ROLES)),
    (
        "GET",
        _OWN + r"/cloudLicensing/(?:usageRights|waitingMembers).*",
        Needed(("User-UsageRight.Read.All", *_USER_READ), ("User-UsageRight.Read", "User.Read", *_USER_READ)),
    ),
    ("GET", _OWN + r"/cloudLicensing/.*", Needed((_CLOUD_READ, "User-CloudLicensing.Read.All", *_USER_READ), ("CloudLicensing.Read", *_USER_READ))),
    ("*", _OWN + r"/cloudLicensing/.*", Needed(_USER_ASSIGN, ("User-CloudLicensing.AssignLicenses", *_USER_WRITE), _ROLES)),
    ("GET", r"/groups/[^/]+/cloudLicensing/usageRights.*", Needed(("Group-UsageRight.Read.All", *_GROUP_READ), ("Group-UsageRight.Read.All", *_GROUP_READ))),
    (
        "GET",
        r"/groups/[^/]+/cloudLicensing/.*",
        Needed((_CLOUD_READ, "Group-CloudLicensing.Read.All", *_GROUP_READ), ("CloudLicensing.Read", *_GROUP_READ)),
    ),
    (
        "POST",
        r"/groups/[^/]+/cloudLicensing/.*",
        Needed(("CloudLicensing.AssignLicenses.Organization", *_GROUP_ASSIGN), ("Group-CloudLicensing.AssignLicenses", *_GROUP_WRITE), _GROUP_ROLES),
    ),
    ("*", r"/groups/[^/]+/cloudLicensing/.*", Needed(_GROUP_ASSIGN, ("Group-CloudLicensing.AssignLicenses", *_GROUP_WRITE), _GROUP_ROLES)),
    (
        "GET",
        r"/devices/[^/]+/cloudLicensing/.*",
        Needed((*_DEVICE_READ, "Device.Read.All"), ("CloudLicensing-UsageRights.Read", "Device-CloudLicensing.Read", *_DIRECTORY)),
    ),
    (
        "*",
        r"/devices/[^/]+/cloudLicensing/.*",
        Needed((*_DEVICE_ASSIGN, "Device.ReadWrite.All"), ("CloudLicensing-Assignment.ReadWrite", "Directory.ReadWrite.All"), _ROLES),
    ),
    ("GET", r"/devices.*", Needed(("Device.Read.All", *_DIRECTORY), ("Device.Read.All", *_DIRECTORY))),
    (
        "POST",
        _OWN + r"/assignLicense",
        Needed(("LicenseAssignment.ReadWrite.All", *_USER_WRITE), ("LicenseAssignment.ReadWrite.All", *_USER_WRITE), _ROLES),
    ),
    ("POST", _OWN + r"/reprocessLicenseAssignment", Needed(_USER_WRITE, _USER_WRITE, _ROLES)),
    ("GET", _OWN + r".*", Needed(_USER_READ, ("User.Read", *_USER_READ))),
    ("GET", r"/users.*", Needed(_USER_READ, _USER_READ)),
    ("*", _OWN + r".*", Needed(_USER_WRITE, _USER_WRITE, ("User Administrator", "Directory Writers"))),
    (
        "POST",
        r"/groups/[^/]+/assignLicense",
        Needed(("LicenseAssignment.ReadWrite.All", *_GROUP_WRITE), ("LicenseAssignment.ReadWrite.All", *_GROUP_WRITE), _GROUP_ROLES),
    ),
    ("GET", r"/groups.*", Needed(_GROUP_READ, _GROUP_READ)),
    ("GET", r"/(?:subscribedSkus|directory/subscriptions).*", Needed(_SKUS, _SKUS)),
)


def needed_for(method: str, path: str) -> Needed | None:
    """What opens an operation; path begins below the version of Graph, with or without a query. None for an unknown one."""
    bare = re.sub(r"^/(v1\.0|beta)(?=/)", "", path.split("?", maxsplit=1)[0])
    rows = (needed for known, pattern, needed in TABLE if known in (method, "*") and re.fullmatch(pattern, bare))
    return next(rows, None)
