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
import sys
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from support.controller import Store, controller
from support.plays import environment
from support.tenant import ROOT

pytestmark = pytest.mark.plays

AWX = next((parent / ".work/awx" for parent in ROOT.parents if (parent / ".work/awx").is_dir()), ROOT.parents[3] / "awx")
DATA_FILE = ROOT / "extensions/awx/controller.yml"
PLACES = {
    "m365_awx_organization": "Default",
    "m365_awx_project": "Licenses",
    "m365_awx_inventory": "Licenses",
    "m365_awx_execution_environment": "Licenses",
    "m365_awx_record": "/srv/m365/leavers.jsonl",
    "m365_awx_reports": "/srv/m365/reports",
    "m365_awx_nearly_full": "0.9",
    "m365_awx_schedule": '"DTSTART:20260101T060000Z RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=1"',
}
MODULES = {
    "controller_labels": "label",
    "controller_credential_types": "credential_type",
    "controller_templates": "job_template",
    "controller_schedules": "schedule",
    "controller_workflows": "workflow_job_template",
}


class Loader(yaml.SafeLoader):
    """YAML with the tag that keeps a template from Ansible."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def load() -> dict:
    text = DATA_FILE.read_text()
    for name, value in PLACES.items():
        text = text.replace(f'"{{{{ {name} }}}}"', value)
    return yaml.load(text.replace('"{{ m365_awx_credentials }}"', "[Microsoft Graph]"), Loader)  # noqa: S506 - a safe loader with one more tag


DATA = load()
TEMPLATES = {template["name"]: template for template in DATA["controller_templates"]}
FIELDS = {field["id"]: field for field in DATA["controller_credential_types"][0]["inputs"]["fields"]}
INJECTORS = DATA["controller_credential_types"][0]["injectors"]
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


def rendered(inputs: dict, folder: Path, strict: bool = False) -> dict[str, str]:
    """The environment of a job, as a controller makes it of the injectors: files beside the job, and every variable, blank ones too."""
    shown = jinja2.Environment(undefined=jinja2.StrictUndefined if strict else jinja2.Undefined)  # noqa: S701 - as a controller does; this is no HTML
    values = {name: inputs.get(name, field.get("default", "")) for name, field in FIELDS.items()}
    files = {}
    for name, template in INJECTORS["file"].items():
        path = folder / name
        path.write_text(shown.from_string(template).render(values))
        path.chmod(0o600)
        files[name.partition(".")[2]] = str(path)
    return {name: shown.from_string(template).render({**values, "tower": {"filename": files}}) for name, template in INJECTORS["env"].items()}


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


def loaded(folder: Path, address: str, *options: str) -> tuple[int, str]:
    """Exit status and output of the playbook that loads everything."""
    spec_of("label")
    more = {"CONTROLLER_HOST": address, "CONTROLLER_OAUTH_TOKEN": "made-up", "CONTROLLER_VERIFY_SSL": "false"}
    paths = {"ANSIBLE_COLLECTIONS_PATH": f"{ROOT.parents[2]}:{AWX}"}
    command = ["ansible-playbook", "m365.licensing.awx", *options]
    done = subprocess.run(command, cwd=folder, env=environment(folder, **more, **paths), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def store_with(**status: str) -> Store:
    store = Store({template["playbook"] for template in TEMPLATES.values()})
    for kind, name in THERE.items():
        store.add(kind, name=name, **({"status": "successful", "scm_type": "git", **status} if kind == "projects" else {}))
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
    assert "the credential in m365_awx_credentials, of a type that --tags types loads" in said


def test_a_project_without_files_is_told_to_be_synchronized(tmp_path):
    with controller(store_with(status="never updated")) as address:
        code, output = loaded(tmp_path, address)
    assert code != 0
    assert "The project Licenses is never updated: synchronize it" in " ".join(output.split())


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


def credentials(tenant, folder: Path) -> list[dict[str, str]]:
    """The environments that credentials make: AWX's own for Azure, and ours with a secret, a certificate and a federated token."""
    graph, more = tenant.sign_in, tenant.credentials
    ours = {"tenant_id": graph["tenant_id"], "client_id": graph["client_id"], "graph_url": graph["graph_url"], "authority_url": graph["authority_url"]}
    ours["ca"] = Path(graph["ca_path"]).read_text()
    azure = {"AZURE_SUBSCRIPTION_ID": "", "AZURE_CLIENT_ID": graph["client_id"], "AZURE_TENANT": graph["tenant_id"], "AZURE_SECRET": graph["client_secret"]}
    azure |= {"MSGRAPH_URL": graph["graph_url"], "AZURE_AUTHORITY_HOST": graph["authority_url"], "MSGRAPH_CA_PATH": graph["ca_path"]}
    ways = [
        {"client_secret": graph["client_secret"]},
        {"certificate": Path(more["certificate_path"]).read_text()},
        {"federated_token": Path(more["federated_token_file"]).read_text()},
    ]
    made = [azure]
    for number, way in enumerate(ways):
        (folder / f"credential{number}").mkdir()
        made.append(rendered({**ours, **way}, folder / f"credential{number}"))
    return made


