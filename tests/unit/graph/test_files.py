# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file that is written belongs to this user alone: hostile places are refused before anything is sent, and harm nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._files import appended, read_regular, replaced
from hypothesis import given
from hypothesis import strategies as st
from support.seeds import upn

UNKNOWN_USER = 65534
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can make such a file")


def bulk(tenant, path) -> dict:
    return tenant.run("users_assign_license", users=[{"user": upn("grace"), "licenses": {"add": [{"sku": "SPE_E5"}]}}], report_path=path)


def info(tenant, path) -> dict:
    return tenant.run("user_license_info", report_path=path)


def record(tenant, path) -> dict:
    return tenant.run("licensed_users", users=[upn("bob")], state="released", record_path=path, record_missing="create")


def cache(tenant, path) -> dict:
    tenant.options = dict(tenant.sign_in)
    return tenant.run("user_assign_license", user=upn("erin"), usage_location="SE", token_cache=path)


def lockfile(tenant, path) -> dict:
    return cache(tenant, path.removesuffix(".lockfile"))


# what writes: how, and the name of its file
WRITERS = {"bulk": (bulk, "report"), "info": (info, "report"), "record": (record, "leavers"), "cache": (cache, "cache"), "lock": (lockfile, "c.lockfile")}


def link(path, victim):
    path.symlink_to(victim)


def dangling(path, victim):
    path.symlink_to(path.parent / "nowhere")


def hard_link(path, victim):
    os.link(victim, path)


def fifo(path, victim):
    os.mkfifo(path)


def folder(path, victim):
    path.mkdir()


def open_folder(path, victim):
    path.parent.chmod(0o777)


def device(path, victim):
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


def foreign(path, victim):
    path.touch(0o600)
    os.chown(path, UNKNOWN_USER, UNKNOWN_USER)


HOSTILE = {
    "link": (link, "symbolic link"),
    "dangling link": (dangling, "symbolic link"),
    "hard link": (hard_link, "second name"),
    "fifo": (fifo, "device, pipe or socket"),
    "folder": (folder, "Is a directory"),
    "folder open to all": (open_folder, "every user can exchange files"),
    "device": pytest.param(device, "device, pipe or socket", marks=needs_root),
    "another user's": pytest.param(foreign, "belongs to another user", marks=needs_root),
}


