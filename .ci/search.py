# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches the built documentation for what people search for, as the page of Sphinx ranks it: the right guide must come first.

python .ci/search.py .work/docs/html
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sphinx.search.en import SearchEnglish

SEARCHES = {
    "group-based licensing": "guide_groups",
    "admin consent": "guide_permissions",
    "app registration": "guide_permissions",
    "E3 to E5": "guide_e3_to_e5",
    "shared mailbox": "guide_leavers",
    "litigation hold": "guide_leavers",
    "guest": "guide_faq",
    "CSV": "guide_csv",
    "quick start": "guide_quick_start",
}
TITLE, PARTIAL_TITLE, TERM, PARTIAL_TERM = 15, 7, 5, 2  # the scores of Sphinx's page


def main(folder: str) -> None:
    """Ends with what does not come first."""
    text = (Path(folder) / "searchindex.js").read_text()
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    found = {query: ranked(index, query)[:3] for query in SEARCHES}
    wrong = [f"{query!r} finds {names} before {SEARCHES[query]}" for query, names in found.items() if names[:1] != [SEARCHES[query]]]
    if wrong:
        sys.exit("the search of the documentation: " + "; ".join(wrong))


def ranked(index: dict, query: str) -> list[str]:
    """The names of pages, best first."""
    scores: dict[int, float] = {}
    lowered = query.lower().strip()
    for title, places in index["alltitles"].items():
        if lowered in title.lower() and len(lowered) >= len(title) / 2:
            for number, anchor in places:
                boost = 1 if anchor is None else 0
                scores[number] = max(scores.get(number, 0), round(TITLE * len(lowered) / len(title)) + boost)
    language = SearchEnglish({})
    words = [language.stem(word) for word in re.findall(r"\w+", lowered) if word not in language.stopwords]
    by_word = [_of_word(index, word) for word in words]
    for number in set.intersection(*(set(one) for one in by_word)) if by_word else set():
        scores[number] = max(scores.get(number, 0), *(one[number] for one in by_word))
    best = sorted(scores, key=lambda number: (-scores[number], index["titles"][number].lower()))
    return [index["docnames"][number].rpartition("/")[2] for number in best]


def _of_word(index: dict, word: str) -> dict[int, float]:
    """The score of each page that has a word, or a longer one that contains it."""
    found: dict[int, float] = {}
    for terms, whole, part in ((index["terms"], TERM, PARTIAL_TERM), (index["titleterms"], TITLE, PARTIAL_TITLE)):
        for term, numbers in terms.items():
            if term == word or (len(word) > 2 and word in term):
                for number in numbers if isinstance(numbers, list) else [numbers]:
                    found[number] = max(found.get(number, 0), whole if term == word else part)
    return found


if __name__ == "__main__":
    main(sys.argv[1])
