"""What a person is asked about labels: whether they are classes at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from study.text import first_of, plural

_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")
_BETWEEN = re.compile(r"\s*[;,|/&+]\s*")


def label_questions(clips: Mapping[str, int], *, most_numbers: int = 2) -> list[str]:
    """Return questions: are these numbers on a scale, and does a cell hold several labels?

    Args:
        clips: Number of clips by label.
        most_numbers: As many different whole numbers are classes without a question.

    >>> label_questions({"1.5": 3, "2": 4, "3": 1})[0].partition(": ")[0]
    '3 labels are numbers from 1.5 to 3'
    >>> label_questions({"angry": 3, "sad": 4, "angry;sad": 1})
    ["1 label seems to hold several, 'angry;sad' (1 clip): a clip has one class; is that one?"]
    >>> label_questions({"0": 3, "1": 4}), label_questions({"yes/no": 3, "maybe": 4})
    ([], [])
    """
    if all(_NUMBER.fullmatch(label.strip()) for label in clips):
        return _scale(clips, most_numbers)
    parts = {label: _BETWEEN.split(label.strip()) for label in clips}
    seen = Counter(part for own in parts.values() for part in {*own})
    several = [
        f"{label!r} ({plural(clips[label], 'clip')})"
        for label, own in sorted(parts.items())
        if len(own) > 1 and all(own) and any(seen[part] > 1 for part in own)
    ]
    if not several:
        return []
    seem = "1 label seems" if len(several) == 1 else f"{len(several)} labels seem"
    which = f"{first_of(several, 3)}: a clip has one class; is that one?"
    return [f"{seem} to hold several, {which}"]


def _scale(clips: Mapping[str, int], most_numbers: int) -> list[str]:
    values = sorted(float(label.strip().replace(",", ".")) for label in clips)
    whole = all(value.is_integer() for value in values)
    if len(values) <= (most_numbers if whole else 2):
        return []
    return [
        f"{len(values):,} labels are numbers from {values[0]:g} to {values[-1]:g}: each is a class"
        " of its own, without an order; if they are on a scale, make classes of it, such as low"
        " and high"
    ]
