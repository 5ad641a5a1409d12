"""Reading a results folder back: what `status`, `leaderboard`, the fusion and the report see.

The folder is the truth (docs/architecture.md draws it), and it may be read while a study writes
it: a trial without `result.json` is running, a torn last line of `events.jsonl` is ignored.
Nothing heavier than the standard library is imported, so that `spectune status` answers at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.files import read_object
from study.files.json_files import check_format
from study.results.clips_json import ClipRow, PartitionRows, read_clips
from study.results.ensemble_json import Ensemble, read_ensemble
from study.results.import_json import ImportedRecord, read_imports
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
        """The trials with a place on the leaderboard, best first; equal ones by number."""
        return tuple(sorted((t for t in self.trials if t.ranked), key=_by_uar))

    @property
    def best(self) -> TrialRecord | None:
        """The best trial so far, if any has ended with a UAR."""
        return next(iter(self.ranked), None)

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
        InputError: The folder is no results folder, or a file that is only ever written whole
            is damaged, of another version, or of other classes and clips than the rest.
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


def _by_uar(trial: TrialRecord) -> tuple[float, int]:
    return -(trial.uar or 0.0), trial.number
