# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to one object stays with it: an account that Graph protects, an id with signs of its own, a page that breaks off."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._graph.odata import key_segment
from hypothesis import given
from hypothesis import strategies as st
from requests import Request
from sandbox_tenant.seed import load_seed
from support.scripted import ANN, POOL, Server, run
from support.seeds import many, upn
from support.tenant import run_module

FORBIDDEN = {"status": 403, "code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}


@pytest.mark.parametrize("concurrency", [1, 4])
def test_one_locked_account_stops_no_other_user(tenant, concurrency):
    users = many(tenant, 300)
    locked = tenant.state()["users"][users[151]["user"]]["id"]
    tenant.fault(f"users/{locked}/assignLicense", times=99, **FORBIDDEN)
    result = tenant.run("users_assign_license", users=users, licenses={"add": [{"sku": "SPE_E3"}]}, concurrency=concurrency, max_wait=5)
    changed = [row["user"] for row in result["results"] if row["outcome"] == "changed"]
    (failed,) = [row for row in result["results"] if row["failed"]]
    assert failed["user"] == users[151]["user"]
    assert failed["failure"]["code"] == "object_protected"
    assert "Graph lets this task write to other objects" in failed["msg"]
    assert result["summary"]["skipped"] == 0
    assert len(changed) + sum(row["outcome"] == "unchanged" for row in result["results"]) == 299


def test_twenty_that_are_all_forbidden_end_the_run(tenant):
    users = many(tenant, 120)
    tenant.fault("assignLicense", times=999, **FORBIDDEN)
    result = tenant.run("users_assign_license", users=users, licenses={"set": [{"sku": "SPE_E5"}]}, seat_check="try", concurrency=1)
    assert result["summary"] == {**result["summary"], "failed": 20, "skipped": 100, "changed": 0}
    assert "forbade the first 20 writes" in result["msg"]
    assert "LicenseAssignment.ReadWrite.All" in result["msg"]


def test_who_comes_after_twenty_locked_accounts_is_served_when_others_are(tenant):
    users = many(tenant, 60)
    for entry in users[5:54:2]:
        tenant.fault(f"users/{tenant.state()['users'][entry['user']]['id']}/assignLicense", times=9, **FORBIDDEN)
    add = {"add": [{"sku": "SPE_E3"}]}
    result = tenant.run("users_assign_license", users=users, licenses=add, concurrency=1)
    assert result["summary"]["skipped"] == 0
    assert result["summary"]["failed"] == 25


def protected_seed() -> dict:
    seed = load_seed(None)
    for user in seed["users"]:
        user["restricted"] = user["name"] == "bob"
    seed["groups"][0]["role_assignable"] = True
    seed["groups"][1]["restricted"] = True
    return seed


def test_an_account_in_a_restricted_unit_is_told_so(tenant):
    tenant.reset(protected_seed())
    result = tenant.run("user_assign_license", user=upn("bob"), licenses={"remove": ["SPE_E3"]})
    assert result["failure"]["code"] == "object_protected"
    assert "restricted management administrative unit" in result["msg"]
    assert "ReadWrite.All" not in result["msg"], "permissions that are there are not asked for"


def test_who_may_manage_role_groups_is_let(tenant):
    service = tenant.sandbox.service
    app = next(iter(service.identity._apps.values()))
    before = app["permissions"]
    try:
        app["permissions"] = [*before, "RoleManagement.ReadWrite.Directory"]
        seed = protected_seed()
        service.reset(seed)
        tenant.options = dict(tenant.sign_in)
        result = tenant.run("group_members", group=seed["groups"][0]["display_name"], add=[upn("grace")])
        assert result["changed"] and not result["failed"], result
    finally:
        app["permissions"] = before


@pytest.mark.parametrize("check", [True, False])
def test_a_role_assignable_group_is_predicted(tenant, check):
    seed = protected_seed()
    tenant.reset(seed)
    name = seed["groups"][0]["display_name"]
    members = tenant.run("group_members", check=check, group=name, add=[upn("grace")])
    assert [row["code"] for row in members["findings"]] == ["group_role_assignable"], "an owner may, so it is no refusal"
    assert "RoleManagement.ReadWrite.Directory" in members["findings"][0]["message"]
    assert members["failed"] is not check
    assert check or members["failure"]["code"] == "object_protected"
    licensed = tenant.run("group_assign_license", check=check, group=name, licenses={"add": [{"sku": "SPE_E5"}]})
    assert [row["code"] for row in licensed["findings"] if row["code"] == "group_role_assignable"]
    if not check:
        assert licensed["failure"]["code"] == "object_protected"
        assert "isAssignableToRole" in licensed["msg"]


def test_a_missing_permission_is_still_told(tenant):
    options, credentials = tenant.sign_in, tenant.credentials
    tenant.options = {**options, "client_id": credentials["reader_client_id"], "client_secret": credentials["reader_client_secret"]}
    result = tenant.run("user_assign_license", user=upn("carol"), licenses={"remove": ["SPE_E3"]})
    assert "LicenseAssignment.ReadWrite.All" in result["msg"]
    assert "If they are granted, the object itself is the reason" in result["msg"]


def test_the_least_permission_to_write_a_usage_location(tenant):
    service = tenant.sandbox.service
    app = next(iter(service.identity._apps.values()))
    before = app["permissions"]
    try:
        for permissions, may in (
            (["User.Read.All", "LicenseAssignment.Read.All", "User.ReadUpdate.All"], True),
            (["User.Read.All", "LicenseAssignment.Read.All"], False),
        ):
            app["permissions"] = permissions
            tenant.options = dict(tenant.sign_in)
            service.reset()
            result = tenant.run("user_assign_license", user=upn("carol"), usage_location="FR")
            assert result["failed"] is not may, result
    finally:
        app["permissions"] = before
    assert "User.ReadUpdate.All" in result["msg"]


# --- ids are opaque

STRANGE = ["x#y", "x%2Fy", "x?y=1", "x y", "x/../y", "..", ".", "$ref", "x'y", "ü", "x&y", "%", "a;b", "@x"]


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_an_id_is_one_segment_whatever_is_in_it(key):
    """As the library that sends it makes a URL of it, and as Graph reads that."""
    url = Request("GET", f"http://127.0.0.1/v1.0{key_segment('users', key)}/assignLicense").prepare().url
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    assert not parts.query and not parts.fragment
    path = parts.path.removeprefix("/v1.0/users").removesuffix("/assignLicense")
    quoted = path.removeprefix("('").removesuffix("')") if path.startswith("('") else path.removeprefix("/")
    assert "/" not in quoted
    read = unquote(quoted)
    assert (read.replace("''", "'") if path.startswith("('") else read) == key


def test_an_empty_id_is_no_path():
    with pytest.raises(OptionError):
        key_segment("users", "")


def cloud(graph, assignment_id: str, pool_id: str = POOL["id"]) -> str:
    """A tenant in which Ann has an assignment of that id."""
    rows = [{"id": assignment_id, "disabledServicePlanIds": [], "allotment": {**POOL, "id": pool_id}}]
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": rows})
    graph.table["GET", f"/beta/users/{ANN['id']}/cloudLicensing/assignments"] = (200, {}, {"value": rows})
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": [{**POOL, "id": pool_id}]})
    return key_segment("assignments", assignment_id)


ROUTES = {"principal": f"/beta/users/{ANN['id']}/cloudLicensing", "admin": "/beta/admin/cloudLicensing", "allotment": None}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_deleted_is_what_was_seen(graph, route, strange):
    segment = cloud(graph, strange, pool_id=f"po{strange}ol")
    base = ROUTES[route] or f"/beta/admin/cloudLicensing{key_segment('allotments', f'po{strange}ol')}"
    graph.table["DELETE", base + segment] = (204, {}, None)
    result = run(graph, state="absent", route=route)
    assert result["changed"] and not result["failed"], result
    assert graph.paths("DELETE") == [base + segment]


@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_created_is_bound_to_what_was_seen(graph, strange):
    cloud(graph, "one", pool_id=strange)
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": []})
    assert not run(graph)["failed"]
    (bind,) = [body["allotment@odata.bind"] for method, path, body in graph.seen if method == "POST" and path.endswith("/assignments")]
    assert bind == f"{graph.url}/beta/admin/cloudLicensing{key_segment('allotments', strange)}"


NOT_FOUND = (404, {}, {"error": {"code": "ResourceNotFound", "message": "?"}})


@pytest.mark.parametrize(("route", "is_done"), [("principal", True), ("admin", False), ("allotment", False)])
def test_a_404_means_gone_only_where_it_was_seen(graph, route, is_done):
    cloud(graph, "one")
    base = ROUTES[route] or f"/beta/admin/cloudLicensing/allotments/{POOL['id']}"
    graph.table["DELETE", f"{base}/assignments/one"] = NOT_FOUND
    result = run(graph, state="absent", route=route)
    assert result["failed"] is not is_done
    if not is_done:
        assert not result["changed"]
        graph.table["GET", f"/beta/users/{ANN['id']}/cloudLicensing/assignments"] = (200, {}, {"value": []})
        assert run(graph, state="absent", route=route)["changed"], "gone, as the reads say"


@pytest.mark.parametrize("said", [5, None, "", {"of": "a kind"}])
def test_what_was_created_is_not_forgotten_for_the_id_it_is_said_to_have(graph, said):
    path, rows = f"/beta/users/{ANN['id']}/cloudLicensing/assignments", {"value": []}
    graph.table["GET", path] = lambda dummy: (200, {}, rows)

    def create(dummy):
        rows["value"] = [{"id": "as the reads say", "disabledServicePlanIds": [], "allotment": POOL}]
        return 201, {}, {"id": said}

    graph.table["POST", path] = create
    result = run(graph)
    assert not result["failed"], result
    assert [row["action"] for row in result["changes"]] == ["create"]


# --- a list that is changed while it is read

GROUP = {"id": "00000000-0000-4000-8000-00000000000a", "displayName": "Staff", "assignedLicenses": [{"skuId": POOL["skuId"], "disabledPlans": []}]}
SEAT = {"id": "seat", "disabledServicePlanIds": [], "allotment": POOL, "assignedTo": {"@odata.type": "#microsoft.graph.user", **ANN}}
LISTS = {
    "groups": ("group_license_info", {}, "/v1.0/groups", GROUP, lambda result: result["groups"]),
    "assignments": ("cloud_license_info", {"gather": ["assignments"]}, "/beta/admin/cloudLicensing/assignments", SEAT, lambda result: result["assignments"]),
}


@pytest.mark.parametrize("title", LISTS)
def test_what_stands_on_two_pages_comes_once(bare_graph, title):
    module, options, path, row, rows_of = LISTS[title]
    bare_graph.table["GET", "/v1.0/subscribedSkus"] = (200, {}, {"value": []})
    bare_graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": [POOL]})
    bare_graph.table["GET", path] = [(200, {}, {"value": [row], "@odata.nextLink": f"{bare_graph.url}{path}?$skiptoken=2"}), (200, {}, {"value": [row]})]
    result = run_module(module, {"graph_url": bare_graph.url, "access_token": "a.b.c", "max_wait": 0, **options})
    assert not result["failed"], result
    assert len(rows_of(result)) == 1


# --- the living seat, not the one with the smaller id

ENDED = [{"subscriptionId": "S1", "state": "suspended"}]
LIVING = [{"subscriptionId": "S2", "state": "active"}]


def two_pools(graph, ended: str, held: list[str]) -> None:
    """Two allotments, a and b, of which one has ended; Ann has an assignment in those that are held, each with the id of its allotment."""
    pools = [{**POOL, "id": name, "subscriptions": ENDED if name == ended else LIVING} for name in "ab"]
    rows = [{"id": f"in {name}", "disabledServicePlanIds": [], "allotment": {**POOL, "id": name}} for name in held]
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": pools})
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": rows})
    for name in "ab":
        graph.table["DELETE", f"/beta/users/{ANN['id']}/cloudLicensing{key_segment('assignments', f'in {name}')}"] = (204, {}, None)


@pytest.mark.parametrize(("ended", "order"), [("a", "ab"), ("a", "ba"), ("b", "ab"), ("b", "ba")])
def test_exclusive_keeps_the_living_seat(graph, ended, order):
    two_pools(graph, ended, list(order))
    result = run(graph, exclusive=True)
    assert [(row["action"], row["allotment"]) for row in result["changes"]] == [("delete", ended)], result


# what makes a seat the worse one
WORSE = {
    "in grace": {"subscriptions": [{"subscriptionId": "S1", "state": "warning"}]},
    "without seats": {"allottedUnits": 0, "consumedUnits": 0},
    "used more than owned": {"allottedUnits": 1, "consumedUnits": 5},
    "for devices": {"assignableTo": "device"},
    "fed by nothing": {"subscriptions": []},
    "ending earlier": {"subscriptions": [{"subscriptionId": "S1", "state": "active", "nextLifecycleDate": "2026-12-01"}]},
}
BETTER = [{"subscriptionId": "S2", "state": "active", "nextLifecycleDate": "2027-12-01"}]


@pytest.mark.parametrize("worse", ["a", "b"])
@pytest.mark.parametrize("title", WORSE)
def test_exclusive_keeps_the_better_of_two_living_seats(graph, title, worse):
    two_pools(graph, "none", ["a", "b"])
    pools = [{**POOL, "id": name, "subscriptions": BETTER, **(WORSE[title] if name == worse else {})} for name in "ab"]
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": pools})
    result = run(graph, exclusive=True)
    assert [(row["action"], row["allotment"]) for row in result["changes"]] == [("delete", worse)], result


def test_the_living_seat_is_not_deleted_for_an_ended_one_that_is_named(graph):
    two_pools(graph, "a", ["a", "b"])
    result = run(graph, sku=None, allotment="a", exclusive=True)
    assert result["failed"] and not result["changed"]
    assert "suspended" in result["msg"]


@pytest.mark.parametrize("ended", ["a", "b"])
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_seat_that_gives_nothing_does_not_count_as_held(graph, ended, exclusive):
    living = "b" if ended == "a" else "a"
    two_pools(graph, ended, [ended])
    result = run(graph, exclusive=exclusive)
    assert not result["failed"], result
    expected = [("create", living)] + ([("delete", ended)] if exclusive else [])
    assert [(row["action"], row["allotment"]) for row in result["changes"]] == expected
    assert "held_in_ended_allotment" in [row["code"] for row in result["findings"]]


def test_where_there_is_no_other_seat_the_ended_one_stays_and_is_told(graph):
    two_pools(graph, "a", ["a"])
    graph.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": [{**POOL, "id": "a", "subscriptions": ENDED}]})
    result = run(graph)
    assert not result["changed"]
    assert "held_in_ended_allotment" in [row["code"] for row in result["findings"]]


# --- lists

SKU = {"skuId": POOL["skuId"], "skuPartNumber": "SPE_E5", "accountId": "t", "prepaidUnits": {"enabled": 9}, "consumedUnits": 1}


@pytest.fixture
def directory():
    server = Server()
    server.table = {("GET", "/v1.0/subscribedSkus"): (200, {}, {"value": [SKU]}), ("GET", "/v1.0/directory/subscriptions"): (200, {}, {"value": []})}
    yield server
    server.close()


def info(server, module: str = "user_license_info", **options) -> dict:
    return run_module(module, {"graph_url": server.url, "access_token": "made.up.token", "max_wait": 1, **options})


def user(number: int, **more) -> dict:
    own = {"id": f"00000000-0000-4000-8000-{number:012}", "userPrincipalName": f"u{number}@c.example", "accountEnabled": True}
    return {**own, "assignedLicenses": [], "licenseAssignmentStates": [], "usageLocation": "DE", **more}


ENDLESS = {
    "to itself": lambda server, number: "/v1.0/users?page=x",
    "in a circle": lambda server, number: f"/v1.0/users?page={number % 3}",
    "always another, all empty": lambda server, number: f"/v1.0/users?page={number}",
}


@pytest.mark.parametrize("title", ENDLESS)
def test_a_list_without_an_end_is_told_so(directory, title):
    number = itertools.count()
    directory.table["GET", "/v1.0/users"] = lambda dummy: (
        200, {}, {"value": [], "@odata.nextLink": directory.url + ENDLESS[title](directory, next(number))},
    )  # fmt: skip
    result = info(directory)
    assert "has no end" in result["msg"]
    assert result["failure"]["retriable"]
    assert len(directory.seen) < 200


@pytest.mark.parametrize("link", [5, {}, "https://[bad", "//", "http://evil.example/v1.0/users", True])
def test_a_next_link_of_any_form(directory, link):
    directory.table["GET", "/v1.0/users"] = (200, {}, {"value": [], "@odata.nextLink": link})
    result = info(directory)
    assert "is not followed" in result["msg"]


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": "x"}, {"value": [5]}, {"value": [None]}, {"value": [[]]}])
@pytest.mark.parametrize("module", ["user_license_info", "group_license_info", "license_report_info", "sku_info"])
def test_an_answer_that_is_no_list_is_not_taken_for_an_empty_one(directory, module, body):
    for path in ("users", "groups") if module != "sku_info" else ("subscribedSkus",):
        directory.table["GET", f"/v1.0/{path}"] = (200, {}, body)
    result = info(directory, module, **({"sign_ins": "none", "pools": "none"} if "report" in module else {}))
    assert "in a form that cannot be used" in result["msg"]


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_page_that_breaks_off_is_no_missing_permission(directory, status):
    error = {"error": {"code": "Directory_ExpiredPageToken", "message": "The page token is expired."}}
    directory.table["GET", "/v1.0/users"] = [(200, {}, {"value": [user(1)], "@odata.nextLink": f"{directory.url}/v1.0/users?p=2"}), (status, {}, error)]
    result = info(directory, "license_report_info", pools="none")
    assert "a list broke off at page 2" in result["msg"]
    assert result["failure"]["retriable"]


def test_an_allotment_that_was_deleted_meanwhile_hides_no_other_waiting_room(directory):
    pools = [{**POOL, "id": name} for name in "ab"]
    directory.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": pools})
    directory.table["GET", "/beta/admin/cloudLicensing/allotments/a/waitingMembers"] = NOT_FOUND
    row = {"id": "w", "waitingSinceDateTime": "2026-01-01T00:00:00Z", "assignedTo": {"id": user(1)["id"]}}
    directory.table["GET", "/beta/admin/cloudLicensing/allotments/b/waitingMembers"] = (200, {}, {"value": [row]})
    directory.table["GET", "/v1.0/users"] = (200, {}, {"value": [user(1)]})
    report = info(directory, "license_report_info", sign_ins="none")["report"]
    assert [row["who"] for row in report["waiting"]] == ["u1@c.example"], "by name, although Graph gives only the id there"


def test_who_could_not_be_read_is_named(directory):
    directory.table |= {("GET", f"/v1.0/users/u{number}@c.example"): (200, {}, user(number)) for number in (1, 2)}
    directory.table["GET", "/beta/admin/cloudLicensing/allotments"] = (200, {}, {"value": [POOL]})
    directory.table["GET", f"/beta/users/{user(1)['id']}/cloudLicensing/assignments"] = (200, {}, {"value": []})
    directory.table["GET", f"/beta/users/{user(2)['id']}/cloudLicensing/assignments"] = NOT_FOUND
    result = info(directory, "cloud_license_info", users=["u1@c.example", "u2@c.example"], gather=["assignments"])
    assert "user u2@c.example" in result["msg"]


def test_rows_that_show_twice_count_once(directory):
    first = {"value": [user(1), user(2)], "@odata.nextLink": f"{directory.url}/v1.0/users?p=2"}
    directory.table["GET", "/v1.0/users"] = [(200, {}, first), (200, {}, {"value": [user(2), user(3)]})]
    assert info(directory)["count"] == 3
    directory.table["GET", "/v1.0/users"] = [(200, {}, first), (200, {}, {"value": [user(2), user(3)]})]
    assert info(directory, "license_report_info", sign_ins="none", pools="none")["report"]["people"] == 3


def test_names_that_are_given_twice_make_one_row(tenant):
    assert tenant.run("user_license_info", users=[upn("alice"), upn("alice").upper(), tenant.user_id("alice")])["count"] == 1
    name = next(iter(tenant.state()["groups"].values()))
    assert len(tenant.run("group_license_info", groups=[tenant.group_id(name), tenant.group_id(name).upper()])["groups"]) == 1


@pytest.mark.parametrize("name", ["disabledServicePlanIds", "allotment"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_an_assignment_that_did_not_come_whole_is_no_ground_for_anything(graph, name, state):
    row = {"id": "one", "disabledServicePlanIds": [], "allotment": POOL}
    del row[name]
    graph.table["GET", "/beta/users/ann@c.example/cloudLicensing/assignments"] = (200, {}, {"value": [row]})
    result = run(graph, state=state, **({"disabled_plans": []} if state == "present" else {}))
    assert f"{name} is nothing" in result["msg"]


def test_a_holder_by_an_unknown_path_is_not_left_out_in_silence(directory):
    holder = user(2, assignedLicenses=[{"skuId": POOL["skuId"], "disabledPlans": []}])
    directory.table["GET", "/v1.0/users"] = (200, {}, {"value": [user(1), holder]})
    directory.table["GET", "/v1.0/users/u1@c.example"] = (200, {}, user(1))
    directory.table["POST", f"/v1.0/users/{user(1)['id']}/assignLicense"] = (200, {}, {})
    result = info(directory, "sku_holders", skus=[{"sku": "SPE_E5"}], users={"set": ["u1@c.example"]})
    assert result["failed"]
    (row,) = [row for row in result["results"] if row["failed"]]
    assert row["user"] == "u2@c.example" and row["failure"]["code"] == "origin_unknown"


@pytest.mark.parametrize("missing", ["assignedLicenses", "both", "null"])
def test_licenses_that_did_not_come_are_not_taken_for_none(directory, missing):
    row = user(1)
    for name in ("assignedLicenses", "licenseAssignmentStates") if missing != "assignedLicenses" else ("assignedLicenses",):
        row[name] = None
        if missing != "null":
            del row[name]
    directory.table["GET", "/v1.0/users/u1@c.example"] = (200, {}, row)
    directory.table["GET", "/v1.0/users"] = (200, {}, {"value": [row]})
    add = {"add": [{"sku": "SPE_E5"}]}
    for result in (
        info(directory, "user_assign_license", user="u1@c.example", licenses=add),
        info(directory, "users_assign_license", users=[{"user": "u1@c.example"}], licenses=add),
        info(directory, "license_report_info", sign_ins="none", pools="none"),
    ):
        assert result["failed"] and not result.get("changed")
        assert "assignedLicenses is nothing" in str(result)
    assert not directory.paths("POST") or all(path.endswith("$batch") for path in directory.paths("POST"))


@pytest.mark.parametrize("module", ["group_license_info", "group_assign_license", "groups_assign_license"])
def test_licenses_of_a_group_that_did_not_come_are_not_taken_for_none(directory, module):
    row = {"id": "11111111-2222-3333-4444-555555555555", "displayName": "Desk", "securityEnabled": True}
    directory.table["GET", f"/v1.0/groups/{row['id']}"] = (200, {}, row)
    licenses = [{"sku": "SPE_E5"}]
    options = {
        "group_license_info": {"groups": [row["id"]]},
        "group_assign_license": {"group": row["id"], "licenses": {"add": licenses}},
        "groups_assign_license": {"groups": [{"group": row["id"], "licenses": licenses}]},
    }[module]
    result = info(directory, module, **options)
    assert result["failed"] and not result.get("changed")
    assert "assignedLicenses is nothing" in str(result)


def test_an_account_without_account_enabled(directory):
    row = user(1)
    del row["accountEnabled"]
    directory.table["GET", "/v1.0/users"] = (200, {}, {"value": [row]})
    assert "accountEnabled is nothing" in info(directory, "license_report_info", sign_ins="none", pools="none")["msg"]


ODD = [5, "x", {}, [], [5], ["x"], [{"skuId": 5}], {"a": 1}, True, 1.5, -(10**400)]


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("name", ["skuId", "skuPartNumber", "servicePlans", "prepaidUnits", "consumedUnits", "appliesTo", "capabilityStatus", "accountId"])
def test_a_property_of_another_form_is_an_error_of_the_family(directory, name, value):
    if isinstance(value, int) and value < -1:
        value = 10**300
    directory.table["GET", "/v1.0/subscribedSkus"] = (200, {}, {"value": [{**SKU, name: value}]})
    directory.table["GET", "/v1.0/users"] = (200, {}, {"value": [user(1)]})
    for result in (info(directory, "sku_info"), info(directory, "license_report_info", sign_ins="none", pools="none", prices={"SPE_E5": 1.5})):
        if result["failed"]:
            assert "in a form that cannot be used" in result["msg"]
        assert "Traceback" not in str(result)


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize(
    "name", ["id", "userPrincipalName", "usageLocation", "assignedLicenses", "licenseAssignmentStates", "accountEnabled", "signInActivity"]
)
def test_a_user_of_another_form_is_an_error_of_the_family(directory, name, value):
    row = {**user(1), name: value}
    directory.table["GET", "/v1.0/users/u1@c.example"] = (200, {}, row)
    directory.table["GET", "/v1.0/users"] = (200, {}, {"value": [row]})
    for result in (
        info(directory, "user_assign_license", user="u1@c.example", usage_location="DE"),
        info(directory, "license_report_info", pools="none"),
        info(directory, "user_license_info"),
    ):
        assert "Traceback" not in str(result)
