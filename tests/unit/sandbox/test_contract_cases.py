# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract's cases by number, asked of the sandbox over HTTPS by plain requests, without our client.

A case whose name says choice rests on a choice of ours, one that says design on the service's design document alone.
"""

from __future__ import annotations

import re
import threading

import pytest
import requests

A = "/beta/admin/cloudLicensing"
E3, E5, E1 = "05e9a617-0261-4cee-bb44-138d3ef5d965", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "18181a46-0d4e-45cd-891e-60aabd171b4e"
COMPANY = "6470687e-a428-4b7a-bef2-8a291ad947c9"
SWAY, SPO, WAC = "a23b959c-7ce8-4e57-9140-b90eb88a9e97", "5dbe027f-2339-4123-9542-606e4d348a72", "e95bec33-7c88-4a70-8e19-b10bd9d0c014"
NOWHERE = "99999999-0000-4000-8000-000000000000"
UNITS = "groupby((skuId,skuPartNumber),aggregate(allottedUnits with sum as totalAllottedUnits,consumedUnits with sum as totalConsumedUnits))"


class Api:
    """Plain requests to the sandbox."""

    def __init__(self, tenant) -> None:
        self.tenant = tenant
        self.session = requests.Session()
        self.token = tenant.credentials["access_token"]

    def __call__(self, method: str, path: str, body=None, token: str | None = None, **headers):
        head = {"Authorization": f"Bearer {token or self.token}", **headers}
        return self.session.request(method, self.tenant.sandbox.url + path, json=body, headers=head, verify=self.tenant.ready_token["ca_path"], timeout=30)

    def get(self, path: str, **headers) -> dict:
        answer = self("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def user(self, name: str) -> str:
        return self.tenant.user_id(name)

    def bind(self, kind: str, key: str, prefix: str = "assignedTo") -> dict:
        place = "admin/cloudLicensing/allotments" if prefix == "allotment" else kind
        return {f"{prefix}@odata.bind": f"{self.tenant.sandbox.url}/beta/{place}/{key}"}

    def both(self, pool: str, kind: str, key: str, plans=()) -> dict:
        return {**self.bind("", pool, "allotment"), **self.bind(kind, key), "disabledServicePlanIds": list(plans)}

    def pool(self, sku: str, index: int = 0) -> str:
        return self.tenant.pools(sku)[index]

    def create(self, name: str = "grace", sku: str = "SPE_E5", plans=()) -> dict:
        answer = self("POST", f"{A}/assignments", self.both(self.pool(sku), "users", self.user(name), plans))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def assign(self, name: str, add=(), remove=(), version: str = "v1.0"):
        return self("POST", f"/{version}/users/{name}@contoso.example/assignLicense", {"addLicenses": list(add), "removeLicenses": list(remove)})


@pytest.fixture
def api(tenant):
    return Api(tenant)


def add(sku: str, *off: str) -> dict:
    return {"skuId": sku, "disabledPlans": list(off)}


def refused(answer, status: int, code: str, text: str = ""):
    """An error in Graph's envelope, cloudLicensing's inner code included."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert code in (error["code"], error["innerError"].get("code"))
    assert text in error["message"]
    assert re.fullmatch(r"[0-9a-f-]{36}", error["innerError"]["request-id"])
    return error


def test_01_allotments(api):
    rows = api.get(f"{A}/allotments")["value"]
    assert len(rows) == 5
    assert set(rows[0]) == {"id", "allottedUnits", "consumedUnits", "assignableTo", "services", "skuId", "skuPartNumber", "subscriptions"}


def test_02_allotments_by_sku(api):
    assert {row["skuId"] for row in api.get(f"{A}/allotments?$filter=skuId eq {E5}")["value"]} == {E5}
    assert len(api.get(f"{A}/allotments?$filter=skuId in ({E5},{E3})")["value"]) == 2
    assert api.get(f"{A}/allotments?$filter=skuId eq {NOWHERE}")["value"] == []


def test_03_units_summed_up(api):
    rows = api.get(f"{A}/allotments?$apply={UNITS}")["value"]
    assert all(set(row) == {"skuId", "skuPartNumber", "totalAllottedUnits", "totalConsumedUnits"} for row in rows)
    assert {row["skuPartNumber"]: row["totalAllottedUnits"] for row in rows}["POWER_BI_PRO"] == 5


def test_04_an_allotment_with_who_waits(api):
    row = api.get(f"{A}/allotments/{api.pool('SPE_E5')}?$expand=waitingMembers($select=id,waitingSinceDateTime)")
    assert row["waitingMembers"] == []


def test_05_an_unknown_allotment_by_design(api):
    refused(api("GET", f"{A}/allotments/nowhere"), 404, "notFound", "Resource 'nowhere' not found")


def test_06_create_for_the_organization(api):
    body = {"@odata.type": "#microsoft.graph.cloudLicensing.assignment", **api.both(api.pool("SPE_E5"), "users", api.user("grace"), [SWAY])}
    answer = api("POST", f"{A}/assignments", body)
    assert answer.status_code == 201
    assert {"@odata.type", "id", "disabledServicePlanIds"} <= set(answer.json())
    assert "allotment" not in answer.json()
    assert answer.json()["disabledServicePlanIds"] == [SWAY]


def test_07_create_below_an_allotment(api):
    body = {**api.bind("users", api.user("grace")), "disabledServicePlanIds": []}
    answer = api("POST", f"{A}/allotments/{api.pool('SPE_E5')}/assignments", body)
    assert answer.status_code == 201
    assert answer.json()["id"]


