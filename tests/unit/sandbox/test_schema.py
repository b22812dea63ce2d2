# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of answers is itself tested: with answers that must fail. It then sits over every other test."""

from __future__ import annotations

import pytest
from support.csdl import CLOUD, Schema, schema_path
from support.sdk_schema import SdkSchema

JUDGES = [SdkSchema()] + ([Schema(schema_path())] if schema_path() else [])
ONLY_THE_FILE_KNOWS = ("null where there is none", "a relation")  # models do not say what may be null
GUID = "06ebc4ee-1bb5-47dd-8120-11324bc54e06"

WRONG = {
    "a type": ("graph.subscribedSku", {"consumedUnits": "3"}),
    "a boolean for a number": ("graph.subscribedSku", {"consumedUnits": True}),
    "no GUID": ("graph.assignedLicense", {"skuId": "SPE_E5"}),
    "null where there is none": ("graph.user", {"assignedLicenses": None}),
    "an object for a list": ("graph.user", {"assignedLicenses": {}}),
    "deep down": ("graph.user", {"assignedLicenses": [{"disabledPlans": [GUID, "x"]}]}),
    "unknown in a closed type": (f"{CLOUD}assignment", {"skuId": GUID}),
    "unknown in a complex type": ("graph.assignedLicense", {"sku": GUID}),
    "an enum": (f"{CLOUD}subscription", {"state": "Active"}),
    "flags": (f"{CLOUD}allotment", {"assignableTo": "user, group"}),
    "a date": (f"{CLOUD}subscription", {"startDate": "2025-09-30T00:00:00.000Z"}),
    "a time": (f"{CLOUD}waitingMember", {"waitingSinceDateTime": "yesterday"}),
    "a relation": (f"{CLOUD}assignment", {"allotment": {"allottedUnits": None}}),
}
RIGHT = {
    "user": ("graph.user", {"id": "x", "usageLocation": None, "extension_of_ours": 1, "assignedLicenses": [{"skuId": GUID, "disabledPlans": []}]}),
    "allotment": (f"{CLOUD}allotment", {"@odata.type": "x", "id": "y", "assignableTo": "user,group", "skuId": None}),
}


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: type(judge).__name__)
@pytest.mark.parametrize("title", WRONG)
def test_what_is_wrong_is_found(judge, title):
    type_name, value = WRONG[title]
    expected = 0 if isinstance(judge, SdkSchema) and title in ONLY_THE_FILE_KNOWS else 1
    assert len(judge.faults(value, type_name)) == expected


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: type(judge).__name__)
@pytest.mark.parametrize("title", RIGHT)
def test_what_is_right_passes(judge, title):
    type_name, value = RIGHT[title]
    assert judge.faults(value, type_name) == []


@pytest.mark.parametrize("schema", JUDGES, ids=lambda judge: type(judge).__name__)
def test_paths_are_judged(schema):
    assert schema.judge("GET", "/v1.0/users/x", {}, 200, {"assignedLicenses": {}})
    assert schema.judge("GET", "/beta/users/x/cloudLicensing/assignments", {}, 200, {"value": [{"surprise": 1}]})
    assert schema.judge("GET", "/v1.0/users", {}, 200, {"value": {}})
    assert schema.judge("GET", "/v1.0/unheard/of", {}, 200, {})
    assert not schema.judge("GET", "/v1.0/users/x", {}, 404, {"error": {}})
