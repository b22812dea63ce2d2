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


@pytest.mark.parametrize("title", MISTAKES)
def test_a_mistake_has_its_file_and_line(tenant, tmp_path, title):
    profile, place, said, line = MISTAKES[title]
    for name, text in (("profiles.yml", PROFILES), ("people.yml", PEOPLE.format(profile=profile)), ("play.yml", PLAY)):
        (tmp_path / name).write_text(text)
    ready = tenant.ready_token
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    command = ["ansible-playbook", "play.yml", "--check"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, check=False)
    output = " ".join((done.stdout + done.stderr).replace("''", "'").split())
    assert done.returncode != 0
    assert place in output, output
    assert said in output
    if not release.__version__.startswith("2.18."):
        assert line in output, output
