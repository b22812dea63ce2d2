# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand changes under the quota that Graph publishes, 3,000 writes in 150 s: as long as the quota itself takes, and hardly a 429."""

from __future__ import annotations

import argparse

from bulk import Tenant, people_of, users_of
from memory import measured
from sandbox_speed import with_sandbox

LIMIT, SECONDS = 3000, 150.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    options = parser.parse_args()
    ready, dummy, end = with_sandbox("--users", str(2 * options.people))
    try:
        tenant = Tenant(ready, 0.05)
        tenant.prepare()
        tenant.ask("POST", "conditions", {"delay": 0.05, "writes": LIMIT, "write_seconds": SECONDS})
        people = users_of(people_of(options.people, 1.0))
        seconds, megabytes = measured("users_assign_license", ready, users=people, results="failed")
        dummy, writes, refused = tenant.sent()
    finally:
        end()
    allowed = max(0.0, (options.people - LIMIT) * SECONDS / LIMIT)
    print(f"{options.people} changes, {LIMIT} writes in {SECONDS:.0f} s: {seconds:.1f} s, of which the quota asks {allowed:.1f} s ({seconds / allowed:.3f})")
    print(f"{writes} writes, {refused} of them answered 429 ({refused / writes:.2%}), {megabytes:.0f} MB")


if __name__ == "__main__":
    main()
