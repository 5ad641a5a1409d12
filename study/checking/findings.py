"""Every kind of finding with the rule that it breaks, and what was found of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MOST_NAMES = 100  # that are kept; the count is of all

AREAS = (
    "label files",
    "audio",
    "copies",
    "partitions",
    "leakage",
)  # in the order of a report
KINDS: dict[str, tuple[str, str]] = {  # kind -> area and the rule that was broken
    "label file": ("label files", "label files must be as their layout says"),
    "missing": ("label files", "a listed clip must be a file on disk"),
    "outside": ("label files", "a clip must lie inside the corpus folder"),
    "listed twice": ("label files", "a clip must be listed once"),
    "no partition": ("label files", "a clip must be in train, devel or test"),
    "unlabelled": ("label files", "a clip of train or devel must have a label"),
    "unknown label": ("label files", "a label of devel or test must be a class of train"),
    "alike": ("label files", "names should differ in more than case or a number's form"),
    "odd labels": ("label files", "labels must be classes"),
    "no speaker": ("label files", "where speakers are known, each clip should have one"),
    "unlisted": ("label files", "audio on disk should be listed"),
    "left out": ("label files", "what there is to hear should be a clip, or lie elsewhere"),
    "unreadable": ("audio", "a file must be audio that can be decoded"),
    "empty": ("audio", "a clip must have samples"),
    "not finite": ("audio", "samples must be finite"),
    "truncated": ("audio", "a file must be as long as its header says"),
    "segment": ("audio", "a segment must end where its file does, or before"),
    "silent": ("audio", "a clip must not be silent (peak below -66 dB of full scale)"),
    "cancelled": ("audio", "channels must not cancel each other (the loudest alone is heard then)"),
    "clipped": ("audio", "peaks must not be cut flat (for 0.1 % of the samples)"),
    "DC": ("audio", "the mean must be near zero (below 5 % of the peak)"),
    "rate": ("audio", "files should have one sampling rate"),
    "channels": ("audio", "files should have one number of channels"),
    "changed": ("audio", "a file must not change while its size and time do not"),
    "changed since": ("audio", "a file must be what it was when the study began"),
    "equal": ("copies", "no audio should be in a partition twice"),
    "equal across": ("copies", "no audio may be in two partitions"),
    "overlap": ("copies", "no two partitions may have the same time of a file"),
    "near-duplicate": ("copies", "no recording may be in two partitions, however processed"),
    "absent class": ("partitions", "every class should be in every partition with labels"),
    "shared speaker": ("partitions", "a speaker should be in one partition"),
    "voice and class": ("leakage", "a speaker should say several classes"),
    "leakage": ("leakage", "label and partition must not be guessable from the recording"),
}


class Finding(NamedTuple):
    """All cases of one kind."""

    kind: str  # a key of `KINDS`
    area: str  # where it belongs, of `AREAS`
    rule: str  # what was broken
    cases: int  # how many
    names: tuple[str, ...]  # the first of them, at most `MOST_NAMES`


def found(kind: str, names: Sequence[str]) -> list[Finding]:
    """One finding, or none where there is no case.

    >>> found("missing", ["a.wav"])[0].rule
    'a listed clip must be a file on disk'
    >>> found("missing", [])
    []
    """
    area, rule = KINDS[kind]
    return [Finding(kind, area, rule, len(names), tuple(names[:MOST_NAMES]))] if names else []
