# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs M(m365.licensing.licensed_users): reads who is listed, plans all, and lets the engine write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from .._engine.report import RunReport, digest
from .._engine.run import Engine, Line
from .._errors import Problem
from .._graph.batch import SIZE
from .._licensing.desired.licensed_users import DesiredRun, desired_run
from .._licensing.plan.changes import Written
from .._licensing.plan.end_state import Settings
from .._licensing.plan.guards import removal_limit
from .._licensing.plan.run_plan import Guards, RunPlan, UserPlan, plan_run
from .._licensing.show.plans import change_rows, user_diff
from .._licensing.show.problems import finding_rows
from .._tenant.user_list import UserList
from .options import GraphModule, check_pace
from .results import ResultList, exit_with, remember
from .run import guarded
from .session import Session

_DESCRIBED = ("profiles", "users", "previous_users", "remove", "protect", "inherited", "carry_plans")


class LicensedUsers:
    """One run: what is desired, what is planned, and what became of it."""

    def __init__(self, module: GraphModule, session: Session) -> None:
        """Raises OptionError with every problem of form, before anything is read."""
        self._module, self._session, self._params = module, session, module.params
        check_pace(self._params)
        params = {**self._params, "today": self._params.get("today") or time.strftime("%Y-%m-%d", time.gmtime())}
        self._desired: DesiredRun = desired_run(params)
        self._guards = Guards(tuple(self._params.get("protect") or ()), removal_limit(self._params.get("max_removals")), self._params["missing"] == "ignore")
        self._described = {name: self._params.get(name) for name in _DESCRIBED}
        self._settings = Settings(*(self._params[name] for name in ("inherited", "carry_plans", "seat_check", "plan_check")))
        self._outcomes: dict[int, tuple[str, Sequence[Problem]]] = {}
        self._repeated: set[int] = set()
        self._users = UserList(session.client, session.reader)
        self.report = RunReport(self._params["report_path"], module.check_mode, self._params["resume"])
        self.results = ResultList(self._params["results"])
        line = Line(self._send, session.client.may_pause, session.client.flow.stop, SIZE, self._params["max_wait"])
        self.engine = Engine(line, self._params["concurrency"], self._params["on_error"])

    def plan(self) -> RunPlan:
        """Reads the tenant and plans. Where a text wants the names of groups, they are read, and all is planned again."""
        catalog = self._session.reader.catalog()
        self.report.begin(self._session.reader.tenant_id, self._described)
        self._described = {}  # a long list is not held longer than needed
        self._users.read([one.name for one in self._desired.users if one.skipped is None or one.is_early])
        found = {index: user for index, one in enumerate(self._desired.users) if (user := self._users.user(one.name)) is not None}
        plan = plan_run(self._desired, found, catalog, self._settings, self._guards)
        named = {one.index for one in plan.users if self._names_groups(one)}
        if not named:
            return plan
        found = {index: self._users.with_group_names(user) if index in named else user for index, user in found.items()}
        return plan_run(self._desired, found, catalog, self._settings, self._guards)

    def _names_groups(self, one: UserPlan) -> bool:
        """Whether a text about a user, or the diff, names groups."""
        is_shown = one.is_to_write and self._module._diff and one.state is not None and any(lic.group_id for lic in one.state.before.licenses)
        return bool(is_shown) or any(problem.group_ids for problem in one.problems)

    def run(self, plan: RunPlan) -> None:
        """Writes unless in check mode, or because the run as a whole is forbidden, and notes what became of each entry."""
        is_held_back = self._params["on_error"] == "stop" and any(one.errors for one in plan.users)
        repeats = [one for one in plan.users if one.duplicate_of is not None and not one.errors]
        self._repeated = {one.duplicate_of for one in repeats if one.duplicate_of is not None}
        skipped, jobs = {one.index for one in repeats}, []
        for one in plan.users:
            if one.index in skipped:
                continue
            outcome = "skipped" if self.report.is_done(one.name, one.index) else one.outcome
            if outcome != "changed":
                self._note(plan, one, outcome, problems=one.errors)
            elif plan.problem is not None:
                self._note(plan, one, "skipped", one.operations)
            elif is_held_back:
                self._note(plan, one, "skipped")
            elif self._module.check_mode:
                self._note(plan, one, "changed", one.operations)
            else:
                jobs.append(one)
        self._write(plan, jobs)
        for one in repeats:
            outcome, problems = self._outcomes[one.duplicate_of if one.duplicate_of is not None else one.index]
            self._note(plan, one, "unchanged" if outcome == "changed" else outcome, problems=problems)

    def _write(self, plan: RunPlan, jobs: Sequence[UserPlan]) -> None:
        for job, result in self.engine.run(jobs):
            if result is None:
                self._note(plan, job, "skipped")
            elif result.error is None:
                self._note(plan, job, "changed", tuple(result.done), request_id=result.request_id)
            else:
                self._note(plan, job, "failed", tuple(result.done), self.engine.failed(job, result, plan.catalog), result.request_id)

    def _send(self, jobs: Sequence[UserPlan]) -> list[Written]:
        return self._session.writer.apply_all("v1.0", [(job.operations, "principal") for job in jobs])

    def _note(
        self, plan: RunPlan, one: UserPlan, outcome: str, operations: tuple = (), problems: Sequence[Problem] = (), request_id: str | None = None
    ) -> None:
        if one.index in self._repeated:
            self._outcomes[one.index] = outcome, problems
        rows = change_rows(one, operations, plan.catalog)
        who = {"user": one.name, **({"reason": one.desired.skipped} if one.desired.skipped else {})}
        self.results.add(one.index, who, outcome, rows, finding_rows(one.problems), problems)
        if operations and self._module._diff:
            self.results.show(one.index, user_diff(one, operations, plan.catalog))
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
        for warning in plan.warnings:
            module.warn(warning.message)
        run.run(plan)
    finally:
        run.report.close()
    exit_with(module, session, run.results, run.engine, plan.problem, seats_due=plan.seats_due, plan_digest=digest(plan.data))
