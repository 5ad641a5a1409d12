"""The words that a page uses and a textbook does not have, with what they mean here.

Their meanings stand in `docs/glossary.md`, a copy of which lies in `templates/`.
"""

from __future__ import annotations

import re
from pathlib import Path

from markupsafe import Markup, escape

from reports.page.text import unbroken

__all__ = ["Glossary", "anchor", "meanings"]

ENTRY = re.compile(
    r"^\*\*(?P<word>[^*]+)\*\* (?P<meaning>.+) \(`(?P<place>[^`]+)`\)$", re.MULTILINE
)


def meanings() -> dict[str, tuple[str, str]]:
    """What each word means, as the rest of a sentence that it begins, and where it is computed."""
    text = Path(__file__).with_name("templates").joinpath("glossary.md").read_text("utf-8")
    found = (entry.groupdict() for entry in ENTRY.finditer(text))
    return {one["word"]: (one["meaning"].replace("`", ""), one["place"]) for one in found}


class Glossary:
    """Links words in the texts of one page to their meanings, each where it is first used.

    >>> glossary = Glossary()
    >>> glossary.link("Rungs & more rungs")
    Markup('<a class="word" href="#word-rung">Rungs</a> &amp; more rungs')
    >>> list(glossary.used)
    ['rung']
    """

    def __init__(self) -> None:
        self._meanings = meanings()
        longest_first = sorted(map(re.escape, self._meanings), key=len, reverse=True)
        self._words = re.compile(rf"\b({'|'.join(longest_first)})s?\b", re.IGNORECASE)
        self._names = {word.lower(): word for word in self._meanings}
        self.used: dict[str, str] = {}

    def link(self, text: str) -> Markup:
        """The text as HTML, with a link at each word that has none on the page yet."""
        return Markup(self._words.sub(self._link, str(escape(unbroken(text)))))

    def _link(self, found: re.Match[str]) -> str:
        word = self._names[found[1].lower()]
        if word in self.used:
            return found[0]
        self.used[word] = self._meanings[word][0]
        return f'<a class="word" href="#{anchor(word)}">{found[0]}</a>'


def anchor(word: str) -> str:
    """The id of a word's meaning.

    >>> anchor("front end")
    'word-front-end'
    """
    return f"word-{word.lower().replace(' ', '-')}"
