# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles as people run them: dry, for real and again; with somebody who cannot be served; with mistakes; and out and back again for two hundred accounts."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
import yaml
from ansible import release
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from sandbox_tenant.seed import load_seed
from support.plays import Stage
from support.tenant import ROOT

pytestmark = pytest.mark.plays

DATA = yaml.safe_load((Path(__file__).parent / "flows.yml").read_text())
TURNS = ("dry", "real", "again")


def summary_of(role: str) -> str:
    """What a role leaves behind: the answer of its one task."""
    return f"{role}_result.summary"


def said_by(role: str) -> str:
    """The message of the task that failed, and the summary for people."""
    return f"[ansible_failed_result.msg, ({role}_result | default({{}})).lines | default([])]"


def counts(summary: dict) -> dict:
    """How many there are of each outcome, without what the run took."""
    return {name: value for name, value in summary.items() if name not in ("requests", "seconds_throttled")}


@pytest.fixture
def stage(tenant, tmp_path):
    return Stage(tenant, tmp_path)


def test_every_flow_changes_once_and_the_dry_run_says_so(stage):
    tasks = []
    for index, flow in enumerate(DATA["flows"]):
        tasks += [stage.ask("reset", "POST")] if flow.get("reset", True) else []
        for turn in TURNS:
            tasks += [stage.ask("journal", "DELETE"), stage.role(flow["role"], flow["vars"], turn == "dry"), stage.ask("journal")]
            tasks.append(stage.note(f"{index}-{turn}", f"{{'summary': {summary_of(flow['role'])}, 'requests': asked.json.requests}}"))
    stage.play(tasks)
    for index, flow in enumerate(DATA["flows"]):
        dry, real, again = (stage.noted(f"{index}-{turn}") for turn in TURNS)
        assert counts(dry["summary"]) == counts(real["summary"]), flow["name"]
        assert not real["summary"]["failed"], flow["name"]
        assert [int(run["summary"]["changed"]) for run in (dry, real, again)] == [flow["changed"], flow["changed"], 0], flow["name"]
        assert [any(request["write"] for request in run["requests"]) for run in (dry, real, again)] == [False, True, False], flow["name"]


def test_a_blank_variable_and_null_are_as_one_that_is_not_given(stage):
    """Surveys send blanks, and files of settings have keys without a value."""
    tasks, chosen = [], {flow["role"]: flow["vars"] for flow in reversed(DATA["flows"])}
    chosen["license_report"] = {"license_report_folder": str(stage.folder)}
    tasks.append(stage.role("offboard_users", {**chosen["offboard_users"], "offboard_users_people": [{"user": "carol@contoso.example"}]}))
    for role, given in chosen.items():
        options = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
        unset = [name for name in options if name not in given and not name.endswith(("_profiles", "_record_missing"))]
        for title, value in (("absent", {}), ("blank", dict.fromkeys(unset, "")), ("null", dict.fromkeys(unset))):
            result = f"{role}_result.summary" if role != "license_report" else "license_report_read.report.skus"
            tasks += [stage.role(role, {**given, **value}, True), stage.note(f"{role}-{title}", result)]
    stage.play(tasks)
    for role in chosen:
        absent, blank, null = (stage.noted(f"{role}-{title}") for title in ("absent", "blank", "null"))
        if role != "license_report":
            absent, blank, null = (counts(one) for one in (absent, blank, null))
        assert absent == blank == null, role


def test_one_who_cannot_be_served_does_not_stop_the_others(stage):
    tasks = []
    for index, flow in enumerate(DATA["failing_flows"]):
        tasks.append(stage.ask("reset", "POST"))
        for turn in ("dry", "real"):
            failed = [stage.note(f"{index}-{turn}", f"{{'summary': {summary_of(flow['role'])}, 'said': {said_by(flow['role'])}}}")]
            tasks.append({"name": flow["name"], "block": [stage.role(flow["role"], flow["vars"], turn == "dry"), {"fail": {}}], "rescue": failed})
    stage.play(tasks)
    for index, flow in enumerate(DATA["failing_flows"]):
        for turn in ("dry", "real"):
            noted = stage.noted(f"{index}-{turn}")
            failed = noted["summary"]["failed"]
            assert failed == 1 or len(failed) == 1, (flow["name"], noted)
            assert flow["says"] in str(noted["said"])
            assert "\n" not in str(noted["said"][0]), "the last task fails with one line"
            assert int(noted["summary"]["changed"]) == flow["changed"], flow["name"]


