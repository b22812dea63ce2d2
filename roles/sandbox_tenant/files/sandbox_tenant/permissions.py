# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions by path and method, of the documentation and of Microsoft's permission map (graph-contract 1.7, 3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .tenant import Tenant


def _both(*names: str) -> tuple[set[str], set[str]]:
    """Permissions that exist for users and for applications."""
    return set(names), set(names)


def _join(*pairs: tuple[set[str], set[str]]) -> tuple[set[str], set[str]]:
    return set().union(*(pair[0] for pair in pairs)), set().union(*(pair[1] for pair in pairs))


DIRECTORY_READ = _both("Directory.Read.All", "Directory.ReadWrite.All")
DIRECTORY_WRITE = _both("Directory.ReadWrite.All")
AGENTS = _both("AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy")
USER_READ = _join(_both("User.Read.All", "User.ReadWrite.All"), ({"User.Read", "User.ReadWrite"}, set()), DIRECTORY_READ)
USER_WRITE = _join(_both("User.ReadWrite.All"), ({"User.ReadWrite"}, set()), DIRECTORY_WRITE)
USER_UPDATE = _join(_both("User.ReadUpdate.All"), USER_WRITE)
GROUP_READ = _join(_both("Group.Read.All", "Group.ReadWrite.All", "GroupMember.Read.All"), DIRECTORY_READ)
GROUP_WRITE = _join(_both("Group.ReadWrite.All"), DIRECTORY_WRITE)
LICENSE_WRITE = _both("LicenseAssignment.ReadWrite.All")
LICENSE_READ = _both("LicenseAssignment.Read.All", "LicenseAssignment.ReadWrite.All", "Organization.Read.All")
CLOUD_READ = _join(({"CloudLicensing.Read"}, set()), _both("CloudLicensing.Read.All"))
CLOUD_ASSIGN = _join(({"CloudLicensing.AssignLicenses"}, set()), _both("CloudLicensing.AssignLicenses.Organization"))
USER_ASSIGN = _join(({"User-CloudLicensing.AssignLicenses"}, set()), _both("User-CloudLicensing.AssignLicenses.Organization"))
GROUP_ASSIGN = _join(({"Group-CloudLicensing.AssignLicenses"}, set()), _both("Group-CloudLicensing.AssignLicenses.Organization"))
USER_RIGHTS = _join(({"User-UsageRight.Read"}, set()), _both("User-UsageRight.Read.All"), USER_READ, AGENTS)
DEVICE_READ = _join(
    ({"CloudLicensing-UsageRights.Read", "CloudLicensing-Assignment.ReadWrite", "Device-CloudLicensing.Read"}, {"Device.Read.All", "Device.ReadWrite.All"}),
    _both("CloudLicensing-UsageRights.Read.All", "CloudLicensing-Assignment.ReadWrite.All", "Device-CloudLicensing.Read.All"),
    DIRECTORY_READ,
)
DEVICE_WRITE = _join(
    ({"CloudLicensing-Assignment.ReadWrite"}, {"CloudLicensing-Assignment.ReadWrite.All", "Device.ReadWrite.All"}),
    _both("CloudLicensing-Assignment.ReadWrite.All"),
    DIRECTORY_WRITE,
)

READ, WRITE = ("GET",), ("POST", "PATCH", "DELETE", "PUT")
OWN_ONLY = {"User.Read", "User.ReadWrite", "User-UsageRight.Read", "User-CloudLicensing.AssignLicenses"}  # these open only the signed-in user's own record

