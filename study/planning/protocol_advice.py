"""Who should judge the trials of a corpus: devel, or every labelled clip in folds of speakers?

The error of a UAR is known before anything is trained, from how many clips and speakers give it.
Where few devel speakers leave it wide, choosing among trials is luck; `kfold` and `loso` judge on
train too, and their networks hear more of the labelled clips, for as many trainings as folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus
from study.planning.cross_validation import deal_folds, protocol_partitions

N_FOLDS = 5
FEW_SPEAKERS = 6  # at most: each is a fold of its own
NARROW = 0.025  # half-width of a UAR's 95 % interval that needs no folds
MOST_CLIPS = 5000  # labelled ones, for which several trainings a trial are cheap
RECALL = 0.7  # before anything is known
# Correlation of hits within a speaker and class: 0.05 on simulated masks, 0.20 to 0.26 on spoken
# digits and acted emotions (docs/log.md, 29 November 2026).
WITHIN_SPEAKER = 0.15


@dataclass(frozen=True)
class Advice:
    """How a corpus should be judged.

    Args:
        protocol: As in study.yaml.
        reason: The figures behind it, in a sentence.
        caution: What a study of this corpus cannot tell; empty where it can.
    """

    protocol: str
    reason: str
    caution: str = ""


def uar_error(labels: ArrayLike, speakers: Sequence[str | None]) -> float:
    """Return half the width of the 95 % interval that a UAR of about 70 % will have, in [0, 1].

    SE^2 = 1/C^2 sum_c r (1 - r) / n_c * (1 + (m_c - 1) rho), with n_c clips of class c, m_c of them
    per speaker, recall r and the correlation rho of hits of one speaker (Kish, "Survey sampling",
    1965: the design effect of clusters). A clip without a speaker is one by itself.

    Args:
        labels: Classes, (clips,).
        speakers: Of the clips, None where not known.

    >>> labels = ["a", "b"] * 50
    >>> round(uar_error(labels, [None] * 100), 3)
    0.09
    >>> round(uar_error(labels, [str(i // 20) for i in range(100)]), 3)
    0.138
    """
    truth = np.asarray(labels)
    who = [(i,) if one is None else one for i, one in enumerate(speakers)]
    terms = []
    for label in np.unique(truth):
        clips = np.flatnonzero(truth == label)
        n = len(clips)
        per_speaker = n / len({who[i] for i in clips})
        design_effect = 1 + (per_speaker - 1) * WITHIN_SPEAKER
        terms.append(RECALL * (1 - RECALL) / n * design_effect)
    return float(1.96 * np.sqrt(np.sum(terms)) / len(terms))


def advise_protocol(corpus: Corpus) -> Advice:
    """Return the protocol for a corpus, with the reason.

    Args:
        corpus: With clips in train and devel.
    """
    sides = {
        name: [corpus.clips[i] for i in protocol_partitions(corpus, name)["devel"]]
        for name in ("holdout", "kfold")
    }
    errors = {
        name: uar_error([str(clip.label) for clip in clips], [clip.speaker for clip in clips])
        for name, clips in sides.items()
    }
    devel, pool = sides["holdout"], sides["kfold"]
    n_speakers = len({clip.speaker for clip in pool})
    reason = f"the {len(devel):,} devel clips tell UAR to within {_points(errors['holdout'])}"
    protocol = "loso" if n_speakers <= FEW_SPEAKERS else "kfold"
    if errors["holdout"] <= NARROW:
        return Advice("holdout", reason)
    if any(clip.speaker is None for clip in pool):
        lacking = "folds need the speakers of train and devel"
        return Advice("holdout", f"{reason}; {lacking}", _caution(errors["holdout"]))
    if len(pool) > MOST_CLIPS:
        folds = f"{protocol} to within {_points(errors['kfold'])}, for {N_FOLDS} times the training"
        return Advice("holdout", f"{reason}, {folds}", _caution(errors["holdout"]))
    try:
        positions = protocol_partitions(corpus, protocol)["devel"]
        deal_folds(corpus, positions, protocol=protocol, n_folds=N_FOLDS, seed=0)
    except InputError as error:
        return Advice("holdout", f"{reason}; {error.problems[0]}", _caution(errors["holdout"]))
    judged = f"all {len(pool):,} of {n_speakers} speakers to within {_points(errors['kfold'])}"
    return Advice(protocol, f"{judged}; {reason}", _caution(errors["kfold"]))


def _points(error: float) -> str:
    return f"{100 * error:.0f} points" if error >= 0.0095 else "a point"


def _caution(error: float) -> str:
    """What a UAR with this error cannot tell; empty where it is narrow."""
    if error <= NARROW:
        return ""
    return (
        f"trials whose UAR differs by less than about {_points(error)} cannot be told apart here,"
        " so a fusion stays near their average; more speakers help more than more trials"
    )
