"""Names of speakers and classes that are one name in two spellings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

_SPACE = re.compile(r"\s+")
_ENDING = re.compile(r"\.[a-z][a-z0-9]{0,5}$")  # of a file; ".1" belongs to its name
_WHOLE = re.compile(r"([+-]?[0-9]+)\.0+")
_NUMBER = re.compile(r"\+?(-?)0*([0-9]+?)(?:\.([0-9]*?)0*)?")  # sign, whole, rest
# Joiners, marks of direction, soft hyphens (Cf), selectors of a glyph, and letters without ink.
_UNSEEN = re.compile(r"[\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")


@lru_cache(maxsize=10_000)  # a corpus has few names and many clips
def seen(text: str) -> str:
    r"""What a person sees of a name: without invisible characters and white space around it.

    >>> seen(" Anna\u00a0 B.\u200b"), seen("e\u0301") == "\u00e9"
    ('Anna B.', True)
    """
    inked = (c for c in _UNSEEN.sub("", text) if c.isspace() or unicodedata.category(c) != "Cf")
    return _SPACE.sub(" ", unicodedata.normalize("NFC", "".join(inked))).strip()


def difference(one: str, other: str, *, numbers: bool) -> str | None:
    """What alone tells two names apart where they look the same; None where they do not.

    Args:
        one: A name.
        other: Another.
        numbers: Whether 1.0 and 1 are the same, as pandas writes a column with gaps.

    >>> difference("a ", "a", numbers=False), difference("1.0", "1", numbers=True)
    ('white space', 'a decimal point')
    """
    if _bare(one, numbers) != _bare(other, numbers):
        return None
    if _SPACE.sub("", one) == _SPACE.sub("", other):
        return "white space"
    composed = [unicodedata.normalize("NFC", _SPACE.sub("", name)) for name in (one, other)]
    if composed[0] == composed[1]:
        return "their Unicode form"
    return "characters that nobody sees" if seen(one) == seen(other) else "a decimal point"


def same_names(names: Iterable[str], *, numbers: bool) -> Iterator[tuple[str, str, str]]:
    """Names that look the same: the first, another, and what alone tells them apart."""
    first: dict[str, str] = {}
    for name in sorted(names):
        before = first.setdefault(_bare(name, numbers), name)
        if before != name and (what := difference(before, name, numbers=numbers)) is not None:
            yield before, name, what


def alike_names(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of names that differ in case, width of letters or how a number is written alone.

    >>> alike_names(["Zero", "zero", "one", "01", "1.0", "-1", "10", "1.5", "1.50"])
    [('01', '1.0'), ('1.5', '1.50'), ('Zero', 'zero')]
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        plain = unicodedata.normalize("NFKC", seen(name)).casefold()
        number = _NUMBER.fullmatch(plain)
        same = ".".join(filter(None, [number[1] + number[2], number[3]])) if number else plain
        groups.setdefault(same, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The one name that differs from another in case, Unicode form or its ending alone; or None.

    >>> nearest_name("a.wav", ["b.wav", "a.WAV"]), nearest_name("a", ["a.wav", "ab.wav"])
    ('a.WAV', 'a.wav')
    """
    others = {other: _folded(other) for other in names if other != name}
    own = _folded(name)
    found = [other for other, plain in others.items() if plain == own]
    if not found:
        stem = _ENDING.sub("", own)
        found = [other for other, plain in others.items() if _ENDING.sub("", plain) == stem]
    return found[0] if len(found) == 1 else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _bare(name: str, numbers: bool) -> str:
    plain = seen(name)
    whole = _WHOLE.fullmatch(plain) if numbers else None
    return whole[1] if whole else plain
