# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step zero of a run: what licensing groups assign, before users are put into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..._errors import OptionError, Problem, errors_of
from ..desired.licenses import DesiredLicenses
from ..desired.licensing_groups import DesiredGroup
from ..model import Group
from ..observed import Observed, Tenant
from ..resolve import Resolver
from .changes import Changes
from .licenses import plan_licenses


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What becomes of one licensing group: changes, errors, or nothing."""

    index: int
    desired: DesiredGroup
    changes: Changes | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        """How the task calls the group."""
        return self.desired.name

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Why nothing is written for the group."""
        return errors_of(self.problems)

    @property
    def outcome(self) -> str:
        """What becomes of the group if the run goes as planned: failed, unchanged or changed."""
        return "failed" if self.errors else "changed" if self.operations else "unchanged"

    @property
    def operations(self) -> tuple:
        """The call, if one is needed."""
        return self.changes.operations if self.changes else ()

    @property
    def removals(self) -> int:
        """The licenses that members lose: each once per member, less those that the group assigns instead."""
        group = self.changes.before if self.changes else None
        count = group.member_count or 0 if isinstance(group, Group) else 0
        lost = sum(len(one.remove) for one in self.operations) - len(self.changes.new_sku_ids if self.changes else ())
        return count * max(0, lost) if self.outcome == "changed" else 0


def plan_groups(desired: Sequence[DesiredGroup], tenant: Tenant, protect: Sequence[str]) -> tuple[GroupPlan, ...]:
    """The plans of groups. One group under two names is an error of both entries."""
    ids = {tenant.group_ids.get(one.name) for one in desired} - {None}
    places = {group_id: [one.where for one in desired if tenant.group_ids.get(one.name) == group_id] for group_id in ids}
    return tuple(_plan(index, one, tenant, places, protect) for index, one in enumerate(desired))


def _plan(index: int, desired: DesiredGroup, tenant: Tenant, places: Mapping[str | None, list[str]], protect: Sequence[str]) -> GroupPlan:
    group_id = tenant.group_ids.get(desired.name)
    if group_id is None:
        return GroupPlan(index, desired, problems=(replace(tenant.faults[desired.name], where=f"{desired.where}.group"),))
    if len(places[group_id]) > 1:
        cause = f"entries {' and '.join(places[group_id])} are of one group"
        return GroupPlan(index, desired, problems=(Problem(cause, "leave one of them out", "conflicting_entries", where=desired.where),))
    remove, unknown = _known(desired, tenant)
    wanted = DesiredLicenses(desired.licenses, remove, desired.is_exact, protect=(*desired.protect, *protect), max_removals=desired.max_removals)
    try:
        changes = plan_licenses(tenant.groups[group_id], tenant.catalog, wanted)
    except OptionError as error:
        return GroupPlan(index, desired, problems=(*unknown, *error.problems))
    return GroupPlan(index, desired, changes, (*unknown, *changes.findings))


def _known(desired: DesiredGroup, tenant: Tenant) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The ids of SKUs that a group must not have. A name that the tenant does not have removes nothing, and is a warning."""
    resolver = Resolver(tenant.catalog)
    skus = [resolver.sku(name, f"{desired.where}.remove[{index}]") for index, name in enumerate(desired.remove)]
    return tuple(sku.id for sku in skus if sku), tuple(replace(problem, severity="warning") for problem in resolver.taken())


def with_groups(tenant: Tenant, plans: Iterable[GroupPlan], users: Iterable[Observed]) -> Tenant:
    """The tenant as it will be after step zero: what groups assign, what they no longer assign, and the seats that their members take."""
    done = [plan.changes for plan in plans if plan.outcome == "changed" and plan.changes]
    if not done:
        return tenant
    lost = frozenset((one.before.id, sku_id) for one in done for call in one.operations for sku_id in call.remove)
    listed = list(users)
    taken: Counter = Counter()
    getting: dict[str, frozenset[str]] = {}
    for changes in done:
        members = [user for user in listed if changes.before.id in user.groups]
        for sku_id in changes.new_sku_ids:
            taken[sku_id] += (changes.before.member_count or 0) - len(members)
            getting[sku_id] = getting.get(sku_id, frozenset()) | {user.id for user in members if not user.user.holds(sku_id)}
    return replace(tenant, groups={**tenant.groups, **{one.after.id: one.after for one in done}}, lost=lost, taken=dict(taken), getting=getting)
