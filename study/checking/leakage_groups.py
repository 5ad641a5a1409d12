"""What a label or a partition should not be guessable from: groups of measures, one row each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.checking.table import ClipTable, codes_of

Floats = NDArray[np.float64]


class Group(NamedTuple):
    """Measures that are probed together."""

    name: str  # as it is printed, after "from"
    of: Callable[[ClipTable], Floats]  # table -> measures, shape `(clips, measures)`
    # skill from which a guessable label matters; None where it is not probed. Skill is 0 at chance
    # and 1 where every guess is right
    label: float | None
    partition: float | None  # the same of a guessable partition


def _measured(*names: str) -> Callable[[ClipTable], Floats]:
    return lambda table: np.stack([table.facts[name].astype(np.float64) for name in names], 1)


def _duration(table: ClipTable) -> Floats:
    return np.log(np.maximum(table.seconds, 1e-3))[:, None]


def _file(table: ClipTable) -> Floats:
    """Rate, channels, bytes per sample without a WAV header of 44, and the formats one by one."""
    facts = table.facts
    size = (table.stamps[:, 0] - 44) / np.maximum(facts["frames"], 1)
    formats = codes_of(facts["format"].tolist())
    columns = [facts["rate"], facts["channels"], size, *np.eye(formats.max() + 1)[formats].T]
    return np.stack([np.asarray(column, np.float64) for column in columns], 1)


def _order(table: ClipTable) -> Floats:
    """Place in the order of file numbers, in the partition and per speaker, and their parity."""
    numbers = file_numbers(table.names)
    speakers = codes_of(table.speakers) + 1
    inside = table.partition * (speakers.max() + 1) + speakers
    places = [_place(numbers, group) for group in (table.partition, inside)]
    return np.stack([*places, *(place**2 for place in places), numbers % 2.0], 1)


def file_numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """The last number in each file's own name, 0 without one; folders and the rest may say labels.

    Times of files are not looked at: they say how a corpus was copied.

    >>> file_numbers(["yes/b_10.wav", "3_anna_9.wav#t=0,5", "a.mp3"]).tolist()
    [10, 9, 0]
    """
    own = (name.partition("#t=")[0].rpartition("/")[2].rpartition(".")[0] for name in names)
    found = (re.findall(r"[0-9]+", stem) for stem in own)
    return np.array([int(digits[-1][-18:]) if digits else 0 for digits in found], np.int64)


def _place(key: NDArray[np.int64], group: NDArray[np.int64]) -> Floats:
    """Place in the order of ``key`` within each group, from 0 to 1; equal keys share one."""
    place = np.zeros(len(key))
    for one in np.unique(group):
        here = group == one
        rank = np.unique(key[here], return_inverse=True)[1]
        place[here] = rank / max(int(rank.max()), 1)
    return place


# What classes may lawfully differ in, being said differently, matters only where it is blatant.
GROUPS: tuple[Group, ...] = (
    Group("level", _measured("level", "peak"), 0.1, 0.2),
    Group("noise floor", _measured("floor"), 0.1, 0.2),
    Group("the noise floor's spectral tilt", _measured("floor_tilt"), 0.2, 0.2),
    Group("leading and trailing silence", _measured("lead", "trail"), 0.1, 0.2),
    Group("spectral tilt", _measured("tilt", "highs"), 0.5, 0.2),
    Group("duration", _duration, 0.1, 0.2),
    Group("file format and size", _file, 0.1, 0.2),
    Group("order of file numbers", _order, 0.1, None),
)
