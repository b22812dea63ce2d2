# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: C(python -m sandbox_tenant serve|start|stop --folder DIR)."""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from .seed import SeedError, load_seed, schema
from .server import Sandbox

RUNNING = 3


def main() -> int:
    """Run one command. The exit status is 0 on success, RUNNING if a sandbox of the folder runs already."""
    options = _parser().parse_args()
    commands = {"serve": _serve, "start": _start, "stop": _stop, "schema": _schema}
    try:
        return commands[options.command](options)
    except SeedError as error:
        print(f"sandbox_tenant: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox_tenant", description="A tenant of Microsoft 365 on this machine, to try license playbooks on.")
    parser.add_argument(
        "command",
        nargs="?",
        default="serve",
        choices=["serve", "start", "stop", "schema"],
        help="serve in the foreground (default), start in the background, stop, or print the JSON schema of seeds",
    )
    parser.add_argument("--folder", type=Path, default=Path("sandbox-tenant"), help="where ready.json and the certificates are put")
    parser.add_argument("--seed", help="seed file, YAML or JSON (default: contoso)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free port)")
    parser.add_argument("--token-lifetime", type=int, default=3600, help="seconds for which a token is valid")
    parser.add_argument("--users", type=int, default=0, help="how many users to generate in addition to the seed's own")
    parser.add_argument("--parent", type=int, help="pid of a process; the sandbox ends when it ends")
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser


def _serve(options: argparse.Namespace) -> int:
    """Serve until a signal, or the end of the parent. A folder whose sandbox runs is an error."""
    if _is_refused(options.folder / "ready.json"):
        return RUNNING
    sandbox = Sandbox(load_seed(options.seed, options.users), options.folder, options.port, options.token_lifetime)
    ends = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *dummy: ends.set())
    threading.Thread(target=sandbox.serve, daemon=True).start()
    if options.ready_fd is None:
        print(f"The sandbox tenant is at {sandbox.url}; {sandbox.ready_file} says how to sign in. Ctrl-C ends it.", flush=True)
    else:
        os.write(options.ready_fd, b"ready")
        os.close(options.ready_fd)
    while not ends.wait(1.0 if options.parent else None):
        if not _is_there(options.parent):
            break
    sandbox.stop()
    return 0


def _is_there(pid: int) -> bool:
    """Whether a process is alive."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return not _is_dead_child(pid)


def _is_dead_child(pid: int) -> bool:
    """Whether a process has ended, and only waits for its parent to notice; known on Linux."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _schema(options: argparse.Namespace) -> int:
    print(json.dumps(schema(), indent=2))
    return 0


def _start(options: argparse.Namespace) -> int:
    """Start a sandbox that outlives this process, and return when it is ready."""
    options.folder.mkdir(parents=True, exist_ok=True)
    ready_file = options.folder / "ready.json"
    if _is_refused(ready_file):
        return RUNNING
    read_end, write_end = os.pipe()
    command = [sys.executable, "-m", __package__, "serve", "--folder", str(options.folder), "--port", str(options.port), "--ready-fd", str(write_end)]
    command += ["--token-lifetime", str(options.token_lifetime)] + (["--seed", options.seed] if options.seed else [])
    command += ["--users", str(options.users)] + (["--parent", str(options.parent)] if options.parent else [])
    log = options.folder / "sandbox.log"
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, pass_fds=[write_end])
    os.close(write_end)
    if select.select([read_end], [], [], 60)[0] and os.read(read_end, 5) == b"ready":
        print(ready_file)
        return 0
    child.kill()
    print(f"sandbox_tenant: the sandbox did not start: {log.read_text(errors='replace').strip()}", file=sys.stderr)
    return 1


def _stop(options: argparse.Namespace) -> int:
    """Stop the sandbox of a folder, and wait until it has removed its ready file. Having none to stop is no error."""
    ready_file = options.folder / "ready.json"
    if not _is_serving(ready_file):
        ready_file.unlink(missing_ok=True)
        return 0
    os.kill(json.loads(ready_file.read_text())["pid"], signal.SIGTERM)
    until = time.monotonic() + 30
    while ready_file.exists():
        if time.monotonic() > until:
            print(f"sandbox_tenant: the sandbox of {ready_file} does not end", file=sys.stderr)
            return 1
        time.sleep(0.02)
    return 0


def _is_refused(ready_file: Path) -> bool:
    if _is_serving(ready_file):
        print(f"sandbox_tenant: {ready_file} belongs to a sandbox that is running; stop it, or choose another folder", file=sys.stderr)
        return True
    return False


def _is_serving(ready_file: Path) -> bool:
    """Whether the sandbox of a ready file answers. Its own certificate authority proves it, even if its pid or port is reused."""
    try:
        ready = json.loads(ready_file.read_text())
        context = ssl.create_default_context(cafile=ready["graph"]["ca_path"])
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        opener.open(f"{ready['control_url']}/state", timeout=10).close()
    except (OSError, ValueError, KeyError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
