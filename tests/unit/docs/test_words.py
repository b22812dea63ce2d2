# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of guides and documentation: terms of the field, short sentences, and contents on each page. The glossary is in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from ansible_collections.m365.licensing.plugins.module_utils._licensing.tables.graph_errors import _ROWS
from support.plays import GUIDES
from support.tenant import ROOT

AVOIDED = re.compile(
    r"\b(whom|somebody|someone|nobody|everybody|anybody|wish(es|ed)?|perhaps|foresees?|foretold|at once|worth a look|takes? up again|is to have|are to have|"
    r"gives? back|given back|refus(e|es|ed|al|als)|meanwhile|besides|plainly|waiting rooms?)\b",
    re.IGNORECASE,
)
DOCUMENTED = [path for folder in ("modules", "doc_fragments", "inventory", "lookup", "filter") for path in sorted((ROOT / "plugins" / folder).glob("*.py"))]
READMES = [ROOT / name for name in ("README.md", "SECURITY.md")] + sorted((ROOT / "roles").glob("*/README.md")) + [ROOT / "docs/examples/infra-repo/README.md"]
TEXTS = [*GUIDES, *READMES, *DOCUMENTED, *sorted((ROOT / "roles").glob("*/meta/argument_specs.yml"))]
CODE = [path for folder in ("plugins", "roles/sandbox_tenant/files") for path in sorted((ROOT / folder).rglob("*.py"))]
LONGEST = 45  # words of a sentence; the aim is 25


def prose(path: Path) -> str:
    """The text of a page, without code and literals; of a plugin, its documentation."""
    text = path.read_text()
    if path.suffix == ".py":
        text = "\n".join(re.findall(r'^(?:DOCUMENTATION|RETURN|EXAMPLES) = r"""(.*?)"""', text, re.MULTILINE | re.DOTALL))
        text += "".join(re.findall(r'    DOCUMENTATION = r"""(.*?)"""', path.read_text(), re.DOTALL))
    text = re.sub(r"\.\. code-block::.*?\n\n((?:    .*\n|\n)+)", "\n\n", text)
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return re.sub(r"``[^`]*``|`[^`]*`", "X", text)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_that_are_not_used(path):
    assert sorted({match[0].lower() for match in AVOIDED.finditer(prose(path))}) == []


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_that_messages_and_docstrings_do_not_use(path):
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    # a code of failure, and the attribute of Graph, are names
    names = re.compile(r"\b(request_refused|filter_refused|[a-z]+_refused|waitingMembers)\b")
    assert sorted({match[0].lower() for text in texts for match in AVOIDED.finditer(names.sub("", text))}) == []


def codes() -> set[str]:
    """The codes of problems, as the code gives them."""
    found = {row[2] for row in _ROWS}
    for node in (node for path in sorted((ROOT / "plugins/module_utils").rglob("*.py")) for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", "")
            values = [
                *(node.args[2:3] if name == "Problem" else node.args[:1] if name == "_conflict" else []),
                *(one.value for one in node.keywords if one.arg == "code"),
            ]
            found |= {one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


def test_each_code_is_in_a_table_of_the_guides():
    tables = "".join((ROOT / f"docs/docsite/rst/guide_{name}.rst").read_text() for name in ("errors", "check_mode"))
    known = codes()
    assert len(known) > 50
    assert sorted(code for code in known if f"``{code}``" not in tables) == []


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_sentences_are_short(path):
    paragraphs = re.split(r"\n\s*\n|\n\s*(?:-|\*|\d+\.|#\.) ", prose(path))
    sentences = [sentence for part in paragraphs for sentence in re.split(r"(?<=[.:;?]) ", " ".join(part.split()))]
    assert [sentence for sentence in sentences if len(sentence.split()) > LONGEST and "=====" not in sentence] == []


def test_the_glossary_is_short_and_sorted():
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", (ROOT / "CONTRIBUTING.md").read_text().split("## Words")[1], re.MULTILINE)
    terms = [row for row in rows if row not in ("Term", "---")]
    assert len(terms) <= 40
    assert terms == sorted(terms, key=str.lower)


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_each_guide_is_in_the_sidebar_and_has_contents(path):
    sphinx, listed = ((ROOT / "docs/docsite" / name).read_text() for name in ("sphinx/index.rst", "extra-docs.yml"))
    assert f"collections/docsite/{path.stem}\n" in sphinx
    assert f"- {path.stem}\n" in listed
    assert ".. contents::" in path.read_text()
