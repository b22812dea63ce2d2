# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert Graph's answers into the model. A property of another form than in Microsoft's schema raises TransportError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .._licensing.model import (
    Allotment,
    Assignment,
    AssignmentError,
    CloudState,
    CompanySubscription,
    Group,
    Holder,
    License,
    Principal,
    Seats,
    ServicePlan,
    Sku,
    Subscription,
    UsageRight,
    WaitingMember,
    shared,
)
from .fields import check_selected, flag, identifier, integer, part, rows, text, texts

USER_FIELDS = "id,userPrincipalName,usageLocation,assignedLicenses,licenseAssignmentStates"
USER_DETAILS = f"displayName,accountEnabled,{USER_FIELDS}"
GROUP_FIELDS = "id,displayName,securityEnabled,isAssignableToRole,groupTypes,membershipRule,onPremisesSyncEnabled,assignedLicenses,licenseProcessingState"
MEMBER_FIELDS = "id,displayName,userPrincipalName"
_SIGNS = ("lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime")


def unwrap(body: Mapping) -> Mapping:
    """A single entity, bare or wrapped in value (graph-contract 1.6, no. 5)."""
    value = body.get("value")
    return value if isinstance(value, Mapping) else body


def principal_of(kind: str, body: Mapping, is_me: bool = False, has_licenses: bool = True) -> Principal:
    """A user with usage location and, where they were selected, licenses; or the identity of a group or device.

    Raises TransportError for licenses that were selected and are missing: they must not be taken for none.
    """
    entity = unwrap(body)
    object_id = identifier(entity)
    return Principal(
        kind=kind,
        id=object_id.lower(),
        name=text(entity, "userPrincipalName") or text(entity, "displayName") or object_id,
        usage_location=(text(entity, "usageLocation") or "").upper() or None,
        licenses=tuple(_licenses(entity)) if kind == "user" and has_licenses else (),
        is_me=is_me,
        display_name=text(entity, "displayName"),
        is_enabled=flag(entity, "accountEnabled"),
        last_sign_in=_last_sign_in(entity),
    )


def reported_user_of(body: Mapping) -> Principal:
    """Return a user with accountEnabled. Raises TransportError when it is missing."""
    check_selected(unwrap(body), "accountEnabled")
    return principal_of("user", body)


def _last_sign_in(entity: Mapping) -> str | None:
    """Return the last sign-in, interactive or not; an empty text for never, None where Graph does not report it."""
    if "signInActivity" not in entity:
        return None
    activity = part(entity, "signInActivity")
    return max(text(activity, name) or "" for name in _SIGNS)


def group_of(body: Mapping) -> Group:
    """Return a group with its licenses, which are all its own, and the state of their processing (graph-contract 2.2)."""
    entity = unwrap(body)
    base = principal_of("group", entity)
    held = rows(entity, "assignedLicenses", must_be="assignedLicenses" not in entity)  # of a group, the schema lets it be null
    return Group(
        kind="group",
        id=base.id,
        name=base.name,
        licenses=tuple(License(sku_id.lower(), _ids(row, "disabledPlans")) for row in held if (sku_id := text(row, "skuId"))),
        is_security_enabled=flag(entity, "securityEnabled") is not False,
        is_role_assignable=flag(entity, "isAssignableToRole") is True,
        processing_state=text(part(entity, "licenseProcessingState"), "state"),
        managed_by=_managed_by(entity),
    )


def _managed_by(entity: Mapping) -> str | None:
    """Return why a task cannot change the members of a group, None if it can."""
    if "DynamicMembership" in texts(entity, "groupTypes"):
        return f"its rule selects them ({text(entity, 'membershipRule') or 'a dynamic group'})"
    if flag(entity, "onPremisesSyncEnabled"):
        return "they are synchronized from the local directory"
    return None


def with_members(group: Group, found: Iterable[Mapping]) -> Group:
    """The group with its direct members: users by id and name, and the names of nested groups, whose members get no licenses."""
    members, nested = {}, []
    for row in found:
        kind, name = kind_of(row) or "user", text(row, "displayName") or identifier(row)
        if kind == "user":
            members[identifier(row).lower()] = text(row, "userPrincipalName") or name
        elif kind == "group":
            nested.append(name)
    return replace(group, members=members, nested=tuple(sorted(nested)))


