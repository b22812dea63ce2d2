# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to read the licenses of a hundred thousand people: seconds, requests, and the memory of the module's own process."""

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

MODULE = "ansible_collections.m365.licensing.plugins.modules.user_license_info"


def measured(ready: dict, **params) -> tuple[float, float]:
    """Seconds and megabytes of one run of the module, in a process of its own as Ansible would start it."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**ready["graph"], **params, "_ansible_remote_tmp": tempfile.gettempdir()}})
    began = time.monotonic()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
        given.write(arguments.encode())
        given.seek(0)
        child = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", f"from ansible.module_utils import basic; basic._ANSIBLE_PROFILE = 'legacy'; import {MODULE} as m; m.main()"],
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    print(f"{options.users} people, {os.cpu_count()} cores, Python {platform.python_version()}; the sandbox runs beside")
    ready, dummy, end = with_sandbox("--users", str(options.users))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for title, params in {"report_path": {"report_path": f"{folder}/report.jsonl"}, "as_desired": {"as_desired": True}, "rows": {}}.items():
                seconds, megabytes = measured(ready, **params)
                print(f"{title:12} {seconds:6.1f} s, {requests_of(ready)} requests, {megabytes:4.0f} MB")
    finally:
        end()


if __name__ == "__main__":
    main()