@pytest.mark.parametrize("number", ["08 users", "09 groups"])
def test_08_09_create_below_a_principal(api, number):
    kind = number[3:]
    key = api.user("grace") if kind == "users" else api.tenant.group_id("Support desk")
    answer = api("POST", f"/beta/{kind}/{key}/cloudLicensing/assignments", {**api.bind("", api.pool("SPE_E5"), "allotment"), "disabledServicePlanIds": []})
    assert answer.status_code == 201
    assert answer.json()["disabledServicePlanIds"] == []


def test_10_an_allotment_that_is_not_for_devices_by_design(api):
    device = api.tenant.state()["devices"]["KIOSK-02"]
    body = {**api.bind("", api.pool("SPE_E5"), "allotment"), "disabledServicePlanIds": []}
    refused(api("POST", f"/beta/devices/{device}/cloudLicensing/assignments", body), 400, "invalidAssigneeType")


def test_11_an_end_is_missing_by_design(api):
    body = {**api.bind("", api.pool("SPE_E5"), "allotment"), "disabledServicePlanIds": []}
    error = refused(api("POST", f"{A}/assignments", body), 400, "requiredFieldOrParameterMissing")
    assert error["innerError"]["propertyName"] == "assignedTo"


def test_12_a_full_pool_by_design(api):
    for name in ("grace", "heidi"):
        api.create(name)
    refused(api("POST", f"{A}/assignments", api.both(api.pool("SPE_E5"), "users", api.user("ivan"))), 400, "noAvailableLicenses")


def test_13_a_group_larger_than_the_pool_by_design(api):
    for name in ("grace", "carol"):
        api.create(name)
    group, pool = api.tenant.group_id("Support desk"), api.pool("SPE_E5")
    assert api("POST", f"{A}/assignments", api.both(pool, "groups", group)).status_code == 201
    (waiting,) = api.get(f"{A}/allotments/{pool}/waitingMembers?$expand=assignedTo,allotment")["value"]
    assert waiting["assignedTo"]["id"] == api.user("heidi"), "ivan is where a service plan is not offered"
    assert waiting["allotment"]["id"] == pool
    assert api.get(f"{A}/allotments/{pool}/waitingMembers/{waiting['id']}")["id"] == waiting["id"]
    own = f"/beta/users/{waiting['assignedTo']['id']}/cloudLicensing/waitingMembers"
    assert [row["id"] for row in api.get(own)["value"]] == [waiting["id"]]
    assert api.get(f"{own}/{waiting['id']}/allotment")["id"] == pool
    grace = next(claim for claim in api.tenant.claims(api.user("grace")) if claim["sku"] == "SPE_E5")
    api("DELETE", f"{A}/assignments/{grace['id']}")
    assert api.get(f"{A}/allotments/{pool}/waitingMembers")["value"] == [], "first in, first out"


def test_14_15_16_17_an_assignment_and_its_relations(api):
    made = api.create()
    plain = api.get(f"{A}/assignments/{made['id']}")
    assert {name for name in plain if "@" not in name} == {"id", "disabledServicePlanIds"}
    full = api.get(f"{A}/assignments/{made['id']}?$expand=allotment,assignedTo")
    assert full["allotment"]["skuPartNumber"] == "SPE_E5"
    assert (full["assignedTo"]["@odata.type"], full["assignedTo"]["id"]) == ("#microsoft.graph.user", api.user("grace"))
    assert api.get(f"{A}/assignments/{made['id']}/assignedTo")["id"] == api.user("grace")
    assert api.get(f"{A}/assignments/{made['id']}/allotment")["id"] == api.pool("SPE_E5")
    own = api.get(f"/beta/users/{api.user('grace')}/cloudLicensing/assignments?$expand=allotment($select=id,skuId)")["value"]
    assert [row["id"] for row in own] == [made["id"]]
    assert set(own[0]["allotment"]) == {"id", "skuId"}
    nested = api.get(f"{A}/assignments?$expand=allotment($filter=skuId in ({E5}))")["value"]
    assert {row["allotment"]["skuId"] if row["allotment"] else None for row in nested} == {E5, None}


def test_18_19_20_21_patch(api):
    path = f"{A}/assignments/{api.create(plans=[])['id']}"
    assert api("PATCH", path, {"disabledServicePlanIds": [SWAY]}).json()["disabledServicePlanIds"] == [SWAY]
    assert api("PATCH", path, {"disabledServicePlanIds": []}).json()["disabledServicePlanIds"] == []
    same = {"disabledServicePlanIds": [SWAY], **api.bind("", api.pool("SPE_E5"), "allotment"), **api.bind("users", api.user("grace"))}
    assert api("PATCH", path, same).status_code == 200
    other = {"disabledServicePlanIds": [], **api.bind("", api.pool("SPE_E3"), "allotment")}
    error = refused(api("PATCH", path, other), 400, "immutablePropertyModified")
    assert error["innerError"]["propertyName"] == "allotment"
    assert api.get(path)["disabledServicePlanIds"] == [SWAY]
    refused(api("PATCH", path, {}), 400, "requiredFieldOrParameterMissing")
    error = refused(api("PATCH", path, {"disabledServicePlanIds": [SWAY, NOWHERE]}), 400, "notFound")
    assert error["innerError"]["propertyName"] == "disabledServicePlanIds[1]"


