# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX as code: held against the modules of awx.awx and the rules of a controller, loaded into something like one, and run by its job engine."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from support.controller import Store, controller
from support.jobs import DATA, FIELDS, INJECTORS, TEMPLATES, Job, credentials, rendered
from support.plays import environment
from support.tenant import ROOT

pytestmark = pytest.mark.plays

AWX = next((parent / ".work/awx" for parent in ROOT.parents if (parent / ".work/awx").is_dir()), ROOT.parents[3] / "awx")
MODULES = {
    "controller_labels": "label",
    "controller_credential_types": "credential_type",
    "controller_templates": "job_template",
    "controller_schedules": "schedule",
    "controller_workflows": "workflow_job_template",
}


ENTRIES = [pytest.param(module, entry, id=entry["name"]) for variable, module in MODULES.items() for entry in DATA[variable]]


def spec_of(module: str) -> dict:
    """The options of a module of awx.awx, as its documentation gives them."""
    path = AWX / f"ansible_collections/awx/awx/plugins/modules/{module}.py"
    if not path.is_file():
        pytest.skip("the collection awx.awx is not there: make .work/awx")
    texts = {node.targets[0].id: node.value for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign) and node.targets}
    options = yaml.safe_load(texts["DOCUMENTATION"].value)["options"]
    return {
        name: {key: value for key, value in option.items() if key in ("type", "elements", "choices", "required", "aliases")} for name, option in options.items()
    }


@pytest.mark.parametrize(("module", "entry"), ENTRIES)
def test_an_entry_is_what_the_module_takes(module, entry):
    result = ArgumentSpecValidator(spec_of(module)).validate(entry)
    assert not result.error_messages
    assert not result.unsupported_parameters


def test_the_playbook_passes_all_of_each_entry():
    """The nodes of workflows have a task of their own: with them, awx.awx finds a change each time."""
    (play,) = yaml.safe_load((ROOT / "playbooks/awx.yml").read_text())
    passed = {name.rpartition(".")[2]: set(task[name]) for task in play["tasks"] for name in task if name.startswith("awx.awx.")}
    for variable, module in MODULES.items():
        assert passed[module] == {key for entry in DATA[variable] for key in entry} - {"workflow_nodes"}


def test_every_template_has_a_dry_run_and_a_playbook():
    for name, template in TEMPLATES.items():
        assert (ROOT / "docs/examples/infra-repo" / template["playbook"]).is_file()
        if template["job_type"] == "run":
            duplicate = TEMPLATES[f"{name} (dry run)"]
            assert (duplicate["job_type"], duplicate["survey_spec"], duplicate["playbook"]) == ("check", template["survey_spec"], template["playbook"])
            assert template["ask_job_type_on_launch"]
    labels = {label["name"] for label in DATA["controller_labels"]}
    assert all(set(entry["labels"]) <= labels for entry in (*TEMPLATES.values(), *DATA["controller_workflows"]))


TYPES = {"text": str, "textarea": str, "password": str, "multiplechoice": str, "multiselect": str, "integer": int, "float": (int, float)}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_survey_is_one_that_a_controller_takes(name):
    survey = TEMPLATES[name]["survey_spec"]
    assert survey.keys() == {"name", "description", "spec"}
    variables = [question["variable"] for question in survey["spec"]]
    assert len(set(variables)) == len(variables) > 0
    used = (ROOT / "playbooks" / Path(TEMPLATES[name]["playbook"]).name).read_text()
    for question in survey["spec"]:
        assert {"question_name", "question_description", "variable", "type", "required"} <= question.keys()
        assert isinstance(question["required"], bool)
        if question["type"] == "multiplechoice":
            assert question.get("default", question["choices"][0]) in question["choices"], "a controller refuses a blank choice"
        else:
            assert question["default"] == "" or isinstance(question["default"], TYPES[question["type"]])
        if question["type"] in ("integer", "float"):
            assert {"min", "max"} <= question.keys()
        if question["type"] in ("text", "textarea"):
            assert question["required"] or question["min"] == 0, "an empty answer has no length"
        assert not TEMPLATES[name]["ask_limit_on_launch"], "a limit leaves no host, and such a job does nothing and is green"
        assert question["variable"] in used or question["variable"].startswith(("offboard_users_", "restore_users_", "license_report_"))


