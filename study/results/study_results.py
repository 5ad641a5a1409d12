"""Reading a results folder back: what `status`, `leaderboard`, the fusion and the report see.

The folder is the truth (docs/architecture.md draws it), and it may be read while a study writes
it: a trial without `result.json` is running, a torn last line of `events.jsonl` is ignored.
Nothing heavier than the standard library is imported, so that `spectune status` answers at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.files import read_object
from study.files.json_files import check_format
from study.results.clips_json import ClipRow, PartitionRows, read_clips
from study.results.ensemble_json import Ensemble, System, read_ensemble
from study.results.import_json import ImportedRecord, read_imports
from study.results.links import check_links
from study.results.trial_record import STATES, TrialRecord, read_trials

__all__ = ["ClipRow", "PartitionRows", "StudyResults", "read_results"]


@dataclass(frozen=True)
class StudyResults:
    """All that a results folder holds."""

    folder: Path
    name: str
    state: Mapping[str, Any]  # state.json
    classes: tuple[str, ...]
    corpus: Mapping[str, Any]
    partitions: Mapping[str, PartitionRows]
    trials: tuple[TrialRecord, ...]  # by number
    ensemble: Ensemble | None
    protocol: str = "holdout"
    folds: tuple[int, ...] = ()  # of each devel clip in a cross-validation
    imports: tuple[ImportedRecord, ...] = ()

    @property
    def n_folds(self) -> int:
        """Networks per trial in a cross-validation, 0 where devel was held out."""
        return max(self.folds, default=-1) + 1

    @property
    def ranked(self) -> tuple[TrialRecord, ...]:
        """The trials with a place on the leaderboard, best first; equal ones by number.

        Trainings of one spec that the fusion takes together stand together (`system_of`), in the
        order of the fusion's candidates. Trials that were pruned too early to be candidates come
        last. So the first is of the system that the fusion calls best single.
        """
        candidates = () if self.ensemble is None else self.ensemble.candidates
        places = {n: place for place, one in enumerate(candidates) for n in one.trials}

        def key(trial: TrialRecord) -> tuple[bool, float, float, int]:
            place = places.get(trial.number, math.inf)
            early = bool(places) and trial.state == "pruned" and place == math.inf
            return early, -round(self.system_of(trial).uar, 12), place, trial.number

        return tuple(sorted((t for t in self.trials if t.ranked), key=key))

    @property
    def best(self) -> TrialRecord | None:
        """The best trial so far, if any has ended with a UAR: the first training of its spec."""
        return next(iter(self.ranked), None)

    def system_of(self, trial: TrialRecord) -> System:
        """A trial alone, or where its spec was trained again what the fusion takes together."""
        for one in () if self.ensemble is None else self.ensemble.candidates:
            if len(one.trials) > 1 and trial.number in one.trials:
                return one
        return System((trial.number,), trial.uar or 0.0)

    def count(self) -> dict[str, int]:
        """How many trials there are in each of `STATES`."""
        counts = Counter(trial.state for trial in self.trials)
        return {state: counts[state] for state in STATES}

    def trial(self, number: int) -> TrialRecord:
        """The trial of that number.

        Raises:
            InputError: There is none.
        """
        for trial in self.trials:
            if trial.number == number:
                return trial
        raise InputError(f"{self.folder}: there is no trial {number}")


def read_results(folder: Path | str) -> StudyResults:
    """Read a results folder, finished or being written.

    Raises:
        InputError: The folder is no results folder, holds a link out of it, or a file that is only
            ever written whole is damaged, of another version, or of other classes and clips than
            the rest.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such results folder")
    if not (folder / "state.json").is_file():
        raise InputError(f"{folder}: not a results folder, it has no state.json")
    state = read_object(folder / "state.json")
    check_format(folder / "state.json", state)
    trials = read_trials(folder / "trials")  # before the clips, which are written before them
    clips = read_clips(folder / "clips.json")
    ensemble = read_ensemble(folder / "ensemble" / "ensemble.json")
    if trials:
        clips.check_used()
    for trial in trials:
        clips.check_identity(trial.identity, trial.folder / "result.json")
    if ensemble is not None:
        clips.check_identity(ensemble.identity, folder / "ensemble" / "ensemble.json")
    check_links(folder)
    return StudyResults(
        folder=folder,
        name=str(state.get("name") or folder.resolve().name),
        state=state,
        classes=clips.classes,
        corpus=clips.corpus,
        partitions=clips.partitions,
        trials=trials,
        ensemble=ensemble,
        protocol=clips.protocol,
        folds=clips.folds,
        imports=read_imports(folder / "imports"),
    )
