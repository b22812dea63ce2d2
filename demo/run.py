# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, shown on the sandbox tenant: a dry run, the real run, the run after that, and an entry that cannot be applied."""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent


def main() -> int:
    """Runs the demonstration; exits with 0 when everything went as it should."""
    folder = Path(tempfile.mkdtemp(prefix="m365-demo-"))
    ansible = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}
    environment = {**os.environ, **ansible, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false"}
    sandbox = ["m365.licensing.sandbox", "-e", f"sandbox_tenant_folder={folder}"]
    try:
        _say("A tenant on this machine")
        _play(sandbox, environment)
        tenant = _Tenant(json.loads((folder / "ready.json").read_text()))
        environment.update(tenant.environment())
        before = tenant.holders()
        runs = []
        for title, options in (("The dry run: what would change", ["--check", "--diff"]), ("The real run", []), ("The same again", [])):
            _say(title)
            runs.append((title, *_counted(["m365.licensing.onboard", "-e", f"@{HERE}/people.yml", *options], environment, tenant)))
        _say("A dry run that finds an error: there is no seat for Kim")
        refused = _counted(["m365.licensing.onboard", "-e", f"@{HERE}/one_too_many.yml", "--check"], environment, tenant)
        _table(before, tenant.holders(), runs, refused)
        expected = [code for dummy, code, dummy, dummy in runs] == [0, 0, 0] and refused[0] != 0 and runs[2][2] == 0 and runs[2][3] == 0
        return 0 if expected else 1
    finally:
        _play([*sandbox, "-e", "sandbox_tenant_state=stopped"], environment, is_shown=False)
        shutil.rmtree(folder)


class _Tenant:
    """What the sandbox itself says, beside the API that the collection uses."""

    def __init__(self, ready: dict) -> None:
        self._ready = ready
        self._context = ssl.create_default_context(cafile=ready["graph"]["ca_path"])

    def environment(self) -> dict[str, str]:
        """The environment variables that point modules at the sandbox."""
        lines = Path(self._ready["env_file"]).read_text().splitlines()
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def holders(self) -> dict[str, str]:
        """What each user holds, in words."""
        return {name: _words(user) for name, user in self._get("state")["users"].items()}

    def writes(self) -> int:
        """How many writes Graph was sent."""
        return sum(request["write"] for request in self._get("journal")["requests"])

    def _get(self, what: str) -> dict:
        with urllib.request.urlopen(f"{self._ready['control_url']}/{what}", context=self._context) as answer:
            return json.load(answer)


def _words(user: dict) -> str:
    held = [row["sku"] + (f" without {', '.join(row['off'])}" if row["off"] else "") for row in user["licenses"]]
    return "; ".join([*sorted(held), *([user["usage_location"]] if user["usage_location"] else [])]) or "nothing"


def _counted(arguments: list[str], environment: dict, tenant: _Tenant) -> tuple[int, int, int]:
    """Exit status of a playbook, tasks that changed something, and writes that Graph was sent."""
    writes = tenant.writes()
    code, output = _play(arguments, environment)
    recap = re.search(r"changed=(\d+)", output)
    return code, int(recap.group(1)) if recap else -1, tenant.writes() - writes


def _play(arguments: list[str], environment: dict, is_shown: bool = True) -> tuple[int, str]:
    done = subprocess.run([BIN / "ansible-playbook", *arguments], env=environment, capture_output=True, text=True, check=False)
    if is_shown:
        shown = [argument.replace(f"{HERE}", HERE.name) for argument in arguments]
        print(f"$ ansible-playbook {' '.join(shown)}\n{done.stdout}{done.stderr}", flush=True)
    return done.returncode, done.stdout


def _table(before: dict, after: dict, runs: list, refused: tuple) -> None:
    _say("Before and after")
    rows = [("person", "before", "after")] + [(name, before[name], after[name]) for name in before if before[name] != after[name]]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(f"\n{'run':32}  {'tasks changed':>13}  {'writes sent':>11}")
    for title, dummy, changed, writes in runs:
        print(f"{title.split(':')[0]:32}  {changed:13}  {writes:11}")
    verdict = "an error, as it should be" if refused[0] else "NO error"
    print(f"\nNo seat for Kim: {verdict}, by the dry run, with {refused[2]} writes sent.")
    print("The sandbox tenant is stopped. Next: docs/docsite/rst/guide_quick_start.rst")


def _say(text: str) -> None:
    print(f"\n=== {text} " + "=" * max(0, 100 - len(text)) + "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
