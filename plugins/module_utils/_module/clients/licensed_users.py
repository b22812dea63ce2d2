# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs M(m365.licensing.licensed_users) and M(m365.licensing.groups_assign_license): reads the listed users, plans all, and lets the engine write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ..._engine.jobs import GroupJob, StepJob, jobs_of, not_replaced, shown, waiting_for
from ..._engine.report import RunReport, digest_of_all
from ..._engine.results import ResultList
from ..._engine.task import Planned, Progress, TaskRun, problems_of
from ..._errors import OptionError, Problem
from ..._licensing.catalog import Catalog
from ..._licensing.desired.licensed_users import DesiredRun, desired_run
from ..._licensing.observed import Tenant
from ..._licensing.plan.changes import JoinGroup, Written
from ..._licensing.plan.end_state import Settings
from ..._licensing.plan.groups import GroupPlan
from ..._licensing.plan.run_plan import Guards, RunPlan, UserPlan, plan_run, removal_limit
from ..._licensing.plan.steps import JOINS, changes_of
from ..._licensing.show.blocks import group_block, seat_rows, seats_text, user_block
from ..._licensing.show.plans import change_rows
from ..._licensing.show.results import operation_rows
from ..._tenant.run_reader import RunReader
from ..options import SHARED, GraphModule, check_pace
from ..run import run_client
from ..session import Session
from ..stats import bounded, stats_of
from ..texts import list_of_text
from .base import summary_of
from .leavers import Leavers, everyone

_NOT_DESCRIBED = {"concurrency", "write_quota", "on_error", "results", "report_path", "resume", "record_missing", "wait_timeout", *SHARED}


