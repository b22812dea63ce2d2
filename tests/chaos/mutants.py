# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small mistakes put into the planner and the engine, one at a time: a test that runs the changed line must fail for each.

    python mutants.py [--count 400] [--seed 1] [--jobs 2] [--only run_plan.py:123]

Which tests run which line is measured first. A mutant that the tests don't see is printed with its line. Those in mutants.txt are the same program,
or can't be told from it, each with a reason.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from queue import Queue
from xml.etree import ElementTree

from coverage import CoverageData

HERE = Path(__file__).resolve().parent
COLLECTION = HERE.parent.parent
TREE = COLLECTION.parents[2]
UTILS = Path("plugins/module_utils")
ROOMS = ("_licensing/plan", "_engine")
TESTS = tuple(f"tests/unit/{room}" for room in ("plan", "engine", "modules", "show", "graph"))
LONGEST = 120  # seconds for the tests of one mutant: one that never ends is seen as well
BUDGETS = (10.0, 40.0)  # seconds of the fastest tests, and of others where these see nothing
SWAPS = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


def changed(node: ast.AST) -> ast.AST | None:
    """The node with one small mistake in it, if there is one for its kind."""
    made = copy.deepcopy(node)
    if isinstance(made, ast.Compare) and type(made.ops[0]) in SWAPS:
        made.ops[0] = SWAPS[type(made.ops[0])]()
    elif isinstance(made, (ast.BoolOp, ast.BinOp)) and type(made.op) in SWAPS:
        made.op = SWAPS[type(made.op)]()
    elif isinstance(made, ast.UnaryOp) and isinstance(made.op, ast.Not):
        made = made.operand
    elif isinstance(made, ast.Constant) and isinstance(made.value, bool):
        made.value = not made.value
    elif isinstance(made, ast.Constant) and isinstance(made.value, int):
        made.value += 1
    elif isinstance(made, ast.IfExp):
        made.body, made.orelse = made.orelse, made.body
    elif isinstance(made, ast.Expr) and isinstance(made.value, ast.Call):
        made = ast.Pass()
    else:
        return None
    return ast.copy_location(made, node)


class _Place(ast.NodeTransformer):
    """Finds or changes the node of a number; numbers are those of the nodes that can be changed, annotations and docstrings left out."""

    def __init__(self, number: int | None = None) -> None:
        self.count, self.number, self.line = 0, number, 0

    def visit(self, node: ast.AST) -> ast.AST:
        made = changed(node)
        if made is not None:
            self.count += 1
            if self.count - 1 == self.number:
                self.line = node.lineno
                return made
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list"):
                setattr(node, name, self._visited(value))
        return node

    def _visited(self, value):
        if isinstance(value, list):
            return [self.visit(one) if isinstance(one, ast.AST) else one for one in value]
        return self.visit(value) if isinstance(value, ast.AST) else value


def sites() -> list[tuple[str, int]]:
    """Each file with the number of each place that can be changed in it."""
    found = []
    for path in sorted(path for room in ROOMS for path in (COLLECTION / UTILS / room).glob("*.py")):
        place = _Place()
        place.visit(ast.parse(path.read_text()))
        found += [(str(path.relative_to(COLLECTION)), number) for number in range(place.count)]
    return found


def mutant(path: str, number: int) -> tuple[str, str, int]:
    """The text of a file with the mistake, where it is (file, line, before and after), and the line."""
    text = (COLLECTION / path).read_text()
    place = _Place(number)
    tree = place.visit(ast.parse(text))
    plain, made = ast.unparse(ast.parse(text)).splitlines(), ast.unparse(ast.fix_missing_locations(tree)).splitlines()
    before, after = next(((one, other) for one, other in zip(plain, made) if one != other), ("", ""))
    return "\n".join(made) + "\n", f"{Path(path).name}:{place.line}: {before.strip()}  ->  {after.strip()}", place.line


