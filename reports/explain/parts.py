"""One system on one axis: maps and occlusion joined and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.explain.axes import FrequencyAxis
from reports.explain.deletion import deletion_curves
from reports.explain.explained import Explained
from reports.explain.inputs import System
from reports.explain.judgement import (
    band_order,
    common_share,
    describe_bands,
    judge,
    name_bands,
    rank_correlation,
)
from reports.explain.maps import KINDS, Mapper
from reports.explain.measure import Mapped, Occluded
from reports.explain.statistics import correct, log_odds, rounded
from reports.explain.subject import Subject
from study.metrics import uar_of_probabilities

MEASURES = {
    "uar": correct,
    "log_odds": log_odds,
}  # what may fall without a band, the first counting
Floats = NDArray[np.floating]


def evaluate(
    explained: Explained,
    number: int,
    system: System,
    *,
    mapped: Mapped,
    occluded: Occluded,
    mappers: Sequence[Mapper],
    subject: Subject,
    above_chance: bool,
    tick: Callable[[], None],
) -> dict[str, Any]:
    """Return what there is to say of a system on an axis, plain JSON values.

    Args:
        explained: Networks and clips.
        number: Of the axis.
        system: Which networks count, and how much.
        mapped: Their maps.
        occluded: Their probabilities without each band.
        mappers: What maps they have.
        subject: The clips.
        above_chance: Whether the system recognises anything on them.
        tick: Called after each step of the deletion.
    """
    axis, labels = explained.axes[number], subject.labels
    intact, without = system.fuse(mapped.intact), system.fuse(occluded.removed)
    removed = _falls(intact, without, labels)
    noise = _falls(intact, system.fuse(occluded.noise), labels)
    values = _fused_maps(mapped.fractions[number], system)
    primary = next((kind for kind in KINDS if kind in values), None)
    values |= {"removed": removed["uar"], "noise": noise["uar"], "energy": occluded.energies}
    values |= {"removed_log_odds": removed["log_odds"], "noise_log_odds": noise["log_odds"]}
    profiles = {name: subject.profile(clips) for name, clips in values.items()}
    means = {name: profile.mean for name, profile in profiles.items()}
    overall = {name: mean[-1] for name, mean in means.items()}  # all classes alike
    orders = {name: overall[name] for name in (*KINDS, "energy") if name in overall}
    costs = {name: _costs(means, name) for name in ("removed", "noise")}
    deleted = {"occlusion": costs["removed"][-1], "energy": orders["energy"]}
    if primary is not None:
        deleted = {"map": orders[primary]} | deleted
    curves = deletion_curves(
        explained, number, system, deleted, intact, labels, seed=subject.seed, tick=tick
    )
    equal = _equal(axis, system, mappers)
    agreement = {
        name: _agreement(order, costs, overall["removed"])
        for name, order in {**orders, "equal": equal}.items()
    }
    for kind in orders.keys() & set(KINDS):
        pairs = zip(means[kind][:-1], costs["removed"][:-1], strict=True)
        agreement[kind]["removed_by_class"] = [rank_correlation(a, b) for a, b in pairs]
    agreement["occlusion"] = _of_halves(removed, noise, subject)
    tested = subject.sign_flips([removed[by] for by in MEASURES])
    p_values = None if tested is None else dict(zip(MEASURES, tested, strict=True))
    uar, uar_intact = uar_of_probabilities(without, labels), uar_of_probabilities(intact, labels)
    named = name_bands(
        {"uar": overall["removed"], "log_odds": overall["removed_log_odds"]},
        {"uar": overall["noise"], "log_odds": overall["noise_log_odds"]},
        p_values,
        above_chance=above_chance,
    )
    trust = None
    if primary is not None:
        both = {name: (by["removed"], by["common"]) for name, by in agreement.items()}
        trust = judge(
            *both[primary],
            ceiling=both["occlusion"][0],
            beside={name: both[name] for name in ("equal", "energy")},
            areas={name: curve["area"] for name, curve in curves["orders"].items()},
            above_chance=above_chance,
        )
    return {
        "title": axis.title,
        "edges_hz": rounded(axis.edges_hz),
        "profiles": {name: profile.to_json() for name, profile in profiles.items()},
        "equal": rounded(equal),
        "map": primary,
        "uar_removed": rounded(uar),
        "p_values": None if p_values is None else {by: rounded(p) for by, p in p_values.items()},
        "rank_correlation": agreement,
        "deletion": curves,
        "trust": None if trust is None else trust._asdict(),
        "named": [band._asdict() for band in named],
        "finding": describe_bands(
            named,
            axis,
            uar,
            intact=float(uar_intact),
            taken=[_taken(clips, explained.inputs.classes) for clips in without],
            n_speakers=subject.n_speakers,
        ),
    }


def _falls(intact: Floats, without: Floats, labels: NDArray[np.intp]) -> dict[str, Floats]:
    """Return how far each measure of a clip falls without each band, (clips, bands) each."""
    return {
        by: (measure(intact, labels) - measure(without, labels)).T
        for by, measure in MEASURES.items()
    }


def _taken(probabilities: Floats, classes: Sequence[str]) -> tuple[str, float]:
    """Return the class that most clips (clips, classes) are taken for, and of how many."""
    counts = np.bincount(probabilities.argmax(-1), minlength=len(classes))
    return classes[int(counts.argmax())], float(counts.max() / counts.sum())


def _costs(means: Mapping[str, Floats], name: str) -> Floats:
    """Return bands by what they cost in each class and in all, (classes + 1, bands)."""
    pairs = zip(means[name], means[f"{name}_log_odds"], strict=True)
    return np.stack([band_order(*pair) for pair in pairs])


def _fused_maps(fractions: Mapping[str, Mapping[int, Floats]], system: System) -> dict[str, Floats]:
    """Return the weighted relevance per band by kind, (clips, bands), over networks with a map.

    A linear machine's weights are all the map it has: beside networks they stand for it in each of
    their kinds, and alone they are a kind of their own.
    """
    used = {
        kind: {n: values for n, values in by_network.items() if system.weights[n] > 0}
        for kind, by_network in fractions.items()
    }
    linear = used.pop("weights")
    kinds = {kind: own | linear for kind, own in used.items() if own}
    if not kinds and linear:
        kinds = {"weights": linear}
    return {
        kind: np.average(list(own.values()), axis=0, weights=[system.weights[n] for n in own])
        for kind, own in kinds.items()
    }


def _equal(axis: FrequencyAxis, system: System, mappers: Sequence[Mapper]) -> Floats:
    """Return the fractions of maps that are equal everywhere, (bands,)."""
    pairs = zip(system.weights, mappers, strict=True)
    return np.asarray(sum(weight * mapper.uniform(axis) for weight, mapper in pairs if weight))


def _agreement(order: Floats, costs: Mapping[str, Floats], removed: Floats) -> dict[str, Any]:
    """Return the rank correlation of an order of bands with what both occlusions cost.

    And what its fractions have in common with the UAR that removal costs, (bands,).
    """
    ranks: dict[str, Any] = {by: rank_correlation(order, of[-1]) for by, of in costs.items()}
    return ranks | {"common": common_share(order, removed)}


def _of_halves(
    removed: Mapping[str, Floats], noise: Mapping[str, Floats], subject: Subject
) -> dict[str, Any]:
    """Return how far occlusion agrees with itself between two halves of the clips."""
    ranks: dict[str, Any] = {}
    for name, falls in {"removed": removed, "noise": noise}.items():
        by_measure = (subject.halves(falls[by]) for by in MEASURES)
        orders = [band_order(*half) for half in zip(*by_measure, strict=True)]
        ranks[name] = rank_correlation(*orders)
    return ranks | {"common": common_share(*subject.halves(removed["uar"]))}
