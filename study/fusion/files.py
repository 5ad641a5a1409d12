"""`results/<study>/ensemble/`: a fusion's record, path and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.files import csv_text, predictions_csv, replace_text, write_json
from study.fusion.costs import megabytes_of, milliseconds_of
from study.fusion.fuse import Fusion, References
from study.fusion.methods.rule import fuse_members
from study.fusion.methods.scorer import FusionScorer
from study.fusion.methods.selection import Selection
from study.fusion.sentences import fusion_sentences, methods_table, total_cost
from study.fusion.study_candidates import Candidate
from study.results import StudyResults

FORMAT = 1


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
    pairs = fusion.diversity
    record = ensemble_record(
        fusion.selection,
        candidates,
        references=fusion.references,
        identity=fusion.library.identity.to_json(),
    )
    ranking = FusionScorer(fusion.library.devel, fusion.library.pool.labels).ranking()
    return record | {
        "candidates": [
            {"trials": candidates[i].trials, "uar": candidates[i].uar}
            for i in ranking
            if not candidates[i].imported
        ],
        "rule": None if fusion.selection.rule.plain else fusion.selection.rule.to_json(),
        "decision": None if fusion.decision is None else fusion.decision.to_json(),
        "honest": fusion.honest.to_json(),
        "best_of": None if fusion.best_of is None else fusion.best_of.to_json(),
        "diversity": {
            "disagreement": _known(pairs.disagreement),
            "q": _known(pairs.q),
            "pairwise_disagreement": pairs.pairwise_disagreement.tolist(),
        },
        "costs": {
            "megabytes": total_cost(megabytes, members),
            "milliseconds": total_cost(milliseconds, members),
        },
        "methods": methods_table(fusion, megabytes, milliseconds),
        "sentences": fusion_sentences(fusion),
    }


def ensemble_record(
    selection: Selection,
    candidates: Sequence[Candidate],
    *,
    references: References,
    identity: Mapping[str, Any],
) -> dict[str, Any]:
    """What a selection is to `ensemble.json`.

    A member that stands for several seeds becomes one entry per trial, with its weight divided
    among them: the weighted average over the entries is the fusion, and the weights sum to 1 over
    members and imported systems.

    Args:
        selection: The fusion.
        candidates: All candidates, in the order they were selected from.
        references: Best single, uniform and top-k average.
        identity: Of the probabilities (`Identity.to_json()`).
    """
    members, imported = [], []
    weighted = zip(selection.members, selection.weights, strict=True)
    for position, (member, weight) in enumerate(weighted):
        one = candidates[member]
        entry = {"name": one.name, "weight": weight, "uar": one.uar, "candidate": position}
        if one.imported:
            imported.append(entry)
        entry = entry | {"weight": weight / max(1, len(one.trials))}
        members += [{"trial": trial, **entry} for trial in one.trials]
    trajectory = [
        {"n": s.n, **candidates[s.member].about(), "uar": s.uar} for s in selection.trajectory
    ]
    best = candidates[references.best_single.members[0]]
    return {
        "format": FORMAT,
        "method": selection.method,
        "uar": selection.uar,
        "members": members,
        "imported": imported,
        "trajectory": trajectory,
        "references": {
            "best_single": {**best.about(), "uar": references.best_single.uar},
            "uniform": {"uar": references.uniform.uar, "n": len(references.uniform.members)},
            "top_k": {"uar": references.top_k.uar, "k": len(references.top_k.members)},
        },
        "n_candidates": len(candidates),
        "identity": dict(identity),
        "apparent": True,
    }


def write_fusion(fusion: Fusion, results: StudyResults, record: dict[str, Any]) -> Path:
    """Write `ensemble/`: the record of `record_of`, its path, devel and test predictions."""
    folder = results.folder / "ensemble"
    folder.mkdir(exist_ok=True)
    columns = ("n", "trial", "name", "uar")
    rows = [[step.get(column) for column in columns] for step in record["trajectory"]]
    replace_text(folder / "trajectory.csv", csv_text([columns, *rows]))
    _write_predictions(results, "devel", fusion.selection.scores(fusion.library.devel), folder)
    if fusion.library.test:
        _write_predictions(results, "test", _test(fusion), folder)
    write_json(folder / "ensemble.json", record)
    return folder


def _test(fusion: Fusion) -> NDArray[np.float64]:
    """Return the fusion's test probabilities (clips, classes) from the members' own."""
    values, weights, positions = [], [], []
    chosen = zip(fusion.selection.members, fusion.selection.weights, strict=True)
    for position, (member, weight) in enumerate(chosen):
        candidate = fusion.library.candidates[member]
        keys = (candidate.name,) if candidate.imported else candidate.trials
        values += [fusion.library.test_of(key) for key in keys]
        weights += [weight / len(keys)] * len(keys)
        positions += [position] * len(keys)
    rule = fusion.selection.rule
    return fuse_members(values, weights, positions, None if rule.plain else rule)


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


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
