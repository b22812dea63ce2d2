# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each citation of the contract leads to a line of docs/contract/graph-contract.md: sections, their numbered rows, and the codes of endpoints and errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.tenant import ROOT

TEXT = (ROOT / "docs/contract/graph-contract.md").read_text()
PARTS = re.split(r"^##? (?=\d)", TEXT, flags=re.MULTILINE)[1:]
SECTIONS = {re.match(r"[\d.]+\d|\d", part)[0]: part for part in PARTS}
CODES = set(re.findall(r"^\| ([A-Z]\d+)\b", TEXT, re.MULTILINE))
CITED = re.compile(r"graph-contract:? ((?:(?:no\. ?)?(?:[A-Z]?\d+(?:\.\d+)?)(?:, | to | and | )?)+)")
PLACES = ("plugins", "roles", "tests", "playbooks", "docs/docsite", "docs/architecture.md", "extensions", "README.md", "CONTRIBUTING.md")


def files() -> list[Path]:
    found = [path for place in PLACES for path in ([ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*")))]
    return [path for path in found if path.suffix in (".py", ".yml", ".rst", ".md", ".j2", ".json") and path.name != Path(__file__).name]


def citations() -> list[tuple[str, str]]:
    """The place of each citation, and its text."""
    texts = [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8", errors="replace")) for path in files()]
    return [(place, match[1].strip(" ,")) for place, text in texts for match in CITED.finditer(text)]


def missing(text: str) -> list[str]:
    """What a citation names and the contract does not have."""
    section, lost = "", []
    for is_row, name in re.findall(r"(no\. ?)?([A-Z]?\d+(?:\.\d+)?)", text):
        if name[0].isalpha():
            lost += [] if name in CODES else [name]
        elif is_row or re.search(rf"no\. ?\d+ and {name}$", text):
            lost += [] if re.search(rf"^\| {name} \|", SECTIONS.get(section, ""), re.MULTILINE) else [f"{section} no. {name}"]
        else:
            section = name
            lost += [] if name in SECTIONS else [name]
    return lost


def test_the_contract_is_cited():
    assert len(citations()) > 80


@pytest.mark.parametrize(("place", "text"), citations())
def test_a_cited_line_exists(place, text):
    assert not missing(text), f"{place} cites {text}"


@pytest.mark.parametrize("text", ["3.99", "E99", "12, no. 99", "1.1 to 1.77"])
def test_what_does_not_exist_is_found(text):
    assert missing(text)
