# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to Graph that come back answered: tokens renewed, throttling waited out, lost connections tried again."""

from __future__ import annotations

import base64
import binascii
import json
import random
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .._errors import AuthenticationError, GraphError, InterruptedRunError, LicensingError, TransportError
from . import retry
from .flow import Flow
from .transport import LostConnectionError, Transport


@dataclass(frozen=True, slots=True)
class Request:
    """One request below a version of Graph.

    can_repeat: sending it again after a lost answer does no harm.
    lag_code: what a 400 holds, blanks aside, while the service does not know yet what this run has just written.
    headers: sent beside those of every request.
    """

    method: str
    path: str
    body: dict | None = None
    can_repeat: bool = True
    lag_code: str | None = None
    headers: dict[str, str] | None = None


@dataclass
class Answer:
    """What came back for a request. was_lost: an earlier or this attempt may have been done without an answer.

    status is 0 when no answer came at all, and C(fault) then says why. asked is the method and the path of the request.
    """

    status: int
    body: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    was_lost: bool = False
    fault: LicensingError | None = None
    asked: tuple[str, str] = ("", "")

    @property
    def is_ok(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300

    @property
    def error_text(self) -> str:
        """Codes and message of an error, for matching (graph-contract 4.1)."""
        error = _error_of(self.body)
        return f"{error.get('code', '')} {_inner_of(error).get('code', '')} {error.get('message', '')}"

    @property
    def request_id(self) -> str | None:
        """Graph's id of the request, where the answer says it."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        return _inner_of(_error_of(self.body)).get("request-id") or headers.get("request-id")

    def error(self) -> LicensingError:
        """The error that this answer stands for."""
        if self.fault is not None:
            return self.fault
        error = _error_of(self.body)
        inner = _inner_of(error)
        code = str(inner.get("code") or error.get("code") or "without a code")
        message = str(error.get("message") or "")
        return GraphError(self.status, code, message, self.request_id, retry.is_retriable(self.status, self.error_text), self.asked)

    def checked(self) -> dict:
        """The body, or the error is raised."""
        if not self.is_ok:
            raise self.error()
        return self.body


class Patience:
    """How long one request may wait altogether, in seconds, and how often it was tried."""

    def __init__(self, max_wait: float) -> None:
        self._left, self._lag_left = max_wait, min(max_wait, retry.LAG_LIMIT)
        self._attempts = 0

    def next_delay(self, request: Request, answer: Answer) -> float | None:
        """Seconds to wait before the request is sent again, or None when its answer stands."""
        self._attempts += 1
        headers = {name.lower(): value for name, value in answer.headers.items()}
        seconds = retry.delay(self._attempts, retry.number(headers.get("retry-after")), random.random)
        if is_lagging(request, answer):
            return seconds if seconds <= self._lag_left else None
        may_repeat = retry.is_throttled(answer.status, answer.error_text) or (is_unknown(answer) and request.can_repeat)
        if was_never_sent(answer):
            may_repeat = self._attempts < retry.CONNECT_ATTEMPTS
        return seconds if may_repeat and seconds <= self._left else None

    def spend(self, seconds: float) -> None:
        """Takes a wait off what is left."""
        self._left -= seconds
        self._lag_left -= seconds


def is_lagging(request: Request, answer: Answer) -> bool:
    """Whether the refusal may only mean that the service has not seen this run's own write yet."""
    return answer.status == 400 and request.lag_code is not None and request.lag_code in answer.error_text.lower().replace(" ", "")


def was_never_sent(answer: Answer) -> bool:
    """Whether not even a connection was made."""
    return isinstance(answer.fault, LostConnectionError) and not answer.fault.was_sent


def is_unknown(answer: Answer) -> bool:
    """Whether the request may have been done although no answer says so."""
    return retry.is_lost(answer.status) or (isinstance(answer.fault, LostConnectionError) and answer.fault.was_sent)


class GraphClient:
    """A client of one tenant, for any number of threads. max_wait bounds what one request waits for throttling and retries, in seconds."""

    def __init__(self, transport: Transport, tokens: Any, graph_url: str, max_wait: float, flow: Flow | None = None) -> None:
        self._transport, self._tokens, self.graph_url, self.max_wait = transport, tokens, graph_url, max_wait
        self.flow = flow or Flow()
        self._token_lock = threading.Lock()

    def pause(self, seconds: float) -> None:
        """Waits, for the service to be ready or a write to show."""
        self.flow.rest(seconds)

    def may_pause(self, seconds: float) -> bool:
        """Waits, if the run goes on. False when it was interrupted: then the last answer stands."""
        try:
            self.flow.rest(seconds)
        except InterruptedRunError:
            return False
        return True

    def patience(self) -> Patience:
        """A fresh allowance for one request."""
        return Patience(self.max_wait)

    def send(self, version: str, request: Request) -> Answer:
        """The answer to a request, sent again as long as that may help."""
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
        """The rows of a list, page after page, each asked for when it is needed. Raises TransportError for a nextLink to another host."""
        return self.rows(version, self.get(version, path, headers), headers)

    def rows(self, version: str, first: dict, headers: dict[str, str] | None = None) -> Iterator[dict]:
        """The rows of a list of which the first page is there."""
        for page in self._pages_from(first, headers):
            yield from page

    def whole_pages(self, version: str, path: str) -> Iterator[list[dict]]:
        """The rows of a list, a page at a time, each asked for when it is needed."""
        return self._pages_from(self.get(version, path), None)

    def _pages_from(self, first: dict, headers: dict[str, str] | None) -> Iterator[list[dict]]:
        page = first
        while True:
            yield page.get("value") or []
            link = page.get("@odata.nextLink")
            if not link:
                return
            page = self.get("", self._below_graph(link), headers)

    def _below_graph(self, link: str) -> str:
        """A nextLink as a path, if it stays on Graph's host: the token goes nowhere else."""
        ours, theirs = urlsplit(self.graph_url), urlsplit(link)
        is_ours = (theirs.scheme, theirs.netloc.lower()) == (ours.scheme, ours.netloc.lower()) and theirs.path.startswith(ours.path + "/")
        if not is_ours:
            raise TransportError(f"a page of results points at {theirs.scheme}://{theirs.netloc}, not at {self.graph_url}: it is not followed")
        return theirs.path.removeprefix(ours.path) + (f"?{theirs.query}" if theirs.query else "")

    def _send_once(self, version: str, request: Request) -> Answer:
        url = f"{self.graph_url}{'/' if version else ''}{version}{request.path}"
        options: dict[str, Any] = {} if request.body is None else {"json": request.body}
        if request.headers:
            options["headers"] = request.headers
        try:
            with self.flow.sending(*_cost_of(request)):
                response = self._transport.send(request.method, url, token=self._token(), **options)
                if response.status_code == 401 and self.renew(Answer(401, headers=dict(response.headers))):
                    response = self._transport.send(request.method, url, token=self._token(), **options)
        except LostConnectionError as fault:
            return Answer(0, fault=fault)
        answer = Answer(response.status_code, _json_of(response), dict(response.headers))
        if answer.status == 401:
            raise self.unaccepted(answer)
        self.flow.learn(_parts_of(request, answer))
        return answer

    def _token(self) -> str:
        with self._token_lock:
            return self._tokens.token()

    def renew(self, answer: Answer) -> bool:
        """Gets another token after a 401, with the claims that it asks for; False when there is none to be had."""
        headers = {name.lower(): value for name, value in answer.headers.items()}
        with self._token_lock:
            return self._tokens.renew(claims_of(headers.get("www-authenticate")))

    def unaccepted(self, answer: Answer) -> AuthenticationError:
        """What a 401 means for the user."""
        reason = str(_error_of(answer.body).get("message") or "no reason given").rstrip(".")
        return AuthenticationError(f"Graph does not accept the token: {reason}. {self._tokens.remedy}", 401, answer.request_id, self._tokens.remedy)


def _items_of(request: Request) -> list[dict]:
    """The items of a batch."""
    return (request.body or {}).get("requests", []) if request.path == "/$batch" else []


def _cost_of(request: Request) -> tuple[int, float]:
    """Writes and resource units of a request (graph-contract 6), each item of a batch for itself."""
    methods = [item["method"] for item in _items_of(request)] or [request.method]
    return sum(method != "GET" for method in methods), float(len(methods))


def _parts_of(request: Request, answer: Answer) -> list[tuple[bool, int, dict]]:
    """What is to be learned from: the answer, and each item of a batch; whether it was a write, its status, and its headers."""
    is_write = {str(item["id"]): item["method"] != "GET" for item in _items_of(request)}
    rows = answer.body.get("responses") if is_write else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    items = [(is_write.get(str(row.get("id")), False), status_of(row), row["headers"] if isinstance(row.get("headers"), dict) else {}) for row in rows]
    return [(request.method != "GET" and not is_write, answer.status, answer.headers), *items]


def status_of(row: dict) -> int:
    """The status of an item of a batch, 0 where it has none."""
    status = row.get("status")
    return int(status) if isinstance(status, int) or (isinstance(status, str) and status.isdigit()) else 0


def claims_of(challenge: str | None) -> str | None:
    """The claims of a continuous access evaluation challenge, decoded (graph-contract E20)."""
    found = re.search(r'claims="([^"]+)"', challenge or "")
    if found is None:
        return None
    encoded = found.group(1)
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _json_of(response: Any) -> dict:
    if not response.content:
        return {}
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if response.status_code < 400:
        address = response.url.split("?", maxsplit=1)[0]
        raise TransportError(f"{address} answered {response.status_code} with something that is not JSON; check graph_url and proxies")
    return {}


def _error_of(body: dict) -> dict:
    error = body.get("error")
    return error if isinstance(error, dict) else {}


def _inner_of(error: dict) -> dict:
    inner = error.get("innerError") or error.get("innererror")
    return inner if isinstance(inner, dict) else {}
