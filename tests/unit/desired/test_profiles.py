# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms that files share: the schema of license profiles, days, and every mistake in groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licensed_users import desired_run
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.licensing_groups import desired_groups
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.user_form import PROFILES
from support.schema import schema_of

SCHEMA = Path(__file__).resolve().parents[3] / "docs/license_profiles.schema.json"


def made() -> dict:
    """The schema as the forms say."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "license_profiles of m365.licensing", **schema_of(PROFILES)}


def test_the_schema_is_what_the_forms_say():
    assert json.loads(SCHEMA.read_text()) == made()


DAYS = {
    "2026-01-31": ("2026-02-01", 0, True),
    "2026-02-01": ("2026-02-01", 0, False),
    "2026-01-01": ("2026-02-01", 30, True),
    "2026-01-02": ("2026-02-01", 30, False),
}


@pytest.mark.parametrize("last_day", DAYS)
def test_who_is_past_the_last_day(last_day):
    today, grace, is_over = DAYS[last_day]
    users = [{"user": "a@b.c", "last_day": last_day, "usage_location": "DE"}, {"user": "b@b.c", "usage_location": "DE"}]
    task = {"today": today, "grace_days": grace, "lead_days": 0, "remove": "nothing", "record_path": "x", "users": users}
    first, second = desired_run(task).users
    assert (first.state, second.state) == ("released" if is_over else "licensed", "licensed")
    assert desired_run({**task, "leavers": "only"}).users[1].skipped == "no last day has passed"


# title: (groups, what is said)
GROUP_MISTAKES = {
    "no group": ([{"licenses": [{"sku": "E3"}]}], "groups[0]: group is missing"),
    "nothing": ([{"group": "a"}], "groups[0]: give licenses or remove"),
    "twice": ([{"group": "a", "remove": ["E3"]}, {"group": "a", "remove": ["E3"]}], "groups[1].group: a is also groups[0]"),
    "exactly and remove": ([{"group": "a", "licenses": [{"sku": "E3"}], "remove": ["E5"], "exactly": True}], "groups[0].remove: with exactly"),
    "SKU twice": ([{"group": "a", "licenses": [{"sku": "E3"}, {"sku": "E3"}]}], "groups[0].licenses[1].sku: E3 is also at"),
    "no number": ([{"group": "a", "remove": ["E3"], "max_removals": "1"}], "groups[0].max_removals: '1' is not a number"),
}


@pytest.mark.parametrize("title", GROUP_MISTAKES)
def test_mistake_of_groups(title):
    groups, said = GROUP_MISTAKES[title]
    with pytest.raises(OptionError) as caught:
        desired_groups(groups, "groups")
    assert said in caught.value.message
