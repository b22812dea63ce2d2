# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users as hosts, read by ansible-inventory itself."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import stat
import subprocess
import threading

import pytest
import yaml
from sandbox_tenant.seed import load_seed
from sandbox_tenant.server import Sandbox
from support.plays import environment
from support.tenant import ROOT, SEED, Tenant

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
    tenant.conditions({"page_size": 5})
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


def test_an_inventory_update_finds_the_plugin_in_the_execution_environment(tenant, tmp_path):
    """AWX sets ANSIBLE_COLLECTIONS_PATHS alone, which ansible-core 2.19 and later do not read: the collection must be where core looks by itself."""
    (tmp_path / "all.m365_users.yml").write_text(yaml.safe_dump(PLUGIN))
    ready, here = tenant.ready_token, environment(tmp_path)
    collections = here.pop("ANSIBLE_COLLECTIONS_PATH")
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    command, found = ["ansible-inventory", "-i", "all.m365_users.yml", "--list"], []
    for folder in (None, tmp_path / ".ansible/collections"):
        if folder:
            folder.parent.mkdir(exist_ok=True)
            folder.symlink_to(collections)
        where = {**here, **more, "ANSIBLE_COLLECTIONS_PATHS": collections}
        done = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, check=False)
        found.append(hosts(plain(json.loads(done.stdout))))
        said = done.stderr
    everybody = {user["name"] for user in SEED["users"]}
    assert found[-1] == everybody, said
    assert found[0] in (set(), everybody), "ansible-core 2.18 reads that variable still"


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


def test_an_error_of_graph_is_explained(tenant, tmp_path):
    tenant.fault("/users", status=403, code="Authorization_RequestDenied", message="Insufficient privileges to complete the operation.", times=9)
    listed, told = inventory(tenant, tmp_path, {})
    assert hosts(listed) == set()
    assert "the application, or the signed-in user, lacks a permission or a role: for GET /users" in " ".join(told.split())


def test_a_sign_in_service_that_fails_is_one_sentence(tenant, tmp_path):
    """Also where the client secret, and not a token, is in the environment."""
    tenant.fault("oauth2/v2.0/token", status=503, times=99, code="x", message="")
    graph = tenant.sign_in
    signs = {"AZURE_TENANT_ID": "tenant_id", "AZURE_CLIENT_ID": "client_id", "AZURE_CLIENT_SECRET": "client_secret", "AZURE_AUTHORITY_HOST": "authority_url"}
    more = {name: graph[option] for name, option in {**signs, "MSGRAPH_URL": "graph_url", "MSGRAPH_CA_PATH": "ca_path"}.items()}
    (tmp_path / "all.m365_users.yml").write_text(yaml.safe_dump({**PLUGIN, "max_wait": 0.1}))
    command = ["ansible-inventory", "-i", "all.m365_users.yml", "--list"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, check=False)
    assert hosts(plain(json.loads(done.stdout))) == set()
    assert "sign-in service is busy or fails" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_another_file_is_not_of_this_plugin(tenant, tmp_path):
    listed, dummy = inventory(tenant, tmp_path, {}, "users.yml")
    assert hosts(listed) == set()


EVIL = [
    "{{ 6 * 7 }}",
    "{{ lookup('pipe', 'touch pwned') }}",
    "{% raw %}{{ lookup('pipe', 'touch pwned') }}{% endraw %}",
    "x{# #}{{ lookup('pipe', 'touch pwned') }}",
]


@pytest.mark.parametrize("is_cached", [False, True])
@pytest.mark.parametrize("text", EVIL)
def test_what_people_call_themselves_is_no_template_and_modules_run_on_the_hosts(tenant, tmp_path, text, is_cached):
    """Neither as a variable, nor as what is composed of it, nor as a group, also where a later task uses it as a template of its own."""
    bob = tenant.store.user("bob@contoso.example")
    bob["displayName"], bob["department"] = text, text
    options = {
        **PLUGIN,
        "filter": "startswith(displayName, '{{') or startswith(displayName, '{%') or startswith(displayName, 'x{')",
        "compose": {"label": "m365_display_name", "both": "m365_display_name ~ '/' ~ m365_department", "listed": "[m365_department]"},
        "keyed_groups": [{"key": "m365_department", "prefix": "in"}],
        "groups": {"named": "m365_display_name is defined"},
    }
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache"), "cache_timeout": 3600}
    (tmp_path / "all.m365_users.yml").write_text(yaml.safe_dump({**options, **(cache if is_cached else {})}))
    tasks = [
        {"ansible.builtin.ping": {}},
        {"ansible.builtin.set_fact": {"kept": "{{ label }}", "joined": "{{ both }}", "host": "{{ inventory_hostname }}", "some": "{{ listed }}"}},
        {"ansible.builtin.debug": {"msg": "{{ label }} {{ both }} {{ kept }} {{ joined }} {{ host }} {{ some[0] }} {{ group_names }} {{ later }}"}},
        {"ansible.builtin.debug": {"msg": "called {{ m365_display_name }}"}, "vars": {"later": "{{ kept }}"}},
    ]
    tasks[2]["vars"] = {"later": "{{ label ~ joined }}"}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "m365_users", "gather_facts": False, "tasks": tasks}]))
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    command = ["ansible-playbook", "-i", "all.m365_users.yml", "play.yml"]
    for dummy in range(2 if is_cached else 1):
        done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"called {text}" in done.stdout
        assert "42" not in done.stdout
        assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("name", ["{{ 6 * 7 }}@x", "a b", "x,y", "x:y", "{% raw %}", "a/b", "[1:3]"])
