# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of groups: who comes, who goes, what they gain and lose, and what is refused."""

from __future__ import annotations

import pytest
from support.seeds import crowd, upn

DESK = "Support desk"


def members(tenant, group: str = DESK) -> set[str]:
    store = tenant.store
    group_id = next(one["id"] for one in store.groups.values() if one["displayName"] == group)
    return {store.users[user_id]["userPrincipalName"].partition("@")[0] for user_id in store.members[group_id]}


def run(tenant, check: bool = False, group: str = DESK, **options) -> dict:
    listed = {
        name: [upn(one) if "@" not in one and "-" not in one else one for one in options.pop(name)] for name in ("add", "remove", "set") if name in options
    }
    return tenant.run("group_members", check=check, group=group, **listed, **options)


# title: (options, who is a member afterwards)
ENTRIES = {
    "two come": ({"add": ["alice", "GRACE@contoso.example"]}, {"heidi", "ivan", "alice", "grace"}),
    "one is there already": ({"add": ["heidi", "bob"]}, {"heidi", "ivan", "bob"}),
    "one goes": ({"remove": ["ivan", "bob"]}, {"heidi"}),
    "one comes, one goes": ({"add": ["bob"], "remove": ["ivan"]}, {"heidi", "bob"}),
    "exactly these": ({"set": ["heidi", "erin"]}, {"heidi", "erin"}),
    "nobody": ({"set": [], "allow_empty": True}, set()),
}


@pytest.mark.parametrize("title", ENTRIES)
def test_the_module_contract(tenant, title):
    options, expected = ENTRIES[title]
    before = tenant.state()
    predicted = run(tenant, check=True, **options)
    assert not tenant.writes()
    assert tenant.state() == before
    real = run(tenant, **options)
    assert not real["failed"], real
    assert members(tenant) == expected
    for part in ("changed", "diff", "changes"):
        assert predicted[part] == real[part], part
    tenant.forget()
    again = run(tenant, **options)
    assert (again["failed"], again["changed"]) == (False, False)
    assert not tenant.writes()


def test_who_joins_has_the_licenses_and_who_leaves_does_not(tenant):
    assert run(tenant, add=["alice"], remove=["heidi"], wait=True)["changed"]
    rows = {name: tenant.run("user_license_info", users=[upn(name)])["users"][0]["licenses"] for name in ("alice", "heidi")}
    assert [(row["sku"], row["origin"]) for row in rows["alice"]] == [("SPE_E3", "group")]
    assert not [row for row in rows["heidi"] if row["origin"] == "group"]


@pytest.mark.parametrize(("limit", "is_rejected"), [(1, True), (2, False), (3, False)])
def test_the_limit_of_removals_is_the_most_that_may_go(tenant, limit, is_rejected):
    assert run(tenant, check=True, set=["bob"], max_removals=limit)["failed"] == is_rejected


# title: (options, what is said)
MISTAKES = {
    "dynamic": ({"group": "Everybody in sales", "add": ["bob"]}, "its rule selects them (user.department -eq"),
    "no such group": ({"group": "Nobody", "add": ["bob"]}, "no group has the display name 'Nobody'"),
    "empty set": ({"set": []}, "allow_empty: true"),
    "no name": ({"add": ["b o b"]}, "add[0] is 'b o b@contoso.example'"),
    "both": ({"add": ["bob"], "remove": ["BOB"]}, "both in add and in remove"),
    "unknown in set": ({"set": ["bob", "nobody"]}, "nothing is done before all are found"),
    "too many": ({"set": ["bob"], "max_removals": 1}, "2"),
    "nothing": ({}, "one of the following is required: add, remove, set"),
}


@pytest.mark.parametrize("title", MISTAKES)
@pytest.mark.parametrize("check", [True, False])
def test_mistake(tenant, title, check):
    options, said = MISTAKES[title]
    result = run(tenant, check=check, **options)
    assert result["failed"]
    assert said in result["msg"]
    assert not tenant.writes()


@pytest.mark.parametrize("check", [True, False])
def test_an_unknown_user_does_not_stop_the_others(tenant, check):
    result = run(tenant, check=check, add=["nobody", "bob"])
    assert result["failed"]
    assert [row["user"] for row in result["failed_users"]] == [upn("nobody")]
    assert [row["user"] for row in result["changes"]] == [upn("bob")]


@pytest.mark.plain
def test_a_thousand_members_take_few_requests(tenant):
    people = crowd(tenant, 1000)
    assert run(tenant, set=people)["changed"]
    assert len(members(tenant)) == 1000
    adds = [entry for entry in tenant.writes() if entry["method"] == "PATCH"]
    assert len(adds) == 50
    tenant.forget()
    assert not run(tenant, set=people)["changed"]
    assert len(tenant.journal()) <= 2 + 2 + 3


def test_a_member_who_came_in_between_is_no_failure(tenant):
    tenant.fault("/groups/", method="PATCH", status=400, code="Request_BadRequest", message="One or more added object references already exist", times=1)
    result = run(tenant, add=["alice", "bob"])
    assert not result["failed"], result
    assert members(tenant) == {"heidi", "ivan", "alice", "bob"}


def test_a_lost_answer_is_survived(tenant):
    tenant.fault("/groups/", method="PATCH", action="cut_after", times=1)
    result = run(tenant, add=["alice", "bob"])
    assert not result["failed"], result
    assert members(tenant) == {"heidi", "ivan", "alice", "bob"}
