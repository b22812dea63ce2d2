# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the sandbox answers, and what a large tenant costs: client and server share this machine's cores."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SANDBOX = Path(__file__).resolve().parents[2] / "roles/sandbox_tenant/files"
SECONDS = 5.0
GET = ("GET", "/v1.0/users/erin@contoso.example?$select=id,assignedLicenses", None)
BATCH = {"requests": [{"id": str(number), "method": "GET", "url": "/users/erin@contoso.example?$select=id,assignedLicenses"} for number in range(20)]}


NO_QUOTA = {"read_units": 0.0, "writes": 0.0, "tenant_writes": 0.0}  # what is measured is not how long a limit lasts


def ask(ready: dict, request: tuple, seconds: float, answers: multiprocessing.Queue) -> None:
    """Asks one after the other over one connection, and says how often."""
    method, path, body = request
    headers = {"Authorization": f"Bearer {ready['credentials']['access_token']}", "Content-Type": "application/json"}
    host = ready["url"].removeprefix("https://")
    connection = http.client.HTTPSConnection(host, context=ssl.create_default_context(cafile=ready["graph"]["ca_path"]))
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        count += answer.status == 200
    answers.put(count)


def rate(ready: dict, request: tuple, clients: int = 2) -> float:
    """Answers a second to some clients at once."""
    answers: multiprocessing.Queue = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=ask, args=(ready, request, SECONDS, answers)) for dummy in range(clients)]
    for worker in workers:
        worker.start()
    total = sum(answers.get() for dummy in workers)
    for worker in workers:
        worker.join()
    return total / SECONDS


def with_sandbox(*options: str):
    """A running sandbox's ready file, and what ends it."""
    folder = tempfile.TemporaryDirectory()
    command = [sys.executable, "-m", "sandbox_tenant"]
    began = time.monotonic()
    subprocess.run([*command, "start", "--folder", folder.name, *options], cwd=SANDBOX, check=True, stdout=subprocess.DEVNULL)
    ready = json.loads(Path(folder.name, "ready.json").read_text())
    context = ssl.create_default_context(cafile=ready["graph"]["ca_path"])
    body = json.dumps(NO_QUOTA).encode()
    urllib.request.urlopen(urllib.request.Request(f"{ready['control_url']}/conditions", data=body, method="POST"), context=context).close()

    def end() -> None:
        subprocess.run([*command, "stop", "--folder", folder.name], cwd=SANDBOX, check=True)
        folder.cleanup()

    return ready, time.monotonic() - began, end


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    ready, started, end = with_sandbox()
    try:
        print(f"simple requests: {rate(ready, GET):6.0f} a second")
        print(f"batches of 20:   {rate(ready, ('POST', '/v1.0/$batch', json.dumps(BATCH))):6.0f} a second")
    finally:
        end()
    ready, started, end = with_sandbox("--users", "100000")
    try:
        page = ("GET", "/v1.0/users?$select=id,userPrincipalName,assignedLicenses,licenseAssignmentStates&$top=999", None)
        pages = rate(ready, page, 1)
        resident = int(next(line for line in Path(f"/proc/{ready['pid']}/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1])
        print(f"100,000 people: ready in {started:.1f} s, {resident / 1024:.0f} MB at most, {pages:.1f} pages of 999 a second")
    finally:
        end()


if __name__ == "__main__":
    main()
