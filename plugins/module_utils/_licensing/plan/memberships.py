# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is a direct member of a group, who shall be, and what the difference is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..._errors import Problem
from ..model import Group
from .predict import too_many_removals


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """Who comes and who goes, by id and name, sorted by name; and what forbids it."""

    group: Group
    add: dict[str, str]
    remove: dict[str, str]
    findings: tuple[Problem, ...] = ()

    @property
    def is_change(self) -> bool:
        """Whether anybody comes or goes."""
        return bool(self.add or self.remove)


def plan_members(
    group: Group, wanted: Mapping[str, str], unwanted: Iterable[str], is_set: bool, max_removals: int | None, may_manage_roles: bool = False
) -> MemberChanges:
    """The difference. wanted are names by id, unwanted ids; with is_set, everybody else goes as well.

    may_manage_roles: the token has the permission that groups with directory roles take (graph-contract 12, no. 1).
    """
    members = group.members or {}
    leaving = set(members) - set(wanted) if is_set else set(unwanted) & set(members)
    add = {user_id: name for user_id, name in wanted.items() if user_id not in members}
    remove = {user_id: members[user_id] for user_id in leaving}
    findings = []
    if (add or remove) and group.managed_by:
        cause = f"the members of group {group.name} cannot be changed here, as {group.managed_by}"
        findings.append(Problem(cause, "change them there, or name another group", "members_not_manageable"))
    if (add or remove) and group.is_role_assignable and not may_manage_roles:
        cause = f"group {group.name} can carry directory roles, and only its owners, and RoleManagement.ReadWrite.Directory, may change its members"
        findings.append(Problem(cause, "make sure of that, or use another group for licenses", "group_role_assignable", "warning"))
    if max_removals is not None and len(remove) > max_removals:
        findings.append(too_many_removals(len(remove), max_removals))
    return MemberChanges(group, _sorted(add), _sorted(remove), tuple(findings))


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
