# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox as a process: it starts, says how to reach it, refuses to start twice, and ends."""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import stat
import subprocess
import sys
import urllib.request

import pytest
from support.tenant import SANDBOX


def command(name: str, folder, *more: str) -> subprocess.CompletedProcess:
    arguments = [sys.executable, "-m", "sandbox_tenant", name, "--folder", str(folder), *more]
    return subprocess.run(arguments, cwd=SANDBOX, capture_output=True, text=True, check=False, timeout=60)


def is_alive(url: str) -> bool:
    host, dummy, port = url.removeprefix("https://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_start_and_stop(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        assert command("start", folder).returncode == 0
    try:
        ready = json.loads((first / "ready.json").read_text())
        other = json.loads((second / "ready.json").read_text())
        assert ready["url"] != other["url"]
        context = ssl.create_default_context(cafile=ready["graph"]["ca_path"])
        with urllib.request.urlopen(f"{ready['control_url']}/state", context=context) as answer:
            assert answer.headers["x-sandbox-tenant"] == "simulated"
            assert len(json.load(answer)["users"]) == 12
        for name in ("ready.json", "app.pem", "app.pfx", "federated.jwt", "env.sh"):
            assert stat.S_IMODE((first / name).stat().st_mode) == 0o600
        again = command("start", first)
        assert again.returncode == 3
        assert str(first / "ready.json") in again.stderr
        assert is_alive(ready["url"])
    finally:
        for folder in (first, second):
            assert command("stop", folder).returncode == 0
    assert not is_alive(ready["url"])
    assert not is_alive(other["url"])
    assert not (first / "ready.json").exists()
    assert command("stop", first).returncode == 0, "nothing to stop is no error"


def test_a_ready_file_of_a_dead_sandbox_is_no_hindrance(tmp_path):
    assert command("start", tmp_path).returncode == 0
    pid = json.loads((tmp_path / "ready.json").read_text())["pid"]
    handle = os.pidfd_open(pid)
    os.kill(pid, 9)
    select.select([handle], [], [], 30)
    assert command("start", tmp_path).returncode == 0
    assert command("stop", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("seed.json", "{", "cannot read the seed"),
        ("seed.json", '{"tenant": {}}', "seed has no skus; seed has no allotments"),
        ("seed.json", "[]", "seed is not of type object"),
        ("seed.yml", "a: [", "not YAML"),
        ("none.json", None, "No such file"),
    ],
)
def test_a_seed_that_cannot_be_read(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    done = command("start", tmp_path / "folder", "--seed", str(tmp_path / name))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sandbox_whose_parent_dies_ends_itself(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert command("start", tmp_path, "--parent", str(parent.pid)).returncode == 0
        ready = json.loads((tmp_path / "ready.json").read_text())
        handle = os.pidfd_open(ready["pid"])
        assert is_alive(ready["url"])
    finally:
        parent.kill()
        parent.wait()
    assert select.select([handle], [], [], 30)[0], "the sandbox has ended"
    os.close(handle)
    assert not is_alive(ready["url"])
    assert not (tmp_path / "ready.json").exists()
