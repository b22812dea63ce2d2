# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys of the job templates: each answer has the effect that is listed here, or the job fails; and what a controller does with answers and limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.controller import Refused, Store, launch_errors
from support.jobs import TEMPLATES, Job, credentials

pytestmark = pytest.mark.plays

PATHS = ("offboard_users_record_path", "restore_users_record_path", "license_report_folder")
Seen = Callable[..., bool]


def diff(job) -> str:
    return job.artifacts["license_summary"]["diff"]


def recorded(path: Path, *names: str) -> bool:
    return all(f"{name}@contoso.example" in path.read_text() for name in names)


# name of the job template: jobs one after the other, each with answers, and the effect that is seen of some of them: of tenant, job and folder
EFFECTS: dict[str, list[tuple[dict, dict[str, Seen]]]] = {
    "Onboard people": [
        (
            {"onboard_users": "alice@contoso.example\ngrace@contoso.example", "onboard_profile": "office", "onboard_usage_location": "FR"},
            {
                "onboard_users": lambda tenant, job, folder: job.artifacts["license_summary"]["users"]["total"] == 2,
                "onboard_profile": lambda tenant, job, folder: tenant.holds("alice") == {"SPE_E3": ["SWAY"]} == tenant.holds("grace"),
                "onboard_usage_location": lambda tenant, job, folder: tenant.state()["users"]["alice@contoso.example"]["usage_location"] == "FR",
            },
        ),
    ],
    "Move people": [
        (
            {"move_users": "bob@contoso.example", "move_profile": "lead", "move_from": "office"},
            {
                "move_users": lambda tenant, job, folder: "bob@contoso.example" in diff(job),
                "move_profile": lambda tenant, job, folder: "SPE_E5" in tenant.holds("bob"),
                "move_from": lambda tenant, job, folder: "SPE_E3" not in tenant.holds("bob"),
            },
        ),
    ],
    "Offboard people": [
        (
            {"offboard_users": "bob@contoso.example", "offboard_keep": "SPE_E3", "offboard_users_record_path": "leavers.jsonl"},
            {"offboard_keep": lambda tenant, job, folder: "SPE_E3" in tenant.holds("bob")},
        ),
        (
            {"offboard_users": "bob@contoso.example", "offboard_keep": "", "offboard_users_record_path": "leavers.jsonl"},
            {
                "offboard_users": lambda tenant, job, folder: tenant.holds("bob") == {},
                "offboard_users_record_path": lambda tenant, job, folder: recorded(folder / "leavers.jsonl", "bob"),
            },
        ),
    ],
    "Restore people": [
        (
            {"restore_users": "bob@contoso.example", "restore_users_record_path": "leavers.jsonl"},
            {
                "restore_users": lambda tenant, job, folder: tenant.holds("bob") != {} == tenant.holds("carol"),
                "restore_users_record_path": lambda tenant, job, folder: "SPE_E3" in tenant.holds("bob"),
            },
        ),
        (
            {"restore_users": "", "restore_users_all": "true", "restore_users_record_path": "leavers.jsonl"},
            {"restore_users_all": lambda tenant, job, folder: "SPE_E3" in tenant.holds("carol")},
        ),
    ],
    "License groups": [
        (
            {"groups_name": "Support desk", "groups_skus": "POWER_BI_PRO", "groups_remove": "SPE_E3"},
            {
                "groups_name": lambda tenant, job, folder: "group Support desk" in diff(job),
                "groups_skus": lambda tenant, job, folder: "+ POWER_BI_PRO" in diff(job),
                "groups_remove": lambda tenant, job, folder: "- SPE_E3" in diff(job),
            },
        ),
    ],
    "Report on licenses": [
        (
            {"license_report_folder": "reports", "license_report_nearly_full": 0.1},
            {
                "license_report_folder": lambda tenant, job, folder: bool(list((folder / "reports").glob("*.json"))),
                "license_report_nearly_full": lambda tenant, job, folder: '"nearly_full"' in next((folder / "reports").glob("*.json")).read_text(),
            },
        ),
    ],
    "Apply everything": [
        (
            {"apply_remove": "nothing", "offboard_users_record_path": "leavers.jsonl"},
            {"offboard_users_record_path": lambda tenant, job, folder: recorded(folder / "leavers.jsonl", "dave")},
        ),
        (
            {"apply_remove": "other_profiles", "offboard_users_record_path": "leavers.jsonl"},
            {"apply_remove": lambda tenant, job, folder: "- SPE_E" in diff(job)},
        ),
    ],
}


def ran(tenant, folder: Path, template: dict, answers: dict, limit: str = "") -> Job:
    (folder / "reports").mkdir(exist_ok=True)
    (folder / "leavers.jsonl").touch()
    here = {name: str(folder / value) if name in PATHS else value for name, value in answers.items()}
    number = len(list(folder.glob("job*")))
    (folder / f"signs{number}").mkdir()
    return Job(folder / f"job{number}", template, here, credentials(tenant, folder / f"signs{number}")[1], limit)


