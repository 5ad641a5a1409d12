"""Single clips: what a network hears of them, and where its map lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reports.explain.explained import Explained
from reports.explain.maps import KINDS, Mapper
from reports.explain.subject import Subject

MOST_EXAMPLES = 4
LEVELS = 100  # an image is stored in whole per cents of its range

Floats = NDArray[np.floating]


def examples(
    explained: Explained,
    mappers: Sequence[Mapper],
    intact: Floats,
    chosen: Sequence[int],
    subject: Subject,
) -> list[dict[str, Any]]:
    """Return one clip of each of the first classes, with its image and the map over it.

    Of the first window of a clip. Shown is the clip that is typical of the recognised ones of its
    class: whose probability is their median.

    Args:
        explained: Networks and clips.
        mappers: What maps each network has; shown is that of the network with the highest UAR
            on these clips of those that have class activation maps.
        intact: Probabilities, (networks, clips, classes).
        chosen: Position of each clip among the inputs', (clips,).
        subject: The clips.
    """
    inputs, labels = explained.inputs, subject.labels
    uars = {n: subject.interval(intact[n]) for n, m in enumerate(mappers) if m.how == "cam"}
    if not uars:
        return []
    shown = max(uars, key=lambda n: uars[n].uar)
    mapper, probabilities = mappers[shown], intact[shown]
    found = []
    for code in range(min(len(inputs.classes), MOST_EXAMPLES)):
        clip = _typical(probabilities, labels, code)
        if clip is None:
            continue
        window = int((explained.views.rows == clip).nonzero()[0, 0])
        here = slice(window, window + 1)
        waves = explained.waveforms.gather(
            explained.views.clips[here], explained.views.starts[here]
        )
        label = torch.tensor([code], device=waves.device)
        model = explained.hold(explained.folds[clip])[shown]
        maps = mapper.maps(model, waves, label, len(inputs.classes))
        kind = next(kind for kind in KINDS if kind in maps)
        with torch.no_grad():
            image = model.front_end(waves)[0]
        found.append(
            {
                "file_name": inputs.file_names[chosen[clip]],
                "class": inputs.classes[code],
                "speaker": None if inputs.speakers is None else inputs.speakers[chosen[clip]],
                "probability": round(float(probabilities[clip, code]), 4),
                "trial": mapper.network.trial,
                "uar": round(uars[shown].uar, 4),
                "above_chance": subject.above_chance(uars[shown]),
                "kind": kind,
                "seconds": inputs.clip_seconds,
                "centres_hz": [round(hz, 1) for hz in mapper.centres[0]],
                "image": _levels(image[0]),
                "map": _levels(maps[kind][0]),
                "map_offset": round(mapper.offsets.get(kind, 0.0), 4),
            }
        )
    return found


def _typical(probabilities: Floats, labels: NDArray[np.intp], code: int) -> int | None:
    """Return the recognised clip of a class whose probability is the median; None without one."""
    right = np.flatnonzero((labels == code) & (probabilities.argmax(1) == code))
    if not right.size:
        return None
    order = right[np.argsort(probabilities[right, code], kind="stable")]
    return int(order[order.size // 2])


def _levels(values: torch.Tensor) -> list[list[int]]:
    """Return a picture (rows, columns) in whole numbers from 0 (lowest) to `LEVELS`."""
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low).clamp_min(1e-20) * LEVELS
    rows: list[list[int]] = scaled.round().int().tolist()
    return rows
