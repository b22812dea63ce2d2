# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of every module, for the members of a group: plan all, refuse or write, and forget nothing of what was done."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .._errors import LicensingError, OptionError, Problem, WaitTimeoutError
from .._graph import retry
from .._graph.answers import Answer, Request
from .._graph.batch import SIZE, send_all, slices
from .._graph.odata import key_segment
from .._licensing.catalog import Catalog
from .._licensing.model import Group
from .._licensing.plan.predict import members_not_manageable, too_many_removals
from .._licensing.show.problems import explained, failure_of, finding_rows
from .._licensing.show.results import error_rows
from .._tenant.group_list import MOST, add_members, is_member_already
from .._tenant.user_list import UserList
from .options import GraphModule, check_user
from .run import Run, check_findings, guarded
from .session import Session


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
        findings.append(members_not_manageable(group))
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


class Membership:
    """The members of one group, as a task declares them."""

    def __init__(self, session: Session, params: Mapping) -> None:
        """Raises OptionError for names that can be none, and for what contradicts itself."""
        self._session, self._client, self._params = session, session.client, params
        self._is_set = params["set"] is not None
        self._wanted: list[str] = params["set"] if self._is_set else params["add"] or []
        self._unwanted: list[str] = params["remove"] or []
        for name in ("add", "remove", "set"):
            for index, user in enumerate(params[name] or ()):
                check_user(user, f"{name}[{index}]")
        if self._is_set and not self._wanted and not params["allow_empty"]:
            raise OptionError("set is empty, which removes every member: give allow_empty: true if that is meant")
        if (params["max_removals"] or 0) < 0:
            raise OptionError(f"max_removals is {params['max_removals']}: give zero or more")
        self.unknown: dict[str, str] = {}
        self._named: dict[str, str] = {}
        self.failed: dict[str, tuple[Problem, ...]] = {}
        self.added: dict[str, str] = {}
        self.removed: dict[str, str] = {}

    def plan(self) -> MemberChanges:
        """The changes. Raises OptionError when somebody is wanted and not, or unknown where everybody else would go."""
        group = self._session.reader.group_with_members(self._params["group"])
        users = UserList(self._client, self._session.reader)
        users.read([*self._wanted, *(name for name in self._unwanted if name.lower() not in _names(group))])
        wanted = {}
        for name in self._wanted:
            user = users.user(name)
            if user is None:
                self.unknown[name] = f"this tenant has no user {name!r}; check the spelling and the tenant"
            else:
                wanted[user.id] = user.name
                self._named[user.id] = name
        if self.unknown and self._is_set:
            listed = ", ".join(repr(name) for name in self.unknown)
            raise OptionError(f"set: this tenant has no user {listed}; as set removes everybody else, nothing is done before all are found")
        by_name = _names(group)
        unwanted = [by_name.get(name.lower()) or (user.id if (user := users.user(name)) else "") for name in self._unwanted]
        both = wanted.keys() & set(unwanted)
        if both:
            raise OptionError(f"{' and '.join(sorted(wanted[one] for one in both))}: both in add and in remove; leave one of them out")
        may_manage_roles = "RoleManagement.ReadWrite.Directory" in self._session.permissions()
        return plan_members(group, wanted, unwanted, self._is_set, self._params["max_removals"], may_manage_roles)

    def write(self, changes: MemberChanges) -> None:
        """Adds twenty in a request, and removes twenty in a batch. Who fails is noted, and the others are done."""
        for part in slices(changes.add.items(), MOST):
            answers = add_members(self._client, changes.group.id, [user_id for user_id, dummy in part])
            if answers[0] is answers[-1] and not answers[0].is_ok and answers[0].status not in (400, 404):
                raise self._session.reader.rejection("group", changes.group.id, answers[0])
            self._take_answers(part, answers, self.added, is_member_already)
        for part in slices(changes.remove.items(), SIZE):
            requests = [Request("DELETE", f"{key_segment('groups', changes.group.id)}{key_segment('members', user_id)}/$ref") for user_id, dummy in part]
            self._take_answers(part, send_all(self._client, "v1.0", requests), self.removed, lambda answer: answer.status == 404)

    def _take_answers(self, part: list[tuple[str, str]], answers: list[Answer], done: dict[str, str], is_done) -> None:
        for (user_id, name), answer in zip(part, answers):
            if answer.is_ok or is_done(answer):
                done[user_id] = name
            else:
                self.failed[self._named.get(user_id, name)] = explained(answer.error(), Catalog())

    def wait(self, changes: MemberChanges, timeout: float) -> None:
        """Reads until those who are wanted hold what the group gives. Who gets an error instead is noted.

        Raises WaitTimeoutError, naming who is outstanding.
        """
        group, catalog = self._session.reader.group_and_skus(changes.group.id)
        skus = {lic.sku_id for lic in group.licenses}
        began, attempt = time.monotonic(), 0
        names = {user_id: name for user_id, name in self._named.items() if name not in self.failed}
        while skus and names:
            users = UserList(self._client, self._session.reader)
            users.read(names)
            for user_id, name in list(names.items()):
                user = users.user(user_id)
                own = {lic.sku_id: lic for lic in user.licenses if lic.group_id == group.id} if user else {}
                if user is None or skus <= own.keys():
                    del names[user_id]
                    errors = [row for row in error_rows(user, catalog, group.id) if row["sku_id"] in skus] if user else []
                    if errors:
                        self._note_error(name, errors[0])
            attempt += 1
            seconds = retry.delay(attempt, None, random.random)
            if names and time.monotonic() - began + seconds > timeout:
                listed = ", ".join(sorted(names.values()))
                raise WaitTimeoutError(f"Graph accepted the members, but after wait_timeout of {timeout:g} s they do not show the group's licenses: {listed}")
            if names:
                self._client.pause(seconds)

    def _note_error(self, name: str, row: dict) -> None:
        """A member to whom the group's license does not come."""
        cause = f"is a member now, and does not get {row['sku']} from the group: {row['cause']}"
        self.failed[name] = (Problem(cause, row["remedy"], row["error"], retriable=True),)


