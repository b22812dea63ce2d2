# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of users as spreadsheets and scripts write them, read by the lookup; each fault by its place."""

from __future__ import annotations

import csv
import datetime
import io
import re
import subprocess
import zipfile

import openpyxl
import pytest
import yaml
from ansible_collections.m365.licensing.plugins.module_utils._errors import OptionError
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.user_form import USER
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.user_table import HEADERS, csv_rows, entries_of, rows_of_sheet
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.validate import ListOf, problems_of
from hypothesis import given
from hypothesis import strategies as st
from support.plays import environment

GERMAN = {"Benutzerprinzipalname": "user", "Verwendungsstandort": "usage_location", "Lizenz": "licenses", "Letzter Tag": "last_day"}
ALICE, GRACE = "alice@contoso.example", "grace@contoso.example"


def read(content: bytes | str, columns: dict | None = None, **options) -> list[dict]:
    rows = csv_rows(content.encode() if isinstance(content, str) else content, options.pop("encoding", None), options.pop("delimiter", None))
    return entries_of(rows, columns or {}, **options)


# title: (content, columns, entries)
TABLES = {
    "the script's": (
        "UserPrincipalName,UsageLocation\nalice@contoso.example,DE\ngrace@contoso.example,US\n",
        {},
        [{"usage_location": "DE"}, {"usage_location": "US"}],
    ),
    "PowerShell's": (
        '#TYPE System.Object\r\n"UserPrincipalName","Licenses"\r\n"alice@contoso.example","SPE_E3"\r\n"grace@contoso.example",""\r\n',
        {},
        [{"licenses": [{"sku": "SPE_E3"}]}, {}],
    ),
    "German Excel's": (
        "\ufeffBenutzerprinzipalname;Verwendungsstandort;Lizenz;Letzter Tag\r\nalice@contoso.example;DE;SPE_E3;31.12.2026\r\ngrace@contoso.example;;;\r\n",
        GERMAN,
        [{"usage_location": "DE", "licenses": [{"sku": "SPE_E3"}], "last_day": "2026-12-31"}, {}],
    ),
    "Excel's own mark": (
        "sep=;\r\nUPN;Groups\r\nalice@contoso.example;Support desk\r\ngrace@contoso.example;A, B\r\n",
        {},
        [{"groups": ["Support desk"]}, {"groups": ["A, B"]}],
    ),
    "tabs": ("User principal name\tKeep\nalice@contoso.example\tSPE_E3|VISIO\ngrace@contoso.example\t\n", {}, [{"keep": ["SPE_E3", "VISIO"]}, {}]),
    "names with commas": ('"Name","User name"\n"Archer, Alice","alice@contoso.example"\n"Gomez, Grace","grace@contoso.example"\n', {"Name": ""}, [{}, {}]),
    "the admin center's": (
        "User principal name,Licenses\nalice@contoso.example,Microsoft 365 E3+Enterprise Mobility + Security E5\ngrace@contoso.example,\n",
        {},
        [{"licenses": [{"sku": "Microsoft 365 E3"}, {"sku": "Enterprise Mobility + Security E5"}]}, {}],
    ),
    "lists over lines": (
        'user,skus\nalice@contoso.example,"SPE_E3\nVISIO"\ngrace@contoso.example,"SPE_E3, VISIO"\n',
        {},
        [{"licenses": [{"sku": "SPE_E3"}, {"sku": "VISIO"}]}] * 2,
    ),
    "a comma in a product": (
        "user;license\nalice@contoso.example;Windows 365 Business 16 vCPU, 64 GB\ngrace@contoso.example;\n",
        {},
        [{"licenses": [{"sku": "Windows 365 Business 16 vCPU, 64 GB"}]}, {}],
    ),
    "invisible signs and blanks": (
        "\u200buser ,\u00a0profile\n\ufeffalice@contoso.example\u200b ,\u00a0office \n\n  ,\ngrace@contoso.example,\n",
        {},
        [{"profile": "office"}, {}],
    ),
    "short rows": ("user,profile,last_day\nalice@contoso.example\ngrace@contoso.example,office\n", {}, [{}, {"profile": "office"}]),
    "days": ("user,last day\nalice@contoso.example,2026-01-31 00:00:00\ngrace@contoso.example,2026-01-31T00:00:00Z\n", {}, [{"last_day": "2026-01-31"}] * 2),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("title", TABLES)
def test_a_table(title, encoding):
    content, columns, more = TABLES[title]
    content = content.removeprefix("\ufeff") if encoding != "utf-8" else content
    entries = read(content.encode(encoding), columns)
    assert entries == [{"user": ALICE, **more[0]}, {"user": GRACE, **more[1]}]
    assert not list(problems_of(entries, ListOf(USER), "license_people")), "what license_people takes"


def test_the_code_page_of_western_windows():
    (entry,) = read("user;groups\nalice@contoso.example;Müller & Söhne\n".encode("cp1252"))
    assert entry["groups"] == ["Müller & Söhne"]
    (entry,) = read("user;groups\nalice@contoso.example;Łódź\n".encode("cp1250"), encoding="cp1250")
    assert entry["groups"] == ["Łódź"]


# title: (content, options, what is said)
FAULTS = {
    "nothing": ("", {}, ["the table is empty"]),
    "no user": ("name,location\nx,DE\n", {"ignore_others": True}, ["line 1: no column holds the users", "'name', 'location'", "Map one to user"]),
    "an unknown header": (
        "user,Usage loction\nalice@contoso.example,DE\n",
        {},
        ["line 1, column B: unknown header 'Usage loction'", "Did you mean usage_location?"],
    ),
    "the same twice": ("user,upn\na@b.c,a@b.c\n", {}, ["line 1, column B: 'upn' is mapped to user, like column A"]),
    "a mapping to nowhere": ("user\na@b.c\n", {"columns": {"user": "usr"}}, ["columns.user is 'usr'", "give one of user, profile"]),
    "a mapping of nothing": ("user\na@b.c\n", {"columns": {"Land": "usage_location"}}, ["columns.Land: line 1 has no such header; the headers are 'user'"]),
    "a location": ("user;country\na@b.c;DE\nb@b.c;UK\n", {}, ["line 3, column B (country)", "'UK' is not a country code", "Did you mean GB?"]),
    "a user": ('x,user\n,"Archer, Alice"\n', {"columns": {"x": ""}}, ["line 2, column B (user)", "'Archer, Alice' is neither"]),
    "an empty user": ("user,profile\n,office\n", {}, ["line 2: the cell of the user is empty"]),
    "somebody twice": ("user\na@b.c\nx@b.c\nA@B.C\n", {}, ["line 4: A@B.C is also in line 2"]),
    "an American day": ("user,last_day\na@b.c,12/31/2026\n", {}, ["line 2, column B (last_day)", "'12/31/2026' is not a date", "date_format"]),
    "a serial number": ("user,last_day\na@b.c,46387\n", {}, ["serial number of a date", "format the column as a date"]),
    "a quotation mark": ('user\n"a@b.c\n', {}, ["line 2", "close every quotation mark"]),
    "too many cells": ("user,licenses\na@b.c,SPE_E3,VISIO\n", {}, ["line 2: 3 cells, and the header has 2", "quotation marks"]),
    "no text": (b"\xff\xfe\x00", {}, ["is not text in utf-16"]),
    "an image": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x81", {}, ["is not text"]),
    "an encoding that is none": ("user\n", {"encoding": "klingon"}, ["is not text in klingon"]),
    "everything at once": ("user,country,last_day\nx,UK,never\n,DE,\n", {}, ["line 2, column A", "line 2, column B", "line 2, column C", "line 3"]),
    "cells under nothing": ("user,\na@b.c,SPE_E3\n", {}, ["line 2, column B", "below a blank header"]),
    "two signs": ("user\n", {"delimiter": ";;"}, ["delimiter is ';;'", "one character"]),
    "a form that is none": ("user,last_day\na@b.c,x\n", {"date_format": "%Y %Y"}, ["date_format is '%Y %Y'"]),
    "a list for a key": ("x,user\n1,a@b.c\n", {"columns": {"x": ["user"]}}, ["columns.x is ['user']"]),
    "very many": ("user\n" + "x\n" * 50, {}, ["line 2,", "line 11,", "and 40 more"]),
}


@pytest.mark.parametrize("title", FAULTS)
def test_a_fault_is_named_by_its_place(title):
    content, options, said = FAULTS[title]
    with pytest.raises(OptionError) as caught:
        read(content, **options)
    for part in said:
        assert part in caught.value.message, caught.value.message


def test_days_as_they_are_written_elsewhere():
    assert read("user,last_day\na@b.c,12/31/2026\n", date_format="%m/%d/%Y") == [{"user": "a@b.c", "last_day": "2026-12-31"}]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\x1a\0"), max_size=12)


@given(
    st.lists(st.tuples(st.integers(1, 999_999), cells), max_size=5, unique_by=lambda row: row[0]),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8-sig", "utf-16"]),
)
def test_whatever_a_cell_holds_stays_in_its_cell(rows, delimiter, encoding):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(["user", "profile"])
    writer.writerows([f"u{number}@c.example", text] for number, text in rows)
    entries = read(file.getvalue().encode(encoding))
    assert [entry["user"] for entry in entries] == [f"u{number}@c.example" for number, dummy in rows]


def test_every_key_has_a_known_header():
    for key, names in HEADERS.items():
        assert key.replace("_", "") in names


def workbook(path, rows, title="People") -> None:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.create_sheet("Other").append(["user"])
    book.save(path)


def test_a_workbook(tmp_path):
    rows = [["User principal name", "Usage location", "Last day", "Profile"], [ALICE, "DE", datetime.datetime(2026, 12, 31), 5.0], [None, None, None, None]]
    workbook(tmp_path / "people.xlsx", rows)
    sheet = openpyxl.load_workbook(tmp_path / "people.xlsx", read_only=True)["People"]
    found = entries_of(rows_of_sheet(sheet.iter_rows(values_only=True)), {})
    assert found == [{"user": ALICE, "usage_location": "DE", "last_day": "2026-12-31", "profile": "5"}]


@pytest.mark.parametrize("claimed", ["A1", "A1:B2"])
def test_a_workbook_is_as_large_as_it_is_not_as_it_says(tmp_path, claimed):
    """Some programs write its size wrongly."""
    workbook(tmp_path / "good.xlsx", [["UPN", "Profile", "Keep"], [ALICE, "a", "X"], [GRACE, "b", "Y"]])
    with zipfile.ZipFile(tmp_path / "good.xlsx") as good, zipfile.ZipFile(tmp_path / "people.xlsx", "w") as made:
        for name in good.namelist():
            content = good.read(name)
            made.writestr(name, re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="%s"' % claimed.encode(), content) if "sheet1" in name else content)
    assert play(tmp_path, "lookup('m365.licensing.read_users', 'people.xlsx')").returncode == 0
    found = yaml.safe_load((tmp_path / "found.json").read_text())
    assert found == [{"user": ALICE, "profile": "a", "keep": ["X"]}, {"user": GRACE, "profile": "b", "keep": ["Y"]}]


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "[Content_Types].xml"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_workbook_is_said_so(tmp_path, part, how):
    workbook(tmp_path / "good.xlsx", [["UPN"], [ALICE]])
    with zipfile.ZipFile(tmp_path / "good.xlsx") as good, zipfile.ZipFile(tmp_path / "bad.xlsx", "w") as made:
        for name in good.namelist():
            if name != part:
                made.writestr(name, good.read(name))
            elif how == "cut":
                made.writestr(name, good.read(name)[:90])
    done = play(tmp_path, "lookup('m365.licensing.read_users', 'bad.xlsx')")
    output = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0 or "read_users: bad.xlsx: " in output
    assert "Traceback" not in output


def play(tmp_path, expression: str, *arguments: str) -> subprocess.CompletedProcess:
    task = {
        "ansible.builtin.copy": {"content": "{{ found | to_json }}", "dest": str(tmp_path / "found.json"), "mode": "0600"},
        "vars": {"found": f"{{{{ {expression} }}}}"},
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    command = ["ansible-playbook", "play.yml", *arguments]
    return subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)


def test_the_lookup_reads_files_beside_the_playbook_and_takes_text_for_text(tmp_path):
    (tmp_path / "files").mkdir()
    evil = "{{ lookup('pipe', 'touch pwned') }}"
    (tmp_path / "files/people.csv").write_text(f'user,groups\nalice@contoso.example,"{evil}"\n')
    workbook(tmp_path / "more.xlsx", [["UPN", "Profile"], [GRACE, "{% raw %}" + evil]])
    done = play(tmp_path, "lookup('m365.licensing.read_users', 'people.csv', 'more.xlsx')")
    assert done.returncode == 0, done.stdout + done.stderr
    found = yaml.safe_load((tmp_path / "found.json").read_text())
    assert found == [{"user": ALICE, "groups": [evil]}, {"user": GRACE, "profile": "{% raw %}" + evil}]
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("lookup('m365.licensing.read_users', 'none.csv')", "no file 'none.csv'"),
        ("lookup('m365.licensing.read_users', 'bad.csv')", "bad.csv: line 2, column B (country)"),
        ("lookup('m365.licensing.read_users', 'bad.xlsx')", "is not an Excel workbook"),
        ("lookup('m365.licensing.read_users', 'good.xlsx', 'twice.csv')", "twice.csv: alice@contoso.example is also in good.xlsx"),
        ("lookup('m365.licensing.read_users', 'good.xlsx', ignore_other_colums=true)", "unknown option ignore_other_colums"),
        ("lookup('m365.licensing.read_users', 'good.xlsx', sheet='Leute')", "its sheets are People, Other"),
    ],
)
def test_what_the_lookup_says(tmp_path, expression, said):
    (tmp_path / "bad.csv").write_text("user,country\na@b.c,UK\n")
    (tmp_path / "bad.xlsx").write_text("PK")
    (tmp_path / "twice.csv").write_text(f"user\n{ALICE}\n")
    workbook(tmp_path / "good.xlsx", [["user"], [ALICE]])
    done = play(tmp_path, expression)
    assert done.returncode != 0
    assert said in " ".join((done.stdout + done.stderr).split())
