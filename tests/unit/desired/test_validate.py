# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of what people write, and the names of users."""

from __future__ import annotations

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.users import check_user
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.validate import Choice, ListOf, Named, Record, problems_of

FORM = Record({"name": str, "count": int, "is_on": bool, "mode": Choice(("a", "b")), "parts": ListOf(str), "by_name": Named(int)}, required=("name",))

# title: (value, where and text of each problem)
VALUES = {
    "complete": ({"name": "x", "count": 1, "is_on": True, "mode": "a", "parts": ["y"], "by_name": {"z": 1}}, []),
    "null is not given": ({"name": "x", "count": None}, []),
    "required": ({}, ["v: name is missing"]),
    "no dictionary": ([], ["v: [] is not a dictionary"]),
    "unknown key": ({"name": "x", "nam": 1}, ["v.nam: unknown key (nearest: name, by_name)"]),
    "unknown key, far": ({"name": "x", "zzzz": 1}, ["v.zzzz: unknown key; known keys are name, count, is_on, mode, parts, by_name"]),
    "text": ({"name": 5}, ["v.name: 5 is not text; put it in quotes"]),
    "text of a list": ({"name": ["x"]}, ["v.name: ['x'] is not text"]),
    "empty": ({"name": ""}, ["v.name: it is empty"]),
    "number": ({"name": "x", "count": True}, ["v.count: True is not a number"]),
    "choice": ({"name": "x", "mode": "c"}, ["v.mode: 'c' is not one of a, b"]),
    "choice of another type": ({"name": "x", "mode": ["a"]}, ["v.mode: ['a'] is not one of a, b"]),
    "list": ({"name": "x", "parts": "yz"}, ["v.parts: 'yz' is not a list"]),
    "member": ({"name": "x", "parts": ["y", 1]}, ["v.parts[1]: 1 is not text; put it in quotes"]),
    "named": ({"name": "x", "by_name": 1}, ["v.by_name: 1 is not a dictionary"]),
    "named member": ({"name": "x", "by_name": {"z": "1"}}, ["v.by_name.z: '1' is not a number"]),
}


@pytest.mark.parametrize("title", VALUES)
def test_form(title):
    value, expected = VALUES[title]
    assert [problem.message for problem in problems_of(value, FORM, "v")] == expected


def test_an_open_record_takes_other_keys():
    assert not list(problems_of({"other": 1}, Record({"name": str}, is_open=True), "v"))


@pytest.mark.parametrize("name", ["alice@contoso.com", "00000000-0000-0000-0000-00000000000A", "a+b@x.y"])
def test_a_name_of_a_user(name):
    check_user(name, "user")


@pytest.mark.parametrize("name", ["alice", "@contoso.com", "alice@", "a b@contoso.com", "a/b@contoso.com", "a?b@c.d", ""])
def test_no_name_of_a_user(name):
    with pytest.raises(OptionError, match="user principal name such as"):
        check_user(name, "user")
