# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who keeps what he has, as something else did not come."""

from __future__ import annotations

import pytest
from ansible_collections.m365.licensing.plugins.filter.unserved import unserved

ANN, BOB = USERS = ["ann@c.example", "bob@c.example"]
DONE, FAILED = {"user": ANN, "changed": True}, {"user": BOB, "failed": True}

# title: (what a task has registered, whom it has not served)
RESULTS = {
    "nothing failed": ({"failed": False}, []),
    "skipped": ({"skipped": True}, []),
    "refused as a whole": ({"failed": True, "msg": "?"}, USERS),
    "one of many": ({"failed": True, "results": [DONE, FAILED]}, [BOB]),
    "one member": ({"failed": True, "failed_users": [{"user": BOB}]}, [BOB]),
    "a run that ended": ({"failed": True, "failure": {"code": "ended"}, "results": [DONE]}, [BOB]),
    "a name that Ansible hides": ({"failed": True, "results": [DONE, {"user": "********@c.example", "failed": True}]}, USERS),
    "a member whom Ansible hides": ({"failed": True, "failed_users": [{"user": "********@c.example"}]}, USERS),
    "a row without a name": ({"failed": True, "results": [{"failed": True}]}, USERS),
}


@pytest.mark.parametrize("title", RESULTS)
def test_who_is_not_served(title):
    result, expected = RESULTS[title]
    assert unserved(result, USERS) == expected
