# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of OData that Graph's licensing answers to: $select, $expand, $filter, $top and pages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .errors import rejection

PAGE = 100
LARGEST_PAGE = 999
LARGEST_SET = 15


@dataclass(frozen=True)
class Shape:
    """An entity type: the properties shown when none are selected, those that must be asked for, and its relations."""

    name: str
    shown: tuple[str, ...]
    asked: tuple[str, ...] = ()
    relations: dict[str, tuple[Callable[[dict], Any], Shape | None]] = field(default_factory=dict)


def project(entity: dict, shape: Shape, query: Mapping[str, str]) -> dict:
    """Return an entity with the properties of $select and $expand."""
    names = _split(query.get("$select", ""))
    for name in names:
        if name not in shape.shown and name not in shape.asked and name not in shape.relations:
            raise rejection("select", property=name, type=f"microsoft.graph.{shape.name}")
    chosen = [name for name in names if name not in shape.relations] or shape.shown
    shown = {name: entity[name] for name in ["@odata.type", *chosen] if name in entity}
    for part in _split(query.get("$expand", "")):
        name, options = _relation(part)
        if name not in shape.relations:
            raise rejection("select", property=name, type=f"microsoft.graph.{shape.name}")
        follow, target = shape.relations[name]
        shown[name] = _expanded(follow(entity), target, options)
    return shown


def page(
    entities: Sequence[Any],
    shape: Shape,
    query: Mapping[str, str],
    url: str,
    context: str,
    is_paged: bool = True,
    size_limit: int | None = None,
    show: Callable[[Any], dict] = dict,
) -> dict:
    """A page of a list, filtered, with a nextLink when there is more. show makes an entity of a row, when it is needed."""
    asked = query.get("$filter")
    matching = filtered([show(row) for row in entities], asked) if asked else entities
    show = dict if asked else show
    start, size = _start(query), min(_top(query), size_limit or LARGEST_PAGE)
    answer: dict[str, Any] = {"@odata.context": context}
    if query.get("$count") == "true" and start == 0:
        answer["@odata.count"] = len(matching)
    end = start + size if is_paged else len(matching)
    answer["value"] = [project(show(row), shape, query) for row in matching[start:end]]
    if end < len(matching):
        rest = "&".join(f"{quote(name, safe='$')}={quote(value, safe='')}" for name, value in query.items() if name != "$skiptoken")
        token = base64.urlsafe_b64encode(str(end).encode()).decode()
        answer["@odata.nextLink"] = f"{url}?{rest}{'&' if rest else ''}$skiptoken={token}"
    return answer


def filtered(entities: list[dict], text: str | None) -> list[dict]:
    """The entities that a filter matches; an unknown form of filter is rejected."""
    if not text:
        return entities
    test = _test(text.strip())
    return [entity for entity in entities if test(entity)]


def is_advanced(text: str) -> bool:
    """Whether a filter needs the advanced query mode of users (graph-contract 7)."""
    return re.search(r"/\$count|\bnot | ne ", re.sub(r"'[^']*'", "''", text)) is not None


def _parts(text: str, word: str) -> list[str]:
    """The parts of a filter between words; one inside a string or parentheses does not count."""
    parts, depth, is_quoted, start = [], 0, False, 0
    for index, sign in enumerate(text):
        is_quoted ^= sign == "'"
        depth += 0 if is_quoted else {"(": 1, ")": -1}.get(sign, 0)
        if not is_quoted and depth == 0 and text.startswith(f" {word} ", index):
            parts.append(text[start:index])
            start = index + len(word) + 2
    return [*parts, text[start:]]


def _value(entity: dict, name: str) -> Any:
    if name not in entity:
        raise rejection("filter", text=f"there is no property {name}")
    return entity[name]


def _test(text: str) -> Callable[[dict], bool]:
    for word, holds in (("or", any), ("and", all)):
        parts = _parts(text, word)
        if len(parts) > 1:
            tests = [_test(part.strip()) for part in parts]
            return lambda entity: holds(test(entity) for test in tests)
    if text.startswith("(") and text.endswith(")"):
        return _test(text[1:-1].strip())
    return _condition(text)


def _condition(text: str) -> Callable[[dict], bool]:
    if text.startswith("not "):
        test = _test(text[4:])
        return lambda entity: not test(entity)
    counted = re.fullmatch(r"(\w+)/\$count (eq|ne) (\d+)", text)
    if counted:
        name, is_equal, number = counted.group(1), counted.group(2) == "eq", int(counted.group(3))
        return lambda entity: (len(_value(entity, name) or []) == number) is is_equal
    starts = re.fullmatch(r"startswith\((\w+), ?('(?:[^']|'')*')\)", text)
    if starts:
        name, start = starts.group(1), _literal(starts.group(2)).lower()
        return lambda entity: str(_value(entity, name) or "").lower().startswith(start)
    equal = re.fullmatch(r"(\w+) eq ('(?:[^']|'')*'|[\w-]+)", text)
    if equal:
        name, value = equal.group(1), _literal(equal.group(2))
        return lambda entity: _same(_value(entity, name), value)
    among = re.fullmatch(r"(\w+) in \(([^)]*)\)", text)
    if among:
        name, values = among.group(1), [_literal(part.strip()) for part in among.group(2).split(",")]
        if len(values) > LARGEST_SET:
            raise rejection("filter", text="too many values")
        return lambda entity: any(_same(_value(entity, name), value) for value in values)
    inner = re.fullmatch(r"(\w+)/any\((\w+): ?\2/(\w+) (?:eq ([\w-]+)|in \(([^)]*)\))\)", text)
    if inner:
        name, member, values = inner.group(1), inner.group(3), [part.strip() for part in (inner.group(4) or inner.group(5)).split(",")]
        return lambda entity: any(_same(row.get(member), value) for row in _rows(_value(entity, name)) for value in values)
    raise rejection("filter", text=text)


def _rows(value: Any) -> list[dict]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _literal(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def _same(have: Any, want: str) -> bool:
    if isinstance(have, bool):
        return str(have).lower() == want
    return have is not None and str(have).lower() == want.lower()


def _top(query: Mapping[str, str]) -> int:
    text = query.get("$top", str(PAGE))
    if not text.isdigit() or int(text) == 0:
        raise rejection("filter", text=f"$top={text}")
    if int(text) > LARGEST_PAGE:
        raise rejection("page_size", size=text)
    return int(text)


def _start(query: Mapping[str, str]) -> int:
    try:
        return int(base64.urlsafe_b64decode(query["$skiptoken"])) if "$skiptoken" in query else 0
    except (ValueError, binascii.Error):
        raise rejection("filter", text="$skiptoken") from None


def _expanded(found: Any, shape: Shape | None, options: dict[str, str]) -> Any:
    if found is None or shape is None:
        return found
    if isinstance(found, list):
        return [project(entity, shape, options) for entity in filtered(found, options.get("$filter"))]
    return project(found, shape, options) if filtered([found], options.get("$filter")) else None


def _relation(text: str) -> tuple[str, dict[str, str]]:
    """The name and the options of one part of $expand."""
    name, dummy, rest = text.partition("(")
    pairs = (option.partition("=") for option in _split(rest[:-1], ";")) if rest else ()
    return name, {key.strip(): value for key, dummy, value in pairs}


def _split(text: str, separator: str = ",") -> list[str]:
    """The parts of a list, whose separator does not count inside parentheses."""
    parts, depth, current = [], 0, ""
    for sign in text:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == separator and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [part.strip() for part in [*parts, current] if part.strip()]
