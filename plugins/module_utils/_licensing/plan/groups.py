# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What licensing groups assign, before users are put into them; and what they no longer assign, after members have what replaces it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..._errors import OptionError, Problem, errors_of
from ..desired.licenses import DesiredLicenses
from ..desired.licensing_groups import DesiredGroup
from ..model import Group, License, Principal
from ..observed import Observed, Tenant
from ..resolve import Resolver
from .changes import AssignLicenses, Changes, EndState, service_plans_on
from .licenses import plan_licenses
from .paths import Memberships
from .predict import members_not_manageable, too_many_removals


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What becomes of one licensing group: changes, errors, or nothing.

    replacing are listed members, by the place of their entry, who get what they lose through the group in another way.
    They come first, and then the group loses it, behind the steps of the users of a stage.
    """

    index: int
    desired: DesiredGroup
    changes: Changes | None = None
    problems: tuple[Problem, ...] = ()
    replacing: Mapping[int, EndState] = field(default_factory=dict)
    stage: int = -1
    duplicate_of: None = None  # one group under two names is an error

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

    def behind(self, stage: int | None, stages: Mapping[int, int]) -> GroupPlan:
        """The plan behind a stage, and behind those who replace what they lose and are served until then. Without a stage, no user can be before it."""
        if not self.replacing:
            return self
        first = {index: state for index, state in self.replacing.items() if stage is not None and stages[index] <= stage}
        return replace(self, replacing=first, stage=stage if stage is not None and first else -1)

    @property
    def early(self) -> tuple:
        """The call before all users. What members replace is not in it."""
        wide = (replace(one, add=tuple(lic for lic in one.add if not _is_narrowed(one, lic)), remove=()) for one in self.operations)
        return tuple(one for one in wide if one.add) if self.replacing else self.operations

    @property
    def late(self) -> tuple:
        """The call for what waits for members who replace it."""
        narrow = (replace(one, add=tuple(lic for lic in one.add if _is_narrowed(one, lic))) for one in self.operations)
        return tuple(one for one in narrow if one.add or one.remove) if self.replacing else ()

    @property
    def losses(self) -> frozenset[tuple[str, str]]:
        """The pairs of group and SKU of which members lose the license, or service plans of it."""
        named = ({*one.remove, *(lic.sku_id for lic in one.add if _is_narrowed(one, lic))} for one in self.operations if self.outcome == "changed")
        return frozenset((self.changes.before.id, sku_id) for ids in named for sku_id in ids) if self.changes else frozenset()

    @property
    def removals(self) -> int:
        """The licenses that members lose: each once per member, less those that the group assigns instead."""
        group = self.changes.before if self.changes else None
        count = group.member_count or 0 if isinstance(group, Group) else 0
        lost = sum(len(one.remove) for one in self.operations) - len(self.changes.new_sku_ids if self.changes else ())
        return count * max(0, lost) if self.outcome == "changed" else 0


def _is_narrowed(call: AssignLicenses, lic: License) -> bool:
    """Whether a call turns service plans of a license off."""
    known = call.principal.direct(lic.sku_id)
    return known is not None and bool(lic.disabled_plans - known.disabled_plans)


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


def with_replacements(
    plans: Iterable[GroupPlan], users: Mapping[int, Observed], states: Mapping[int, EndState | None], tenant: Tenant
) -> tuple[GroupPlan, ...]:
    """The plans, with the members who replace what they lose. states are those of users by place, nothing of a user with an error.

    Where such a member would lose something, the group has an error as well. No group relies on what another one removes.
    """
    listed = tuple(plans)
    ends: dict[tuple[str | None, str], License | None] = {}
    for plan in listed:
        ends |= {(group_id, sku_id): plan.changes.after.direct(sku_id) for group_id, sku_id in plan.losses if plan.changes}
    return tuple(_with_replacing(plan, users, states, tenant, ends) if plan.losses else plan for plan in listed)


def _with_replacing(
    plan: GroupPlan,
    users: Mapping[int, Observed],
    states: Mapping[int, EndState | None],
    tenant: Tenant,
    ends: Mapping[tuple[str | None, str], License | None],
) -> GroupPlan:
    """The plan with its members. ends are the licenses that groups narrow, as they will be, and nothing for those that they remove."""
    losses = plan.losses
    replacing, stuck = {}, []
    for index, state in states.items():
        if index not in users:
            continue
        user = users[index].user
        mine = [lic for lic in user.licenses if lic.group_id and (lic.group_id, lic.sku_id) in losses]
        if not mine:
            continue
        rest = [lic for one in user.licenses if (lic := ends.get((one.group_id, one.sku_id), one))]
        lost = service_plans_on(mine, tenant.catalog) - service_plans_on(rest, tenant.catalog)
        if state is None and lost:
            stuck.append(user.name)
        elif state is not None and lost & service_plans_on(state.after.licenses, tenant.catalog):
            replacing[index] = state
    if not stuck:
        return replace(plan, replacing=replacing)
    who = f"{stuck[0]} and {len(stuck) - 1} more, who have errors," if len(stuck) > 1 else f"{stuck[0]}, who has an error,"
    cause = f"{who} would lose what group {plan.name} assigns, and get nothing in exchange"
    problem = Problem(cause, "mend the errors of these users, or take them out of the list", "members_failed", where=plan.desired.where)
    return replace(plan, problems=(*plan.problems, problem))


def with_groups(tenant: Tenant, plans: Iterable[GroupPlan], users: Iterable[Observed]) -> Tenant:
    """The tenant as it will be after step zero: what groups assign, what they no longer assign, and the seats that their members take."""
    planned = [plan for plan in plans if plan.outcome == "changed"]
    done = [plan.changes for plan in planned if plan.changes]
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
    changed = frozenset(one.before.id for one in done)
    groups = {**tenant.groups, **{one.after.id: one.after for one in done}}
    return replace(tenant, groups=groups, lost=lost, changed=changed, taken=dict(taken), getting=getting)


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """The end states of the users who join a group and of those who leave it, each sorted by name; and what forbids it."""

    group: Group
    states: tuple[EndState, ...]
    findings: tuple[Problem, ...] = ()


def plan_members(
    group: Group, wanted: Mapping[str, str], unwanted: Iterable[str], is_set: bool, max_removals: int | None, may_manage_roles: bool = False
) -> MemberChanges:
    """Plan the members of a group. wanted are names by id, unwanted ids; with is_set, all other members leave as well.

    may_manage_roles: the token has the permission that groups with directory roles take (graph-contract 12, no. 1).
    """
    members = group.members or {}
    leaving = {user_id: members[user_id] for user_id in (set(members) - set(wanted) if is_set else set(unwanted) & set(members))}
    joining = {user_id: name for user_id, name in wanted.items() if user_id not in members}
    states = (*_member_states(group, joining, Memberships(joined=(group.id,))), *_member_states(group, leaving, Memberships(left=frozenset({group.id}))))
    findings = []
    if states and group.managed_by:
        findings.append(members_not_manageable(group))
    if states and group.is_role_assignable and not may_manage_roles:
        cause = f"group {group.name} can carry directory roles, and only its owners, and RoleManagement.ReadWrite.Directory, may change its members"
        findings.append(Problem(cause, "make sure of that, or use another group for licenses", "group_role_assignable", "warning"))
    if max_removals is not None and len(leaving) > max_removals:
        findings.append(too_many_removals(len(leaving), max_removals, sorted(leaving.values())))
    return MemberChanges(group, states, tuple(findings))


def _member_states(group: Group, users: Mapping[str, str], found: Memberships) -> Iterator[EndState]:
    """The end states of users, given as names by id, who all join the group or all leave it."""
    changes = tuple(found.changes({group.id: group}))
    for user_id, name in sorted(users.items(), key=lambda item: item[1]):
        yield EndState(Observed(Principal("user", user_id, name), found.left), changes)
