# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests in one call of C($batch), each item retried for itself (graph-contract 5)."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import LicensingError, TransportError
from .client import Answer, GraphClient, Request, is_unknown

SIZE = 20


def send_all(client: GraphClient, version: str, requests: Sequence[Request], in_order: bool = False) -> list[Answer]:
    """The answers to requests, in their order; no error is raised for an item.

    in_order chains them: one starts when the one before it has succeeded, else it is answered 424.
    A single request goes without a batch.
    """
    if len(requests) == 1:
        return [client.send(version, requests[0])]
    answers: list[Answer] = []
    for start in range(0, len(requests), SIZE):
        if in_order and answers and not answers[-1].is_ok:
            answers += [Answer(424) for dummy in requests[start:]]
            break
        end = start + SIZE
        answers += _Batch(client, version, requests[start:end], in_order).run()
    return answers


class _Batch:
    """Up to twenty requests on their way."""

    def __init__(self, client: GraphClient, version: str, requests: Sequence[Request], in_order: bool) -> None:
        self._client, self._version, self._requests, self._in_order = client, version, requests, in_order
        self._patience = [client.patience() for dummy in requests]
        self._answers: dict[int, Answer] = {}
        self._may_renew = True

    def run(self) -> list[Answer]:
        """Sends what is open until every item has an answer that stands."""
        open_items = list(range(len(self._requests)))
        while open_items:
            waits = self._waits(open_items) if self._send(open_items) else {}
            open_items = self._with_followers(sorted(waits), open_items)
            for index in waits:
                self._patience[index].spend(max(waits.values()))
            if waits:
                self._client.pause(max(waits.values()))
        return [self._answers[index] for index in range(len(self._requests))]

    def _send(self, items: list[int]) -> bool:
        """Sends items and keeps their answers. False when the call as a whole failed, which was tried often enough."""
        body = {"requests": [self._item(index, previous) for index, previous in zip(items, [None, *items])]}
        can_repeat = all(self._requests[index].can_repeat for index in items)
        try:
            outer = self._client.send(self._version, Request("POST", "/$batch", body, can_repeat=can_repeat))
        except LicensingError as error:
            if not self._answers:
                raise
            self._answers.update({index: Answer(0, fault=error) for index in items})  # what was answered before is not forgotten
            return False
        was_lost = {index: index in self._answers and self._answers[index].was_lost for index in items}
        self._answers.update(self._answers_of(outer, items))
        for index in items:
            answer = self._answers[index]
            answer.asked = (self._requests[index].method, self._requests[index].path)
            answer.was_lost = was_lost[index] or outer.was_lost or is_unknown(answer)
        return outer.is_ok

    def _item(self, index: int, previous: int | None) -> dict:
        request = self._requests[index]
        item: dict = {"id": str(index), "method": request.method, "url": request.path}
        if request.headers:
            item["headers"] = dict(request.headers)
        if request.body is not None:
            item.update(headers={**item.get("headers", {}), "Content-Type": "application/json"}, body=request.body)
        if self._in_order and previous is not None:
            item["dependsOn"] = [str(previous)]
        return item

    def _answers_of(self, outer: Answer, items: list[int]) -> dict[int, Answer]:
        if not outer.is_ok:
            return {index: Answer(outer.status, outer.body, outer.headers, fault=outer.fault) for index in items}
        rows = outer.body.get("responses")
        responses = {str(row.get("id")): row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict)}
        answers = {}
        for index in items:
            response = responses.get(str(index))
            if response is None:
                answers[index] = Answer(0, fault=TransportError("Graph left a request of a batch unanswered"))
            else:
                body = response.get("body")
                headers = response.get("headers")
                answers[index] = Answer(_status(response), body if isinstance(body, dict) else {}, dict(headers) if isinstance(headers, dict) else {})
                self._explain(answers[index])
        return answers

    def _explain(self, answer: Answer) -> None:
        if answer.status == 0:
            answer.fault = TransportError("Graph answered a request of a batch without a status")
        elif answer.status == 401:
            answer.fault = self._client.unaccepted(answer)

    def _waits(self, items: list[int]) -> dict[int, float]:
        """Seconds to wait for each item that is to be sent again."""
        waits = {}
        refused = [index for index in items if self._answers[index].status == 401]
        if refused and self._may_renew:
            self._may_renew = False
            if self._client.renew(self._answers[refused[0]]):
                return dict.fromkeys(refused, 0.0)
        for index in items:
            answer = self._answers[index]
            seconds = self._patience[index].next_delay(self._requests[index], answer)
            if seconds is not None:
                waits[index] = seconds
        return waits

    def _with_followers(self, again: list[int], items: list[int]) -> list[int]:
        """What is sent again, with the items that could not start because of it."""
        if not self._in_order or not again:
            return again
        return [index for index in items if index >= again[0] and not self._answers[index].is_ok]


def _status(response: dict) -> int:
    status = response.get("status")
    return status if isinstance(status, int) else int(status) if isinstance(status, str) and status.isdigit() else 0
