"""What the fusion gains or loses by leaving a member out, the others keeping their weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from study.fusion.methods.rule import FusionRule, fuse_members
from study.fusion.stored import stored_rule
from study.metrics import uar_of_probabilities
from study.results import Ensemble, StudyResults
from study.results.ensemble_json import ImportedMember, Member
from study.results.predictions import trial_predictions
from study.results.probabilities import load_devel


def members_of(ensemble: Ensemble) -> tuple[Member | ImportedMember, ...]:
    """Every network, then every imported system."""
    return (*ensemble.members, *ensemble.imported)


def places(ensemble: Ensemble) -> list[int]:
    """The place in the fusion's rule of every one of `members_of`."""
    return [
        place if member.candidate is None else member.candidate
        for place, member in enumerate(members_of(ensemble))
    ]


def left_out(results: StudyResults) -> dict[int, float]:
    """The change of devel UAR when a candidate is left out, by its place in the fusion's rule.

    Both UARs are before the fusion's temperature and bias, which were fitted to all members.
    Empty where a member's probabilities are no longer on disk, where there is but one, and of
    stacking, whose coefficients belong together.

    Raises:
        InputError: If a file is damaged.
    """
    ensemble, devel = results.ensemble, results.partitions.get("devel")
    if ensemble is None or devel is None:
        return {}
    own, values = places(ensemble), _member_probabilities(results)
    if values is None or len(set(own)) < 2:
        return {}
    weights = [member.weight for member in members_of(ensemble)]
    shares = tuple(np.bincount(own, weights).tolist())
    rule = stored_rule(ensemble, len(results.classes)) or FusionRule("average", shares)
    if rule.kind == "stacking":
        return {}
    rule = replace(rule, decision=None)
    rows = [row for row, clip in enumerate(devel.clips) if clip.label in results.classes]
    labels = [results.classes.index(str(devel.clips[row].label)) for row in rows]

    def uar(without: int | None) -> float:
        kept = [i for i, place in enumerate(own) if place != without]
        fused = fuse_members(
            [values[i][rows] for i in kept],
            [weights[i] for i in kept],
            [own[i] - (without is not None and own[i] > without) for i in kept],
            rule if without is None else rule.without([without]),
        )
        return float(uar_of_probabilities(fused, labels))

    whole = uar(None)
    return {place: uar(place) - whole for place in sorted(set(own))}


def _member_probabilities(results: StudyResults) -> list[NDArray[np.floating]] | None:
    """Of every network, then of every imported system, (clips, classes); None if one is gone."""
    ensemble, by_number = results.ensemble, {trial.number: trial for trial in results.trials}
    if ensemble is None:
        return None
    trials = [by_number.get(member.trial) for member in ensemble.members]
    files = [results.folder / "imports" / one.name / "devel.npy" for one in ensemble.imported]
    kept = [t for t in trials if t is not None and t.file("devel.npy").is_file()]
    if len(kept) < len(trials) or not all(file.is_file() for file in files):
        return None
    size = {"clips": len(results.partitions["devel"].clips), "classes": len(results.classes)}
    imported = [load_devel(file, epochs=1, **size)[0] for file in files]
    own = [trial_predictions(results, trial, "devel").probabilities for trial in kept]
    return [*own, *imported]
