# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs M(m365.licensing.licensed_users): reads who is listed, plans all, and lets the engine write."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .._engine.jobs import GroupJob, StepJob, jobs_of, not_replaced, shown, waiting_for
from .._engine.report import RunReport, digest_of_all
from .._engine.run import Engine, Line
from .._errors import OptionError, Problem
from .._graph.batch import SIZE
from .._licensing.desired.licensed_users import DesiredRun, desired_run
from .._licensing.observed import Tenant
from .._licensing.plan.changes import JoinGroup, Written
from .._licensing.plan.end_state import Settings
from .._licensing.plan.groups import GroupPlan
from .._licensing.plan.guards import Guards, removal_limit
from .._licensing.plan.run_plan import RunPlan, UserPlan, plan_run
from .._licensing.plan.steps import JOINS, changes_of
from .._licensing.show.plans import change_rows, user_diff
from .._licensing.show.problems import finding_rows
from .._licensing.show.results import diff_of, operation_rows
from .._tenant.run_reader import RunReader
from .leavers import Leavers, everyone
from .options import SHARED, GraphModule, check_pace, list_of_text
from .results import ResultList, exit_with, remember
from .run import guarded
from .session import Session

_NOT_DESCRIBED = {"concurrency", "write_quota", "on_error", "results", "report_path", "resume", "record_missing", "wait_timeout", *SHARED}


@dataclass
class _Progress:
    """What became of the steps of one entry so far: changes of a user, or calls for a group."""

    made: list[Any] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()
    request_id: str | None = None
    is_waiting: bool = False
    is_left: bool = False
    was_lost: bool = False

    @property
    def is_rejected(self) -> bool:
        """Whether Graph rejected everything, and no attempt may have been carried out."""
        return not self.made and not self.was_lost and any(400 <= (problem.status or 0) < 500 for problem in self.problems)

    def outcome(self) -> str:
        """What became of the user. One of whom a part was done when the run ended has failed."""
        if self.is_left and self.made and not (self.problems or self.is_waiting):
            self.problems = (Problem("the run ended before everything was done", "run it again", "ended", retriable=True),)
        if self.problems:
            return "failed"
        return "waiting" if self.is_waiting else "skipped" if self.is_left else "changed"


