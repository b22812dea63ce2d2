# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of Graph that renews tokens, waits out throttling, and retries after lost connections."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .._errors import AuthenticationError, GraphError, InterruptedRunError, TransportError
from . import retry
from .answers import Answer, Request, body_of, claims_of, error_of, headers_of, is_lagging, is_unknown, rows_of, status_of, was_never_sent
from .flow import Flow
from .transport import DamagedAnswerError, LostConnectionError, Transport

_EMPTY_PAGES = 100  # in a row; with more, the list has no end
_BROKEN_OFF = frozenset((400, 403, 404, 410))  # of a later page: its link has expired, or what it lists was deleted


class Patience:
    """The seconds that one request may still wait, and the number of its attempts."""

    def __init__(self, max_wait: float) -> None:
        self._left, self._lag_left = max_wait, min(max_wait, retry.LAG_LIMIT)
        self._attempts = 0

    def next_delay(self, request: Request, answer: Answer) -> float | None:
        """Return the seconds to wait before the request is sent again, or None when its answer is final."""
        self._attempts += 1
        seconds = retry.delay(self._attempts, retry.retry_after(answer.headers, time.time()), random.random)
        if is_lagging(request, answer):
            return seconds if seconds <= self._lag_left else None
        may_repeat = retry.is_throttled(answer.status, answer.error_text) or (is_unknown(answer) and request.can_repeat)
        if was_never_sent(answer):
            may_repeat = self._attempts < retry.CONNECT_ATTEMPTS
        if isinstance(answer.fault, DamagedAnswerError):
            may_repeat = may_repeat and self._attempts < retry.CONNECT_ATTEMPTS
        return seconds if may_repeat and seconds <= self._left else None

    def spend(self, seconds: float) -> None:
        """Subtract a wait from what is left."""
        self._left -= seconds
        self._lag_left -= seconds


