# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred thousand people as hosts: seconds and memory, beside what ansible-core itself needs for as many hosts out of a file."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from sandbox_speed import with_sandbox

DEPARTMENTS = ("Finance", "Sales", "Research", "Support", "Legal")


def measured(inventory: Path, more: dict[str, str]) -> tuple[float, float]:
    """Seconds and megabytes of ansible-inventory, in a process of its own."""
    program = str(Path(sys.executable).parent / "ansible-inventory")
    began = time.monotonic()
    with open(os.devnull, "w") as nowhere:
        actions = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1), (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 2)]
        child = os.posix_spawn(program, [program, "-i", str(inventory), "--list"], {**os.environ, **more}, file_actions=actions)
        dummy, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"ansible-inventory failed on {inventory}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def hosts_of(count: int) -> dict:
    """As many hosts, with as many variables as the plugin gives them."""
    return {f"user{number:06}@contoso.example": variables_of(number) for number in range(1, count + 1)}


def variables_of(number: int) -> dict:
    upn, display = f"user{number:06}@contoso.example", f"User {number:06}"
    base = {"m365_id": f"{number:036}", "m365_user_principal_name": upn, "m365_display_name": display, "m365_mail": upn}
    return {**base, "m365_department": DEPARTMENTS[number % 5], "m365_usage_location": "DE", "m365_account_enabled": True}


def groups_of(count: int) -> dict:
    members = {index: {f"user{number:06}@contoso.example": {} for number in range(1, count + 1) if number % 5 == index} for index in range(5)}
    return {f"department_{name}": {"hosts": members[index]} for index, name in enumerate(DEPARTMENTS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    ready, dummy, end = with_sandbox("--users", str(options.users))
    more = {"MSGRAPH_URL": ready["url"], "MSGRAPH_CA_PATH": ready["graph"]["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["credentials"]["access_token"]}
    try:
        with tempfile.TemporaryDirectory() as folder:
            static, plugin = Path(folder, "static.json"), Path(folder, "all.m365_users.yml")
            plugin.write_text("plugin: m365.licensing.users\nkeyed_groups:\n  - key: department\n    prefix: department\n")
            static.write_text(json.dumps({"all": {"hosts": hosts_of(options.users), "children": groups_of(options.users)}}))
            for title, path in {"a file": static, "m365.licensing.users": plugin}.items():
                seconds, megabytes = measured(path, more)
                print(f"{options.users} hosts from {title:22} {seconds:7.1f} s {megabytes:6.0f} MB")
    finally:
        end()


if __name__ == "__main__":
    main()
