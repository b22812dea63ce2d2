# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of every module: a session of its options, its work, and the only place that exits."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ansible.module_utils.basic import missing_required_lib

from .._engine.report import RunReport
from .._engine.run import Line
from .._engine.task import Client, TaskRun
from .._errors import LicensingError, MissingLibraryError, Problem
from .._graph.batch import SIZE
from .._licensing.catalog import Catalog
from .._licensing.show.problems import explained, failure_of
from .options import GraphModule, passwords_in_addresses
from .session import Session


class WritingClient(Client, Protocol):
    """A client of the engine that returns the results of a module. With is_reporting, errors of entries do not fail the task."""

    is_reporting: bool

    def answer(self, task: TaskRun) -> tuple[dict[str, Any], list[Problem]]:
        """Return the results of the task, complete or not, and the problems that fail it. C(warnings) among the results are shown."""

    def close(self) -> None:
        """Close the files, so that other runs can write them."""


def run_info(module: GraphModule, read: Callable[[Mapping, Session], dict]) -> None:
    """Read, and exit. read returns the results; C(warnings) among them are shown."""
    _guarded(module, lambda session, dummy: (read(module.params, session), [], False))


def run_client(module: GraphModule, make_client: Callable[[GraphModule, Session], WritingClient]) -> None:
    """Plan, write unless in check mode, and exit. make_client reads the options, and raises OptionError for contradictions."""
    _guarded(module, lambda session, partial: _written(module, session, make_client(module, session), partial))


def _written(module: GraphModule, session: Session, client: WritingClient, partial: dict) -> tuple[dict, list[Problem], bool]:
    """The results, the problems, and whether these fail the task. partial gets the results when an error ends it."""
    params, flow = module.params, session.client.flow
    report = RunReport(params.get("report_path"), module.check_mode, bool(params.get("resume")))
    line = Line(client.send, session.client.may_pause, flow.stop, SIZE, params["max_wait"], client.look, params.get("wait_timeout") or 0.0)
    task = TaskRun(client, line, report, params, module.check_mode, lambda text: _redacted(text, session), session.progress)
    try:
        task.run()
    except LicensingError:
        partial.update(client.answer(task)[0] if task.is_planned else {})
        raise
    finally:
        report.close()
        client.close()
    results, problems = client.answer(task)
    return results, problems, bool(problems) and not client.is_reporting


def _redacted(text: str, session: Session) -> str:
    for secret in session.tokens.secrets():
        text = text.replace(secret, "********")
    return text


def _guarded(module: GraphModule, work: Callable[[Session, dict], tuple[dict, list[Problem], bool]]) -> None:
    """Run the work of a module, and exit. A LicensingError fails the module, with what was done."""
    module.no_log_values.update(passwords_in_addresses(module.params))
    partial: dict[str, Any] = {}
    session = None
    try:
        if module.fault is not None:
            raise module.fault
        session = Session(module.params, module.run_command, module.given)
        results, problems, is_failed = work(session, partial)
    except LicensingError as error:
        nothing: dict[str, Any] = {} if "results" in module.params else {"changes": [], "findings": []}  # of a task that fails before anything was planned
        results, problems, is_failed = {**nothing, **partial}, list(explained(error, Catalog())), True
        if isinstance(error, MissingLibraryError):
            problems = [Problem(f"{error.message}. {missing_required_lib(error.library)}")]
            results["exception"] = traceback.format_exc()
    finally:
        if session is not None:
            module.no_log_values.update(session.tokens.secrets())
            session.close()
    for text in results.pop("warnings", ()):
        module.warn(text)
    answer = {"changed": False, **results, **(failure_of(problems) if problems else {})}
    if is_failed:
        module.fail_json(**answer)
    module.exit_json(**answer)
