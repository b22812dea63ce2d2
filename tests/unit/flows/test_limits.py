# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit that leaves no host of a playbook: an error, and no success with nothing done."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.plays import environment
from support.tenant import ROOT

pytestmark = pytest.mark.plays

PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
OURS = sorted([*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "docs/examples").rglob("playbooks/*.yml"), ROOT / "docs/examples/awx-first-steps.yml"])
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


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_each_play_looks_at_the_limit(path):
    hosts = re.findall("^  hosts: .*$", path.read_text(), re.MULTILINE)
    assert hosts
    assert all("m365.licensing.limited_hosts" in one for one in hosts)


@pytest.mark.parametrize("playbook", sorted({*PLAYBOOKS} - {"awx"}))  # which needs another collection
def test_each_playbook_fails_with_a_limit_that_leaves_nothing_to_do(tmp_path, playbook):
    code, said = checked(tmp_path, playbook, "--limit", "web")
    assert code != 0
    assert "limit 'web' leaves no host of localhost, so nothing would be done" in said


LISTED = '{"onboard_hosts": ["office", "others"]}'
# title: (options, what is said; nothing where a host is left)
LIMITS = {
    "none": ([], ""),
    "localhost without an inventory": (["--limit", "localhost"], ""),
    "all hosts, of which an implicit localhost is none": (["--limit", "all"], "leaves no host"),
    "all hosts of an inventory with localhost": (["-i", "inventory.yml", "--limit", "all"], ""),
    "a group with localhost": (["-i", "inventory.yml", "--limit", "office"], ""),
    "a group without": (["-i", "inventory.yml", "--limit", "others"], "leaves no host"),
    "one or the other": (["-i", "inventory.yml", "--limit", "web,localhost"], ""),
    "all but one": (["-i", "inventory.yml", "--limit", "all:!localhost"], "leaves no host"),
    "a file": (["-i", "inventory.yml", "--limit", "@web.txt"], "leaves no host"),
    "other hosts for the play": (["-i", "inventory.yml", "--limit", "web", "-e", "onboard_hosts=others"], ""),
    "a list of hosts": (["-i", "inventory.yml", "--limit", "web", "-e", LISTED], ""),
    "a list of hosts and nothing left": (["-i", "inventory.yml", "--limit", "web", "-e", '{"onboard_hosts": ["office"]}'], "leaves no host of office"),
    "a list of hosts without a limit": (["-i", "inventory.yml", "-e", LISTED], ""),
    "no such hosts": (["-i", "inventory.yml", "-e", "onboard_hosts=others:!web"], "no host matches others:!web"),
    "no such hosts, and a limit": (["-i", "inventory.yml", "-e", "onboard_hosts=unknown", "--limit", "web"], "no host matches unknown"),
    "no inventory for other hosts": (["-e", "onboard_hosts=others"], "no host matches others"),
}


@pytest.mark.parametrize("title", LIMITS)
def test_what_a_limit_leaves(tmp_path, title):
    options, expected = LIMITS[title]
    code, said = checked(tmp_path, "onboard", *options)
    assert (code == 0) == (not expected), said
    assert expected in said
    assert ("limited_hosts" in said) == bool(expected)
