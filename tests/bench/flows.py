# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan over joiners and movers costs beside the same end state with users_assign_license: seconds, requests, and the memory of the module's process.

    python flows.py [--sizes 1000 10000 100000] [--write 10000] [--no-playbooks]

The largest sizes are measured in check mode, as what a tenant may be sent limits the real run. Then come the playbooks, beside their module alone:
seconds, and the memory of the largest process, which may be that of ansible-playbook.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from memory import measured, requests_of
from sandbox_speed import NO_QUOTA, with_sandbox

PROFILES = {
    "base": {"usage_location": "DE"},
    "analyst": {"inherits": "base", "licenses": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]},
    "lead": {"inherits": "base", "licenses": [{"sku": "POWER_BI_PRO"}]},
    "desk": {"inherits": "base", "groups": ["Support desk"]},
    "field": {"inherits": "base", "allotments": [{"sku": "POWER_BI_PRO", "allotment_choice": "most_available"}]},
}
COMMON = {"write_quota": 10**9, "results": "failed", "seat_check": "try"}


WRITTEN = ("users_assign_license, one SKU", "licensed_users, onboard")  # of the SKU to swap to, the tenant has no seats for all


def reset(ready: dict) -> None:
    """The tenant as it was, without a quota."""
    context = ssl.create_default_context(cafile=ready["graph"]["ca_path"])
    for path, body in (("reset", b""), ("conditions", json.dumps(NO_QUOTA).encode())):
        urllib.request.urlopen(urllib.request.Request(f"{ready['control_url']}/{path}", data=body, method="POST"), context=context).close()


def _cases(count: int) -> dict[str, tuple[str, dict]]:
    names = [f"user{number:06}@contoso.example" for number in range(1, count + 1)]
    add = {"add": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]}
    swap = {"add": [{"sku": "POWER_BI_PRO"}], "remove": ["SPE_E3"]}
    planned = {**COMMON, "profiles": PROFILES, "max_removals": "100%"}
    return {
        "users_assign_license, one SKU": (
            "users_assign_license",
            {**COMMON, "users": [{"user": name, "usage_location": "DE"} for name in names], "licenses": add},
        ),
        "licensed_users, onboard": ("licensed_users", {**planned, "users": [{"user": name, "profile": "analyst"} for name in names]}),
        "users_assign_license, swap": (
            "users_assign_license",
            {**COMMON, "users": [{"user": name, "usage_location": "DE"} for name in names], "licenses": swap},
        ),
        "licensed_users, move": (
            "licensed_users",
            {**planned, "users": [{"user": name, "profile": "lead", "from": "analyst"} for name in names], "remove": "previous"},
        ),
        "licensed_users, offboard": (
            "licensed_users",
            {**planned, "users": names, "state": "released", "record_path": "leavers.jsonl", "record_missing": "create"},
        ),
        "licensed_users, into a group": ("licensed_users", {**planned, "users": [{"user": name, "profile": "desk"} for name in names]}),
        "licensed_users, into a pool": ("licensed_users", {**planned, "users": [{"user": name, "profile": "field"} for name in names]}),
    }


# title of the case: playbook, and the variables of its role
PLAYBOOKS = {
    "licensed_users, onboard": ("onboard", "onboard_users", {"seat_check": "try"}),
    "licensed_users, move": ("move", "move_users", {"max_removals": "100%"}),
    "licensed_users, offboard": ("offboard", "offboard_users", {"record_path": "leavers.jsonl", "record_missing": "create", "max_removals": "100%"}),
}


def played(title: str, ready: dict, params: dict) -> tuple[float, float]:
    """Seconds and megabytes of a playbook in check mode."""
    playbook, role, more = PLAYBOOKS[title]
    users = [{"user": one} if isinstance(one, str) else one for one in params["users"]]
    variables = {f"{role}_profiles": PROFILES, f"{role}_people": users, **{f"{role}_{name}": value for name, value in more.items()}}
    Path("variables.json").write_text(json.dumps(variables))
    graph = ready["graph"]
    signs = {"AZURE_TENANT_ID": "tenant_id", "AZURE_CLIENT_ID": "client_id", "AZURE_CLIENT_SECRET": "client_secret", "AZURE_AUTHORITY_HOST": "authority_url"}
    connection = {name: graph[option] for name, option in {**signs, "MSGRAPH_URL": "graph_url", "MSGRAPH_CA_PATH": "ca_path"}.items()}
    environment = {**os.environ, **connection, "ANSIBLE_COLLECTIONS_PATH": os.environ["PYTHONPATH"], "ANSIBLE_NOCOLOR": "1"}
    began = time.monotonic()
    command = [str(Path(sys.executable).parent / "ansible-playbook"), f"m365.licensing.{playbook}", "-e", "@variables.json", "--check"]
    with open("output.txt", "w") as output:
        child = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        dummy, status, usage = os.wait4(child.pid, 0)
    said = Path("output.txt").read_text()
    if status and ": Summarize]" not in said:  # of the SKU to move to, the tenant has no seats for all, which the role reports
        sys.exit(said[-3000:])
    return time.monotonic() - began, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--write", type=int, default=10_000, help="the largest size of a real run")
    parser.add_argument("--no-playbooks", action="store_true")
    options = parser.parse_args()
    os.chdir(tempfile.mkdtemp())  # the record of leavers is read from here; in check mode nothing is written
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; the sandbox runs beside")
    for count in options.sizes:
        ready, dummy, end = with_sandbox("--users", str(count))
        try:
            for is_dry in (True, False):
                for title, (module, params) in _cases(count).items():
                    if not is_dry and (count > options.write or title not in WRITTEN):
                        continue
                    reset(ready)
                    seconds, megabytes = measured(module, ready, **params, _ansible_check_mode=is_dry)
                    mode = "check mode" if is_dry else "real run"
                    print(f"{count:7} users, {title:32} {mode:10} {seconds:6.1f} s, {requests_of(ready):5} requests, {megabytes:4.0f} MB", flush=True)
                    if is_dry and title in PLAYBOOKS and not options.no_playbooks:
                        more, most = played(title, ready, params)
                        said = f"{more:6.1f} s ({more / seconds:.2f} x), {most:4.0f} MB ({most / megabytes:.2f} x)"
                        print(f"{count:7} users, playbook {PLAYBOOKS[title][0]:23} {mode:10} {said}", flush=True)
        finally:
            end()


if __name__ == "__main__":
    main()
