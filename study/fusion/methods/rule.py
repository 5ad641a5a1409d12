"""What a fitted fusion does with its members' probabilities, as plain values.

`ensemble.json` and bundles hold it; selection, refit, submission and prediction all apply it here.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.absent import as_average
from study.fusion.methods.decision import COLDEST, HOTTEST, Decision, softmax, temper

LARGEST = 1e6  # of a coefficient, an intercept or a bias, so that no sum of them overflows
SMALLEST = 1e-4  # probabilities are kept away from 0, or one sure member would outweigh all


@dataclass(frozen=True)
class FusionRule:
    """How the probabilities of a fusion's members become one.

    Of member m with weight w_m and probabilities P_m(c) of class c, tempered first where there
    are temperatures, and its class v_m = argmax_c P_m(c):

    - `average`: sum_m w_m P_m(c);
    - `vote`: the fraction of members with v_m = c; their mean probability breaks ties;
    - `stacking`: softmax_c(b_c + sum_mk a_cmk L_mk), L_mk = log P_m(k) - mean_k log P_m(k).

    The decision is applied to the result. Classes that devel lacks then get back the probabilities
    that the average without temperatures gives them (`as_average`).

    Args:
        kind: A weighted average, a majority vote, or stacking by logistic regression.
        weights: One per member, summing to 1; equal for vote and stacking.
        temperatures: One per member; empty when there are none.
        coefficients: Of stacking, a: (classes, members * classes).
        intercepts: Of stacking, b: (classes,); None for a class that is never predicted.
        decision: Temperature and bias of the fusion; None without.
        absent: Indices of the classes that devel lacks.
    """

    kind: Literal["average", "vote", "stacking"]
    weights: tuple[float, ...]
    temperatures: tuple[float, ...] = ()
    coefficients: tuple[tuple[float, ...], ...] = ()
    intercepts: tuple[float | None, ...] = ()
    decision: Decision | None = None
    absent: tuple[int, ...] = ()

    @classmethod
    def equal(cls, kind: Literal["average", "vote", "stacking"], n: int, **more: Any) -> FusionRule:
        """The rule of `n` members with equal weights."""
        return cls(kind, (1 / n,) * n, **more)

    @property
    def plain(self) -> bool:
        """Whether it is nothing but the weighted average."""
        return self.kind == "average" and not self.temperatures and self.decision is None

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, (clips, classes), of the members', (members, clips, classes).

        >>> rule = FusionRule("average", (0.75, 0.25))
        >>> rule.scores([[[0.8, 0.2]], [[0.4, 0.6]]]).round(6).tolist()
        [[0.7, 0.3]]
        """
        given = values = np.asarray(probabilities, dtype=np.float64)
        if self.temperatures:
            pairs = zip(values, self.temperatures, strict=True)
            values = np.stack([temper(one, temperature) for one, temperature in pairs])
        fused = self._fuse(values)
        if self.decision is not None:
            fused = self.decision.scores(fused)
        if self.plain or not self.absent:
            return fused
        return as_average(fused, _weighted_sum(given, self.weights), self.absent)

    def _fuse(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.kind == "average":
            return _weighted_sum(values, self.weights)
        if self.kind == "vote":
            votes = np.eye(values.shape[-1])[values.argmax(axis=-1)]
            half = 1 / (2 * len(values))  # less than a vote, all members together
            return np.asarray((votes + half * values).mean(axis=0) / (1 + half))
        intercepts = [-np.inf if value is None else value for value in self.intercepts]
        return softmax(centred_logits(values) @ np.transpose(self.coefficients) + intercepts)

    def without(self, positions: Sequence[int]) -> FusionRule:
        """The rule of the other members alone, reweighted; the decision was not theirs.

        Raises:
            ValueError: When it is stacking, whose coefficients belong together, or none is left.
        """
        left = [n for n in range(len(self.weights)) if n not in positions]
        if self.kind == "stacking" or not left:
            raise ValueError("stacking cannot do without a member, and something must be left")
        total = sum(self.weights[n] for n in left)
        return FusionRule(
            self.kind,
            tuple(self.weights[n] / total for n in left),
            tuple(self.temperatures[n] for n in left) if self.temperatures else (),
            absent=self.absent,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; the weights stand with the members."""
        return {
            "kind": self.kind,
            "temperatures": list(self.temperatures),
            "coefficients": [list(row) for row in self.coefficients],
            "intercepts": list(self.intercepts),
            "decision": None if self.decision is None else self.decision.to_json(),
            **({"absent": list(self.absent)} if self.absent else {}),
        }

    @classmethod
    def from_json(
        cls, values: Mapping[str, Any], *, weights: Sequence[float], n_classes: int
    ) -> FusionRule:
        """The inverse of `to_json`; every number is checked, since bundles come from anywhere.

        Args:
            values: What `to_json` gave.
            weights: Of the members.
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
            tuple(map(operator.index, values.get("absent") or ())),
        )
        judged = set(range(n_classes)).difference(rule.absent)
        if not judged or len(judged) + len(rule.absent) != n_classes:
            raise ValueError(f"absent must be some of {n_classes} classes, got {rule.absent}")
        if rule.temperatures and len(rule.temperatures) != n:
            raise ValueError(f"temperatures must be one per candidate, got {rule.temperatures}")
        if not all(COLDEST / 2 <= one <= 2 * HOTTEST for one in rule.temperatures):
            raise ValueError(f"temperatures must be in [0.025, 40], got {rule.temperatures}")
        if rule.decision is not None:
            if len(rule.decision.bias) != n_classes:
                raise ValueError(f"bias must be one per class, got {rule.decision.bias}")
            if np.abs(rule.decision.bias).max() > LARGEST:
                raise ValueError(f"bias must lie within {LARGEST:,.0f}, got {rule.decision.bias}")
        if kind == "stacking":
            sizes = [len(row) for row in rule.coefficients]
            if sizes != [n * n_classes] * n_classes or len(rule.intercepts) != n_classes:
                raise ValueError(f"coefficients must be {n_classes} rows of {n * n_classes}")
            known = [value for value in rule.intercepts if value is not None]
            if not known or not np.isfinite([*np.ravel(rule.coefficients), *known]).all():
                raise ValueError("coefficients and intercepts must be finite")
            if (most := np.abs([*np.ravel(rule.coefficients), *known]).max()) > LARGEST:
                raise ValueError(
                    f"coefficients and intercepts must lie within {LARGEST:,.0f}, got {most:g}"
                )
        return rule


def centred_logits(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Log-probabilities less their mean over the classes, (clips, members * classes).

    Args:
        probabilities: (members, clips, classes).
    """
    logits = np.log(np.clip(np.asarray(probabilities, dtype=np.float64), SMALLEST, None))
    logits -= logits.mean(axis=-1, keepdims=True)
    return np.asarray(logits.transpose(1, 0, 2).reshape(logits.shape[1], -1))


def fuse_members(
    values: Sequence[ArrayLike],
    weights: Sequence[float],
    candidates: Sequence[int] | None = None,
    rule: FusionRule | None = None,
) -> NDArray[np.float64]:
    """Fuse the probabilities of a fusion's networks.

    Args:
        values: Of every network, (clips, classes) each.
        weights: Of every network; several networks of one member share its weight.
        candidates: Which member each network belongs to, from 0; only needed with a rule.
        rule: None: the weighted average.

    Returns:
        Probabilities, (clips, classes).
    """
    if rule is None:
        return _weighted_sum(values, weights)
    arrays = [np.asarray(one, dtype=np.float64) for one in values]
    groups = range(len(arrays)) if candidates is None else candidates
    sums = np.zeros((len(rule.weights), *arrays[0].shape))
    totals = np.zeros(len(rule.weights))
    for array, weight, group in zip(arrays, weights, groups, strict=True):
        sums[group] += weight * array
        totals[group] += weight
    return rule.scores(sums / totals[:, None, None])


def _weighted_sum(
    values: Sequence[ArrayLike] | NDArray[np.float64], weights: Sequence[float]
) -> NDArray[np.float64]:
    total = np.zeros(np.shape(values[0]))
    for one, weight in zip(values, weights, strict=True):
        total += weight * np.asarray(one, dtype=np.float64)
    return total
