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
        imported: Whether it is another tool's system; it has no trials then.
    """

    trials: tuple[int, ...]
    name: str
    uar: float
    imported: bool = False

    def label(self) -> str:
        """As a person reads it.

        >>> Candidate((7, 9), "linear resnet18", 0.7).label()
        '007 linear resnet18'
        """
        return f"imported {self.name}" if self.imported else f"{self.trials[0]:03d} {self.name}"

    def about(self) -> dict[str, Any]:
        """How records name it: by its first trial, or by name alone when it was imported."""
        return {"name": self.name} if self.imported else {
            "trial": self.trials[0], "name": self.name
        }  # fmt: skip


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
    among them: the weighted average over the entries is the fusion, and the weights sum to 1 over
    members and imported systems.

    Args:
        selection: The fusion.
        candidates: All candidates, in the order they were selected from.
        references: Best single, uniform and top-k average.
        identity: Of the probabilities (`Identity.to_json()`).
    """
    chosen = [
        (place, weight, candidates[member])
        for place, (member, weight) in enumerate(
            zip(selection.members, selection.weights, strict=True)
        )
    ]
    members = [
        {
            "trial": trial,
            "name": c.name,
            "weight": weight / len(c.trials),
            "uar": c.uar,
            "candidate": place,
        }
        for place, weight, c in chosen
        for trial in c.trials
    ]
    imported = [
        {"name": c.name, "weight": weight, "uar": c.uar, "candidate": place}
        for place, weight, c in chosen
        if c.imported
    ]
    trajectory = [
        {"n": s.n, **candidates[s.member].about(), "uar": s.uar} for s in selection.trajectory
    ]
    best = candidates[references.best_single.members[0]]
    return {
        "format": FORMAT,
        "method": selection.method,
        "uar": selection.uar,
        "members": members,
        "imported": imported,
        "trajectory": trajectory,
        "references": {
            "best_single": {**best.about(), "uar": references.best_single.uar},
            "uniform": {"uar": references.uniform.uar, "n": len(references.uniform.members)},
            "top_k": {"uar": references.top_k.uar, "k": len(references.top_k.members)},
        },
        "n_candidates": len(candidates),
        "identity": dict(identity),
        "apparent": True,
    }
