# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small mistakes put into the planner and the engine, one at a time: the fast tests must fail for each.

    python mutants.py [--count 400] [--seed 1] [--jobs 2] [--only run_plan.py:123]

A mutant that the tests don't see is printed with its line. Those in mutants.txt are the same program, or can't be told from it, each with a reason.
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
from pathlib import Path
from queue import Queue

HERE = Path(__file__).resolve().parent
COLLECTION = HERE.parent.parent
TREE = COLLECTION.parents[2]
UTILS = Path("plugins/module_utils")
ROOMS = ("_licensing/plan", "_engine")
MODULES = "tests/unit/modules"
FAST = ("tests/unit/plan", "tests/unit/engine"), tuple(f"{MODULES}/test_licensed_{name}.py" for name in ("users", "paths", "groups", "leavers"))
SINGLE = tuple(f"{MODULES}/test_{name}.py" for name in ("contract", "groups", "bulk", "holders"))
# further tests that know a file, beside those that run first for all
MORE = {
    "assignments.py": (SINGLE,),
    "licenses.py": (SINGLE,),
    "changes.py": (SINGLE,),
    "predict.py": (SINGLE,),
    "conflicts.py": (SINGLE,),
    "end_state.py": ((f"{MODULES}/test_gaps.py", "tests/unit/show"),),
    "paths.py": ((f"{MODULES}/test_gaps.py",),),
    "groups.py": ((f"{MODULES}/test_group_lists.py", f"{MODULES}/test_members.py"),),
    "record.py": (("tests/unit/graph/test_files.py",),),
    "report.py": (("tests/unit/graph/test_files.py", f"{MODULES}/test_bulk.py"),),
    "report_file.py": (("tests/unit/graph/test_files.py", f"{MODULES}/test_info.py"),),
    "run.py": ((f"{MODULES}/test_bulk.py", f"{MODULES}/test_contract.py"),),
    "task.py": ((f"{MODULES}/test_bulk.py", f"{MODULES}/test_contract.py"),),
    "results.py": ((f"{MODULES}/test_bulk.py", "tests/unit/show"),),
}
LONGEST = 300  # seconds for the tests of one mutant: one that never ends is seen as well
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


def mutant(path: str, number: int) -> tuple[str, str]:
    """The text of a file with the mistake, and where it is: file, line, before and after."""
    text = (COLLECTION / path).read_text()
    place = _Place(number)
    tree = place.visit(ast.parse(text))
    plain, made = ast.unparse(ast.parse(text)).splitlines(), ast.unparse(ast.fix_missing_locations(tree)).splitlines()
    before, after = next(((one, other) for one, other in zip(plain, made) if one != other), ("", ""))
    return "\n".join(made) + "\n", f"{Path(path).name}:{place.line}: {before.strip()}  ->  {after.strip()}"


def is_seen(tree: Path, path: str, text: str) -> bool:
    """Whether a test fails with a file of that text."""
    root = tree / COLLECTION.relative_to(TREE)
    env = {**os.environ, "PYTHONPATH": str(tree), "ANSIBLE_COLLECTIONS_PATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    (root / path).write_text(text)
    try:
        return any(
            subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not plays", *tests],
                cwd=root,
                env=env,
                timeout=LONGEST,
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ).returncode
            for tests in (*FAST, *MORE.get(Path(path).name, ()))
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        shutil.copy(COLLECTION / path, root / path)


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
        for number in range(options.jobs):
            trees.put(Path(shutil.copytree(TREE, f"{folder}/{number}", symlinks=True)))

        def judged(one: tuple[str, int]) -> tuple[str, bool]:
            text, said = mutant(*one)
            if _without_line(said) in known:
                return said, True
            tree = trees.get()
            try:
                return said, is_seen(tree, one[0], text)
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
