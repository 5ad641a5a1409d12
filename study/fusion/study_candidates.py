"""The candidates of a study's fusion: its trials and the systems that were imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.files import mapping
from study.fusion.methods.absent import absent_classes
from study.fusion.prediction_csv import OUT_OF_FOLD
from study.honest import CandidateEpochs
from study.metrics import uar_of_probabilities
from study.results import StudyResults, TrialRecord
from study.results.import_json import ImportedRecord
from study.results.probabilities import (
    Identity,
    check_joinable,
    labels_of,
    load_devel,
    load_test,
    speakers_of,
)


@dataclass(frozen=True)
class Candidate:
    """What a candidate of the selection stands for.

    Args:
        trials: Numbers of its trials; several are repeated seeds of one spec.
        name: As in `result.json`, like "linear-3win resnet18".
        uar: Its own devel UAR, in [0, 1].
        imported: Whether it is another tool's system; it has no trials then.
    """

    trials: tuple[int, ...]
    name: str
    uar: float
    imported: bool = False

    def label(self) -> str:
        """As a person reads it.

        >>> Candidate((7, 9), "linear resnet18", 0.7).label()
        '007 linear resnet18 (2 trainings)'
        """
        if self.imported:
            return f"imported {self.name}"
        n = len(self.trials)
        return f"{self.trials[0]:03d} {self.name}{f' ({n} trainings)' if n > 1 else ''}"

    def about(self) -> dict[str, Any]:
        """How records name it: by its first trial, or by name alone when it was imported."""
        named = {"name": self.name}
        return named if self.imported else {"trial": self.trials[0], **named}


@dataclass(frozen=True)
class StudyCandidates:
    """All that a fusion may be selected from.

    Args:
        candidates: What each stands for; repeated seeds of one spec are one.
        pool: The probabilities of every epoch, with labels and speakers: the honest value chooses
            the best epochs again.
        devel: Probabilities at the best epochs, (candidates, clips, classes).
        identity: Of the probabilities.
        test: Files of test probabilities by trial number or imported name; empty where the
            corpus has no test partition.
        n_trials: Trials among the rows of `pool`; they come before imported systems.
        baseline: Row of `pool.trials` of the first baseline, None without one.
        left_out: Sentences on the trials and imported systems that are no candidates.
    """

    candidates: tuple[Candidate, ...]
    pool: CandidateEpochs
    devel: NDArray[np.float64]
    identity: Identity
    test: Mapping[int | str, Path]
    n_trials: int
    baseline: int | None = None
    left_out: tuple[str, ...] = ()

    @property
    def n_speakers(self) -> int | None:
        """Number of devel speakers, None when unknown."""
        return self.pool.n_groups if self.pool.has_speakers else None

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes without a devel clip, which devel cannot judge."""
        found = absent_classes(self.pool.labels, len(self.identity.classes))
        return tuple(self.identity.classes[index] for index in found)

    def test_of(self, key: int | str) -> NDArray[np.float32]:
        """Test probabilities, (clips, classes), of a trial or an imported system.

        Raises:
            InputError: If the file is damaged.
        """
        clips = self.identity.partitions["test"].n
        return load_test(self.test[key], clips=clips, classes=len(self.identity.classes))


