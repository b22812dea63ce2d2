# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random tenants, random entries, random faults: the modules that write run until done, and what must never happen is looked for on the state.

    python chaos.py --runs 2000 [--seed 1] [--jobs 4]

A case is its seed: one that fails prints it, and belongs into regressions.json, which runs first.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import copy
import functools
import importlib
import io
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils import basic

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = ROOT / "roles/sandbox_tenant/files"
REGRESSIONS = Path(__file__).parent / "regressions.json"
MODULES = "ansible_collections.m365.licensing.plugins.modules"
USER, GROUP, CLOUD = "user_assign_license", "group_assign_license", "cloud_license_assignment"
PLANS = {
    "SPE_E3": ["SWAY", "YAMMER_ENTERPRISE", "TEAMS1"],
    "SPE_E5": ["SWAY", "THREAT_INTELLIGENCE"],
    "POWER_BI_PRO": ["BI_AZURE_P2"],
    "STANDARDPACK": ["SWAY"],
}
PREDICTED = {"no_seats", "usage_location_missing", "inherited_only", "already_inherited", "protected", "origin_unknown"}
PREDICTED |= {"sku_not_assignable", "not_assignable_to_kind", "plans_exclude", "plans_need"}
ONLY_GRAPH_KNOWS = ("mutually exclusive", "depends on", "proxyAddresses", "same proxy address")
FAULTS = ["throttled", "throttled_without_time", "bad_gateway", "unavailable", "timeout", "busy", "cut_before", "cut_after", "expire_token", "revoke_tokens"]


class BrokenContract(Exception):
    """What must never happen has happened."""


