# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox whose every answer Microsoft's schema judges, where it lies beside this checkout; what is wrong goes into a file.

python judged_sandbox.py FOLDER
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "roles/sandbox_tenant/files"), str(ROOT / "tests")]

from sandbox_tenant.seed import load_seed  # noqa: E402
from sandbox_tenant.server import Sandbox  # noqa: E402
from support.csdl import observe  # noqa: E402
from support.sdk_schema import the_schema  # noqa: E402


def main() -> None:
    folder = Path(sys.argv[1])
    sandbox = Sandbox(load_seed(None), folder)

    def report(faults: list[str]) -> None:
        if faults:
            with (folder / "faults_of_form").open("a") as file:
                file.writelines(f"{fault}\n" for fault in faults)

    observe(sandbox.service, the_schema(), report)
    threading.Thread(target=sandbox.serve, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()  # until whoever started this is gone
    sandbox.stop()


if __name__ == "__main__":
    main()
