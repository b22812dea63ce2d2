# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is a direct member of a group, who shall be, and what the difference is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .fields import flag, identifier, text, texts
from .findings import Finding, too_many_removals


@dataclass(frozen=True, slots=True)
class MemberGroup:
    """A group with its direct members: names of users by their id. kept_by says who else decides on the members, if anybody does."""

    id: str
    name: str
    members: dict[str, str] = field(default_factory=dict)
    kept_by: str | None = None


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """Who comes and who goes, by id and name, sorted by name; and what forbids it."""

    group: MemberGroup
    add: dict[str, str]
    remove: dict[str, str]
    findings: tuple[Finding, ...] = ()

    @property
    def is_change(self) -> bool:
        """Whether anybody comes or goes."""
        return bool(self.add or self.remove)


def plan_members(group: MemberGroup, wanted: Mapping[str, str], unwanted: Iterable[str], is_set: bool, max_removals: int | None) -> MemberChanges:
    """The difference. wanted are names by id, unwanted ids; with is_set, everybody else goes as well."""
    leaving = set(group.members) - set(wanted) if is_set else set(unwanted) & set(group.members)
    add = {user_id: name for user_id, name in wanted.items() if user_id not in group.members}
    remove = {user_id: group.members[user_id] for user_id in leaving}
    findings = []
    if (add or remove) and group.kept_by:
        cause = f"the members of group {group.name} cannot be changed here, as {group.kept_by}"
        findings.append(Finding("members_not_manageable", cause, "change them there, or name another group"))
    if max_removals is not None and len(remove) > max_removals:
        findings.append(too_many_removals(len(remove), max_removals))
    return MemberChanges(group, _sorted(add), _sorted(remove), tuple(findings))


def group_with_members(entity: Mapping, members: Iterable[Mapping]) -> MemberGroup:
    """A group as Graph shows it, with the users among its direct members."""
    kept_by = None
    if "DynamicMembership" in texts(entity, "groupTypes"):
        kept_by = f"its rule decides on them ({text(entity, 'membershipRule') or 'a dynamic group'})"
    elif flag(entity, "onPremisesSyncEnabled"):
        kept_by = "they come from the local directory"
    elif flag(entity, "isAssignableToRole"):
        kept_by = "it can carry directory roles, which takes the permission RoleManagement.ReadWrite.Directory, or its owner"
    users = (row for row in members if (text(row, "@odata.type") or "user").endswith("user"))
    names = {identifier(row).lower(): text(row, "userPrincipalName") or text(row, "displayName") or identifier(row) for row in users}
    return MemberGroup(identifier(entity).lower(), text(entity, "displayName") or identifier(entity), names, kept_by)


def member_rows(action: str, members: Mapping[str, str]) -> list[dict]:
    """Who comes or goes, as rows of C(changes)."""
    return [{"action": action, "id": user_id, "user": name} for user_id, name in members.items()]


def member_diff(changes: MemberChanges) -> dict:
    """The difference in names, for C(--diff): only who comes and who goes."""
    name = f"members of {changes.group.name}"
    gone, come = list(changes.remove.values()), list(changes.add.values())
    return {"before_header": name, "after_header": name, "before": {"members": gone} if gone else {}, "after": {"members": come} if come else {}}


def _sorted(members: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(members.items(), key=lambda item: item[1]))