def test_22_patch_as_the_signed_in_user(api):
    api("PATCH", f"/v1.0/users/{api.user('alice')}", {"usageLocation": "DE"})
    made = api.create("alice")
    answer = api(
        "PATCH", f"/beta/me/cloudLicensing/assignments/{made['id']}", {"disabledServicePlanIds": [SWAY]}, token=api.tenant.credentials["user_access_token"]
    )
    assert (answer.status_code, answer.json()["disabledServicePlanIds"]) == (200, [SWAY])


def test_23_24_delete_and_by_choice_delete_again(api):
    path, used = f"{A}/assignments/{api.create()['id']}", api.tenant.state()["allotments"][api.pool("SPE_E5")]["used"]
    answer = api("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.tenant.state()["allotments"][api.pool("SPE_E5")]["used"] == used - 1
    assert api("DELETE", path).status_code == 404
    made = api.create()
    assert api("DELETE", f"/beta/users/{api.user('grace')}/cloudLicensing/assignments/{made['id']}").status_code == 204
    assert api("DELETE", f"/beta/users/{api.user('bob')}/cloudLicensing/assignments/{api.create()['id']}").status_code == 404


@pytest.mark.parametrize("name", ["reprocessAssignments", "microsoft.graph.cloudLicensing.reprocessAssignments"])
def test_25_reprocess(api, name):
    answer = api("POST", f"/beta/users/{api.user('erin')}/cloudLicensing/assignments/{name}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert api("POST", f"{A}/assignments/{name}").status_code == 200


def test_26_27_usage_rights(api):
    base = f"/beta/users/{api.user('dave')}/cloudLicensing/usageRights"
    (right,) = api.get(f"{base}?$filter=skuId in ({E3})")["value"]
    assert {"id", "skuId", "skuPartNumber", "services"} == set(right)
    plan = right["services"][0]["planId"]
    assert right["id"] in {row["id"] for row in api.get(f"{base}?$filter=services/any(c:c/planId eq {plan})")["value"]}
    assert api.get(f"{base}?$filter=services/any(c:c/planId eq {NOWHERE})")["value"] == []
    assert len(api.get(f"{base}/{right['id']}?$expand=allotments")["allotments"]) == 1
    assert len(api.get(f"{base}/{right['id']}/assignments")["value"]) == 1
    assert api.get(f"/beta/groups/{api.tenant.group_id('Support desk')}/cloudLicensing/usageRights")["value"]


def test_28_assignment_errors(api):
    assert api.get(f"{A}/assignmentErrors?$expand=assignedTo")["value"] == []
    group = api.tenant.group_id("Support desk")
    body = {"addLicenses": [add(E5)], "removeLicenses": []}
    assert api("POST", f"/v1.0/groups/{group}/assignLicense", body).status_code == 202
    for dummy in range(3):
        api.get(f"/v1.0/groups/{group}")
    rows = api.get(f"{A}/assignmentErrors?$expand=assignedTo")["value"]
    assert {"id", "code", "message", "occurrenceDateTime", "skuId", "assignedTo"} <= set(rows[0])
    assert {row["assignedTo"]["id"] for row in rows} == {api.user("ivan")}, "a service plan of E5 is not offered in Japan"
    assert api.get(f"/beta/users/{api.user('ivan')}/cloudLicensing/assignmentErrors")["value"][0]["id"] in {row["id"] for row in rows}
    assert api.get(f"{A}/assignmentErrors/{rows[0]['id']}/assignedTo")["id"] == api.user("ivan")
    assert [row["id"] for row in api.get(f"/v1.0/groups/{group}/membersWithLicenseErrors")["value"]] == [api.user("ivan")]
    assert [row["id"] for row in api.get("/v1.0/groups?$filter=hasMembersWithLicenseErrors eq true")["value"]] == [group]
    states = api.get(f"/v1.0/users/{api.user('ivan')}?$select=licenseAssignmentStates")["licenseAssignmentStates"]
    assert {(state["state"], state["error"]) for state in states} == {("Error", "ProhibitedInUsageLocationViolation")}


def test_29_30_assign_answers_with_default_properties(api):
    answer = api.assign("grace", [add(E5)])
    assert answer.status_code == 200
    assert "assignedLicenses" not in answer.json()
    assert {"id", "userPrincipalName", "businessPhones"} <= set(answer.json())
    user = api.get(f"/v1.0/users/{api.user('grace')}?$select=assignedLicenses,licenseAssignmentStates")
    assert user["assignedLicenses"] == [add(E5)]
    (state,) = user["licenseAssignmentStates"]
    assert (state["assignedByGroup"], state["state"], state["error"]) == (None, "Active", "None")


def test_31_a_held_sku_gets_other_service_plans(api):
    used = api.tenant.state()["seats_used"]["SPE_E3"]
    assert api.assign("bob", [add(E3, SPO, WAC)]).status_code == 200
    assert sorted(api.tenant.holds("bob")["SPE_E3"]) == ["SHAREPOINTENTERPRISE", "SHAREPOINTWAC"]
    assert api.tenant.state()["seats_used"]["SPE_E3"] == used


def test_32_a_swap(api):
    assert api.assign("bob", [add(E5)], [E3]).status_code == 200
    assert api.tenant.holds("bob") == {"SPE_E5": []}


def test_33_a_swap_without_a_seat_changes_nothing(api):
    refused(api.assign("bob", [add(E1)], [E3]), 400, "Request_BadRequest", f"Subscription with SKU {E1} does not have any available licenses.")
    assert "SPE_E3" in api.tenant.holds("bob")


# number: (user, addLicenses, removeLicenses, text)
REJECTIONS = {
    "35 nothing": ("bob", [], [], "No license changes provided. At least one license to add or remove must be specified."),
    "36 no location": ("alice", [add(E5)], [], "License assignment cannot be done for user with invalid usage location."),
    "37 unknown SKU": ("bob", [add(NOWHERE)], [], f"License {NOWHERE} does not correspond to a valid company License."),
    "38 no GUID": ("bob", [add("abc")], [], "Cannot convert a primitive value to the expected type 'Edm.Guid'."),
    "39 not held": ("bob", [], [E5], "User does not have a corresponding license."),
    "40 inherited": ("heidi", [], [E3], "User license is inherited from a group membership and it cannot be removed directly from the user."),
    "41 conflict": ("judy", [add(E3)], [], "are mutually exclusive"),
    "42 dependency": ("bob", [add(E3, SPO)], [], f"service plan {WAC} depends on the service plan(s) "),
    "43 organization": ("bob", [add(COMPANY)], [], f"License {COMPANY} cannot be assigned to a user."),
    "E9 another SKU's service plan, by choice": ("bob", [add(E3, NOWHERE)], [], f"Service plan {NOWHERE} is not part of license {E3}."),
    "E14 mail clash": ("kim", [add(E5)], [], "Another object with the same value for property proxyAddresses already exists."),
    "twice, by choice": ("bob", [add(E5), add(E5)], [], "more than once"),
    "in both, by choice": ("bob", [add(E3)], [E3], "more than once"),
}


@pytest.mark.parametrize("number", REJECTIONS)
def test_35_to_43_rejections(api, number):
    user, adds, removes, text = REJECTIONS[number]
    before = api.tenant.state()
    refused(api.assign(user, adds, removes), 400, "Request_BadRequest", text)
    assert api.tenant.state() == before


def test_34_a_key_is_missing(api):
    for body, name in (({"removeLicenses": []}, "addLicenses"), ({"addLicenses": []}, "removeLicenses"), ({}, "addLicenses, removeLicenses")):
        refused(api("POST", "/v1.0/users/bob@contoso.example/assignLicense", body), 400, "Request_BadRequest", f"The missing parameters are: {name}.")


def test_44_an_unknown_user(api):
    refused(api.assign("nobody", [add(E5)]), 404, "Request_ResourceNotFound", "does not exist or one of its queried reference-property objects")
    refused(api("GET", "/v1.0/users/nonsense"), 400, "Request_BadRequest", "Invalid object identifier 'nonsense'.")


def test_45_without_permission(api):
    graph, credentials = api.tenant.sign_in, api.tenant.credentials
    form = {"grant_type": "client_credentials", "client_id": credentials["reader_client_id"], "client_secret": credentials["reader_client_secret"]}
    url = f"{graph['authority_url']}/{graph['tenant_id']}/oauth2/v2.0/token"
    token = requests.post(url, {**form, "scope": "https://graph.microsoft.com/.default"}, verify=graph["ca_path"], timeout=30).json()["access_token"]
    body = {"addLicenses": [add(E5)], "removeLicenses": []}
    refused(api("POST", "/v1.0/users/bob@contoso.example/assignLicense", body, token=token), 403, "Authorization_RequestDenied", "Insufficient privileges")
    assert api("GET", "/v1.0/users/bob@contoso.example", token=token).status_code == 200


def test_46_47_a_group_is_licensed_behind(api):
    group = api.tenant.group_id("Support desk")
    answer = api("POST", f"/v1.0/groups/{group}/assignLicense", {"addLicenses": [], "removeLicenses": [E3]})
    assert answer.status_code == 202
    assert answer.headers["location"].endswith(f"/directoryObjects/{group}/Microsoft.DirectoryServices.Group")
    states = []
    for dummy in range(3):
        shown = api.get(f"/v1.0/groups/{group}?$select=assignedLicenses,licenseProcessingState")
        assert shown["assignedLicenses"] == []
        states.append(shown["licenseProcessingState"]["state"])
    assert states == ["QueuedForProcessing", "ProcessingInProgress", "ProcessingComplete"]
    assert api.tenant.state()["users"]["heidi@contoso.example"]["licenses"] == []
    assert api.get(f"/v1.0/groups/{group}/assignedLicenses")["value"] == []


def test_48_a_licensed_group_cannot_be_deleted(api):
    group = api.tenant.group_id("Support desk")
    refused(api("DELETE", f"/v1.0/groups/{group}"), 400, "Request_BadRequest", "Unable to delete the group because there is a product license assigned")
    other = next(key for key, name in api.tenant.state()["groups"].items() if name == "Project team")
    assert api("DELETE", f"/v1.0/groups/{other}").status_code == 204


def test_49_subscribed_skus(api):
    answer = api.get("/v1.0/subscribedSkus")
    assert "@odata.nextLink" not in answer
    row = next(row for row in answer["value"] if row["skuPartNumber"] == "SPE_E3")
    assert row["id"] == f"{api.tenant.sign_in['tenant_id']}_{E3}"
    assert (row["appliesTo"], row["capabilityStatus"], row["prepaidUnits"]["warning"]) == ("User", "Enabled", 2)
    assert api.get(f"/v1.0/subscribedSkus/{row['id']}")["skuId"] == E3
    assert api.get("/v1.0/directory/subscriptions")["value"]


def test_50_license_details(api):
    (row,) = api.get("/v1.0/users/bob@contoso.example/licenseDetails")["value"]
    assert {"id", "skuId", "skuPartNumber", "servicePlans"} == set(row)
    assert {plan["servicePlanName"]: plan["provisioningStatus"] for plan in row["servicePlans"]}["SWAY"] == "Disabled"


def test_51_reprocess_a_user(api):
    answer = api("POST", "/v1.0/users/heidi@contoso.example/reprocessLicenseAssignment")
    assert (answer.status_code, answer.json()["id"]) == (200, api.user("heidi"))


def test_52_throttled_with_a_fraction(api):
    api.tenant.fault("subscribedSkus", status=429, code="TooManyRequests", message="Please retry again later.", headers={"Retry-After": "2.128"})
    answer = api("GET", "/v1.0/subscribedSkus")
    refused(answer, 429, "TooManyRequests")
    assert answer.headers["Retry-After"] == "2.128"
    api.tenant.conditions({"read_units": 6.0, "read_seconds": 10.0})
    costs = [api("GET", "/v1.0/subscribedSkus") for dummy in range(3)]
    assert [answer.status_code for answer in costs] == [200, 200, 429]
    assert costs[0].headers["x-ms-resource-unit"] == "3"
    assert 0.8 < float(costs[1].headers["x-ms-throttle-limit-percentage"]) <= 1.8
    assert 0 < float(costs[2].headers["Retry-After"]) <= 5


def test_53_parallel_writes(api):
    api.tenant.fault("assignLicense", status=409, code="Directory_ConcurrencyViolation", message="Error due to concurrent requests being made to the tenant.")
    refused(api.assign("bob", [], [E3]), 409, "Directory_ConcurrencyViolation")
    assert api.assign("bob", [], [E3]).status_code == 200


def test_54_a_revoked_session_is_challenged(api):
    api.tenant.identity.revoke()
    answer = api("GET", "/v1.0/subscribedSkus")
    refused(answer, 401, "InvalidAuthenticationToken", "Continuous access evaluation")
    assert 'error="insufficient_claims", claims="' in answer.headers["WWW-Authenticate"]
    api.tenant.options = dict(api.tenant.sign_in)
    assert not api.tenant.run("user_assign_license", user="erin@contoso.example", usage_location="SE")["failed"]
    api.tenant.fault("batch", action="revoke_tokens", skip=1)
    result = api.tenant.run("user_assign_license", user="erin@contoso.example", usage_location="FI", licenses={"remove": ["SPE_E5"]})
    assert not result["failed"], result


def test_55_a_batch_that_is_too_large(api):
    item = {"method": "GET", "url": "/subscribedSkus"}
    body = {"requests": [{"id": str(number), **item} for number in range(21)]}
    assert api("POST", "/v1.0/$batch", body).status_code == 400
    assert api("POST", "/v1.0/$batch", {"requests": body["requests"][:20]}).status_code == 200
    assert api("POST", "/v1.0/$batch", {"requests": [{"id": "a", **item}, {"id": "A", **item}]}).status_code == 400


def test_56_what_depends_on_a_failure_fails(api):
    body = {
        "requests": [{"id": "1", "method": "GET", "url": "/users/nobody@contoso.example"}, {"id": "2", "method": "GET", "url": "users", "dependsOn": ["1"]}]
    }
    answer = api("POST", "/v1.0/$batch", body)
    assert answer.status_code == 200
    assert {row["id"]: row["status"] for row in answer.json()["responses"]} == {"1": 404, "2": 424}


def test_57_an_item_is_throttled(api):
    api.tenant.fault("/v1.0/users$", status=429, code="TooManyRequests", headers={"Retry-After": "1.5"})
    body = {"requests": [{"id": "1", "method": "GET", "url": "/users"}, {"id": "2", "method": "GET", "url": "/groups"}]}
    rows = {row["id"]: row for row in api("POST", "/v1.0/$batch", body).json()["responses"]}
    assert (rows["1"]["status"], rows["1"]["headers"]["Retry-After"], rows["2"]["status"]) == (429, "1.5", 200)


def test_58_users_of_a_sku(api):
    rows = api.get(f"/v1.0/users?$filter=assignedLicenses/any(s:s/skuId eq {E3})&$select=userPrincipalName&$top=2")
    names = [row["userPrincipalName"] for row in rows["value"]]
    while "@odata.nextLink" in rows:
        rows = api.get(rows["@odata.nextLink"].removeprefix(api.tenant.sandbox.url))
        names += [row["userPrincipalName"] for row in rows["value"]]
    assert sorted(names) == [f"{name}@contoso.example" for name in ("bob", "carol", "dave", "heidi", "ivan")]


def test_59_an_advanced_query_needs_its_header(api):
    query = "/v1.0/users?$filter=assignedLicenses/$count eq 0&$select=userPrincipalName"
    refused(api("GET", f"{query}&$count=true"), 400, "Request_BadRequest", "$count is not currently supported.")
    refused(api("GET", query), 400, "Request_UnsupportedQuery")
    answer = api.get(f"{query}&$count=true", ConsistencyLevel="eventual")
    assert answer["@odata.count"] == len(answer["value"]) == 4
    held = api.get("/v1.0/users?$filter=assignedLicenses/$count ne 0&$count=true", ConsistencyLevel="eventual")
    assert held["@odata.count"] == 8
    assert api("GET", "/v1.0/users?$select=id,mailboxSettings").status_code == 501
    assert api("GET", "/v1.0/users?$select=id,nonsense").status_code == 400


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_60_nothing_of_it_in_v1_by_choice(api, method):
    refused(api(method, "/v1.0/admin/cloudLicensing/assignments"), 400, "BadRequest", "Resource not found for the segment 'cloudLicensing'.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{A}/allotments"),
        ("DELETE", f"{A}/allotments/x"),
        ("PUT", f"{A}/assignments/x/allotment/$ref"),
        ("DELETE", A),
        ("PATCH", f"{A}/assignmentErrors/x"),
    ],
)
def test_what_is_there_for_reading_only_by_design(api, method, path):
    refused(api(method, path, {}), 405, "methodNotAllowed")


