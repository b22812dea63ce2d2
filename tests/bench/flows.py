# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan over joiners and movers costs beside the same end state with users_assign_license: seconds, requests, and the memory of the module's process.

    python flows.py [--sizes 1000 10000 100000] [--write 10000]

The largest sizes are measured in check mode, as what a tenant may be sent limits the real run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import ssl
import tempfile
import urllib.request

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--write", type=int, default=10_000, help="the largest size of a real run")
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
        finally:
            end()


if __name__ == "__main__":
    main()
