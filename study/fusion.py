"""The fusion of a study: candidates from its trial folders, the selection, and its files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import InputError
from study.ensemble import (
    Selection,
    best_single,
    merge_seeds,
    select,
    top_k_average,
    uniform_average,
)
from study.ensemble_record import Candidate, References, ensemble_record
from study.honest import HonestValue, estimate
from study.metrics import uar_of_probabilities
from study.probabilities import Identity, check_joinable, load_devel, load_test
from study.results import StudyResults, TrialRecord, replace_text
from study.tables import predictions_csv
from study.trial_folder import write_json

__all__ = ["Fusion", "Library", "fuse", "read_library", "write_fusion"]


@dataclass(frozen=True)
class Library:
    """All that a fusion may be selected from.

    Args:
        candidates: What each stands for; repeated seeds of one spec are one.
        devel: Probabilities at each trial's best epoch, (candidates, clips, classes).
        epochs: Probabilities of every trial, (epochs, clips, classes) each: the honest value
            chooses the best epoch again.
        trials: Those trials.
        labels: Codes of the devel clips, (clips,).
        speakers: Speaker of each devel clip, (clips,); None where one is unknown.
        families: Backbone family of each candidate.
        identity: Of the probabilities.
    """

    candidates: tuple[Candidate, ...]
    devel: NDArray[np.float64]
    epochs: tuple[NDArray[np.float16], ...]
    trials: tuple[TrialRecord, ...]
    labels: NDArray[np.int64]
    speakers: tuple[str, ...] | None
    families: tuple[str, ...]
    identity: Identity


@dataclass(frozen=True)
class Fusion:
    """A selection, what it is printed beside, and what it is honestly worth."""

    selection: Selection
    references: References
    library: Library
    honest: HonestValue

    @property
    def record(self) -> dict[str, Any]:
        """Content of `ensemble.json`."""
        record = ensemble_record(
            self.selection,
            self.library.candidates,
            references=self.references,
            identity=self.library.identity.to_json(),
        )
        return record | {"honest": self.honest.to_json()}

    def table(self) -> str:
        """Return the fusion beside its references, for a terminal."""
        best = self.library.candidates[self.references.best_single.members[0]]
        top_k, uniform = self.references.top_k, self.references.uniform
        rows = [
            (f"fusion of {len(self.selection.members)} ({self.selection.method})", self.selection),
            (f"best single: {best.trials[0]:03d} {best.name}", self.references.best_single),
            (f"average of the best {len(top_k.members)}", top_k),
            (f"average of all {len(uniform.members)}", uniform),
        ]
        lines = [f"  {100 * chosen.uar:5.1f} %  {name}" for name, chosen in rows]
        title = "devel UAR (apparent: members were chosen on devel)"
        return "\n".join([title, *lines, self.honest.sentence()])


def read_library(results: StudyResults) -> Library | None:
    """Return the candidates of a study, or None where no trial has ended with a UAR.

    Raises:
        InputError: If a file is damaged or belongs to another study.
    """
    trials = [trial for trial in results.trials if trial.ranked]
    if not trials:
        return None
    identities = [Identity.from_json(trial.identity) for trial in trials]
    for trial, identity in zip(trials, identities, strict=True):
        check_joinable(
            identities[0],
            identity,
            names=(f"trial {trials[0].number}", f"trial {trial.number}"),
        )
    labels = labels_of(results)
    epochs = tuple(
        load_devel(
            trial.file("devel.npy"),
            clips=len(labels),
            classes=len(results.classes),
            epochs=len(trial.uar_per_epoch),
        )
        for trial in trials
    )
    devel = [all_[(t.best_epoch or 1) - 1] for t, all_ in zip(trials, epochs, strict=True)]
    merged, groups = merge_seeds(devel, [trial.spec_digest for trial in trials])
    uars = uar_of_probabilities(merged, labels)
    candidates = tuple(
        Candidate(tuple(trials[i].number for i in group), trials[group[0]].name, float(uar))
        for group, uar in zip(groups, uars, strict=True)
    )
    families = tuple(str(trials[group[0]].family) for group in groups)
    return Library(
        candidates,
        merged,
        epochs,
        tuple(trials),
        labels,
        speakers_of(results),
        families,
        identities[0],
    )


def labels_of(results: StudyResults) -> NDArray[np.int64]:
    """Return the codes of the devel labels in the order of every probability array.

    Raises:
        InputError: If a devel clip has no label.
    """
    code = {name: i for i, name in enumerate(results.classes)}
    clips = results.partitions["devel"].clips
    missing = [clip.file_name for clip in clips if clip.label not in code]
    if missing:
        raise InputError(f"{results.folder / 'clips.json'}: {missing[0]} has no known label")
    return np.array([code[str(clip.label)] for clip in clips])


def speakers_of(results: StudyResults) -> tuple[str, ...] | None:
    """Return the speaker of each devel clip, or None where one is unknown."""
    speakers: Sequence[str | None] = [clip.speaker for clip in results.partitions["devel"].clips]
    known = tuple(speaker for speaker in speakers if speaker is not None)
    return known if len(known) == len(speakers) else None


def fuse(library: Library, *, max_members: int, seed: int) -> Fusion:
    """Select the fusion and its references from a library, and estimate its honest value."""
    selection = select(
        library.devel,
        library.labels,
        families=library.families,
        max_members=max_members,
        seed=seed,
    )
    references = References(
        best_single(library.devel, library.labels),
        uniform_average(library.devel, library.labels),
        top_k_average(library.devel, library.labels),
    )
    honest = estimate(
        library.epochs,
        library.labels,
        library.speakers,
        families=[trial.family for trial in library.trials],
        spec_digests=[trial.spec_digest for trial in library.trials],
        seed=seed,
    )
    return Fusion(selection, references, library, honest)


def write_fusion(fusion: Fusion, results: StudyResults) -> Path:
    """Write `ensemble/`: the record, its trajectory, devel and blind test predictions."""
    folder = results.folder / "ensemble"
    folder.mkdir(exist_ok=True)
    record = fusion.record
    rows = io.StringIO()
    writer = csv.DictWriter(rows, ["n", "trial", "name", "uar"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(record["trajectory"])
    replace_text(folder / "trajectory.csv", rows.getvalue())
    devel = fusion.selection.scores(fusion.library.devel)
    _write_predictions(results, "devel", devel, folder)
    if "test" in results.partitions:
        _write_predictions(results, "test", _test(fusion, results), folder)
    write_json(folder / "ensemble.json", record)
    return folder


def _test(fusion: Fusion, results: StudyResults) -> NDArray[np.float64]:
    """Return the fusion's test probabilities (clips, classes) from the members' own."""
    n_clips = len(results.partitions["test"].clips)
    total = np.zeros((n_clips, len(results.classes)))
    for member in fusion.record["members"]:
        trial = results.trial(member["trial"])
        values = load_test(trial.file("test.npy"), clips=n_clips, classes=len(results.classes))
        total += member["weight"] * values.astype(np.float64)
    return total


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