def test_61_a_location_just_written(api):
    api.tenant.conditions({"location_lag": 1})
    assert api("PATCH", f"/v1.0/users/{api.user('alice')}", {"usageLocation": "DE"}).status_code == 204
    refused(api.assign("alice", [add(E5)]), 400, "Request_BadRequest", "invalid usage location")
    assert api.assign("alice", [add(E5)]).status_code == 200


def test_62_a_user_just_created(api):
    api.tenant.conditions({"new_user_lag": 1})
    body = {"accountEnabled": True, "displayName": "Nina New", "mailNickname": "nina", "userPrincipalName": "nina@contoso.example", "passwordProfile": {}}
    made = api("POST", "/v1.0/users", body)
    assert made.status_code == 201
    refused(api("GET", f"/v1.0/users/{made.json()['id']}"), 404, "Request_ResourceNotFound")
    assert api.get(f"/v1.0/users/{made.json()['id']}")["userPrincipalName"] == "nina@contoso.example"
    assert api("DELETE", f"/v1.0/users/{made.json()['id']}").status_code == 204


def test_one_state_two_faces(api):
    """What one API does, the other shows (graph-contract 3.4)."""
    assert api.assign("grace", [add(E5, SWAY)]).status_code == 200
    (row,) = api.get(f"/beta/users/{api.user('grace')}/cloudLicensing/assignments?$expand=allotment")["value"]
    assert (row["disabledServicePlanIds"], row["allotment"]["skuId"]) == ([SWAY], E5)
    api.create("carol", "POWER_BI_PRO")
    second = api("POST", f"{A}/assignments", api.both(api.pool("POWER_BI_PRO", 1), "users", api.user("carol")))
    assert second.status_code == 201
    assert api.tenant.state()["seats_used"]["POWER_BI_PRO"] == 3, "each pool gives a seat"
    bi = "f8a1db68-be16-40ed-86d5-cb42ce701560"
    plan = "70d33638-9c74-4d01-bfd3-562de28bd4ba"
    assert api.assign("carol", [add(bi, plan)]).status_code == 200
    assert {tuple(claim["off"]) for claim in api.tenant.claims(api.user("carol")) if claim["sku"] == "POWER_BI_PRO"} == {("BI_AZURE_P2",)}
    assert api.assign("carol", [], [bi]).status_code == 200
    assert [claim for claim in api.tenant.claims(api.user("carol")) if claim["sku"] == "POWER_BI_PRO"] == []
    duplicate = api("POST", f"{A}/assignments", api.both(api.pool("SPE_E5"), "users", api.user("grace")))
    refused(duplicate, 400, "duplicateAssignment")