@pytest.mark.parametrize(("make", "said"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("writer", WRITERS)
def test_hostile_place(tenant, tmp_path, writer, make, said):
    write, name = WRITERS[writer]
    if make is hard_link and writer not in ("bulk", "record"):
        pytest.skip("what is written beside and renamed leaves the other name as it was")
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    place = tmp_path / "place"
    place.mkdir()
    make(place / name, victim)
    before = (place / name).lstat() if os.path.lexists(place / name) else None
    result = write(tenant, str(place / name))
    assert result["failed"]
    assert said in result["msg"]
    assert "Traceback" not in str(result)
    assert not tenant.writes()
    assert victim.read_text() == "precious\n"
    assert not (place / "nowhere").exists()
    if before:
        assert (place / name).lstat()[:6] == before[:6], "left as it was"


@pytest.mark.parametrize("writer", [name for name in WRITERS if name != "lock"])
def test_a_looser_mode_of_ones_own_file_is_narrowed(tenant, tmp_path, writer):
    write, name = WRITERS[writer]
    path = tmp_path / name
    path.touch()
    path.chmod(0o666)
    assert not write(tenant, str(path))["failed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size > 0


def test_tokens_that_others_could_write_are_not_used(tenant, tmp_path):
    """Somebody else might have put a token of another tenant there."""
    path = tmp_path / "cache"
    assert not cache(tenant, str(path))["failed"]
    path.chmod(0o666)
    tenant.forget()
    assert not cache(tenant, str(path))["failed"]
    assert [entry for entry in tenant.requests if entry["path"].endswith("/token")], "signed in anew"


@pytest.mark.parametrize(
    "content", ['{"AccessToken": 5}', '{"AccessToken": {"a": {}}}', '{"AccessToken": {"a": {"secret": 5}}}', "[]", "[" * 100_000, '{"x": 1}']
)
def test_a_damaged_cache_is_said_so(tenant, tmp_path, content):
    (tmp_path / "cache").write_text(content)
    (tmp_path / "cache").chmod(0o600)
    assert "is not a token cache; delete it" in cache(tenant, str(tmp_path / "cache"))["msg"]


def test_an_umlaut_in_a_path_is_the_same_file_in_every_locale(tenant, tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from ansible_collections.m365.licensing.plugins.module_utils._files import appended\n"
        "appended(open(sys.argv[2], encoding='utf-8').read(), 'report_path').write('line\\n')\n"
    )
    name = tmp_path / "Bericht für März"
    (tmp_path / "name").write_text(str(name), encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    root = __file__.partition("/ansible_collections/")[0]
    done = subprocess.run([sys.executable, "-c", program, root, str(tmp_path / "name")], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert name.read_text() == "line\n"


def _hold(path, is_held, may_end):
    handle = appended(path, "report_path")
    is_held.set()
    may_end.wait()
    handle.close()


def test_two_runs_on_one_report_do_not_destroy_it(tenant, tmp_path):
    path = tmp_path / "report"
    context = multiprocessing.get_context("fork")
    is_held, may_end = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(path), is_held, may_end))
    other.start()
    is_held.wait()
    result = bulk(tenant, str(path))
    may_end.set()
    other.join()
    assert "another run writes" in result["msg"]
    assert not tenant.writes()
    assert not bulk(tenant, str(path))["failed"]


SEPARATORS = "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e"


def test_a_report_with_every_line_separator_of_unicode_is_taken_up(tenant, tmp_path):
    """Names and messages may hold what other readers take for the end of a line."""
    path = str(tmp_path / "report")
    options = {"assignments": [{"user": upn("grace")}, {"group": f"Marketing{SEPARATORS}West"}], "sku": "SPE_E5", "report_path": path}
    first = tenant.run("cloud_license_assignments", **options)
    assert first["summary"] == {**first["summary"], "changed": 1, "failed": 1}
    again = tenant.run("cloud_license_assignments", **options, resume=True)
    assert again["summary"] == {**again["summary"], "skipped": 1, "failed": 1}, again


@given(st.text(max_size=30))
def test_what_is_appended_is_read_back_line_by_line(text):
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/lines"
        with appended(path, "x") as handle:
            handle.write(json.dumps({"text": text}) + "\n")
        with appended(path, "x") as handle:
            handle.write(json.dumps({"text": text}) + "\n")
        assert [json.loads(line) for line in read_regular(path, "x").decode().split("\n")[:-1]] == [{"text": text}] * 2


def test_a_file_that_is_not_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replaced(str(path), "x") as handle:
        handle.write("new")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800"])
def test_what_is_no_path(path):
    for use in (lambda: read_regular(path, "ca_path"), lambda: appended(path, "ca_path")):
        with pytest.raises(OptionError, match="ca_path"):
            use()


@pytest.mark.parametrize("option", ["sku_names", "certificate_path", "federated_token_file", "report_path", "ca_path", "token_cache"])
@pytest.mark.parametrize("value", ["a\0b", "\ud800"], ids=["NUL", "half a surrogate pair"])
def test_texts_that_can_be_no_path_name_or_address(tenant, option, value):
    """From ansible-core 2.19 on, Ansible itself turns half of a surrogate pair away, before there is a module."""
    try:
        result = tenant.run("user_license_info", **{option: value})
    except Exception as error:
        assert "Failed to decode JSON module parameters" in str(error)
        return
    assert result["failed"]
    assert option in result["msg"]
    assert "Traceback" not in str(result)


def test_a_device_is_not_read(tenant):
    for option in ("sku_names", "certificate_path"):
        result = tenant.run("sku_info", **{option: "/dev/zero", "auth": "certificate", "tenant_id": "t", "client_id": "c", "certificate_path": "/dev/zero"})
        assert "is not a regular file" in result["msg"]


def test_a_second_name_of_a_file_that_is_replaced_keeps_the_old_content(tenant, tmp_path):
    """As backups with hard links have it."""
    path = tmp_path / "users"
    assert not info(tenant, str(path))["failed"]
    os.link(path, tmp_path / "backup")
    old = path.read_text()
    assert tenant.run("user_assign_license", user=upn("carol"), usage_location="SE")["changed"]
    assert not info(tenant, str(path))["failed"]
    assert (tmp_path / "backup").read_text() == old != path.read_text()


def test_the_folder_of_a_cache_is_made(tenant, tmp_path):
    assert not cache(tenant, str(tmp_path / "not/there/cache"))["failed"]
    assert stat.S_IMODE((tmp_path / "not/there").stat().st_mode) == 0o700


def test_a_file_system_without_locks_is_no_other_run(tmp_path, monkeypatch):
    import fcntl

    def refuse(*dummy):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OptionError, match="cannot be locked against other runs: No locks available"):
        appended(str(tmp_path / "report"), "report_path")
