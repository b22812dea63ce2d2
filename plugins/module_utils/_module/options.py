# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs that modules merge, and the checks that a spec cannot express."""

from __future__ import annotations

import contextlib
import json
import os
import re
from ast import literal_eval
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

from .._errors import OptionError, Problem
from .._graph.authentication import METHODS
from .._graph.clouds import CLOUDS
from .._licensing.desired.users import check_user

_LONGEST = 86400.0
_SHOWN = 60  # characters of a text that a message shows
_MOST = 10**9
# a date as Python writes it, the beginning of another value with a time, or a string, which is matched to be skipped
_DATE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(datetime\.)(?:date\(([0-9]+), ([0-9]+), ([0-9]+)\))?""")


def _first_set(*names: str) -> str:
    """Return the value of the first environment variable that is not empty."""
    return env_fallback(*(name for name in names if os.environ.get(name)))


def _env(*names: str) -> tuple:
    return (_first_set, list(names))


SHARED: dict[str, dict[str, Any]] = {
    "tenant_id": {"type": "str", "fallback": _env("AZURE_TENANT_ID", "AZURE_TENANT")},
    "client_id": {"type": "str", "fallback": _env("AZURE_CLIENT_ID")},
    "client_secret": {"type": "str", "no_log": True, "fallback": _env("AZURE_CLIENT_SECRET", "AZURE_SECRET")},
    "certificate_path": {"type": "path", "fallback": _env("AZURE_CLIENT_CERTIFICATE_PATH")},
    "certificate_password": {"type": "str", "no_log": True, "fallback": _env("AZURE_CLIENT_CERTIFICATE_PASSWORD")},
    "federated_token_file": {"type": "path", "no_log": False, "fallback": _env("AZURE_FEDERATED_TOKEN_FILE")},
    "access_token": {"type": "str", "no_log": True, "fallback": _env("MSGRAPH_ACCESS_TOKEN")},
    "auth": {"type": "str", "default": "auto", "choices": ["auto", *METHODS], "fallback": _env("MSGRAPH_AUTH")},
    "token_cache": {"type": "path", "no_log": False, "fallback": _env("MSGRAPH_TOKEN_CACHE")},
    "cloud": {"type": "str", "default": "AzureCloud", "choices": list(CLOUDS), "fallback": _env("AZURE_CLOUD_ENVIRONMENT")},
    "graph_url": {"type": "str", "fallback": _env("MSGRAPH_URL")},
    "authority_url": {"type": "str", "fallback": _env("AZURE_AUTHORITY_HOST")},
    "ca_path": {"type": "path", "fallback": _env("MSGRAPH_CA_PATH")},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 30.0},
    "max_wait": {"type": "float", "default": 300.0},
    "sku_names": {"type": "path"},
}

SERVICE_PLANS: dict[str, dict[str, Any]] = {
    "disabled_plans": {"type": "list", "elements": "str"},
    "enabled_plans": {"type": "list", "elements": "str"},
    "plans_mode": {"type": "str", "default": "set", "choices": ["set", "merge"]},
}

_CHECK = {"type": "str", "default": "enforce", "choices": ["enforce", "try"]}
CHECKS: dict[str, dict[str, Any]] = {"seat_check": _CHECK, "plan_check": _CHECK}

_SKU = {"sku": {"type": "str", "required": True}, **SERVICE_PLANS}
_ALTERNATIVES = {"type": "list", "elements": "dict", "options": _SKU}
_LICENSES = {
    "type": "list",
    "elements": "dict",
    "options": {**_SKU, "alternatives": _ALTERNATIVES, "prefer": {"type": "str", "default": "held", "choices": ["held", "first"]}},
}
LICENSES: dict[str, dict[str, Any]] = {
    "licenses": {
        "type": "dict",
        "options": {"add": _LICENSES, "remove": {"type": "list", "elements": "str"}, "set": _LICENSES},
        "mutually_exclusive": [("set", "add"), ("set", "remove")],
    },
    "carry_plans": {"type": "bool", "default": False},
    "protect": {"type": "list", "elements": "str"},
    "max_removals": {"type": "int"},
    "allow_empty": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 300.0},
}

INHERITED: dict[str, dict[str, Any]] = {
    "inherited": {"type": "str", "default": "assign", "choices": ["assign", "accept", "fail"]},
    "remove_inherited": {"type": "str", "default": "warn", "choices": ["warn", "fail"]},
}

BULK: dict[str, dict[str, Any]] = {
    "concurrency": {"type": "int", "default": 4},
    "write_quota": {"type": "int", "default": 3000},
    "on_error": {"type": "str", "default": "continue", "choices": ["continue", "stop"]},
    "results": {"type": "str", "default": "all", "choices": ["all", "changed", "failed", "none"]},
    "report_path": {"type": "path"},
    "resume": {"type": "bool", "default": False},
}


def without_defaults(spec: Mapping[str, dict]) -> dict[str, dict]:
    """Return the options of a list entry without defaults, so that those of the task apply."""
    return {name: {part: value for part, value in option.items() if part != "default"} for name, option in spec.items()}


class GraphModule(AnsibleModule):
    """A module for which an option that is empty or null counts as not given, as AWX surveys send blanks."""

    fault: OptionError | None = None  # the error of options that cannot be validated
    given: frozenset[str] = frozenset()  # the options that the task itself sets, without those of the environment

    def _load_params(self) -> None:
        super()._load_params()
        self.params: dict[str, Any] = without_blanks(self.params)
        self.given = frozenset(self.params)
        try:
            check_texts(self.params)
        except OptionError as error:  # Ansible cannot even log such a text
            self.fault, self.params = error, _escaped(self.params)
        mistakes: list[Problem] = []
        self.params = _of_form(self.params, self.argument_spec, "", mistakes)
        if mistakes:
            self.fault = self.fault or OptionError(*mistakes)

    def forget(self, option: str) -> None:
        """Drop a long list, which would take memory during the run, and be returned in the invocation."""
        del self.params[option], self.validation_result.validated_parameters[option]


def _of_form(params: Mapping, spec: Mapping[str, dict], where: str, mistakes: list[Problem]) -> dict[str, Any]:
    """The options with a dictionary where the spec has one, so that Ansible goes on to what is noted in mistakes: its own message names no option."""
    made = dict(params)
    for name, given in params.items():
        option, place = spec.get(name, {}), f"{where}{name}"
        value = _parsed(given) if option.get("type") in ("dict", "list") else given
        parts = option.get("options")
        if option.get("type") == "dict" and isinstance(value, Mapping):
            made[name] = _of_form(value, parts or {}, f"{place}.", mistakes)
        elif option.get("type") == "dict" and parts and not _is_pairs(value):
            mistakes.append(Problem(f"it is {_kind(value)}, not a dictionary", f"give its keys: {', '.join(parts)}", where=place))
            made[name] = {}
        elif option.get("elements") == "dict" and parts:
            made[name] = [_entry(one, parts, f"{place}[{index}]", mistakes) for index, one in enumerate(_listed(value))]
            if isinstance(value, Mapping):
                mistakes.append(Problem("it is a dictionary, not a list", "begin the entry with a dash", where=place))
        elif option.get("elements") == "str" and isinstance(value, list):
            made[name] = ["" if one is None else one for one in value]
            for index, one in enumerate(value):
                if isinstance(one, Mapping):
                    text = _shown(next(iter(one.values()), None), ": {}")
                    mistakes.append(Problem("it is a dictionary", f"give the text alone{text}", where=f"{place}[{index}]"))
    return made


def _entry(given: Any, spec: Mapping[str, dict], where: str, mistakes: list[Problem]) -> Any:
    """An entry of a list of dictionaries."""
    value = _parsed(given)
    if isinstance(value, Mapping):
        return _of_form(value, spec, f"{where}.", mistakes)
    if _is_pairs(value):
        return value
    key = next(iter(spec))
    mistakes.append(Problem(f"it is {_kind(value)}, not a dictionary", f"write it as - {key}: {_shown(value, '{}') or '…'}", where=where))
    return {key: "x"}


def _parsed(value: Any) -> Any:
    """A dictionary or list that is given as text, as surveys and extra variables pass it; everything else unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        for parse in (json.loads, python_value):
            with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                return without_blanks(parse(value))
    return value


