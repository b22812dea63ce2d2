# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs M(m365.licensing.group_members): the members of one group."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..._engine.jobs import jobs_of
from ..._engine.report import RunReport
from ..._engine.task import Planned, Progress, TaskRun, problems_of
from ..._errors import OptionError, Problem, WaitTimeoutError
from ..._graph import retry
from ..._licensing.catalog import Catalog
from ..._licensing.desired.licensed_users import DesiredUser
from ..._licensing.model import Group
from ..._licensing.plan.changes import Written
from ..._licensing.plan.groups import MemberChanges, plan_members
from ..._licensing.plan.run_plan import UserPlan
from ..._licensing.plan.steps import JOINS, changes_of
from ..._licensing.show.problems import finding_rows
from ..._licensing.show.results import error_rows
from ..._tenant.user_list import UserList
from ..options import GraphModule, check_user
from ..run import run_client
from ..session import Session
from .base import PlanClient


class MembersClient(PlanClient):
    """The members of one group, as a task declares them."""

    def __init__(self, module: GraphModule, session: Session) -> None:
        """Raises OptionError for invalid names, and for contradictions."""
        super().__init__(module, session)
        self._params = params = module.params
        self._is_set = params["set"] is not None
        self._wanted: list[str] = params["set"] if self._is_set else params["add"] or []
        self._unwanted: list[str] = params["remove"] or []
        for name in ("add", "remove", "set"):
            for index, user in enumerate(params[name] or ()):
                check_user(user, f"{name}[{index}]")
        if self._is_set and not self._wanted and not params["allow_empty"]:
            raise OptionError("set is empty, which removes every member; set allow_empty: true if this is intended")
        if (params["max_removals"] or 0) < 0:
            raise OptionError(f"max_removals is {params['max_removals']}: give zero or more")
        self._named: dict[str, str] = {}
        self._unreached: dict[str, Problem] = {}
        self._made: list[dict] = []
        self._rejected: dict[str, Problem] = {}
        self._changes: MemberChanges | None = None

    def plan(self, report: RunReport) -> Planned:
        """Plan the changes. Raises OptionError when a user is both in add and in remove, or unknown in set, which removes all others."""
        group = self.session.reader.group_with_members(self._params["group"])
        by_name = {key.lower(): user_id for user_id, name in (group.members or {}).items() for key in (user_id, name)}
        users = UserList(self.session.client, self.session.reader)
        users.read([*self._wanted, *(name for name in self._unwanted if name.lower() not in by_name)])
        self._named = {user.id: name for name in self._wanted if (user := users.user(name))}
        unknown = [name for name in self._wanted if users.user(name) is None]
        if unknown and self._is_set:
            listed = ", ".join(repr(name) for name in unknown)
            raise OptionError(f"set: this tenant has no user {listed}; as set removes all other members, nothing is done before all are found")
        wanted = {user_id: user.name for user_id, name in self._named.items() if (user := users.user(name))}
        unwanted = [by_name.get(name.lower()) or (user.id if (user := users.user(name)) else "") for name in self._unwanted]
        both = wanted.keys() & set(unwanted)
        if both:
            raise OptionError(f"{' and '.join(sorted(wanted[one] for one in both))}: both in add and in remove; leave one of them out")
        may_manage_roles = "RoleManagement.ReadWrite.Directory" in self.session.permissions()
        self._changes = changes = plan_members(group, wanted, unwanted, self._is_set, self._params["max_removals"], may_manage_roles)
        return Planned(self._entries(changes, unknown), next((one for one in changes.findings if one.is_error), None))

    def _entries(self, changes: MemberChanges, unknown: Sequence[str]) -> list[UserPlan]:
        """Return the plans of users who join or leave, and of users that the tenant does not have."""
        users = [state.before.user for state in changes.states]
        plans = [UserPlan(index, DesiredUser("", self._named.get(user.id, user.name)), changes.states[index]) for index, user in enumerate(users)]
        missing = (Problem(f"this tenant has no user {name!r}", "check the spelling and the tenant", "not_found") for name in unknown)
        return plans + [UserPlan(index, DesiredUser("", name), problems=(problem,)) for index, (name, problem) in enumerate(zip(unknown, missing), len(plans))]

    def jobs(self, entries: Sequence[Any]) -> Sequence[Any]:
        """Return the steps of users: all join before any leaves."""
        return jobs_of((), entries)

    def entry_of(self, job: Any) -> Any:
        """Return the plan of a job."""
        return job.plan

    def send(self, jobs: Sequence[Any]) -> list[Written]:
        """Add twenty in a request, or remove twenty in a batch."""
        if jobs[0].step.number == JOINS:
            return self.session.writer.join([one for job in jobs for one in job.operations])
        return self.session.writer.apply_all("v1.0", [(job.operations, "principal") for job in jobs])

    def take(self, job: Any, result: Written | None, progress: Progress, problems: tuple[Problem, ...]) -> None:
        """Add the changes that were made."""
        progress.made += changes_of(job.step, result.done) if result else ()
        progress.problems += problems

    def catalog(self, entry: Any) -> Catalog:
        """Return no names: errors of members name no SKU."""
        return Catalog()

    def planned(self, entry: Any) -> tuple:
        """Return the changes."""
        return entry.changes

    def who(self, entry: Any) -> dict[str, str]:
        """Return the user, as the task names it."""
        return {"user": entry.name}

    def rows(self, entry: Any, made: Sequence[Any]) -> list[dict]:
        """Return the user, once added or removed."""
        return [{"action": f"{one.verb}_member", "id": entry.state.before.id, "user": entry.state.before.user.name} for one in made]

    def diff(self, entry: Any, made: Sequence[Any], outcome: str, problems: Sequence[Problem]) -> dict | None:
        """Return None: there is one diff for the group."""
        return None

    def note(self, entry: Any, outcome: str, progress: Progress) -> str | None:
        """Keep what was done."""
        self._made += self.rows(entry, progress.made)
        self._rejected |= {problem.message: problem for problem in progress.problems if problem.status}
        return None

    def finish(self, is_dry: bool) -> None:
        """Wait until the desired members have the group's licenses, where the task asks for that. Members with an error instead are noted.

        Raises WaitTimeoutError, naming the outstanding users.
        """
        if is_dry or not self._params["wait"] or self._changes is None or any(one.is_error for one in self._changes.findings):
            return
        group, catalog = self.session.reader.group_and_skus(self._changes.group.id)
        skus = {lic.sku_id for lic in group.licenses}
        began, attempt, timeout = time.monotonic(), 0, self._params["wait_timeout"]
        failed = {row["user"] for row in self.list.rows() if row["failed"]}
        names = {user_id: name for user_id, name in self._named.items() if name not in failed}
        while skus and names:
            users = UserList(self.session.client, self.session.reader)
            users.read(names)
            for user_id, name in list(names.items()):
                user = users.user(user_id)
                own = {lic.sku_id: lic for lic in user.licenses if lic.group_id == group.id} if user else {}
                if user is None or skus <= own.keys():
                    del names[user_id]
                    errors = [row for row in error_rows(user, catalog, group.id) if row["sku_id"] in skus] if user else []
                    if errors:
                        self._unreached[name] = _not_reached(errors[0])
            attempt += 1
            seconds = retry.delay(attempt, None, random.random)
            if names and time.monotonic() - began + seconds > timeout:
                listed = ", ".join(sorted(names.values()))
                raise WaitTimeoutError(f"Graph accepted the members, but after wait_timeout of {timeout:g} s they do not show the group's licenses: {listed}")
            if names:
                self.session.client.pause(seconds)

    def answer(self, task: TaskRun) -> tuple[dict[str, Any], list[Problem]]:
        """Return the added, removed and failed users."""
        changes = self._changes
        if changes is None:
            return {}, []
        failed = {row["user"]: row["msg"] for row in self.list.rows() if row["failed"]}
        problems = problems_of(task, [self.list], is_short=False)
        if len(self._rejected) == 1 and not self._made:  # what Graph answered to all is about the group
            problems = list(self._rejected.values())
        if self._unreached:
            said = "; ".join(f"{name}: {problem.message}" for name, problem in self._unreached.items())
            problems.append(Problem(f"{len(self._unreached)} not reached: {said}", code="some_failed", retriable=True))
        failed |= {name: problem.message for name, problem in self._unreached.items()}
        results = {
            "changed": bool(self._made) and task.problem is None,
            "group": {"id": changes.group.id, "display_name": changes.group.name},
            "changes": self._made,
            "findings": finding_rows(changes.findings),
            "diff": _diff(changes.group, self._made),
            "failed_users": [{"user": name, "msg": text} for name, text in failed.items()],
            "warnings": [one.message for one in changes.findings if not one.is_error],
        }
        return results, problems


def _not_reached(row: Mapping[str, Any]) -> Problem:
    """Return the problem of a member who does not get the group's license."""
    return Problem(f"is a member now, but does not get {row['sku']} from the group: {row['cause']}", row["remedy"], row["error"], retriable=True)


def _diff(group: Group, made: Sequence[Mapping[str, str]]) -> dict:
    """Return the diff of names, for C(--diff): only added and removed users."""
    name = f"members of {group.name}"
    gone, come = ([row["user"] for row in made if row["action"] == action] for action in ("remove_member", "add_member"))
    return {"before_header": name, "after_header": name, "before": {"members": gone} if gone else {}, "after": {"members": come} if come else {}}


def run_members(module: GraphModule) -> None:
    """Run the module, and exit."""
    run_client(module, MembersClient)