class Sandbox:
    """A sandbox in a process of its own, spoken to over its control paths."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="m365-chaos-")
        command = [sys.executable, str(Path(__file__).parent / "judged_sandbox.py"), self._folder.name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is None or self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the sandbox did not start")
        self.faults_of_form = Path(self._folder.name, "faults_of_form")
        self.ready = json.loads(Path(self._folder.name, "ready.json").read_text())
        context = ssl.create_default_context(cafile=self.ready["graph"]["ca_path"])
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)).open

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        with self._open(urllib.request.Request(f"{self.ready['control_url']}/{path}", data=data, method=method), timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else {}


class Case:
    """One tenant, its conditions, some entries; all out of one seed."""

    def __init__(self, seed: int, sandbox: Sandbox) -> None:
        self.chance, self.sandbox = random.Random(seed), sandbox
        self.counts: collections.Counter = collections.Counter()
        tenant = self._tenant()
        self.people = [f"{user['name']}@contoso.example" for user in tenant["users"]]
        sandbox.ask("POST", "reset", tenant)
        self.conditions = self._conditions(seed)

    def run(self) -> collections.Counter:
        """Entries one after the other, each with faults and then without until nothing is left to do."""
        for dummy in range(self.chance.randint(1, 2)):
            module, params = self._entry()
            before = self.sandbox.ask("GET", "state")
            self.sandbox.ask("POST", "conditions", self.conditions)
            self.sandbox.ask("DELETE", "journal")
            for dummy_too in range(self.chance.randint(1, 2)):
                self._once(module, params)
            self._count()
            self.sandbox.ask("DELETE", "faults")
            result = self._until_done(module, params)
            self._judge(module, params, before, result)
            wrong = self.sandbox.faults_of_form
            require(not wrong.exists(), f"Microsoft's schema does not allow: {wrong.read_text() if wrong.exists() else ''}")
            self.counts["runs"] += 1
        return self.counts

    def _tenant(self) -> dict:
        seed = copy.deepcopy(json.loads((SANDBOX / "sandbox_tenant/seeds/contoso.json").read_text()))
        for user in seed["users"]:
            user.pop("licenses", None)
            for sku in self.chance.sample(["SPE_E3", "SPE_E5", "POWER_BI_PRO"], self.chance.choice([0, 1, 1, 2])):
                off = self.chance.sample(PLANS[sku], self.chance.randint(0, len(PLANS[sku]) - 1))
                user.setdefault("licenses", []).append({"sku": sku, "disabled_plans": off})
            if self.chance.random() < 0.3:
                user.pop("usage_location", None)
        for sku in seed["skus"]:
            held = sum(row["sku"] == sku["part_number"] for user in seed["users"] for row in user.get("licenses", []))
            pooled = sum(pool["units"] for pool in seed["allotments"] if pool["sku"] == sku["part_number"])
            sku["enabled"] = max(held, pooled) + self.chance.choice([0, 0, 1, 5])
        return seed

    def _conditions(self, seed: int) -> dict:
        chance = self.chance
        conditions: dict = {"seed": seed, "retry_after": 0.03, "rates": dict.fromkeys(chance.sample(FAULTS, 3), 0.06)}
        extras = {
            "stale_reads": chance.randint(1, 3), "location_lag": 1, "page_size": 2, "delay": 0.005, "wrapped": True, "hide_ids": True, "shuffle": True,
            "unknown": True, "classic_errors": True,
        }  # fmt: skip
        for name in chance.sample(sorted(extras), chance.randint(0, 3)):
            conditions[name] = extras[name]
        if chance.random() < 0.1:
            conditions |= {"writes": 2.0, "write_seconds": 2.0}
        return conditions

    def _entry(self) -> tuple[str, dict]:
        chance = self.chance
        kind = chance.random()
        if kind < 0.5:
            return USER, self._user_entry()
        if kind < 0.6:
            entry = self._user_entry()
            return GROUP, {
                "group": "Support desk",
                "wait": True,
                "wait_timeout": 20,
                **{name: entry[name] for name in ("licenses", "allow_empty") if name in entry},
            }
        sku = chance.choice(["SPE_E5", "SPE_E3", "POWER_BI_PRO", "INTUNE_A_D"])
        who = chance.choice([("user", chance.choice(self.people))] * 4 + [("group", "Support desk"), ("device", "KIOSK-01"), ("device", "KIOSK-02")])
        entry = {who[0]: who[1], "sku": sku, "allotment_choice": "most_available", "route": chance.choice(["principal", "admin", "allotment"])}
        entry |= {"state": chance.choice(["present", "present", "absent"]), "exclusive": True}
        if chance.random() < 0.6:
            entry["disabled_plans"] = chance.sample(PLANS.get(sku, []), chance.randint(0, len(PLANS.get(sku, []))))
        if who[0] == "user" and chance.random() < 0.4:
            entry["usage_location"] = chance.choice(["DE", "US"])
        return CLOUD, entry

    def _user_entry(self) -> dict:
        chance = self.chance
        skus = chance.sample(sorted(PLANS), len(PLANS))
        count = chance.randint(0, 2)
        add = [{"sku": sku} for sku in skus[:count]]
        for entry in add:
            if chance.random() < 0.6:
                entry["disabled_plans"] = chance.sample(PLANS[entry["sku"]], chance.randint(0, len(PLANS[entry["sku"]])))
        entry: dict = {"user": chance.choice(self.people), "carry_plans": chance.random() < 0.3, "inherited": chance.choice(["assign", "accept", "fail"])}
        if chance.random() < 0.5:
            entry["usage_location"] = chance.choice(["DE", "US"])
        if chance.random() < 0.3:
            return {**entry, "licenses": {"set": add}, "allow_empty": True}
        return {**entry, "licenses": {"add": add, "remove": skus[count : count + chance.randint(0, 2)]}}

    def _connection(self) -> dict:
        """Half of the tasks with a ready token, half through MSAL; patience is short, so that giving up is met as well."""
        ready = self.sandbox.ready
        if self.chance.random() < 0.5:
            return {**ready["graph"], "max_wait": 3}
        return {"graph_url": ready["url"], "ca_path": ready["graph"]["ca_path"], "access_token": ready["credentials"]["access_token"], "max_wait": 3}

    def _once(self, module: str, params: dict) -> None:
        """A run with faults; some are killed in the middle."""
        connection = self._connection()
        if self.chance.random() < 0.25:
            kill(module, {**params, **connection}, self.chance.random() * 0.12)
            self.counts["fault: killed"] += 1
        else:
            run_module(module, {**params, **connection})

    def _until_done(self, module: str, params: dict) -> dict:
        self.sandbox.ask("POST", "conditions", {"rates": {}, **dict.fromkeys(("stale_reads", "location_lag", "page_size"), 0), "writes": 0.0, "delay": 0.0})
        for dummy in range(4):
            result = run_module(module, {**params, **self.sandbox.ready["graph"], "max_wait": 3})
            if not result["failed"] or not result["failure"]["retriable"]:
                return result
        raise BrokenContract(f"does not come to an end without faults: {result['msg']}")

    def _count(self) -> None:
        journal = self.sandbox.ask("GET", "journal")["requests"]
        for entry in journal:
            self.counts["requests"] += 1
            self.counts["writes"] += entry["write"]
            if entry["fault"]:
                self.counts[f"fault: {entry['fault']}"] += 1
        for name in self.conditions:
            if name not in ("seed", "retry_after", "rates", "write_seconds"):
                self.counts[f"fault: {name}"] += 1

    def _judge(self, module: str, params: dict, before: dict, result: dict) -> None:
        after = self.sandbox.ask("GET", "state")
        self._check_others(params, before, after)
        pairs = [(claim["holder"], claim["allotment"]) for claim in after["assignments"]]
        require(len(set(pairs)) == len(pairs), "an assignment is there twice")
        require(all(pool["used"] <= pool["units"] for pool in after["allotments"].values()), "more seats are used than there are")
        if result["failed"]:
            code, text = result["failure"]["code"], result["msg"]
            require(code in PREDICTED or any(said in text for said in ONLY_GRAPH_KNOWS), f"refused without a reason that holds: {text}")
            self.counts["refused"] += 1
        else:
            self._reached(module, params, after)
            self.counts["reached"] += 1
        self.sandbox.ask("DELETE", "journal")
        again = run_module(module, {**params, **self.sandbox.ready["graph"]})
        said = again.get("msg") or again["changes"]
        require(not again["changed"] and again["failed"] == result["failed"], f"the second run is another: {said}")
        done = [entry for entry in self.sandbox.ask("GET", "journal")["requests"] if entry["write"] and entry["status"] < 300]
        require(not done, "the second run writes")

    def _check_others(self, params: dict, before: dict, after: dict) -> None:
        """Nothing that was not named changes; members of a group that is licensed are named with it."""
        members = {"heidi@contoso.example", "ivan@contoso.example"} if "group" in params else set()
        for name, user in after["users"].items():
            if name != params.get("user") and name not in members:
                mine = [row for row in user["licenses"] if row["group"] is None]
                require(mine == [row for row in before["users"][name]["licenses"] if row["group"] is None], f"{name} was touched")
        licenses = params.get("licenses", {"add": [{"sku": params.get("sku")}]})
        if "user" in params and "set" not in licenses:
            named = {entry["sku"] for entry in licenses.get("add", [])} | set(licenses.get("remove", []))
            old, new = (direct(state, params["user"]) for state in (before, after))
            require({sku: off for sku, off in old.items() if sku not in named} == {sku: off for sku, off in new.items() if sku not in named}, "unnamed SKU")

    def _reached(self, module: str, params: dict, after: dict) -> None:
        if module == CLOUD:
            holder = self._holder(params, after)
            shown = [claim for claim in after["assignments"] if claim["allotment"] in after["allotments"]]  # the others the API does not show
            mine = [claim for claim in shown if claim["holder"] == holder and claim["sku"] == params["sku"]]
            require(len(mine) == (params["state"] == "present"), f"{len(mine)} assignments of {params['sku']}")
            if mine and "disabled_plans" in params:
                require(mine[0]["off"] == sorted(params["disabled_plans"]), "other service plans are off")
            return
        licenses, inherited = params["licenses"], set()
        if module == GROUP:
            held = {claim["sku"]: claim["off"] for claim in after["assignments"] if claim["holder"] == self._holder(params, after)}
        else:
            held = direct(after, params["user"])
            inherited = {row["sku"] for row in after["users"][params["user"]]["licenses"] if row["group"]}
        for entry in licenses.get("add") or licenses.get("set") or []:
            require(entry["sku"] in held or (params.get("inherited") == "accept" and entry["sku"] in inherited), f"{entry['sku']} is not held")
            if entry["sku"] in held and "disabled_plans" in entry:
                require(held[entry["sku"]] == sorted(entry["disabled_plans"]), "other service plans are off")
        require(not set(licenses.get("remove", [])) & held.keys(), "what was to be removed is held")
        if "set" in licenses:
            require(held.keys() <= {entry["sku"] for entry in licenses["set"]}, "more is held than was set")

    def _holder(self, params: dict, state: dict) -> str:
        if "user" in params:
            return state["users"][params["user"]]["id"]
        if "device" in params:
            return state["devices"][params["device"]]
        return next(key for key, name in state["groups"].items() if name == params["group"])


def direct(state: dict, name: str) -> dict[str, list[str]]:
    return {row["sku"]: row["off"] for row in state["users"][name]["licenses"] if row["group"] is None}


def require(holds: bool, rule: str) -> None:
    if not holds:
        raise BrokenContract(rule)


def run_module(module: str, params: dict) -> dict:
    """Runs a module in this process."""
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": {**params, "_ansible_remote_tmp": tempfile.gettempdir()}}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        importlib.import_module(f"{MODULES}.{module}").main()
    return {"failed": False, **json.loads(said.getvalue().strip().splitlines()[-1])}


def kill(module: str, params: dict, after: float) -> None:
    """Runs a module in a child, and kills it."""
    child = os.fork()
    if child == 0:
        try:
            run_module(module, params)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


_sandboxes: list[Sandbox] = []


def attempt(case: type, seed: int) -> tuple[int, dict, str | None]:
    """The figures of a case, and what went wrong with it. The cases of one process share a sandbox."""
    if not _sandboxes:
        _sandboxes.append(Sandbox())
    try:
        return seed, dict(case(seed, _sandboxes[0]).run()), None
    except Exception:
        return seed, {}, traceback.format_exc()


def options_parser(text: str, runs: int, jobs: int) -> argparse.ArgumentParser:
    """The options that all of these programs have. text is the documentation of one."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--seed", type=int, default=None, help="run the case of one seed")
    parser.add_argument("--jobs", type=int, default=jobs)
    return parser


