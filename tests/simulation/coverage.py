"""How often the interval of a UAR holds the truth, near recalls of 0, 0.5 and 1.

    PYTHONPATH=tests python -m simulation.coverage --repetitions 400

Speakers have the same number of clips of each class. A speaker's recall of a class is drawn from a
beta distribution with the given mean, of which `alike` is the correlation of two clips of a
speaker: 0 where speakers do not differ. The classes of a speaker go together. Prints the table of
docs/honest-estimates.md: per cent of the intervals that hold the mean, with resampling alone and
as told, and the mean width that is told.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.metrics.intervals import interval_of_correct, interval_tails
from study.metrics.speaker_counts import SpeakerCounts, count_by_speaker, uar_of_counts

RECALLS = ((1, 1), (0.99, 0.99), (0.95, 0.95), (0.9, 0.9), (1, 0), (0.95, 0.05), (0.5, 0.5))
SPEAKERS = (5, 10, 20, 40)
CLIPS = (3, 20)
ALIKE = (0.0, 0.1, 0.3)
N_RESAMPLES = 1000


def draw_clips(
    recalls: tuple[float, ...], n_speakers: int, n_clips: int, alike: float, *, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.intp]]:
    """Labels, whether each clip is recognised, and speakers, (clips,) each."""
    rng = np.random.default_rng(seed)
    rank = rng.random(n_speakers)
    of = np.tile(recalls, (n_speakers, 1)).astype(np.float64)
    for column in range(len(recalls)):
        if alike and 0 < recalls[column] < 1:
            a, b = np.array([recalls[column], 1 - recalls[column]]) * (1 - alike) / alike
            of[:, column] = stats.beta.ppf(rank, a, b)
    labels = np.tile(np.repeat(np.arange(len(recalls)), n_clips), n_speakers)
    speakers = np.repeat(np.arange(n_speakers), len(recalls) * n_clips)
    return labels, rng.random(labels.size) < of[speakers, labels], speakers


def resampled(counts: SpeakerCounts, *, seed: int) -> tuple[float, float]:
    """The expanded percentile interval of resampled speakers and nothing else."""
    n = len(counts.totals)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), N_RESAMPLES)
    uars = uar_of_counts(weights @ counts.correct, weights @ counts.totals)
    low, high = np.quantile(uars, interval_tails("expanded", 0.95, n))
    return float(low), float(high)


def cell(
    recalls: tuple[float, ...], n_speakers: int, n_clips: int, alike: float, *, repetitions: int
) -> str:
    """Coverage of resampling alone and of the interval that is told, and its width, in per cent."""
    truth, covered, width = float(np.mean(recalls)), np.zeros(2), 0.0
    for seed in range(repetitions):
        data = draw_clips(recalls, n_speakers, n_clips, alike, seed=seed)
        told = interval_of_correct(*data, n_resamples=N_RESAMPLES)
        assert told.low is not None
        assert told.high is not None
        pairs = resampled(count_by_speaker(*data), seed=seed), (told.low, told.high)
        covered += [low - 1e-9 <= truth <= high + 1e-9 for low, high in pairs]
        width += told.high - told.low
    alone, now = 100 * covered / repetitions
    return f"{alone:.0f} / **{now:.0f}** ({100 * width / repetitions:.0f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=400)
    repetitions = parser.parse_args().repetitions
    columns = list(itertools.product(CLIPS, ALIKE))
    heads = [f"{n} clips, alike {alike:g}" for n, alike in columns]
    print("| recalls | speakers | " + " | ".join(heads) + " |")
    print("|---|---|" + "---|" * len(columns))
    for recalls, n in itertools.product(RECALLS, SPEAKERS):
        name = f"{recalls[0]:g}" if len(set(recalls)) == 1 else "{:g} and {:g}".format(*recalls)
        cells = [cell(recalls, n, *one, repetitions=repetitions) for one in columns]
        print(f"| {name} | {n} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
