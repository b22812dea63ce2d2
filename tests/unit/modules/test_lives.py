# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Months of a tenant: users join, move, leave and come back, while others change the tenant by hand, and runs are killed.

After each run: nothing was removed that no file asked for, what leavers lost is in the record, the dry run told the same, who counts as licensed is so,
and a second run changes nothing. One run in twenty goes through the playbook. LIVES is the number of lives, of twenty steps each.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from support.plays import environment
from support.tenant import SEED, Tenant

MODULE, TODAY, GROUP = "licensed_users", "2026-11-27", "Support desk"
PROFILES = {
    "office": {"usage_location": "DE", "licenses": [{"sku": "SPE_E3", "disabled_plans": ["SWAY"], "plans_mode": "merge"}]},
    "analyst": {"inherits": "office", "licenses": [{"sku": "POWER_BI_PRO"}]},
    "lead": {"usage_location": "DE", "licenses": [{"sku": "SPE_E5", "alternatives": [{"sku": "SPE_E3"}]}]},
    "desk": {"usage_location": "DE", "groups": [GROUP]},
    "field": {"usage_location": "DE", "licenses": [{"sku": "STANDARDPACK"}], "allotments": [{"sku": "POWER_BI_PRO", "allotment_choice": "most_available"}]},
}
# by profile: the SKUs of which one must be held, the groups, and the SKUs of seats
HOLDINGS = {
    "office": ([["SPE_E3"]], [], []),
    "analyst": ([["SPE_E3"], ["POWER_BI_PRO"]], [], []),
    "lead": ([["SPE_E5", "SPE_E3"]], [], []),
    "desk": ([], [GROUP], []),
    "field": ([["STANDARDPACK"]], [], ["POWER_BI_PRO"]),
}
ONLY_GRAPH_KNOWS = {"proxy_address_conflict"}
PEOPLE = [user["name"] for user in SEED["users"]]
SKUS = ["SPE_E3", "SPE_E5", "POWER_BI_PRO", "STANDARDPACK"]
some = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True)
names, profiles, skus = st.sampled_from(PEOPLE), st.sampled_from(list(PROFILES)), st.sampled_from(SKUS)


class Snapshot:
    """Who holds what directly and is where, by the id of the user."""

    def __init__(self, tenant: Tenant) -> None:
        state = tenant.state()
        ids = {upn: user["id"] for upn, user in state["users"].items()}
        self.direct = {user["id"]: {row["sku"]: row["off"] for row in user["licenses"] if row["group"] is None} for user in state["users"].values()}
        self.held = {user["id"]: {row["sku"] for row in user["licenses"] if row["state"] == "Active"} for user in state["users"].values()}
        self.location = {user["id"]: user["usage_location"] for user in state["users"].values()}
        self.groups = {user_id: {state["groups"][key] for key, members in state["members"].items() if upn in members} for upn, user_id in ids.items()}
        self.seats = {user_id: {row["sku"] for row in state["assignments"] if row["holder"] == user_id} for user_id in ids.values()}

    def of(self, user_id: str) -> tuple:
        return self.direct[user_id], self.groups[user_id], self.location[user_id], self.seats[user_id]


