# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house keeps its shape: floors, small files, and nothing forgotten for a module."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
MODULES = sorted((PLUGINS / "modules").glob("*.py"))
UTILS = sorted((PLUGINS / "module_utils").rglob("*.py"))
PREFIX = "ansible_collections.m365.licensing.plugins."

# room: what it may import of the collection, and of the world; None is anything but Ansible
PURE = {"__future__", "collections", "csv", "dataclasses", "datetime", "difflib", "functools", "heapq", "json", "re", "typing"}
FLOORS = {
    "_errors": (set(), {"__future__", "dataclasses", "json", "sys", "typing"}),
    "_files": ({"_errors"}, {"__future__", "collections", "contextlib", "fcntl", "os", "stat", "tempfile", "typing"}),
    "_licensing": ({"_errors", "_licensing"}, PURE),
    "_graph": ({"_errors", "_files", "_graph"}, None),
    "_tenant": ({"_errors", "_files", "_licensing", "_graph", "_tenant"}, None),
    "_engine": ({"_errors", "_files", "_licensing", "_engine"}, None),
    "_module": ({"_errors", "_files", "_licensing", "_graph", "_tenant", "_engine", "_module"}, None),
    "modules": ({"_licensing", "_engine", "_module"}, {"__future__"}),
    "doc_fragments": (set(), {"__future__"}),
    "plugin_utils": ({"_engine", "plugin_utils"}, None),
    "filter": ({"_errors", "_licensing", "_module", "plugin_utils"}, None),
    "action": ({"plugin_utils"}, None),
    "lookup": ({"_errors", "_files", "_licensing"}, None),
    "inventory": ({"_errors", "_licensing", "_module"}, None),
}
KNOW_ANSIBLE = {"_module", "plugin_utils", "action", "filter", "lookup", "inventory"}
# what is made of what stands to the left: data takes one way
STAGES = ["model", "tables", "catalog", "seats", "observed", "resolve", "desired", "plan", "episodes", "restore", "show"]
FILES = sorted(PLUGINS.rglob("*.py"))


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
            is_ours = parts[0] == "plugins" and len(parts) > 1
            room = (parts[2] if parts[1] == "module_utils" and len(parts) > 2 else parts[1]) if is_ours else ""
            found.add((room, name))
    return found


def floor_of(path: Path) -> str:
    parts = path.relative_to(PLUGINS).parts
    return Path(parts[1]).stem if parts[0] == "module_utils" else parts[0]


def offenders(of_file, files=FILES) -> list[str]:
    """What every file does that it may not, as file: what."""
    return [f"{path.relative_to(ROOT)}: {what}" for path in files for what in of_file(path)]


def test_arrows_go_down_only():
    def wrong(path):
        ours, world = FLOORS[floor_of(path)]
        for room, name in imports_of(path):
            if (room and room not in ours) or (not room and world is not None and name.split(".")[0] not in world):
                yield name
            elif name.startswith("ansible.") and floor_of(path) not in KNOW_ANSIBLE:
                yield f"{name}, which only {', '.join(sorted(KNOW_ANSIBLE))} may know"

    assert not offenders(wrong)


def test_the_pure_floor_goes_from_what_is_wanted_to_what_is_shown():
    def stage(name: str) -> int:
        parts = name.split("._licensing.")
        return STAGES.index(parts[1].split(".")[0]) if len(parts) > 1 and parts[1].split(".")[0] in STAGES else -1

    def wrong(path):
        own = ".".join(["plugins", *path.relative_to(PLUGINS).with_suffix("").parts])
        for room, name in imports_of(path):
            if room == "_licensing" and stage(name) > stage(own):
                yield name

    assert not offenders(wrong, [path for path in FILES if floor_of(path) == "_licensing"])


def test_no_code_swallows_or_asserts():
    def wrong(path):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assert):
                yield f"line {node.lineno} asserts"
            if isinstance(node, ast.ExceptHandler):
                caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"everything"}
                if caught & {"Exception", "BaseException", "everything"}:
                    yield f"line {node.lineno} catches more than the family of errors"

    assert not offenders(wrong)


def test_functions_and_files_are_small():
    def wrong(path):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno - node.lineno >= 40:
                yield f"{node.name} has {node.end_lineno - node.lineno} lines"
        if len(text.splitlines()) > (300 if path.parent.name != "modules" else 400):
            yield f"{len(text.splitlines())} lines"

    assert not offenders(wrong, [*FILES, *(ROOT / "roles").rglob("*.py")])


def test_rooms_are_small():
    """A folder of more than a dozen files is two rooms."""
    rooms = {path.parent for path in UTILS}
    assert not [
        str(room.relative_to(ROOT)) for room in rooms if room.name != "_graph" and len([one for one in room.glob("*.py") if one.stem != "__init__"]) > 12
    ]


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


@pytest.mark.parametrize("names", [{"check_mode"}, {"exit_json", "fail_json"}], ids=["check mode", "exits"])
def test_one_file_decides_on_check_mode_and_one_exits(names):
    def uses(path):
        return any(isinstance(node, ast.Attribute) and node.attr in names for node in ast.walk(ast.parse(path.read_text())))

    assert [str(path.relative_to(ROOT)) for path in FILES if uses(path)] == ["plugins/module_utils/_module/run.py"]


def test_there_is_no_sanity_ignore_file():
    assert not list((ROOT / "tests/sanity").glob("ignore*")) if (ROOT / "tests/sanity").exists() else True


def test_every_role_has_what_galaxy_and_people_need():
    for role in (ROOT / "roles").iterdir():
        for part in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
            assert (role / part).is_file(), f"{role.name} lacks {part}"


# Words that the field does not use for what this collection does
FOREIGN = "wish|wishes|wished|whom|somebody|nobody|tally|tallies|weather|witness|twin|twins|law|wave|waves|settle|settled|refusal|refusals|caution|cautions"
FOREIGN_WORD = re.compile(rf"(?<![a-z])(?:{FOREIGN}|foresee|foreseen|foretold)(?![a-z])")


def words_of(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_/.]", " ", name).lower()


def test_names_are_of_the_field():
    def wrong(path):
        if FOREIGN_WORD.search(words_of(path.relative_to(ROOT).as_posix())):
            yield "the name of the file"
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type == tokenize.NAME and FOREIGN_WORD.search(words_of(token.string)):
                yield f"line {token.start[0]}: {token.string}"

    assert not offenders(wrong, [path for part in ("plugins", "roles", "tests", "demo", ".ci") for path in (ROOT / part).rglob("*.py")])


TASKS = sorted(
    path
    for pattern in ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml", "playbooks/*.yml", "extensions/patterns/*/playbooks/*.yml")
    for path in ROOT.glob(pattern)
)


def texts_of(value) -> list[str]:
    if isinstance(value, dict):
        return [text for key, part in value.items() for text in (str(key), *texts_of(part))]
    return [text for part in value for text in texts_of(part)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("path", TASKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_playbooks_and_roles_decide_nothing(path):
    """Modules do. The connection to the sandbox is the one fact that a role is there to set."""
    texts = texts_of(yaml.safe_load(path.read_text()) or [])
    barred = {"ignore_errors", "set_fact", "ansible.builtin.set_fact"} - ({"ansible.builtin.set_fact"} if "sandbox_tenant" in path.parts else set())
    assert not barred & set(texts)
    assert not [text for text in texts for found in re.findall(r"\{\{.*?\}\}", text, re.DOTALL) if len(found) > 100]
