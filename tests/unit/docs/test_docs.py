# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every YAML block of the guides and the README runs on the sandbox, as it is written; of the job for CI, all but what it installs."""

from __future__ import annotations

import ast
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.permissions import needed_for
from support.plays import GUIDES, blocks, environment
from support.tenant import ROOT

pytestmark = pytest.mark.plays

NAMES = """Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names
Microsoft 365 E3,SPE_E3,05e9a617-0261-4cee-bb44-138d3ef5d965,SWAY,a23b959c-7ce8-4e57-9140-b90eb88a9e97,Sway
Microsoft 365 E5,SPE_E5,06ebc4ee-1bb5-47dd-8120-11324bc54e06,YAMMER_ENTERPRISE,7547a3fe-08ee-4ccb-b430-5077c5041653,Yammer Enterprise
"""


def run(command: list[str], folder: Path, **more: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("block", [param for param in blocks() if not {"jobs:", "kind: Pod", "collections:"} & set(param.values[0].splitlines())])
def test_block(tenant, tmp_path, block):
    """Tasks run in a play, plays as they are, with the connection in the environment, and files beside the playbook that blocks speak of."""
    content = yaml.safe_load(block)
    (tmp_path / "hosts.m365_users.yml").write_text("plugin: m365.licensing.users\nfilter: department eq 'Sales'\n")
    plays = content if "hosts" in content[0] else [{"hosts": "localhost", "gather_facts": False, "tasks": content}]
    (tmp_path / "playbook.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
    (tmp_path / "product-names.csv").write_text(NAMES)
    (tmp_path / "reports").mkdir()
    tenant.conditions({"group_reads": 0})
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    inventory = ["-i", "hosts.m365_users.yml"] if "m365_users" in block else []
    output = run(["ansible-playbook", *inventory, "playbook.yml", "-e", "tenant_id=x client_id=y"], tmp_path, **more)
    assert "failed=0" in output


def table_of(guide: str) -> list[list[str]]:
    """The rows of the first table of a guide, without its head."""
    text = (ROOT / f"docs/docsite/rst/{guide}.rst").read_text().split(".. list-table::", 1)[1]
    rows = re.findall(r"   \* - (.*)\n((?:     - .*\n)+)", text)
    return [[first, *(cell.removeprefix("     - ") for cell in rest.splitlines())] for first, rest in rows][1:]


def test_the_table_of_permissions_is_what_messages_say():
    rows = table_of("guide_permissions")
    assert len(rows) > 15
    for dummy, dummy_too, call, application, delegated in rows:
        needed = needed_for(*call.strip("`").split())
        roles = f"; with a role: {', '.join(needed.roles)}" if needed.roles else ""
        assert (application, delegated) == (", ".join(needed.application), ", ".join(needed.delegated) + roles), call


def test_the_quick_start_takes_eight_commands():
    """Its first block of commands; the gate of the execution environment runs them as they are written."""
    commands = re.findall(r"code-block:: shell\n\n((?:    .*\n)+)", (ROOT / "docs/docsite/rst/guide_quick_start.rst").read_text())[0].splitlines()
    assert 0 < len(commands) <= 8
    assert commands[-1].endswith("--check --diff")


def filter_examples() -> list:
    """The EXAMPLES of filters, each a list of tasks."""
    found = []
    for path in sorted((ROOT / "plugins/filter").glob("*.py")):
        texts = {node.targets[0].id: node.value for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign)}
        found.append(pytest.param(texts["EXAMPLES"].value, id=path.stem))
    return found


@pytest.mark.parametrize("tasks", filter_examples())
def test_examples_of_filters(tmp_path, tasks):
    (tmp_path / "playbook.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": yaml.safe_load(tasks)}]))
    (tmp_path / "product-names.csv").write_text(NAMES)
    assert "failed=0" in run(["ansible-playbook", "playbook.yml"], tmp_path)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_no_guide_has_a_gap(guide):
    assert not re.findall(r"\b[A-Z]+_(?:BEYOND|RIGHT)\b|TODO|TBD|XXX", guide.read_text())


def test_there_are_blocks():
    assert len(blocks()) >= 9


def job_of(text: str) -> dict:
    block = text.split(".. code-block:: yaml\n", 1)[1].split("\nGive the sandbox", 1)[0]
    (job,) = yaml.safe_load(textwrap.dedent(block))["jobs"].values()
    return job


def test_the_job_for_github_actions(tmp_path):
    commands = [step["run"] for step in job_of((ROOT / "docs/docsite/rst/guide_testing.rst").read_text())["steps"] if "run" in step]
    installs = [command for command in commands if command.startswith(("pip install", "ansible-galaxy"))]
    assert len(installs) == 2
    (tmp_path / "people.yml").write_text((ROOT / "demo/people.yml").read_text())
    outputs = [run(["bash", "-e", "-c", command], tmp_path) for command in commands if command not in installs]
    assert "  + SPE_E5        without YAMMER_ENTERPRISE" in outputs[1]
    assert outputs[1].count("changed=1") == 2
    assert not (tmp_path / ".cache/m365.licensing/sandbox/ready.json").exists()
