# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random tenants and files for licensed_users: joiners, movers, leavers and returners in one list, with direct licenses, groups and allotments.

Check mode and the real run say the same; nothing is lost that no file asked for; a killed run that is started again ends as one run does;
all that a release removed comes back.

    python files.py --runs 200 [--seed 1] [--jobs 2]
"""

from __future__ import annotations

import base64
import collections
import copy
import hashlib
import json
import random
import sys
import tempfile
import uuid
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from chaos import PLANS, SANDBOX, Sandbox, direct, kill, play_lists, require, run_module  # noqa: E402

MODULE = "licensed_users"
SEED = json.loads((SANDBOX / "sandbox_tenant/seeds/contoso.json").read_text())
SKU_IDS = {sku["part_number"]: sku["sku_id"] for sku in SEED["skus"]}
SKUS = ["SPE_E3", "SPE_E5", "POWER_BI_PRO"]
PEOPLE = [f"{user['name']}@contoso.example" for user in SEED["users"] if not user.get("proxy_clash")]
GROUPS = ["Support desk", "Field", "Nothing"]
NAMESPACE = uuid.UUID("6f3b5c1e-0c55-4d2b-9a53-0d6f9f6d1f00")


def group_id(name: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"group {name.lower()}"))


def allotment_id(name: str) -> str:
    return base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower().rstrip("=")


class Case:
    """One tenant and one file, out of one seed."""

    def __init__(self, seed: int, sandbox: Sandbox) -> None:
        self.chance, self.sandbox = random.Random(f"files {seed}"), sandbox
        self.counts: collections.Counter = collections.Counter()
        self.seed = self._tenant()
        self.profiles = self._profiles()
        people = self.chance.sample(PEOPLE, self.chance.randint(2, len(PEOPLE)))
        self.returning = people[: self.chance.randint(0, 2)]
        self.entries = {name: self._entry(name) for name in people}
        ready = sandbox.ready
        self.connection = {"graph_url": ready["url"], "ca_path": ready["graph"]["ca_path"], "access_token": ready["credentials"]["access_token"]}
        text = json.dumps(self.profiles)
        self.is_open = "alternatives" in text or "most_available" in text  # whether which SKU or allotment is taken depends on when somebody looks

    def run(self) -> collections.Counter:
        with tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            self._truth()
            self._killed()
            self._returned()
        return self.counts

    # -- what is played

    def _params(self, name: str) -> dict:
        chance = random.Random(repr((name, sorted(self.entries))))
        users = [{**entry, "user": chance.choice([user, user.upper()])} for user, entry in self.entries.items()]
        record = {"record_path": str(self.folder / f"{name}.jsonl"), "record_missing": "create"}
        return {"profiles": self.profiles, "users": users, **self.task, **record, **self.connection, "max_wait": 3, "wait_timeout": 3}

    def _begin(self, name: str) -> dict:
        """The tenant of the seed, from which those who return today were released before."""
        self.sandbox.ask("POST", "reset", self.seed)
        self.sandbox.ask("POST", "conditions", {"group_reads": 0})
        params = self._params(name)
        self.held = self.sandbox.ask("GET", "state")
        if self.returning:
            users = [{"user": user} for user in self.returning]
            result = run_module(MODULE, {"users": users, "state": "released", "max_removals": "100%", **self._record(params), **self.connection})
            require(not result["failed"], f"the release fails: {result.get('msg')}")
        return params

    def _record(self, params: dict) -> dict:
        return {"record_path": params["record_path"], "record_missing": "create"}

    def _truth(self) -> None:
        params = self._begin("truth")
        before = self.sandbox.ask("GET", "state")
        predicted = run_module(MODULE, {**params, "_ansible_check_mode": True, "_ansible_diff": True})
        require(self.sandbox.ask("GET", "state") == before, "check mode writes")
        real = run_module(MODULE, {**params, "_ansible_diff": True})
        require("results" in real, f"refused as a whole: {real.get('msg')}")
        for dry, row in zip(predicted["results"], real["results"]):
            self.counts[row["outcome"]] += 1
            if self._is_unpredictable(before, row):
                self.counts["unpredictable"] += 1
                continue
            require(dry == row, f"{dry} was predicted, {row} came")
        if not self.counts["unpredictable"]:
            require(predicted["diff"] == real["diff"], "the diff is another")
        after = self.sandbox.ask("GET", "state")
        self._nothing_lost(before, after, real)
        self._all_recorded(before, after, params)
        require(all(pool["used"] <= pool["units"] for pool in after["allotments"].values()), "more seats are used than there are")
        self.sandbox.ask("DELETE", "journal")
        again = run_module(MODULE, params)
        done = [entry for entry in self.sandbox.ask("GET", "journal")["requests"] if entry["write"] and entry["status"] < 300]
        is_whole = not real["failed"] and not self._is_tight(before) and not real["summary"]["waiting"]  # who lacked a seat may find one later
        require(not is_whole or (not again["changed"] and not done), f"the second run is another: {[row for row in again['results'] if row['changed']]}")
        self.after = after

    def _killed(self) -> None:
        """Killed at random points, and started again each time: in the end all is done that one run does, and nothing twice."""
        params = self._begin("killed")
        self.sandbox.ask("POST", "conditions", {"delay": 0.01})
        self.sandbox.ask("DELETE", "journal")
        for dummy in range(self.chance.randint(1, 3)):
            kill(MODULE, params, self.chance.random() * 0.3)
            self.counts["killed"] += 1
        run_module("sku_info", self.connection)  # it is answered after what was on its way when the run was killed
        before = self.sandbox.ask("GET", "state")
        last = run_module(MODULE, params)
        require("results" in last, f"started again: {last.get('msg')}")
        after = self.sandbox.ask("GET", "state")
        self._nothing_lost(before, after, last)
        if not self.is_open and not last["failed"] and not self._is_tight(self.held):
            require(self._shape(after) == self._shape(self.after), f"after kills, the tenant is another: {self._differences(after, self.after)}")
        journal = [entry for entry in self.sandbox.ask("GET", "journal")["requests"] if entry["write"] and entry["status"] < 300]
        twice = collections.Counter(entry["path"] for entry in journal if entry["method"] == "POST" and entry["path"].endswith("/assignments"))
        seats = sum(len(entry.get("allotments") or ()) for entry in self.profiles.values())
        require(all(count <= max(seats, 2) for count in twice.values()), f"created again: {twice}")
        self.killed, self.last = params, {row["user"].lower(): row for row in last["results"]}

    def _returned(self) -> None:
        """Everybody who was released comes back, and holds what was held before."""
        released = [user for user, entry in self.entries.items() if entry.get("last_day") == "2020-01-01"]
        if not released:
            return
        self.sandbox.ask("POST", "conditions", {"delay": 0})
        result = run_module(MODULE, {"users": released, "state": "restored", **self._record(self.killed), **self.connection, "seat_check": "try"})
        after = self.sandbox.ask("GET", "state")
        for row in result["results"]:
            user = row["user"]
            if row["failed"] and row["failure"]["code"] == "not_recorded":  # nothing was removed
                mine = self.last[user.lower()]
                require(mine["failed"] or mine["outcome"] == "unchanged", f"{user} was not recorded: {mine}")
                continue
            if not row["failed"] and not any(one["code"] == "not_restorable" for one in row["findings"]) and row["outcome"] != "waiting":
                old, new = direct(self.held, user), direct(after, user)
                missing = {sku for sku in old if sku not in new}
                require(not missing, f"{user} does not have {missing} again")
                changed = {sku for sku in old if old[sku] != new[sku]}
                require(not changed, f"{user} has other service plans of {changed}: {old} {new}")
                groups = [name for name in GROUPS if user in self.held["members"][group_id(name)] and user not in after["members"][group_id(name)]]
                require(not groups, f"{user} is not a member of {groups} again")
            self.counts["returned"] += 1

    def _is_tight(self, state: dict) -> bool:
        """Whether somebody waits for a seat, or there are seats that nothing shows."""
        return self.has_hidden or any(row["state"] != "Active" for user in state["users"].values() for row in user["licenses"])

    def _is_unpredictable(self, before: dict, row: dict) -> bool:
        """Whether a row says what only Graph knows."""
        if row["failed"] and ("ProhibitedInUsageLocation" in row["msg"] or "UniquenessViolation" in row["msg"]):
            return True
        is_short = row["outcome"] == "waiting" or (row["failed"] and row["failure"]["code"] in ("no_seats", "license_in_error"))
        return is_short and self._is_tight(before)

    # -- what must hold

    def _nothing_lost(self, before: dict, after: dict, result: dict) -> None:
        """Every SKU that a user no longer has is one that the files let go."""
        rows = {row["user"].lower(): row for row in result["results"]}
        for user in before["users"]:
            old, new = (self._effective(state, user) for state in (before, after))
            entry, row = self.entries.get(user, {}), rows.get(user)
            lost = old - new
            if row is None or row["failed"] or row["outcome"] in ("skipped", "unchanged"):
                require(not lost, f"{user} ({row and row['outcome']}) loses {lost}")
                continue
            kept = {sku for sku in SKUS if any(sku in (name.upper(), part) for name in entry.get("keep", ()) for part in [self._part(name)])}
            require(not lost & kept, f"{user} loses {lost & kept}, which is kept")
            if row.get("state") is None:
                require(lost <= self._may_go(entry), f"{user} loses {lost}, and may lose {self._may_go(entry)}")
                wanted = self._named(entry["profile"])
                require(not lost & (wanted - self._swapped(entry["profile"])), f"{user} loses {lost}, which the profile assigns")

    def _all_recorded(self, before: dict, after: dict, params: dict) -> None:
        """What a leaver lost is in the file."""
        path = Path(params["record_path"])
        lines = [json.loads(line) for line in path.read_text().splitlines()[1:]] if path.exists() else []
        for user, entry in self.entries.items():
            if entry.get("last_day") != "2020-01-01":
                continue
            mine = [line for line in lines if line["user"]["name"].lower() == user]
            recorded = {row["sku"] for line in mine for row in line.get("licenses", ())}
            lost = direct(before, user).keys() - direct(after, user).keys()
            require(lost <= recorded, f"{user} lost {lost}, recorded is {recorded}")

    def _effective(self, state: dict, user: str) -> set[str]:
        return {row["sku"] for row in state["users"][user]["licenses"] if row["state"] == "Active"}

    def _part(self, name: str) -> str:
        return next((part for part, key in SKU_IDS.items() if name.lower() in (part.lower(), key)), name)

    def _may_go(self, entry: dict) -> set[str]:
        """The SKUs that a mover may lose."""
        mode = self.task["remove"]
        names = [] if mode == "nothing" else list(self.profiles) if mode == "other_profiles" else [entry["from"]] if entry.get("from") else []
        return {sku for name in names for sku in self._named(name)} | self._swapped(entry["profile"])

    def _named(self, profile: str) -> set[str]:
        """The SKUs that a profile assigns in any way."""
        own = self.profiles[profile]
        named = {self._part(one["sku"]) for lic in own.get("licenses", ()) for one in (lic, *lic.get("alternatives", ()))}
        named |= {self._part(one["sku"]) if "sku" in one else self._sku_of(one["allotment"]) for one in own.get("allotments", ())}
        for name in own.get("groups", ()):
            named |= {row["sku"] for row in self._group(name).get("licenses", ())}
        return named

    def _swapped(self, profile: str) -> set[str]:
        licenses = [lic for lic in self.profiles[profile].get("licenses", ()) if lic.get("alternatives")]
        return {self._part(one["sku"]) for lic in licenses for one in (lic, *lic["alternatives"])}

    def _sku_of(self, key: str) -> str:
        return next(row["sku"] for row in SEED["allotments"] if allotment_id(row["name"]) == key)

    def _group(self, name: str) -> dict:
        return next(row for row in self.seed["groups"] if name.lower() in (row["display_name"].lower(), group_id(row["display_name"])))

    def _shape(self, state: dict) -> dict:
        seats = {
            user: sorted((one["allotment"], one["sku"], tuple(one["off"])) for one in state["assignments"] if one["holder"] == state["users"][user]["id"])
            for user in PEOPLE
        }
        return {
            user: (
                sorted(map(repr, state["users"][user]["licenses"])),
                [key for key in seats[user] if key[1] == "POWER_BI_PRO"],
                state["users"][user]["usage_location"],
            )
            for user in PEOPLE
        } | {name: state["members"][group_id(name)] for name in GROUPS}

    def _differences(self, one: dict, other: dict) -> dict:
        first, second = self._shape(one), self._shape(other)
        return {key: (first[key], second[key]) for key in first if first[key] != second[key]}

    # -- what is made

    def _tenant(self) -> dict:
        chance, seed = self.chance, copy.deepcopy(SEED)
        names = [user["name"] for user in seed["users"]]
        seed["groups"] = [
            {"display_name": name, "members": chance.sample(names, chance.randint(0, 3)), "licenses": [] if name == "Nothing" else [{"sku": sku}]}
            for name, sku in zip(GROUPS, chance.sample(SKUS, 3))
        ]
        for user in seed["users"]:
            user.pop("licenses", None)
            for sku in chance.sample(SKUS, chance.choice([0, 1, 1, 2])):
                user.setdefault("licenses", []).append({"sku": sku, "disabled_plans": chance.sample(PLANS[sku], chance.randint(0, len(PLANS[sku]) - 1))})
            if chance.random() < 0.2:
                user.pop("usage_location", None)
        for row in seed["allotments"]:
            row["units"] += chance.choice([0, 3, 12])
        self.has_hidden = chance.random() < 0.2  # seats that no allotment shows, of which nothing can be predicted
        for sku in seed["skus"]:
            held = sum(row["sku"] == sku["part_number"] for user in seed["users"] for row in user.get("licenses", []))
            held += sum(len(group["members"]) for group in seed["groups"] for row in group["licenses"] if row["sku"] == sku["part_number"])
            pools = [pool for pool in seed["allotments"] if pool["sku"] == sku["part_number"]]
            if pools:
                pools[0]["units"] = max(pools[0]["units"], held - sum(pool["units"] for pool in pools[1:]) + chance.choice([0, 1, 5]))
            pooled = sum(pool["units"] for pool in pools)
            sku["enabled"], sku["warning"] = max(held, pooled, 1) + (chance.choice([1, 5]) if self.has_hidden or not pools else 0), 0
        return seed

    def _profiles(self) -> dict:
        chance, profiles = self.chance, {}
        self.task = {"remove": chance.choice(["nothing", "previous", "previous", "other_profiles"]), "carry_plans": chance.random() < 0.5}
        self.task |= {"inherited": chance.choice(["assign", "accept"]), "max_removals": "100%"}
        for name in ("one", "two", "three"):
            skus = chance.sample(SKUS, 3)
            profile: dict = {"usage_location": "DE"}
            if chance.random() < 0.7:
                first = {"sku": self._spelled(skus[0]), **({"disabled_plans": chance.sample(PLANS[skus[0]], 1)} if chance.random() < 0.5 else {})}
                if chance.random() < 0.25:
                    first |= {"alternatives": [{"sku": self._spelled(skus[1])}], "prefer": chance.choice(["held", "first"])}
                profile["licenses"] = [first]
            if chance.random() < 0.5:
                profile["groups"] = [chance.choice([group, group.lower(), group_id(group), group_id(group).upper()]) for group in chance.sample(GROUPS, 1)]
            if chance.random() < 0.5:
                row = chance.choice([one for one in SEED["allotments"] if one["sku"] == skus[2]])
                whole = {"sku": self._spelled(skus[2]), "allotment_choice": "most_available"}
                profile["allotments"] = [chance.choice([{"allotment": allotment_id(row["name"])}, whole])]
            profiles[name] = profile
        return profiles

    def _entry(self, name: str) -> dict:
        chance = self.chance
        if name in self.returning:
            return {"state": "restored"}
        entry = {"profile": chance.choice(["one", "two", "three"])}
        entry |= {"from": chance.choice(["one", "two", "three"])} if chance.random() < 0.6 else {}
        entry |= {"keep": [self._spelled("SPE_E3")]} if chance.random() < 0.2 else {}
        days = chance.choice([{}, {}, {"last_day": "2020-01-01"}, {"first_day": "9999-01-01"}])
        if "last_day" in days and chance.random() < 0.4:
            days["after_release"] = {"licenses": [{"sku": self._spelled("SPE_E3"), "enabled_plans": ["EXCHANGE_S_ENTERPRISE"]}]}
        return entry | days

    def _spelled(self, sku: str) -> str:
        return self.chance.choice([sku, sku.lower(), SKU_IDS[sku], SKU_IDS[sku].upper()])


if __name__ == "__main__":
    sys.exit(play_lists(Case, __doc__, "files.py", "files"))