def play(case: type, seeds: Sequence[int], jobs: int, program: str) -> tuple[collections.Counter, list[int]]:
    """The figures of all cases together, and the seeds of those that went wrong, which are printed."""
    total: collections.Counter = collections.Counter()
    broken = []
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        for seed, counts, failure in pool.map(functools.partial(attempt, case), seeds):
            total.update(counts)
            if failure:
                broken.append(seed)
                print(f"case {seed} (python {program} --seed {seed}):\n{failure}", flush=True)
    return total, broken


def play_lists(case: type, text: str, program: str, noun: str) -> int:
    """Play the cases of a program that has no more to say than how many went wrong. The exit status."""
    options, began = options_parser(text, 500, 2).parse_args(), time.monotonic()
    seeds = [options.seed] if options.seed is not None else range(1, options.runs + 1)
    total, broken = play(case, seeds, options.jobs, program)
    print(", ".join(f"{name} {count}" for name, count in sorted(total.items())))
    print(f"{len(seeds)} {noun}, {len(broken)} wrong, {time.monotonic() - began:.0f} s")
    return 1 if broken else 0


def main() -> int:
    parser = options_parser(__doc__, 2000, 6)
    parser.add_argument("--first", type=int, default=1)
    options, began = parser.parse_args(), time.monotonic()
    seeds = [options.seed] if options.seed is not None else [*json.loads(REGRESSIONS.read_text()), *range(options.first, options.first + options.runs)]
    total, broken = play(Case, seeds, options.jobs, "chaos.py")
    kinds = {name: count for name, count in total.items() if name.startswith("fault: ")}
    print(f"{len(seeds)} cases, {total['runs']} entries ({total['reached']} reached, {total['refused']} refused), {time.monotonic() - began:.0f} s")
    print(f"{total['requests']} requests, {total['writes']} writes, {sum(kinds.values())} faults of {len(kinds)} kinds:")
    print("  " + ", ".join(f"{name.removeprefix('fault: ')} {count}" for name, count in sorted(kinds.items())))
    print(f"{len(seeds) - len(broken)} passed, {len(broken)} failed")
    return 1 if broken or (len(seeds) >= 100 and len(kinds) < 15) else 0


if __name__ == "__main__":
    sys.exit(main())
