# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a user or a licensing group as a block of text, as C(--diff), a pull request and an approval show it.

A line begins with + for what is added, - for what is removed, ~ for what is changed, = for what is kept and explains a change,
! for an error, and * for a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..._errors import Problem, first_of
from ..catalog import Catalog
from ..model import License
from ..observed import Tenant
from ..plan.changes import AssignLicenses, Change, EndState, service_plans_on
from ..plan.groups import GroupPlan
from ..plan.run_plan import UserPlan
from .problems import merged
from .text import printable

_WIDEST = 44  # characters of the column of names
_LISTED = 6  # service plans that a line names
_ORDER = ("set", "add", "update", "stay", "remove")
_SIGNS = {"set": "+", "add": "+", "update": "~", "stay": "=", "remove": "-"}

Line = tuple[str, str, str]  # what is done, the name, and a note


def user_block(plan: UserPlan, changes: Sequence[Change], tenant: Tenant, problems: Iterable[Problem]) -> str:
    """The block of a user. changes are those that were made, or will be, problems those of the plan and of requests. Empty where there are none."""
    state = plan.state
    lines = [] if state is None else [*_changed(state, changes, tenant), *_staying(state, changes, tenant)]
    return _block(f"{printable(plan.name)}{_role_of(plan)}", sorted(lines, key=lambda line: _ORDER.index(line[0])), problems)


def group_block(plan: GroupPlan, calls: Iterable[AssignLicenses], catalog: Catalog, problems: Iterable[Problem]) -> str:
    """The block of a licensing group. calls are those that were made, or will be."""
    lines: list[Line] = []
    for call in calls:
        for lic in call.add:
            known = call.principal.direct(lic.sku_id)
            lines.append(_license("update" if known else "add", lic.sku_id, known.disabled_plans if known else None, lic.disabled_plans, "", catalog))
        lines += [("remove", _name(sku_id, catalog), "") for sku_id in call.remove]
    return _block(f"group {printable(plan.name)}", lines, problems)


def seats_text(seats: Mapping[str, int], catalog: Catalog) -> str:
    """How many seats of each SKU are in use before and after, by the change of their number."""
    said = [f"{printable(name)} {row['before']} → {row['after']} of {row['owned']}" for name, row in seat_rows(seats, catalog).items()]
    return f". Seats: {', '.join(said)}" if said else ""


def seat_rows(seats: Mapping[str, int], catalog: Catalog) -> dict[str, dict[str, int]]:
    """The same as data, by SKU."""
    found = {catalog.label(sku.id): (sku.seats, seats[sku.id]) for sku in catalog if seats.get(sku.id) and sku.seats.owned}
    return {name: {"before": now.consumed, "after": now.consumed + more, "owned": now.owned} for name, (now, more) in sorted(found.items())}


def _block(head: str, lines: Sequence[Line], problems: Iterable[Problem]) -> str:
    width = min(max((len(name) for dummy, name, note in lines if note), default=0), _WIDEST)
    text = [f"  {_SIGNS[kind]} {name.ljust(width)}  {note}" if note else f"  {_SIGNS[kind]} {name}" for kind, name, note in lines]
    text += [f"  {'!' if one.is_error else '*'} {printable(one.message)}" for one in merged(problems)]
    return "\n".join([head, *text]) + "\n" if text else ""


def _role_of(plan: UserPlan) -> str:
    """The suffix of the name: the profile, and the one before, or the state of a user who is released or restored."""
    desired = plan.desired
    if desired.state != "licensed":
        return f" ({desired.state})"
    if desired.profile and desired.came_from and desired.came_from != desired.profile:
        return f" ({printable(desired.came_from)} → {printable(desired.profile)})"
    return f" ({printable(desired.profile)})" if desired.profile else ""


