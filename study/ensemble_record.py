"""A selection as `ensemble/ensemble.json` tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.ensemble import Selection

__all__ = ["Candidate", "References", "ensemble_record"]

FORMAT = 1


@dataclass(frozen=True)
class Candidate:
    """What a candidate of the selection stands for.

    Args:
        trials: Numbers of its trials; several are repeated seeds of one spec.
        name: As in `result.json`, like "linear-3win resnet18".
        uar: Its own devel UAR, in [0, 1].
    """

    trials: tuple[int, ...]
    name: str
    uar: float


@dataclass(frozen=True)
class References:
    """What the fusion is printed beside, each selected from the same candidates."""

    best_single: Selection
    uniform: Selection
    top_k: Selection


def ensemble_record(
    selection: Selection,
    candidates: Sequence[Candidate],
    *,
    references: References,
    identity: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of `ensemble.json`.

    A member that stands for several seeds becomes one entry per trial, with its weight divided
    among them: the weighted average over the entries is the fusion, and the weights sum to 1.

    Args:
        selection: The fusion.
        candidates: All candidates, in the order they were selected from.
        references: Best single, uniform and top-k average.
        identity: Of the probabilities (`Identity.to_json()`).
    """
    members = [
        {"trial": trial, "name": c.name, "weight": weight / len(c.trials), "uar": c.uar}
        for member, weight in zip(selection.members, selection.weights, strict=True)
        for c in [candidates[member]]
        for trial in c.trials
    ]
    trajectory = [
        {"n": s.n, "trial": c.trials[0], "name": c.name, "uar": s.uar}
        for s in selection.trajectory
        for c in [candidates[s.member]]
    ]
    best = candidates[references.best_single.members[0]]
    return {
        "format": FORMAT,
        "method": selection.method,
        "uar": selection.uar,
        "members": members,
        "trajectory": trajectory,
        "references": {
            "best_single": {
                "trial": best.trials[0],
                "name": best.name,
                "uar": references.best_single.uar,
            },
            "uniform": {"uar": references.uniform.uar, "n": len(references.uniform.members)},
            "top_k": {"uar": references.top_k.uar, "k": len(references.top_k.members)},
        },
        "n_candidates": len(candidates),
        "identity": dict(identity),
        "apparent": True,
    }
