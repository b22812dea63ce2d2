# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data for AWX as it is loaded, and its job templates run as a controller runs them: launched with answers, by ansible-runner, in a folder of their own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml

from support.controller import launch_errors
from support.plays import environment
from support.tenant import ROOT


class Loader(yaml.SafeLoader):
    """YAML with the tag that keeps a template from Ansible."""


class Unsafe(str):
    """A text with that tag."""


Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))


def load() -> dict:
    """The data, with the variables at the top of the file in their places."""
    data = yaml.load((ROOT / "extensions/awx/controller.yml").read_text(), Loader)  # noqa: S506 - a safe loader with one more tag
    return _filled(data, data)


def _filled(value: Any, variables: dict) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, variables) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    named = re.fullmatch(r"\{\{ (m365_awx_\w+) \}\}", value) if isinstance(value, str) and not isinstance(value, Unsafe) else None
    return variables[named[1]] if named else value


DATA = load()
TEMPLATES = {template["name"]: template for template in DATA["controller_templates"]}
FIELDS = {field["id"]: field for field in DATA["controller_credential_types"][0]["inputs"]["fields"]}
INJECTORS = DATA["controller_credential_types"][0]["injectors"]


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
    """A job as a controller hands it to ansible-runner, the events that it would show, its artifacts, and the files that would be gone with its folder."""

    def __init__(self, folder: Path, template: dict, answers: dict, variables: dict[str, str], limit: str = "") -> None:
        """Raises ValueError for answers with which a controller launches nothing."""
        errors = launch_errors(template["survey_spec"]["spec"], answers)
        if errors:
            raise ValueError("; ".join(errors))
        defaults = {one["variable"]: one["default"] for one in template["survey_spec"]["spec"] if one.get("default")}
        shutil.copytree(ROOT / "docs/examples/infra-repo", folder / "project")
        before = self._files(folder)
        for name in ("env", "inventory"):
            (folder / name).mkdir()
        hosts = ["localhost ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'", "other.example"]
        (folder / "inventory/hosts").write_text("\n".join([*hosts, ""]))
        given = {**defaults, **answers}
        texts = {name: f"!unsafe {json.dumps(value)}" if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
        extra = {**texts, "awx_job_id": "1", "tower_job_id": "1", "awx_job_template_name": json.dumps(template["name"])}
        (folder / "env/extravars").write_text("".join(f"{name}: {value}\n" for name, value in extra.items()))
        flags = ["--check" if template["job_type"] == "check" else "", "-u root", "--diff" if template["diff_mode"] else "", f"-l {limit}" if limit else ""]
        (folder / "env/cmdline").write_text(" ".join(flag for flag in flags if flag))
        (folder / "env/envvars").write_text(json.dumps(variables))
        command = [str(Path(sys.executable).parent / "ansible-runner"), "run", str(folder), "-p", template["playbook"]]
        self.done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False)
        self.events = [json.loads(path.read_text()) for path in folder.glob("artifacts/**/job_events/*.json")]
        self.lost = sorted(self._files(folder) - before)

    @staticmethod
    def _files(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in (folder / "project").rglob("*")}

    @property
    def _ended(self) -> dict:
        (event,) = [event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"]
        return event

    @property
    def changed(self) -> int:
        """How many tasks changed something."""
        return sum(self._ended["changed"].values())

    @property
    def artifacts(self) -> dict:
        """What a workflow hands on to the next job."""
        return self._ended["artifact_data"]
