# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of every module: plan by reading, refuse or write, and report what will be. The one place that decides on check mode."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._errors import LicensingError, MissingLibraryError, Problem
from .._licensing.catalog import Catalog
from .._licensing.plan.changes import Changes, Outcome
from .._licensing.show.problems import explained, failure_of, finding_rows
from .._licensing.show.results import diff_of, operation_rows, outcome_rows
from .._tenant.reader import Reader
from .options import GraphModule, passwords_in_addresses
from .session import Session


class Run:
    """One run of a module: what it has, as far as it came."""

    def __init__(self, module: GraphModule) -> None:
        self.module = module
        self.session: Session | None = None
        self.changes: Changes | None = None

    def open(self) -> Session:
        """A session of the task's options."""
        self.session = Session(self.module.params, self.module.run_command, self.module.given)
        return self.session


def run_module(module: GraphModule, make_changes: Callable[[Mapping, Reader], Changes], result_of: Callable[[Changes, Outcome], dict]) -> None:
    """Plans, applies unless in check mode, and exits. result_of gives the module's own results."""
    guarded(module, lambda run: _change(run, make_changes, result_of))


def run_info(module: GraphModule, read: Callable[[Mapping, Session], dict]) -> None:
    """Reads and exits. read gives the results; C(warnings) of them are shown."""
    guarded(module, lambda run: _inform(run, read(module.params, run.open())))


def guarded(module: GraphModule, work: Callable[[Run], None]) -> None:
    """Runs the work of a module; what fails of the family of errors fails the module, with what was done."""
    run = Run(module)
    module.no_log_values.update(passwords_in_addresses(module.params))
    try:
        if module.fault is not None:
            raise module.fault
        work(run)
    except LicensingError as error:
        _fail(run, error)
    finally:
        if run.session is not None:
            run.session.close()


def _inform(run: Run, results: dict) -> None:
    for text in results.pop("warnings", ()):
        run.module.warn(text)
    run.module.exit_json(changed=False, **results)


def _change(run: Run, make_changes: Callable[[Mapping, Reader], Changes], result_of: Callable[[Changes, Outcome], dict]) -> None:
    module, session = run.module, run.open()
    run.changes = changes = make_changes(module.params, session.reader)
    check_findings(module, changes.findings)
    if not module.check_mode:
        if changes.operations:
            session.writer.apply(changes.operations)
        if module.params.get("wait"):
            session.writer.wait(changes, module.params["wait_timeout"])
    module.exit_json(
        changed=changes.is_change,
        changes=operation_rows(changes.operations, changes.catalog),
        findings=finding_rows(changes.findings),
        diff=diff_of(changes),
        **result_of(changes, session.writer.outcome),
    )


def check_findings(module: AnsibleModule, findings: tuple[Problem, ...]) -> None:
    """Warns, and fails for what Graph would reject, alike in check mode and in the real run, before any write."""
    for finding in findings:
        if not finding.is_error:
            module.warn(finding.message)
    errors = [finding for finding in findings if finding.is_error]
    if not errors:
        return
    module.fail_json(**failure_of(errors), changed=False, changes=[], findings=finding_rows(findings))


def _fail(run: Run, error: LicensingError) -> None:
    """Fails with what was done all the same."""
    module, session, changes = run.module, run.session, run.changes
    results: dict = {}
    if session is not None:
        module.no_log_values.update(session.tokens.secrets())
    if changes is not None and session is not None:
        results = {"changed": bool(session.writer.done), **outcome_rows(session.writer.outcome, changes)}
        results |= {"changes": operation_rows(tuple(session.writer.done), changes.catalog), "findings": finding_rows(changes.findings)}
    results |= failure_of(explained(error, changes.catalog if changes else Catalog()))
    if isinstance(error, MissingLibraryError):
        results |= {"msg": f"{error.message}. {missing_required_lib(error.library)}", "exception": traceback.format_exc()}
    module.fail_json(**{"changed": False, "changes": [], "findings": [], **results})