def options_of(role: str) -> dict:
    """The options of a role, as its argument spec has them."""
    return yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def spec_error(mistake: dict) -> str:
    """What the argument spec of the role says, which is asked first; nothing when it takes the variables."""
    given = {"offboard_users_record_path": "none.json", "license_report_folder": "."}
    options = dict(options_of(mistake["role"]).items())
    own = {key: value for key, value in {**given, **mistake["vars"]}.items() if key in options and value is not None}
    spec = {name: {key: value for key, value in option.items() if key not in ("description", "default")} for name, option in options.items()}
    return "; ".join(ArgumentSpecValidator(spec).validate(own).error_messages)


def test_every_mistake_in_a_variable_is_named(stage, tenant):
    said = {index: spec_error(mistake) for index, mistake in enumerate(DATA["mistakes"])}
    tasks = []
    for index, mistake in enumerate(DATA["mistakes"]):
        if not said[index]:
            given = (
                {} if mistake["role"] == "restore_users" else {"offboard_users_record_path": "{{ folder }}/none.json", "license_report_folder": "{{ folder }}"}
            )
            block = [stage.role(mistake["role"], {**given, **mistake["vars"]}), stage.note(str(index), "'nothing'")]
            tasks.append({"name": mistake["says"], "block": block, "rescue": [stage.note(str(index), said_by(mistake["role"]))]})
    assert 20 < len(tasks) < 80
    before = tenant.state()
    stage.play(tasks)
    said = {index: text or json.dumps(stage.noted(str(index))) for index, text in said.items()}
    bare = {index: re.sub(r" \([^()]*:[0-9]+:[0-9]+\)", "", text) for index, text in said.items()}  # without file and line
    if release.__version__.startswith("2.18."):  # which makes a text of a number
        bare = {index: re.sub("'([0-9]+)' is not a list", r"\1 is not a list", text) for index, text in bare.items()}
    says = {index: mistake["says"].removeprefix(f"{mistake['role']}_") for index, mistake in enumerate(DATA["mistakes"])}  # the option of the module
    assert not [(text, bare[index][:900]) for index, text in says.items() if text not in bare[index]]
    assert tenant.state() == before
    assert not tenant.writes()


def test_every_variable_of_every_role_has_its_mistake():
    named = {name for mistake in DATA["mistakes"] for name in (*mistake["vars"], *mistake["says"].replace("[", " ").split())}
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        role = path.parts[-3]
        checked = {name for name, spec in options_of(role).items() if spec["type"] not in ("str", "raw") or spec.get("choices") or spec.get("required")}
        assert role == "sandbox_tenant" or checked <= named, (role, checked - named)


FREE = ("SWAY", "YAMMER_ENTERPRISE", "FLOW_O365_P2", "FORMS_PLAN_E3", "FORMS_PLAN_E5", "MCOEV", "TEAMS1", "PROJECTWORKMANAGEMENT")


def random_seed(generator: random.Random, count: int) -> dict:
    """A tenant of people with random licenses, service plans and groups, and plenty of seats."""
    seed = load_seed(None)
    for sku in seed["skus"]:
        sku["enabled"] = 1000
    seed["allotments"] = [{**row, "units": 300} for row in seed["allotments"]]
    skus = [sku for sku in seed["skus"] if sku["part_number"] in ("SPE_E3", "SPE_E5", "POWER_BI_PRO")]
    for number in range(count):
        licenses = []
        for sku in generator.sample(skus, generator.randint(0, 3)):
            plans = [plan["name"] for plan in sku["service_plans"] if plan["name"] in FREE]
            licenses.append({"sku": sku["part_number"], "disabled_plans": sorted(generator.sample(plans, generator.randint(0, min(3, len(plans)))))})
        seed["users"].append({"name": f"random{number}", "display_name": f"Random {number}", "usage_location": "DE", "licenses": licenses})
        if generator.random() < 0.3:
            seed["groups"][0]["members"].append(f"random{number}")
    return seed


def test_out_and_back_again(stage, tenant):
    generator = random.Random(20261122)
    tenant.reset(random_seed(generator, 200))
    names = [f"random{number}@contoso.example" for number in range(200)]
    before = tenant.state()
    held = [name for name in names if before["users"][name]["licenses"]]
    assert len(held) > 80
    snapshot = f"{stage.folder}/snapshot.json"
    stage.play(
        [
            stage.role(
                "offboard_users",
                {
                    "offboard_users_record_path": snapshot,
                    "offboard_users_record_missing": "create",
                    "offboard_users_people": [{"user": name} for name in names],
                },
            )
        ]
    )
    assert not [name for name in names if tenant.state()["users"][name]["licenses"]]
    stage.play([stage.role("restore_users", {"restore_users_record_path": snapshot, "restore_users_all": True})])
    after = tenant.state()
    for name in names:
        assert shown(after["users"][name]) == shown(before["users"][name]), name


def shown(user: dict) -> list:
    return sorted((row["sku"], row["group"] or "", sorted(row["off"])) for row in user["licenses"])


