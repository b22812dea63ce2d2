# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What those who carry the project on rely on: workflows call targets that there are, hooks call tools that there are, and a release is checked."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.tenant import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def steps(path: Path) -> list[str]:
    """The commands of a workflow, once for each value of its matrix."""
    found = []
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        values = job.get("strategy", {}).get("matrix", {}).get("target", [""])
        found += [step["run"].replace("${{ matrix.target }}", value) for step in job["steps"] if "run" in step for value in values]
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_nothing_of_its_own(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"], "the least that it needs"
    for command in dict.fromkeys(steps(path)):
        if command.startswith("gh release create"):
            continue
        make, *arguments = command.split()
        assert make == "make"
        assert {one for one in arguments if "=" not in one} <= TARGETS, command
        if shutil.which("make") and (ROOT / "Makefile").is_file():
            done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def test_all_that_make_test_runs_is_run_on_a_public_host():
    recipe = re.search(r"^test: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    here = set(re.findall(r"\b[a-z]+\b", recipe)) & TARGETS - {"test", "make"}
    there = {word for path in WORKFLOWS for command in steps(path) for word in command.split()}
    assert here <= there, here - there


def test_forms_of_issues():
    for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"):
        form = yaml.safe_load(path.read_text())
        assert {"name", "description", "labels", "body"} <= form.keys()
        ids = [part["id"] for part in form["body"]]
        assert len(set(ids)) == len(ids)
        assert all({"type", "attributes"} <= part.keys() and "label" in part["attributes"] for part in form["body"])


def test_hooks_call_what_make_lint_calls():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    lint = (ROOT / "Makefile").read_text().split("\nlint:", 1)[1].split("\n\n", 1)[0]
    for hook in local["hooks"]:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert tool == "make" or tool in lint


def release_script():
    """The script that makes releases; nothing in an installed collection, which has none."""
    if not (ROOT / ".ci/release.py").is_file():
        return None
    sys.path.append(str(ROOT / ".ci"))
    return importlib.import_module("release")


SCRIPT = release_script()


@pytest.fixture
def release():
    if SCRIPT is None:
        pytest.skip("an installed collection has no .ci")
    return SCRIPT


# version, versions before, what git does not have; what is said, nothing where all is well
RELEASES = [
    ("0.1.0", [], "", ""),
    ("0.2.0", ["0.1.0"], "", ""),
    ("0.10.0", ["0.9.0"], "", ""),
    ("0.9.0", ["0.10.0"], "", "0.10.0 is released"),
    ("0.1.0", ["0.1.0"], "", "0.1.0 is released"),
    ("1.0", [], "", "give three numbers"),
    ("", [], "", "give three numbers"),
    ("v1.0.0", [], "", "give three numbers"),
    ("0.1.0", [], " M README.md", "the tree is not clean"),
]


@pytest.mark.parametrize(("version", "earlier", "dirty", "said"), RELEASES)
def test_what_forbids_a_release(release, version, earlier, dirty, said):
    if not said:
        release.check(version, earlier, dirty)
        return
    with pytest.raises(SystemExit) as caught:
        release.check(version, earlier, dirty)
    assert said in str(caught.value)


def test_the_message_of_a_tag_is_its_part_of_the_changelog(release):
    changelog = "Notes\n=====\n\nv0.2.0\n======\n\n- second\n\nv0.1.0\n======\n\n- first\n"
    assert release.tag_message("0.2.0", changelog) == "m365.licensing 0.2.0\n\n- second\n"
    assert release.tag_message("0.1.0", changelog) == "m365.licensing 0.1.0\n\n- first\n"


def released_tags() -> list[str]:
    """The versions that were released, as far as this is a clone with tags."""
    if SCRIPT is None or subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True, check=False).returncode:
        return []
    return sorted(SCRIPT.released(), key=SCRIPT.numbers)


def options_at(tag: str, path: str) -> set[str]:
    """The options of a module, or the variables of a role, as a version had them."""
    text = subprocess.run(["git", "show", f"{tag}:{path}"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    if path.endswith(".yml"):
        return set(yaml.safe_load(text)["argument_specs"]["main"]["options"])
    documented = re.search(r'^DOCUMENTATION = r"""(.*?)"""', text, re.MULTILINE | re.DOTALL)
    return set((yaml.safe_load(documented[1]) or {}).get("options") or {}) if documented else set()


@pytest.mark.parametrize("tag", released_tags()[-1:])
def test_what_the_last_release_took_is_taken_still(tag):
    """An option or variable that goes is in the changelog, with what to write instead."""
    listed = subprocess.run(["git", "ls-tree", "-r", "--name-only", tag], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    ours = [path for path in listed if re.fullmatch(r"plugins/modules/\w+\.py|roles/\w+/meta/argument_specs\.yml", path)]
    said = "".join(path.read_text() for path in (ROOT / "changelogs").rglob("*.y*ml"))
    gone = {name for path in ours for name in options_at(tag, path) - (options_at("HEAD", path) if (ROOT / path).is_file() else set())}
    assert sorted(name for name in gone if name not in said) == []
