# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out operations, once each: after a lost answer, it checks the result before it sends a request again."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .._errors import LicensingError, WaitTimeoutError
from .._graph import retry
from .._graph.answers import Answer, Request, is_unknown
from .._graph.batch import send_chains
from .._graph.client import GraphClient
from .._licensing.model import Assignment, Group, Principal
from .._licensing.plan.changes import AssignLicenses, Changes, CreateAssignment, DeleteAssignment, JoinGroup, LeaveGroup, Outcome, SetUsageLocation, Written
from .group_list import add_members, is_member_already
from .parse import unwrap
from .reader import Reader
from .requests import Call, calls_of, principal_path

_LOOK = 5.0  # seconds to look for the id of what was created
_LOOKS = 20  # objects that a run reads to find out why Graph rejects writes to them


class Writer:
    """Writes to principals. outcome is what waiting for one of them has shown."""

    def __init__(self, client: GraphClient, reader: Reader) -> None:
        self._client, self._reader = client, reader
        self._looks_left = _LOOKS
        self._located: set[str] = set()  # the ids of users whose usage location this run has written
        self.outcome = Outcome()

    def apply_all(self, version: str | None, jobs: Sequence[tuple[tuple, str]]) -> list[Written]:
        """Carry out the operations of some principals, each with its route, in one batch, all below one version of Graph: the given, else the needed one.

        No error is raised: each principal has its own.
        """
        listed = [calls_of(operations, self._client.graph_url, route, version, self._located) for operations, route in jobs]
        written = [Written() for dummy in jobs]
        try:
            chains = send_chains(self._client, version or listed[0][0].version, [_requests_of(calls) for calls in listed])
        except LicensingError as error:
            return [Written(error=error) for dummy in jobs]
        for (operations, dummy), calls, answers, result in zip(jobs, listed, chains, written):
            try:
                self._take_answers(operations, calls, answers, result)
            except LicensingError as error:
                result.error = error
        return written

    def join(self, joins: Sequence[JoinGroup]) -> list[Written]:
        """Add up to twenty users to one group. No error is raised: each user has its own."""
        try:
            answers = add_members(self._client, joins[0].group_id, [one.principal.id for one in joins])
        except LicensingError as error:
            return [Written(error=error) for dummy in joins]
        return [self._joined(one, answer) for one, answer in zip(joins, answers)]

    def _joined(self, operation: JoinGroup, answer: Answer) -> Written:
        if answer.is_ok or is_member_already(answer):
            return Written([operation], request_id=answer.request_id)
        return Written(error=self._refused(operation, answer), request_id=answer.request_id)

    def _take_answers(self, operations: tuple, calls: list[Call], answers: list[Answer], written: Written) -> None:
        for operation, call, request, first in zip(operations, calls, _requests_of(calls), answers):
            answer = first if isinstance(operation, CreateAssignment) else self._known_answer(call.version, request, first)
            written.was_lost = written.was_lost or answer.was_lost or is_unknown(answer)
            created_id = self._take_answer(operation, request, answer)
            written.created_id = created_id or written.created_id
            written.request_id = answer.request_id or written.request_id
            written.done.append(operation)
            if isinstance(operation, SetUsageLocation):
                self._located.add(operation.principal.id)

    def wait(self, changes: Changes, timeout: float) -> None:
        """Wait until reads of a user or group show the operations, and a group's processing has ended.

        Raises WaitTimeoutError after timeout seconds, naming what is outstanding. The outcome has the progress.
        """
        principal, is_group = changes.before, isinstance(changes.before, Group)
        if not changes.operations and not is_group:
            return
        began, attempt = time.monotonic(), 0
        while True:
            seen = principal if attempt == 0 and not changes.operations else self._reader.again(principal)
            outstanding = [_described(operation) for operation in changes.operations if not _shows(seen, operation)]
            if isinstance(seen, Group):
                outstanding += [] if _is_processed(seen) else [f"the processing of the group, which is {seen.processing_state}"]
                self.outcome.processing_state = seen.processing_state
            attempt += 1
            seconds = retry.delay(attempt, None, random.random)
            self.outcome.seconds_waited = time.monotonic() - began
            if not outstanding:
                break
            if self.outcome.seconds_waited + seconds > timeout:
                what = " and ".join(sorted(set(outstanding)))
                raise WaitTimeoutError(f"Graph accepted the change, but after wait_timeout of {timeout:g} s it does not show yet: {what}")
            self._client.pause(seconds)
        if is_group:
            self.outcome.members = tuple(self._reader.members_in_error(principal))

    def _known_answer(self, version: str, request: Request, answer: Answer) -> Answer:
        """Return the answer, or that of another attempt where the result of the request is not known."""
        if answer.status != 424 and not (is_unknown(answer) and request.can_repeat):
            return answer
        again = self._client.send(version, request)
        return replace(again, was_lost=again.was_lost or is_unknown(answer))

    def _take_answer(self, operation: Any, request: Request, answer: Answer) -> str | None:
        """Check that an operation was carried out, even if its answer was lost, or raise why not. Return the id of what it created."""
        if isinstance(operation, CreateAssignment):
            return self._take_created(operation, request, answer)
        if answer.is_ok or (isinstance(operation, LeaveGroup) and answer.status == 404):
            return None
        if isinstance(operation, DeleteAssignment) and self._is_gone(operation, request, answer):
            return None
        if isinstance(operation, AssignLicenses) and answer.status == 400 and answer.was_lost and self._comes_to_show(operation):
            return None
        raise self._refused(operation, answer)

    def _is_gone(self, operation: DeleteAssignment, request: Request, answer: Answer) -> bool:
        """Whether a 404 means that an assignment is gone. On the path where it was read it does; another path may just not list it."""
        if answer.status != 404 or "segment" in answer.error_text.lower():
            return False
        if request.path.startswith(f"{principal_path(operation.principal)}/"):
            return True
        return operation.assignment.id not in {held.id for held in self._reader.assignments(operation.principal)}

    def _refused(self, operation: Any, answer: Answer) -> LicensingError:
        """Return the error of a write; for the first few rejections, with facts about the object where these may be the reason."""
        if answer.status not in (400, 403) or self._looks_left < 1:
            return answer.error()
        self._looks_left -= 1
        if isinstance(operation, (JoinGroup, LeaveGroup)):
            return self._reader.rejection("group", operation.group_id, answer)
        return self._reader.rejection(operation.principal.kind, operation.principal.id, answer)

    def _take_created(self, operation: CreateAssignment, request: Request, answer: Answer) -> str | None:
        """Return the id of the created assignment. After a lost answer, look for it before creating it again (graph-contract 1.6, no. 6)."""
        if answer.status == 424:  # it depended on a request whose answer was lost, and was not sent
            answer = self._client.send("beta", request)
        patience = self._client.patience()
        repeatable = Request(request.method, request.path)
        was_lost = False
        while not answer.is_ok:
            was_lost = was_lost or is_unknown(answer)
            seconds = patience.next_delay(repeatable, answer) if was_lost else None
            found = self._look(operation, retry.LAG_LIMIT) if was_lost else None
            if found is not None:
                return found.id
            if seconds is None:
                raise self._refused(operation, answer)
            patience.spend(seconds)
            self._client.pause(seconds)
            answer = self._client.send("beta", request)
        return self._id_of_created(operation, answer)

    def _id_of_created(self, operation: CreateAssignment, answer: Answer) -> str | None:
        """Return the id in the answer, else the one that a read shows. The assignment is there: an unknown id is not an error."""
        said = unwrap(answer.body).get("id")
        if said and isinstance(said, str):
            return said
        try:
            found = self._look(operation, _LOOK)
        except LicensingError:
            return None
        return found.id if found else None

    def _look(self, operation: CreateAssignment, seconds: float) -> Assignment | None:
        """The assignment on the allotment, as reads show it within some seconds: a replica may lag (graph-contract 3.5)."""
        left, attempt = min(seconds, self._client.max_wait), 0
        while True:
            held = self._reader.assignments(operation.principal)
            found = next((one for one in held if one.allotment_id == operation.assignment.allotment_id), None)
            attempt += 1
            wait = retry.delay(attempt, None, random.random)
            if found is not None or wait > left:
                return found
            left -= wait
            self._client.pause(wait)

    def _comes_to_show(self, operation: AssignLicenses) -> bool:
        """Whether the licenses are as desired after all: the lost attempt was carried out, and its repetition rejected."""
        for attempt in range(1, 5):
            if _shows(self._reader.again(operation.principal), operation):
                return True
            self._client.pause(retry.delay(attempt, None, random.random))
        return _shows(self._reader.again(operation.principal), operation)


def _requests_of(calls: list[Call]) -> list[Request]:
    return [Request(call.method, call.path, call.body, call.can_repeat, call.lag_code) for call in calls]


def _shows(user: Principal, operation: Any) -> bool:
    """Whether a user or group, as it was read, is as an operation leaves it."""
    if isinstance(operation, SetUsageLocation):
        return user.usage_location == operation.usage_location
    held = {lic.sku_id: lic for lic in user.licenses if lic.is_direct}
    added = all(lic.sku_id in held and held[lic.sku_id].is_held and held[lic.sku_id].disabled_plans == lic.disabled_plans for lic in operation.add)
    return added and not held.keys() & set(operation.remove)


def _is_processed(group: Group) -> bool:
    """Whether Graph has assigned a group's licenses to its members; a group that never had any has no state."""
    return (group.processing_state or "ProcessingComplete") == "ProcessingComplete"


def _described(operation: Any) -> str:
    return "the usage location" if isinstance(operation, SetUsageLocation) else "the licenses"
