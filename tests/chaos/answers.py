# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of any form: of a run of each module, one answer is another than Microsoft's schema has it, and nothing is written that was not planned.

    python answers.py [--runs 5000] [--first 0]

The task ends well, or fails with an error of the collection's own; the results of what was done are kept, and no traceback is shown.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import pathlib
import random
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "roles/sandbox_tenant/files")]

from sandbox_tenant.graph import Reply  # noqa: E402 - the path is set just above
from sandbox_tenant.server import Sandbox  # noqa: E402
from support.tenant import SEED, Tenant  # noqa: E402

PROFILES = {
    "lead": {"usage_location": "DE", "licenses": [{"sku": "SPE_E5"}], "allotments": [{"sku": "POWER_BI_PRO", "allotment_choice": "most_available"}]},
    "desk": {"usage_location": "DE", "groups": ["Support desk"]},
}
UPN = "{}@contoso.example".format
LISTED = [{"user": UPN("grace"), "profile": "lead"}, {"user": UPN("ivan"), "profile": "desk"}, {"user": UPN("bob"), "last_day": "2020-01-01"}]
# each module: options of a task that reads all that it can read, and changes something if it writes
TASKS = {
    "user_assign_license": {"user": UPN("alice"), "usage_location": "DE", "licenses": {"add": [{"sku": "SPE_E5"}]}},
    "group_assign_license": {"group": "Support desk", "licenses": {"add": [{"sku": "POWER_BI_PRO"}]}, "wait": True, "wait_timeout": 1},
    "groups_assign_license": {"groups": [{"group": "Support desk", "licenses": [{"sku": "POWER_BI_PRO"}]}]},
    "cloud_license_assignment": {"user": UPN("grace"), "sku": "POWER_BI_PRO", "allotment_choice": "most_available"},
    "cloud_license_assignments": {"assignments": [{"user": UPN("grace")}, {"group": "Support desk"}], "sku": "SPE_E5"},
    "users_assign_license": {"users": [{"user": UPN(name)} for name in ("grace", "carol")], "licenses": {"add": [{"sku": "SPE_E5"}]}},
    "licensed_users": {"users": LISTED, "profiles": PROFILES, "record_path": "{folder}/leavers.jsonl", "record_missing": "create", "max_removals": "100%"},
    "sku_holders": {"skus": [{"sku": "SPE_E5"}], "users": {"set": [UPN("grace"), UPN("erin")]}},
    "group_members": {"group": "Support desk", "add": [UPN("alice")], "remove": [UPN("ivan")]},
    "license_reprocess": {"user": UPN("bob"), "force": True},
    "user_license_info": {"service_plans": True},
    "group_license_info": {"member_errors": True},
    "sku_info": {},
    "cloud_license_info": {},
    "license_report_info": {},
}
TEXT = "é\u202e\x00{{ 7 * 7 }}' <script>"
ODD = (None, 0, -1, 3.5, 10**30, True, "", TEXT, [], {}, [None], [[[]]], {"value": None}, [{}], [{"id": None}], "x" * 5000)


def places(value, path=()) -> list[tuple]:
    """Every place in a body."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def spoiled(body, chance: random.Random):
    """The body with one thing in it of another form."""
    made = copy.deepcopy(body)
    path = chance.choice(places(made))
    if not path:
        return chance.choice(ODD)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    what = chance.randrange(4)
    if what == 0:
        del inner[path[-1]]
    elif what == 1 and isinstance(inner, dict):
        inner["@odata.nextLink"] = chance.choice((*ODD[1:], "https://elsewhere.example/v1.0/users", "{base}/v1.0/nowhere"))
    else:
        value = chance.choice(ODD)
        for dummy in range(chance.choice([0, 0, 0, 300])):  # nested deeply
            value = [value]
        inner[path[-1]] = value
    return made


class Once:
    """Spoils the answer of one number to Graph's calls, as it is or as bytes that are no JSON."""

    def __init__(self, tenant: Tenant, number: int, chance: random.Random) -> None:
        self.service, self.left, self.chance = tenant.sandbox.service, number, chance
        self.handle = type(self.service).handle.__get__(self.service)
        self.is_spoiled = False

    def __call__(self, method: str, target: str, headers: dict, content: bytes) -> Reply:
        reply = self.handle(method, target, headers, content)
        if not target.startswith(("/v1.0", "/beta")):
            return reply
        self.left -= 1
        if self.left == 0 and reply.body is not None:
            self.is_spoiled = True
            reply = Reply(reply.status, self._spoiled(reply.body), dict(reply.headers))
        return reply

    def _spoiled(self, body):
        return spoiled(json.loads(json.dumps(body)), self.chance)


def writes(tenant: Tenant) -> list[tuple[str, str]]:
    """What Graph was asked to change."""
    return [(entry["method"], entry["path"]) for entry in tenant.writes()]


def judge(module: str, result: dict, written: list, planned: set) -> str | None:
    """What is wrong about a run, if anything is."""
    text = json.dumps(result)
    if "Traceback" in text or "exception" in result:
        return f"a traceback: {text[:800]}"
    if result["failed"] and not (result.get("msg") and "failure" in result):
        return f"no error of the collection: {text[:400]}"
    if not set(written) <= planned:
        return f"written, and not planned: {sorted(set(written) - planned)}"
    if module.endswith("_info") and written:
        return "a module that reads has written"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    began, wrong, counts = time.monotonic(), 0, collections.Counter()
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        sandbox = Sandbox(SEED, folder / "sandbox")
        threading.Thread(target=sandbox.serve, daemon=True).start()
        tenant = Tenant(sandbox)
        planned, lengths = {}, {}
        for module in TASKS:
            planned[module], lengths[module] = _alone(tenant, module, folder)
        for number in range(options.first, options.first + options.runs):
            chance = random.Random(number)
            module = sorted(TASKS)[number % len(TASKS)]
            _prepare(tenant, folder)
            once = Once(tenant, chance.randint(1, lengths[module]), chance)
            sandbox.service.handle = once
            try:
                result = tenant.run(module, **_params(module, folder))
                fault = judge(module, result, writes(tenant), planned[module])
            except Exception as error:
                fault, result = f"{type(error).__name__}: {error}", {"failed": True}
            finally:
                del sandbox.service.handle
            counts[f"{'failed' if result['failed'] else 'ended well'}"] += once.is_spoiled
            if fault:
                wrong += 1
                print(f"{number} {module}: {fault}", flush=True)
        sandbox.close()
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"{options.runs} answers, {wrong} wrong, {time.monotonic() - began:.0f} s")
    sys.exit(bool(wrong))


def _params(module: str, folder: pathlib.Path) -> dict:
    params = {**TASKS[module], "max_wait": 0.2}
    return json.loads(json.dumps(params).replace("{folder}", str(folder)))


def _prepare(tenant: Tenant, folder: pathlib.Path) -> None:
    tenant.reset()
    tenant.conditions({"group_reads": 0, "location_lag": 0})
    for path in folder.glob("leavers.jsonl*"):
        path.unlink()


def _alone(tenant: Tenant, module: str, folder: pathlib.Path) -> tuple[set, int]:
    """What the module writes, and how many calls it takes, when every answer is as it should be."""
    _prepare(tenant, folder)
    result = tenant.run(module, **_params(module, folder))
    if result["failed"]:
        sys.exit(f"{module}: {result['msg']}")
    planned = set(writes(tenant))
    alone = {("POST", f"{path}/members/$ref") for method, path in planned if method == "PATCH" and "/groups/" in path}  # where Graph rejects several members
    return planned | alone, len(tenant.journal())


if __name__ == "__main__":
    main()
