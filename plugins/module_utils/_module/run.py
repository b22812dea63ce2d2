# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of every module: plan by reading, refuse or write, and report what will be. The one place that decides on check mode."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._errors import LicensingError, MissingLibraryError
from .._licensing.changes import Changes
from .._licensing.present import diff_of, finding_rows, operation_rows
from .options import passwords_in_addresses
from .readers import Reader
from .session import Session


def run_module(module: AnsibleModule, make_changes: Callable[[Mapping, Reader], Changes], result_of: Callable[[Changes, str | None], dict]) -> None:
    """Plans, applies unless in check mode, and exits. result_of gives the module's own results; its second argument is a created id."""
    session: Session | None = None
    changes: Changes | None = None
    module.no_log_values.update(passwords_in_addresses(module.params))
    try:
        session = Session(module.params, module.run_command)
        changes = make_changes(module.params, session.reader)
        _warn(module, changes)
        if changes.refusals:
            _refuse(module, changes)
        if not changes.is_noop and not module.check_mode:
            session.writer.apply(changes.operations)
            if module.params.get("wait"):
                session.writer.wait(changes.operations, module.params["wait_timeout"])
        _succeed(module, changes, result_of(changes, session.writer.created_id))
    except LicensingError as error:
        _fail(module, error, session, changes)
    finally:
        if session is not None:
            session.close()


def _succeed(module: AnsibleModule, changes: Changes, results: dict) -> None:
    module.exit_json(
        changed=not changes.is_noop,
        changes=operation_rows(changes.operations, changes.catalog),
        findings=finding_rows(changes.findings),
        diff=diff_of(changes),
        **results,
    )


def _warn(module: AnsibleModule, changes: Changes) -> None:
    for finding in changes.findings:
        if not finding.is_refusal:
            module.warn(finding.message)


def _refuse(module: AnsibleModule, changes: Changes) -> None:
    """Fails for what Graph would refuse, alike in check mode and in the real run, before any write."""
    refusals = changes.refusals
    module.fail_json(
        msg="; ".join(finding.message for finding in refusals),
        changed=False,
        changes=[],
        findings=finding_rows(changes.findings),
        failure={"code": refusals[0].code, "status": None, "request_id": None, "retriable": False},
    )


def _fail(module: AnsibleModule, error: LicensingError, session: Session | None, changes: Changes | None) -> None:
    """Fails with what was done all the same."""
    if isinstance(error, MissingLibraryError):
        module.fail_json(msg=f"{error.message}. {missing_required_lib(error.library)}", exception=traceback.format_exc())
    done: list[Any] = session.writer.done if session else []
    if session is not None:
        module.no_log_values.update(session.tokens.secrets())
    module.fail_json(
        msg=error.message,
        changed=bool(done),
        changes=operation_rows(tuple(done), changes.catalog) if changes else [],
        findings=finding_rows(changes.findings) if changes else [],
        failure=error.as_failure(),
    )
