# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems as results: with names next to ids, and what an error of Graph means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..._errors import GraphError, LicensingError, Problem
from ..catalog import Catalog
from ..tables.graph_errors import explain
from .text import with_names


def explained(error: LicensingError, catalog: Catalog, are_others_written: bool = False) -> tuple[Problem, ...]:
    """What an error means: cause, remedy and Graph's own words, with names next to the ids in them.

    are_others_written says that the same write to other objects succeeded.
    """
    if isinstance(error, GraphError):
        meaning = explain(error.status, error.code, error.text, *error.asked, error.object_facts, are_others_written)
        if meaning is not None:
            problem = error.problem
            error.means(problem.cause if problem.remedy else meaning.cause, problem.remedy or meaning.remedy, meaning.code)
    return tuple(replace(one, cause=with_names(one.cause, catalog), words=with_names(one.words, catalog)) for one in error.problems)


def merged(problems: Iterable[Problem]) -> list[Problem]:
    """The problems, each once, with those of one remedy as one: the remedy is shown once."""
    kinds: dict[tuple, list[Problem]] = {}
    for one in problems:
        key = (one.code, one.remedy, one.severity) if one.remedy and one.code and not (one.words or one.request_id) else (id(one),)
        known = kinds.setdefault(key, [])
        known += [one] if one not in known else []
    causes = {key: [some[0].cause, *(replace(one, remedy=None).message for one in some[1:])] for key, some in kinds.items()}
    return [replace(some[0], cause="; ".join(causes[key])) for key, some in kinds.items()]


def failure_of(problems: Sequence[Problem]) -> dict:
    """How problems are returned: C(msg) has all of them, C(failure) the first."""
    return {"msg": "; ".join(problem.message for problem in merged(problems)), "failure": problems[0].as_failure()}


def finding_rows(findings: Sequence[Problem]) -> list[dict]:
    """The findings as results."""
    return [{"code": found.code, "severity": found.severity, "message": found.message, "remedy": found.remedy} for found in findings]