class LicensedUsers:
    """One run: what is desired, what is planned, and what became of it."""

    def __init__(self, module: GraphModule, session: Session) -> None:
        """Raises OptionError with every problem of form, before anything is read."""
        self._module, self._session, self._params = module, session, module.params
        check_pace(self._params)
        lists = {name: list_of_text(self._params.get(name), name) for name in ("users", "previous_users", "licensing_groups")}
        if self._params["restore_all"]:
            lists["users"] = everyone(self._params, lists["users"])
        params = {**self._params, **lists, "today": self._params.get("today") or time.strftime("%Y-%m-%d", time.gmtime())}
        self._desired: DesiredRun = desired_run(params)
        self._guards = Guards(tuple(self._params.get("protect") or ()), removal_limit(self._params.get("max_removals")), self._params["missing"] == "ignore")
        self._described = {name: value for name, value in self._params.items() if name not in _NOT_DESCRIBED}
        self._settings = Settings(*(self._params[name] for name in ("inherited", "carry_plans", "seat_check", "plan_check")))
        self._outcomes: dict[int, tuple[str, Sequence[Problem]]] = {}
        self._repeated: set[int] = set()
        self._reader = RunReader(session.client, session.reader, session.cloud)
        if self._params.get("record_path") and self._params.get("record_path") == self._params["report_path"]:
            raise OptionError("record_path and report_path are one file; give each a path of its own")
        self._leavers = Leavers(self._desired, self._params, module.check_mode)
        self.report = RunReport(self._params["report_path"], module.check_mode, self._params["resume"])
        self.results, self.groups = ResultList(self._params["results"], "waiting"), ResultList(self._params["results"], "waiting")
        pace = SIZE, self._params["max_wait"], self._look, self._params["wait_timeout"]
        line = Line(self._send, session.client.may_pause, session.client.flow.stop, *pace)
        self.engine = Engine(line, self._params["concurrency"], self._params["on_error"])

    def close(self) -> None:
        """Lets other runs write the files."""
        self.report.close()
        self._leavers.close()

    def summary(self) -> dict[str, Any]:
        """How many users and groups there are of each outcome, as a job hands it on."""
        return {"users": self.results.summary(), "groups": self.groups.summary()}

    def lines(self) -> list[str]:
        """What became of users and groups, for people."""
        is_dry = self._module.check_mode
        groups = self.groups.lines("groups", is_dry) if self._desired.licensing_groups else []
        return [*groups, *(self.results.lines("users", is_dry) if self._desired.users or not groups else [])]

    @property
    def warnings(self) -> Sequence[Problem]:
        """What could not be read, and is not needed."""
        return self._reader.warnings

    def plan(self) -> RunPlan:
        """Reads the tenant and plans. Where a text wants the names of groups, they are read, and all is planned again."""
        catalog = self._session.reader.catalog()
        self.report.begin(self._session.reader.tenant_id, self._described)
        self._described = {}  # a long list is not held longer than needed
        aliases, recorded = self._leavers.open(self._desired, self._session.reader.tenant_id)
        tenant, found = self._reader.read(self._desired, catalog.with_skus(self._leavers.skus()), aliases, recorded)
        returns = self._leavers.returns({index: user for index, user in found.items() if self._desired.users[index].state == "restored"}, aliases, tenant)
        plan = plan_run(self._desired, found, tenant, self._settings, self._guards, returns)
        named = {one.index for one in plan.users if self._names_groups(one, tenant)}
        if not named:
            return plan
        found = {index: self._reader.with_group_names(user) if index in named else user for index, user in found.items()}
        return plan_run(self._desired, found, tenant, self._settings, self._guards, returns)

    def _names_groups(self, one: UserPlan, tenant: Tenant) -> bool:
        """Whether a text about a user, or the diff, names groups that were not read."""
        is_shown = one.is_to_write and self._module._diff and one.state is not None
        licenses = one.state.before.user.licenses if one.state is not None and is_shown else ()
        ids = {lic.group_id for lic in licenses if lic.group_id} | {group_id for problem in one.problems for group_id in problem.group_ids}
        return not ids <= tenant.groups.keys()

    def run(self, plan: RunPlan) -> None:
        """Writes unless in check mode, or because the run as a whole is forbidden, and notes what became of each entry."""
        is_held_back = self._params["on_error"] == "stop" and (any(one.errors for one in plan.groups) or any(one.errors for one in plan.users))
        repeats = [one for one in plan.users if one.duplicate_of is not None and not one.errors]
        self._repeated = {one.duplicate_of for one in repeats if one.duplicate_of is not None}
        skipped = {one.index for one in repeats}
        groups, users = [], []
        for group in plan.groups:
            outcome, is_shown = self._unwritten(plan, group, group.outcome, f"group {group.index}", is_held_back)
            if outcome is None:
                groups.append(group)
            else:
                self._note_group(plan, group, outcome, group.operations if is_shown else (), group.errors)
        for one in plan.users:
            if one.index not in skipped:
                outcome, is_shown = self._unwritten(plan, one, one.outcome, one.index, is_held_back)
                if outcome is None:
                    users.append(one)
                else:
                    self._note(plan, one, outcome, one.changes if is_shown else (), one.errors)
        self._write(plan, groups, users)
        for one in repeats:
            outcome, problems = self._outcomes[one.duplicate_of if one.duplicate_of is not None else one.index]
            self._note(plan, one, "unchanged" if outcome == "changed" else outcome, problems=problems)

    def _unwritten(self, plan: RunPlan, one: GroupPlan | UserPlan, outcome: str, entry: int | str, is_held_back: bool) -> tuple[str | None, bool]:
        """What becomes of an entry for which nothing is written, and whether its changes are shown all the same. Nothing for one that is to be written."""
        if self.report.is_done(one.name, entry):
            return "skipped", False
        if outcome != "changed":
            return outcome, False
        if plan.problem is not None or is_held_back:
            return "skipped", not is_held_back or plan.problem is not None
        return ("changed", True) if self._module.check_mode else (None, True)

    def _write(self, plan: RunPlan, groups: Sequence[GroupPlan], users: Sequence[UserPlan]) -> None:
        """Writes step by step. An entry is noted when all its steps are answered; those behind one that was not done are answered without being sent."""
        jobs = jobs_of(groups, users)
        left = Counter(job.chain for job in jobs)
        started: dict[Hashable, _Progress] = {}
        for job, result in self.engine.run(jobs):
            progress = started.setdefault(job.chain, _Progress())
            self._take(plan, job, result, progress)
            left[job.chain] -= 1
            if not left[job.chain]:
                del started[job.chain]
                if isinstance(job, GroupJob):
                    self._note_group(plan, job.plan, progress.outcome(), tuple(progress.made), progress.problems, progress.request_id)
                else:
                    changes = tuple(change for change in job.plan.changes if change in progress.made)
                    self._note(plan, job.plan, progress.outcome(), changes, progress.problems, progress.request_id, progress.is_rejected)

    def _take(self, plan: RunPlan, job: GroupJob | StepJob, result: Written | None, progress: _Progress) -> None:
        """Takes note of what became of one step."""
        if result is None:
            if isinstance(job, GroupJob) and job.is_late and self.engine.ended is None and not progress.problems:
                progress.problems = (not_replaced(job.plan),)
            progress.is_left = True
            return
        progress.made += changes_of(job.step, result.done) if isinstance(job, StepJob) else result.done
        progress.request_id = result.request_id or progress.request_id
        progress.is_waiting = progress.is_waiting or result.is_waiting
        progress.was_lost = progress.was_lost or result.was_lost
        if result.error is not None:
            problems = self.engine.failed(job, result, plan.tenant.catalog)
            if isinstance(job, StepJob) and job.plan.is_patient and problems[0].code == "no_seats" and self.engine.ended is None:
                progress.is_waiting = True
            else:
                progress.problems += problems

    def _send(self, jobs: Sequence[GroupJob | StepJob]) -> list[Written]:
        writer, steps = self._session.writer, [job for job in jobs if isinstance(job, StepJob)]
        if not steps:
            return writer.apply_all("v1.0", [(job.operations, "principal") for job in jobs])
        step = steps[0].step
        try:
            self._leavers.record([job.plan for job in steps])
        except OptionError as error:
            self.engine.end(error.message)
            return [Written(error=error) for dummy in jobs]
        if step.number == JOINS:
            return writer.join([one for job in jobs for one in job.operations if isinstance(one, JoinGroup)])
        return writer.apply_all(step.version, [(job.operations, "principal") for job in jobs])

    def _look(self, jobs: Sequence[GroupJob | StepJob]) -> Mapping[int, Written | None]:
        """The jobs of which all shows that they wait for, and those of which it will not show."""
        users = {state.before.id: state.before.user for job in jobs for state, dummy, is_patient in waiting_for(job)}
        now = self._reader.again(list(users.values()), any(one.allotment_id for job in jobs for one in job.awaited))
        return {place: result for place, job in enumerate(jobs) for result in shown(job, now)}

    def _note_group(
        self, plan: RunPlan, one: GroupPlan, outcome: str, operations: tuple = (), problems: Sequence[Problem] = (), request_id: str | None = None
    ) -> None:
        rows = operation_rows(operations, plan.tenant.catalog)
        self.groups.add(one.index, {"group": one.name}, outcome, rows, finding_rows(one.problems), problems)
        if operations and one.changes and outcome != "failed" and self._module._diff:
            self.groups.show(one.index, diff_of(one.changes))
        if outcome != "skipped":
            remember(self._session, self.engine, problems, partial(self.report.add, one.name, f"group {one.index}", outcome, rows, request_id))

    def _note(
        self,
        plan: RunPlan,
        one: UserPlan,
        outcome: str,
        changes: tuple = (),
        problems: Sequence[Problem] = (),
        request_id: str | None = None,
        is_rejected: bool = False,
    ) -> None:
        if one.index in self._repeated:
            self._outcomes[one.index] = outcome, problems
        rows = change_rows(one.state, changes, plan.tenant)
        who = {"user": one.name, **({"state": one.desired.state} if one.desired.state != "licensed" else {})}
        who |= {"reason": one.desired.skipped} if one.desired.skipped else {}
        try:
            self._leavers.note(one, outcome, is_rejected)
        except OptionError as error:
            self.engine.end(error.message)
        self.results.add(one.index, who, outcome, rows, finding_rows(one.problems), problems)
        lines = one.changes if outcome == "waiting" else changes
        if lines and self._module._diff:
            self.results.show(one.index, user_diff(one.state, lines, plan.tenant))
        if outcome != "skipped":
            remember(self._session, self.engine, problems, partial(self.report.add, one.name, one.index, outcome, rows, request_id))


def run_licensed_users(module: GraphModule) -> None:
    """Runs the module, and exits."""
    guarded(module, lambda run: _run(module, run.open()))


def _run(module: GraphModule, session: Session) -> None:
    run = LicensedUsers(module, session)
    module.forget("users")
    try:
        plan = run.plan()
        for warning in (*plan.warnings, *run.warnings):
            module.warn(warning.message)
        run.run(plan)
    finally:
        run.close()
    stats = {"data": {"license_summary": run.summary()}, "per_host": False, "aggregate": False}
    exit_with(
        module,
        session,
        run.results,
        run.engine,
        plan.problem,
        run.groups,
        lines=run.lines(),
        ansible_stats=stats,
        seats_due=plan.seats_due,
        plan_digest=digest_of_all(plan.data),
    )