def test_a_signed_in_user_needs_a_role(api):
    token = api.tenant.identity.user_token(api.user("bob"), ["Directory.ReadWrite.All", "User.Read"], 600)
    body = {"addLicenses": [], "removeLicenses": [E3]}
    refused(api("POST", "/v1.0/me/assignLicense", body, token=token), 403, "Authorization_RequestDenied")
    assert api("GET", "/v1.0/me", token=token).json()["userPrincipalName"] == "bob@contoso.example"


def test_stale_reads_show_the_state_before_the_write(api):
    api.tenant.conditions({"stale_reads": 2})
    assert api.assign("bob", [], [E3]).status_code == 200
    path = "/v1.0/users/bob@contoso.example?$select=assignedLicenses"
    assert [len(api.get(path)["assignedLicenses"]) for dummy in range(3)] == [1, 1, 0]


def test_forms_of_answers_that_clients_must_bear(api):
    faults = api.tenant.sandbox.service.faults
    faults.set({"wrapped": True, "hide_ids": True, "page_size": 2, "shuffle": True, "seed": 5})
    answer = api("POST", f"{A}/assignments", api.both(api.pool("SPE_E5"), "users", api.user("grace")))
    assert "id" not in answer.json()
    claim = next(claim for claim in api.tenant.claims(api.user("grace")))
    assert api("GET", f"{A}/assignments/{claim['id']}").json()["value"]["id"] == claim["id"]
    rows = api.get(f"{A}/allotments")
    assert len(rows["value"]) == 2
    ids = [row["id"] for row in rows["value"]]
    while "@odata.nextLink" in rows:
        rows = api.get(rows["@odata.nextLink"].removeprefix(api.tenant.sandbox.url))
        ids += [row["id"] for row in rows["value"]]
    assert len(set(ids)) == len(ids) == 5
    faults.clear()
    faults.set({"classic_errors": True})
    refused(api("GET", f"{A}/allotments/nowhere"), 404, "Request_ResourceNotFound")
    api.tenant.sandbox.faults_of_form.clear()


