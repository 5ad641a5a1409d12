"""Which dimensions mattered: grouped permutation importance of a random forest.

A forest predicts devel UAR from the parameters. It is fitted on a bootstrap sample of the trials
and asked about the trials left out; then the columns of one dimension are drawn anew from other
trials and it is asked again (Breiman, "Random forests", Machine Learning 45, 2001). The squared
error grows by twice the variance of UAR that the dimension has a part in, its total effect
(Jansen, "Analysis of variance designs for model output", Computer Physics Communications 117, 1999;
Gregorutti et al., "Correlation and variable importance in random forests", Statistics and Computing
27, 2017), so that half the growth, as a share of the variance of UAR, is the importance. What
dimensions do together counts for each of them. The columns of a dimension move together, so that no
impossible trial (a number of mel bands on a linear scale) is ever asked about; a single conditional
parameter moves only among the trials that have it. What a backbone leaves unused is filled in from
other trials, and a baseline that is not of the search is left out. Repeating the bootstrap gives
the uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from reports.page.section import Panel, Section
from reports.page.text import inert
from reports.page.theme import BLUE, GREY, figure, named, whiskers
from reports.search.dimensions import DIMENSIONS, MISSING, Parameter, level, varied_among
from reports.search.searched import filled_params, searched_trials
from study.results import StudyResults

ENOUGH_TRIALS = 10
MOST_PARAMETERS = 12
N_DRAWS = 5  # per dimension and bootstrap sample

Floats = NDArray[np.float64]


class Bar(NamedTuple):
    """Median share of the variance of UAR, and the 10th and 90th percentile over samples."""

    name: str
    dimension: str
    share: float
    low: float
    high: float


class Importance(NamedTuple):
    """What mattered; `r2` says how well the forest knows trials it has not seen (median)."""

    dimensions: tuple[Bar, ...]  # most important first
    parameters: tuple[Bar, ...]  # the first MOST_PARAMETERS
    r2: float
    n_trials: int
    n_samples: int
    left_out: tuple[int, ...]  # baselines whose backbone is not searched

    @property
    def trustworthy(self) -> bool:
        """Whether the forest predicts unseen trials well enough to be asked about them."""
        return self.r2 >= 0.1


class Move(NamedTuple):
    """Columns that are drawn anew together, among the trials of `rows`."""

    columns: NDArray[np.intp]
    rows: NDArray[np.bool_]  # (trials,)


def importance_section(results: StudyResults, numbers: Importance | None) -> Section:
    """The section of importance, or why there is none."""
    title = "What mattered"
    if numbers is None:
        n = len(searched_trials(results)[0])
        why = (
            f"Too few trials: {n} of the search (baselines and repeats apart) with a UAR, at least"
            f" {ENOUGH_TRIALS} are needed."
            if n < ENOUGH_TRIALS
            else "No parameter took two values, or all UARs are equal."
        )
        return Section("importance", title, _IMPORTANCE, note=why)
    trust = (
        f"{numbers.n_trials} trials, {numbers.n_samples} bootstrap samples; bars are medians, "
        "whiskers go from the 10th to the 90th percentile. On trials it has not seen the forest "
        f"explains {100 * max(numbers.r2, 0):.0f} % of the variance"
    )
    trust += "." if numbers.trustworthy else ": too little, do not read much into these bars."
    if numbers.left_out:
        trust += (
            f" Left out: trial {', '.join(map(str, numbers.left_out))}, a baseline whose backbone"
            " the search does not have."
        )
    return Section(
        "importance",
        title,
        _IMPORTANCE,
        (
            Panel("importance", importance_figure(numbers.dimensions), "By dimension"),
            Panel("importance-parameters", importance_figure(numbers.parameters), "By parameter"),
        ),
        note=trust,
    )


_IMPORTANCE = (
    "How much of the variance of devel UAR a dimension has a part in, alone or together with "
    "others, so that shares may sum to more than 100 %. A random forest predicts UAR from the "
    "parameters; a share is half of what its squared error grows by once the dimension is shuffled "
    "between trials, and below zero it is noise. A parameter that a trial does not have counts as "
    "a value of its own, and alone it is shuffled only among trials that have it; what a linear "
    "machine leaves unused is filled in from other trials."
)


def importance(
    results: StudyResults, *, n_samples: int = 20, n_trees: int = 30, seed: int = 0
) -> Importance | None:
    """Importance of the dimensions and parameters that varied.

    None with fewer than `ENOUGH_TRIALS`, when nothing varied, or when all UARs are equal.
    """
    trials, baselines = searched_trials(results)
    parameters = varied_among(filled_params(trials, seed=seed))
    uar = np.array([trial.uar for trial in trials], dtype=np.float64)
    if len(trials) < ENOUGH_TRIALS or not parameters or np.ptp(uar) == 0:
        return None
    table = np.hstack([encode(parameter) for parameter in parameters])
    alone = _moves(parameters)
    columns: dict[str, list[NDArray[np.intp]]] = {}
    for parameter, move in zip(parameters, alone, strict=True):
        columns.setdefault(parameter.dimension, []).append(move.columns)
    groups = [name for name in DIMENSIONS if name in columns]
    every = np.ones(len(trials), dtype=bool)
    moves = [*(Move(np.concatenate(columns[group]), every) for group in groups), *alone]
    shares, r2 = _shares(table, uar, moves, n_samples=n_samples, n_trees=n_trees, seed=seed)
    low, middle, high = np.percentile(shares, (10, 50, 90), axis=0).tolist()
    names = [(group, group) for group in groups] + [(p.name, p.dimension) for p in parameters]
    bars = [Bar(*n, m, lo, hi) for n, m, lo, hi in zip(names, middle, low, high, strict=True)]
    return Importance(
        dimensions=_sorted(bars[: len(groups)]),
        parameters=_sorted(bars[len(groups) :])[:MOST_PARAMETERS],
        r2=float(np.median(r2)),
        n_trials=len(trials),
        n_samples=n_samples,
        left_out=tuple(trial.number for trial in baselines),
    )


def encode(parameter: Parameter) -> Floats:
    """Columns for a forest, (trials, columns); absent is a level of its own.

    A number stays one column, with a value far below all others where it is absent (one split of
    a tree sets it apart); anything else is one column per level and one for absent.
    """
    present = np.array(parameter.present)
    if parameter.numeric:
        known = np.array([float(value) for value in parameter.known])
        column = np.full(len(present), known.min() - 10 * (np.ptp(known) + 1))
        column[present] = known
        return column[:, None]
    texts = [level(value) for value in parameter.values]
    levels = [*parameter.levels, *([level(MISSING)] if parameter.conditional else [])]
    return np.array([[text == one for one in levels] for text in texts], dtype=np.float64)


def importance_figure(bars: Sequence[Bar]) -> go.Figure:
    """Horizontal bars, most important on top, with the interval."""
    rows = bars[::-1]
    share, low, high = (100 * np.array([bar[2:] for bar in rows]).reshape(-1, 3)).T
    trace = go.Bar(
        y=list(range(len(rows))),
        x=share.tolist(),
        orientation="h",
        marker={"color": BLUE},
        error_x=whiskers(share, low, high, type="data", symmetric=False, color=GREY),
        hovertext=[
            f"{inert(bar.name)} ({bar.dimension}): {100 * bar.share:.0f} % of the variance "
            f"({100 * bar.low:.0f} to {100 * bar.high:.0f} %)"
            for bar in rows
        ],
        hoverinfo="text",
    )
    return figure(
        [trace],
        height=110 + 30 * len(rows),
        xaxis={"title": "share of variance (%)"},
        yaxis=named([bar.name for bar in rows], longest=30),
        bargap=0.35,
    )


def _sorted(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    return tuple(sorted(bars, key=lambda bar: (-bar.share, bar.name)))


def _moves(parameters: Sequence[Parameter]) -> list[Move]:
    """Every parameter alone, among the trials that have it, or all where absent means off."""
    ends = np.cumsum([0, *(encode(parameter).shape[1] for parameter in parameters)])
    return [
        Move(np.arange(start, end), np.array(parameter.present) | parameter.switch)
        for parameter, start, end in zip(parameters, ends[:-1], ends[1:], strict=True)
    ]


def _shares(
    table: Floats,
    uar: Floats,
    moves: Sequence[Move],
    *,
    n_samples: int,
    n_trees: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Half the growth of the error (samples, moves) and R2 (samples,), by the variance of UAR."""
    from sklearn.ensemble import RandomForestRegressor

    generator = np.random.default_rng(seed)
    variance = uar.var()
    shares: list[Floats] = []
    r2: list[float] = []
    while len(r2) < n_samples:
        drawn = generator.integers(len(uar), size=len(uar))
        left_out = np.setdiff1d(np.arange(len(uar)), drawn)
        if left_out.size == 0:
            continue
        forest = RandomForestRegressor(
            n_trees, max_features=0.5, random_state=int(generator.integers(2**31))
        ).fit(table[drawn], uar[drawn])
        asked = [table[left_out]]
        asked += [_move(table, left_out, m, generator) for m in moves for _ in range(N_DRAWS)]
        answers = forest.predict(np.concatenate(asked)).reshape(len(asked), -1)
        errors = ((answers - uar[left_out]) ** 2).mean(axis=1) / variance
        growth = errors[1:].reshape(len(moves), N_DRAWS).mean(axis=1) - errors[0]
        shares.append(np.minimum(growth / 2, 1))  # what is above is noise of the draws
        r2.append(1 - float(errors[0]))
    return np.array(shares), np.array(r2)


def _move(
    table: Floats, asked: NDArray[np.intp], move: Move, generator: np.random.Generator
) -> Floats:
    """The asked trials with the columns of a move taken from trials drawn anew."""
    moved = table[asked]
    places = np.flatnonzero(move.rows[asked])
    donors = generator.choice(np.flatnonzero(move.rows), size=places.size)
    moved[np.ix_(places, move.columns)] = table[np.ix_(donors, move.columns)]
    return moved
