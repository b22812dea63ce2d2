# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Product names out of Microsoft's file, in options and in filters."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.product_names import product_names
from support.csdl import schema_path

HEADER = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names"
E3, E5 = "05e9a617-0261-4cee-bb44-138d3ef5d965", "06ebc4ee-1bb5-47dd-8120-11324bc54e06"
SWAY, TEAMS = "a23b959c-7ce8-4e57-9140-b90eb88a9e97", "57ff2da0-773e-42df-b2af-ffb7a2317929"
OTHER = "11111111-0000-4000-8000-000000000001"
ROWS = [
    f"Microsoft 365 E5,SPE_E5,{E5}\u00a0,SWAY,{SWAY},Sway",
    f"Microsoft 365 E5,SPE_E5,{E5}\u00a0,TEAMS1,{TEAMS},Microsoft\u00a0Teams",
    f'"Microsoft 365 E3, Unattended",SPE_E3 ,{E3.upper()},SWAY,{SWAY},Sway',
    f"Visio Plan 1,VISIO_PLAN1,{OTHER},SWAY,{SWAY},Sway",
    f"Visio Plan 1,VISIO PLAN1_DEPT,{OTHER[:-1]}2,SWAY,{SWAY},Sway",
    f"Doubles,SPE_E3,{E3},SWAY,{SWAY},Sway",
    f"Doubles,SPE_E5,{E5},SWAY,{SWAY},Sway",
]


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "names.csv"
    path.write_text("\n".join([HEADER, *ROWS]), encoding="utf-8-sig")
    return path


def test_oddities_of_the_file():
    names = product_names([HEADER, *ROWS], "here")
    assert names.sku_ids("microsoft  365 e5") == {E5}, "a no-break space after an id, blanks and case in a name"
    assert names.sku_ids("Visio Plan 1") == {OTHER, OTHER[:-1] + "2"}
    assert names.sku_name("visio plan1_dept") == "Visio Plan 1", "a part number with a blank"
    assert names.sku_name(E3.upper()) == "Microsoft 365 E3, Unattended"
    assert names.service_plan_ids("microsoft teams") == {TEAMS}
    assert (names.service_plan_name(TEAMS), names.service_plan_name("teams1")) == ("Microsoft Teams", "Microsoft Teams")
    assert names.sku_name("nothing") is None


@pytest.mark.skipif(schema_path() is None, reason="no shared folder beside this checkout, so Microsoft's file cannot be read")
def test_microsofts_own_file():
    file = schema_path().parent / "product-names.csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        names = product_names(lines, "here")
    assert names.sku_ids("Microsoft 365 E5") == {E5}
    assert len(names.sku_ids("Visio Plan 2")) == 2
    assert names.sku_name("420c7602-7f70-4895-9394-d3d679ea36fb"), "an id with a no-break space behind it"
    assert names.sku_name("MCOCAP_FACULTY"), "a part number with one"
    shared = [name for name, ids in names._ids.items() if len(ids) > 1]
    assert len(shared) == 15


# what the file is: content, part of the message
OTHERS = {
    "another CSV": ("name,id\nE5,1\n", "has no column Product_Display_Name"),
    "a page of HTML": ("<html><body>Sign in</body></html>", "has no column"),
    "nothing": ("", "has no column"),
    "a binary": ("\x00\x01\x02", "has no column"),
}


@pytest.mark.parametrize("title", OTHERS)
def test_a_file_that_is_not_it(tenant, tmp_path, title):
    content, said = OTHERS[title]
    path = tmp_path / "names.csv"
    path.write_text(content)
    result = tenant.run("user_assign_license", user="bob@contoso.example", licenses={"add": [{"sku": "SPE_E5"}]}, sku_names=str(path))
    assert result["msg"].startswith(f"sku_names: {path} ")
    assert said in result["msg"]
    assert "as it is downloaded" in result["msg"]
    assert not tenant.journal()


def test_a_file_that_is_not_there(tenant, tmp_path):
    result = tenant.run("sku_info", sku_names=str(tmp_path / "names.csv"))
    assert result["msg"] == f"sku_names: cannot read {tmp_path / 'names.csv'}: No such file or directory"


def test_the_code_page_of_old_times(tenant, tmp_path):
    path = tmp_path / "names.csv"
    path.write_bytes("\n".join([HEADER, ROWS[0].replace("Sway", "Sway – old")]).encode("cp1252"))
    result = tenant.run("sku_info", skus=["Microsoft 365 E5"], sku_names=str(path))
    assert result["skus"][0]["name"] == "Microsoft 365 E5"


