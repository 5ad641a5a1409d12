"""The words that a page uses and a textbook does not have, with what they mean here.

Their meanings stand in `docs/glossary.md`, a copy of which lies in `templates/`.
"""

from __future__ import annotations

import re
from pathlib import Path

from markupsafe import Markup, escape

from reports.page.text import unbroken

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
    >>> list(glossary.used)[:3]  # and of the words in its meaning
    ['rung', 'trial', 'spec']
    """

    def __init__(self) -> None:
        self._meanings = meanings()
        longest_first = sorted(map(re.escape, self._meanings), key=len, reverse=True)
        self._words = re.compile(rf"\b({'|'.join(longest_first)})s?\b", re.IGNORECASE)
        self._names = {word.lower(): word for word in self._meanings}
        self._linked: set[str] = set()
        self.used: dict[str, str] = {}

    def link(self, text: str) -> Markup:
        """The text as HTML, with a link at each word that has none on the page yet."""
        return Markup(self._words.sub(self._link, str(escape(unbroken(text)))))

    def _link(self, found: re.Match[str]) -> str:
        word = self._names[found[1].lower()]
        if word in self._linked:
            return found[0]
        self._linked.add(word)
        self._define(word)
        return f'<a class="word" href="#{anchor(word)}">{found[0]}</a>'

    def _define(self, word: str) -> None:
        """Take the meaning of a word to those that are used, and of the words in it."""
        if word not in self.used:
            self.used[word] = meaning = self._meanings[word][0]
            for found in self._words.finditer(meaning):
                self._define(self._names[found[1].lower()])


def anchor(word: str) -> str:
    """The id of a word's meaning.

    >>> anchor("front end")
    'word-front-end'
    """
    return f"word-{word.lower().replace(' ', '-')}"
