# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error family of the collection: everything else that escapes a module is a bug."""

from __future__ import annotations

import json
import sys

if sys.version_info < (3, 10):  # here, as every module loads this file before one that such a Python cannot load
    needs = "m365.licensing needs Python 3.10 or later where its modules run, and this is Python {}.{}: set ansible_python_interpreter to a later one"
    sys.stdout.write(json.dumps({"failed": True, "msg": needs.format(*sys.version_info[:2])}) + "\n")
    raise SystemExit(1)


class LicensingError(Exception):
    """The base of the family. C(message) says what is wrong and what to do about it, C(remedy) only the latter, where it is known apart."""

    remedy: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def as_failure(self) -> dict:
        """The machine-readable side of the error, for the C(failure) return value."""
        return {"code": None, "status": None, "request_id": None, "retriable": False, "remedy": self.remedy}


class OptionError(LicensingError):
    """An option's value cannot be used; nothing was sent because of it."""


class RefusedError(LicensingError):
    """What a finding forbids: C(code) is that of the finding."""

    def __init__(self, code: str, message: str, remedy: str | None) -> None:
        super().__init__(message)
        self.code, self.remedy = code, remedy

    def as_failure(self) -> dict:
        return {**super().as_failure(), "code": self.code}


class AuthenticationError(LicensingError):
    """No token could be had, or Graph does not accept it: then there are a status and a request id."""

    def __init__(self, message: str, status: int | None = None, request_id: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message + (f" (request-id {request_id})" if request_id else ""))
        self.status, self.request_id, self.remedy = status, request_id, remedy

    def as_failure(self) -> dict:
        return {**super().as_failure(), "code": "not_authenticated", "status": self.status, "request_id": self.request_id}


class UnavailableError(LicensingError):
    """This tenant, or its cloud, does not have the API."""


class MissingLibraryError(LicensingError):
    """A Python library that is needed is not installed."""

    def __init__(self, library: str, message: str) -> None:
        super().__init__(message)
        self.library = library


class TransportError(LicensingError):
    """The service did not answer, or not in a form that can be used."""

    def __init__(self, message: str, retriable: bool = False) -> None:
        super().__init__(message)
        self.retriable = retriable

    def as_failure(self) -> dict:
        return {**super().as_failure(), "retriable": self.retriable}


class SignInUnavailableError(TransportError):
    """The sign-in service cannot be reached, or is busy: that says nothing of the credential."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retriable=True)

    def as_failure(self) -> dict:
        return {**super().as_failure(), "code": "sign_in_unavailable"}


class InterruptedRunError(TransportError):
    """The run was ended before the request was sent."""

    def __init__(self) -> None:
        super().__init__("interrupted before it was sent", retriable=True)


class WaitTimeoutError(LicensingError):
    """The change was accepted, but does not show in reads within C(wait_timeout)."""

    remedy = "the change itself is done: look later, or wait longer with wait_timeout"

    def as_failure(self) -> dict:
        return {**super().as_failure(), "code": "wait_timeout", "retriable": True}


class GraphError(LicensingError):
    """Graph answered with an error.

    C(code) is the most specific code of the answer (graph-contract 4.1, 4.5). C(asked) is the method and the path of the request,
    the path from below the version of Graph.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str | None, retriable: bool = False, asked: tuple[str, str] = ("", "")) -> None:
        text = message.strip() or "no message"
        shown = f"Graph answered {status} {code}: {text}" + (f" (request-id {request_id})" if request_id else "")
        super().__init__(shown)
        self.status = status
        self.code = code
        self.text = text
        self.request_id = request_id
        self.retriable = retriable
        self.asked = asked
        self.object_facts: frozenset[str] = frozenset()  # what is known of the object that was written to and explains the answer

    def as_failure(self) -> dict:
        return {**super().as_failure(), "code": self.code, "status": self.status, "request_id": self.request_id, "retriable": self.retriable}


def is_closed(error: LicensingError) -> bool:
    """Whether something cannot be read here at all: the API, the license for it or the permission is missing. Everything else is a fault."""
    return isinstance(error, UnavailableError) or (isinstance(error, GraphError) and error.status in (400, 403, 404))