def kind_of(entity: Mapping) -> str | None:
    """Return the kind of a directory object, in lower case; None where Graph does not report it."""
    return (text(entity, "@odata.type") or "").rpartition(".")[2].lower() or None


def cloud_group_of(body: Mapping) -> Group:
    """A group of which only the identity was selected, as cloudLicensing needs no more."""
    base = principal_of("group", body)
    return Group(kind="group", id=base.id, name=base.name)


def _licenses(entity: Mapping) -> Iterable[License]:
    """The licenses by path; one that only assignedLicenses lists has an unknown origin.

    A path that is listed several times (one user, two allotments of a SKU) is one license: a service plan is off if every row has it off.
    """
    paths: dict[tuple[str, str | None], License] = {}
    for state in rows(entity, "licenseAssignmentStates"):
        if text(state, "skuId"):
            row = _license(state)
            known = paths.get((row.sku_id, row.group_id), row)
            better = known if known.is_held else row
            paths[row.sku_id, row.group_id] = replace(better, disabled_plans=known.disabled_plans & row.disabled_plans)
    yield from map(shared, paths.values())
    known_ids = {sku_id for sku_id, dummy in paths}
    for held in rows(entity, "assignedLicenses", must_be=True):
        sku_id = (text(held, "skuId") or "").lower()
        if sku_id and sku_id not in known_ids:
            yield shared(License(sku_id, _ids(held, "disabledPlans"), is_known=False))


def _license(state: Mapping) -> License:
    error = text(state, "error")
    return License(
        sku_id=identifier(state, "skuId").lower(),
        disabled_plans=_ids(state, "disabledPlans"),
        group_id=(text(state, "assignedByGroup") or "").lower() or None,
        state=text(state, "state") or "Active",
        error=None if error in (None, "", "None") else error,
    )


def skus_of(found: Iterable[Mapping]) -> Iterable[Sku]:
    """The subscribedSkus; rows without an id are ignored."""
    return (sku_of(row) for row in found if text(row, "skuId"))


def sku_of(entity: Mapping) -> Sku:
    """A subscribedSku."""
    sku_id = identifier(entity, "skuId")
    return Sku(
        id=sku_id.lower(),
        part_number=text(entity, "skuPartNumber") or sku_id,
        service_plans=tuple(
            ServicePlan(service_plan_id.lower(), text(plan, "servicePlanName") or service_plan_id, (text(plan, "appliesTo") or "User").lower() == "user")
            for plan in rows(entity, "servicePlans")
            if (service_plan_id := text(plan, "servicePlanId"))
        ),
        seats=_seats(entity),
        applies_to=text(entity, "appliesTo") or "User",
        status=text(entity, "capabilityStatus") or "Enabled",
    )


def _seats(entity: Mapping) -> Seats:
    units = part(entity, "prepaidUnits")
    return Seats(
        enabled=integer(units, "enabled"),
        warning=integer(units, "warning"),
        consumed=integer(entity, "consumedUnits"),
        suspended=integer(units, "suspended"),
        locked_out=integer(units, "lockedOut"),
    )


def allotment_of(entity: Mapping, is_listed: bool = True) -> Allotment:
    """Return an allotment. With is_listed false, it is known from an assignment only: no more seats are taken from it.

    Without a SKU (graph-contract 2.1: it may be null), its own id replaces the SKU part number.
    """
    allotment_id = identifier(entity)
    if is_listed:
        check_selected(entity, "allottedUnits", "consumedUnits", "assignableTo", "subscriptions")
    return Allotment(
        id=allotment_id,
        sku=Sku(
            id=_sku_id(entity) or "",
            part_number=text(entity, "skuPartNumber") or text(entity, "skuId") or allotment_id,
            service_plans=tuple(_pool_plans(entity)),
            is_owned=is_listed,
        ),
        allotted=integer(entity, "allottedUnits"),
        consumed=integer(entity, "consumedUnits"),
        assignable_to=_flags(text(entity, "assignableTo")),
        subscriptions=tuple(_subscription(sub) for sub in rows(entity, "subscriptions")),
    )


