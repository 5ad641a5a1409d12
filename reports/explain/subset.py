"""Which clips are explained where not all can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


def stratified(
    labels: ArrayLike, speakers: Sequence[str] | None, *, n: int, seed: int
) -> NDArray[np.intp]:
    """Choose clips so that each class and each speaker in it comes in turn.

    Args:
        labels: Class indices, (clips,).
        speakers: Speaker of each clip, (clips,); None where one is unknown.
        n: How many; all where there are no more.
        seed: Of the order within a class and speaker.

    Returns:
        Positions, rising.

    >>> stratified([0, 0, 0, 1, 1], ["a", "a", "b", "a", "a"], n=3, seed=0).size
    3
    """
    classes = np.asarray(labels)
    if n >= classes.size:
        return np.arange(classes.size)
    order = np.random.default_rng(seed).permutation(classes.size)
    names = [""] * classes.size if speakers is None else speakers
    clips = pd.DataFrame({"label": classes, "speaker": names}).iloc[order]
    clips["turn"] = clips.groupby(["label", "speaker"]).cumcount()
    # Within a turn over all cells the classes come in turn too, however many speakers one has.
    clips["place"] = clips.groupby(["label", "turn"]).cumcount()
    within = np.lexsort((clips["place"], clips["turn"]))
    return np.sort(order[within[:n]])
