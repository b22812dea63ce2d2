# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long run is: what the module writes, and what the controller displays."""

from __future__ import annotations

import os
import threading

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._engine import progress
from ansible_collections.m365.licensing.plugins.plugin_utils import _progress
from support.seeds import upn


class Clock:
    """Stands still, unless it is told otherwise."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_lines_of_a_run(tmp_path):
    path, clock = tmp_path / "progress", Clock()
    path.touch()
    file = progress.ProgressFile(str(path), clock)
    file.reading()
    for second, done in ((0.5, 999), (1.5, 1998), (2.0, 2997), (9.0, 20_000)):
        clock.now = second
        file.read(done, 20_000)
    clock.now = 0
    file.written(0, 8112, 0)
    for second, done, errors in ((10, 1000, 0), (10.5, 1100, 0), (30, 3000, 2), (400, 8111, 3), (401, 8112, 3)):
        clock.now = second
        file.written(done, 8112, errors)
    assert path.read_text().splitlines() == [
        "reading the tenant, and planning",
        "1,998 of 20,000 users read",
        "20,000 of 20,000 users read",
        "0 of 8,112 changes written",
        "1,000 of 8,112 changes written, about 1 min left",
        "3,000 of 8,112 changes written, 2 errors, about 51 s left",
        "8,111 of 8,112 changes written, 3 errors, about 1 s left",
        "8,112 of 8,112 changes written, 3 errors",
    ]


def test_the_time_that_is_left(tmp_path):
    """It counts from the first write, whatever was read before."""
    path, clock = tmp_path / "progress", Clock()
    path.touch()
    file = progress.ProgressFile(str(path), clock)
    clock.now = 100
    file.written(0, 120, 0)
    for second, done in ((110, 60), (160, 60)):
        clock.now = second
        file.written(done, 120, 1)
    assert path.read_text().splitlines()[1:] == ["60 of 120 changes written, 1 error, about 10 s left", "60 of 120 changes written, 1 error, about 1 min left"]


@pytest.mark.parametrize("names", [("bob",), ("bob", "carol")])
def test_a_run_counts_each_change_once(tenant, tmp_path, monkeypatch, names):
    path = tmp_path / "progress"
    path.touch()
    monkeypatch.setenv(progress.VARIABLE, str(path))
    users = [{"user": upn(name)} for name in names]
    assert tenant.run("users_assign_license", users=users, licenses={"add": [{"sku": "SPE_E5"}]})["changed"]
    counts = [line.split(" changes")[0] for line in path.read_text().splitlines() if "written" in line]
    assert (counts[0], counts[-1]) == (f"0 of {len(names)}", f"{len(names)} of {len(names)}")


def test_a_file_that_is_not_there_is_no_reason_to_fail(tmp_path):
    progress.ProgressFile(str(tmp_path / "gone")).reading()
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    progress.ProgressFile(str(tmp_path / "link")).reading()
    progress.ProgressFile(None).written(1, 2, 0)
    assert not (tmp_path / "victim").exists()


def test_what_is_displayed():
    said, is_said = [], threading.Event()

    def display(text: str) -> None:
        said.append(text)
        is_said.set()

    with _progress.shown(display, True, first=0.0, pause=0.001) as environment:
        path = environment[progress.VARIABLE]
        progress.ProgressFile(path).reading()
        assert is_said.wait(10)
        assert os.stat(path).st_mode & 0o777 == 0o600
    assert said == ["reading the tenant, and planning"], "once"
    assert not os.path.exists(path)
    with _progress.shown(display, False) as environment:
        assert environment == {}


def test_a_module_writes_how_far_it_is(tenant, tmp_path, monkeypatch):
    path = tmp_path / "progress"
    path.touch()
    monkeypatch.setenv(progress.VARIABLE, str(path))
    users = [{"user": upn(name), "licenses": [{"sku": "SPE_E3"}]} for name in ("grace", "ivan")]
    assert not tenant.run("licensed_users", users=users)["failed"]
    assert path.read_text().splitlines()[-1] == "2 of 2 changes written"