def assignment_of(body: Mapping) -> Assignment:
    """An assignment; its SKU and allotment show only where they were expanded (graph-contract 2.1)."""
    entity = unwrap(body)
    check_selected(entity, "allotment")
    pool = part(entity, "allotment")
    disabled = frozenset(service_plan_id.lower() for service_plan_id in texts(entity, "disabledServicePlanIds", must_be=True))
    return Assignment(identifier(entity), text(pool, "id"), _sku_id(pool), disabled)


def cloud_state_of(principal: Principal, found: Iterable[Mapping], listed: Iterable[Allotment]) -> CloudState:
    """A principal with its assignments; an allotment that the tenant does not list any more is known from the assignment."""
    held, pools = list(found), list(listed)
    known = {pool.id for pool in pools}
    drawn = [pool for row in held if (pool := part(row, "allotment"))]
    extra = {pool_id: pool for pool in drawn if (pool_id := identifier(pool)) not in known}
    gone = [allotment_of(pool, is_listed=False) for pool in extra.values()]
    return CloudState(principal, tuple(assignment_of(row) for row in held), tuple(gone + pools))


def holder_of(entity: Mapping) -> Holder:
    """The principal at the other end of an assignment, error or queue, as far as it was expanded."""
    found = part(entity, "assignedTo")
    return Holder((text(found, "@odata.type") or "").rpartition(".")[2] or None, text(found, "id"), text(found, "displayName"))


def assignment_error_of(entity: Mapping) -> AssignmentError:
    """Return why an assignment of a principal has no effect."""
    return AssignmentError(
        id=text(entity, "id"),
        code=text(entity, "code"),
        message=text(entity, "message"),
        since=text(entity, "occurrenceDateTime"),
        sku_id=(text(entity, "skuId") or "").lower() or None,
    )


def waiting_member_of(entity: Mapping, allotment: Allotment) -> WaitingMember:
    """Return a principal that waits for a seat of an allotment."""
    return WaitingMember(text(entity, "id"), text(entity, "waitingSinceDateTime"), allotment)


def company_subscription_of(entity: Mapping) -> CompanySubscription:
    """A subscription of the tenant (graph-contract 2.2)."""
    day = (text(entity, "nextLifecycleDateTime") or "")[:10] or None
    return CompanySubscription((text(entity, "skuId") or "").lower(), text(entity, "status") or "Enabled", day)


def right_of(entity: Mapping) -> UsageRight:
    """A usage right, with its allotments where they were expanded."""
    services = list(_pool_plans(entity))
    sku_id = (text(entity, "skuId") or "").lower() or None
    return UsageRight(
        sku_id=sku_id,
        sku=text(entity, "skuPartNumber") or sku_id or "",
        service_plan_ids=frozenset(plan.id for plan in services),
        service_plan_names=tuple(sorted(plan.name for plan in services)),
        allotment_ids=tuple(identifier(pool) for pool in rows(entity, "allotments")),
    )


def _subscription(entity: Mapping) -> Subscription:
    dates = (text(entity, name) for name in ("startDate", "nextLifecycleDate"))
    start, following = (date[:10] if date else None for date in dates)
    return Subscription((text(entity, "subscriptionId") or "").lower(), text(entity, "state") or "", start, following)


def _sku_id(pool: Mapping) -> str | None:
    return (text(pool, "skuId") or text(pool, "id") or "").lower() or None


def _pool_plans(entity: Mapping) -> Iterable[ServicePlan]:
    for service in rows(entity, "services"):
        service_plan_id = text(service, "planId")
        if service_plan_id:
            is_switchable = bool(_flags(text(service, "assignableTo")) - {"none"})
            yield ServicePlan(service_plan_id.lower(), text(service, "planName") or service_plan_id, is_switchable)


def _flags(listed: str | None) -> frozenset[str]:
    """The members of a flags enum, which come comma separated."""
    return frozenset(one.strip() for one in (listed or "").split(",") if one.strip())


def _ids(entity: Mapping, name: str) -> frozenset[str]:
    return frozenset(service_plan_id.lower() for service_plan_id in texts(entity, name))
