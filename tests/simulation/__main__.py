"""Does the honest value keep its promise? A simulation with known truth.

    PYTHONPATH=tests python -m simulation --repetitions 500 --out simulation.jsonl --minutes 60

Every repetition draws a world, devel speakers and a search over trials with learning curves and
pruning; fits the fusion on devel; and compares the apparent, nested and out-of-bag UAR with the
fitted fusion's UAR on 4,000 new speakers. Finished repetitions are lines of the file; the same
command goes on where it stopped, and prints the table of what there is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.search import Search, search
from simulation.summary import INTERVALS, TOLD, summarise, table
from simulation.world import TASTE, Population, Trial, World, probabilities
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.selection import Selection
from study.fusion.methods.table import DEFAULT, METHODS
from study.honest import CandidateEpochs, fold_splits, held_out_hits
from study.honest.estimate import fit_on_all, nested_interval, out_of_bag_uar
from study.honest.held_out import bootstrap_splits
from study.metrics import count_by_speaker, uar_of_probabilities
from study.metrics.intervals import interval_of_correct

__all__ = ["main", "repetition", "settings"]

CLIPS_PER_SPEAKER = 20
N_TRIALS = 30
NEW_SPEAKERS = 4000
BAG_SPEAKERS = 20  # out of bag is slow: only at this number of speakers
RANDOM_SPEAKERS = (5, 20)  # where a random search shows selection without the search's own bias
N_RESAMPLES = 10


def repetition(
    kind: Search,
    n_speakers: int,
    seed: int,
    *,
    method: str = DEFAULT,
    n_trials: int = N_TRIALS,
    taste: float = TASTE,
) -> dict[str, Any]:
    """One search, its fusion, the estimates and the truth; plain values for a line of JSON."""
    world = World.draw(seed)
    devel = Population.draw(world, n_speakers, CLIPS_PER_SPEAKER, stream=0, taste=taste)
    new = Population.draw(world, NEW_SPEAKERS, CLIPS_PER_SPEAKER, stream=1, taste=taste)
    trials, outputs = search(world, devel, kind=kind, n_trials=n_trials)
    labels, speakers = devel.labels, devel.speakers
    candidates = CandidateEpochs.from_probabilities(
        outputs, labels, speakers, families=[trial.family for trial in trials]
    )
    epochs = candidates.best_epochs()
    methods = {"fusion": METHODS[method], "single": METHODS["best_single"]}
    fitted = {name: fit_on_all(candidates, fit) for name, fit in methods.items()}
    truths = {name: _truth(world, new, trials, epochs, fit) for name, (fit, _) in fitted.items()}
    folds = fold_splits(labels, speakers, n_folds=10, seed=seed)
    hits = held_out_hits(candidates, methods, folds)
    nested = {name: count_by_speaker(labels, hits[name], speakers).uar for name in methods}
    bag = None
    if n_speakers == BAG_SPEAKERS and method == DEFAULT:
        splits = bootstrap_splits(labels, speakers, n_resamples=N_RESAMPLES, seed=seed)
        bag = out_of_bag_uar(candidates, methods["fusion"], splits)
    last = len(outputs[0]) - 1
    fixed = (outputs[0][last].argmax(axis=-1) == labels).astype(np.float64)
    alone = Selection("fixed", 0.0, (0,), FusionRule("average", (1.0,)))
    return {
        "search": kind,
        "n_speakers": n_speakers,
        "seed": seed,
        "apparent": fitted["fusion"][1],
        "nested": nested["fusion"],
        "out_of_bag": bag,
        "truth": truths["fusion"],
        "single_apparent": fitted["single"][1],
        "single_nested": nested["single"],
        "single_truth": truths["single"],
        "intervals": _nested_intervals(candidates, hits["fusion"], seed),
        "single_intervals": _nested_intervals(candidates, hits["single"], seed),
        "fixed_intervals": _intervals(candidates, fixed, seed),
        "fixed_truth": _truth(world, new, trials, np.array([last]), alone),
    }


def settings(
    repetitions: int, speakers: Sequence[int], *, first: int = 0
) -> Iterator[tuple[Search, int, int]]:
    """Every repetition to do, all settings in turn: search, number of speakers, seed.

    The random search, which shows selection without the search's own bias, is simulated at
    `RANDOM_SPEAKERS` alone.
    """
    for number in range(first, first + repetitions):
        for n_speakers in speakers:
            yield "adaptive", n_speakers, number
            if n_speakers in RANDOM_SPEAKERS:
                yield "random", n_speakers, number


def _truth(
    world: World,
    new: Population,
    trials: Sequence[Trial],
    epochs: NDArray[np.intp],
    fusion: Selection,
) -> float:
    outputs = [
        probabilities(world, new, trials[member], [int(epochs[member])])[0]
        for member in fusion.members
    ]
    return float(uar_of_probabilities(fusion.rule.scores(np.stack(outputs)), new.labels))


def _intervals(
    candidates: CandidateEpochs, hits: NDArray[np.float64], seed: int
) -> dict[str, list[float | None]]:
    found = {
        name: interval_of_correct(
            candidates.labels, hits, candidates.speakers, method=name, n_resamples=2000, seed=seed
        )
        for name in INTERVALS
    }
    return {name: [value.low, value.high] for name, value in found.items()}


def _nested_intervals(
    candidates: CandidateEpochs, hits: NDArray[np.float64], seed: int
) -> dict[str, list[float | None]]:
    """Those over speakers alone, and the one that users see: widened for the choice."""
    widened = nested_interval(candidates, hits, seed=seed)
    return {TOLD: [widened.low, widened.high], **_intervals(candidates, hits, seed)}


def _read(path: Path) -> list[dict[str, Any]]:
    """Finished repetitions; a last line that was cut off by a kill is left out."""
    rows = []
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for line in text.splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(
        prog="PYTHONPATH=tests python -m simulation",
        description="Bias and coverage of the honest value.",
    )
    parser.add_argument("--repetitions", type=int, default=500, help="per setting")
    parser.add_argument("--first", type=int, default=1000, help="seed of the first repetition")
    parser.add_argument("--speakers", type=int, nargs="+", default=[5, 10, 15, 20, 40])
    parser.add_argument("--trials", type=int, default=N_TRIALS, help="per search")
    parser.add_argument("--method", default=DEFAULT, choices=[*METHODS])
    parser.add_argument("--taste", type=float, default=TASTE, help="luck a search can follow")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so many")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; resumed when there")
    parser.add_argument("--part", default="1/1", help="as 1/2: share the work by odd and even")
    options = parser.parse_args(arguments)
    part, parts = (int(number) for number in options.part.split("/"))
    rows = _read(options.out)
    done = {(row["search"], row["n_speakers"], row["seed"]) for row in rows}
    end = time.monotonic() + 60 * options.minutes
    with options.out.open("a", encoding="utf-8") as file:
        if rows:
            file.write("\n")  # ends a line that a kill cut off; empty lines are skipped
        for setting in settings(options.repetitions, options.speakers, first=options.first):
            if time.monotonic() > end:
                break
            if setting in done or setting[2] % parts != part - 1:
                continue
            drawn = {"n_trials": options.trials, "taste": options.taste}
            rows.append(repetition(*setting, method=options.method, **drawn))
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
    print(table(summarise(rows)))


if __name__ == "__main__":
    main()
