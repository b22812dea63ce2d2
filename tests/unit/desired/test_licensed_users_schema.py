# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema for editors says what the validation says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licensed_users import desired_run
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.user_form import PROFILES, USER
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.validate import ListOf
from support.schema import schema_of

PATH = Path(__file__).resolve().parents[3] / "docs/licensed_users.schema.json"
TASK = {"today": "2026-11-26", "grace_days": 0, "lead_days": 0, "remove": "nothing"}


def made() -> dict:
    """The schema as the forms say. A user may be a name alone."""
    user = {"anyOf": [schema_of(str), schema_of(USER)]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "profiles and users of m365.licensing.licensed_users",
        "type": "object",
        "properties": {"profiles": schema_of(PROFILES), "users": {**schema_of(ListOf(USER)), "items": user}},
        "additionalProperties": False,
    }


def test_the_file_is_what_the_forms_say():
    assert json.loads(PATH.read_text()) == made()


# title: (profiles, users, whether they are of the form)
FILES = {
    "complete": (
        {
            "a": {"inherits": "b", "licenses": [{"sku": "X", "disabled_plans": [], "alternatives": [{"sku": "Y"}], "prefer": "first"}]},
            "b": {"description": "x"},
        },
        [{"user": "a@b.c", "profile": "a", "from": "b", "keep": ["Z"], "first_day": "2026-01-01", "last_day": "9999-12-31"}],
        True,
    ),
    "null is not given": ({"a": {"licenses": None}}, [{"user": "a@b.c", "profile": "a", "usage_location": None}], True),
    "an unknown key": ({"a": {"license": []}}, [], False),
    "no SKU": ({"a": {"licenses": [{"disabled_plans": []}]}}, [], False),
    "a number for a name": ({}, [{"user": 5}], False),
    "an empty name": ({}, [{"user": ""}], False),
    "a text for a list": ({"a": {"licenses": "X"}}, [], False),
    "an unknown preference": ({"a": {"licenses": [{"sku": "X", "prefer": "last"}]}}, [], False),
}


@pytest.mark.parametrize("title", FILES)
def test_schema_and_validation_agree(title):
    profiles, users, is_valid = FILES[title]
    errors = list(jsonschema.Draft202012Validator(json.loads(PATH.read_text())).iter_errors({"profiles": profiles, "users": users}))
    assert (not errors) == is_valid
    if is_valid:
        desired_run({**TASK, "profiles": profiles, "users": users})
    else:
        with pytest.raises(OptionError):
            desired_run({**TASK, "profiles": profiles, "users": users})
