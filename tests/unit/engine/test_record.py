# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of leavers: nothing is lost, nothing is written twice, and what is restored is the union of all that was removed."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._engine.record import RecordFile, state_line
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.episodes import Episode, HeldLicense, LeaverRecord, record_of
from ansible_collections.m365.licensing.plugins.module_utils._licensing.restore import union_of
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "leavers.jsonl"


def opened(path: Path, tenant: str = "t", is_dry: bool = False) -> RecordFile:
    file = RecordFile(str(path), True, is_dry)
    file.open(tenant)
    return file


def episode(user: str, *sku_ids: str, assigned: tuple[HeldLicense, ...] = (), **more) -> Episode:
    return Episode(user, f"{user}@contoso.example", "2026-11-26T00:00:00Z", tuple(map(HeldLicense, sku_ids)), assigned=assigned, **more)


def read(path: Path, tenant: str = "t") -> LeaverRecord:
    return record_of(path.read_text(), tenant, str(path))


def test_a_record_that_cannot_be_written_ends_a_dry_run_as_well(path):
    with pytest.raises(OptionError, match="record_path"):
        RecordFile(str(path.parent / "nowhere/leavers.jsonl"), True, True)
    Path(f"{path}.lock").mkdir()
    with pytest.raises(OptionError, match="lock"):
        RecordFile(str(path), True, True)


def test_what_is_recorded_can_be_read_before_the_run_ends(path):
    file = opened(path)
    file.begin([episode("ann", "E3")])
    assert '"ann"' in path.read_text()
    file.note(episode("ann", state="released"))
    assert '"released"' in path.read_text()
    file.close()


def test_what_was_begun_is_on_the_disk_and_a_second_run_adds_nothing(path):
    file = opened(path)
    file.begin([episode("ann", "E3", "E5"), episode("bob", "E3")])
    assert set(read(path).open) == {"ann", "bob"}, "before anything is sent"
    file.begin([episode("ann", "E3")])
    file.begin([])
    file.close()
    size = path.stat().st_size
    again = opened(path)
    again.begin([episode("ann", "E5"), episode("bob", "E3")])
    again.close()
    assert path.stat().st_size == size
    later = opened(path)
    later.begin([episode("ann", "BI")])
    later.close()
    assert len(read(path).open["ann"]) == 2


def test_a_user_who_was_released_and_holds_something_again_has_a_second_episode(path):
    file = opened(path)
    file.begin([episode("ann", "E3")])
    file.note(state_line(episode("ann"), "released", "now"))
    file.begin([episode("ann", "E3")])
    assert len(file.record.open["ann"]) == 1, "of the same, one record is enough"
    file.begin([episode("ann", "E3", "E5")])
    file.close()
    assert len(read(path).open["ann"]) == 2


def test_an_episode_that_was_rejected_counts_for_nothing(path):
    file = opened(path)
    file.begin([episode("ann", "E3")])
    (begun,) = file.begin([episode("ann", "E5")])
    file.note(state_line(begun, "rejected", "later"))
    file.close()
    assert [[one.sku_id for one in part.licenses] for part in read(path).open["ann"]] == [["E3"]]


def test_a_released_line_without_an_episode_is_no_fault(path):
    file = opened(path)
    file.note(state_line(episode("ann"), "released", "now"))
    file.close()
    opened(path).close()


def test_a_last_line_without_its_end_is_kept_if_it_is_whole(path):
    file = opened(path)
    file.begin([episode("ann", "E3")])
    file.close()
    path.write_text(path.read_text().rstrip())
    again = opened(path)
    assert list(again.record.open) == ["ann"]
    again.begin([episode("bob", "E3")])
    again.close()
    assert set(read(path).open) == {"ann", "bob"}


@pytest.mark.parametrize("text", ['{"license_profiles": {}, "precious": true}', "a note"])
def test_a_file_that_is_no_record_is_left_as_it_is(path, text):
    path.write_text(text)
    for is_dry in (True, False):
        with pytest.raises(OptionError, match="is not a record of leavers"):
            opened(path, is_dry=is_dry)
    assert path.read_text() == text


def test_what_is_restored_goes_at_the_end_and_is_known(path):
    file = opened(path)
    file.begin([episode("ann", "E3"), episode("bob", "E3")])
    file.note(state_line(episode("ann"), "restored", "now"))
    file.note(state_line(episode("bob", "E3"), "partly_restored", "now"))
    file.close()
    record = read(path)
    assert list(record.open) == ["bob"]
    assert "ann" in record.restored
    assert len(path.read_text().splitlines()) == 3
    assert record.ids == {"ann@contoso.example": {"ann"}, "bob@contoso.example": {"bob"}}


