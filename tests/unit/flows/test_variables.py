# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of playbooks with values of any type: false and zero are no blanks, null is one, a number is a text, and a list may be a text."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from support.plays import environment
from support.seeds import upn

pytestmark = pytest.mark.plays

PROFILES = {
    "office": {"usage_location": "DE", "licenses": [{"sku": "SPE_E3"}]},
    "lead": {"licenses": [{"sku": "SPE_E5"}]},
    "2024": {"usage_location": "DE", "licenses": [{"sku": "SPE_E3"}]},
}
DESCRIBED = {**PROFILES["office"], "description": "2099-12-31"}
MOVER = {"license_people": [{"user": upn("bob"), "profile": "lead", "from": "office"}]}
JOINER = {"onboard_users": upn("alice"), "onboard_profile": "office"}
DATED = {"license_people": [{"user": upn("alice"), "profile": "office", "last_day": "2099-12-31", "usage_location": None}]}
GROUP = [{"group": "Support desk", "licenses": [{"sku": "SPE_E3"}]}]
LEAVER = {"offboard_users": upn("bob"), "offboard_users_record_path": "leavers.jsonl", "offboard_users_record_missing": "create"}

# title: (playbook, variables, what is said; of a run that fails unless it has a number of users or groups)
CASES = {
    "no removal as a boolean": ("move", {**MOVER, "move_users_remove": False}, "remove must be one of: nothing, previous, other_profiles, got: False"),
    "no removal in one plan": ("apply", {**MOVER, "apply_remove": False}, "remove must be one of: nothing, previous, other_profiles, got: False"),
    "Norway": ("onboard", {**JOINER, "onboard_usage_location": False}, "usage_location: 'False' is not a country code"),
    "who is missing": (
        "offboard",
        {**LEAVER, "offboard_users_missing": False},
        "missing must be one of: fail, ignore, got: False",
    ),
    "days of grace": ("offboard", {**LEAVER, "offboard_users_grace_days": False}, "grace_days is False: give a number of days"),
    "a number of a profile": ("onboard", {**JOINER, "onboard_profile": 2024}, "1 user: 1 to change"),
    "a number of a group": ("license_groups", {"groups_name": 2024, "groups_skus": "SPE_E3"}, "no group has the display name '2024'"),
    "a number of users": ("onboard", {"onboard_users": 5, "onboard_profile": "office"}, "users[0].user is '5'"),
    "a number of a path": ("offboard", {**LEAVER, "offboard_users_record_path": 2024}, "1 user: 1 to change"),
    "neither true nor false": ("restore", {"restore_users_record_path": "x", "restore_users_all": "maybe"}, "restore_users_all is maybe; give true or false"),
    "null of a record": ("restore", {"restore_users_record_path": None, "restore_users_all": True}, "restore_users_record_path must be given"),
    "null of a record to write": (
        "offboard",
        {**LEAVER, "offboard_users_record_path": None},
        "offboard_users_record_path must be given",
    ),
    "null of users": ("onboard", {"license_people": None}, "no users are given, and there is no license_people either"),
    "null of all": ("apply", {"license_people": None, "licensing_groups": None}, "neither license_people nor licensing_groups is given"),
    "null of users beside groups": ("apply", {"license_people": None, "licensing_groups": GROUP}, "1 group: 0 to change"),
    "null of hosts": ("apply", {**MOVER, "apply_hosts": None}, "1 user: 1 to change"),
    "null in a list": ("offboard", {**LEAVER, "offboard_users_keep": ["SPE_E5", None]}, "keep[1]: an empty name"),
    "a date and null": ("onboard", DATED, "1 user: 1 to change"),
    "an empty list of leavers": ("offboard", {**LEAVER, "offboard_users": []}, "the answer is [], which names no users"),
    "an empty list of leavers as text": ("offboard", {**LEAVER, "offboard_users": "[]"}, "the answer is '[]', which names no users"),
    "no name at all": ("offboard", {**LEAVER, "offboard_users": False}, "users[0].user is 'False'"),
    "a location without users": ("onboard", {"onboard_usage_location": False}, "onboard_profile and onboard_usage_location need onboard_users"),
    "yes in short, and names": ("restore", {"restore_users_record_path": "x", "restore_users_all": "y", "restore_users": upn("bob")}, "leave one of them out"),
    "null of profiles": ("onboard", {**JOINER, "onboard_users_profiles": None}, "1 user: 1 to change"),
    "a profile with a date": ("onboard", {**JOINER, "license_profiles": {"office": DESCRIBED}}, "1 user: 1 to change"),
    "a list of SKUs as text": ("license_groups", {"groups_name": "Support desk", "groups_skus": '["SPE_E3"]'}, "1 group: 0 to change"),
    "a list of users as text": ("onboard", {**JOINER, "onboard_users": f"- {upn('alice')}\n- {upn('grace')}"}, "2 users: 2 to change"),
}


def run(tenant, folder, playbook: str, variables: dict) -> tuple[int, str]:
    """The exit code and the output of a dry run, on one line. A date in the variables is one of YAML."""
    (folder / "variables.yml").write_text(yaml.safe_dump({"license_profiles": PROFILES, **variables}).replace("'2099-12-31'", "2099-12-31"))
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    command = ["ansible-playbook", f"m365.licensing.{playbook}", "-e", "@variables.yml", "--check", "--diff"]
    done = subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).replace("''", "'").replace('\\"', '"').split())


@pytest.mark.parametrize("title", CASES)
def test_a_variable_of_any_type(tenant, tmp_path, title):
    playbook, variables, said = CASES[title]
    code, output = run(tenant, tmp_path, playbook, variables)
    assert said in output, output
    assert (code == 0) == ("to change" in said), output
    assert "DEPRECATION" not in output


def test_service_plans_are_carried_unless_the_variable_is_false(tenant, tmp_path):
    said = {
        value: run(tenant, tmp_path, "apply", {**MOVER, "apply_remove": "previous", "apply_carry_plans": value})[1] for value in (True, None, False, "false")
    }
    assert ["+ SPE_E5 without SWAY" in output for output in said.values()] == [True, True, False, False]


@pytest.mark.parametrize("formats", [["json"], '["json"]', "[json]"])
def test_formats_and_ignored_skus_as_texts(tenant, tmp_path, formats):
    variables = {"license_report_folder": str(tmp_path), "license_report_formats": formats, "license_report_ignore": '["WINDOWS_STORE"]'}
    (tmp_path / "variables.json").write_text(json.dumps(variables))
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    for chosen in (formats, ["html"]):
        (tmp_path / "variables.json").write_text(json.dumps({**variables, "license_report_formats": chosen}))
        command = ["ansible-playbook", "m365.licensing.report", "-e", "@variables.json"]
        done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert sorted(path.name for path in tmp_path.glob("licenses*")) == ["licenses.html", "licenses.json"]
    assert "WINDOWS_STORE" not in (tmp_path / "licenses.html").read_text()
