# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to read and to change the licenses of a hundred thousand people: seconds, requests, and the memory of the module's own process."""

from __future__ import annotations

import argparse
import json
import os
import platform
import ssl
import sys
import tempfile
import time
import urllib.request

from sandbox_speed import with_sandbox

MODULES = "ansible_collections.m365.licensing.plugins.modules"


def measured(module: str, ready: dict, **params) -> tuple[float, float]:
    """Seconds and megabytes of one run of the module, in a process of its own as Ansible would start it."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**ready["graph"], **params, "_ansible_remote_tmp": tempfile.gettempdir()}})
    began = time.monotonic()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
        given.write(arguments.encode())
        given.seek(0)
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", f"from ansible.module_utils import basic; basic._ANSIBLE_PROFILE = 'legacy'; import {MODULES}.{module} as m; m.main()"],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, given.fileno(), 0), (os.POSIX_SPAWN_DUP2, answer.fileno(), 1)],
        )
        dummy, status, usage = os.wait4(child, 0)
        answer.seek(0)
        if status:
            sys.exit(answer.read().decode())
    return time.monotonic() - began, usage.ru_maxrss / 1024


def requests_of(ready: dict) -> int:
    """How many requests Graph was sent since the last time."""
    context = ssl.create_default_context(cafile=ready["graph"]["ca_path"])
    with urllib.request.urlopen(f"{ready['control_url']}/journal", context=context) as answer:
        sent = json.loads(answer.read())["requests"]
    urllib.request.urlopen(urllib.request.Request(f"{ready['control_url']}/journal", method="DELETE"), context=context).close()
    return sum(entry["path"].startswith("/v1.0") for entry in sent)


def _cases(options: argparse.Namespace, folder: str) -> dict[str, tuple[str, dict]]:
    names = [f"user{number:06}@contoso.example" for number in range(1, options.users + 1)]
    entries = [{"user": name, "licenses": {"add": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"]}]}} for name in names]
    bulk = {"users": entries, "write_quota": 10**9, "results": "failed"}
    reads: dict[str, dict] = {"report_path": {"report_path": f"{folder}/report.jsonl"}, "as_desired": {"as_desired": True}, "rows": {}}
    cases = {f"user_license_info, {title}": ("user_license_info", params) for title, params in reads.items()}
    cases["users_assign_license, none to change"] = ("users_assign_license", {**bulk, "users": [{"user": name, "usage_location": "DE"} for name in names]})
    cases["users_assign_license, all to change, check mode"] = ("users_assign_license", {**bulk, "_ansible_check_mode": True})
    if options.write:
        cases["users_assign_license, all to change"] = ("users_assign_license", {**bulk, "report_path": f"{folder}/changes.jsonl"})
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--write", action="store_true", help="also change them all, which takes minutes, as Graph limits what a tenant may ask")
    options = parser.parse_args()
    print(f"{options.users} people, {os.cpu_count()} cores, Python {platform.python_version()}; the sandbox runs beside")
    ready, dummy, end = with_sandbox("--users", str(options.users))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for title, (module, params) in _cases(options, folder).items():
                seconds, megabytes = measured(module, ready, **params)
                print(f"{title:50} {seconds:6.1f} s, {requests_of(ready)} requests, {megabytes:4.0f} MB")
    finally:
        end()


if __name__ == "__main__":
    main()
