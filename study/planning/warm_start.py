"""`from:` in study.yaml: the finished trials of an earlier study are the first of a new one.

Their values are valid where clips, labels, protocol and what a network hears of a clip are the
same. The new space may be another: the sampler learns from the trials that lie in it, the fusion
may choose among all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from search_spaces.suggesters import flat_parameters
from study.files import mapping, read_object
from study.planning.enqueued_trials import EnqueuedTrial
from study.planning.pretrained import Weights, weights_path
from study.planning.resume_checks import HEARD, other_weights, same_material
from study.results import StudyResults, read_results
from study.results.clips_json import read_clips
from study.results.links import check_links
from study.results.trial_folder import TrialFolder
from study.results.trial_record import BASELINE, TAKEN


@dataclass(frozen=True)
class WarmStart:
    """The trials of an earlier study that a study begins with; by default none.

    Args:
        folder: Results of the earlier study.
        name: Of the earlier study.
        numbers: Its trials, in the order that they have here.
        specs: What they are.
    """

    folder: Path = Path()
    name: str = ""
    numbers: tuple[int, ...] = ()
    specs: tuple[TrialSpec, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def backbones(self) -> list[Timm]:
        """Return the networks of the trials, without those that begin with a file.

        A file counts where the study's own space names it; a results folder names none.
        """
        networks = [spec.backbone for spec in self.specs if isinstance(spec.backbone, Timm)]
        return [network for network in networks if weights_path(network) is None]

    def without(self, enqueued: Sequence[EnqueuedTrial]) -> tuple[EnqueuedTrial, ...]:
        """Return the enqueued trials that are not among these; a grid keeps all of its own."""
        known = {spec.digest for spec in self.specs}
        return tuple(trial for trial in enqueued if trial.seeded or trial.spec.digest not in known)

    def to_json(self) -> dict[str, Any]:
        """Return what `state.json` says of it."""
        return {"folder": str(self.folder), "name": self.name, "trials": list(self.numbers)}

    def check(
        self,
        state: Mapping[str, Any],
        weights: Mapping[str, Weights],
        *,
        rate: int,
        folds: Sequence[int],
    ) -> None:
        """Check that the values of the trials are valid in a study that begins.

        Args:
            state: The new study's `state.json` as it will be.
            weights: Its pretrained weights.
            rate: Its sampling rate in Hz.
            folds: Of each devel clip, in a cross-validation.

        Raises:
            InputError: With all that is different.
        """
        if not self:
            return
        there = read_object(self.folder / "state.json")
        clips = read_clips(self.folder / "clips.json")
        fixed = mapping(there.get("fixed"))
        problems = [
            f"`{key}` is {fixed.get(key)!r} there and {state['fixed'][key]!r} here"
            for key in HEARD
            if fixed.get(key) != state["fixed"][key]
        ]
        if (theirs := clips.corpus.get("sampling_rate")) != rate:
            problems.append(f"the sampling rate is {theirs} Hz there and {rate} Hz here")
        if not same_material(there, state["material_digest"], state["corpus_digest"]):
            problems.append("clips, labels or partitions are others")
        elif tuple(clips.folds) != tuple(folds):
            problems.append("the speakers are dealt into other folds (`folds` or `seed`)")
        problems += [
            f"the pretrained weights of {key.partition(':')[0]} are others"
            for key in other_weights(there, weights)
        ]
        if problems:
            raise InputError(f"from: {self.folder}: cannot be gone on from: {'; '.join(problems)}")

    def copy_to(self, trials: Path) -> None:
        """Put the trials into a study, as far as they have no result here yet; may be cut short.

        Args:
            trials: The new study's folder of trials, whose lock the caller holds.

        Raises:
            InputError: If a trial is gone from the earlier study before it was copied.
        """
        for position, (number, spec) in enumerate(zip(self.numbers, self.specs, strict=True)):
            new, old = TrialFolder(trials, position), TrialFolder(self.folder / "trials", number)
            if new.result() is not None:
                continue
            result = old.result()
            if result is None:
                raise InputError(
                    f"{old.path}: this study goes on from it (`from`), and it has no result any"
                    " more"
                )
            check_links(old.path)
            origin = old.origin()  # a baseline stays one to the report
            if not origin.startswith(BASELINE):
                origin = f"{TAKEN}{self.name}/{number}"
            new.begin(spec, origin=origin, params=flat_parameters(spec))
            attempt = result["attempt"]
            new.attempt(attempt).mkdir(exist_ok=True)
            for name in (*result["files"], "log.txt"):
                _link(old.attempt(attempt) / name, new.attempt(attempt) / name)
            for name in ("input_images.png", "events.jsonl"):
                if (old.path / name).exists():
                    shutil.copyfile(old.path / name, new.path / name)
            new.finish(result | {"number": position})


def plan_warm_start(
    argument: str | None, *, base: Path, folder: Path, before: Mapping[str, Any] | None
) -> WarmStart:
    """Return the trials to begin with: those that had ended when the new study began.

    Args:
        argument: Results folder of the earlier study, relative to `base`. A study that has begun
            keeps what it began with, and needs this for what was not copied yet.
        base: Folder of study.yaml.
        folder: Results of the new study.
        before: Its `state.json`; None: it has not begun.

    Raises:
        InputError: If there is no such study, it has no finished trial, or `from` is gone too soon.
    """
    if before is not None:
        if not (noted := mapping(before.get("taken"))):
            return WarmStart()
        name, numbers = _noted(noted, folder / "state.json")
        source = (base / argument).resolve() if argument is not None else Path()
    elif argument is None:
        return WarmStart()
    else:
        source = (base / argument).resolve()
        if source == folder:
            raise InputError(
                f"from: {source} is this study itself; give the new one another `name`"
            )
        results = _results(source)
        numbers, name = tuple(t.number for t in results.trials if t.ranked), results.name
        if not numbers:
            raise InputError(f"from: {source} has no trial that ended with a result")
    here = [TrialFolder(folder / "trials", number) for number in range(len(numbers))]
    if argument is None and any(trial.result() is None for trial in here):
        raise InputError(
            f"{folder}: begins with trials of {name} that are not all here; `from` in study.yaml"
            f" must say where it is"
        )
    there = [TrialFolder(source / "trials", number) for number in numbers]
    specs = [(own if own.begun else old).spec() for own, old in zip(here, there, strict=True)]
    return WarmStart(source, name, numbers, tuple(specs))


def _noted(noted: Mapping[str, Any], path: Path) -> tuple[str, tuple[int, ...]]:
    """Return name and trials of the earlier study, as `state.json` has them."""
    name, numbers = noted.get("name"), noted.get("trials")
    if (
        not isinstance(name, str)
        or not isinstance(numbers, list)
        or not all(isinstance(n, int) and n >= 0 for n in numbers)
    ):
        raise InputError(f"{path}: taken has another type than it was written with")
    return name, tuple(numbers)


def _results(source: Path) -> StudyResults:
    try:
        return read_results(source)
    except InputError as error:
        raise InputError([f"from: {text}" for text in error.problems]) from error


def _link(source: Path, target: Path) -> None:
    """Make one more name of a file that nobody writes any more, or a copy; none where it is gone.

    Weights of all but the best trials were deleted.
    """
    target.unlink(missing_ok=True)
    if not source.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
