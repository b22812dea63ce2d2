# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to sign in on the sandbox, as options of a task."""

from __future__ import annotations

import os
import sys


def az(folder, body: str) -> None:
    """Puts a stub of the Azure CLI into a folder."""
    stub = folder / "az"
    stub.write_text(f"#!{sys.executable}\nimport json, sys\n{body}\n")
    stub.chmod(0o755)


def options_of(way: str, tenant, monkeypatch, tmp_path) -> dict:
    graph, credentials = tenant.sign_in, tenant.credentials
    common = {name: graph[name] for name in ("graph_url", "authority_url", "ca_path")}
    app = {**common, "tenant_id": graph["tenant_id"], "client_id": graph["client_id"]}
    if way == "access_token":
        return {**common, "access_token": credentials["access_token"] + "\n"}
    if way == "client_secret":
        return {**app, "client_secret": graph["client_secret"]}
    if way == "certificate":
        return {**app, "certificate_path": credentials["certificate_path"]}
    if way == "certificate_pfx":
        return {**app, "certificate_path": credentials["pfx_path"], "certificate_password": credentials["pfx_password"]}
    if way == "workload_identity":
        return {**app, "federated_token_file": credentials["federated_token_file"]}
    if way == "managed_identity":
        monkeypatch.setenv("IDENTITY_ENDPOINT", credentials["identity_endpoint"])
        monkeypatch.setenv("IDENTITY_HEADER", credentials["identity_header"])
        return {**common, "auth": "managed_identity"}
    az(tmp_path, f"assert sys.argv[1:3] == ['account', 'get-access-token']\nprint(json.dumps({{'accessToken': {credentials['access_token']!r}}}))")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return {**common, "auth": "azure_cli"}
