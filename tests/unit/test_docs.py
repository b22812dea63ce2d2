# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job that the guide gives does what it says, but for what it installs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import yaml
from conftest import ROOT

GUIDE = ROOT / "docs/docsite/rst/guide_testing.rst"


def job_of(text: str) -> dict:
    block = text.split(".. code-block:: yaml\n", 1)[1].split("\nGive the sandbox", 1)[0]
    (job,) = yaml.safe_load(textwrap.dedent(block))["jobs"].values()
    return job


def test_the_job_for_github_actions(tmp_path):
    commands = [step["run"] for step in job_of(GUIDE.read_text())["steps"] if "run" in step]
    installs = [command for command in commands if command.startswith(("pip install", "ansible-galaxy"))]
    assert len(installs) == 2
    (tmp_path / "people.yml").write_text((ROOT / "demo/people.yml").read_text())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "MSGRAPH_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**kept, "HOME": str(tmp_path), "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[5])}
    outputs = []
    for command in commands:
        if command not in installs:
            done = subprocess.run(["bash", "-e", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            outputs.append(done.stdout)
    assert '+    "SPE_E5": {' in outputs[1]
    assert outputs[1].count("changed=2") == 2
    assert not (tmp_path / ".cache/m365.licensing/sandbox/ready.json").exists()