def test_a_host_is_called_by_its_id_where_its_name_is_none_for_a_host(tenant, tmp_path, name):
    user = tenant.store.user("bob@contoso.example")
    tenant.store.users[user["id"]]["userPrincipalName"] = name
    listed, said = inventory(tenant, tmp_path, {})
    assert user["id"] in listed["m365_users"]["hosts"], said
    assert name not in str(listed["m365_users"])


CACHE = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_timeout": 3600}


def test_another_tenant_or_connection_gets_nothing_out_of_the_cache(tenant, tmp_path):
    """The connection is in the environment, and the options are the same."""
    other = load_seed(None)
    other["tenant"] = {**other["tenant"], "id": "99999999-0000-4000-8000-000000000001", "domain": "fabrikam.example"}
    other["users"] = other["users"][:2]
    other["groups"] = []
    options = {**CACHE, "cache_connection": str(tmp_path / "cache")}
    first, dummy = inventory(tenant, tmp_path, options)
    with serving(other, tmp_path / "other") as second:
        listed, said = inventory(second, tmp_path, options)
        assert all(name.endswith("@fabrikam.example") for name in listed["m365_users"]["hosts"]), said
    assert len(listed["m365_users"]["hosts"]) == 2
    tenant.forget()
    again, dummy = inventory(tenant, tmp_path, options)
    assert again == first
    assert not tenant.journal(), "each tenant has a place of its own in the cache"


@contextlib.contextmanager
def serving(seed, folder):
    sandbox = Sandbox(seed, folder)
    thread = threading.Thread(target=sandbox.serve, daemon=True)
    thread.start()
    yield Tenant(sandbox)
    sandbox.stop()
    thread.join()


def plant(folder, change) -> None:
    """Changes what a cache holds."""
    (file,) = folder.iterdir()
    content = json.loads(file.read_text())
    payload = content.get("__payload__", content)
    inner = json.loads(payload) if isinstance(payload, str) else payload
    change(inner)
    if "__payload__" in content:
        content["__payload__"] = json.dumps(inner)
    file.write_text(json.dumps(content if "__payload__" in content else inner))


def with_interpreter(value) -> None:
    for row in value["users"]:
        row["ansible_python_interpreter"] = "/bin/evil"


def as_a_list(value) -> None:
    rows = value.pop("users")
    value.clear()
    value["0"] = rows


FORMS = {
    "a variable of another kind": with_interpreter,
    "another tenant's": lambda value: value.update(tenant_id=5),
    "no rows": lambda value: value.update(users={"m365_id": "x"}),
    "a row that is none": lambda value: value["users"].append("x"),
    "a row without an id": lambda value: value["users"][0].pop("m365_id"),
    "the form of another version": as_a_list,
}


@pytest.mark.parametrize("title", FORMS)
def test_nothing_but_what_this_plugin_writes_comes_out_of_a_cache(tenant, tmp_path, title):
    options = {**CACHE, "cache_connection": str(tmp_path / "cache")}
    first, dummy = inventory(tenant, tmp_path, options)
    plant(tmp_path / "cache", FORMS[title])
    tenant.forget()
    listed, said = inventory(tenant, tmp_path, options)
    assert tenant.journal(), "read anew"
    assert listed == first, said
    assert "/bin/evil" not in str(listed)


def test_a_cache_that_is_none_is_read_anew(tenant, tmp_path):
    options = {**CACHE, "cache_connection": str(tmp_path / "cache")}
    first, dummy = inventory(tenant, tmp_path, options)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_text("{")
    listed, said = inventory(tenant, tmp_path, options)
    assert listed == first, said


def loose_folder(folder):
    folder.chmod(0o777)


def foreign_folder(folder):
    os.chown(folder, 65534, 65534)


def foreign_file(folder):
    (file,) = folder.iterdir()
    os.chown(file, 65534, 65534)


def loose_file(folder):
    (file,) = folder.iterdir()
    file.chmod(0o666)


def linked_file(folder):
    (file,) = folder.iterdir()
    file.rename(folder.parent / "moved")
    file.symlink_to(folder.parent / "moved")


def open_parent(folder):
    folder.parent.chmod(0o777)


PLACES = [loose_file, linked_file, open_parent, *([foreign_folder, foreign_file] if os.geteuid() == 0 else [])]


@pytest.mark.parametrize("make", PLACES)
def test_a_cache_that_others_own_or_can_write_is_not_used(tenant, tmp_path, make):
    place = tmp_path / "place"
    place.mkdir()
    options = {**CACHE, "cache_connection": str(place / "cache")}
    first, dummy = inventory(tenant, tmp_path, options)
    make(place / "cache")
    plant(place / "cache", with_interpreter) if make is not linked_file else None
    tenant.forget()
    listed, said = inventory(tenant, tmp_path, options)
    assert tenant.journal(), "read anew"
    assert "so the cache is not used" in " ".join(said.split())
    assert listed == first


def test_a_cache_of_its_own_is_made_private(tenant, tmp_path):
    options = {**CACHE, "cache_connection": str(tmp_path / "cache")}
    inventory(tenant, tmp_path, options)
    loose_folder(tmp_path / "cache")
    inventory(tenant, tmp_path, options)
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    (tmp_path / "cache/notes.txt").write_text("of somebody's own")
    loose_folder(tmp_path / "cache")
    tenant.forget()
    dummy, said = inventory(tenant, tmp_path, options)
    assert "so the cache is not used" in " ".join(said.split()), "a folder with other things in it is left as it is"
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o777


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
