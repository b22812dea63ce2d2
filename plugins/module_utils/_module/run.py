# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every module begins and ends: a session of its options, its work, and the one place that exits."""

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
    """A client of the engine that answers for a module. With is_reporting, errors of entries do not fail the task."""

    is_reporting: bool

    def answer(self, task: TaskRun) -> tuple[dict[str, Any], list[Problem]]:
        """The results of the task, as far as it came, and why it fails. C(warnings) among the results are shown."""

    def close(self) -> None:
        """Lets other runs write the files."""


def run_info(module: GraphModule, read: Callable[[Mapping, Session], dict]) -> None:
    """Reads and exits. read gives the results; C(warnings) of them are shown."""
    _guarded(module, lambda session, dummy: (read(module.params, session), [], False))


def run_client(module: GraphModule, make_client: Callable[[GraphModule, Session], WritingClient]) -> None:
    """Plans, writes unless in check mode, and exits. make_client reads the options; it raises OptionError for what contradicts itself."""
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
    """Runs the work of a module, and exits. What fails of the family of errors fails the module, with what was done."""
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