class UsersClient:
    """One run over users and licensing groups: what is desired, and what is planned."""

    def __init__(self, module: GraphModule, session: Session) -> None:
        """Raises OptionError with all invalid options, before anything is read."""
        self.module, self.session, self._params = module, session, module.params
        check_pace(self._params)
        self.is_reporting = "report" in (self._params.get("user_errors"), self._params.get("group_errors"))
        self._desired: DesiredRun = self._desire()
        self._guards = Guards(
            tuple(self._params.get("protect") or ()), removal_limit(self._params.get("max_removals")), self._params.get("missing") == "ignore"
        )
        self._described = {name: value for name, value in self._params.items() if name not in _NOT_DESCRIBED}
        self._settings = Settings(**{one.name: self._params[one.name] for one in fields(Settings) if one.name in self._params})
        self._reader = RunReader(session.client, session.reader, session.cloud)
        if self._params.get("record_path") and self._params.get("record_path") == self._params["report_path"]:
            raise OptionError("record_path and report_path are one file; give each a path of its own")
        self._leavers = Leavers(self._desired, self._params)
        self.users, self.groups = ResultList(self._params["results"], "waiting"), ResultList(self._params["results"], "waiting")
        self._plan = RunPlan((), Tenant(Catalog()))
        self._seats: Counter = Counter()
        module.forget("users" if "users" in self._params else "groups")

    def _desire(self) -> DesiredRun:
        lists = {name: list_of_text(self._params.get(name), name) for name in ("users", "previous_users", "licensing_groups")}
        if self._params["restore_all"]:
            lists["users"] = everyone(self._params, lists["users"])
        return desired_run({**self._params, **lists, "today": self._params.get("today") or time.strftime("%Y-%m-%d", time.gmtime())})

    def close(self) -> None:
        """Close the record, so that other runs can write it."""
        self._leavers.close()

    def plan(self, report: RunReport) -> Planned:
        """Read the tenant and plan. Where a text needs the names of groups, read them, and plan again."""
        self._leavers.begin(report.is_dry)
        catalog = self.session.reader.catalog()
        report.begin(self.session.reader.tenant_id, self._described)
        self._described = {}  # a long list is not held longer than needed
        aliases, recorded = self._leavers.open(self._desired, self.session.reader.tenant_id)
        tenant, found = self._reader.read(self._desired, catalog.with_skus(self._leavers.skus()), aliases, recorded)
        returns = self._leavers.returns({index: user for index, user in found.items() if self._desired.users[index].state == "restored"}, aliases, tenant)
        self._plan = plan_run(self._desired, found, tenant, self._settings, self._guards, returns)
        named = {one.index for one in self._plan.users if self._names_groups(one, tenant)}
        if named:
            found = {index: self._reader.with_group_names(user) if index in named else user for index, user in found.items()}
            self._plan = plan_run(self._desired, found, tenant, self._settings, self._guards, returns)
        return Planned((*self._plan.groups, *self._plan.users), self._plan.problem)

    def _names_groups(self, one: UserPlan, tenant: Tenant) -> bool:
        """Whether a text about a user, or the diff, names groups that were not read."""
        is_shown = one.is_to_write and self.module._diff and one.state is not None
        licenses = one.state.before.user.licenses if one.state is not None and is_shown else ()
        ids = {lic.group_id for lic in licenses if lic.group_id} | {group_id for problem in one.problems for group_id in problem.group_ids}
        return not ids <= tenant.groups.keys()

    def jobs(self, entries: Sequence[GroupPlan | UserPlan]) -> list[GroupJob | StepJob]:
        """The calls for groups, and the steps of users."""
        return jobs_of([one for one in entries if isinstance(one, GroupPlan)], [one for one in entries if isinstance(one, UserPlan)])

    def entry_of(self, job: GroupJob | StepJob) -> GroupPlan | UserPlan:
        """The plan of a job."""
        return job.plan

    def send(self, jobs: Sequence[GroupJob | StepJob]) -> list[Written]:
        """Write one batch, after recording what it removes from leavers."""
        writer, steps = self.session.writer, [job for job in jobs if isinstance(job, StepJob)]
        if not steps:
            return writer.apply_all("v1.0", [(job.operations, "principal") for job in jobs])
        step = steps[0].step
        try:
            self._leavers.record([job.plan for job in steps])
        except OptionError as error:
            return [Written(error=error) for dummy in jobs]  # the only OptionError of a batch, which ends the run
        if step.number == JOINS:
            return writer.join([one for job in jobs for one in job.operations if isinstance(one, JoinGroup)])
        return writer.apply_all(step.version, [(job.operations, "principal") for job in jobs])

    def look(self, jobs: Sequence[GroupJob | StepJob]) -> Mapping[int, Written | None]:
        """Return, by place, None for jobs that need not wait any longer, and the error of those that wait in vain."""
        users = {state.before.id: state.before.user for job in jobs for state, dummy, is_patient in waiting_for(job)}
        now = self._reader.again(list(users.values()), any(one.allotment_id for job in jobs for one in job.awaited))
        return {place: result for place, job in enumerate(jobs) for result in shown(job, now)}

    def take(self, job: GroupJob | StepJob, result: Written | None, progress: Progress, problems: tuple[Problem, ...]) -> None:
        """The changes of a user, or the calls for a group. A user waits for a seat that is freed later; a missing replacement is an error of the group."""
        if result is None:
            if isinstance(job, GroupJob) and progress.is_broken and not progress.problems:
                progress.problems = (not_replaced(job.plan),)
            return
        progress.made += changes_of(job.step, result.done) if isinstance(job, StepJob) else result.done
        if problems and isinstance(job, StepJob) and job.plan.is_patient and problems[0].code == "no_seats":
            progress.is_waiting = True
        else:
            progress.problems += problems

    def catalog(self, entry: GroupPlan | UserPlan) -> Catalog:
        """Return the catalog of the tenant."""
        return self._plan.tenant.catalog

    def planned(self, entry: GroupPlan | UserPlan) -> tuple:
        """The changes of a user, or the calls for a group."""
        return entry.operations if isinstance(entry, GroupPlan) else entry.changes

    def results(self, entry: GroupPlan | UserPlan) -> ResultList:
        """Groups and users have lists of their own."""
        return self.groups if isinstance(entry, GroupPlan) else self.users

    def who(self, entry: GroupPlan | UserPlan) -> dict[str, str]:
        """The name, and of a user the state and the reason why nothing is done."""
        if isinstance(entry, GroupPlan):
            return {"group": entry.name}
        who = {"user": entry.name, **({"state": entry.desired.state} if entry.desired.state != "licensed" else {})}
        return who | ({"reason": entry.desired.skipped} if entry.desired.skipped else {})

    def key(self, entry: GroupPlan | UserPlan) -> int | str:
        """The place in the list."""
        return f"group {entry.index}" if isinstance(entry, GroupPlan) else entry.index

    def rows(self, entry: GroupPlan | UserPlan, made: Sequence[Any]) -> list[dict]:
        """A row for each change."""
        if isinstance(entry, GroupPlan):
            return operation_rows(tuple(made), self._plan.tenant.catalog)
        return change_rows(entry.state, self._in_order(entry, made), self._plan.tenant)

    def diff(self, entry: GroupPlan | UserPlan, made: Sequence[Any], outcome: str, problems: Sequence[Problem]) -> dict | None:
        """Return what was or will be done, and the errors, as text."""
        if not self.module._diff:
            return None
        said = [*entry.problems, *(one for one in problems if one not in entry.problems)]
        if isinstance(entry, GroupPlan):
            text = group_block(entry, made, self._plan.tenant.catalog, said)
        else:
            changes = entry.changes if outcome == "waiting" else self._in_order(entry, made)
            text = user_block(entry, changes, self._plan.tenant, said)
        return {"prepared": text} if text else None

    def _in_order(self, entry: UserPlan, made: Sequence[Any]) -> tuple:
        return tuple(change for change in entry.changes if change in made)

    def note(self, entry: GroupPlan | UserPlan, outcome: str, progress: Progress) -> str | None:
        """Count seats, and record that a user is released or restored."""
        try:
            if isinstance(entry, UserPlan):
                if outcome == "changed" and entry.state:
                    self._seats.update(entry.state.takes)
                    self._seats.subtract(entry.state.frees)
                self._leavers.note(entry, outcome, progress.is_rejected)
        except OptionError as error:
            return error.message
        return None

    def finish(self, is_dry: bool) -> None:
        """Nothing follows."""

    def answer(self, task: TaskRun) -> tuple[dict[str, Any], list[Problem]]:
        """Results, counts and lines."""
        plan, has_groups = self._plan, bool(self._desired.licensing_groups)
        lists = [self.users, self.groups]
        lines = self.groups.lines("groups", task.is_dry) if has_groups else []
        lines += self.users.lines("users", task.is_dry, seats_text(self._seats, plan.tenant.catalog)) if self._desired.users or not has_groups else []
        diffs = [*self.groups.diffs(), *self.users.diffs()]
        summary = {"users": self.users.stats(), "groups": self.groups.stats(), "seats": seat_rows(self._seats, plan.tenant.catalog)}
        results = {
            "changed": any(one.is_changed for one in lists),
            "results": self.users.rows(),
            "group_results": self.groups.rows(),
            "summary": {**summary_of(self.session, self.users), "groups": self.groups.summary()},
            "diff": diffs,
            "lines": lines,
            "ansible_stats": stats_of({**summary, "diff": bounded(one["prepared"] for one in diffs)}),
            "seats_due": plan.seats_due,
            "plan_digest": digest_of_all(plan.data),
            "warnings": [one.message for one in (*plan.warnings, *self._reader.warnings)],
        }
        return results, problems_of(task, lists, self.is_reporting)


def run_licensed_users(module: GraphModule) -> None:
    """Run the module, and exit."""
    run_client(module, UsersClient)
