# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit that leaves no host of a playbook: an error, and no success with nothing done."""

from __future__ import annotations

import subprocess

import pytest
import yaml
from support.plays import environment
from support.tenant import ROOT

pytestmark = pytest.mark.plays

PLAYBOOKS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "playbooks").glob("*.yml"))}
INVENTORY = """
all:
  hosts: {localhost: {}, web: {}}
  children:
    office: {hosts: {localhost: {}}}
    others: {hosts: {web: {}}}
"""


def checked(folder, playbook: str, *options: str) -> tuple[int, str]:
    """The exit code and the output of a check of a playbook, which runs no task."""
    (folder / "inventory.yml").write_text(INVENTORY)
    (folder / "web.txt").write_text("web\n")
    command = ["ansible-playbook", f"m365.licensing.{playbook}", "--list-hosts", *options]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_each_play_looks_at_the_limit(playbook):
    assert all("m365.licensing.limited_hosts" in play["hosts"] for play in PLAYBOOKS[playbook])


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS.keys() - {"awx"}))  # which needs another collection
def test_each_playbook_fails_with_a_limit_that_leaves_nothing_to_do(tmp_path, playbook):
    code, said = checked(tmp_path, playbook, "--limit", "web")
    assert code != 0
    assert "limit 'web' leaves no host of localhost, so nothing would be done" in said


# title: (options, whether there is a host left)
LIMITS = {
    "none": ([], True),
    "localhost without an inventory": (["--limit", "localhost"], True),
    "all hosts, of which an implicit localhost is none": (["--limit", "all"], False),
    "all hosts of an inventory with localhost": (["-i", "inventory.yml", "--limit", "all"], True),
    "a group with localhost": (["-i", "inventory.yml", "--limit", "office"], True),
    "a group without": (["-i", "inventory.yml", "--limit", "others"], False),
    "one or the other": (["-i", "inventory.yml", "--limit", "web,localhost"], True),
    "all but one": (["-i", "inventory.yml", "--limit", "all:!localhost"], False),
    "a file": (["-i", "inventory.yml", "--limit", "@web.txt"], False),
    "other hosts for the play": (["-i", "inventory.yml", "--limit", "web", "-e", "onboard_hosts=others"], True),
    "no inventory for other hosts": (["-e", "onboard_hosts=others"], True),
}


@pytest.mark.parametrize("title", LIMITS)
def test_what_a_limit_leaves(tmp_path, title):
    options, is_left = LIMITS[title]
    code, said = checked(tmp_path, "onboard", *options)
    assert ((code == 0), "leaves no host" in said) == (is_left, not is_left), said
