# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an error of Graph means, and what to do about it: one table (graph-contract 4.2, 4.5), matched by status, then code, then text."""

from __future__ import annotations

from collections.abc import Collection

from ..._errors import Problem
from .permissions import needed_for

# status, what is in code and message (lower case, without blanks and underscores), short name, cause, remedy
_ROWS: tuple[tuple[int, tuple[str, ...], str, str, str], ...] = (
    (
        400,
        ("invalidassigneetype",),
        "not_assignable_to_kind",
        "the allotment is not for this kind of principal",
        "choose another allotment; m365.licensing.cloud_license_info lists them",
    ),
    (
        400,
        ("invalidusagelocation",),
        "usage_location_missing",
        "the user has no usage location that Graph can use, or Graph does not yet see one that was just written",
        "set usage_location; if the user has one, try again in a minute",
    ),
    (
        400,
        ("anyavailablelicenses", "noavailablelicenses", "notenoughlicenses"),
        "no_seats",
        "no seat is free",
        "free or buy one; m365.licensing.sku_info lists the seats",
    ),
    (
        400,
        ("mutuallyexclusive", "conflictingserviceplan"),
        "plans_exclude",
        "service plans exclude each other",
        "turn one of them off with disabled_plans, or remove the SKU that brings the other in the same task",
    ),
    (400, ("dependsontheserviceplan",), "plans_need", "a service plan needs another one", "turn that one on, or this one off, in the same task"),
    (
        400,
        ("inheritedfromagroup",),
        "inherited_only",
        "the license is inherited from a group",
        "remove the user from the group, or the license from the group",
    ),
    (
        400,
        ("doesnothaveacorrespondinglicense",),
        "not_held",
        "the license is not held any more",
        "run the task again: another client has removed it since",
    ),
    (400, ("validcompanylicense",), "sku_not_owned", "the tenant does not own the SKU, or its subscription has ended", "renew it, or leave the SKU out"),
    (400, ("cannotbeassignedtoauser",), "sku_not_assignable", "the SKU is for the organization, not for users", "leave it out"),
    (
        400,
        ("isnotpartoflicense", "notbelongto"),
        "plan_unknown",
        "a service plan is not part of the SKU any more",
        "run the task again: names are looked up anew",
    ),
    (
        400,
        ("proxyaddress",),
        "proxy_address_conflict",
        "another object has the mail address that the user's mailbox would get",
        "remove the address from one of them",
    ),
    (400, ("notsecurityenabled",), "group_not_security_enabled", "the group is not security enabled", "use another group"),
    (400, ("duplicate",), "duplicate", "it exists already, or is named twice", "run the task again: it reads the current state"),
    (
        400,
        ("invalidfilter", "invalidqueryoption", "unsupportedquery", "notcurrentlysupported", "invalidfilterclause"),
        "filter_refused",
        "Graph does not understand the filter",
        "correct the option filter; Graph's words say what is wrong with it",
    ),
    (
        400,
        ("invalidobjectidentifier",),
        "name_malformed",
        "Graph recognizes the name neither as an id nor as a user principal name",
        "give an object id or a user principal name",
    ),
    (400, ("foundforthesegment",), "api_not_available", "this cloud or tenant does not have the API", "use the modules of assignLicense instead"),
    (
        400,
        ("notfound",),
        "not_found",
        "an object that the request names does not exist, or no longer exists",
        "run the task again: it looks up what is there",
    ),
    (
        400,
        ("edm.guid", "missingfromtherequest", "nolicensechanges", "requiredfield", "immutableproperty", "invalidexpansion", "invalidquery"),
        "request_refused",
        "Graph does not accept the request in this form",
        "this is a defect of the collection or a change of Graph: report it with Graph's words",
    ),
    (405, ("",), "api_not_available", "this cloud or tenant does not have the operation", "choose another route, or another module"),
    (404, ("directoryobjectnotfound",), "tenant_not_found", "Graph finds no data of the tenant", "check tenant_id and cloud"),
    (
        404,
        ("",),
        "not_found",
        "Graph does not find it: an object that was just created can take a minute to show",
        "check the name, the id and the tenant, and try again",
    ),
    (409, ("concurren",), "busy", "another client writes at the same moment", "try again"),
    (
        429,
        ("",),
        "throttled",
        "too many requests were sent",
        "try again later, with fewer parallel tasks or a longer max_wait",
    ),
    (502, ("",), "unavailable", "Graph is not available", "try again later"),
    (503, ("",), "unavailable", "Graph is not available", "try again later"),
    (504, ("",), "unavailable", "Graph is not available", "try again later"),
)


# what is known of an object whose changes Graph rejects: cause, remedy (graph-contract 12, no. 1 and 2)
_OBJECTS = {
    "role_assignable": (
        "the group can carry directory roles (isAssignableToRole), and Graph protects such a group",
        "use another group for licenses; or have an owner of the group, or an application with RoleManagement.ReadWrite.Directory, make the change",
    ),
    "restricted": (
        "the object is in a restricted management administrative unit",
        "have an administrator whose role is scoped to that unit make the change, or remove the object from the unit",
    ),
}
_ALONE = (
    "Graph lets this task write to other objects, but not to this one",
    "check the object itself: an account with a directory role, or in a restricted management administrative unit, needs an administrator with a higher "
    "role, or one whose role is scoped to it",
)


def explain(status: int, code: str, text: str, method: str, path: str, facts: Collection[str] = (), are_others_written: bool = False) -> Problem | None:
    """The cause and remedy of an error, or None for an unknown one. method and path are those of the request, the path from below the version.

    facts are what is known of the object that was written to. are_others_written says that the same write to other objects succeeded.
    """
    found = next((meaning for fact, meaning in _OBJECTS.items() if fact in facts), _ALONE if status == 403 and are_others_written else None)
    if found is not None and (status == 403 or "role_assignable" in facts):
        return Problem(*found, "object_protected")
    if status == 403:
        return _forbidden(method, path)
    said = f"{code} {text}".lower().replace(" ", "").replace("_", "")
    for known, signs, name, cause, remedy in _ROWS:
        if status == known and any(sign in said for sign in signs):
            return Problem(cause, remedy, name)
    return None


def _forbidden(method: str, path: str) -> Problem:
    needed = needed_for(method, path)
    cause = "the application, or the signed-in user, lacks a permission or a role"
    remedy = "grant it, with the consent of an administrator"
    if needed is not None:
        remedy = f"for {method} {path.split('?', maxsplit=1)[0]} {needed.text}; grant it with the consent of an administrator"
    if method != "GET":
        remedy += ". If they are granted, the object itself is the reason: an account with a directory role, or in a restricted management administrative unit"
    return Problem(cause, remedy, "forbidden")
