# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often the dry run tells the truth: random tenants and tasks, without faults, judged by what Graph then does.

    python truth.py --runs 1000 [--seed 1] [--jobs 2]

Of each task: check mode and the real run say the same; the tenant is then as it was planned; and what was refused, Graph refuses for the same reason
when it is asked all the same. What cannot be predicted is counted apart, by its reason, and anything else is wrong.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import copy
import importlib
import json
import random
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import requests
from ansible.module_utils import basic

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "roles/sandbox_tenant/files"), str(ROOT / "tests"), str(ROOT / "tests/chaos")]

from ansible_collections.m365.licensing.plugins.module_utils._licensing.model import CloudState, Principal  # noqa: E402
from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import Changes  # noqa: E402
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.graph_errors import explain  # noqa: E402
from ansible_collections.m365.licensing.plugins.module_utils._module.session import Session  # noqa: E402
from ansible_collections.m365.licensing.plugins.module_utils._tenant.requests import calls_of, principal_path  # noqa: E402
from chaos import MODULES, PLANS, BrokenContract, require, run_module  # noqa: E402
from sandbox_tenant.seed import ENDED, load_seed  # noqa: E402
from sandbox_tenant.server import Sandbox  # noqa: E402

SEED = load_seed(None)
TASKS = ("user_assign_license", "group_assign_license", "cloud_license_assignment", "license_reprocess")
SAME = ("failed", "changed", "diff", "changes", "findings", "msg", "licenses", "user", "group", "reprocessed", "errors")
OWN_GUARDS = {"already_inherited", "protected", "too_many_removals", "origin_unknown"}
STRANGE_RULE = {"WHITEBOARD_PLAN2": ["SWAY"], "WHITEBOARD_PLAN3": ["SWAY"]}


