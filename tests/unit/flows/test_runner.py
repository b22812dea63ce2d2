# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two slices of one job through ansible-runner, the job engine of AWX: transmit, work, process, on one tenant with its quota on."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from sandbox_tenant.seed import load_seed
from support.plays import GUIDES, blocks, environment

pytestmark = pytest.mark.plays

RUNNER = Path(sys.executable).parent / "ansible-runner"
SLICES, PEOPLE = 2, 120


def play_of_the_guide() -> str:
    """The playbook that the guide about AWX gives."""
    assert any(guide.stem == "guide_scale" for guide in GUIDES)
    return next(param.values[0] for param in blocks() if "run_once" in param.values[0])


def folder_of(base: Path, number: int, hosts: list[str], connection: dict[str, str]) -> Path:
    """What a controller sends to an execution node: project, inventory of the slice (every n-th host), and environment."""
    folder = base / f"slice{number}"
    shared = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    slice_hosts = {"m365_users": {"hosts": {name: {} for name in hosts[number::SLICES]}, "vars": shared}}
    parts = {"project/slice.yml": play_of_the_guide(), "inventory/hosts.yml": yaml.safe_dump(slice_hosts), "env/envvars": json.dumps(connection)}
    for name, content in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_two_workers_finish_one_job_and_do_nothing_twice(tenant, tmp_path):
    tenant.reset(load_seed(None, PEOPLE))
    tenant.conditions({"writes": 60.0, "write_seconds": 3.0})
    people = [f"user{number:06}@contoso.example" for number in range(1, PEOPLE + 1)]
    ready = tenant.ready_token
    connection = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    runner = shlex.quote(str(RUNNER))
    jobs = []
    for number in range(SLICES):
        folder = folder_of(tmp_path, number, people, connection)
        (tmp_path / f"node{number}").mkdir()
        pipe = f"{runner} transmit {folder} -p slice.yml | {runner} worker --private-data-dir {tmp_path}/node{number} | {runner} process {folder}"
        started = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", pipe], env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        jobs.append(started)
    said = [job.communicate()[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * SLICES, "\n".join(said)
    done = Counter(entry["path"] for entry in tenant.writes() if entry["status"] < 300)
    assert len(done) == PEOPLE
    assert set(done.values()) == {1}, "nobody is written to twice"
    held = tenant.state()["users"]
    assert all({"sku": "SPE_E3", "group": None, "state": "Active", "off": ["SWAY"]} in held[name]["licenses"] for name in people)
    events = [json.loads(path.read_text()) for path in tmp_path.glob("slice*/artifacts/**/job_events/*.json")]
    assert sum(event["event"] == "runner_on_ok" for event in events) == SLICES, "one task on one node for each slice"
    assert not any(ready["access_token"] in json.dumps(event) for event in events)
