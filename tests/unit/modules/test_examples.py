# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example in the documentation of a module runs, in check mode and for real, on the tenant that it speaks of."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

MODULES = Path(__file__).resolve().parents[3] / "plugins/modules"


def examples():
    found = []
    for path in sorted(MODULES.glob("*.py")):
        texts = {node.targets[0].id: node.value for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign)}
        found += [pytest.param(path.stem, task, id=task["name"]) for task in yaml.safe_load(texts["EXAMPLES"].value)]
    return found


@pytest.mark.parametrize(("module", "task"), examples())
def test_example(tenant, module, task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = task[f"m365.licensing.{module}"] or {}
    assert set(task) == {"name", f"m365.licensing.{module}"}
    if options.get("state") == "restored":
        tenant.run(module, **{**options, "state": "released", "record_missing": "create"})
    predicted = tenant.check(module, **options)
    result = tenant.run(module, **options)
    assert not result["failed"], result
    assert result["changed"] == predicted["changed"]
    assert not tenant.run(module, **options)["changed"]
