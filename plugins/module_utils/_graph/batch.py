# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests in one call of C($batch), each item retried for itself (graph-contract 5)."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors import TransportError
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
        outer = self._client.send(self._version, Request("POST", "/$batch", body, can_repeat=can_repeat))
        was_lost = {index: index in self._answers and self._answers[index].was_lost for index in items}
        self._answers.update(self._answers_of(outer, items))
        for index in items:
            answer = self._answers[index]
            answer.was_lost = was_lost[index] or outer.was_lost or is_unknown(answer)
        return outer.is_ok

    def _item(self, index: int, previous: int | None) -> dict:
        request = self._requests[index]
        item: dict = {"id": str(index), "method": request.method, "url": request.path}
        if request.body is not None:
            item.update(headers={"Content-Type": "application/json"}, body=request.body)
        if self._in_order and previous is not None:
            item["dependsOn"] = [str(previous)]
        return item

    def _answers_of(self, outer: Answer, items: list[int]) -> dict[int, Answer]:
        if not outer.is_ok:
            return {index: Answer(outer.status, outer.body, outer.headers, fault=outer.fault) for index in items}
        responses = {str(response.get("id")): response for response in outer.body.get("responses") or []}
        answers = {}
        for index in items:
            response = responses.get(str(index))
            if response is None:
                answers[index] = Answer(0, fault=TransportError("Graph left a request of a batch unanswered"))
            else:
                body = response.get("body")
                answers[index] = Answer(int(response.get("status", 0)), body if isinstance(body, dict) else {}, dict(response.get("headers") or {}))
        return answers

    def _waits(self, items: list[int]) -> dict[int, float]:
        """Seconds to wait for each item that is to be sent again."""
        waits = {}
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