def is_dated(text: str) -> bool:
    """Whether a text is one that ansible-core 2.18 makes of a list or dictionary with dates."""
    return "datetime." in text and text.lstrip()[:1] in ("{", "[") and any(found[1] for found in _DATE.finditer(text))


def python_value(text: str) -> Any:
    """Return the value of a text of Python, with its dates as texts such as 2026-12-31. Raises ValueError and others for a text that is none."""
    if is_dated(text):
        text = _DATE.sub(lambda found: "'{:0>4}-{:0>2}-{:0>2}'".format(*found.groups()[1:]) if found[2] else found[0], text)
    return literal_eval(text.strip())


def _listed(value: Any) -> list:
    if isinstance(value, list):
        return value
    return [part.strip() for part in value.split(",")] if isinstance(value, str) and not _is_pairs(value) else [value]


def _is_pairs(value: Any) -> bool:
    """Whether Ansible takes a text for a dictionary: key=value."""
    return isinstance(value, str) and "=" in value


def _kind(value: Any) -> str:
    names = {str: "the text", list: "a list", bool: "a boolean", type(None): "null", int: "a number", float: "a number"}
    return f"{names.get(type(value), 'no text')}{_shown(value, ' {}')}"


def _shown(value: Any, form: str) -> str:
    """A short text as it is given, so that Ansible can mask a secret in it; nothing of what is longer."""
    return form.format(value) if isinstance(value, str) and len(value) <= _SHOWN else ""


