# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret reaches a message, a diff or a log, at the highest verbosity, through success and through every failure."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

USER, CLOUD = "m365.licensing.user_assign_license", "m365.licensing.cloud_license_assignment"
ASK = {"user": "erin@contoso.example", "usage_location": "SE"}
JWT = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")


def referring(task: dict, number: int) -> dict:
    """A task whose strings come out of a variable."""
    return {name: f"{{{{ vault[{number}].{name} }}}}" if isinstance(value, str) else value for name, value in task.items()}


@pytest.mark.plays
def test_no_secret_in_any_output(tenant, tmp_path):
    graph, credentials = dict(tenant.sign_in), tenant.credentials
    secret = graph["client_secret"]
    certificate = {**{key: value for key, value in graph.items() if key != "client_secret"}, "certificate_path": credentials["pfx_path"]}
    ready = {**tenant.ready_token}
    federated = {key: value for key, value in graph.items() if key != "client_secret"} | {"federated_token_file": credentials["federated_token_file"]}
    stolen = tmp_path / "stolen.jwt"
    stolen.write_text(Path(credentials["federated_token_file"]).read_text()[:-9] + "AAAAAAAAA")
    wrong = "made-up-secret-of-nobody"
    tasks = [
        {**graph, **ASK},
        {**graph, **ASK, "token_cache": str(tmp_path / "cache")},
        {**graph, "user": "bob@contoso.example", "licenses": {"add": [{"sku": "SPE_E5"}], "remove": ["SPE_E3"]}, "wait": True},
        {**graph, "user": "heidi@contoso.example", "licenses": {"add": [{"sku": "STANDARDPACK"}]}},
        {**graph, "user": "heidi@contoso.example", "licenses": {"add": [{"sku": "NONE"}]}},
        {**graph, **ASK, "client_secret": wrong},
        {**graph, **ASK, "timeout": "soon"},
        {**graph, **ASK, "no_such_option": secret},
        {**graph, **ASK, "ca_path": "/nowhere"},
        {**certificate, **ASK, "certificate_password": credentials["pfx_password"] * 3},
        {**ready, **ASK},
        {**ready, **ASK, "access_token": credentials["expired_access_token"]},
        {**ready, "user": "erin@contoso.example", "licenses": {"remove": ["SPE_E5"]}},
        {**ready, **ASK, "graph_url": "https://127.0.0.1:9", "max_wait": 0},
        {**ready, **ASK, "graph_url": f"https://me:{wrong}@graph.example"},
        {**federated, **ASK},
        {**federated, **ASK, "federated_token_file": str(stolen)},
        {**graph, "auth": "managed_identity", **ASK, "max_wait": 0},
    ]
    draws = [
        {**graph, "user": "grace@contoso.example", "sku": "SPE_E5"},
        {**ready, "user": "grace@contoso.example", "sku": "SPE_E5", "disabled_plans": ["SWAY"], "route": "admin"},
        {**ready, "user": "alice@contoso.example", "sku": "SPE_E5"},
        {**ready, "device": "KIOSK-02", "sku": "NONE"},
        {**graph, "client_secret": wrong, "group": "Support desk", "sku": "SPE_E5"},
        {**ready, "access_token": credentials["expired_access_token"], "group": "Support desk", "sku": "SPE_E5"},
    ]
    tasks = [(USER, options) for options in tasks] + [(CLOUD, options) for options in draws]
    tenant.fault("assignLicense", status=400, code="Echo", message=f"You sent {credentials['access_token']}", skip=1)
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "connection": "local",
        "tasks": [{name: referring(task, number), "ignore_errors": True, "name": f"Task {number}"} for number, (name, task) in enumerate(tasks)],
    }
    (tmp_path / "vault.json").write_text(json.dumps({"vault": [options for dummy, options in tasks]}))  # Ansible shows lines of the playbook beside an error
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[6]), "ANSIBLE_LOG_PATH": str(tmp_path / "log")}
    command = [Path(sys.executable).parent / "ansible-playbook", "-vvvv", "--diff", "-e", f"@{tmp_path}/vault.json", str(tmp_path / "play.yml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr + (tmp_path / "log").read_text()
    assert done.returncode == 0, output[-3000:]
    assert f"ok={len(tasks)} " in output
    assert "Something went wrong" not in output
    assert "Traceback" not in done.stdout.replace("(traceback unavailable)", "")
    secrets = {
        secret,
        wrong,
        stolen.read_text(),
        Path(credentials["federated_token_file"]).read_text(),
        credentials["access_token"],
        credentials["expired_access_token"],
        credentials["pfx_password"] * 3,
    }
    for value in secrets:
        assert value not in output
    assert not JWT.search(output)
