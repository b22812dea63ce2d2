# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What errors of Graph are explained as: the contract's errors by number, and permissions against Microsoft's map."""

from __future__ import annotations

import json

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.graph_errors import explain
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.permissions import needed_for
from sandbox_tenant.errors import TEXTS
from support.csdl import schema_path

# the sandbox's text of each refusal, and the short name that it is explained by
MEANINGS = {
    "E1": "usage_location_missing",
    "E2": "no_seats",
    "E3": "plans_exclude",
    "E4": "plans_need",
    "E5": "not_held",
    "E6": "inherited_only",
    "E7": "sku_not_owned",
    "E8": "sku_not_assignable",
    "E9": "plan_unknown",
    "E10": "request_refused",
    "E11": "request_refused",
    "E12": "request_refused",
    "E13": "name_malformed",
    "segment": "api_not_available",
    "E14": "proxy_address_conflict",
    "E15": "not_found",
    "E18": "forbidden",
    "E22": "throttled",
    "E26": "filter_refused",
    "E27": "filter_refused",
    "filter": "filter_refused",
}
# other words for the same, which the contract quotes
WORDS = [
    (400, "Request_BadRequest", "Subscription with Account x and SKU y does not have any available licenses left.", "no_seats"),
    (400, "Request_BadRequest", "Not enough licenses are available to complete this operation.", "no_seats"),
    (400, "noAvailableLicenses", "There are no available licenses for the specified allotment", "no_seats"),
    (400, "mutuallyExclusiveServicePlans", "conflict", "plans_exclude"),
    (400, "Request_BadRequest", "The set has conflicting service plan pairs [a, b]", "plans_exclude"),
    (400, "invalidUsageLocation", "", "usage_location_missing"),
    (400, "proxyAddressConflict", "", "proxy_address_conflict"),
    (400, "invalidAssigneeType", "", "not_assignable_to_kind"),
    (404, "notFound", "Resource 'x' not found", "not_found"),
    (404, "Directory_ObjectNotFound", "Unable to read the company information from the directory.", "tenant_not_found"),
    (409, "Directory_ConcurrencyViolation", "Error due to concurrent requests being made to the tenant.", "busy"),
    (503, "UnknownError", "", "unavailable"),
    (400, "notFound", "Service plan 'x' not found", "not_found"),
    (400, "requiredFieldOrParameterMissing", "", "request_refused"),
    (400, "immutablePropertyModified", "", "request_refused"),
    (400, "invalidExpansion", "", "request_refused"),
    (400, "invalidQuery", "", "request_refused"),
    (405, "methodNotAllowed", "", "api_not_available"),
]


@pytest.mark.parametrize("number", MEANINGS)
def test_errors_of_the_contract(number):
    status, code, text = TEXTS[number]
    meaning = explain(status, code, text, "POST", "/users/x/assignLicense")
    assert meaning.code == MEANINGS[number]
    assert meaning.cause
    assert meaning.remedy


@pytest.mark.parametrize(("status", "code", "text", "name"), WORDS)
def test_other_words_for_the_same(status, code, text, name):
    assert explain(status, code, text, "GET", "/users/x").code == name


def test_an_unknown_error_stays_as_it_is():
    assert explain(400, "Request_BadRequest", "Something new.", "POST", "/users/x/assignLicense") is None
    assert explain(418, "teapot", "", "GET", "/x") is None


