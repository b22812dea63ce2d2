# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task that changes nothing costs, beside a GET of ansible.builtin.uri: both in one run, in turns, on one machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

SANDBOX = Path(__file__).resolve().parents[2] / "roles/sandbox_tenant/files"
ROUNDS = 15

TASKS = {
    "ansible.builtin.uri, GET of the user": lambda ready: {
        "ansible.builtin.uri": {
            "url": f"{ready['url']}/v1.0/users/erin@contoso.example?$select=id,assignedLicenses",
            "headers": {"Authorization": f"Bearer {ready['credentials']['access_token']}"},
            "ca_path": ready["graph"]["ca_path"],
        }
    },
    "user_assign_license, access_token": lambda ready: user_task(ready, access_token=ready["credentials"]["access_token"]),
    "user_assign_license, client_secret": lambda ready: user_task(ready, **ready["graph"]),
    "user_assign_license, client_secret, token_cache": lambda ready: user_task(ready, **ready["graph"], token_cache=f"{ready['folder']}/cache"),
    "cloud_license_assignment, access_token": lambda ready: {
        "m365.licensing.cloud_license_assignment": {
            "user": "erin@contoso.example",
            "sku": "SPE_E5",
            "graph_url": ready["url"],
            "ca_path": ready["graph"]["ca_path"],
            "access_token": ready["credentials"]["access_token"],
        }
    },
}


def user_task(ready: dict, **options) -> dict:
    entry = {"user": "erin@contoso.example", "licenses": {"add": [{"sku": "SPE_E5"}]}}
    return {"m365.licensing.user_assign_license": {**entry, "graph_url": ready["url"], "ca_path": ready["graph"]["ca_path"], **options}}


def measure(ready: dict, folder: Path) -> dict[str, list[float]]:
    """Seconds of each task, as Ansible's own profile_tasks would count them: from start to end of the module, process and all."""
    tasks = [{**make(ready), "name": title} for dummy in range(ROUNDS) for title, make in TASKS.items()]
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    (folder / "play.yml").write_text(yaml.safe_dump(play))
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "task_seconds", "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent)}
    done = subprocess.run(["ansible-playbook", str(folder / "play.yml")], env=environment, capture_output=True, text=True, check=True)
    times: dict[str, list[float]] = {title: [] for title in TASKS}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        times[row["task"]].append(row["seconds"])
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "sandbox_tenant"]
        subprocess.run([*command, "start", "--folder", str(folder)], cwd=SANDBOX, check=True, stdout=subprocess.DEVNULL)
        try:
            ready = {**json.loads((folder / "ready.json").read_text()), "folder": str(folder)}
            times = measure(ready, folder)
        finally:
            subprocess.run([*command, "stop", "--folder", str(folder)], cwd=SANDBOX, check=True)
    base = statistics.median(next(iter(times.values())))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {ROUNDS} rounds, median seconds of a task that changes nothing")
    for title, seconds in times.items():
        middle = statistics.median(seconds)
        print(f"{title:52} {middle:6.3f} s   {middle / base:5.2f} x")


if __name__ == "__main__":
    main()