class Reach:
    """Which tests run which line, and how long they take."""

    def __init__(self, folder: Path) -> None:
        """Runs the tests once, on the collection as it is. Raises CalledProcessError when they fail."""
        rooms = [f"--cov={UTILS / room}" for room in ROOMS]
        options = ["-q", "-n", "2", "-p", "no:cacheprovider", "-m", "not plays", f"--junitxml={folder}/times.xml", "--cov-report=", "--cov-context=test"]
        environment = {**os.environ, "COVERAGE_FILE": f"{folder}/coverage"}
        subprocess.run([sys.executable, "-m", "pytest", *options, *rooms, *TESTS], cwd=COLLECTION, env=environment, check=True, stdout=subprocess.DEVNULL)
        self._data = CoverageData(f"{folder}/coverage")
        self._data.read()
        cases = ElementTree.parse(f"{folder}/times.xml").iter("testcase")  # noqa: S314 - the test runner wrote it
        self._seconds = {f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(case.get("time", 0)) for case in cases}

    def tests(self, path: str, line: int) -> list[str]:
        """The tests that run a line, or where it runs on import those that run any line of its file: the fastest first."""
        by_line = self._data.contexts_by_lineno(str(COLLECTION / path))
        inside = _lines_of_functions(COLLECTION / path)
        named = {name for number, names in by_line.items() if number == line or line not in inside for name in names if name}
        return sorted({name.partition("|")[0] for name in named}, key=self.seconds)

    def spread(self, names: list[str]) -> list[str]:
        """The tests in another order: one of each function first."""
        functions: dict[str, list[str]] = {}
        for name in names:
            functions.setdefault(name.partition("[")[0], []).append(name)
        ranked = [(rank, self.seconds(name), name) for listed in functions.values() for rank, name in enumerate(listed)]
        return [name for dummy, dummy_too, name in sorted(ranked)]

    def seconds(self, name: str) -> float:
        """How long a test took."""
        return self._seconds.get(name, 1.0)

    def within(self, names: list[str], budget: float) -> list[str]:
        """The first tests that together take no longer than a budget in seconds."""
        sums = accumulate(map(self.seconds, names))
        return [name for name, total in zip(names, sums) if total <= budget]


def _lines_of_functions(path: Path) -> set[int]:
    """The lines that run when a function is called. Defaults of parameters, fields and constants run once, in whichever test comes first."""
    functions = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return {line for node in functions for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)}


def is_seen(tree: Path, path: str, text: str, runs: list[list[str]]) -> bool:
    """Whether a test fails with a file of that text. runs are lists of tests, one after the other."""
    root = tree / COLLECTION.relative_to(TREE)
    environment = {**os.environ, "PYTHONPATH": str(tree), "ANSIBLE_COLLECTIONS_PATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    (root / path).write_text(text)
    try:
        return any(_fails(root, environment, names) for names in runs if names)
    except subprocess.TimeoutExpired:
        return True
    finally:
        shutil.copy(COLLECTION / path, root / path)


def _fails(root: Path, environment: dict[str, str], names: list[str]) -> bool:
    (root / "mutant.args").write_text("\n".join(names))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "@mutant.args"]
    done = subprocess.run(command, cwd=root, env=environment, timeout=LONGEST, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode != 0


def excused() -> Iterator[str]:
    """The mutants of mutants.txt, without their reasons, and without the number of the line, which moves."""
    for line in (HERE / "mutants.txt").read_text().splitlines():
        if line and not line.startswith(("#", " ")):
            yield line


def _without_line(said: str) -> str:
    name, dummy, rest = said.split(":", 2)
    return f"{name}:{rest}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="file:line of one mutant")
    options = parser.parse_args()
    chosen = sites() if options.only else random.Random(options.seed).sample(sites(), options.count)
    if options.only:
        chosen = [one for one in chosen if f"{mutant(*one)[1]} ".startswith(f"{options.only}: ")]
    known, began, survivors = set(excused()), time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        trees: Queue = Queue()
        reach = Reach(Path(folder))
        for number in range(options.jobs):
            trees.put(Path(shutil.copytree(TREE, f"{folder}/{number}", symlinks=True)))

        def judged(one: tuple[str, int]) -> tuple[str, bool]:
            text, said, line = mutant(*one)
            if _without_line(said) in known:
                return said, True
            tests = reach.tests(one[0], line)
            first = reach.within(tests, BUDGETS[0])
            more = reach.within(reach.spread(tests[len(first) :]), BUDGETS[1])
            tree = trees.get()
            try:
                return said, is_seen(tree, one[0], text, [first, more])
            finally:
                trees.put(tree)

        for said, is_killed in pool.map(judged, chosen):
            if not is_killed:
                survivors.append(said)
                print(said, flush=True)
    killed = len(chosen) - len(survivors)
    print(f"{len(chosen)} mutants, {killed} seen ({killed / max(len(chosen), 1):.0%}), {len(survivors)} not, in {(time.monotonic() - began) / 60:.0f} min")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
