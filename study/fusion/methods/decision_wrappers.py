"""Methods with a decision rule of their own: temperature per member, bias of the fusion."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.decision import Decision, fit_decision, fit_temperature, temper
from study.honest import Fitted, Method

__all__ = ["Decided", "Tempered", "with_decision", "with_temperatures"]


@dataclass(frozen=True)
class Tempered:
    """A fusion of candidates whose probabilities were tempered first.

    Args:
        base: The fusion.
        temperatures: One per candidate, (candidates,).
    """

    base: Fitted
    temperatures: tuple[float, ...]

    @property
    def members(self) -> tuple[int, ...]:
        """Positions of the candidates that are needed."""
        return self.base.members

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, (clips, classes)."""
        return self.base.scores(_tempered(np.asarray(probabilities), self.temperatures))


@dataclass(frozen=True)
class Decided:
    """A fusion with a temperature and a bias per class."""

    base: Fitted
    decision: Decision

    @property
    def members(self) -> tuple[int, ...]:
        """Positions of the candidates that are needed."""
        return self.base.members

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, (clips, classes)."""
        return self.decision.scores(self.base.scores(probabilities))


def with_temperatures(method: Method) -> Method:
    """The method on candidates that are made equally sharp: each gets the best temperature."""

    def fit(
        probabilities: NDArray[np.float64],
        labels: NDArray[np.intp],
        *,
        speakers: NDArray[np.intp],
        families: Sequence[Hashable],
    ) -> Tempered:
        temperatures = tuple(fit_temperature(values, labels) for values in probabilities)
        tempered = _tempered(probabilities, temperatures)
        base = method(tempered, labels, speakers=speakers, families=families)
        return Tempered(base, temperatures)

    return fit


def with_decision(method: Method, *, calibrate: bool = True) -> Method:
    """The method with a temperature, and a bias per class, where they gain (`fit_decision`).

    Args:
        method: Gives the fusion.
        calibrate: Whether to fit a temperature: it changes no decision, so an estimate of UAR
            does without.
    """

    def fit(
        probabilities: NDArray[np.float64],
        labels: NDArray[np.intp],
        *,
        speakers: NDArray[np.intp],
        families: Sequence[Hashable],
    ) -> Decided:
        base = method(probabilities, labels, speakers=speakers, families=families)
        scores = base.scores(probabilities)
        return Decided(base, fit_decision(scores, labels, speakers, calibrate=calibrate))

    return fit


def _tempered(
    probabilities: NDArray[np.floating], temperatures: Sequence[float]
) -> NDArray[np.float64]:
    pairs = zip(probabilities, temperatures, strict=True)
    return np.stack([temper(values, temperature) for values, temperature in pairs])
