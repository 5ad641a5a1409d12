"""One system on one axis: maps and occlusion joined, compared and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.explain.axes import FrequencyAxis
from reports.explain.deletion import deletion_curves
from reports.explain.judgement import (
    common_share,
    judge,
    name_bands,
    rank_correlation,
    tell_bands,
)
from reports.explain.maps import KINDS, Mapper
from reports.explain.measure import Explained, Mapped, Occluded
from reports.explain.statistics import Profile, evidence, rounded
from reports.explain.subject import Subject
from study.explain_inputs import System
from study.metrics import uar_of_probabilities

__all__ = ["judged"]

Floats = NDArray[np.floating]


def judged(
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
    before = evidence(intact, labels)
    removed = (before - evidence(without, labels)).T
    noise = (before - evidence(system.fuse(occluded.noise), labels)).T
    maps = {kind: _fused_map(mapped.shares[number][kind], system) for kind in KINDS}
    values = {kind: shares for kind, shares in maps.items() if shares is not None}
    values |= {"removed": removed, "noise": noise, "energy": occluded.energies}
    profiles = {name: subject.profile(clips) for name, clips in values.items()}
    primary = next((kind for kind in KINDS if kind in profiles), None)
    orders = {"map": primary, "occlusion": "removed", "energy": "energy"}
    curves = deletion_curves(
        explained,
        number,
        system,
        {name: profiles[by].mean[-1] for name, by in orders.items() if by is not None},
        intact,
        labels,
        seed=subject.seed,
        tick=tick,
    )
    equal = _equal(axis, system, mappers)
    agreement = _agreement(profiles, equal)
    halves = {name: subject.halves(values[name]) for name in ("removed", "noise")}
    agreement["occlusion"] = {name: rank_correlation(*pair) for name, pair in halves.items()}
    agreement["occlusion"]["common"] = common_share(*halves["removed"])
    p_values = subject.sign_flips(removed)
    uar, uar_intact = uar_of_probabilities(without, labels), uar_of_probabilities(intact, labels)
    named = name_bands(
        profiles["removed"].mean[-1],
        profiles["noise"].mean[-1],
        p_values,
        above_chance=above_chance,
    )
    trust = None
    if primary is not None:
        trust = judge(
            agreement[primary]["removed"],
            common=agreement[primary]["common"],
            ceiling=agreement["occlusion"]["removed"],
            beside={
                name: (agreement[name]["removed"], agreement[name]["common"])
                for name in ("equal", "energy")
            },
            areas={name: curve["area"] for name, curve in curves["orders"].items()},
            above_chance=above_chance,
        )
    return {
        "title": axis.title,
        "edges_hz": rounded(axis.edges_hz),
        "profiles": {name: one.to_json() for name, one in profiles.items()},
        "equal": rounded(equal),
        "map": primary,
        "uar_removed": rounded(uar),
        "p_values": None if p_values is None else rounded(p_values),
        "rank_correlation": agreement,
        "deletion": curves,
        "trust": None if trust is None else trust._asdict(),
        "named": [one._asdict() for one in named],
        "finding": tell_bands(
            named, axis, uar, intact=float(uar_intact), n_speakers=subject.n_speakers
        ),
    }


def _fused_map(shares: dict[int, Floats], system: System) -> Floats | None:
    """Return the weighted relevance per band, (clips, bands), over networks with a map."""
    weights = {n: system.weights[n] for n in shares if system.weights[n] > 0}
    if not weights:
        return None
    total = sum(weight * shares[n] for n, weight in weights.items())
    return np.asarray(total / sum(weights.values()))


def _equal(axis: FrequencyAxis, system: System, mappers: Sequence[Mapper]) -> Floats:
    """Return the shares of maps that are equal everywhere, (bands,)."""
    pairs = zip(system.weights, mappers, strict=True)
    return np.asarray(sum(weight * mapper.uniform(axis) for weight, mapper in pairs if weight))


def _agreement(profiles: dict[str, Profile], equal: Floats) -> dict[str, dict[str, Any]]:
    """Return the rank correlation of each order of bands with the two occlusions.

    Of maps also by class, with the effect of removing bands on the clips of the class.
    """
    means = {name: values.mean for name, values in profiles.items()}
    orders = {name: means[name][-1] for name in (*KINDS, "energy") if name in means}
    found: dict[str, dict[str, Any]] = {
        name: {by: rank_correlation(order, means[by][-1]) for by in ("removed", "noise")}
        | {"common": common_share(order, means["removed"][-1])}
        for name, order in {**orders, "equal": equal}.items()
    }
    for kind in found.keys() & set(KINDS):
        pairs = zip(means[kind][:-1], means["removed"][:-1], strict=True)
        found[kind]["removed_by_class"] = [rank_correlation(a, b) for a, b in pairs]
    return found