def run_members(module: GraphModule) -> None:
    """Runs the module, and exits."""
    guarded(module, lambda run: _run(module, run))


def _run(module: GraphModule, run: Run) -> None:
    membership = Membership(run.open(), module.params)
    changes = membership.plan()
    check_findings(module, changes.findings)
    if module.check_mode:
        membership.added, membership.removed = changes.add, changes.remove
    else:
        try:
            membership.write(changes)
            if module.params["wait"]:
                membership.wait(changes, module.params["wait_timeout"])
        except LicensingError as error:
            module.fail_json(**failure_of(explained(error, Catalog())), **_answer(membership, changes))
    answer = _answer(membership, changes)
    failed = {**membership.unknown, **{name: failure_of(problems)["msg"] for name, problems in membership.failed.items()}}
    if failed:
        msg = f"{len(failed)} failed: " + "; ".join(f"{name}: {said}" for name, said in failed.items())
        module.fail_json(
            **failure_of([Problem(msg, code="some_failed", retriable=True)]),
            failed_users=[{"user": name, "msg": said} for name, said in failed.items()],
            **answer,
        )
    module.exit_json(failed_users=[], **answer)


def _answer(membership: Membership, changes: MemberChanges) -> dict:
    done = MemberChanges(changes.group, membership.added, membership.removed)
    return {
        "changed": done.is_change,
        "group": {"id": changes.group.id, "display_name": changes.group.name},
        "changes": member_rows("add_member", done.add) + member_rows("remove_member", done.remove),
        "findings": finding_rows(changes.findings),
        "diff": member_diff(done),
    }


def _names(group: Group) -> dict[str, str]:
    """The ids of members by every name that a task may use."""
    return {key.lower(): user_id for user_id, name in (group.members or {}).items() for key in (user_id, name)}
