"""Which fusion method? The default, unless another gains by one standard error."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.fusion_methods import COMPARED, DEFAULT, METHODS
from study.fusion_protocol import Fitted
from study.honest_folds import fold_splits, held_out_hits
from study.honest_library import Library, library_of
from study.speaker_counts import count_by_speaker, paired_difference, uar_of_counts

__all__ = ["MethodRow", "choose", "chosen", "compare_methods"]

INNER_FOLDS = 5


@dataclass(frozen=True)
class MethodRow:
    """A method in the table of `spectune ensemble --compare`; UAR in [0, 1].

    Args:
        method: Its name.
        uar: Nested UAR, on speakers it was not fitted on.
        gain: Paired difference to the default method.
        gain_se: Its standard error over speakers, None with fewer than 5.
    """

    method: str
    uar: float
    gain: float
    gain_se: float | None


def compare_methods(
    library: Library, *, methods: Sequence[str] = tuple(METHODS), n_folds: int = 10, seed: int = 0
) -> tuple[MethodRow, ...]:
    """Nested UAR of every method in the same folds, the default first.

    Args:
        library: Candidates with their epochs.
        methods: Keys of `METHODS`; the default is added where it is missing.
        n_folds: Most folds.
        seed: Of the folds.

    Raises:
        ValueError: When there are fewer than two clips, or a method is unknown.
    """
    names = [DEFAULT, *(name for name in methods if name != DEFAULT)]
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise ValueError(f"methods must be among {sorted(METHODS)}, got {unknown[0]!r}")
    units = library.units if library.n_units > 1 else np.arange(library.labels.size)
    folds = fold_splits(library.labels, units, n_folds=n_folds, seed=seed)
    hits = held_out_hits(library, {name: METHODS[name] for name in names}, folds)
    counts = {
        name: count_by_speaker(library.labels, values, library.units)
        for name, values in hits.items()
    }
    rows = []
    for name, count in counts.items():
        gain, error = paired_difference(count, counts[DEFAULT])
        uar = float(uar_of_counts(count.hits.sum(axis=0), count.totals.sum(axis=0)))
        rows.append(MethodRow(name, uar, gain, error))
    return tuple(rows)


def choose(rows: Sequence[MethodRow]) -> str:
    """The default, unless a method gains at least one standard error; then the best of those.

    The references (best single, uniform, top-k) are told in the table and never chosen.
    """
    better = [
        row
        for row in rows
        if row.method in COMPARED and row.gain_se is not None and row.gain > 0
        if row.gain >= row.gain_se
    ]
    return max(better, key=lambda row: row.gain).method if better else DEFAULT


def chosen(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
) -> Fitted:
    """A method like the others that first chooses among them, by folds within its clips.

    Its honest estimate therefore includes the choice of the method.
    """
    units = np.unique(speakers, return_inverse=True)[1]
    name = DEFAULT
    if units.max() > 0:
        library = library_of(
            [values[None] for values in probabilities], labels, units, families=families
        )
        name = choose(compare_methods(library, methods=COMPARED, n_folds=INNER_FOLDS))
    return METHODS[name](probabilities, labels, speakers=speakers, families=families)
