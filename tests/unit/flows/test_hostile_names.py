# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tenant or a table calls things is never run: through every role, its templates, its page and its tables."""

from __future__ import annotations

import csv
import html
import json
import re

import pytest
import yaml
from sandbox_tenant.seed import load_seed
from support.plays import Stage
from support.seeds import upn

pytestmark = pytest.mark.plays

EVIL = [
    "{{ lookup('pipe', 'touch pwned') }}",
    "{% raw %}{{ lookup('pipe', 'touch pwned') }}{% endraw %}",
    "=cmd|' /C touch pwned'!A0",
    "<script>alert('x')</script>\"&",
    "a\nb\u2028c\u202ed",
]


def hostile_seed(text: str) -> dict:
    """A tenant in which everything that somebody can name is named so: users, departments, groups, rules of groups."""
    seed = load_seed(None)
    for user in seed["users"]:
        user["display_name"], user["department"] = text, text
    for group in seed["groups"]:
        group["key"] = group.get("key", group["display_name"])
        group["display_name"] = text
        group.pop("groups", None)
        if "membership_rule" in group:
            group["membership_rule"] = text
    people = {user["name"]: user for user in seed["users"]}
    people["frank"]["enabled"] = False
    people["heidi"]["licenses"] = [*people["heidi"].get("licenses", []), {"sku": "SPE_E3"}]
    return seed


@pytest.mark.parametrize("text", EVIL)
def test_no_role_runs_what_a_tenant_says(tenant, tmp_path, text):
    tenant.reset(hostile_seed(text))
    stage = Stage(tenant, tmp_path)
    (tmp_path / "out").mkdir()
    groups = list(tenant.state()["groups"])
    (tmp_path / "people.csv").write_text('user,groups,profile\n"{}","{}",\n'.format(upn("grace"), text.replace('"', '""')), encoding="utf-8")
    people = "{{ lookup('m365.licensing.read_users', folder ~ '/people.csv') }}"
    report = {"license_report_folder": "{{ folder }}/out", "license_report_earlier": "{{ folder }}/out/licenses.json"}
    record = {"offboard_users_record_path": "{{ folder }}/leavers.json", "offboard_users_record_missing": "create"}
    leavers = {**record, "offboard_users_people": [{"user": upn("heidi")}, {"user": upn("ivan")}]}
    tasks = [
        stage.role("license_report", report),
        stage.role("license_report", report),
        stage.role("offboard_users", leavers),
        stage.role("restore_users", {"restore_users_record_path": "{{ folder }}/leavers.json", "restore_users_all": True}),
        {
            "name": "A group that the tenant may not have",
            "block": [stage.role("onboard_users", {"onboard_users_people": people})],
            "rescue": [{"meta": "noop"}],
        },
        stage.role("license_groups", {"licensing_groups": [{"group": groups[0], "licenses": [{"sku": "SPE_E3"}]}]}),
        {"name": "Say it all again", "ansible.builtin.debug": {"msg": "{{ license_report_read }} {{ offboard_users_result }}"}},
    ]
    for index, task in enumerate(tasks):
        if index in (2, 3, 5):
            tasks[index] = {"name": f"Task {index}", "block": [task], "rescue": [{"meta": "noop"}]}
    stage.play(tasks)
    assert not list(tmp_path.rglob("pwned"))
    page = (tmp_path / "out/licenses.html").read_text()
    assert re.findall("<script.*", page) == ["<script>"], "that of the filter"
    assert "alert(" not in page.split("<script>")[1]
    data = json.loads((tmp_path / "out/licenses.json").read_text())
    assert text in [name for row in data["twice"] for name in row["groups"]], "text stays text"
    rows = list(csv.reader((tmp_path / "out/licenses-people.csv").read_text().splitlines(keepends=True)))
    assert {len(row) for row in rows} == {4}, "nothing breaks out of its cell"
    assert not [cell for row in rows for cell in row if cell.strip()[:1] in ("=", "+", "@")]
    if "<" in text:
        assert html.escape(text).split("&#x27;")[0] in page


def test_the_play_is_what_it_seems(tmp_path, tenant):
    """The trap works: a template that is trusted is run."""
    stage = Stage(tenant, tmp_path)
    (tmp_path / "out").mkdir()
    stage.play([{"ansible.builtin.debug": {"msg": "{{ lookup('pipe', 'touch ' ~ folder ~ '/pwned') }}"}}])
    assert list(tmp_path.rglob("pwned"))
    assert yaml.safe_load((tmp_path / "play.yml").read_text())


@pytest.mark.parametrize("text", EVIL[:2])
def test_no_filter_runs_what_a_file_says(tmp_path, tenant, text):
    columns = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names"
    row = f'"{text}",SPE_E5,06ebc4ee-1bb5-47dd-8120-11324bc54e06,SWAY,a23b959c-7ce8-4e57-9140-b90eb88a9e97,"{text}"'
    (tmp_path / "names.csv").write_text(f"{columns}\n{row}\n")
    stage = Stage(tenant, tmp_path)
    (tmp_path / "out").mkdir()
    names = "{{ 'SPE_E5' | m365.licensing.sku_name(folder ~ '/names.csv') }}"
    plans = "{{ ['SWAY'] | map('m365.licensing.service_plan_name', folder ~ '/names.csv') | list }}"
    tasks = [{"ansible.builtin.set_fact": {"kept": names, "listed": plans}}, {"ansible.builtin.debug": {"msg": "{{ kept }} {{ listed[0] }} {{ listed }}"}}]
    output = stage.play(tasks)
    assert not list(tmp_path.rglob("pwned"))
    assert "touch pwned" in output