class GraphClient:
    """A client of one tenant, for any number of threads. max_wait bounds what one request waits for throttling and retries, in seconds."""

    def __init__(self, transport: Transport, tokens: Any, graph_url: str, max_wait: float, flow: Flow | None = None) -> None:
        self._transport, self._tokens, self.graph_url, self.max_wait = transport, tokens, graph_url, max_wait
        self.flow = flow or Flow()
        self._token_lock = threading.Lock()
        self._renewals = 0

    def pause(self, seconds: float) -> None:
        """Wait for the service to be ready, or for a write to show."""
        self.flow.rest(seconds)

    def may_pause(self, seconds: float) -> bool:
        """Wait. Return False when the run was interrupted: then the last answer is final."""
        try:
            self.flow.rest(seconds)
        except InterruptedRunError:
            return False
        return True

    def patience(self) -> Patience:
        """A fresh allowance for one request."""
        return Patience(self.max_wait)

    def send(self, version: str, request: Request) -> Answer:
        """Send a request, again as long as that may help, and return its answer."""
        patience, was_lost = self.patience(), False
        while True:
            answer = self._send_once(version, request)
            answer.asked = (request.method, request.path)
            was_lost = was_lost or is_unknown(answer)
            answer.was_lost = was_lost
            seconds = patience.next_delay(request, answer)
            if seconds is None:
                return answer
            patience.spend(seconds)
            if not self.may_pause(seconds):
                return answer

    def get(self, version: str, path: str, headers: dict[str, str] | None = None) -> dict:
        """The body of a read."""
        return self.send(version, Request("GET", path, headers=headers)).checked()

    def pages(self, version: str, path: str, headers: dict[str, str] | None = None) -> Iterator[dict]:
        """The rows of a list, whose pages are requested when they are needed. Raises TransportError for a nextLink to another host."""
        return self.rows(version, self.get(version, path, headers), headers)

    def rows(self, version: str, first: dict, headers: dict[str, str] | None = None) -> Iterator[dict]:
        """The rows of a list whose first page was read. A row on two pages, as the list changes while it is read, is yielded once."""
        seen: set[str] = set()
        for page in self._pages_from(first, headers):
            for row in page:
                key = row.get("id")
                if not isinstance(key, str) or key not in seen:
                    seen.update([key] if isinstance(key, str) else ())
                    yield row

    def whole_pages(self, version: str, path: str) -> Iterator[list[dict]]:
        """The rows of a list by page; each page is requested when it is needed."""
        return self._pages_from(self.get(version, path), None)

    def _pages_from(self, first: dict, headers: dict[str, str] | None) -> Iterator[list[dict]]:
        """The rows of each page. Raises TransportError for a list that has no end, or breaks off in the middle."""
        page, seen, empty, number = first, set(), 0, 1
        while True:
            rows = rows_of(page)
            yield rows
            link = page.get("@odata.nextLink")
            if link in (None, ""):
                return
            empty, path = 0 if rows else empty + 1, self._below_graph(link)
            if path in seen or empty > _EMPTY_PAGES:
                said = "a nextLink repeats itself, or all pages are empty"
                raise TransportError(f"Graph's list of results has no end: {said}; try again later", retriable=True)
            seen.add(path)
            number += 1
            try:
                page = self.get("", path, headers)
            except GraphError as error:
                if error.status not in _BROKEN_OFF:
                    raise
                raise TransportError(f"a list broke off at page {number}: {error.message}; run the task again", retriable=True) from None

    def _below_graph(self, link: Any) -> str:
        """Return a nextLink as a path, if it is on Graph's host: the token is sent to no other host."""
        ours = urlsplit(self.graph_url)
        try:
            theirs = urlsplit(link if isinstance(link, str) else "http://[")  # this is not an address
            is_ours = (theirs.scheme, theirs.netloc.lower()) == (ours.scheme, ours.netloc.lower()) and theirs.path.startswith(ours.path + "/")
        except ValueError:
            raise TransportError(f"the link to the next page of results is {link!r}, which is not an address: it is not followed") from None
        if not is_ours:
            raise TransportError(f"the link to the next page points at {theirs.scheme}://{theirs.netloc}, not at {self.graph_url}: it is not followed")
        return theirs.path.removeprefix(ours.path) + (f"?{theirs.query}" if theirs.query else "")

    def _send_once(self, version: str, request: Request) -> Answer:
        url = f"{self.graph_url}{'/' if version else ''}{version}{request.path}"
        options: dict[str, Any] = {} if request.body is None else {"json": request.body}
        if request.headers:
            options["headers"] = request.headers
        renewals = self._renewals
        try:
            with self.flow.sending(*_cost_of(request)):
                response = self._transport.send(request.method, url, token=self._token(), **options)
                if response.status_code == 401 and self.renew(Answer(401, headers=dict(response.headers), renewals=renewals)):
                    renewals = self._renewals
                    response = self._transport.send(request.method, url, token=self._token(), **options)
            answer = Answer(response.status_code, body_of(request.method, response), dict(response.headers), renewals=renewals)
        except LostConnectionError as fault:
            return Answer(0, fault=fault, renewals=renewals)
        if answer.status == 401:
            raise self.unaccepted(answer)
        self.flow.learn(_parts_of(request, answer))
        return answer

    def _token(self) -> str:
        with self._token_lock:
            return self._tokens.token()

    def renew(self, answer: Answer) -> bool:
        """Get another token after a 401, with the claims that it asks for. Return False when there is no other token.

        A token that another thread has renewed since the request was sent is not renewed again. Raises LicensingError as the source of tokens does.
        """
        headers = {name.lower(): value for name, value in answer.headers.items()}
        with self._token_lock:
            if answer.renewals == self._renewals:
                if not self._tokens.renew(claims_of(headers.get("www-authenticate"))):
                    return False
                self._renewals += 1
            return True

    def unaccepted(self, answer: Answer) -> AuthenticationError:
        """Return the error of a 401."""
        reason = str(error_of(answer.body).get("message") or "no reason given").rstrip(".")
        return AuthenticationError(f"Graph does not accept the token: {reason}", 401, answer.request_id, self._tokens.remedy)


def _items_of(request: Request) -> list[dict]:
    """The items of a batch."""
    return (request.body or {}).get("requests", []) if request.path == "/$batch" else []


def _cost_of(request: Request) -> tuple[int, float]:
    """Writes and resource units of a request (graph-contract 6); each item of a batch counts on its own."""
    methods = [item["method"] for item in _items_of(request)] or [request.method]
    return sum(method != "GET" for method in methods), float(len(methods))


def _parts_of(request: Request, answer: Answer) -> list[tuple[bool, int, dict]]:
    """Return what the pace is adjusted to: of the answer and each item of a batch, whether it was a write, its status, and its headers."""
    is_write = {str(item["id"]): item["method"] != "GET" for item in _items_of(request)}
    rows = answer.body.get("responses") if is_write else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    items = [(is_write.get(str(row.get("id")), False), status_of(row), headers_of(row)) for row in rows]
    return [(request.method != "GET" and not is_write, answer.status, answer.headers), *items]