class Job:
    """A job as a controller hands it to ansible-runner, and the events that it would show."""

    def __init__(self, folder: Path, template: dict, answers: dict, variables: dict[str, str]) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "docs/examples/infra-repo", folder / "project")
        for name in ("env", "inventory"):
            (folder / name).mkdir()
        (folder / "inventory/hosts").write_text("localhost ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'\n")
        texts = {name: f"!unsafe {json.dumps(value)}" if isinstance(value, str) else json.dumps(value) for name, value in answers.items()}
        extra = {**texts, "awx_job_id": "1", "tower_job_id": "1", "awx_job_template_name": json.dumps(template["name"])}
        (folder / "env/extravars").write_text("".join(f"{name}: {value}\n" for name, value in extra.items()))
        flags = [*(["--check"] if template["job_type"] == "check" else []), "-u root", *(["--diff"] if template["diff_mode"] else [])]
        (folder / "env/cmdline").write_text(" ".join(flags))
        (folder / "env/envvars").write_text(json.dumps(variables))
        command = [str(Path(sys.executable).parent / "ansible-runner"), "run", str(folder), "-p", template["playbook"]]
        self.done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False)
        self.events = [json.loads(path.read_text()) for path in folder.glob("artifacts/**/job_events/*.json")]

    @property
    def changed(self) -> int:
        """How many tasks changed something, as the last event says."""
        (stats,) = [event["event_data"]["changed"] for event in self.events if event["event"] == "playbook_on_stats"]
        return sum(stats.values())


def test_every_job_template_runs_as_a_controller_would_run_it(tenant, tmp_path):
    ways = credentials(tenant, tmp_path)
    for name in ("leavers.jsonl", "all.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / "reports").mkdir()
    secrets = [tenant.sandbox.connection["graph"]["client_secret"], Path(tenant.credentials["federated_token_file"]).read_text(), "PRIVATE KEY"]
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
            counts.append(job.changed)
            text = json.dumps(job.events)
            assert not [secret for secret in secrets if secret in text or json.dumps(secret)[1:-1] in text], duplicate
        assert counts[0] == counts[1] > 0, (name, counts)
        for person, skus in held.items():
            assert sorted(tenant.holds(person)) == skus, name


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


# name of the job template: answers that nothing can come of, as the users or the group are missing
LONELY = {
    "Onboard people": [{"onboard_profile": "office"}, {"onboard_usage_location": "DE"}],
    "Move people": [{"move_profile": "lead"}, {"move_from": "office"}],
    "Offboard people": [{"offboard_keep": "SPE_E3"}],
    "License groups": [{"groups_skus": "SPE_E3"}, {"groups_remove": "SPE_E3"}],
}


@pytest.mark.parametrize(("name", "answers"), [(name, answers) for name, some in LONELY.items() for answers in some])
def test_an_answer_that_has_no_effect_fails_the_job(tmp_path, name, answers):
    blank = {question["variable"]: "" for question in TEMPLATES[name]["survey_spec"]["spec"]}
    job = Job(tmp_path, TEMPLATES[name], {**blank, **answers}, {})
    assert job.done.returncode != 0
    assert f"{next(iter(answers))}" in job.done.stdout
    assert "which is empty" in " ".join(job.done.stdout.split())


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
