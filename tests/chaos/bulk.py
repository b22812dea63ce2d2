# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of random entries: check mode and the real run say the same; killed at any point and taken up again, all is done, and nothing twice.

python bulk.py --runs 200 [--seed 1] [--jobs 2]
"""

from __future__ import annotations

import collections
import copy
import json
import random
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from chaos import PLANS, SANDBOX, Sandbox, direct, kill, play_lists, require, run_module  # noqa: E402

USERS, HOLDERS, CLOUD = "users_assign_license", "sku_holders", "cloud_license_assignments"
ONLY_GRAPH_KNOWS = {"proxy_address_conflict"}
SEED = json.loads((SANDBOX / "sandbox_tenant/seeds/contoso.json").read_text())
PEOPLE = [f"{user['name']}@contoso.example" for user in SEED["users"]]


class Case:
    """One tenant and one list, out of one seed."""

    def __init__(self, seed: int, sandbox: Sandbox) -> None:
        self.chance, self.sandbox = random.Random(f"bulk {seed}"), sandbox
        self.counts: collections.Counter = collections.Counter()
        self.seed = self._tenant()
        ready = sandbox.ready
        self.connection = {"graph_url": ready["url"], "ca_path": ready["graph"]["ca_path"], "access_token": ready["credentials"]["access_token"]}

    def run(self) -> collections.Counter:
        module, params = self._list()
        self._truth(module, params)
        self._kill_and_resume(module, params)
        self.counts[module] += 1
        return self.counts

    def _reset(self) -> None:
        self.sandbox.ask("POST", "reset", self.seed)
        self.sandbox.ask("POST", "conditions", {"group_reads": 0})

    def _truth(self, module: str, params: dict) -> None:
        """Check mode and the real run say the same, but for what only Graph knows; the tenant is then as the diff says; a second run does nothing."""
        self._reset()
        before = self.sandbox.ask("GET", "state")
        predicted = run_module(module, {**params, **self.connection, "_ansible_check_mode": True, "_ansible_diff": True})
        require(self.sandbox.ask("GET", "state") == before, "check mode writes")
        real = run_module(module, {**params, **self.connection, "_ansible_diff": True})
        if "results" not in real:
            require(predicted["msg"] == real["msg"], f"refused as {real['msg']}, predicted was {predicted['msg']}")
            self.counts["refused as a whole"] += 1
            return
        for dry, row in zip(predicted["results"], real["results"]):
            if row["failed"] and row["failure"]["status"]:
                require(row["failure"]["code"] in ONLY_GRAPH_KNOWS, f"not predicted: {row['msg']}")
                self.counts["cannot be predicted"] += 1
            else:
                require(dry == row, f"{dry} was predicted, {row} came")
                self.counts[row["outcome"]] += 1
        self._as_shown(module, real)
        self.sandbox.ask("DELETE", "journal")
        again = run_module(module, {**params, **self.connection})
        done = [entry for entry in self.sandbox.ask("GET", "journal")["requests"] if entry["write"] and entry["status"] < 300]
        is_whole = not real["failed"]  # who was refused a seat may find one that a later entry has given back
        require(not is_whole or (not again["changed"] and not done), f"the second run is another: {again.get('results')}")

    def _as_shown(self, module: str, real: dict) -> None:
        """What the diff says of users who did not fail is what the tenant has."""
        state = self.sandbox.ask("GET", "state")
        failed = {row.get("user") for row in real["results"] if row["failed"]}
        for name, shown in ((diff["after_header"], diff["after"]) for diff in real["diff"] if module != CLOUD):
            held = direct(state, name)
            for sku, ways in shown.items():
                if name not in failed and isinstance(ways, dict) and "direct" in ways:
                    require(held.get(sku) == ways["direct"]["disabled_plans"], f"{name} has {held.get(sku)} off of {sku}, the diff says {ways}")
        require(all(pool["used"] <= pool["units"] for pool in state["allotments"].values()), "more seats are used than there are")

    def _kill_and_resume(self, module: str, params: dict) -> None:
        """Killed a few times, and taken up each time: in the end all is done that one run does, and nobody is written to twice."""
        self._reset()
        reached = run_module(module, {**params, **self.connection})
        wanted = self._licenses()
        self._reset()
        self.sandbox.ask("POST", "conditions", {"delay": 0.01})
        with tempfile.TemporaryDirectory() as folder:
            more = {**params, **self.connection, "report_path": f"{folder}/report", "resume": True}
            for dummy in range(self.chance.randint(1, 3)):
                kill(module, more, self.chance.random() * 0.15)
                self.counts["killed"] += 1
            last = run_module(module, more)
        is_chain = len(params.get("skus", ())) > 1 or '"alternatives"' in json.dumps(params)  # which SKU is the first with seats depends on when somebody looks
        if not reached["failed"] and not is_chain:
            require(not last["failed"], f"taken up, it ends otherwise: {last.get('msg')}")
            require(self._licenses() == wanted, "taken up, the tenant is another than after one run")
        done = collections.Counter(
            entry["path"]
            for entry in self.sandbox.ask("GET", "journal")["requests"]
            if entry["write"] and entry["status"] < 300 and entry["path"].endswith("assignLicense")
        )
        require(all(count == 1 for count in done.values()), f"somebody was written to twice: {done}")

    def _licenses(self) -> dict:
        state = self.sandbox.ask("GET", "state")
        return {name: sorted(direct(state, name).items()) for name in state["users"]}

    def _tenant(self) -> dict:
        chance, seed = self.chance, copy.deepcopy(SEED)
        for user in seed["users"]:
            user.pop("licenses", None)
            for sku in chance.sample(["SPE_E3", "SPE_E5", "POWER_BI_PRO"], chance.choice([0, 1, 1, 2])):
                user.setdefault("licenses", []).append({"sku": sku, "disabled_plans": chance.sample(PLANS[sku], chance.randint(0, len(PLANS[sku]) - 1))})
            if chance.random() < 0.2:
                user.pop("usage_location", None)
        for sku in seed["skus"]:
            held = sum(row["sku"] == sku["part_number"] for user in seed["users"] for row in user.get("licenses", []))
            pooled = sum(pool["units"] for pool in seed["allotments"] if pool["sku"] == sku["part_number"])
            sku["enabled"], sku["warning"] = max(held, pooled, 1) + chance.choice([0, 1, 2, 5]), 0
        return seed

    def _list(self) -> tuple[str, dict]:
        chance = self.chance
        who = chance.sample(PEOPLE, chance.randint(1, len(PEOPLE)))
        kind = chance.random()
        if kind < 0.45:
            return USERS, {"users": [self._entry(name) for name in who], "concurrency": chance.randint(1, 4)}
        if kind < 0.8:
            chain = [{"sku": sku} for sku in chance.sample(["SPE_E5", "SPE_E3", "POWER_BI_PRO"], chance.randint(1, 2))]
            people = chance.choice(
                [{"set": who}, {"add": who[:3], "remove": who[3:]}, {"filter": "department eq 'Research'", "mode": chance.choice(["set", "add"])}]
            )
            options = {"prefer": chance.choice(["held", "first"]), "carry_plans": chance.random() < 0.5, "inherited": chance.choice(["assign", "accept"])}
            return HOLDERS, {"skus": chain, "users": people, **options}
        entries = [
            {"user": name, "sku": chance.choice(["SPE_E5", "SPE_E3", "POWER_BI_PRO"]), "state": chance.choice(["present", "present", "absent"])} for name in who
        ]
        return CLOUD, {"assignments": entries, "allotment_choice": "most_available", "exclusive": True}

    def _entry(self, name: str) -> dict:
        chance = self.chance
        skus = chance.sample(["SPE_E3", "SPE_E5", "POWER_BI_PRO"], 3)
        count = chance.randint(0, 2)
        add = [{"sku": sku, **({"disabled_plans": chance.sample(PLANS[sku], 1)} if chance.random() < 0.5 else {})} for sku in skus[:count]]
        if add and chance.random() < 0.25:
            add[0] |= {"alternatives": [{"sku": skus[2]}], "prefer": chance.choice(["held", "first"])}
        licenses = {"set": add} if chance.random() < 0.3 else {"add": add, "remove": skus[count : min(2, count + chance.randint(0, 1))]}
        location = {"usage_location": "DE"} if chance.random() < 0.4 else {}
        return {
            "user": name,
            "licenses": licenses,
            "allow_empty": True,
            "carry_plans": chance.random() < 0.5,
            "inherited": "accept",
            **location,
        }


if __name__ == "__main__":
    sys.exit(play_lists(Case, __doc__, "bulk.py", "lists"))
