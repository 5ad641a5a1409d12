"""Methods with a temperature per member, or with a decision of the fusion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.fusion.methods.absent import absent_classes
from study.fusion.methods.decision import fit_decision, fit_temperature, temper
from study.fusion.methods.selection import FusionMethod, Selection
from study.metrics import uar_of_probabilities


def with_temperatures(method: FusionMethod) -> FusionMethod:
    """The method on candidates that are made equally sharp: each gets its best temperature.

    Temperature scaling: Guo et al., "On calibration of modern neural networks", ICML 2017. Not
    where networks differ in kind more than in sharpness: the temperature sees the clips that
    choose.
    """

    def fit(
        probabilities: NDArray[np.float64], labels: NDArray[np.intp], **groups: Any
    ) -> Selection:
        temperatures = [fit_temperature(values, labels) for values in probabilities]
        pairs = zip(probabilities, temperatures, strict=True)
        tempered = np.stack([temper(values, temperature) for values, temperature in pairs])
        base = method(tempered, labels, **groups)
        own = tuple(temperatures[member] for member in base.members)
        absent = absent_classes(labels, probabilities.shape[-1])
        return replace(base, rule=replace(base.rule, temperatures=own, absent=absent))

    return fit


def with_decision(method: FusionMethod, *, calibrate: bool = True) -> FusionMethod:
    """The method with a temperature, and a bias per class, where they gain (`fit_decision`).

    Args:
        method: Gives the fusion.
        calibrate: Whether to fit a temperature: it changes no decision, so an estimate of UAR
            does without.
    """

    def fit(
        probabilities: NDArray[np.float64], labels: NDArray[np.intp], **groups: Any
    ) -> Selection:
        base = method(probabilities, labels, **groups)
        scores = base.scores(probabilities)
        decision = fit_decision(scores, labels, groups["speakers"], calibrate=calibrate)
        absent = absent_classes(labels, probabilities.shape[-1])
        decided = replace(base, rule=replace(base.rule, decision=decision, absent=absent))
        return replace(
            decided, uar=float(uar_of_probabilities(decided.scores(probabilities), labels))
        )

    return fit