class Case:
    """One tenant and one task, out of one seed."""

    def __init__(self, module: str, seed: int, sandbox: Sandbox) -> None:
        self.module, self.sandbox, self.chance = module, sandbox, random.Random(f"{module} {seed}")
        self.counts: collections.Counter = collections.Counter()
        self.token = sandbox.connection["credentials"]["access_token"]
        self.ca = sandbox.connection["graph"]["ca_path"]
        self.connection = {"graph_url": sandbox.url, "ca_path": self.ca, "access_token": self.token}
        self.has_strange_rule = self.chance.random() < 0.1
        sandbox.service.reset(self._tenant())
        sandbox.service.faults.set({"group_reads": 0, "location_lag": 0})

    def run(self) -> collections.Counter:
        params = {**getattr(self, f"_{self.module}")(), **self.connection}
        changes = self._planned(params)
        before = self.sandbox.service.state()
        predicted = run_module(self.module, {**params, "_ansible_check_mode": True, "_ansible_diff": True})
        require(self.sandbox.service.state() == before and not self._writes(), "check mode writes")
        real = run_module(self.module, {**params, "_ansible_diff": True})
        if real["failed"] and real["failure"]["status"]:
            self._unpredicted(real, before)
            return self.counts
        for part in SAME:
            require(predicted.get(part) == real.get(part), f"{part}: {predicted.get(part)} was predicted, {real.get(part)} came")
        if real["failed"]:
            self._refused(real, changes, before)
        else:
            if self.module == "license_reprocess":
                require(self.sandbox.service.state()["assignments"] == before["assignments"], "reprocessing has changed what somebody is assigned")
            else:
                self._as_planned(changes)
            self.counts["changed" if real["changed"] else "unchanged"] += 1
        self.counts["right"] += 1
        return self.counts

    def _planned(self, params: dict) -> Changes:
        """The plan that the module makes, asked for beside it."""
        given = _defaults(self.module, params)
        session = Session(given, lambda *command: (1, "", ""), frozenset(given))
        try:
            changes = importlib.import_module(f"{MODULES}.{self.module}").make_changes(given, session.reader)
        finally:
            session.close()
        self.sandbox.service.journal.clear()
        return changes

    def _writes(self) -> list[dict]:
        return [entry for entry in self.sandbox.service.journal if entry["write"]]

    def _unpredicted(self, real: dict, before: dict) -> None:
        """Graph refused what was not predicted: right only for the reasons that the guide lists, and the tenant is as it was."""
        code = real["failure"]["code"]
        reasons = {"proxy_address_conflict", *({"plans_need"} if self.has_strange_rule else ())}
        if self.module == "license_reprocess":
            reasons |= {"plans_need", "plans_exclude"}  # that is what it is asked for
        if self.wants_device_sku:
            reasons.add("no_seats")
        require(code in reasons, f"not predicted: {real['msg']}")
        is_same = self.module == "license_reprocess" or _licenses(self.sandbox.service.state()) == _licenses(before)
        require(is_same, "a refused task has changed a license")
        self.counts[f"cannot be predicted: {code}"] += 1

    def _refused(self, real: dict, changes: Changes, before: dict) -> None:
        """What was refused, Graph refuses for one of the same reasons when it is asked all the same."""
        codes = {found.code for found in changes.errors}
        self.counts.update(f"refused: {code}" for code in codes)
        require(not self._writes(), "a refused task writes")
        if codes & OWN_GUARDS:
            return
        reasons = self._asked_all_the_same(changes)
        require(
            bool(reasons & (codes | {"sku_not_owned", "no_seats"} if "sku_not_assignable" in codes else codes)), f"{codes} were refused, Graph says {reasons}"
        )

    def _asked_all_the_same(self, changes: Changes) -> set[str]:
        """Why Graph refuses the calls of a plan, or the removals that the plan left out."""
        calls = [(call.method, f"/{call.version}{call.path}", call.body) for call in calls_of(changes.operations, self.sandbox.url)]
        principal = changes.before
        if isinstance(principal, Principal) and any(found.code == "inherited_only" for found in changes.errors):
            left = sorted({lic.sku_id for lic in principal.licenses if lic.group_id and not principal.direct(lic.sku_id)})
            calls += [("POST", f"/v1.0{principal_path(principal)}/assignLicense", {"addLicenses": [], "removeLicenses": [sku_id]}) for sku_id in left]
        return {reason for call in calls if (reason := self._ask(*call))}

    def _ask(self, method: str, path: str, body: dict | None) -> str | None:
        reply = requests.request(method, f"{self.sandbox.url}{path}", json=body, headers={"Authorization": f"Bearer {self.token}"}, verify=self.ca, timeout=30)
        if reply.ok:
            return None
        error = reply.json()["error"]
        meaning = explain(reply.status_code, error["innerError"].get("code") or error["code"], error["message"], method, path)
        return meaning.code if meaning else error["message"]

    def _as_planned(self, changes: Changes) -> None:
        """The tenant is what the plan says it will be."""
        state, after = self.sandbox.service.state(), changes.after
        if isinstance(after, CloudState):
            shown = [claim for claim in state["assignments"] if claim["holder"] == after.principal.id and claim["allotment"] in state["allotments"]]
            have = sorted((claim["allotment"], claim["off"]) for claim in shown)
            want = sorted((held.allotment_id, changes.catalog.service_plan_names(held.sku_id, held.disabled_plans)) for held in after.assignments)
            principal = after.principal
        else:
            principal = after
            if after.kind == "group":
                have = sorted((claim["sku"], claim["off"]) for claim in state["assignments"] if claim["holder"] == after.id)
            else:
                have = sorted((row["sku"], row["off"]) for row in state["users"][after.name]["licenses"] if row["group"] is None)
            own = [lic for lic in after.licenses if lic.is_direct]
            want = sorted((changes.catalog.label(lic.sku_id), changes.catalog.service_plan_names(lic.sku_id, lic.disabled_plans)) for lic in own)
        require(have == want, f"{want} was planned, {have} came")
        if principal.kind == "user":
            require(state["users"][principal.name]["usage_location"] == (principal.usage_location or None), "another usage location came")

    def _tenant(self) -> dict:
        chance, seed = self.chance, copy.deepcopy(SEED)
        if self.has_strange_rule:
            seed["rules"]["needs"] |= STRANGE_RULE
        for user in seed["users"]:
            user.pop("licenses", None)
            for sku in chance.sample(sorted(PLANS), chance.choice([0, 1, 1, 2])):
                user.setdefault("licenses", []).append({"sku": sku, "disabled_plans": chance.sample(PLANS[sku], chance.randint(0, len(PLANS[sku]) - 1))})
            if chance.random() < 0.3:
                user.pop("usage_location", None)
        for group in seed["groups"][:2]:
            group["members"] = [user["name"] for user in chance.sample(seed["users"], chance.randint(0, 5))]
            group["licenses"] = [
                {"sku": sku, "disabled_plans": chance.sample(PLANS[sku], 1)} for sku in chance.sample(["SPE_E3", "SPE_E5"], chance.randint(0, 1))
            ]
            group["security_enabled"] = chance.random() < 0.9 or bool(group["licenses"])
        seed["groups"][1]["display_name"] = "Project one"
        seed["groups"][0]["groups"] = ["Project one"] if chance.random() < 0.3 else []
        self._own_seats(seed)
        return seed

    def _own_seats(self, seed: dict) -> None:
        """Seats of each SKU: about as many as are held, some suspended, some with a subscription that has ended."""
        chance = self.chance
        for sku in seed["skus"]:
            held = sum(row["sku"] == sku["part_number"] for user in seed["users"] for row in user.get("licenses", []))
            pools = [pool for pool in seed["allotments"] if pool["sku"] == sku["part_number"]]
            for pool in pools:
                if chance.random() < 0.1:
                    pool["state"] = chance.choice(["warning", "suspended", "deleted", "lockedOut"])
            ended = sum(pool["units"] for pool in pools if pool.get("state") in ENDED)
            pooled = sum(pool["units"] for pool in pools) - ended
            sku["enabled"], sku["warning"], sku["suspended"] = max(held, pooled, 1) + chance.choice([0, 0, 1, 5]), 0, ended
            if chance.random() < 0.08:
                sku["status"] = chance.choice(["Warning", "Suspended", "LockedOut"])
            if chance.random() < 0.1:  # more seats are in use than owned, since some were suspended
                fewer = min(chance.randint(1, 3), sku["enabled"] - pooled)
                sku["enabled"], sku["suspended"] = sku["enabled"] - fewer, sku["suspended"] + fewer

    def _who(self) -> str:
        return f"{self.chance.choice(SEED['users'])['name']}@contoso.example"

    def _entries(self) -> dict:
        chance = self.chance
        others = [chance.choice(["INTUNE_A_D", "WINDOWS_STORE"])] if chance.random() < 0.3 else []
        skus = chance.sample([*sorted(PLANS), *others], len(PLANS) + len(others))
        count = chance.randint(0, 2)
        add = [{"sku": sku} for sku in skus[:count]]
        for entry in add:
            plans = PLANS.get(entry["sku"], [])
            some = chance.sample(plans, chance.randint(0, len(plans)))
            entry.update(chance.choice([{}, {"disabled_plans": some}, {"enabled_plans": some}, {"disabled_plans": some, "plans_mode": "merge"}]))
        self.wants_device_sku = "INTUNE_A_D" in skus[:count]
        options: dict = {"carry_plans": chance.random() < 0.3}
        if chance.random() < 0.2:
            options["protect"] = [chance.choice(sorted(PLANS))]
        if chance.random() < 0.1:
            options["max_removals"] = chance.randint(0, 1)
        if chance.random() < 0.3:
            return {**options, "licenses": {"set": add}, "allow_empty": True}
        return {**options, "licenses": {"add": add, "remove": skus[count : count + chance.randint(0, 2)]}}

    def _user_assign_license(self) -> dict:
        entry = {**self._entries(), "user": self._who(), "inherited": self.chance.choice(["assign", "assign", "accept", "fail"])}
        return {**entry, "usage_location": self.chance.choice(["DE", "US"])} if self.chance.random() < 0.4 else entry

    def _group_assign_license(self) -> dict:
        return {**self._entries(), "group": self.chance.choice(["Support desk", "Project one"])}

    def _cloud_license_assignment(self) -> dict:
        chance = self.chance
        self.wants_device_sku = False
        sku = chance.choice(["SPE_E5", "SPE_E3", "POWER_BI_PRO", "INTUNE_A_D"])
        who = chance.choice([("user", self._who())] * 4 + [("group", "Support desk"), ("device", "KIOSK-01"), ("device", "KIOSK-02")])
        entry: dict = {who[0]: who[1], "sku": sku, "allotment_choice": "most_available", "state": chance.choice(["present", "present", "absent"])}
        entry["exclusive"] = chance.random() < 0.5
        if chance.random() < 0.6:
            entry["disabled_plans"] = chance.sample(PLANS.get(sku, []), chance.randint(0, len(PLANS.get(sku, []))))
        if chance.random() < 0.5:
            entry["allotment"] = chance.choice([key for key, pool in self.sandbox.service.state()["allotments"].items() if pool["sku"] == sku])
            del entry["sku"]
        if who[0] == "user" and chance.random() < 0.4:
            entry["usage_location"] = chance.choice(["DE", "US"])
        return entry

    def _license_reprocess(self) -> dict:
        self.wants_device_sku = False
        if self.chance.random() < 0.5:
            return {"user": self._who(), "force": self.chance.random() < 0.3}
        who = self.chance.choice([{"user": self._who()}, {"group": "Support desk"}, {"device": "KIOSK-01"}])
        return {**who, "api": "cloudLicensing", "force": self.chance.random() < 0.3}


