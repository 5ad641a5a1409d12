"""The words of the documentation are those of the report, and say what is there."""

import html.parser
import re
from pathlib import Path

import pytest

from reports.page import glossary
from reports.page.glossary import Glossary, anchor, meanings
from reports.report import page
from study.results import read_results

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "glossary.md"


def test_the_documentation_has_the_words_of_the_report():
    packaged = Path(glossary.__file__).with_name("templates") / "glossary.md"
    assert packaged.read_text("utf-8") == DOCS.read_text("utf-8")


def test_every_entry_is_read_in_alphabetical_order():
    words = list(meanings())
    assert len(words) == len(re.findall(r"^\*\*", DOCS.read_text("utf-8"), re.MULTILINE))
    assert words == sorted(words, key=str.lower)


@pytest.mark.parametrize("word", meanings())
def test_a_word_has_two_plain_sentences_and_a_place_that_is_there(word):
    meaning, place = meanings()[word]
    assert (ROOT / place).is_file()
    assert len(re.findall(r"[.](?: |$)", meaning)) == 2
    assert len(meaning.split()) < 60


def test_each_word_is_linked_where_it_is_first_used_and_its_meaning_stands_on_the_page(
    thirty_trials,
):
    text = page(read_results(thirty_trials))
    links = re.findall('<a class="word" href="#([^"]*)"', text)
    assert {"word-uar", "word-devel", "word-apparent", "word-fusion", "word-trial"} <= set(links)
    assert len(links) == len(set(links))
    ids = re.findall('<p class="meaning" id="([^"]*)"', text)
    assert set(links) <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_meaning_of_a_word_comes_with_the_meanings_of_the_words_in_it():
    used = Glossary()
    used.link("a rung")
    assert {"rung", "trial", "spec", "space"} <= set(used.used)


def test_text_around_words_stays_text():
    linked = Glossary().link('<img src=x onerror="a"> & 5 % UAR of a trialist')
    parser = html.parser.HTMLParser()
    tags = []
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)
    parser.feed(linked)
    assert tags == ["a"]
    assert "5\u00a0%" in linked
    assert f'href="#{anchor("UAR")}"' in linked