# method, path, a name of the documentation, a name of the permission map (None where one of them has none), a role
OPENS = [
    ("POST", "/users/x/assignLicense", "LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "License Administrator"),
    ("POST", "/me/assignLicense", "LicenseAssignment.ReadWrite.All", "Directory.ReadWrite.All", "Directory Writers"),
    ("POST", "/groups/x/assignLicense", "LicenseAssignment.ReadWrite.All", "Group.ReadWrite.All", "Groups Administrator"),
    ("PATCH", "/users/x", "User.ReadWrite.All", "Directory.ReadWrite.All", "User Administrator"),
    ("GET", "/subscribedSkus?$select=id", "LicenseAssignment.Read.All", "Directory.Read.All", None),
    ("GET", "/v1.0/users?$top=999", "User.Read.All", "Directory.Read.All", None),
    ("GET", "/admin/cloudLicensing/allotments", "CloudLicensing.Read.All", "Directory.Read.All", None),
    ("POST", "/admin/cloudLicensing/assignments", "CloudLicensing.AssignLicenses.Organization", "Directory.ReadWrite.All", "License Administrator"),
    ("PATCH", "/users/x/cloudLicensing/assignments/y", "User-CloudLicensing.AssignLicenses", "User.ReadWrite.All", "License Administrator"),
    ("POST", "/users/x/cloudLicensing/assignments", "User-CloudLicensing.AssignLicenses.Organization", "User.ReadWrite.All", "License Administrator"),
    ("POST", "/groups/x/cloudLicensing/assignments", "CloudLicensing.AssignLicenses.Organization", "User.ReadWrite.All", "Groups Administrator"),
    ("GET", "/groups/x/cloudLicensing/assignments", "Group-CloudLicensing.Read.All", "User.Read.All", None),
    ("POST", "/users/x/cloudLicensing/assignments/reprocessAssignments", "CloudLicensing.AssignLicenses", "User.ReadWrite.All", "License Administrator"),
    ("POST", "/groups/x/cloudLicensing/assignments/reprocessAssignments", "Group.ReadWrite.All", "Directory.ReadWrite.All", "Groups Administrator"),
    ("GET", "/me/cloudLicensing/usageRights", "User-UsageRight.Read", "User.Read.All", None),
    ("GET", "/devices/x/cloudLicensing/assignments", "CloudLicensing-UsageRights.Read.All", "Device.Read.All", None),
    ("GET", "/admin/cloudLicensing/assignmentErrors", "User-CloudLicensing.Read.All", "User.Read.All", None),
    ("DELETE", "/groups/x/cloudLicensing/assignments/y", "Group-CloudLicensing.AssignLicenses", "Group.ReadWrite.All", "Groups Administrator"),
    ("POST", "/devices/x/cloudLicensing/assignments", "CloudLicensing-Assignment.ReadWrite.All", "Device.ReadWrite.All", "License Administrator"),
    ("POST", "/users/x/reprocessLicenseAssignment", "User.ReadWrite.All", "Directory.ReadWrite.All", "License Administrator"),
]


@pytest.mark.parametrize(("method", "path", "documented", "mapped", "role"), OPENS)
def test_both_families_of_permissions_are_named(method, path, documented, mapped, role):
    text = explain(403, "Authorization_RequestDenied", "Insufficient privileges", method, path).remedy
    assert documented in text
    assert mapped in text
    assert role is None or role in text
    assert "?" not in text


@pytest.mark.skipif(schema_path() is None, reason="no shared folder beside this checkout, so Microsoft's permission map cannot be read")
@pytest.mark.parametrize(("method", "path"), [(row[0], row[1]) for row in OPENS])
def test_microsofts_permission_map_agrees(method, path):
    """Of the names that Microsoft's map gives a path, some are in ours."""
    listed = json.loads((schema_path().parent / "permissions.json").read_text())
    wanted = path.split("?")[0].removeprefix("/v1.0").replace("/x", "/{id}").replace("/y", "/{id}").lower()
    opening = {
        (name, scheme)
        for name, rows in listed.items()
        for row in rows
        if method in row["methods"] and wanted in {known.lower() for known in row["paths"]}
        for scheme in row["schemeKeys"]
    }
    if not opening:
        pytest.skip(f"Microsoft's map does not list {method} {path}")
    ours = needed_for(method, path)
    assert set(ours.application) & {name for name, scheme in opening if scheme == "Application"} or "/me" in path
    assert set(ours.delegated) & {name for name, scheme in opening if scheme == "DelegatedWork"}


def test_a_task_without_permission_is_told_which_ones_would_do(tenant):
    reader = {name: tenant.credentials[f"reader_{name}"] for name in ("client_id", "client_secret")}
    tenant.options = {**tenant.sign_in, **reader}
    result = tenant.run("user_assign_license", user="carol@contoso.example", licenses={"add": [{"sku": "SPE_E5"}]})
    assert result["failure"]["code"] == "forbidden"
    assert result["failure"]["status"] == 403
    for word in ("POST /users/", "assignLicense", "LicenseAssignment.ReadWrite.All", "License Administrator", result["failure"]["request_id"]):
        assert word in result["msg"]
    assert "LicenseAssignment.ReadWrite.All" in result["failure"]["remedy"]


def test_service_plans_have_their_names_beside_the_ids(tenant):
    entry = {"add": [{"sku": "SPE_E3", "disabled_plans": ["SHAREPOINTENTERPRISE"]}]}
    result = tenant.run("user_assign_license", user="carol@contoso.example", licenses=entry, plan_check="try")
    assert result["failure"]["code"] == "plans_need"
    assert "e95bec33-7c88-4a70-8e19-b10bd9d0c014 (SHAREPOINTWAC) depends on" in result["msg"]
    assert [row["code"] for row in result["findings"]] == ["plans_need"]