def _escaped(value: Any) -> Any:
    """Return the value with all texts escaped where they cannot be encoded."""
    if isinstance(value, str):
        return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name: _escaped(part) for name, part in value.items()}
    return [_escaped(part) for part in value] if isinstance(value, list) else value


def passwords_in_addresses(params: Mapping) -> set[str]:
    """Return passwords in the addresses of the task. Such addresses are invalid, and must not be shown with the task's options."""
    found = (re.search(r"//[^/@]*:([^/@]+)@", params.get(option) or "") for option in ("graph_url", "authority_url"))
    return {match.group(1) for match in found if match}


def without_blanks(value: Any) -> Any:
    """Return options without those that are empty strings or null, at every level; elements of lists are kept."""
    if isinstance(value, Mapping):
        return {key: without_blanks(part) for key, part in value.items() if part is not None and part != ""}
    if isinstance(value, list):
        return [without_blanks(part) for part in value]
    return value


def principal_of(params: Mapping, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Return the kind of the principal and its name in the task, C(me) with an empty name. Raises OptionError unless it is exactly one."""
    given = [kind for kind in kinds if params.get(kind)]
    if len(given) != 1:
        listed = ", ".join(kinds[:-1]) + " and " + kinds[-1]
        raise OptionError(f"exactly one of {listed} must be given; " + (f"{' and '.join(given)} are" if given else "none is"))
    kind = given[0]
    if kind == "user":
        check_user(params["user"], "user")
    return kind, "" if kind == "me" else params[kind]


def principal_for_api(params: Mapping, kinds: tuple[str, ...], takes: tuple[str, ...], hint: str) -> tuple[str, str]:
    """Like principal_of, for a task that accepts only some kinds. Raises OptionError, with the hint, for any other kind."""
    kind, name = principal_of(params, kinds)
    if kind not in takes:
        raise OptionError(f"{kind} is {name!r}: {hint}")
    return kind, name


def check_pace(params: Mapping) -> None:
    """Raise OptionError for an invalid concurrency or write_quota."""
    for name in ("concurrency", "write_quota"):
        if not 1 <= params[name] <= _MOST:
            raise OptionError(f"{name} is {params[name]}: give a number from 1 to {_MOST}")


def check_bulk(params: Mapping) -> None:
    """Raise OptionError for an invalid concurrency or write_quota, or a limit below zero."""
    check_pace(params)
    if (params.get("max_removals") or 0) < 0:
        raise OptionError(f"max_removals is {params['max_removals']}: give zero or more")


def check_seconds(params: Mapping, *names: str) -> None:
    """Raise OptionError for an invalid number of seconds."""
    for name in names:
        if not 0 <= params[name] <= _LONGEST or (name == "timeout" and params[name] == 0):
            raise OptionError(f"{name} is {params[name]}: give seconds, more than zero and at most {_LONGEST:g} (a day)")


def check_texts(value: Any, where: str = "") -> None:
    """Raise OptionError for a text, at any depth, that cannot be a name, path or address: one with a NUL, or with half of a surrogate pair."""
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value)):
            raise OptionError(f"{where} is {value!r}: it contains a character that names, paths and addresses cannot have; remove it")
    elif isinstance(value, Mapping):
        for name, part in value.items():
            check_texts(part, f"{where}.{name}" if where else str(name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            check_texts(part, f"{where}[{index}]")
