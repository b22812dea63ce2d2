# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house keeps its shape: floors, small files, and nothing forgotten for a module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
MODULES = sorted((PLUGINS / "modules").glob("*.py"))
UTILS = sorted((PLUGINS / "module_utils").rglob("*.py"))
PREFIX = "ansible_collections.m365.licensing.plugins."

# floor: what it may import of the collection, and of the world
FLOORS = {
    "_errors": (set(), {"__future__", "json", "sys"}),
    "_files": ({"_errors"}, {"__future__", "collections", "contextlib", "fcntl", "os", "stat", "tempfile", "typing"}),
    "_licensing": (
        {"_errors", "_licensing"},
        {"__future__", "collections", "csv", "dataclasses", "datetime", "difflib", "functools", "heapq", "json", "re", "typing"},
    ),
    "_graph": ({"_errors", "_files", "_graph"}, None),
    "_module": ({"_errors", "_files", "_licensing", "_graph", "_module"}, None),
    "modules": ({"_licensing", "_module"}, {"__future__"}),
}


def imports_of(path: Path) -> set[tuple[str, str]]:
    """Pairs of floor and module that a file imports; the floor is empty for the world outside."""
    here = ["plugins", *path.relative_to(PLUGINS).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {("", alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                base = here[: len(here) - node.level + 1]
                name = ".".join([*base, name] if name else [*base, node.names[0].name])
            elif name.startswith(PREFIX):
                name = "plugins." + name[len(PREFIX) :]
            parts = name.split(".")
            found.add((parts[2] if name.startswith("plugins.module_utils") and len(parts) > 2 else "", name))
    return found


def floor_of(path: Path) -> str:
    parts = path.relative_to(PLUGINS).parts
    return parts[0] if parts[0] == "modules" else Path(parts[1]).stem


@pytest.mark.parametrize("path", [*UTILS, *MODULES], ids=lambda path: str(path.relative_to(PLUGINS)))
def test_arrows_go_down_only(path):
    ours, world = FLOORS[floor_of(path)]
    for floor, name in imports_of(path):
        if floor:
            assert floor in ours, f"{name} is not for this floor"
        elif world is not None:
            assert name.split(".")[0] in world, f"{name} is not for this floor"
        elif name.startswith("ansible."):
            assert floor_of(path) == "_module", "only _module knows Ansible"


@pytest.mark.parametrize("path", [*UTILS, *MODULES], ids=lambda path: str(path.relative_to(PLUGINS)))
def test_no_code_swallows_or_asserts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Assert), "no assert in plugins"
        if isinstance(node, ast.ExceptHandler):
            caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"everything"}
            assert not caught & {"Exception", "BaseException", "everything"}, "only the family of errors is caught"


@pytest.mark.parametrize("path", [*UTILS, *MODULES, *(ROOT / "roles").rglob("*.py")], ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_and_files_are_small(path):
    text = path.read_text()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno - node.lineno < 40, f"{node.name} is too long"
    assert len(text.splitlines()) <= (300 if path.parent.name != "modules" else 400)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_is_thin_and_has_all_that_belongs_to_it(path):
    tree = ast.parse(path.read_text())
    strings = {node.targets[0].id: node.value.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)}
    assert {"DOCUMENTATION", "EXAMPLES", "RETURN"} <= strings.keys()
    code = {node.lineno for part in tree.body for node in ast.walk(part) if hasattr(node, "lineno") and not is_text(part)}
    assert len(code) <= 60
    assert "supports_check_mode=True" in path.read_text()
    assert path.stem in yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["graph"]
    assert (ROOT / "tests/integration/targets" / path.stem / "tasks/main.yml").is_file()


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Assign, ast.Expr)) and isinstance(node.value, ast.Constant)


def test_there_is_no_sanity_ignore_file():
    assert not list((ROOT / "tests/sanity").glob("ignore*")) if (ROOT / "tests/sanity").exists() else True


def test_every_role_has_what_galaxy_and_people_need():
    for role in (ROOT / "roles").iterdir():
        for part in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
            assert (role / part).is_file(), f"{role.name} lacks {part}"
