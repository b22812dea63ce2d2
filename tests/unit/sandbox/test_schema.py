# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of answers is itself tested: with answers that must fail. It then sits over every other test."""

from __future__ import annotations

import pytest
from support.csdl import CLOUD, Schema, schema_path

NO_SCHEMA = "Microsoft's schema (graph-licensing.csdl) does not lie beside this checkout"
pytestmark = pytest.mark.skipif(schema_path() is None, reason=NO_SCHEMA)
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


@pytest.mark.parametrize("title", WRONG)
def test_what_is_wrong_is_found(title):
    type_name, value = WRONG[title]
    assert len(Schema(schema_path()).faults(value, type_name)) == 1


@pytest.mark.parametrize("title", RIGHT)
def test_what_is_right_passes(title):
    type_name, value = RIGHT[title]
    assert Schema(schema_path()).faults(value, type_name) == []


def test_paths_are_judged():
    schema = Schema(schema_path())
    assert schema.judge("GET", "/v1.0/users/x", {}, 200, {"assignedLicenses": None})
    assert schema.judge("GET", "/beta/users/x/cloudLicensing/assignments", {}, 200, {"value": [{"surprise": 1}]})
    assert schema.judge("GET", "/v1.0/users", {}, 200, {"value": {}})
    assert schema.judge("GET", "/v1.0/unheard/of", {}, 200, {})
    assert not schema.judge("GET", "/v1.0/users/x", {}, 404, {"error": {}})