def _changed(state: EndState, changes: Sequence[Change], tenant: Tenant) -> Iterator[Line]:
    """A line for each change, and one for the service plans that are turned off although the user keeps something, or gets something in exchange."""
    for one in changes:
        if one.kind == "usage_location":
            yield "set", f"usage location {one.after}", f"before: {one.before}" if one.before else ""
        elif one.kind == "membership":
            yield one.verb, f"group {printable(tenant.group_name(one.key))}", _of_group(one, tenant)
        else:
            note = f"seat of {_allotment(one.key, tenant)}" if one.kind == "seat" else ""
            note = ", ".join(part for part in (note, one.reason or (_replacement(one, changes, tenant) if one.verb == "remove" else "")) if part)
            before = one.before if isinstance(one.before, frozenset) else None
            after = one.after if isinstance(one.after, frozenset) else frozenset()
            yield (
                ("remove", _name(one.sku_id, tenant.catalog), note)
                if one.verb == "remove"
                else _license(one.verb, one.sku_id, before, after, note, tenant.catalog)
            )
    end = state.after.licenses if len(changes) == len(state.changes) else ()
    off = service_plans_on(state.before.user.licenses, tenant.catalog) - service_plans_on(end, tenant.catalog) if end else frozenset()
    said = frozenset().union(*(one.after - one.before for one in changes if isinstance(one.after, frozenset) and isinstance(one.before, frozenset)))
    if off - said:
        yield "remove", "service plans off", _listed(sorted({tenant.catalog.name_of(key) or key for key in off - said}))


def _of_group(one: Change, tenant: Tenant) -> str:
    group = tenant.groups.get(one.key)
    skus = " and ".join(sorted(tenant.catalog.label(lic.sku_id) for lic in group.licenses)) if group else ""
    said = f"assigns {skus}" if skus else ""
    return ", ".join(part for part in (said, one.reason) if part)


def _replacement(one: Change, changes: Sequence[Change], tenant: Tenant) -> str:
    """The added SKUs that replace a removed one: those that share service plans with it."""
    own = {plan.id for plan in tenant.catalog.sku(one.sku_id).service_plans}
    added = {other.sku_id for other in changes if other.verb == "add" and other.sku_id and other.sku_id != one.sku_id}
    named = sorted(tenant.catalog.label(key) for key in added if own & {plan.id for plan in tenant.catalog.sku(key).service_plans})
    return f"replaced by {' and '.join(named)}" if named else ""


def _license(verb: str, sku_id: str, before: frozenset[str] | None, after: frozenset[str], note: str, catalog: Catalog) -> Line:
    """A license or seat that is added, or of which service plans are turned on or off."""
    names = catalog.service_plan_names
    if before is None or verb == "add":
        off = f"without {_listed(names(sku_id, after))}" if after else ""
        return "add", _name(sku_id, catalog), ", ".join(part for part in (note, off) if part)
    parts = [f"turns {_listed(names(sku_id, ids))} {word}" for ids, word in ((before - after, "on"), (after - before, "off")) if ids]
    rest = f"still without {_listed(names(sku_id, before & after))}" if before & after else ""
    return "update", _name(sku_id, catalog), ", ".join(part for part in (note, *parts, rest) if part)


def _staying(state: EndState, changes: Sequence[Change], tenant: Tenant) -> Iterator[Line]:
    """The other paths by which the user holds the SKUs of changes, as far as they are kept."""
    touched = {one.sku_id for one in changes if one.sku_id and one.kind != "membership"}
    own = {one.sku_id for one in changes if one.kind in ("license", "seat")}
    before = {(lic.group_id, lic.sku_id) for lic in state.before.user.licenses}
    for lic in state.after.licenses:
        if lic.sku_id in touched and (lic.group_id, lic.sku_id) in before and not (lic.is_direct and lic.sku_id in own):
            yield "stay", _name(lic.sku_id, tenant.catalog), _origin(lic, state, tenant)


def _origin(lic: License, state: EndState, tenant: Tenant) -> str:
    if not lic.group_id:
        return "direct" if lic.is_known else "of unknown origin"
    name = state.before.user.group_names.get(lic.group_id) or tenant.group_name(lic.group_id)
    return f"through group {printable(name)}" + ("" if lic.is_held else f", in state {printable(lic.state)}")


def _name(sku_id: str, catalog: Catalog) -> str:
    """The SKU part number, and the product display name where the names file has it."""
    display = catalog.names.sku_name(sku_id)
    return printable(f"{catalog.label(sku_id)}  {display}" if display else catalog.label(sku_id))


def _allotment(allotment_id: str, tenant: Tenant) -> str:
    """An allotment has no name: the beginning of its id, and its seats."""
    one = tenant.allotment(allotment_id)
    short = f"{allotment_id[:8]}…" if len(allotment_id) > 12 else allotment_id
    return f"allotment {printable(short)} ({one.consumed} of {one.allotted} used)" if one else f"allotment {printable(short)}"


def _listed(names: Sequence[str]) -> str:
    """The first few names, and the number of the others."""
    return first_of([printable(name) for name in names], _LISTED)
