# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target whose Python is too old is told so in one sentence, by every module."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from support.plays import environment
from support.tenant import ROOT

pytestmark = pytest.mark.plays

CANDIDATES = [shutil.which("python3.9"), *map(str, Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))]
OLD = next((one for one in CANDIDATES if one and subprocess.run([one, "-c", ""], capture_output=True, check=False).returncode == 0), None)
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))


@pytest.mark.skipif(OLD is None, reason="there is no Python 3.9 here")
def test_one_sentence(tmp_path):
    tasks = [{f"m365.licensing.{name}": {}, "register": f"result_{name}", "ignore_errors": True} for name in MODULES]
    said = {name: f"{{{{ result_{name} }}}}" for name in MODULES}
    tasks.append({"ansible.builtin.copy": {"content": "{{ said | to_json }}", "dest": str(tmp_path / "said.json"), "mode": "0600"}, "vars": {"said": said}})
    tasks[-1]["vars"]["ansible_python_interpreter"] = "{{ ansible_playbook_python }}"
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"ansible_python_interpreter": OLD}, "tasks": tasks}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(["ansible-playbook", "play.yml"], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name, result in json.loads((tmp_path / "said.json").read_text()).items():
        assert result["failed"], name
        assert "m365.licensing needs Python 3.10 or later where its modules run, and this is Python 3.9" in result["msg"], (name, result)
        assert "Traceback" not in str(result) and "slots" not in str(result), name
