"""Whether a map can be trusted, and which bands the occlusion names; each with a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reports.explain.axes import FrequencyAxis
from study.metrics.speaker_counts import MIN_SPEAKERS
from study.text import p_is

LEAST_AGREEMENT = 0.5  # rank correlation of a map with band occlusion, or share in common
LEVEL = 0.05
LEVEL_ONLY = 0.25  # part of an effect that noise must leave for the band's changes to count

Floats = NDArray[np.floating]


class Trust(NamedTuple):
    """Whether a map says what the network uses."""

    trusted: bool
    sentence: str


class Named(NamedTuple):
    """A band that matters by occlusion.

    Args:
        band: Its number.
        by: What falls beyond chance without it: the `log_odds` of the true class, or where their
            mean does not, the `uar`, in [0, 1]. Untested the other way about.
        fall: How much that falls.
        noise: How much with noise of the same energy in its place.
        p: Over all bands and both measures; None with too few speakers for a test.
    """

    band: int
    by: str
    fall: float
    noise: float
    p: float | None


def band_order(uar: Floats, log_odds: Floats) -> Floats:
    """Return bands by what their removal costs, the higher the worse; NaN where that is unknown.

    By UAR: where removal drives the clips of all classes to one side, all classes but one are lost,
    while log-odds rise in that one as they fall in the others, and their mean may stay as it is.
    Bands that cost as many clips are ordered by log-odds.

    >>> band_order(np.array([0.0, 0.4, 0.0]), np.array([0.2, 0.0, 0.1])).tolist()
    [1.0, 2.0, 0.0]
    """
    pairs = np.round(np.stack([uar, log_odds], axis=1), 12)
    ranks = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.float64)
    return np.where(np.isfinite(uar), ranks, np.nan)


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float | None:
    """Return Spearman's rank correlation, or None where one of the two does not vary.

    >>> rank_correlation([1, 2, 3], [10, 30, 20])
    0.5
    """
    from scipy import stats

    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    ranks = [stats.rankdata(np.round(values[known], 12)) for values in (a, b)]
    if known.sum() < 3 or min(np.ptp(values) for values in ranks) == 0:
        return None
    return round(float(np.corrcoef(*ranks)[0, 1]), 12)


def common_share(first: ArrayLike, second: ArrayLike) -> float:
    """Return what two profiles have in common, 0 to 1: the overlap of their fractions above zero.

    >>> common_share([3, 1, 0], [1, 1, -5])
    0.75
    """
    fractions = []
    for values in (first, second):
        above = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), 0, None)
        fractions.append(above / max(float(above.sum()), 1e-20))
    return round(float(np.minimum(*fractions).sum()), 12)


def area(fractions: Sequence[float], values: Sequence[float]) -> float:
    """Return the mean height of a curve, by trapezoids.

    >>> area([0.0, 0.5, 1.0], [1.0, 0.5, 0.0])
    0.5
    """
    return float(np.trapezoid(values, fractions) / (fractions[-1] - fractions[0]))


def judge(
    agreement: float | None,
    common: float,
    *,
    ceiling: float | None,
    beside: Mapping[str, tuple[float | None, float]],
    areas: Mapping[str, float],
    above_chance: bool,
) -> Trust:
    """Judge a map by band occlusion and by deletion.

    Args:
        agreement: Its rank correlation with the effect of removing bands.
        common: What it has in common with that effect. Where few bands matter, the order of the
            others is chance, and a map that gives these bands its relevance is right.
        ceiling: The rank correlation of that effect between two halves of the clips: where few
            bands matter or clips are few, occlusion does not order the others the same way twice.
        beside: Rank correlation and common share of what knows nothing of the network: a map that
            is `equal` everywhere, and the `energy` of the bands.
        areas: Under the deletion curves in the orders `map`, `random` and `energy`; the faster a
            curve falls the better.
        above_chance: Whether the system recognises anything on these clips.
    """
    if not above_chance:
        return Trust(
            False,
            "Do not trust this map: on these clips the system is not above chance, so there is"
            " nothing that it could explain.",
        )
    correlation = "none" if agreement is None else f"{agreement:.2f}"
    reasons = []
    if (agreement is None or agreement < LEAST_AGREEMENT) and common < LEAST_AGREEMENT:
        only = ""
        if ceiling is not None and ceiling < LEAST_AGREEMENT:
            only = f"; between two halves of the clips occlusion itself has only {ceiling:.2f}"
        reasons.append(
            "its order of bands agrees too little with band occlusion (rank correlation"
            f" {correlation}, share in common {common:.2f}, {LEAST_AGREEMENT:g} of either is"
            f" asked{only})"
        )
    for name, text in (("equal", "a map that is equal everywhere"), ("energy", "energy alone")):
        rank, shared = beside[name]
        if rank is not None and rank >= (agreement or 0.0) and shared >= common:
            reasons.append(f"{text} agrees as well ({rank:.2f}, {shared:.2f} in common)")
    for name, text in (("random", "at random"), ("energy", "by energy")):
        if areas["map"] >= areas[name]:
            reasons.append(f"removing bands in its order hurts no more than {text}")
    if reasons:
        return Trust(False, f"Do not trust this map: {'; '.join(reasons)}.")
    return Trust(
        True,
        f"The map agrees with band occlusion (rank correlation {correlation}, share in common"
        f" {common:.2f}), and removing bands in its order hurts more than at random or by energy.",
    )


def name_bands(
    removed: Mapping[str, Floats],
    noise: Mapping[str, Floats],
    p_values: Mapping[str, Floats] | None,
    *,
    above_chance: bool,
) -> list[Named]:
    """Return the bands whose removal hurts beyond chance, the worst first.

    Args:
        removed: How much the `uar` and the `log_odds` fall without each band, (bands,) each.
        noise: How much with noise in its place.
        p_values: Of `removed`, over all bands and both; None with too few speakers: then the three
            worst bands of those that cost anything are returned, untested.
        above_chance: Whether the system recognises anything; if not, no band is named.
    """
    if not above_chance:
        return []
    named = []
    for band in np.argsort(-band_order(removed["uar"], removed["log_odds"]), kind="stable"):
        for by in ("uar", "log_odds") if p_values is None else ("log_odds", "uar"):
            fall, p = removed[by][band], None if p_values is None else float(p_values[by][band])
            if fall > 0 and (p is None or p <= LEVEL):
                named.append(Named(int(band), by, float(fall), float(noise[by][band]), p))
                break
    return named if p_values is not None else named[:3]


def describe_bands(
    named: Sequence[Named],
    axis: FrequencyAxis,
    uar: Floats,
    *,
    intact: float,
    taken: Sequence[tuple[str, float]],
    n_speakers: int | None,
) -> str:
    """Say which bands matter.

    What noise costs in log-odds says whether the level of a band is the cue; what it costs in UAR
    says so only if it is little, as noise too may drive all clips to one side.

    Args:
        named: As `name_bands` returns them.
        axis: Of the bands.
        uar: With each band removed, (bands,).
        intact: UAR with all bands.
        taken: The class that most clips are taken for with each band removed, and of how many,
            as a share; (bands,).
        n_speakers: Of the clips; None where one is unknown.
    """
    if not named:
        return "By occlusion no single band matters beyond chance."
    first = named[0]
    text = f"Without {axis.band(first.band)} the "
    fell = f"{100 * intact:.1f} to {100 * uar[first.band]:.1f} %"
    if first.by == "uar":
        label, share = taken[first.band]
        text += f"UAR falls from {fell}, as {100 * share:.0f} % of the clips are taken for {label}"
        costs = f"costs {100 * first.noise:.1f} points"
    else:
        text += f"log-odds of the true class fall by {first.fall:.2f} (UAR {fell})"
        costs = f"costs {first.noise:.2f}, so what changes within it counts"
    little = "changes little, so its level is what counts"
    text += "; noise of the same energy in its place "
    text += little if first.noise < LEVEL_ONLY * first.fall else costs
    others = ", ".join(axis.band(other.band) for other in named[1:4])
    more = f" Next: {others}." if others else ""
    if first.p is None:
        have = "speakers are not known" if n_speakers is None else f"here it has {n_speakers}"
        untested = f"untested: it takes at least {MIN_SPEAKERS} speakers, and {have}"
        return f"{text}.{more} The bands are in the order of their effect, {untested}."
    return f"{text}. Beyond chance over all bands: {p_is(first.p)}.{more}"