def test_the_credential_type_is_one_that_a_controller_takes(tmp_path):
    kinds = {"id", "label", "type", "format", "choices", "help_text", "multiline", "secret", "default", "ask_at_runtime"}
    for name, field in FIELDS.items():
        assert field.keys() <= kinds, name
        assert re.fullmatch("[a-zA-Z_]+[a-zA-Z0-9_]*", name)
        assert field["type"] == "string"
        assert bool(field.get("secret")) == any(word in name for word in ("secret", "password", "certificate")) or name == "federated_token"
    assert INJECTORS.keys() <= {"file", "env", "extra_vars"}
    assert not [name for name in INJECTORS["env"] if name.startswith("ANSIBLE_") or name in ("PATH", "PYTHONPATH")]
    rendered(dict.fromkeys(FIELDS, "EXAMPLE"), tmp_path, strict=True)


def test_the_workflow_asks_before_it_applies():
    (workflow,) = DATA["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    order, here = [], "dry run"
    while here:
        order.append(here)
        here = next((link["identifier"] for link in nodes[here].get("related", {}).get("success_nodes", [])), None)
    assert order == ["dry run", "approval", "apply"]
    assert nodes["approval"]["unified_job_template"]["type"] == "workflow_approval"
    for name in ("dry run", "apply"):
        template = TEMPLATES[nodes[name]["unified_job_template"]["name"]]
        assert template["job_type"] == ("check" if name == "dry run" else "run")
        assert {question["variable"] for question in template["survey_spec"]["spec"] if question["required"]} <= set(nodes[name].get("extra_data", {}))


def test_the_schedule_is_of_a_template_and_answers_its_survey():
    (schedule,) = DATA["controller_schedules"]
    questions = TEMPLATES[schedule["unified_job_template"]]["survey_spec"]["spec"]
    assert re.fullmatch(r"DTSTART:\d{8}T\d{6}Z RRULE:FREQ=[A-Z]+;INTERVAL=\d+.*", schedule["rrule"])
    assert {question["variable"] for question in questions if question["required"]} <= set(schedule["extra_data"]) <= {one["variable"] for one in questions}


THERE = {"organizations": "Default", "projects": "Licenses", "inventories": "Licenses", "execution_environments": "Licenses", "credentials": "Microsoft Graph"}


def loaded(folder: Path, address: str, *options: str, playbook: str = "m365.licensing.awx", **more: str) -> tuple[int, str]:
    """Exit status and output of the playbook that loads everything, or of another one."""
    spec_of("label")
    more |= {"CONTROLLER_HOST": address, "CONTROLLER_OAUTH_TOKEN": "made-up", "CONTROLLER_VERIFY_SSL": "false"}
    paths = {"ANSIBLE_COLLECTIONS_PATH": f"{ROOT.parents[2]}:{AWX}"}
    command = ["ansible-playbook", playbook, *options]
    done = subprocess.run(command, cwd=folder, env=environment(folder, **more, **paths), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def store_with(**status: str) -> Store:
    store = Store({template["playbook"] for template in TEMPLATES.values()})
    for kind, name in THERE.items():
        project = {"status": "successful", "scm_type": "git", "allow_override": False, **status} if kind == "projects" else {}
        store.add(kind, name=name, **({"organization_name": "Default"} if kind in ("projects", "inventories") else {}), **project)
    return store


def test_the_playbook_loads_everything_once(tmp_path):
    """In check mode on a controller that has none of it, for real, and twice again without a change."""
    store = store_with()
    with controller(store) as address:
        code, output = loaded(tmp_path, address, "--check")
        assert code == 0, output[-3000:]
        assert not store.writes
        code, output = loaded(tmp_path, address)
        assert code == 0, output[-3000:]
        made, store.writes = len(store.rows), 0
        for options in ([], ["--check"]):
            code, output = loaded(tmp_path, address, *options)
            assert code == 0, output[-3000:]
            assert " changed=0 " in output
        assert (len(store.rows), store.writes) == (made, 0)
    names = {(row["where"], row.get("name")) for row in store.rows}
    assert {("job_templates", name) for name in TEMPLATES} <= names
    assert {("schedules", "Report on licenses, monthly"), ("workflow_job_templates", "Apply everything after approval")} <= names
    (credential_type,) = store.found("credential_types", {})
    assert credential_type["injectors"] == INJECTORS, "templates reach the controller as they are"
    nodes = {row["identifier"]: row for row in store.found("workflow_job_template_nodes", {})}
    assert nodes.keys() == {"dry run", "approval", "apply"}
    assert store.links[nodes["dry run"]["url"], "success_nodes"] == [nodes["approval"]["id"]]
    assert store.links[nodes["approval"]["url"], "success_nodes"] == [nodes["apply"]["id"]]


def test_what_is_missing_is_said_at_once(tmp_path):
    with controller(Store(set())) as address:
        code, output = loaded(tmp_path, address, "--check")
    said = " ".join(output.split())
    assert code != 0
    assert "These are missing in the controller: the organization in m365_awx_organization; the project in m365_awx_project" in said
    assert "the credential Microsoft Graph in m365_awx_credentials, of a type that --tags types loads" in said


def test_a_project_without_files_is_told_to_be_synchronized(tmp_path):
    with controller(store_with(status="never updated")) as address:
        code, output = loaded(tmp_path, address)
    assert code != 0
    assert "The project Licenses is never updated: synchronize it" in " ".join(output.split())


def test_what_another_organization_has_does_not_count(tmp_path):
    store = store_with()
    for row in store.rows:
        row["organization_name"] = "Another" if row["where"] == "projects" else row.get("organization_name")
    with controller(store) as address:
        code, output = loaded(tmp_path, address)
    assert code != 0
    assert "These are missing in the controller: the project in m365_awx_project" in " ".join(output.split())
    assert not store.found("job_templates", {})


def test_each_credential_is_looked_for(tmp_path):
    with controller(store_with()) as address:
        code, output = loaded(tmp_path, address, "--check", "-e", '{"m365_awx_credentials": ["Microsoft Graph", "Vault"]}')
    assert code != 0
    assert "These are missing in the controller: the credential Vault in m365_awx_credentials" in " ".join(output.split())


def test_a_controller_that_does_not_answer_is_named(tmp_path):
    code, output = loaded(tmp_path, "http://127.0.0.1:9")
    assert code != 0
    assert "127.0.0.1:9" in " ".join(output.split())


def test_automation_controllers_collection_takes_the_same_playbook(tmp_path):
    """As the head of the playbook says: its modules are those of awx.awx under another name."""
    spec_of("label")
    shutil.copytree(AWX / "ansible_collections/awx/awx", tmp_path / "ansible_collections/ansible/controller")
    for path in (tmp_path / "ansible_collections").rglob("*"):
        if path.suffix in (".py", ".yml", ".json") and "awx.awx" in (text := path.read_text()):
            path.write_text(text.replace("awx.awx", "ansible.controller"))
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/awx.yml").write_text((ROOT / "playbooks/awx.yml").read_text().replace("awx.awx", "ansible.controller"))
    (tmp_path / "extensions").symlink_to(ROOT / "extensions")
    store = store_with()
    with controller(store) as address:
        more = {"CONTROLLER_HOST": address, "CONTROLLER_OAUTH_TOKEN": "made-up", "CONTROLLER_VERIFY_SSL": "false", "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
        command = ["ansible-playbook", str(tmp_path / "playbooks/awx.yml")]
        done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert {row["name"] for row in store.found("job_templates", {})} == set(TEMPLATES)


def test_the_first_steps_make_what_is_looked_for(tmp_path):
    """From an empty controller to the job templates: the type, the first steps, the rest."""
    store = Store({template["playbook"] for template in TEMPLATES.values()})
    secrets = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "made-up"}
    with controller(store) as address:
        for command in (["m365.licensing.awx", "--tags", "types"], [str(ROOT / "docs/examples/awx-first-steps.yml")], ["m365.licensing.awx"]):
            code, output = loaded(tmp_path, address, *command[1:], playbook=command[0], **secrets)
            assert code == 0, output[-3000:]
    assert {row["name"] for row in store.found("job_templates", {})} == set(TEMPLATES)


# what infra.aap_configuration 3 reads of an entry, by its variable
READ_BY_AAP_CONFIGURATION = {
    "controller_labels": {"name", "organization"},
    "controller_credential_types": {"name", "description", "kind", "inputs", "injectors"},
    "controller_schedules": {"name", "unified_job_template", "organization", "rrule", "extra_data"},
    "controller_workflows": {"name", "description", "organization", "labels", "workflow_nodes"},
    "controller_templates": {
        "name", "description", "job_type", "organization", "project", "inventory", "execution_environment", "credentials", "playbook", "diff_mode",
        "ask_job_type_on_launch", "ask_diff_mode_on_launch", "ask_limit_on_launch", "labels", "survey_enabled", "survey_spec",
    },
}  # fmt: skip


@pytest.mark.parametrize("variable", MODULES)
def test_infra_aap_configuration_reads_all_of_it(variable):
    assert {name for entry in DATA[variable] for name in entry} <= READ_BY_AAP_CONFIGURATION[variable]


def blocks_of_the_guide(kind: str) -> list[str]:
    text = (ROOT / "docs/docsite/rst/guide_awx.rst").read_text()
    found = re.findall(rf"^( *)\.\. code-block:: {kind}\n\n((?:\1    .*\n|\n)+)", text, re.MULTILINE)
    return [textwrap.dedent(block) for dummy, block in found]


def test_the_guide_makes_the_places_that_the_data_names():
    """On the node, and in the pod: record and reports are below the mount."""
    record, reports = DATA["m365_awx_record"], DATA["m365_awx_reports"]
    (made,) = [block for block in blocks_of_the_guide("shell") if "mkdir" in block]
    assert f"mkdir -p {reports}" in made
    assert f"touch {record}" in made
    (pod,) = [yaml.safe_load(block) for block in blocks_of_the_guide("yaml") if "kind: Pod" in block]
    (container,) = pod["spec"]["containers"]
    (mount,) = [one["mountPath"] for one in container["volumeMounts"]]
    assert {str(Path(record).parent), str(Path(reports).parent)} == {mount}
    assert {one["name"] for one in pod["spec"]["volumes"]} == {one["name"] for one in container["volumeMounts"]}


def test_the_credential_type_is_loaded_alone(tmp_path):
    store = Store(set())
    with controller(store) as address:
        code, output = loaded(tmp_path, address, "--tags", "types")
    assert code == 0, output[-2000:]
    assert {row["where"] for row in store.rows} == {"credential_types"}


# name of the job template: answers to the survey, and what the tenant is like afterwards
JOBS = {
    "Onboard people": (
        {"onboard_users": "alice@contoso.example\ngrace@contoso.example", "onboard_profile": "office"},
        {"alice": ["SPE_E3"], "grace": ["SPE_E3"]},
    ),
    "Move people": ({"move_users": "bob@contoso.example", "move_profile": "lead", "move_from": "office"}, {"bob": ["SPE_E5"]}),
    "Offboard people": (
        {"offboard_users": "carol@contoso.example, bob@contoso.example", "offboard_keep": "SPE_E5", "offboard_users_record_path": "leavers.jsonl"},
        {"carol": []},
    ),
    "Restore people": ({"restore_users": "", "restore_users_all": "true", "restore_users_record_path": "leavers.jsonl"}, {"carol": ["SPE_E3"]}),
    "License groups": ({"groups_name": "Support desk", "groups_skus": "SPE_E3 POWER_BI_PRO", "groups_remove": ""}, {}),
    "Report on licenses": ({"license_report_folder": "reports", "license_report_nearly_full": 0.8}, {}),
    "Apply everything": ({"offboard_users_record_path": "all.jsonl"}, {"dave": []}),
}


def test_every_job_template_runs_as_a_controller_would_run_it(tenant, tmp_path):
    ways = credentials(tenant, tmp_path)
    for name in ("leavers.jsonl", "all.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "reports").mkdir()
    secrets = [tenant.sandbox.connection["graph"]["client_secret"], Path(tenant.credentials["federated_token_file"]).read_text(), "PRIVATE KEY"]
    handed_on: dict[str, dict] = {}
    for number, (name, (answers, held)) in enumerate(JOBS.items()):
        here = {
            key: str(tmp_path / value) if key in ("offboard_users_record_path", "restore_users_record_path", "license_report_folder") else value
            for key, value in answers.items()
        }
        counts = []
        for duplicate in (f"{name} (dry run)", name):
            tenant.forget()
            variables = {**ways[number % len(ways)], "LICENSE_SNAPSHOT": str(tmp_path / "all.jsonl")}
            job = Job(tmp_path / f"job {duplicate}", TEMPLATES[duplicate], here, variables)
            assert job.done.returncode == 0, job.done.stdout[-3000:]
            assert bool(tenant.writes()) == (duplicate == name and name != "Report on licenses"), duplicate
            assert not job.lost, "what a job writes into its folder is gone with it"
            counts.append(job.changed)
            summary = job.artifacts["license_summary"]
            assert summary.keys() >= ({"people", "licensed", "seats", "errors"} if name == "Report on licenses" else {"groups", "diff"}), (duplicate, summary)
            handed_on[duplicate] = summary
            text = json.dumps(job.events)
            assert not [secret for secret in secrets if secret in text or json.dumps(secret)[1:-1] in text], duplicate
        assert counts[0] == counts[1] > 0, (name, counts)
        for person, skus in held.items():
            assert sorted(tenant.holds(person)) == skus, name
    onboard = handed_on["Onboard people (dry run)"]
    assert {key: value for key, value in onboard.items() if key != "groups"} == {
        "users": {"total": 2, "changed": 2, "unchanged": 0, "failed": 0, "skipped": 0, "waiting": 0, "errors": {}},
        "seats": {"SPE_E3": {"before": 5, "after": 7, "owned": 14}},
        "diff": "alice@contoso.example (office)\n  + usage location DE\n  + SPE_E3  without SWAY\n"
        "grace@contoso.example (office)\n  + usage location DE  before: US\n  + SPE_E3             without SWAY\n",
    }
    assert handed_on["Onboard people"] == onboard


# name of the job template: the answer that is a place which no job has
NOWHERE = {
    "Apply everything": "offboard_users_record_path",
    "Offboard people": "offboard_users_record_path",
    "Restore people": "restore_users_record_path",
    "Report on licenses": "license_report_folder",
}


@pytest.mark.parametrize("name", NOWHERE)
def test_a_place_that_does_not_outlive_the_job_is_refused(tenant, tmp_path, name):
    """What is not mounted into a job is not there, and would be gone with the job: nothing is made, and nothing is written."""
    place = "/srv/m365-not-mounted"
    answers = {"restore_users_all": "true"} if name == "Restore people" else {"offboard_users": "carol@contoso.example"} if name == "Offboard people" else {}
    template = TEMPLATES[name]
    job = Job(tmp_path / "job", template, {**answers, NOWHERE[name]: f"{place}/leavers.jsonl"}, {**credentials(tenant, tmp_path)[1], "LICENSE_SNAPSHOT": place})
    assert job.done.returncode != 0
    assert place in job.done.stdout
    assert not tenant.writes()
    assert not Path(place).exists()


PATTERN = json.loads((ROOT / "extensions/patterns/license_flows/meta/pattern.json").read_text())


def test_the_pattern_is_of_the_form_that_a_hub_takes():
    folder = ROOT / "extensions/patterns" / PATTERN["name"]
    assert re.fullmatch("[a-z0-9_]{1,64}", PATTERN["name"])
    assert {"schema_version", "name", "title", "description", "short_description", "aap_resources"} <= PATTERN.keys()
    assert (folder / "README.md").is_file()
    resources = PATTERN["aap_resources"]
    assert {"name", "description"} <= resources["controller_project"].keys()
    assert {"name", "description", "image_name", "pull"} <= resources["controller_execution_environment"].keys()
    for template in resources["controller_job_templates"]:
        assert (folder / "playbooks" / template["playbook"]).is_file()
        spec = yaml.safe_load((folder / "playbooks" / template["playbook"].replace(".yml", ".meta.yml")).read_text())["argument_specs"]
        (options,) = (one["options"] for one in spec.values())
        assert set(options) == {question["variable"] for question in template["survey"]["spec"]}
        assert set(template["labels"]) <= set(resources["controller_labels"])
        for question in template["survey"]["spec"]:
            assert isinstance(question.get("default", ""), str)
    assert sum(template["primary"] for template in resources["controller_job_templates"]) == 1


def test_the_pattern_asks_what_the_job_templates_ask():
    for template in PATTERN["aap_resources"]["controller_job_templates"]:
        asked = [{key: value for key, value in question.items() if key != "default"} for question in TEMPLATES[template["name"]]["survey_spec"]["spec"]]
        assert [{key: value for key, value in question.items() if key != "default"} for question in template["survey"]["spec"]] == asked


def test_the_environment_of_the_tests_has_no_secret_of_its_own():
    assert not [name for name in environment(Path(os.sep)) if name.startswith(("AZURE_", "MSGRAPH_"))]
