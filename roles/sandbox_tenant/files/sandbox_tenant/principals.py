# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, groups and devices as the store keeps them, made of the rows of a seed."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.UUID("6f3b5c1e-0c55-4d2b-9a53-0d6f9f6d1f00")


def object_id(kind: str, name: str) -> str:
    """An id that is the same in every run."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind} {name.lower()}"))


def user_of(row: dict, domain: str) -> dict:
    """A user of a seed's row, in Graph's names, and with what Graph does not show."""
    upn = f"{row['name']}@{domain}"
    given, dummy, surname = row["display_name"].partition(" ")
    return {
        "@odata.type": "#microsoft.graph.user",
        "id": object_id("user", upn),
        "userPrincipalName": upn,
        "displayName": row["display_name"],
        "givenName": given,
        "surname": surname or None,
        "mail": upn,
        "businessPhones": [],
        "jobTitle": None,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "accountEnabled": row.get("enabled", True),
        "department": row.get("department"),
        "userType": row.get("type", "Member"),
        "usageLocation": row.get("usage_location"),
        "roles": row.get("roles", []),
        "permissions": row.get("permissions", []),
        "proxy_clash": row.get("proxy_clash", False),
        "licenses": row.get("licenses", []),
        "isManagementRestricted": row.get("restricted", False),
        "signInActivity": {"lastSignInDateTime": "2026-11-01T08:00:00Z"} if row.get("signed_in", True) else None,
    }


def named_of(kind: str, row: dict) -> dict:
    """A group or device of a seed's row."""
    name = row["display_name"]
    base = {"@odata.type": f"#microsoft.graph.{kind}", "id": object_id(kind, row.get("key", name)), "displayName": name}
    if kind == "device":
        return {**base, "accountEnabled": True, "operatingSystem": "Windows", "assignments": row.get("assignments", [])}
    own = {
        "members": row.get("members", []),
        "groups": row.get("groups", []),
        "licenses": row.get("licenses", []),
        "mailNickname": name.lower().replace(" ", "-"),
    }
    rule = row.get("membership_rule")
    static = {
        "isAssignableToRole": row.get("role_assignable", False),
        "isManagementRestricted": row.get("restricted", False),
        "groupTypes": ["DynamicMembership"] if rule else [],
        "membershipRule": rule,
        "onPremisesSyncEnabled": row.get("on_premises") or None,
    }
    return {**base, **own, **static, "description": None, "mailEnabled": False, "securityEnabled": row.get("security_enabled", True)}
