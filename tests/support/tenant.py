# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox tenant as tests see it, and the modules run against it as Ansible would."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import tempfile
from pathlib import Path

import requests
from ansible.module_utils import basic

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = ROOT / "roles/sandbox_tenant/files"
sys.path.insert(0, str(SANDBOX))

from sandbox_tenant.faults import Fault  # noqa: E402
from sandbox_tenant.seed import load_seed  # noqa: E402
from sandbox_tenant.server import Sandbox  # noqa: E402

SEED = load_seed(None)
MODULES = "ansible_collections.m365.licensing.plugins.modules"


class Tenant:
    """A sandbox, and the modules against it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.credentials = sandbox.connection["credentials"]
        self.sign_in = sandbox.connection["graph"]
        self.ready_token = {
            "graph_url": sandbox.url,
            "ca_path": self.sign_in["ca_path"],
            "access_token": self.credentials["access_token"],
        }
        self.options = dict(self.ready_token)

    def run(self, module: str, check: bool = False, **params) -> dict:
        """The result of one run of a module; C(failed) says whether it failed."""
        return run_module(module, {**self.options, **params}, check)

    def check(self, module: str, **params) -> dict:
        """The result of a run in check mode."""
        return self.run(module, check=True, **params)

    def fault(self, path: str, **rule) -> None:
        """Adds a fault."""
        self.sandbox.service.faults.add(Fault(path, **rule))

    def conditions(self, changes: dict) -> None:
        """Changes what holds for every request."""
        self.sandbox.service.faults.set(changes)

    def clear_faults(self) -> None:
        """Ends all faults, and sets the conditions back."""
        self.sandbox.service.faults.clear()

    def reset(self, seed: dict | None = None) -> None:
        """The tenant as a seed says, or as it was at its start; an empty journal and no faults."""
        self.sandbox.service.reset(seed)

    @property
    def store(self):
        """What the sandbox keeps of the tenant, to look at or to change without a request."""
        return self.sandbox.service.tenant

    @property
    def identity(self):
        """The sandbox's identity service."""
        return self.sandbox.service.identity

    @property
    def requests(self) -> list[dict]:
        """The journal: every request to the sandbox, the items of batches and those to the identity service as well."""
        return self.sandbox.service.journal

    def journal(self) -> list[dict]:
        """The calls that Graph was sent, without the items of batches and what the identity service was asked."""
        return [entry for entry in self.requests if entry["path"].startswith(("/v1.0", "/beta")) and entry["batch"] is None]

    def writes(self) -> list[dict]:
        """The writes that Graph was sent, alone or in batches."""
        return [entry for entry in self.requests if entry["write"]]

    def forget(self) -> None:
        """Empties the journal."""
        self.requests.clear()

    def state(self) -> dict:
        """Who holds what, beside the API."""
        return self.sandbox.service.state()

    def holds(self, name: str) -> dict[str, list[str]]:
        """The direct licenses of a user by SKU, with the service plans that are off."""
        rows = self.state()["users"][f"{name}@contoso.example"]["licenses"]
        return {row["sku"]: row["off"] for row in rows if row["group"] is None}

    def claims(self, holder_id: str) -> list[dict]:
        """The assignments of a principal."""
        return [claim for claim in self.state()["assignments"] if claim["holder"] == holder_id]

    def user_id(self, name: str) -> str:
        """The object id of a user."""
        return self.state()["users"][f"{name}@contoso.example"]["id"]

    def group_id(self, name: str) -> str:
        """The object id of the only group of a name."""
        (group_id,) = [key for key, value in self.state()["groups"].items() if value == name]
        return group_id

    def graph(self, method: str, path: str, body: dict | None = None) -> requests.Response:
        """An answer of the sandbox itself, without this collection."""
        bearer = {"Authorization": f"Bearer {self.credentials['access_token']}"}
        return requests.request(method, f"{self.sandbox.url}{path}", json=body, headers=bearer, verify=self.ready_token["ca_path"], timeout=30)

    def pools(self, sku: str) -> list[str]:
        """The ids of a SKU's allotments, by name order of the seed."""
        return [key for key, value in self.state()["allotments"].items() if value["sku"] == sku]


def run_module(module: str, params: dict, check: bool = False) -> dict:
    """Runs a module in this process, and returns what it answered."""
    main = importlib.import_module(f"{MODULES}.{module}").main
    arguments = {"_ansible_diff": True, **params, "_ansible_check_mode": check, "_ansible_remote_tmp": tempfile.gettempdir()}
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main()
    return {"failed": False, **json.loads(said.getvalue().strip().splitlines()[-1])}
