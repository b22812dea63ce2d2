# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox tenant for each test process, reset for each test, and the modules run against it as Ansible would."""

from __future__ import annotations

import os
import threading

import pytest
from sandbox_tenant.faults import STRICT_VARIABLE
from support.csdl import observe
from support.scripted import bare_graph, graph
from support.sdk_schema import the_schema
from support.tenant import SEED, Sandbox, Tenant

__all__ = ["bare_graph", "graph", "running_sandbox", "tenant"]


def pytest_collection_modifyitems(items):
    """Where the sandbox is strict, tests of its plain form are skipped."""
    if os.environ.get(STRICT_VARIABLE):
        for item in items:
            if item.get_closest_marker("plain") or "unit/sandbox" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="of a plain sandbox tenant"))


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory):
    """A sandbox that serves until the tests end."""
    sandbox = Sandbox(SEED, tmp_path_factory.mktemp("sandbox"))
    sandbox.faults_of_form = []
    observe(sandbox.service, the_schema(), sandbox.faults_of_form.extend)
    thread = threading.Thread(target=sandbox.serve, daemon=True)
    thread.start()
    yield sandbox
    sandbox.stop()
    thread.join()


@pytest.fixture
def tenant(running_sandbox, monkeypatch):
    """The tenant as the seed says, without faults, and an environment that says nothing of any other."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "MSGRAPH_", "IDENTITY_", "MSI_")):
            monkeypatch.delenv(name)
    running_sandbox.service.reset(SEED)
    running_sandbox.faults_of_form.clear()
    yield Tenant(running_sandbox)
    assert running_sandbox.faults_of_form == [], "an answer that Microsoft's schema does not allow"
