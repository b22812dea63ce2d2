# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository to copy, from a file that is edited to licenses that are applied, by the steps of its own CI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml
from support.plays import environment
from support.tenant import ROOT

pytestmark = pytest.mark.plays

SCHEMA = json.loads((ROOT / "docs/license_profiles.schema.json").read_text())

EXAMPLE = ROOT / "docs/examples/infra-repo"


class Repository:
    """A copy of the example, and its CI."""

    def __init__(self, folder: Path, tenant) -> None:
        self.folder = folder / "repo"
        shutil.copytree(EXAMPLE, self.folder)
        credentials, connection = tenant.credentials, tenant.sandbox.connection
        token = folder / "token"
        token.write_text(credentials["access_token"])
        self._more = {
            "MSGRAPH_URL": tenant.ready_token["graph_url"], "MSGRAPH_CA_PATH": connection["graph"]["ca_path"], "MSGRAPH_ACCESS_TOKEN": token.read_text(),
        }  # fmt: skip
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "licenses")
        self.git("config", "user.email", "licenses@contoso.example")
        self.git("init", "--quiet", "--bare", str(folder / "origin"))
        self.git("remote", "add", "origin", str(folder / "origin"))
        self.commit()
        steps = yaml.safe_load((self.folder / ".github/workflows/licenses.yml").read_text())["jobs"]["licenses"]["steps"]
        self._steps = {step["name"]: step["run"] for step in steps if "run" in step}

    def step(self, name: str) -> tuple[int, str]:
        """Exit status and output of a step of the workflow, as written."""
        done = subprocess.run(
            ["bash", "-ec", self._steps[name]], cwd=self.folder, env=environment(self.folder, **self._more), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def script(self, name: str) -> str:
        """What a step runs."""
        return self._steps[name]

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, check=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "An edit")
        self.git("push", "--quiet", "--set-upstream", "origin", "main")

    def run(self, *names: str) -> str:
        """The output of steps of the workflow that have to pass, each after the list that was applied last was got."""
        code, output = 0, ""
        for name in ("Get the list that was applied last", *names):
            code, said = self.step(name)
            output += said
            assert code == 0, output
        return output

    def edit(self, old: str, new: str, name: str = "data/people.yml") -> None:
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))


@pytest.fixture
def repository(tenant, tmp_path):
    return Repository(tmp_path, tenant)


APPLY = ("Apply", "Move the tag applied", "Keep what leavers held")


def test_from_an_edit_to_applied(repository, tenant):
    before = tenant.state()
    output = repository.run("Dry run")
    assert (repository.folder / "dry-run.txt").read_text() in output
    assert "\nalice@contoso.example (" in output
    assert "\ndave@contoso.example (" in output
    assert tenant.state() == before
    repository.run(*APPLY)
    assert tenant.holds("alice") == {"SPE_E3": ["SWAY"]}
    assert tenant.holds("bob") == {"SPE_E3": ["SWAY", "YAMMER_ENTERPRISE"], "POWER_BI_PRO": []}, "what is not named stays off"
    assert tenant.holds("dave") == {}
    assert "dave@contoso.example" in (repository.folder / "snapshots/leavers.jsonl").read_text()
    repository.edit("  - user: erin", "  - user: grace@contoso.example\n    profile: lead\n  - user: erin")
    repository.commit()
    output = repository.run("Dry run")
    assert "\ngrace@contoso.example (" in output
    assert "alice@contoso.example" not in output
    repository.run(*APPLY)
    assert list(tenant.holds("grace")) == ["SPE_E5"]
    tenant.forget()
    assert "changed=0" in repository.run("Apply")
    assert not tenant.writes()


def test_the_comment_has_the_summary_on_top_and_fits(repository):
    """Five thousand users: the comment is cut at the end, and stays a whole one."""
    bin_folder = repository.folder.parent / "bin"
    bin_folder.mkdir()
    (bin_folder / "gh").write_text(f'#!/bin/sh\necho "$@" > {bin_folder}/called\n')
    (bin_folder / "gh").chmod(0o755)
    blocks = "".join(f"user{number:06}@contoso.example (analyst → lead)\n  + SPE_E5  Microsoft 365 E5\n" for number in range(5000))
    summary = "TASK [Summarize] ***\nok: [localhost] =>\n    msg:\n    - '5000 users: 5000 to change, 0 unchanged'\n\nPLAY RECAP ***\n"
    (repository.folder / "dry-run.txt").write_text(f"TASK [License groups and users] ***\n{blocks}changed: [localhost]\n\n{summary}")
    path = f"{bin_folder}{os.pathsep}{environment(repository.folder)['PATH']}"
    script = repository.script("Say what would change").replace("${{ github.event.number }}", "7")
    subprocess.run(["bash", "-ec", script], cwd=repository.folder, env=environment(repository.folder, PATH=path), check=True)
    comment = (repository.folder / "comment.md").read_text()
    assert len(comment) < 60_000
    assert "5000 users: 5000 to change" in comment.splitlines()[4]
    assert comment.count("```") == 4
    assert comment.endswith("</details>\n")
    assert (bin_folder / "called").read_text() == "pr comment 7 --edit-last --create-if-none --body-file comment.md\n"


def test_a_mover_loses_what_the_last_applied_profile_assigned(repository, tenant):
    repository.run(*APPLY)
    assert "POWER_BI_PRO" in tenant.holds("bob")
    repository.edit("profile: analyst", "profile: office")
    repository.commit()
    assert "POWER_BI_PRO" in repository.run("Dry run")
    repository.run(*APPLY)
    assert list(tenant.holds("bob")) == ["SPE_E3"]


def test_a_run_with_an_error_does_not_move_the_tag(repository, tenant):
    repository.edit("profile: support", "licenses: [SPE_E3, STANDARDPACK]")
    repository.commit()
    assert repository.step("Apply")[0] != 0
    assert not (repository.folder / "complete").exists()


def test_a_mistake_stops_the_pull_request_and_names_the_file(repository, tenant):
    repository.edit("profile: analyst", "profile: analist")
    code, output = repository.step("Dry run")
    assert code != 0
    said = " ".join(output.replace("''", "'").split())  # older versions of ansible-core break long lines and double quotes
    assert "users[1].profile: there is no profile 'analist' (nearest: analyst)" in said
    assert not tenant.journal()


def test_its_profiles_are_of_the_schema():
    jsonschema.validate(yaml.safe_load((EXAMPLE / "data/profiles.yml").read_text())["license_profiles"], SCHEMA)


@pytest.mark.parametrize("name", ["onboard", "move", "offboard", "restore", "license_groups", "report"])
def test_every_playbook_is_there(name):
    plays = yaml.safe_load((EXAMPLE / f"playbooks/{name}.yml").read_text())
    assert plays[-1]["import_playbook"] == f"m365.licensing.{name}"
    assert (ROOT / f"playbooks/{name}.yml").is_file()
