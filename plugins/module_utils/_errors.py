# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems as values, and the exceptions of the collection: any other exception that escapes a module is a bug."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace

if sys.version_info < (3, 10):  # here, as every module loads this file before one that such a Python cannot load
    needs = "m365.licensing needs Python 3.10 or later where its modules run, and this is Python {}.{}: set ansible_python_interpreter to a later one"
    sys.stdout.write(json.dumps({"failed": True, "msg": needs.format(*sys.version_info[:2])}) + "\n")
    raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with an option, a prediction or an answer of Graph, and its remedy.

    code is what a playbook can branch on. severity is C(error) or C(warning). where is the path of the option, who the principal, if any.
    words is the text of Graph; status, request_id and retriable belong to its answer. group_ids are the groups that the text names by id.
    """

    cause: str
    remedy: str | None = None
    code: str | None = None
    severity: str = "error"
    where: str = ""
    who: str = ""
    words: str = ""
    status: int | None = None
    request_id: str | None = None
    retriable: bool = False
    group_ids: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether it is an error, because of which nothing is sent."""
        return self.severity == "error"

    @property
    def message(self) -> str:
        """The one text of all parts: where, cause, remedy, and the words of Graph."""
        text = f"{self.where}: {self.cause}" if self.where else self.cause
        text = f"{text.rstrip('.')}: {self.remedy}" if self.remedy else text
        text += f". {self.words}" if self.words else ""
        return text + (f" (request-id {self.request_id})" if self.request_id else "")

    def as_failure(self) -> dict:
        """The machine-readable side, for the C(failure) return value."""
        return {"code": self.code, "status": self.status, "request_id": self.request_id, "retriable": self.retriable, "remedy": self.remedy}


def first_of(texts: list[str], most: int, separator: str = ", ", last: str = " and ") -> str:
    """The first few of some texts, and how many more there are."""
    more = len(texts) - most
    return separator.join(texts[:most]) + (f"{last}{more} more" if more > 0 else "")


def errors_of(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Return the problems that are errors: nothing is sent because of them."""
    return tuple(problem for problem in problems if problem.is_error)


class LicensingError(Exception):
    """The base class: one problem or several of one kind. A text is a problem without a code."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(one) if isinstance(one, str) else one for one in problems)
        super().__init__(self.message)

    @property
    def problem(self) -> Problem:
        """The first problem, which represents all where only one can be returned."""
        return self.problems[0]

    @property
    def message(self) -> str:
        """What is wrong and what to do about it."""
        return "; ".join(problem.message for problem in self.problems)

    def means(self, cause: str, remedy: str | None, code: str | None = None) -> None:
        """Set what the error means; its former cause is kept in words."""
        problem = self.problem
        self.problems = (replace(problem, cause=cause, remedy=remedy, code=code or problem.code, words=problem.words or problem.cause),)

    def at(self, where: str) -> LicensingError:
        """Return the same error, with the option or object that it is about."""
        self.problems = tuple(replace(problem, where=where) for problem in self.problems)
        return self


class OptionError(LicensingError):
    """An option has an invalid value; nothing was sent because of it."""


class PredictedError(LicensingError):
    """Graph would reject it, or the task itself forbids it: nothing was sent."""


class AuthenticationError(LicensingError):
    """There is no token, or Graph does not accept it: status and request_id are of Graph's answer."""

    def __init__(self, cause: str, status: int | None = None, request_id: str | None = None, remedy: str | None = None) -> None:
        super().__init__(Problem(cause, remedy, "not_authenticated", status=status, request_id=request_id))


class UnavailableError(LicensingError):
    """This tenant, or its cloud, does not have the API."""


class MissingLibraryError(LicensingError):
    """A Python library that is needed is not installed."""

    def __init__(self, library: str, message: str) -> None:
        super().__init__(message)
        self.library = library


class TransportError(LicensingError):
    """The service did not answer, or not in a form that can be used."""

    code: str | None = None

    def __init__(self, message: str, retriable: bool = False) -> None:
        super().__init__(Problem(message, code=self.code, retriable=retriable))


class SignInUnavailableError(TransportError):
    """The sign-in service cannot be reached, or is busy: the credential may be valid."""

    code = "sign_in_unavailable"

    def __init__(self, message: str) -> None:
        super().__init__(message, retriable=True)


class InterruptedRunError(TransportError):
    """The run was ended before the request was sent."""

    def __init__(self) -> None:
        super().__init__("interrupted before it was sent", retriable=True)


class WaitTimeoutError(LicensingError):
    """The change was accepted, but does not show in reads within C(wait_timeout)."""

    def __init__(self, cause: str) -> None:
        super().__init__(Problem(cause, "the change itself is done; look again later, or increase wait_timeout", "wait_timeout", retriable=True))


class GraphError(LicensingError):
    """Graph answered with an error.

    C(code) is the most specific code of the answer (graph-contract 4.1, 4.5). C(asked) is the method and the path of the request,
    the path from below the version of Graph. C(object_facts) are facts about the written object that explain the answer.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str | None, retriable: bool = False, asked: tuple[str, str] = ("", "")) -> None:
        self.status, self.code, self.text, self.asked = status, code, message.strip() or "no message", asked
        self.object_facts: frozenset[str] = frozenset()
        super().__init__(Problem(f"Graph answered {status} {code}: {self.text}", code=code, status=status, request_id=request_id, retriable=retriable))


def is_closed(error: LicensingError) -> bool:
    """Whether something cannot be read here at all: the API, the license for it or the permission is missing. Everything else is a fault."""
    return isinstance(error, UnavailableError) or (isinstance(error, GraphError) and error.status in (400, 403, 404))