def test_the_quota_of_writes_holds_with_many_at_once(api):
    api.tenant.conditions({"writes": 5.0, "write_seconds": 150.0})
    answers = []

    def write() -> None:
        answer = Api(api.tenant)("PATCH", f"/v1.0/users/{api.user('bob')}", {"usageLocation": "DE"})
        answers.append(answer.status_code)

    threads = [threading.Thread(target=write) for dummy in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [204] * 5 + [429] * 3


MEMBER_ERRORS = {
    "MutuallyExclusiveViolation": [add(E1)],
    "DependencyViolation": [add(E3, SPO)],
    "ProhibitedInUsageLocationViolation": [add(E5)],
}


@pytest.mark.parametrize("code", MEMBER_ERRORS)
def test_what_a_group_cannot_give_its_members(api, code):
    """All of the group's SKUs stop for the member (graph-contract 3.3); reprocessing says why at once."""
    group = api.tenant.group_id("Support desk")
    assert api("POST", f"/v1.0/groups/{group}/assignLicense", {"addLicenses": MEMBER_ERRORS[code], "removeLicenses": []}).status_code == 202
    for dummy in range(3):
        api.get(f"/v1.0/groups/{group}")
    rows = api.tenant.state()["users"]["ivan@contoso.example"]["licenses"]
    assert {row["state"] for row in rows} == {"Error"}
    states = api.get(f"/v1.0/users/{api.user('ivan')}?$select=licenseAssignmentStates,assignedLicenses")
    assert {state["error"] for state in states["licenseAssignmentStates"]} == {code}
    assert states["assignedLicenses"] == []
    answer = api("POST", f"/v1.0/users/{api.user('ivan')}/reprocessLicenseAssignment")
    assert answer.status_code == (200 if code.startswith("Prohibited") else 400)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1.0/users/bob@contoso.example/assignLicense", [], 400),
        ("POST", "/v1.0/users/bob@contoso.example/assignLicense", "text", 400),
        ("POST", "/v1.0/users/bob@contoso.example/assignLicense", {"addLicenses": None, "removeLicenses": None}, 400),
        ("POST", "/v1.0/users/bob@contoso.example/assignLicense", {"addLicenses": [E5], "removeLicenses": []}, 400),
        ("POST", "/v1.0/users/bob@contoso.example/assignLicense", {"addLicenses": [{"skuId": None}], "removeLicenses": []}, 400),
        ("POST", "/v1.0/users/bob@contoso.example/assignLicense", {"addLicenses": [], "removeLicenses": [7]}, 400),
        ("POST", f"{A}/assignments", {"allotment@odata.bind": 7, "disabledServicePlanIds": []}, 400),
        ("POST", f"{A}/assignments", {"disabledServicePlanIds": [None]}, 400),
        ("PATCH", "/v1.0/users/bob@contoso.example", {"usageLocation": 7}, 400),
        ("POST", "/v1.0/$batch", {"requests": None}, 400),
        ("POST", "/v1.0/$batch", {"requests": [{"id": 1, "method": "GET", "url": ""}]}, 400),
        ("POST", "/v1.0/$batch", [], 400),
        ("GET", "/v1.0/users?$top=many", None, 400),
        ("GET", "/v1.0/users?$skiptoken=%00", None, 400),
        ("GET", "/v1.0/users?$filter=nonsense", None, 400),
        ("GET", "/v1.0/users?$expand=nonsense(", None, 400),
        ("PUT", "/v1.0/users", {}, 400),
        ("POST", "/v1.0/users", {"userPrincipalName": 7}, 400),
        ("GET", "/v1.0/users?$filter=displayName/any(s:s/skuId eq 7)", None, 200),
        ("GET", "/v1.0/users?$filter=department eq 'Sales' and not assignedLicenses/any(s:s/skuId eq 7)", None, 400),
        ("POST", "/v1.0/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users", "headers": "x"}]}, 400),
        ("POST", "/v1.0/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users", "dependsOn": 5}]}, 400),
        ("GET", f"{A}/allotments?$filter=nonsense", None, 400),
        ("GET", "/v1.0/users?$filter=nonsense eq 'x'", None, 400),
        ("GET", "/v1.0/users?$filter=displayName eq 'salt and pepper' and department eq 'Sales'", None, 200),
        ("GET", "/v1.0/users?$select=assignedPlans,provisionedPlans", None, 200),
        ("OPTIONS", "/v1.0/users", None, 400),
        ("GET", "/v1.0/", None, 400),
    ],
)
def test_nothing_that_is_sent_makes_the_sandbox_fail(api, method, path, body, status):
    before = api.tenant.state()
    answer = api(method, path, body)
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["error"]["code"]
    assert api.tenant.state() == before