def test_another_program_that_changes_the_file_ends_the_run(path):
    file = opened(path)
    file.begin([episode("ann", "E3")])
    path.write_text(path.read_text() + "\n")
    with pytest.raises(OptionError, match="another program has changed"):
        file.begin([episode("bob", "E3")])
    file.close()
    assert path.read_text().endswith("\n\n"), "and it is not written over"


def test_a_file_that_was_exchanged_ends_the_run(path):
    file = opened(path)
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    os.replace(copy, path)
    with pytest.raises(OptionError, match="another program has changed"):
        file.begin([episode("bob", "E3")])
    file.close()


def test_a_folder_that_is_gone_ends_the_run(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    file = opened(folder / "x.jsonl")
    for name in os.listdir(folder):
        os.unlink(folder / name)
    folder.rmdir()
    with pytest.raises(OptionError, match="cannot write"):
        file.begin([episode("ann", "E3")])
    file.close()


def test_one_run_at_a_time(path):
    file = opened(path)
    with pytest.raises(OptionError, match="another run writes"):
        opened(path)
    opened(path, is_dry=True).close()
    file.close()
    opened(path).close()


def test_check_mode_creates_nothing(path):
    file = opened(path, is_dry=True)
    file.begin([episode("ann", "E3")])
    file.close()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("text", ['{"version": 1, "tenant": "t"}\n', "[]\n", '{"tenant": "t"}\n', "x\n"])
def test_what_is_no_record(path, text):
    path.write_text(text)
    with pytest.raises(OptionError, match="is not a record of leavers"):
        opened(path)


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "[]",
        '{"user": "ann", "state": "recorded"}',
        '{"user": {"id": "a"}, "state": "gone"}',
        '{"user": {"id": "a"}, "state": "recorded", "licenses": [1]}',
    ],
)
def test_a_damaged_line_is_named(path, line):
    opened(path).close()
    path.write_text(path.read_text() + line + "\n" + json.dumps(episode("ann", "E3").line) + "\n")
    with pytest.raises(OptionError, match="is damaged in line 2"):
        opened(path)


def test_a_batch_is_one_write_to_the_disk(path, monkeypatch):
    count = Counter()
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (count.update(["fsync"]), sync(number))[1])
    file = opened(path)
    count.clear()
    for start in range(0, 200, 20):
        file.begin([episode(f"u{number}", "E3") for number in range(start, start + 20)])
    assert count["fsync"] == 10


def test_what_a_release_assigned_is_no_part_of_what_comes_back():
    first = episode("ann", "E3", assigned=(HeldLicense("BI", is_new=True),))
    second = episode("ann", "BI", "VISIO", assigned=(HeldLicense("E5", is_new=True),))
    whole = union_of([first, second])
    assert {one.sku_id for one in whole.licenses} == {"E3", "VISIO"}
    assert {one.sku_id for one in whole.assigned if one.is_new} == {"E5"}, "BI was removed again"


def test_service_plans_that_a_release_turned_off_come_back_as_they_were():
    before, after = HeldLicense("E3", frozenset({"a"})), HeldLicense("E3", frozenset({"a", "b", "c"}))
    first = Episode("ann", "ann", "", (before,), assigned=(after,))
    second = Episode("ann", "ann", "", (after,))
    assert union_of([first, second]).licenses == (before,)
    third = Episode("ann", "ann", "", (HeldLicense("E3", frozenset({"z"})),))
    assert union_of([first, third]).licenses == third.licenses, "a later state that no release made is the newest"


SKUS = st.sets(st.sampled_from(["E3", "E5", "BI"]), min_size=1)


@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), SKUS, st.sampled_from(["", "released", "restored"])), max_size=12))
def test_nothing_is_dropped_before_it_was_restored(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("record") / "r"
    due: dict[str, set[str]] = {"ann": set(), "bob": set()}
    for user, skus, state in steps:
        file = opened(path)
        file.begin([episode(user, *skus)])
        due[user] |= skus
        if state:
            file.note(state_line(episode(user), state, "now"))
        if state == "restored":
            due[user] = set()
        file.close()
    if steps:
        record = read(path)
        kept = {user: {one.sku_id for part in record.open.get(user, ()) for one in part.licenses} for user in due}
        assert kept == due