def test_names_in_options(tenant, file):
    names = {"sku_names": str(file)}
    entry = {"add": [{"sku": "Microsoft 365 E5", "disabled_plans": ["Microsoft Teams"]}], "remove": ["microsoft 365 e3, unattended"]}
    result = tenant.run("user_assign_license", user="carol@contoso.example", licenses=entry, **names)
    assert not result["failed"], result
    assert tenant.holds("carol") == {"SPE_E5": ["TEAMS1"]}
    assert not tenant.run("user_assign_license", user="carol@contoso.example", licenses={**entry, "remove": []}, protect=["Microsoft 365 E5"], **names)[
        "changed"
    ]
    cloud = tenant.run("cloud_license_assignment", user="grace@contoso.example", sku="Microsoft 365 E5", disabled_plans=["Sway"], **names)
    assert cloud["assignment"]["disabled_plans"] == ["SWAY"]
    group = tenant.run("group_assign_license", group="Support desk", licenses={"set": [{"sku": "Microsoft 365 E5"}]}, **names)
    assert [row["sku"] for row in group["licenses"]] == ["SPE_E5"]
    assert {row["id"] for row in tenant.run("user_license_info", sku="Microsoft 365 E5", **names)["users"]} >= {tenant.user_id("carol")}
    assert {row["name"] for row in tenant.run("cloud_license_info", sku="Microsoft 365 E5", gather=["allotments"], **names)["allotments"]} == {
        "Microsoft 365 E5"
    }


# what is asked for: name of the SKU, part of the message
FAILURES = {
    "two of a name, both owned": ("Doubles", f"SKU 'Doubles' is ambiguous, give one of the ids {E3}, {E5}"),
    "not owned": ("Visio Plan 1", "no SKU 'Visio Plan 1' of this tenant (a product that the tenant does not own)"),
    "misspelled": ("Microsoft 365 E6", "nearest: Microsoft 365 E5"),
}


@pytest.mark.parametrize("title", FAILURES)
def test_names_that_fail(tenant, file, title):
    name, said = FAILURES[title]
    result = tenant.run("user_assign_license", user="carol@contoso.example", licenses={"add": [{"sku": name}]}, sku_names=str(file))
    assert said in result["msg"]


def test_the_tenants_own_names_win(tenant, tmp_path):
    """A file in which another product is called like one of the tenant's part numbers."""
    path = tmp_path / "names.csv"
    path.write_text("\n".join([HEADER, f"SPE_E3,SPE_E5,{E5},YAMMER_ENTERPRISE,{SWAY},YAMMER_ENTERPRISE"]))
    result = tenant.check("user_assign_license", user="leo@contoso.example", usage_location="DE", sku_names=str(path),
                          licenses={"add": [{"sku": "SPE_E3", "disabled_plans": ["YAMMER_ENTERPRISE"]}]})  # fmt: skip
    (row,) = result["licenses"]
    assert (row["sku"], row["disabled_plans"]) == ("SPE_E3", ["YAMMER_ENTERPRISE"])


def filtered(name: str, value: str, path) -> str:
    module = importlib.import_module(f"ansible_collections.m365.licensing.plugins.filter.{name}")
    return module.FilterModule().filters()[name](value, str(path))


def test_filters(file):
    assert filtered("sku_name", "spe_e5", file) == filtered("sku_name", E5, file) == "Microsoft 365 E5"
    assert filtered("sku_name", "SPE_F1", file) == "SPE_F1"
    assert filtered("service_plan_name", "TEAMS1", file) == filtered("service_plan_name", TEAMS, file) == "Microsoft Teams"
    with pytest.raises(AnsibleFilterError, match="sku_name: cannot read"):
        filtered("sku_name", "SPE_E5", "nowhere.csv")


def test_a_new_version_of_the_file_is_read_anew(file):
    assert filtered("sku_name", "SPE_E5", file) == "Microsoft 365 E5"
    file.write_text("\n".join([HEADER, ROWS[0].replace("Microsoft 365 E5", "Renamed")]))
    assert filtered("sku_name", "SPE_E5", file) == "Renamed"


def test_an_error_names_the_file():
    with pytest.raises(OptionError, match=r"^here has no column"):
        product_names(["a,b"], "here")
