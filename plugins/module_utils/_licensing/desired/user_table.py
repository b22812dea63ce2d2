# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of users, as spreadsheets and scripts write them, turned into entries of C(license_people). Every fault is named by line and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from ..._errors import OptionError, first_of
from ..model import is_guid
from ..tables.countries import country_code

# the key of an entry, and the header names that stand for it, without case, blanks, hyphens and underscores
HEADERS = {
    "user": ("user", "userprincipalname", "upn", "username", "signinname"),
    "profile": ("profile", "licenseprofile"),
    "from": ("from", "previousprofile", "oldprofile"),
    "usage_location": ("usagelocation", "country", "countrycode"),
    "licenses": ("licenses", "license", "licences", "licence", "skus", "sku", "skupartnumber", "assignedlicenses"),
    "groups": ("groups", "group", "licensinggroups"),
    "last_day": ("lastday", "lastworkingday", "leavingdate", "enddate"),
    "keep": ("keep", "keepskus"),
}
_LISTS = ("licenses", "groups", "keep")
_INVISIBLE = str.maketrans("", "", "\ufeff\u200b\u200c\u200d\u2060\u00ad")
_SHOWN = 10  # faults that an error quotes

Row = tuple[int, list[Any]]  # line of the file, cells


def csv_rows(content: bytes, encoding: str | None = None, delimiter: str | None = None) -> list[Row]:
    """The rows of a CSV file, whose encoding and delimiter are detected unless they are given. Raises OptionError if it is not text or not CSV."""
    lines = _decoded(content, encoding).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    skipped = 0
    if lines and re.fullmatch(r"sep=.", lines[0]):  # Excel's own mark
        delimiter, skipped = delimiter or lines[0][4], 1
    elif lines and lines[0].startswith("#TYPE "):  # Windows PowerShell's own mark
        skipped = 1
    body = lines[skipped:]
    header = next((line for line in body if line.strip()), "")
    if delimiter and len(delimiter) != 1:
        raise OptionError(f"delimiter is {delimiter!r}: give one character")
    reader = csv.reader((f"{line}\n" for line in body), delimiter=delimiter or _delimiter_of(header), strict=True)
    rows: list[Row] = []
    start = skipped + 1
    try:
        for cells in reader:
            rows.append((start, list(cells)))
            start = skipped + reader.line_num + 1
    except csv.Error as error:
        raise OptionError(f"line {start}: {error}; close every quotation mark, or give delimiter") from None
    return rows


def _decoded(content: bytes, encoding: str | None) -> str:
    """The text of a file as spreadsheets save it: UTF-8 or UTF-16 with or without a mark, else the code page of Western Windows."""
    marks = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
    found = encoding or next((name for mark, name in marks if content.startswith(mark)), None)
    start = content[:400]
    if found is None and b"\0" in start:
        found = "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    for name in [found] if found else ["utf-8", "cp1252"]:
        try:
            text = content.decode(name)
        except (ValueError, LookupError):
            continue
        if "\0" not in text:
            return text
    raise OptionError(f"the file is not text in {found or 'UTF-8 or the code page of Western Windows'}: save it as CSV UTF-8, or give encoding")


