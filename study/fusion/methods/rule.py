"""What a fitted fusion does with its members' probabilities, as plain values.

`ensemble.json` and bundles hold it; selection, refit, submission and prediction all apply it here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.decision import COLDEST, HOTTEST, Decision, temper
from study.fusion.methods.decision_wrappers import Decided, Tempered
from study.fusion.methods.greedy import Selection
from study.fusion.methods.stacking import Stacked, Voted
from study.honest import Fitted

__all__ = ["FusionRule", "fuse_members", "rule_of"]


@dataclass(frozen=True)
class FusionRule:
    """How the probabilities of a fusion's candidates become one.

    Args:
        kind: A weighted average, a majority vote, or stacking by logistic regression.
        weights: One per candidate, summing to 1; of vote and stacking equal shares.
        temperatures: One per candidate; empty when there are none.
        coefficients: Of stacking, (classes, candidates * classes).
        intercepts: Of stacking, (classes,); None for a class that is never predicted.
        decision: Temperature and bias of the fusion; None without.
    """

    kind: Literal["average", "vote", "stacking"]
    weights: tuple[float, ...]
    temperatures: tuple[float, ...] = ()
    coefficients: tuple[tuple[float, ...], ...] = ()
    intercepts: tuple[float | None, ...] = ()
    decision: Decision | None = None

    @property
    def plain(self) -> bool:
        """Whether it is nothing but the weighted average."""
        return self.kind == "average" and not self.temperatures and self.decision is None

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, (clips, classes), of the members', (candidates, clips, classes)."""
        values = np.asarray(probabilities, dtype=np.float64)
        if self.temperatures:
            pairs = zip(values, self.temperatures, strict=True)
            values = np.stack([temper(one, temperature) for one, temperature in pairs])
        fused = self._base().scores(values)
        return fused if self.decision is None else self.decision.scores(fused)

    def _base(self) -> Fitted:
        everyone = tuple(range(len(self.weights)))
        if self.kind == "vote":
            return Voted(everyone)
        if self.kind == "average":
            return Selection("average", math.nan, everyone, self.weights)
        intercepts = [-np.inf if value is None else value for value in self.intercepts]
        return Stacked(everyone, np.asarray(self.coefficients), np.asarray(intercepts))

    def without(self, places: Sequence[int]) -> FusionRule:
        """The rule of the other candidates alone, reweighted; the decision was not theirs.

        Raises:
            ValueError: When it is stacking, whose coefficients belong together, or none is left.
        """
        left = [place for place in range(len(self.weights)) if place not in places]
        if self.kind == "stacking" or not left:
            raise ValueError("stacking cannot do without a member, and something must be left")
        total = sum(self.weights[place] for place in left)
        return FusionRule(
            self.kind,
            tuple(self.weights[place] / total for place in left),
            tuple(self.temperatures[place] for place in left) if self.temperatures else (),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; the weights stand with the members."""
        return {
            "kind": self.kind,
            "temperatures": list(self.temperatures),
            "coefficients": [list(row) for row in self.coefficients],
            "intercepts": list(self.intercepts),
            "decision": None if self.decision is None else self.decision.to_json(),
        }

    @classmethod
    def from_json(
        cls, values: Mapping[str, Any], *, weights: Sequence[float], n_classes: int
    ) -> FusionRule:
        """The inverse of `to_json`; every number is checked, since bundles come from anywhere.

        Args:
            values: What `to_json` gave.
            weights: Of the candidates.
            n_classes: Number of classes.

        Raises:
            ValueError: When something is missing or out of range.
        """
        kind, n = values["kind"], len(weights)
        if kind not in ("average", "vote", "stacking"):
            raise ValueError(f"kind must be average, vote or stacking, got {kind!r}")
        decision = values.get("decision")
        rule = cls(
            kind,
            tuple(map(float, weights)),
            tuple(map(float, values.get("temperatures") or ())),
            tuple(tuple(map(float, row)) for row in values.get("coefficients") or ()),
            tuple(None if v is None else float(v) for v in values.get("intercepts") or ()),
            None if decision is None else Decision.from_json(decision),
        )
        if rule.temperatures and len(rule.temperatures) != n:
            raise ValueError(f"temperatures must be one per candidate, got {rule.temperatures}")
        if not all(COLDEST / 2 <= one <= 2 * HOTTEST for one in rule.temperatures):
            raise ValueError(f"temperatures must be in [0.025, 40], got {rule.temperatures}")
        if rule.decision is not None and len(rule.decision.bias) != n_classes:
            raise ValueError(f"bias must be one per class, got {rule.decision.bias}")
        if kind == "stacking":
            sizes = [len(row) for row in rule.coefficients]
            if sizes != [n * n_classes] * n_classes or len(rule.intercepts) != n_classes:
                raise ValueError(f"coefficients must be {n_classes} rows of {n * n_classes}")
            known = [value for value in rule.intercepts if value is not None]
            if not known or not np.isfinite([*np.ravel(rule.coefficients), *known]).all():
                raise ValueError("coefficients and intercepts must be finite")
        return rule


def rule_of(fitted: Fitted) -> FusionRule:
    """What a fitted fusion does with the probabilities of its members, in their order.

    Raises:
        TypeError: When it is of an unknown kind.
    """
    match fitted:
        case Decided():
            decision = fitted.decision if fitted.decision.changes else None
            return replace(rule_of(fitted.base), decision=decision)
        case Tempered():
            temperatures = tuple(fitted.temperatures[member] for member in fitted.members)
            return replace(rule_of(fitted.base), temperatures=temperatures)
        case Selection():
            return FusionRule("average", fitted.weights)
        case Voted():
            return FusionRule("vote", _equal(fitted))
        case Stacked():
            rows = tuple(tuple(float(value) for value in row) for row in fitted.coefficients)
            ends = tuple(float(v) if np.isfinite(v) else None for v in fitted.intercepts)
            return FusionRule("stacking", _equal(fitted), coefficients=rows, intercepts=ends)
    raise TypeError(f"a fusion of an unknown kind: {type(fitted).__name__}")


def fuse_members(
    values: Sequence[ArrayLike],
    weights: Sequence[float],
    candidates: Sequence[int] | None = None,
    rule: FusionRule | None = None,
) -> NDArray[np.float64]:
    """Fuse the probabilities of a fusion's members.

    Args:
        values: Of every member, (clips, classes) each.
        weights: Of every member; several networks of one candidate share its weight.
        candidates: Which candidate each member belongs to, from 0; only needed with a rule.
        rule: None: the weighted average.

    Returns:
        Probabilities, (clips, classes).
    """
    arrays = [np.asarray(one, dtype=np.float64) for one in values]
    if rule is None:
        total = np.zeros(arrays[0].shape)
        for array, weight in zip(arrays, weights, strict=True):
            total += weight * array
        return total
    groups = range(len(arrays)) if candidates is None else candidates
    sums = np.zeros((len(rule.weights), *arrays[0].shape))
    shares = np.zeros(len(rule.weights))
    for array, weight, group in zip(arrays, weights, groups, strict=True):
        sums[group] += weight * array
        shares[group] += weight
    return rule.scores(sums / shares[:, None, None])


def _equal(fitted: Fitted) -> tuple[float, ...]:
    return (1 / len(fitted.members),) * len(fitted.members)