def test_a_query_that_is_not_understood_by_design(api):
    refused(api("GET", f"{A}/allotments?$filter=nonsense"), 400, "invalidFilter")
    refused(api("GET", f"{A}/allotments?$expand=nonsense"), 400, "invalidExpansion")


def test_all_applications_together_have_a_quota(api):
    api.tenant.conditions({"tenant_writes": 1.0})
    reader = api.tenant.identity.user_token(api.user("alice"), ["User.ReadWrite.All"], 600)
    path, body = f"/v1.0/users/{api.user('bob')}", {"usageLocation": "DE"}
    assert api("PATCH", path, body).status_code == 204
    answer = api("PATCH", path, body, token=reader)
    assert (answer.status_code, answer.headers["x-ms-throttle-scope"]) == (429, "Tenant/Write")


def test_both_faces_say_the_same_of_a_groups_members(api):
    group, ivan = api.tenant.group_id("Support desk"), api.user("ivan")
    api.assign("ivan", [add(E5, "4828c8ec-dc2e-4779-b502-87ac9ce28ab7")])
    body = {**api.bind("", api.pool("SPE_E5"), "allotment"), "disabledServicePlanIds": []}
    made = api("POST", f"/beta/groups/{group}/cloudLicensing/assignments", body)
    assert made.status_code == 201
    errors = api.get(f"{A}/assignmentErrors?$expand=assignedTo")["value"]
    assert {row["assignedTo"]["id"] for row in errors} == {ivan}
    error = next(row for row in errors if row["skuId"] == E5)
    assert api.get(f"{A}/assignmentErrors/{error['id']}/usageRight")["skuId"] == E5, "the older right is still in force"
    assert api("DELETE", f"/beta/groups/{group}/cloudLicensing/assignments/{made.json()['id']}").status_code == 204
    assert api.get(f"{A}/assignmentErrors")["value"] == []
    assert api("DELETE", f"/v1.0/users/{ivan}").status_code == 204


