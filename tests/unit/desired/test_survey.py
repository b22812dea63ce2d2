# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is typed into a survey, and the same as lists of a file of settings."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.m365.licensing.plugins.filter.survey_group import survey_group
from ansible_collections.m365.licensing.plugins.filter.survey_people import survey_people

ANN, BOB = "ann@contoso.example", "bob@contoso.example"
SPELLED = [
    f"- {ANN}\n- {BOB}",
    f"[{ANN}, {BOB}]",
    f'["{ANN}", "{BOB}"]',
    f"{ANN} {BOB}",
    f"{ANN}\n{BOB}\n",
    f" {ANN};{BOB},",
    [ANN, BOB],
    (ANN, BOB),
    f"{ANN},{ANN} {BOB}",
]


@pytest.mark.parametrize("text", SPELLED)
def test_names_in_any_form(text):
    assert survey_people(text) == [{"user": ANN}, {"user": BOB}]


@pytest.mark.parametrize("blank", ["", " \n", None])
def test_what_is_blank_is_not_there(blank):
    assert survey_people(blank) == []


@pytest.mark.parametrize("blank", ["", " \n", None, [], "[]"])
def test_what_is_blank_or_an_empty_list_gives_nothing(blank):
    assert survey_people(ANN, keep=blank) == [{"user": ANN}]
    assert survey_group("Desk", blank, blank) == [{"group": "Desk"}]


@pytest.mark.parametrize("skus", ["SPE_E3 SPE_E5", "SPE_E3,SPE_E5", ["SPE_E3", "SPE_E5"]])
def test_skus_in_any_form(skus):
    assert survey_people(ANN, keep=skus) == [{"user": ANN, "keep": ["SPE_E3", "SPE_E5"]}]
    assert survey_group(" Desk ", skus, skus) == [{"group": "Desk", "licenses": [{"sku": "SPE_E3"}, {"sku": "SPE_E5"}], "remove": ["SPE_E3", "SPE_E5"]}]


def test_what_all_of_them_get():
    assert survey_people(ANN, profile=" lead ", previous="office", usage_location="DE") == [
        {"user": ANN, "profile": "lead", "from": "office", "usage_location": "DE"}
    ]


def test_a_number_is_a_text():
    assert survey_people(5, profile=2024, previous=2023) == [{"user": "5", "profile": "2024", "from": "2023"}]
    assert survey_group(2024, "SPE_E3") == [{"group": "2024", "licenses": [{"sku": "SPE_E3"}]}]


@pytest.mark.parametrize("scalar", ["5", "null", "no", "2026-12-31"])
def test_what_yaml_reads_as_something_else_is_a_text(scalar):
    assert survey_people(f"- {scalar}") == [{"user": scalar}]


@pytest.mark.parametrize("text", ["- user: ann@contoso.example", '[{"user": "ann@contoso.example"}]', [{"user": ANN}], "[]", [], [None], "- - a"])
def test_a_list_without_names_is_an_error(text):
    with pytest.raises(AnsibleFilterError, match="the answer is"):
        survey_people(text)
