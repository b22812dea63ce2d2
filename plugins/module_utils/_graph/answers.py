# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to Graph and their answers, validated: an answer of another form is an error, never an empty one."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any

from .._errors import GraphError, LicensingError, TransportError
from . import retry
from .transport import DamagedAnswerError, LostConnectionError


@dataclass(frozen=True, slots=True)
class Request:
    """One request below a version of Graph.

    can_repeat: sending it again after a lost answer does no harm.
    lag_code: text of a 400, without blanks, while the service has not seen yet what this run has just written.
    headers: sent in addition to those of every request.
    """

    method: str
    path: str
    body: dict | None = None
    can_repeat: bool = True
    lag_code: str | None = None
    headers: dict[str, str] | None = None


@dataclass
class Answer:
    """The answer to a request. was_lost: this or an earlier attempt may have been carried out without an answer.

    status is 0 when there was no answer, and C(fault) then says why. asked is the method and the path of the request.
    renewals is how often the token had been renewed when the request was sent.
    """

    status: int
    body: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    was_lost: bool = False
    fault: LicensingError | None = None
    asked: tuple[str, str] = ("", "")
    renewals: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300

    @property
    def error_text(self) -> str:
        """Codes and message of an error, for matching (graph-contract 4.1)."""
        error = error_of(self.body)
        return f"{error.get('code', '')} {_inner_of(error).get('code', '')} {error.get('message', '')}"

    @property
    def request_id(self) -> str | None:
        """Graph's id of the request, where the answer says it."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = _inner_of(error_of(self.body)).get("request-id") or headers.get("request-id")
        return said if isinstance(said, str) else None

    def error(self) -> LicensingError:
        """Return the error that this answer means."""
        if self.fault is not None:
            return self.fault
        error = error_of(self.body)
        inner = _inner_of(error)
        code = str(inner.get("code") or error.get("code") or "without a code")
        message = str(error.get("message") or "")
        return GraphError(self.status, code, message, self.request_id, retry.is_retriable(self.status, self.error_text), self.asked)

    def checked(self) -> dict:
        """Return the body, or raise the error of the answer."""
        if not self.is_ok:
            raise self.error()
        return self.body


def is_lagging(request: Request, answer: Answer) -> bool:
    """Whether the rejection may only mean that the service has not seen this run's own write yet."""
    return answer.status == 400 and request.lag_code is not None and request.lag_code in answer.error_text.lower().replace(" ", "")


def was_never_sent(answer: Answer) -> bool:
    """Whether no connection was made."""
    return isinstance(answer.fault, LostConnectionError) and not answer.fault.was_sent


def is_unknown(answer: Answer) -> bool:
    """Whether the request may have been carried out without an answer that says so."""
    return retry.is_lost(answer.status) or (isinstance(answer.fault, LostConnectionError) and answer.fault.was_sent)


def status_of(row: dict) -> int:
    """The status of an item of a batch, 0 where it has none."""
    status = str(row.get("status"))
    return int(status) if re.fullmatch("[1-5][0-9][0-9]", status) else 0


def headers_of(row: dict) -> dict[str, str]:
    """The headers of an item of a batch, as texts."""
    headers = row.get("headers")
    return {name: str(value) for name, value in headers.items() if isinstance(value, (str, int, float))} if isinstance(headers, dict) else {}


def rows_of(page: dict) -> list[dict]:
    """Return the rows of a page. Raises TransportError for an answer that is not a list: it must not be taken for an empty one."""
    rows = page.get("value")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TransportError("Graph answered a request for a list in a form that cannot be used: it has no list of rows")
    return rows


def claims_of(challenge: str | None) -> str | None:
    """The claims of a continuous access evaluation challenge, decoded (graph-contract E20)."""
    found = re.search(r'claims="([^"]+)"', challenge or "")
    if found is None:
        return None
    encoded = found.group(1)
    try:
        claims = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        return claims if isinstance(json.loads(claims), dict) else None
    except (binascii.Error, ValueError, RecursionError):
        return None


def body_of(method: str, response: Any) -> dict:
    """The body of an answer. Raises DamagedAnswerError for one that must have content and cannot be read."""
    is_error = response.status_code >= 400
    if not response.content and (is_error or method != "GET"):
        return {}
    try:
        body = json.loads(response.content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return body
    if is_error:
        return {}
    address = response.url.split("?", maxsplit=1)[0]
    raise DamagedAnswerError(f"{address} answered {response.status_code} with something that is not JSON; check graph_url and proxies")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def error_of(body: dict) -> dict:
    error = body.get("error")
    return error if isinstance(error, dict) else {}


def _inner_of(error: dict) -> dict:
    inner = error.get("innerError") or error.get("innererror")
    return inner if isinstance(inner, dict) else {}