def test_a_group_is_not_licensed_with_what_groups_cannot_have(api):
    group = api.tenant.group_id("Support desk")
    body = {"addLicenses": [add("2b317a4a-77a6-4188-9437-b68a77b4e2c6")], "removeLicenses": []}
    assert api("POST", f"/v1.0/groups/{group}/assignLicense", body).status_code == 400
    for dummy in range(3):
        assert api("GET", "/v1.0/users/bob@contoso.example").status_code == 200


def test_a_path_knows_its_own_assignments_only(api):
    made = api.create("grace")
    assert api("GET", f"/beta/users/{api.user('bob')}/cloudLicensing/assignments/{made['id']}/allotment").status_code == 404
    assert api("POST", "/beta/users/nobody@contoso.example/cloudLicensing/assignments/reprocessAssignments").status_code == 404
    same = {"disabledServicePlanIds": [], **api.bind("users", "grace@contoso.example")}
    assert api("PATCH", f"{A}/assignments/{made['id']}", same).status_code == 200


def test_permissions_for_ones_own_record_open_no_other(api):
    token = api.tenant.identity.user_token(api.user("bob"), ["User.Read", "User-UsageRight.Read"], 600)
    assert api("GET", "/v1.0/me", token=token).status_code == 200
    assert api("GET", f"/beta/users/{api.user('bob')}/cloudLicensing/usageRights", token=token).status_code == 200
    assert api("GET", "/v1.0/users", token=token).status_code == 403
    assert api("GET", f"/beta/users/{api.user('carol')}/cloudLicensing/usageRights", token=token).status_code == 403


def test_a_body_in_chunks(api):
    url = f"{api.tenant.sandbox.url}/v1.0/users/bob@contoso.example"
    head = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    parts = (part for part in (b'{"usage', b'Location": "FR"}'))
    answer = requests.patch(url, data=parts, headers=head, verify=api.tenant.ready_token["ca_path"], timeout=30)
    assert answer.status_code == 204
    assert api.tenant.state()["users"]["bob@contoso.example"]["usage_location"] == "FR"


def test_an_unknown_path_is_logged_as_such(api):
    api("GET", "/v1.0/sites/root")
    assert [entry["unknown"] for entry in api.tenant.journal()] == [True]


def test_the_page_shows_the_tenant_and_loads_nothing(api):
    api.create("grace", plans=[SWAY])
    answer = api("GET", "/_sandbox/")
    assert answer.headers["Content-Type"].startswith("text/html")
    for text in ("SPE_E5", "3 of 4", "Grace Gomez", "without SWAY", "Support desk", "POST /beta/admin/cloudLicensing/assignments"):
        assert text in answer.text
    assert not re.search(r"<script|src=|href=|url\(|@import", answer.text)


NOT_TAKEN = [
    "/v1.0/subscribedSkus?$filter=skuPartNumber eq 'SPE_E3'",
    "/v1.0/subscribedSkus?$top=5",
    "/v1.0/subscribedSkus?$expand=servicePlans",
    "/v1.0/users/bob@contoso.example?$filter=id eq 'x'",
    "/v1.0/users/bob@contoso.example?$top=1",
    "/v1.0/users/bob@contoso.example/licenseDetails?$filter=skuId eq x",
    "/beta/users/bob@contoso.example/cloudLicensing/assignments?$filter=id eq 'x'",
    f"{A}/assignments?$apply=aggregate($count as total)",
    f"{A}/allotments?$orderby=skuId",
    "/v1.0/users?$skip=1",
]


@pytest.mark.parametrize("path", NOT_TAKEN)
def test_a_query_option_that_a_path_does_not_take(api, path):
    answer = api("GET", path)
    assert answer.status_code == 400, answer.text
    assert "Query option" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1.0/users?", "/v1.0/groups?", f"{A}/assignments?", f"{A}/allotments?"])
def test_pages_have_at_most_999_rows(api, path):
    assert api.get(f"{path}$top=999")["value"]
    for size in (1000, 5000):
        assert api("GET", f"{path}$top={size}").status_code == 400


def test_the_documented_quota_is_in_force_from_the_start(api):
    conditions = api.tenant.sandbox.service.faults.conditions
    assert (conditions.writes, conditions.write_seconds, conditions.tenant_writes, conditions.tenant_write_seconds) == (3000, 150, 18000, 300)
    item = {"method": "PATCH", "url": f"/users/{api.user('bob')}", "body": {"usageLocation": "DE"}, "headers": {"Content-Type": "application/json"}}
    statuses = []
    for dummy in range(151):
        batch = {"requests": [{**item, "id": str(number)} for number in range(20)]}
        statuses += [row["status"] for row in api("POST", "/v1.0/$batch", batch).json()["responses"]]
    assert statuses.count(204) >= 3000
    assert 429 in statuses, "more than three thousand within the time of a test"
