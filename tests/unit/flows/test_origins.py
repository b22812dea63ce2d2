# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mistake in a file is reported with the file and the line, where ansible-core knows them."""

from __future__ import annotations

import subprocess

import pytest
from ansible import release
from support.plays import environment

pytestmark = pytest.mark.plays

PROFILES = """license_profiles:
  analyst:
    licenses:
      - sku: SPE_E33
"""
PEOPLE = """license_people:
  - user: alice@contoso.example
    profile: analyst
  - user: bob@contoso.example
    profile: {profile}
"""
PLAY = """- hosts: localhost
  gather_facts: false
  vars_files: [profiles.yml, people.yml]
  tasks:
    - name: License users
      m365.licensing.licensed_users:
        profiles: "{{ license_profiles }}"
        users: "{{ license_people }}"
"""


# title: (profile of bob, the message, the file and the line)
MISTAKES = {
    "of form": ("analist", "users[1].profile", "there is no profile 'analist'", "people.yml:5"),
    "of a name that the tenant lacks": ("analyst", "profiles.analyst.licenses[0].sku", "no SKU 'SPE_E33'", "profiles.yml:4"),
}


def played(tenant, folder, profiles: str, people: str) -> tuple[int, str]:
    """Exit code and output of a dry run, on one line."""
    for name, text in (("profiles.yml", profiles), ("people.yml", people), ("play.yml", PLAY)):
        (folder / name).write_text(text)
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    command = ["ansible-playbook", "play.yml", "--check"]
    done = subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).replace("''", "'").split())


def test_a_warning_has_its_file_and_line(tenant, tmp_path):
    """A mistake in a profile that no user has is a warning, as text and not as an object of Ansible's own."""
    code, output = played(tenant, tmp_path, f"{PROFILES}  lead:\n    usage_location: DE\n", PEOPLE.replace("analyst", "lead").format(profile="lead"))
    assert code == 0, output
    place = "profiles.analyst.licenses[0].sku"
    is_open = release.__version__.startswith(("2.19.", "2.20."))  # before, no place is known; since then, warnings are out of reach of the action plugin
    known = f"{place} ({tmp_path}/profiles.yml:4:14)" if is_open else place
    assert f"[WARNING]: {known}: no SKU 'SPE_E33' of this tenant" in output, output


@pytest.mark.parametrize("title", MISTAKES)
def test_a_mistake_has_its_file_and_line(tenant, tmp_path, title):
    profile, place, said, line = MISTAKES[title]
    code, output = played(tenant, tmp_path, PROFILES, PEOPLE.format(profile=profile))
    assert code != 0
    assert place in output, output
    assert said in output
    if not release.__version__.startswith("2.18."):
        assert line in output, output