@pytest.mark.parametrize("name", EFFECTS)
def test_each_question_has_an_effect(tenant, tmp_path, name):
    if name == "Restore people":
        leaver = {"offboard_users": "bob@contoso.example carol@contoso.example", "offboard_users_record_path": "leavers.jsonl"}
        assert ran(tenant, tmp_path, TEMPLATES["Offboard people"], leaver).done.returncode == 0
    if name == "Apply everything":
        tenant.run("user_assign_license", user="erin@contoso.example", licenses={"add": [{"sku": "SPE_E3"}]})
    asked = {question["variable"] for question in TEMPLATES[name]["survey_spec"]["spec"]}
    assert asked == {variable for dummy, seen in EFFECTS[name] for variable in seen}
    for answers, seen in EFFECTS[name]:
        job = ran(tenant, tmp_path, TEMPLATES[name], answers)
        assert job.done.returncode == 0, job.done.stdout[-3000:]
        for variable, is_seen in seen.items():
            assert is_seen(tenant, job, tmp_path), (variable, job.done.stdout[-2000:])


# name of the job template: answers of which nothing can come, and what is said
IDLE = {
    "Onboard people": [({"onboard_profile": "office"}, "which is empty"), ({"onboard_usage_location": "DE"}, "which is empty")],
    "Move people": [({"move_profile": "lead"}, "which is empty"), ({"move_from": "office"}, "which is empty")],
    "Offboard people": [({"offboard_keep": "SPE_E3"}, "which is empty")],
    "License groups": [({"groups_skus": "SPE_E3"}, "which is empty"), ({"groups_remove": "SPE_E3"}, "which is empty")],
    "Restore people": [({"restore_users_all": "true", "restore_users": "alice@contoso.example"}, "leave one of them out")],
}


@pytest.mark.parametrize("kind", ["", " (dry run)"])
@pytest.mark.parametrize(("name", "answers", "said"), [(name, *one) for name, some in IDLE.items() for one in some])
def test_an_answer_that_has_no_effect_fails_the_job(tmp_path, name, answers, said, kind):
    template = TEMPLATES[name + kind]
    blank = {question["variable"]: "" for question in template["survey_spec"]["spec"] if question["type"] in ("text", "textarea")}
    here = {key: str(tmp_path / "leavers.jsonl") for key in blank if key in PATHS}
    (tmp_path / "leavers.jsonl").touch()
    job = Job(tmp_path, template, {**blank, **here, **answers}, {})
    assert job.done.returncode != 0
    assert next(iter(answers)) in job.done.stdout
    assert said in " ".join(job.done.stdout.split())


def test_a_record_that_is_not_there_is_not_begun(tenant, tmp_path):
    """A mount that is missing looks like a new record. The folder is there, the file is not."""
    answers = {"offboard_users": "bob@contoso.example", "offboard_users_record_path": str(tmp_path / "other.jsonl")}
    job = ran(tenant, tmp_path, TEMPLATES["Offboard people"], answers)
    assert job.done.returncode != 0
    assert "other.jsonl" in job.done.stdout
    assert not tenant.writes()
    assert not (tmp_path / "other.jsonl").exists()


def test_a_limit_that_leaves_no_host_fails_the_job(tenant, tmp_path):
    """No template asks for one. Ansible alone would skip the play, and the job would be a success."""
    answers = {"onboard_users": "alice@contoso.example", "onboard_profile": "office"}
    job = ran(tenant, tmp_path, TEMPLATES["Onboard people"], answers, limit="other.example")
    assert job.done.returncode != 0
    assert "leaves no host of localhost" in f"{job.done.stdout}{job.done.stderr}"
    assert not tenant.writes()
    assert not any(template["ask_limit_on_launch"] for template in TEMPLATES.values())


# what is answered, and whether a controller launches the job
ANSWERS = [
    ("Report on licenses", {"license_report_nearly_full": ""}, False),
    ("Report on licenses", {"license_report_nearly_full": 2}, False),
    ("Report on licenses", {"license_report_nearly_full": 0.5}, True),
    ("Restore people", {"restore_users_all": ""}, False),
    ("Restore people", {"restore_users": ""}, True),
    ("Apply everything", {"apply_remove": "all"}, False),
]


@pytest.mark.parametrize(("name", "answers", "is_launched"), ANSWERS)
def test_answers_with_which_a_controller_launches_nothing(name, answers, is_launched):
    assert (not launch_errors(TEMPLATES[name]["survey_spec"]["spec"], answers)) == is_launched


# status, kind of source control and permission to override the branch of the project; the playbook; whether it is found
PROJECTS = [
    ("successful", "git", False, "playbooks/apply.yml", True),
    ("successful", "git", False, "m365.licensing.apply", False),
    ("never updated", "git", False, "playbooks/apply.yml", False),
    ("never updated", "git", True, "m365.licensing.apply", True),
    ("ok", "", True, "m365.licensing.apply", False),
    ("ok", "", False, "playbooks/apply.yml", True),
]


@pytest.mark.parametrize(("status", "kind", "is_open", "playbook", "is_found"), PROJECTS)
def test_the_playbooks_that_a_controller_finds(status, kind, is_open, playbook, is_found):
    store = Store({"playbooks/apply.yml"})
    project = store.add("projects", name="Licenses", status=status, scm_type=kind, allow_override=is_open)
    if is_found:
        assert store.create("job_templates", {"project": project["id"], "playbook": playbook})["playbook"] == playbook
        return
    with pytest.raises(Refused) as caught:
        store.create("job_templates", {"project": project["id"], "playbook": playbook})
    assert "Playbook not found for project" in json.dumps(caught.value.args[0])
