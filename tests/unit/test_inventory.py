# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users as hosts, read by ansible-inventory itself."""

from __future__ import annotations

import ast
import json
import subprocess

import pytest
import yaml
from conftest import ROOT, SEED
from test_docs import environment

PLUGIN = {"plugin": "m365.licensing.users"}


def inventory(tenant, folder, options: dict, name: str = "all.m365_users.yml", *arguments: str) -> tuple[dict, str]:
    """What ansible-inventory lists, and what it says beside; the connection is in the environment."""
    (folder / name).write_text(yaml.safe_dump({**PLUGIN, **options}))
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    command = ["ansible-inventory", "-i", name, "--list", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False)
    return plain(json.loads(done.stdout)) if done.stdout.startswith("{") else {}, done.stderr


def plain(value):
    """Without the marks of what came from outside, which templates must not run."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def hosts(listed: dict) -> set[str]:
    return {name.partition("@")[0] for name in listed.get("m365_users", {}).get("hosts", [])}


def test_everybody_is_a_host(tenant, tmp_path):
    tenant.sandbox.service.weather.set({"page_size": 5})
    listed, said = inventory(tenant, tmp_path, {})
    assert hosts(listed) == {user["name"] for user in SEED["users"]}, said
    bob = listed["_meta"]["hostvars"]["bob@contoso.example"]
    assert {name: value for name, value in bob.items() if name.startswith("m365")} == {
        "m365_id": tenant.user_id("bob"),
        "m365_user_principal_name": "bob@contoso.example",
        "m365_display_name": "Bob Baker",
        "m365_department": "Finance",
        "m365_usage_location": "DE",
        "m365_account_enabled": True,
    }
    assert bob["ansible_connection"] == "local"
    assert len(tenant.journal()) == 3, "twelve people in pages of five"


def test_a_filter_groups_and_variables(tenant, tmp_path):
    options = {
        "filter": "department eq 'Sales' or department eq 'Support'",
        "properties": ["id", "department", "usageLocation"],
        "licenses": True,
        "keyed_groups": [{"key": "m365_department", "prefix": "in"}],
        "groups": {"licensed": "m365_skus | length > 0"},
        "compose": {"user": "m365_user_principal_name"},
    }
    listed, said = inventory(tenant, tmp_path, options)
    assert hosts(listed) == {"carol", "dave", "heidi", "ivan", "judy"}, said
    assert len(listed["in_Sales"]["hosts"]) == 2
    assert len(listed["licensed"]["hosts"]) == 5
    dave = listed["_meta"]["hostvars"]["dave@contoso.example"]
    assert (dave["m365_skus"], dave["user"]) == (["POWER_BI_PRO", "SPE_E3"], "dave@contoso.example")


def test_the_cache_spares_requests(tenant, tmp_path):
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache"), "cache_timeout": 3600}
    first, dummy = inventory(tenant, tmp_path, options)
    tenant.forget()
    second, dummy = inventory(tenant, tmp_path, options)
    assert hosts(first) == hosts(second) != set()
    assert not tenant.journal()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"filter": "department is Sales"}, "does not understand the filter"),
        ({"auth": "client_secret"}, "auth is client_secret, which needs tenant_id"),
        ({"graph_url": "http://graph.example"}, "graph_url is 'http://graph.example'"),
        ({"filtr": "department eq 'Sales'"}, "unknown option filtr"),
    ],
)
def test_mistakes_are_said(tenant, tmp_path, options, said):
    listed, told = inventory(tenant, tmp_path, options)
    assert hosts(listed) == set()
    assert said in " ".join(told.split())


def test_another_file_is_not_of_this_plugin(tenant, tmp_path):
    listed, dummy = inventory(tenant, tmp_path, {}, "users.yml")
    assert hosts(listed) == set()


def test_what_people_call_themselves_is_no_template_and_modules_run_on_the_hosts(tenant, tmp_path):
    tenant.sandbox.service.tenant.user("bob@contoso.example")["displayName"] = "{{ 6 * 7 }}"
    (tmp_path / "all.m365_users.yml").write_text(yaml.safe_dump({**PLUGIN, "filter": "startswith(displayName, '{{')"}))
    tasks = [{"ansible.builtin.ping": {}}, {"ansible.builtin.debug": {"msg": "called {{ m365_display_name }}"}}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "m365_users", "gather_facts": False, "tasks": tasks}]))
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    command = ["ansible-playbook", "-i", "all.m365_users.yml", "play.yml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "called {{ 6 * 7 }}" in done.stdout
    assert "called 42" not in done.stdout


def test_an_environment_that_makes_no_sense_is_said(tenant, tmp_path, monkeypatch):
    monkeypatch.setenv("AZURE_CLOUD_ENVIRONMENT", "nonsense")
    listed, said = inventory(tenant, tmp_path, {"cloud": "AzureMoon"})
    assert hosts(listed) == set()
    assert "cloud" in said


def test_the_example_of_the_documentation(tenant, tmp_path):
    texts = {node.targets[0].id: node.value for node in ast.parse((ROOT / "plugins/inventory/users.py").read_text()).body if isinstance(node, ast.Assign)}
    options = yaml.safe_load(texts["EXAMPLES"].value)
    listed, said = inventory(tenant, tmp_path, {**options, "cache_connection": str(tmp_path / "cache")})
    assert hosts(listed) == {"carol", "dave"}, said
    assert set(listed["country_US"]["hosts"]) == {"carol@contoso.example"}