class Lives(RuleBasedStateMachine):
    """A tenant, the list of its people, and who applies it."""

    def __init__(self, tenant: Tenant, folder: Path) -> None:
        super().__init__()
        self.tenant, self.record = tenant, Path(tempfile.mkdtemp(dir=folder)) / "leavers.jsonl"
        self.rows: dict[str, dict] = {}
        self.applied: list[dict] = []
        self.locked: set[str] = set()
        self.runs = 0

    @initialize(chosen=st.lists(profiles, min_size=len(PEOPLE), max_size=len(PEOPLE)))
    def begin(self, chosen) -> None:
        self.tenant.reset()
        self.tenant.clear_faults()
        self.tenant.conditions({"group_reads": 0})
        self.ids = {name: self.tenant.user_id(name) for name in PEOPLE}
        self.sku_ids = {row["part_number"]: sku_id for sku_id, row in self.tenant.store.skus.items()}
        self.group = self.tenant.group_id(GROUP)
        for sku in SKUS:
            self.buy(sku, 4)
        self.rows = {name: {"user": self.upn(name), "profile": profile} for name, profile in list(zip(PEOPLE, chosen))[::2]}
        self.apply()

    def buy(self, sku: str, more: int) -> None:
        pool = self.tenant.store.pools_of(self.sku_ids[sku])[-1]
        more = max(more, len(pool.seats) - pool.units)
        pool.units += more
        self.tenant.store.skus[self.sku_ids[sku]]["enabled"] += more

    def assign(self, path: str, sku: str, is_added: bool) -> None:
        """Assigns or removes a license, which Graph may reject."""
        body = {"addLicenses": [{"skuId": self.sku_ids[sku]}] if is_added else [], "removeLicenses": [] if is_added else [self.sku_ids[sku]]}
        self.tenant.graph("POST", f"/v1.0/{path}/assignLicense", body)

    def upn(self, name: str) -> str:
        return self.tenant.store.users[self.ids[name]]["userPrincipalName"]

    # what the list of people says

    @rule(several=some, profile=profiles, by_id=st.booleans())
    def join_or_move(self, several, profile, by_id):
        for name in several:
            self.rows[name] = {"user": self.ids[name].upper() if by_id else self.upn(name), "profile": profile}
        self.apply()

    @rule(several=some)
    def leave(self, several):
        for name in several:
            self.rows[name] = {**self.rows.get(name, {"user": self.upn(name), "profile": "office"}), "last_day": "2026-10-01"}
        self.apply()

    @rule(name=names)
    def come_back(self, name):
        row = self.rows.get(name)
        if row and row.pop("last_day", None) and self.record.exists():
            before = Snapshot(self.tenant)
            result = self.tenant.run(MODULE, users=[self.ids[name]], state="restored", record_path=str(self.record), user_errors="report")
            after = Snapshot(self.tenant)
            for user_id in self.ids.values():
                if user_id != self.ids[name]:
                    assert after.of(user_id) == before.of(user_id), "a restore of one user is of no other"
            assert before.direct[self.ids[name]].keys() <= after.direct[self.ids[name]].keys(), result
        self.apply()

    @rule(name=names)
    def drop(self, name):
        self.rows.pop(name, None)
        self.apply()

    # what others do by hand

    @rule(name=names, sku=skus, is_added=st.booleans())
    def license_by_hand(self, name, sku, is_added):
        self.assign(f"users/{self.ids[name]}", sku, is_added)
        self.apply()

    @rule(sku=skus, is_added=st.booleans())
    def license_a_group_by_hand(self, sku, is_added):
        self.assign(f"groups/{self.group}", sku, is_added)
        self.apply()

    @rule(name=names)
    def member_by_hand(self, name):
        if self.ids[name] in self.tenant.store.members[self.group]:
            self.tenant.graph("DELETE", f"/v1.0/groups/{self.group}/members/{self.ids[name]}/$ref")
        else:
            link = f"{self.tenant.sandbox.url}/v1.0/directoryObjects/{self.ids[name]}"
            self.tenant.graph("POST", f"/v1.0/groups/{self.group}/members/$ref", {"@odata.id": link})
        self.apply()

    @rule(is_dynamic=st.booleans())
    def rule_of_a_group(self, is_dynamic):
        group = self.tenant.store.groups[self.group]
        group.update({"groupTypes": ["DynamicMembership"], "membershipRule": "x"} if is_dynamic else {"groupTypes": [], "membershipRule": None})
        self.apply()

    @rule(reads=st.integers(0, 3))
    def slow_or_fast_groups(self, reads):
        self.tenant.conditions({"group_reads": reads})
        self.apply()

    @rule(sku=skus, number=st.integers(0, 99))
    def a_service_plan_appears(self, sku, number):
        known, plan_ids = self.tenant.store.skus[self.sku_ids[sku]]["service_plans"], self.tenant.store.plan_ids
        if f"NEW_{number}" not in plan_ids:
            plan_ids[f"NEW_{number}"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{number}"))
            known.append({"name": f"NEW_{number}", "id": plan_ids[f"NEW_{number}"]})
        self.apply()

    @rule(sku=skus, status=st.sampled_from(["Enabled", "Suspended", "Warning"]))
    def a_subscription_ends_or_lives(self, sku, status):
        self.tenant.store.skus[self.sku_ids[sku]]["status"] = status
        self.apply()

    @rule(sku=skus, more=st.integers(-3, 3))
    def buy_or_cancel(self, sku, more):
        self.buy(sku, more)
        self.apply()

    @rule(name=names)
    def rename(self, name):
        user, store = self.tenant.store.users[self.ids[name]], self.tenant.store
        store._by_upn.pop(user["userPrincipalName"].lower())
        user["userPrincipalName"] = f"{name}{len(user['userPrincipalName'])}@contoso.example"
        store._by_upn[user["userPrincipalName"].lower()] = user
        if name in self.rows:
            self.rows[name]["user"] = user["userPrincipalName"]
            self.applied = [{**row, "user": self.upn(name)} if row.get("name") == name else row for row in self.applied]
        self.apply()

    @rule(name=names)
    def lock(self, name):
        self.locked.add(self.ids[name])
        path = f"users/{self.ids[name]}(/assignLicense|/cloudLicensing.*)?$"
        self.tenant.fault(path, method="POST|PATCH|DELETE", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=9)
        self.apply()
        self.tenant.clear_faults()
        self.locked.clear()

    @rule(number=st.integers(1, 4))
    def kill_and_run_again(self, number):
        service, count, killed = self.tenant.sandbox.service, [], []
        handle = type(service).handle.__get__(service)

        def killing(*call):
            reply = handle(*call)
            count.extend([1] if self.tenant.writes() else [])
            if len(count) == number and not killed:
                killed.append(True)
                os.kill(os.getpid(), signal.SIGTERM)
            return reply

        before = Snapshot(self.tenant)
        self.tenant.forget()
        service.handle = killing
        try:
            self.tenant.run(MODULE, **self.options(), report_path=str(self.record.parent / f"report{self.runs}.jsonl"))
        finally:
            del service.handle
        self.judge(before, Snapshot(self.tenant))
        self.apply()

    # the run, and what must hold after it

    def options(self) -> dict:
        common = {"remove": "previous", "today": TODAY, "record_path": str(self.record), "record_missing": "create", "max_removals": "100%"}
        rows = [{key: value for key, value in row.items() if key != "name"} for row in self.rows.values()]
        previous = [{"user": row["user"], "profile": row["profile"]} for row in self.applied]
        return {"profiles": PROFILES, "users": rows, "previous_users": previous, "user_errors": "report", **common}

    def apply(self) -> None:
        self.runs += 1
        self.tenant.forget()
        before = Snapshot(self.tenant)
        is_moving = bool(self.tenant.store.jobs)  # Graph is still assigning what groups got, and takes seats meanwhile
        dry = self.tenant.check(MODULE, **self.options())
        assert "results" in dry, dry["msg"]
        assert not self.tenant.writes(), "check mode writes"
        if self.runs % 20 == 0 and not self.locked:
            self.play()
            self.judge(before, Snapshot(self.tenant))
            has_failed = "kim" in self.rows  # whose conflict of addresses only Graph knows
        else:
            real = self.tenant.run(MODULE, **self.options())
            after = Snapshot(self.tenant)
            self.judge(before, after)
            if not is_moving:
                self.compare(dry, real, after)
            has_failed = bool(real["summary"]["failed"])
        again = self.tenant.check(MODULE, **self.options())
        is_open = has_failed or again["summary"]["failed"] or any(row["outcome"] == "waiting" for row in again["results"]) or self.locked
        assert is_open or not again["changed"], [row for row in again["results"] if row["changed"]]
        if not is_open:
            self.applied = [{**row, "name": name} for name, row in self.rows.items()]

    def play(self) -> None:
        """The same by the playbook."""
        options, ready = self.options(), self.tenant.ready_token
        renamed = {"profiles": "license_profiles", "users": "license_people", "previous_users": "apply_previous_users", "remove": "apply_remove"}
        renamed |= {"today": "offboard_users_today", "record_path": "offboard_users_record_path", "record_missing": "offboard_users_record_missing"}
        renamed |= {"max_removals": "apply_max_removals"}
        folder = self.record.parent
        (folder / "variables.json").write_text(json.dumps({name: options[option] for option, name in renamed.items()}))
        more = {"MSGRAPH_URL": ready["graph_url"], "MSGRAPH_CA_PATH": ready["ca_path"], "MSGRAPH_ACCESS_TOKEN": ready["access_token"]}
        command = ["ansible-playbook", "m365.licensing.apply", "-e", "@variables.json"]
        done = subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False)
        assert "TASK [Summarize]" in done.stdout, done.stdout[-3000:] + done.stderr[-2000:]

    def judge(self, before: Snapshot, after: Snapshot) -> None:
        """Nothing but what the files ask for has changed, and what leavers lost is in the record."""
        recorded = self.record.read_text() if self.record.exists() else ""
        earlier = {row["name"]: row["profile"] for row in self.applied}
        for name, user_id in self.ids.items():
            row = self.rows.get(name)
            if row is None:
                assert after.of(user_id) == before.of(user_id), f"{name} is in no list"
                continue
            lost = before.direct[user_id].keys() - after.direct[user_id].keys()
            left = before.groups[user_id] - after.groups[user_id]
            if "last_day" in row:
                for sku in lost:
                    assert any(user_id in line and self.sku_ids[sku] in line for line in recorded.splitlines()), f"{name} lost {sku}, which is not recorded"
                assert not after.direct[user_id].keys() - before.direct[user_id].keys(), "a leaver gets nothing"
                continue
            choices, groups, seats = HOLDINGS[earlier.get(name, row["profile"])]
            own = HOLDINGS[row["profile"]]
            mine = {sku for choice in choices for sku in choice} | set(seats) | {sku for choice in own[0] if len(choice) > 1 for sku in choice}
            assert lost <= mine, f"{name} lost {lost - mine}, which nothing asked for"
            assert left <= set(groups), f"{name} left {left}"
            assert after.location[user_id] in (before.location[user_id], "DE")

    def compare(self, dry: dict, real: dict, after: Snapshot) -> None:
        """The dry run told the same; who counts as licensed is so."""
        for told, made, name in zip(dry["results"], real["results"], self.rows):
            if (self.ids[name] in self.locked and told["outcome"] == "changed") or (made.get("failure") or {}).get("code") in ONLY_GRAPH_KNOWS:
                continue
            if made["outcome"] == "waiting":
                continue
            said = f"{name} was told {told}, and is {made}"
            assert (told["outcome"], told["changes"]) == (made["outcome"], made["changes"]), said
            row, user_id = self.rows[name], self.ids[name]
            if made["outcome"] in ("changed", "unchanged") and "last_day" not in row:
                choices, groups, seats = HOLDINGS[row["profile"]]
                assert all(set(choice) & after.held[user_id] for choice in choices), (name, made)
                assert set(groups) <= after.groups[user_id]
                assert set(seats) <= after.seats[user_id]
                assert row["profile"] != "office" or "SWAY" in after.direct[user_id]["SPE_E3"]
            if made["outcome"] in ("changed", "unchanged") and "last_day" in row:
                assert not after.direct[user_id], (name, made)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_lives(tenant, tmp_path):
    lives = int(os.environ.get("LIVES", "10"))
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    is_fixed = "LIVES" not in os.environ
    chosen = settings(max_examples=lives, stateful_step_count=20, deadline=None, suppress_health_check=checks, phases=[Phase.generate], derandomize=is_fixed)
    run_state_machine_as_test(lambda: Lives(tenant, tmp_path), settings=chosen)
