# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permissions and roles that operations need, in the names of Microsoft's pages and of its permission map, which differ (graph-contract 1.7, 3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Needed:
    """What an operation needs, least first: permissions of an application, those of a signed-in user, and roles of which the user also needs one."""

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
_MEMBER_ROLES = ("Groups Administrator", "User Administrator", "Directory Writers")
_DIRECTORY_READ = ("Directory.Read.All", "Directory.ReadWrite.All")
_USER_READ = ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY_READ)
_GROUP_READ = ("Group.Read.All", "Group.ReadWrite.All", *_DIRECTORY_READ)
_USER_WRITE = ("User.ReadWrite.All", "Directory.ReadWrite.All")
_GROUP_WRITE = ("Group.ReadWrite.All", "Directory.ReadWrite.All")
_MEMBERS_WRITE = ("GroupMember.ReadWrite.All", *_GROUP_WRITE)
_SKUS = ("LicenseAssignment.Read.All", "Organization.Read.All", *_DIRECTORY_READ)
_LICENSE = "LicenseAssignment.ReadWrite.All"
_READ = "CloudLicensing.Read.All"
_ORGANIZATION = "CloudLicensing.AssignLicenses.Organization"
_USER_ORGANIZATION = "User-CloudLicensing.AssignLicenses.Organization"
_GROUP_ORGANIZATION = "Group-CloudLicensing.AssignLicenses.Organization"
_USER_PART = r"/(?:me|users/[^/]+)"
_GROUP_PART, _DEVICE_PART = r"/groups/[^/]+", r"/devices/[^/]+"
_CLOUD, _ADMIN = r"/cloudLicensing/.*", r"/admin/cloudLicensing/"
_REPROCESS = r"/cloudLicensing/assignments/[^/]*reprocessAssignments"

# method (* for any), path below the version, what it needs: an application, a signed-in user, roles; the first row that fits decides
_ROWS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("GET", _ADMIN + r"assignmentErrors.*", (_READ, "User-CloudLicensing.Read.All", *_USER_READ), ("CloudLicensing.Read", *_USER_READ), ()),
    ("GET", _ADMIN + r".*", (_READ, *_DIRECTORY_READ), ("CloudLicensing.Read", *_DIRECTORY_READ), ()),
    ("*", _ADMIN + r".*", (_ORGANIZATION, "Directory.ReadWrite.All"), ("CloudLicensing.AssignLicenses", "Directory.ReadWrite.All"), _ROLES),
    (
        "GET",
        _USER_PART + r"/cloudLicensing/(?:usageRights|waitingMembers).*",
        ("User-UsageRight.Read.All", *_USER_READ),
        ("User-UsageRight.Read", "User.Read", *_USER_READ),
        (),
    ),
    ("GET", _USER_PART + _CLOUD, (_READ, "User-CloudLicensing.Read.All", *_USER_READ), ("CloudLicensing.Read", "User.Read", *_USER_READ), ()),
    ("POST", _USER_PART + _REPROCESS, (_ORGANIZATION, _USER_ORGANIZATION, *_USER_WRITE), ("CloudLicensing.AssignLicenses", *_USER_WRITE), _ROLES),
    ("POST", _USER_PART + _CLOUD, (_USER_ORGANIZATION, *_USER_WRITE), (_USER_ORGANIZATION, "User.ReadWrite", *_USER_WRITE), _ROLES),
    ("*", _USER_PART + _CLOUD, (_USER_ORGANIZATION, *_USER_WRITE), ("User-CloudLicensing.AssignLicenses", "User.ReadWrite", *_USER_WRITE), _ROLES),
    ("GET", _GROUP_PART + r"/cloudLicensing/usageRights.*", ("Group-UsageRight.Read.All", *_GROUP_READ), ("Group-UsageRight.Read.All", *_GROUP_READ), ()),
    (
        "GET",
        _GROUP_PART + _CLOUD,
        (_READ, "Group-CloudLicensing.Read.All", "User.Read.All", *_GROUP_READ),
        ("CloudLicensing.Read", "User.Read.All", *_GROUP_READ),
        (),
    ),
    ("POST", _GROUP_PART + _REPROCESS, _GROUP_WRITE, _GROUP_WRITE, _GROUP_ROLES),
    ("POST", _GROUP_PART + _CLOUD, (_ORGANIZATION, _GROUP_ORGANIZATION, *_USER_WRITE), (_ORGANIZATION, "Group.ReadWrite.All", *_USER_WRITE), _GROUP_ROLES),
    ("*", _GROUP_PART + _CLOUD, (_GROUP_ORGANIZATION, *_GROUP_WRITE), ("Group-CloudLicensing.AssignLicenses", *_GROUP_WRITE), _GROUP_ROLES),
    (
        "GET",
        _DEVICE_PART + _CLOUD,
        ("CloudLicensing-UsageRights.Read.All", "Device.Read.All", *_DIRECTORY_READ),
        ("CloudLicensing-UsageRights.Read", "Device-CloudLicensing.Read", *_DIRECTORY_READ),
        (),
    ),
    (
        "*",
        _DEVICE_PART + _CLOUD,
        ("CloudLicensing-Assignment.ReadWrite.All", "Device.ReadWrite.All", "Directory.ReadWrite.All"),
        ("CloudLicensing-Assignment.ReadWrite", "Directory.ReadWrite.All"),
        _ROLES,
    ),
    ("GET", r"/devices.*", ("Device.Read.All", *_DIRECTORY_READ), ("Device.Read.All", *_DIRECTORY_READ), ()),
    ("POST", _USER_PART + r"/assignLicense", (_LICENSE, *_USER_WRITE), (_LICENSE, *_USER_WRITE), _ROLES),
    ("POST", _USER_PART + r"/reprocessLicenseAssignment", _USER_WRITE, _USER_WRITE, _ROLES),
    ("GET", _USER_PART + r".*", _USER_READ, ("User.Read", *_USER_READ), ()),
    ("GET", r"/users.*", _USER_READ, _USER_READ, ()),
    ("PATCH", _USER_PART, ("User.ReadUpdate.All", *_USER_WRITE), ("User.ReadUpdate.All", *_USER_WRITE), ("User Administrator", "Directory Writers")),
    ("*", _USER_PART + r".*", _USER_WRITE, _USER_WRITE, ("User Administrator", "Directory Writers")),
    ("POST", _GROUP_PART + r"/assignLicense", (_LICENSE, *_GROUP_WRITE), (_LICENSE, *_GROUP_WRITE), _GROUP_ROLES),
    ("PATCH", _GROUP_PART, _MEMBERS_WRITE, _MEMBERS_WRITE, _MEMBER_ROLES),
    ("POST", _GROUP_PART + r"/members/.*", _MEMBERS_WRITE, _MEMBERS_WRITE, _MEMBER_ROLES),
    ("DELETE", _GROUP_PART + r"/members/.*", _MEMBERS_WRITE, _MEMBERS_WRITE, _MEMBER_ROLES),
    ("GET", r"/groups.*", _GROUP_READ, _GROUP_READ, ()),
    ("GET", r"/(?:subscribedSkus|directory/subscriptions).*", _SKUS, _SKUS, ()),
)


def needed_for(method: str, path: str) -> Needed | None:
    """Return what an operation needs; path begins below the version of Graph, with or without a query. None for an unknown one."""
    bare = re.sub(r"^/(v1\.0|beta)(?=/)", "", path.split("?", maxsplit=1)[0])
    rows = (Needed(*opens) for known, pattern, *opens in _ROWS if known in (method, "*") and re.fullmatch(pattern, bare))
    return next(rows, None)
