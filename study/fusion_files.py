"""`results/<study>/ensemble/`: a fusion's record, path and predictions."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.ensemble_record import Candidate
from study.fusion import Fusion
from study.fusion_costs import megabytes_of, milliseconds_of
from study.fusion_rule import fuse_members
from study.fusion_told import fusion_sentences, methods_table
from study.results import StudyResults
from study.tables import predictions_csv
from study.whole_files import replace_text, write_json

__all__ = ["record_of", "write_fusion"]


def record_of(fusion: Fusion, results: StudyResults, *, measure: bool) -> dict[str, Any]:
    """Return the content of `ensemble.json`; the caller holds the study's lock.

    Args:
        fusion: The fusion.
        results: Its study.
        measure: Whether to measure how long a clip takes; always done for compared methods.
    """
    candidates, members = fusion.library.candidates, list(fusion.selection.members)
    megabytes = megabytes_of(results, candidates)
    milliseconds = np.full(len(candidates), np.nan)
    if fusion.methods:
        milliseconds = milliseconds_of(results, candidates)
    elif measure:
        milliseconds = milliseconds_of(results, candidates, members)
    costs = {
        name: None if np.isnan(values[members]).any() else float(values[members].sum())
        for name, values in (("megabytes", megabytes), ("milliseconds", milliseconds))
    }
    return fusion.record | {
        "costs": costs,
        "methods": methods_table(fusion, megabytes, milliseconds),
        "sentences": fusion_sentences(fusion),
    }


def write_fusion(fusion: Fusion, results: StudyResults, record: dict[str, Any]) -> Path:
    """Write `ensemble/`: the record of `record_of`, its path, devel and test predictions."""
    folder = results.folder / "ensemble"
    folder.mkdir(exist_ok=True)
    rows = io.StringIO()
    writer = csv.DictWriter(rows, ["n", "trial", "name", "uar"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(record["trajectory"])
    replace_text(folder / "trajectory.csv", rows.getvalue())
    _write_predictions(results, "devel", fusion.scores(fusion.library.devel), folder)
    if fusion.library.test:
        _write_predictions(results, "test", _test(fusion), folder)
    write_json(folder / "ensemble.json", record)
    return folder


def _test(fusion: Fusion) -> NDArray[np.float64]:
    """Return the fusion's test probabilities (clips, classes) from the members' own."""
    values, weights, places = [], [], []
    chosen = zip(fusion.selection.members, fusion.selection.weights, strict=True)
    for place, (member, weight) in enumerate(chosen):
        keys = _keys(fusion.library.candidates[member])
        values += [fusion.library.test_of(key) for key in keys]
        weights += [weight / len(keys)] * len(keys)
        places += [place] * len(keys)
    return fuse_members(values, weights, places, None if fusion.rule.plain else fusion.rule)


def _keys(candidate: Candidate) -> tuple[int | str, ...]:
    return (candidate.name,) if candidate.imported else candidate.trials


def _write_predictions(
    results: StudyResults, partition: str, values: NDArray[np.float64], folder: Path
) -> None:
    clips = results.partitions[partition].clips
    text = predictions_csv(
        [clip.file_name for clip in clips],
        [clip.label or "" for clip in clips],
        results.classes,
        values,
    )
    replace_text(folder / f"predictions_{partition}.csv", text)