# the first row whose method and path fit decides; paths are below the version, me is already a user
TABLE: list[tuple[tuple[str, ...], str, tuple[set[str], set[str]]]] = [
    (READ, r"/admin/cloudLicensing/assignmentErrors.*", _join(CLOUD_READ, _both("User-CloudLicensing.Read.All"), USER_READ)),
    (READ, r"/admin/cloudLicensing.*", _join(CLOUD_READ, DIRECTORY_READ)),
    (
        ("POST",),
        r"/admin/cloudLicensing.*",
        _join(CLOUD_ASSIGN, USER_ASSIGN, GROUP_ASSIGN, _both("User.ReadWrite.All", "Group.ReadWrite.All"), DIRECTORY_WRITE),
    ),
    (WRITE, r"/admin/cloudLicensing.*", _join(CLOUD_ASSIGN, DIRECTORY_WRITE)),
    (READ, r"/users/[^/]+/cloudLicensing/(usageRights|waitingMembers).*", USER_RIGHTS),
    (READ, r"/users/[^/]+/cloudLicensing.*", _join(CLOUD_READ, _both("User-CloudLicensing.Read.All"), USER_READ, AGENTS)),
    (WRITE, r"/users/[^/]+/cloudLicensing/assignments/[^/]*reprocessAssignments", _join(CLOUD_ASSIGN, USER_ASSIGN, USER_WRITE, AGENTS)),
    (WRITE, r"/users/[^/]+/cloudLicensing.*", _join(USER_ASSIGN, USER_WRITE, AGENTS)),
    (READ, r"/groups/[^/]+/cloudLicensing/usageRights.*", _join(_both("Group-UsageRight.Read.All"), GROUP_READ, USER_READ, AGENTS)),
    (READ, r"/groups/[^/]+/cloudLicensing.*", _join(CLOUD_READ, _both("Group-CloudLicensing.Read.All"), GROUP_READ, USER_READ, AGENTS)),
    (("POST",), r"/groups/[^/]+/cloudLicensing.*", _join(CLOUD_ASSIGN, GROUP_ASSIGN, GROUP_WRITE, _both("User.ReadWrite.All"))),
    (WRITE, r"/groups/[^/]+/cloudLicensing.*", _join(GROUP_ASSIGN, GROUP_WRITE)),
    (READ, r"/devices/[^/]+/cloudLicensing.*", DEVICE_READ),
    (WRITE, r"/devices/[^/]+/cloudLicensing.*", DEVICE_WRITE),
    (READ, r"/devices.*", _join(_both("Device.Read.All"), DEVICE_READ)),
    (WRITE, r"/users/[^/]+/assignLicense", _join(LICENSE_WRITE, _both("User.ReadWrite.All"), DIRECTORY_WRITE, AGENTS)),
    (("POST",), r"/users", _join(_both("User.Create"), USER_WRITE, AGENTS)),
    (("PATCH",), r"/users/[^/]+", _join(USER_UPDATE, AGENTS)),
    (WRITE, r"/users.*", _join(USER_WRITE, AGENTS)),
    (READ, r"/users/[^/]+/licenseDetails", _join(LICENSE_READ, USER_READ)),
    (READ, r"/users.*", USER_READ),
    (WRITE, r"/groups/[^/]+/assignLicense", _join(LICENSE_WRITE, GROUP_WRITE)),
    (WRITE, r"/groups/[^/]+(/members/.*)?", _join(_both("GroupMember.ReadWrite.All"), GROUP_WRITE)),
    (WRITE, r"/groups.*", GROUP_WRITE),
    (READ, r"/groups.*", GROUP_READ),
    (READ, r"/(subscribedSkus|directory/subscriptions).*", _join(LICENSE_READ, DIRECTORY_READ)),
]

# roles that a signed-in user needs in addition to the permission; for the user's own record only for writing
ROLES: list[tuple[tuple[str, ...], str, set[str]]] = [
    (WRITE, r"/users/[^/]+/(assignLicense|reprocessLicenseAssignment|cloudLicensing.*)", {"License Administrator", "User Administrator", "Directory Writers"}),
    (WRITE, r"/groups/.*", {"License Administrator", "User Administrator", "Directory Writers", "Groups Administrator"}),
    (WRITE, r"/users.*", {"User Administrator", "Directory Writers"}),
    (WRITE, r"/(admin|devices)/.*", {"License Administrator", "User Administrator", "Directory Writers"}),
]


def may(method: str, path: str, claims: dict, tenant: Tenant) -> bool:
    """Whether a token opens a path. A path that is not in the table is open: it is answered as unknown."""
    is_user = claims.get("idtyp") == "user"
    held = set(claims.get("scp", "").split()) if is_user else set(claims.get("roles") or ())
    if is_user and not re.match(rf"/users/{claims['oid']}(/|$)", path):
        held -= OWN_ONLY
    for methods, pattern, (delegated, application) in TABLE:
        if method in methods and re.fullmatch(pattern, path):
            return bool(held & (delegated if is_user else application)) and (not is_user or _has_role(method, path, claims, tenant))
    return True


def is_protected(method: str, path: str, claims: dict, tenant: Tenant) -> bool:
    """Whether one object is closed to a write that others are open to (graph-contract 12, no. 1): no user here has a role that is scoped to it."""
    found = re.match(r"/(user|group)s/([^/]+)(/members/|$)?", path)
    if method not in WRITE or found is None:
        return False
    held = {*(claims.get("roles") or ()), *claims.get("scp", "").split()}
    principal = tenant.principal(found.group(1), found.group(2)) or {}
    are_members = found.group(1) == "group" and found.group(3) is not None
    is_role_group = principal.get("isAssignableToRole", False) and are_members and "RoleManagement.ReadWrite.Directory" not in held
    return bool(principal.get("isManagementRestricted", False) or is_role_group)


def _has_role(method: str, path: str, claims: dict, tenant: Tenant) -> bool:
    user = tenant.user(claims["oid"]) or {}
    roles: Iterable[str] = user.get("roles", ())
    if "Global Administrator" in roles:
        return True
    return all(needed & set(roles) for methods, pattern, needed in ROLES if method in methods and re.fullmatch(pattern, path))
