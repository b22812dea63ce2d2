# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests in one call of C($batch), each item retried on its own (graph-contract 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from .._errors import LicensingError
from .answers import Answer, Request, headers_of, is_unknown, status_of
from .client import GraphClient
from .transport import DamagedAnswerError

SIZE = 20


def send_all(client: GraphClient, version: str, requests: Sequence[Request]) -> list[Answer]:
    """The answers to requests, in their order; no error is raised for an item. A single request is sent without a batch."""
    if len(requests) == 1:
        return [client.send(version, requests[0])]
    return [answer for part in slices(requests, SIZE) for answer in _Batch(client, version, [[one] for one in part]).run()]


def send_chains(client: GraphClient, version: str, chains: Sequence[Sequence[Request]]) -> list[list[Answer]]:
    """The answers to chains of requests. One is sent when the one before it in its chain has succeeded, else its answer is 424.

    All are sent in one batch as long as they fit into it; a chain that alone is longer is sent in several.
    """
    if len(chains) == 1 and len(chains[0]) != 1:
        return [_long_chain(client, version, chains[0])]
    if len(chains) == 1:
        return [[client.send(version, chains[0][0])]]
    answers = iter(_Batch(client, version, chains).run())
    return [[next(answers) for dummy in chain] for chain in chains]


def _long_chain(client: GraphClient, version: str, chain: Sequence[Request]) -> list[Answer]:
    answers: list[Answer] = []
    for part in slices(chain, SIZE):
        is_open = not answers or answers[-1].is_ok
        try:
            answers += _Batch(client, version, [part]).run() if is_open else [Answer(424) for dummy in part]
        except LicensingError as error:
            if not answers:
                raise
            answers += [Answer(0, fault=error) for dummy in part]  # earlier answers are kept
    return answers


def slices(rows: Iterable, size: int) -> Iterator[list]:
    """Rows in lists of a size, of which the last one may be shorter, read only as they are needed."""
    iterator = iter(rows)
    while part := list(islice(iterator, size)):
        yield part


class _Batch:
    """A batch of up to twenty requests, in chains."""

    def __init__(self, client: GraphClient, version: str, chains: Sequence[Sequence[Request]]) -> None:
        self._client, self._version = client, version
        self._requests = [request for chain in chains for request in chain]
        places = [place for chain in chains for place in range(len(chain))]
        self._before = {index: index - 1 for index, place in enumerate(places) if place > 0}
        self._patience = [client.patience() for dummy in self._requests]
        self._answers: dict[int, Answer] = {}
        self._may_renew = True

    def run(self) -> list[Answer]:
        """Send open items until every item has a final answer."""
        open_items = list(range(len(self._requests)))
        while open_items:
            waits = self._waits(open_items) if self._send(open_items) else {}
            open_items = self._with_followers(sorted(waits), open_items)
            for index in waits:
                self._patience[index].spend(max(waits.values()))
            if waits and not self._client.may_pause(max(waits.values())):
                break  # open items keep their latest answer
        return [self._answers[index] for index in range(len(self._requests))]

    def _send(self, items: list[int]) -> bool:
        """Send items and keep their answers. Return False when the call as a whole failed, which was retried already."""
        body = {"requests": [self._item(index, items) for index in items]}
        can_repeat = all(self._requests[index].can_repeat for index in items)
        try:
            outer = self._client.send(self._version, Request("POST", "/$batch", body, can_repeat=can_repeat))
        except LicensingError as error:
            if not self._answers:
                raise
            self._answers.update({index: Answer(0, fault=error) for index in items})  # earlier answers are kept
            return False
        was_lost = {index: index in self._answers and self._answers[index].was_lost for index in items}
        self._answers.update(self._answers_of(outer, items))
        for index in items:
            answer = self._answers[index]
            answer.asked = (self._requests[index].method, self._requests[index].path)
            answer.renewals = outer.renewals
            answer.was_lost = was_lost[index] or outer.was_lost or is_unknown(answer)
        return outer.is_ok

    def _item(self, index: int, items: list[int]) -> dict:
        request = self._requests[index]
        item: dict = {"id": str(index), "method": request.method, "url": request.path}
        if request.headers:
            item["headers"] = dict(request.headers)
        if request.body is not None:
            item.update(headers={**item.get("headers", {}), "Content-Type": "application/json"}, body=request.body)
        if self._before.get(index) in items:
            item["dependsOn"] = [str(self._before[index])]
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
                answers[index] = Answer(0, fault=DamagedAnswerError("Graph left a request of a batch unanswered"))
            else:
                body = response.get("body")
                answers[index] = Answer(status_of(response), body if isinstance(body, dict) else {}, headers_of(response))
                self._explain(answers[index], self._requests[index].method == "GET" and not isinstance(body, dict))
        return answers

    def _explain(self, answer: Answer, is_bodiless: bool) -> None:
        if answer.status == 0:
            answer.fault = DamagedAnswerError("Graph answered a request of a batch without a status")
        elif answer.is_ok and is_bodiless:
            answer.status, answer.fault = 0, DamagedAnswerError("Graph answered a read in a batch with something that is not JSON; try again later")
        elif answer.status == 401:
            answer.fault = self._client.unaccepted(answer)

    def _waits(self, items: list[int]) -> dict[int, float]:
        """Seconds to wait for each item that is to be sent again."""
        waits = dict.fromkeys(self._renewed(items), 0.0)
        for index in items:
            if index not in waits:
                seconds = self._patience[index].next_delay(self._requests[index], self._answers[index])
                if seconds is not None:
                    waits[index] = seconds
        return waits

    def _renewed(self, items: list[int]) -> list[int]:
        """Return the items that Graph answered 401, if there is another token now. The answers of the others are kept, also without one."""
        refused = [index for index in items if self._answers[index].status == 401]
        if not refused or not self._may_renew:
            return []
        self._may_renew = False
        try:
            return refused if self._client.renew(self._answers[refused[0]]) else []
        except LicensingError as error:
            for index in refused:
                self._answers[index].fault = error
            return []

    def _with_followers(self, again: list[int], items: list[int]) -> list[int]:
        """Return the items that are sent again, with those that could not start because of them."""
        chosen = set(again)
        for index in items:
            if self._before.get(index) in chosen and not self._answers[index].is_ok:
                chosen.add(index)
        return sorted(chosen)
