# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two names for one thing: users, SKUs, service plans, groups and allotments in any spelling, in every module; the result does not depend on it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.seeds import upn

HEAD = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names"


class Spelling:
    """Chooses one of the names of a thing, by a seed. Without a seed, the plainest."""

    def __init__(self, tenant, seed: int | None) -> None:
        self._tenant, self._random = tenant, None if seed is None else random.Random(seed)
        self._skus = {row["sku"]: row for row in tenant.run("sku_info")["skus"]}

    def _one(self, *names: str) -> str:
        return names[0] if self._random is None else self._random.choice([*names, *(name.upper() for name in names), *(name.lower() for name in names)])

    def user(self, name: str) -> str:
        return self._one(upn(name), self._tenant.user_id(name))

    def sku(self, part: str) -> str:
        return self._one(part, self._skus[part]["sku_id"], f"Product {part}")

    def plan(self, part: str, name: str) -> str:
        found = next(plan for plan in self._skus[part]["service_plans"] if plan["service_plan"] == name)
        return self._one(name, found["service_plan_id"], f"Plan {name}")

    def group(self, name: str) -> str:
        found = next(key for key, group in self._tenant.store.groups.items() if group["displayName"] == name)
        return name if self._random is None else self._random.choice([name, name.upper(), found, found.upper()])


# module: options in any spelling
CASES: dict[str, Callable[[Spelling], dict]] = {
    "user_assign_license": lambda s: {
        "user": s.user("bob"),
        "licenses": {"add": [{"sku": s.sku("SPE_E5"), "disabled_plans": [s.plan("SPE_E5", "SWAY")]}], "remove": [s.sku("SPE_E3")]},
        "protect": [s.sku("POWER_BI_PRO")],
    },
    "users_assign_license": lambda s: {
        "users": [{"user": s.user("bob"), "licenses": {"set": [{"sku": s.sku("POWER_BI_PRO")}]}, "protect": [s.sku("SPE_E5")]}, {"user": s.user("carol")}],
        "licenses": {"add": [{"sku": s.sku("SPE_E5"), "alternatives": [{"sku": s.sku("SPE_E3")}]}]},
    },
    "group_assign_license": lambda s: {"group": s.group("Support desk"), "licenses": {"add": [{"sku": s.sku("SPE_E3"), "disabled_plans": []}]}},
    "groups_assign_license": lambda s: {
        "groups": [{"group": s.group("Support desk"), "licenses": [{"sku": s.sku("POWER_BI_PRO")}], "remove": [s.sku("SPE_E3")]}]
    },
    "cloud_license_assignment": lambda s: {
        "user": s.user("carol"), "sku": s.sku("POWER_BI_PRO"), "disabled_plans": [s.plan("POWER_BI_PRO", "BI_AZURE_P2")], "allotment_choice": "most_available",
    },
    "cloud_license_assignments": lambda s: {
        "assignments": [{"user": s.user("carol"), "sku": s.sku("POWER_BI_PRO")}, {"group": s.group("Support desk"), "sku": s.sku("POWER_BI_PRO")}],
        "allotment_choice": "most_available",
    },
    "sku_holders": lambda s: {"skus": [{"sku": s.sku("SPE_E5")}, {"sku": s.sku("SPE_E3")}], "users": {"add": [s.user("grace")], "remove": [s.user("bob")]}},
    "group_members": lambda s: {"group": s.group("Support desk"), "add": [s.user("alice")], "remove": [s.user("heidi")]},
    "licensed_users": lambda s: {
        "profiles": {
            "office": {"licenses": [{"sku": s.sku("SPE_E3"), "disabled_plans": [s.plan("SPE_E3", "SWAY")]}], "groups": [s.group("Support desk")]},
            "lead": {"licenses": [{"sku": s.sku("SPE_E5")}]},
        },
        "users": [
            {"user": s.user("bob"), "profile": "lead", "from": "office"},
            {"user": s.user("carol"), "profile": "office", "licenses": [{"sku": s.sku("POWER_BI_PRO")}]},
        ],
        "previous_users": [{"user": s.user("carol"), "profile": "lead"}],
        "licensing_groups": [{"group": s.group("Support desk"), "licenses": [{"sku": s.sku("SPE_E3")}]}],
        "remove": "previous",
        "protect": [s.sku("POWER_BI_PRO")],
    },
}  # fmt: skip


@pytest.fixture
def names_file(tenant, tmp_path):
    rows = [
        f"Product {sku['sku']},{sku['sku']},{sku['sku_id']},{plan['service_plan']},{plan['service_plan_id']},Plan {plan['service_plan']}"
        for sku in tenant.run("sku_info")["skus"]
        for plan in sku["service_plans"]
    ]
    (tmp_path / "names.csv").write_text("\n".join([HEAD, *rows, ""]), encoding="utf-8")
    return str(tmp_path / "names.csv")


def told(result: dict) -> tuple:
    """What a run says, without the names that the task itself uses."""
    rows = [(row["outcome"], row["changes"], [one["code"] for one in row["findings"]]) for row in result.get("results", [])]
    return result["changed"], result.get("changes"), rows, {key: value for key, value in result.get("summary", {}).items() if key != "requests"}


@pytest.mark.parametrize("module", CASES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_the_result_does_not_depend_on_the_spelling(tenant, names_file, module, seed):
    expected = tenant.check(module, **CASES[module](Spelling(tenant, None)), sku_names=names_file)
    assert not expected["failed"], expected["msg"]
    assert expected["changed"]
    spelled = tenant.check(module, **CASES[module](Spelling(tenant, seed)), sku_names=names_file)
    assert not spelled["failed"], spelled["msg"]
    assert told(spelled) == told(expected)
