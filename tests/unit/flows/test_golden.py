# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What administrators read, as text files: for each, what is wrong, where, and what to do about it, said once.

With GOLDEN=write in the environment, the files are written anew, to be read before they are committed.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from ansible import release
from sandbox_tenant.seed import load_seed
from support.plays import environment
from support.seeds import upn
from support.tenant import SEED

pytestmark = pytest.mark.plays
HERE = Path(__file__).parent / "golden"
PROFILES = {
    "base": {"usage_location": "DE"},
    "analyst": {"inherits": "base", "licenses": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]},
    "lead": {"inherits": "base", "licenses": [{"sku": "SPE_E5", "disabled_plans": ["YAMMER_ENTERPRISE"]}]},
    "desk": {"inherits": "base", "groups": ["Support desk"]},
    "full": {"inherits": "base", "licenses": [{"sku": "STANDARDPACK"}]},
    "typo": {"inherits": "base", "licenses": [{"sku": "SPE_E33"}]},
}


def people(profile: str, *names: str, **more) -> list[dict]:
    return [{"user": upn(name), "profile": profile, **more} for name in names]


def crowd(tenant, count: int) -> list[str]:
    tenant.reset(load_seed(None, count))
    return [f"user{number:06}" for number in range(1, count + 1)]


def all_well(tenant):
    return "onboard", {"onboard_users_people": [*people("analyst", "alice", "grace", "bob"), *people("desk", "carol")]}


def one_of_twelve(tenant):
    return "onboard", {"onboard_users_people": [*people("analyst", *crowd(tenant, 11)), *people("full", "kim")]}


def typo_in_a_profile(tenant):
    return "onboard", {"onboard_users_people": people("typo", *crowd(tenant, 300))}


def wrong_secret(tenant):
    return "onboard", {"onboard_users_people": people("analyst", "grace")}


def missing_permission(tenant):
    tenant.fault("users", method="GET", status=403, code="Authorization_RequestDenied", message="Insufficient privileges to complete the operation.", times=9)
    return "onboard", {"onboard_users_people": people("analyst", "grace")}


def no_seats(tenant):
    names = crowd(tenant, 40)[1::2]  # every second one has no license yet
    return "onboard", {"onboard_users_people": [*people("analyst", "grace"), *people("full", *names)]}


def mover_waits(tenant):
    tenant.conditions({"stale_reads": 1000})
    return "move", {"move_users_people": people("desk", "bob", **{"from": "analyst"}), "move_users_wait_timeout": 0}


# name of the file: (what prepares the tenant and gives playbook and variables, whether it is a dry run)
SCENARIOS = {
    "all_well": (all_well, True),
    "one_of_twelve": (one_of_twelve, True),
    "typo_in_a_profile": (typo_in_a_profile, True),
    "wrong_secret": (wrong_secret, True),
    "missing_permission": (missing_permission, True),
    "no_seats": (no_seats, True),
    "mover_waits": (mover_waits, False),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_golden_output(tenant, tmp_path, name):
    tenant.reset(copy.deepcopy(SEED))
    make, is_dry = SCENARIOS[name]
    playbook, variables = make(tenant)
    (tmp_path / "vars.json").write_text(json.dumps({"onboard_users_profiles": PROFILES, "move_users_profiles": PROFILES, **variables}))
    ready = tenant.ready_token
    signs = {"MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
    if name == "wrong_secret":
        given = tenant.sign_in
        signs = {"AZURE_TENANT_ID": given["tenant_id"], "AZURE_CLIENT_ID": given["client_id"], "AZURE_CLIENT_SECRET": "made-up"}
        signs["AZURE_AUTHORITY_HOST"] = given["authority_url"]
    said = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml", "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false", "ANSIBLE_LOCALHOST_WARNING": "false"}
    more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", **signs, **said}
    command = ["ansible-playbook", f"m365.licensing.{playbook}", "-e", "@vars.json", "--diff", *(["--check"] if is_dry else [])]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, check=False)
    shown = read_by_people(done.stdout)
    if os.environ.get("GOLDEN") == "write":
        HERE.mkdir(exist_ok=True)
        (HERE / f"{name}.txt").write_text(shown)
    golden = (HERE / f"{name}.txt").read_text()
    if release.__version__.startswith("2.18."):  # no file and line of a mistake, so that lines break elsewhere
        shown, golden = (" ".join(text.replace(" (vars.json)", "").split()) for text in (shown, golden))
    assert shown == golden


def read_by_people(output: str) -> str:
    """From the task that licenses users on, without what differs between releases of ansible-core, and between runs."""
    body = re.split(r" : (?:License|Move) users\] \*+\n", output)[1].partition("PLAY RECAP")[0]
    body = re.sub(r"\[ERROR\].*?(?=fatal: )", "", body, flags=re.DOTALL)
    body = re.sub(r"\(/[^ ]*/", "(", re.sub(r"(request-id |request_id: )[0-9a-f-]{36}", r"\1…", body))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" \*+$", "", re.sub(r"TASK \[[\w.]+ : ", "TASK [", body), flags=re.MULTILINE)).strip() + "\n"
