# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks and guides run by Ansible itself, in a process of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from support.tenant import ROOT

GUIDES = sorted((ROOT / "docs/docsite/rst").glob("*.rst"))
TOOLS = {"gather_facts": False, "hosts": "localhost"}
PROFILES = yaml.safe_load((ROOT / "tests/unit/flows/flows.yml").read_text())["license_profiles"]


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "MSGRAPH_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "HOME": str(home), "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[5]), "ANSIBLE_NOCOLOR": "1", **more}


def blocks() -> list:
    found = []
    for guide in GUIDES:
        for number, block in enumerate(re.findall(r"\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", guide.read_text())):
            found.append(pytest.param(textwrap.dedent(block), id=f"{guide.stem}-{number}"))
    for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)):
        found.append(pytest.param(block, id=f"README-{number}"))
    return found


class Stage:
    """A folder in which plays are run against the sandbox."""

    def __init__(self, tenant, folder: Path) -> None:
        self.folder = folder
        self._control, self._ca = tenant.sandbox.connection["control_url"], tenant.ready_token["ca_path"]
        self._defaults = {"group/m365.licensing.graph": tenant.ready_token}

    def role(self, name: str, options: dict, is_dry: bool = False) -> dict:
        included = {"name": f"m365.licensing.{name}", "apply": {"check_mode": is_dry}}
        return {"name": f"Run {name}", "ansible.builtin.include_role": included, "vars": options}

    def ask(self, path: str, method: str = "GET") -> dict:
        uri = {"url": f"{self._control}/{path}", "ca_path": self._ca, "method": method, "status_code": [200, 204]}
        return {"name": f"{method} {path}", "ansible.builtin.uri": uri, "register": "asked"}

    def note(self, title: str, content: str) -> dict:
        return {"name": "Note", "ansible.builtin.copy": {"content": "{{ " + content + " | to_json }}", "dest": f"{self.folder}/{title}.json", "mode": "0600"}}

    def noted(self, title: str) -> dict:
        return json.loads((self.folder / f"{title}.json").read_text())

    def play(self, tasks: list[dict], **more) -> str:
        shared = {"folder": str(self.folder), "license_profiles": PROFILES, **more}
        plays = [{**TOOLS, "module_defaults": self._defaults, "vars": shared, "tasks": tasks}]
        (self.folder / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
        done = subprocess.run(["ansible-playbook", "play.yml"], cwd=self.folder, env=environment(self.folder), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout
