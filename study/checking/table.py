"""A corpus's clips as columns: what the findings of `spectune check` are made from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.corpus.layouts.names import PARTITIONS


class ClipTable(NamedTuple):
    """One entry per clip, in the order of the label files."""

    names: tuple[str, ...]  # file names as the label files have them
    # None where blind; of a test clip the label that is on disk, if any
    labels: tuple[str | None, ...]
    partition: NDArray[np.int64]  # position in `PARTITIONS`, -1 where there is none
    speakers: tuple[str | None, ...]  # None where not known
    facts: NDArray[np.void]  # rows of `study.checking.facts.FACTS`
    # size in bytes and mtime in ns, -1 where there is no file, shape `(clips, 2)`
    stamps: NDArray[np.int64]
    outside: NDArray[np.bool_]  # whether the file may not be opened or is not there

    def here(self, partition: str) -> NDArray[np.bool_]:
        """Which clips are in a partition."""
        inside: NDArray[np.bool_] = self.partition == PARTITIONS.index(partition)
        return inside

    @property
    def heard(self) -> NDArray[np.bool_]:
        """Which clips have sound that could be measured."""
        facts = self.facts
        usable: NDArray[np.bool_] = (
            (facts["fault"] == b"") & (facts["frames"] > 0) & (facts["bad"] == 0)
        )
        return usable

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Length of every clip; 0 where it could not be read."""
        lengths: NDArray[np.float64] = self.facts["frames"] / np.maximum(self.facts["rate"], 1)
        return lengths


def codes_of(values: Any) -> NDArray[np.int64]:
    """Whole numbers from 0 for equal values, None as -1.

    >>> codes_of(["b", None, "a", "b"]).tolist()
    [1, -1, 0, 1]
    """
    places = {value: n for n, value in enumerate(sorted({v for v in values if v is not None}))}
    return np.array([-1 if v is None else places[v] for v in values], np.int64)