@pytest.mark.plain
def test_a_thousand_people_take_few_requests(stage, tenant):
    tenant.reset(load_seed(None, 1000))
    for sku in tenant.store.skus.values():
        sku["enabled"] = 5000
    people = [{"user": f"user{number:06}@contoso.example", "profile": "all"} for number in range(1, 1001)]
    options = {"onboard_users_people": people, "onboard_users_profiles": {"all": {"licenses": [{"sku": "SPE_E3"}]}}}
    stage.play([stage.role("onboard_users", options)])
    changed = len(tenant.writes())
    assert changed > 400
    assert len(tenant.journal()) <= -(-1000 // 999) + 2 + -(-changed // 20)
    tenant.forget()
    stage.play([stage.role("onboard_users", options)])
    assert not tenant.writes()
    assert len(tenant.journal()) <= -(-1000 // 999) + 2
    tenant.forget()
    leave = {
        "offboard_users_record_path": f"{stage.folder}/all.json",
        "offboard_users_record_missing": "create",
        "offboard_users_people": [{"user": one["user"]} for one in people],
    }
    stage.play([stage.role("offboard_users", leave)])
    removed = len(tenant.writes())
    assert removed == 1000
    assert len(tenant.journal()) <= -(-1000 // 999) + 2 + -(-removed // 20) + 4, "the assignments are read as well, to be recorded"


# title: (profiles from which and to which, people, fault, what they hold in the end)
GAPS = {
    "a seat that nobody can choose": ({"old": {"licenses": [{"sku": "SPE_E3"}]}, "new": {"allotments": [{"sku": "POWER_BI_PRO"}]}}, ["bob"], None),
    "a license without a seat": (
        {"old": {"allotments": [{"sku": "POWER_BI_PRO", "allotment_choice": "most_available"}]}, "new": {"licenses": [{"sku": "STANDARDPACK"}]}},
        ["dave"],
        None,
    ),
    "a group that gives an error": ({"old": {"licenses": [{"sku": "SPE_E3"}]}, "new": {"groups": ["Full"]}}, ["bob"], None),
    "a task that is refused as a whole": ({"old": {"groups": ["Support desk"]}, "new": {"licenses": [{"sku": "SPE_E5"}]}}, ["heidi"], "subscribedSkus"),
    "a run that ends in the middle": ({"old": {"groups": ["Support desk"]}, "new": {"licenses": [{"sku": "SPE_E5"}]}}, ["heidi"], "assignLicense"),
}


def test_no_license_is_removed_for_one_that_is_not_assigned(stage, tenant):
    for title, (profiles, people, fault) in GAPS.items():
        seed = load_seed(None)
        seed["groups"].append({"display_name": "Full", "members": ["frank"], "licenses": [{"sku": "STANDARDPACK"}]})
        tenant.reset(seed)
        before = {name: shown(tenant.state()["users"][f"{name}@contoso.example"]) for name in people}
        if fault:
            tenant.fault(fault, status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=2)
        options = {
            "move_users_profiles": profiles,
            "move_users_people": [{"user": f"{name}@contoso.example", "profile": "new", "from": "old"} for name in people],
        }
        failed = {"name": title, "block": [stage.role("move_users", options), {"fail": {}}], "rescue": [stage.note("gap", "ansible_failed_result.msg")]}
        stage.play([failed])
        assert stage.noted("gap"), title
        after = {name: shown(tenant.state()["users"][f"{name}@contoso.example"]) for name in people}
        for name in people:
            assert set(map(str, before[name])) <= set(map(str, after[name])), (title, after)


def test_a_record_is_not_lost(stage, tenant):
    """A restore that fails is not noted as one, and what was removed at several times comes back as a whole."""
    snapshot = str(stage.folder / "record.json")
    leave = stage.role(
        "offboard_users",
        {"offboard_users_record_path": snapshot, "offboard_users_record_missing": "create", "offboard_users_people": [{"user": "bob@contoso.example"}]},
    )
    back = stage.role("restore_users", {"restore_users_record_path": snapshot, "restore_users_all": True})
    before = tenant.holds("bob")
    stage.play([leave])
    tenant.fault("assignLicense", status=403, code="Authorization_RequestDenied", message="Insufficient privileges", times=5)
    stage.play([{"name": "Back", "block": [back, {"fail": {}}], "rescue": [{"debug": {"msg": "as it should"}}]}])
    assert "restored" not in Path(snapshot).read_text()
    tenant.clear_faults()
    stage.play([back])
    assert tenant.holds("bob") == before
    stage.play([leave])
    assert tenant.run("user_assign_license", user="bob@contoso.example", licenses={"add": [{"sku": "POWER_BI_PRO"}]})["changed"]
    stage.play([leave, back])
    assert tenant.holds("bob") == {"POWER_BI_PRO": [], **before}, "all that was removed and not restored since"