def _licenses(state: dict) -> dict:
    return {name: user["licenses"] for name, user in state["users"].items()}


def _defaults(module: str, params: dict) -> dict:
    """The options as the module sees them, with defaults: what its entry point would hand on."""
    seen: dict = {}

    def keep(ready, *dummy) -> None:
        seen.update(ready.params)

    named = importlib.import_module(f"{MODULES}.{module}")
    whole, named.run_module = named.run_module, keep
    try:
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": {**params, "_ansible_remote_tmp": tempfile.gettempdir()}}).encode()
        basic._ANSIBLE_PROFILE = "legacy"
        named.main()
    finally:
        named.run_module = whole
    return seen


_sandboxes: list[Sandbox] = []


def run_case(case: tuple[str, int]) -> tuple[str, int, dict, str | None]:
    """The figures of a case, and what went wrong with it."""
    if not _sandboxes:
        _sandboxes.append(Sandbox(SEED, Path(tempfile.mkdtemp(prefix="m365-truth-"))))
        threading.Thread(target=_sandboxes[0].serve, daemon=True).start()
    try:
        return *case, dict(Case(*case, _sandboxes[0]).run()), None
    except (BrokenContract, Exception):
        return *case, {}, traceback.format_exc()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000, help="for each module")
    parser.add_argument("--seed", type=int, default=None, help="run the case of one seed, for each module")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    seeds = [options.seed] if options.seed is not None else range(1, options.runs + 1)
    cases = [(module, seed) for module in TASKS for seed in seeds]
    counts_by_module: dict[str, collections.Counter] = {module: collections.Counter() for module in TASKS}
    wrong, began = 0, time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for module, seed, counts, failure in pool.map(run_case, cases, chunksize=10):
            counts_by_module[module].update(counts)
            if failure:
                wrong += 1
                print(f"{module}, seed {seed}:\n{failure}", flush=True)
    for module, counts in counts_by_module.items():
        beyond = sum(count for name, count in counts.items() if name.startswith("cannot"))
        print(f"{module}: {counts.pop('right', 0)} of {len(seeds) - beyond} that can be predicted are right; {beyond} cannot be")
        print("  " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"{len(cases)} tasks, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