def read_library(results: StudyResults, *, only_trials: bool = False) -> StudyCandidates | None:
    """Return the candidates of a study, or None where no trial has ended with a UAR.

    Args:
        results: The study.
        only_trials: Leave imported systems out: what they cost is not known.

    Raises:
        InputError: If a file is damaged or belongs to another study.
    """
    ranked = [trial for trial in results.trials if trial.ranked]
    if not ranked:
        return None
    trials = [trial for trial in ranked if _is_trained(trial)] or ranked
    identity = _same_identity(trials)
    labels = labels_of(results)
    sizes = {"clips": len(labels), "classes": len(results.classes)}
    imports, left_out = _usable(results, identity, only_trials=only_trials)
    if n_short := len(ranked) - len(trials):
        are = "1 trial is" if n_short == 1 else f"{n_short} trials are"
        left_out = (f"{are} no candidate: stopped before half of the training", *left_out)
    epochs = []
    for trial in trials:
        path, n = trial.file("devel.npy"), len(trial.uar_per_epoch)
        epochs.append(load_devel(path, epochs=n, **sizes)[-1 if _keeps_last(trial) else 0 :])
    epochs += [load_devel(one.folder / "devel.npy", epochs=1, **sizes) for one in imports]
    digests: list[object] = [trial.spec_digest or trial.number for trial in trials]
    pool = CandidateEpochs.from_probabilities(
        epochs,
        labels,
        speakers_of(results),
        families=[*(str(trial.family) for trial in trials), *(f"import {i.name}" for i in imports)],
        spec_digests=[*digests, *(("import", one.name) for one in imports)],
    )
    best = [0 if _keeps_last(trial) else (trial.best_epoch or 1) - 1 for trial in trials]
    devel = pool.predictions_at(np.array(best + [0] * len(imports), dtype=np.intp))
    uars = uar_of_probabilities(devel, labels)
    n = len(trials)
    candidates = tuple(
        Candidate((), imports[group[0] - n].name, float(uar), imported=True)
        if group[0] >= n
        else Candidate(tuple(trials[i].number for i in group), trials[group[0]].name, float(uar))
        for group, uar in zip(pool.seeds, uars, strict=True)
    )
    tests: dict[int | str, Path] = {}
    if "test" in identity.partitions:
        tests = {trial.number: trial.file("test.npy") for trial in trials}
        tests |= {one.name: one.folder / "test.npy" for one in imports}
    baselines = [i for i, trial in enumerate(trials) if trial.origin.startswith("baseline")]
    return StudyCandidates(
        candidates,
        pool,
        devel,
        identity,
        tests,
        len(trials),
        baselines[0] if baselines else None,
        left_out,
    )


def _is_trained(trial: TrialRecord) -> bool:
    """Whether a trial has half of its training: what was stopped earlier is worse than it looks."""
    return trial.epochs is None or 2 * len(trial.uar_per_epoch) >= trial.epochs


def _keeps_last(trial: TrialRecord) -> bool:
    """Whether a trial gives its last epoch's weights: there is no epoch to choose then."""
    return mapping(trial.spec.get("recipe")).get("keep") == "last"


def _same_identity(trials: Sequence[TrialRecord]) -> Identity:
    """Identity of all trials' probabilities, seeds apart."""
    identities = [Identity.from_json(trial.identity) for trial in trials]
    for trial, identity in zip(trials, identities, strict=True):
        names = f"trial {trials[0].number}", f"trial {trial.number}"
        check_joinable(identities[0], identity, names=names)
    return identities[0]


def _usable(
    results: StudyResults, identity: Identity, *, only_trials: bool
) -> tuple[list[ImportedRecord], tuple[str, ...]]:
    """Imported systems that predicted the same clips, and a sentence for each other one."""
    usable, left_out = [], []
    expected = {n: part.digest for n, part in identity.partitions.items() if n != "train"}
    for one in results.imports:
        found = {name: part["digest"] for name, part in one.partitions.items()}
        lacking = [name for name in expected if name not in found]
        other = [name for name in expected if name in found and found[name] != expected[name]]
        if only_trials:
            reason = (
                "ensemble.max_mb and ensemble.max_ms need costs, and those of an imported system "
                "are not known"
            )
        elif results.protocol != "holdout" and one.trained_on != (OUT_OF_FOLD,):
            reason = (
                f"it was fitted on {'+'.join(one.trained_on)}, whose clips this study judges; "
                f"import {OUT_OF_FOLD} predictions"
            )
        elif lacking:
            reason = f"it does not predict {lacking[0]}"
        elif other:
            reason = f"it was imported for other {other[0]} clips; import it again"
        else:
            usable.append(one)
            continue
        left_out.append(f"{one.name} is no candidate: {reason}")
    return usable, tuple(left_out)