def _delimiter_of(header: str) -> str:
    """The delimiter of which the header has most, outside quotation marks."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(";,\t|", key=lambda sign: (bare.count(sign), sign == ","))


def entries_of(rows: Sequence[Row], columns: Mapping[str, Any], ignore_others: bool = False, date_format: str | None = None) -> list[dict]:
    """The entries of a table, whose first row that is not blank has the header names.

    columns maps header names to keys of an entry, or to nothing to ignore them. Raises OptionError with every fault.
    """
    filled = [(line, [_clean(cell) for cell in cells]) for line, cells in rows]
    filled = [(line, cells) for line, cells in filled if any(cell != "" for cell in cells)]
    if not filled:
        raise OptionError("the table is empty: give a header and a row for each user")
    line, header = filled[0]
    faults: list[str] = []
    keys = _keys_of([str(name) for name in header], columns, ignore_others, faults, line)
    entries = []
    first: dict[str, int] = {}
    for number, cells in filled[1:] if not faults else ():
        entry = _entry(number, cells, header, keys, date_format, faults)
        user = str(entry.get("user", "")).lower()
        if user and first.setdefault(user, number) != number:
            faults.append(f"line {number}: {entry['user']} is also in line {first[user]}; leave one of them out")
        entries.append(entry)
    if faults:
        raise OptionError(first_of(faults, _SHOWN, "; ", "; and "))
    return entries


def _keys_of(header: list[str], columns: Mapping[str, Any], ignore_others: bool, faults: list[str], line: int) -> list[str | None]:
    """The key of an entry that each column stands for, None for one that is ignored."""
    known = {name: key for key, names in HEADERS.items() for name in names}
    mapped = {_plain(str(name)): key for name, key in columns.items()}
    for name, key in columns.items():
        if key and (not isinstance(key, str) or key not in HEADERS):
            faults.append(f"columns.{name} is {key!r}: give one of {', '.join(HEADERS)}, or nothing to ignore the column")
        if _plain(str(name)) not in map(_plain, header):
            faults.append(f"columns.{name}: line {line} has no such header; the headers are {', '.join(map(repr, header))}")
    keys: list[str | None] = []
    for index, name in enumerate(header):
        plain, place = _plain(name), f"line {line}, column {_letter(index)}"
        key = mapped[plain] if plain in mapped else known.get(plain)
        if not key and plain and plain not in mapped and not ignore_others:
            near = get_close_matches(plain, known, n=1)
            hint = f" Did you mean {known[near[0]]}?" if near else ""
            faults.append(f"{place}: unknown header {name!r}.{hint} Map it with columns, map it to nothing to ignore it, or set ignore_other_columns")
        if key and key in keys:
            faults.append(f"{place}: {name!r} is mapped to {key}, like column {_letter(keys.index(key))}; map one of them to nothing with columns")
        keys.append(key or None)
    if "user" not in keys and not faults:
        faults.append(f"line {line}: no column holds the users; the headers are {', '.join(map(repr, header))}. Map one to user with columns")
    return keys


def _entry(line: int, cells: list[Any], header: list[Any], keys: list[str | None], date_format: str | None, faults: list[str]) -> dict:
    entry: dict[str, Any] = {}
    width = len(keys)
    if any(cell != "" for cell in cells[width:]):
        faults.append(f"line {line}: {len(cells)} cells, and the header has {width}; put a cell that holds the delimiter into quotation marks")
        return entry
    for index, (cell, key) in enumerate(zip(cells, keys)):
        if cell != "" and header[index] == "":
            faults.append(f"line {line}, column {_letter(index)}: {str(cell)!r} is below a blank header; name the column, or empty the cell")
        if key is None or cell == "":
            continue
        try:
            entry[key] = _value(key, cell, date_format)
        except OptionError as error:
            faults.append(f"line {line}, column {_letter(index)} ({header[index]}): {error.message}")
    if "user" not in entry and not (faults and faults[-1].startswith(f"line {line},")):
        faults.append(f"line {line}: the cell of the user is empty")
    return entry


def _value(key: str, cell: Any, date_format: str | None) -> Any:
    """The value of a cell. Raises OptionError for an invalid one."""
    if key == "last_day":
        return _day(cell, date_format)
    text = str(cell)
    if key == "user" and not is_guid(text) and not re.fullmatch(r"[^@\s/?\\]+@[^@\s/?\\]+", text):
        raise OptionError(f"{text!r} is neither a user principal name, such as alice@contoso.com, nor an object id")
    if key == "usage_location":
        return country_code(text, "the cell")
    parts = list(_parts(text, are_skus=key != "groups")) if key in _LISTS else []
    if key == "licenses":
        return [{"sku": part} for part in parts]
    return parts if key in _LISTS else text


def _parts(text: str, are_skus: bool) -> Iterator[str]:
    """The members of a list in a cell: at line ends, semicolons and bars; of SKUs also at the plus signs of the admin center's export.

    At commas only between SKUs' part numbers, as product display names and names of groups can have commas.
    """
    for part in re.split(r"[\n;|]|(?<=\S)\+(?=\S)" if are_skus else r"[\n;|]", text):
        listed = [one.strip() for one in part.split(",")]
        is_list = are_skus and not any(re.search(r"\s", one) for one in listed)
        yield from (one for one in (listed if is_list else [part.strip()]) if one)


def _day(cell: Any, date_format: str | None) -> str:
    """A day as YYYY-MM-DD. Days are read as ISO 8601 or with dots in between, and otherwise as date_format says: 01/02 is not the same everywhere."""
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()[:10]
    text = str(cell)
    forms = ([date_format] if date_format else []) + ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y"]
    for form in forms:
        try:
            return datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
        except re.error:
            raise OptionError(f"date_format is {form!r}, which is not a date format: give one such as '%m/%d/%Y'") from None
    if re.fullmatch(r"[0-9]{5}(\.[0-9]+)?", text):
        raise OptionError(f"{text!r} is the serial number of a date: format the column as a date, and save the table again")
    raise OptionError(f"{text!r} is not a date such as 2026-12-31: write it in that form, or give date_format, such as '%m/%d/%Y'")


def _clean(cell: Any) -> Any:
    """A cell without invisible characters and blanks around it; a whole number of a spreadsheet as a text."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, (datetime, date)):
        return cell
    return re.sub(r"[ \t\u00a0]+", " ", str(cell).translate(_INVISIBLE)).strip()


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", str(_clean(name))).lower()


def _letter(index: int) -> str:
    """The name of a column, as spreadsheets show it."""
    letters = ""
    while index >= 0:
        letters = chr(ord("A") + index % 26) + letters
        index = index // 26 - 1
    return letters


def rows_of_sheet(sheet: Iterable[Iterable[Any]]) -> list[Row]:
    """The rows of a sheet of a workbook, numbered as it shows them."""
    return [(number, list(cells)) for number, cells in enumerate(sheet, start=1)]
