"""From probabilities to a decision: temperature and a bias per class.

Temperature scaling: Guo et al., "On calibration of modern neural networks", ICML 2017. A bias per
class moves the decision towards equal recalls, which is what UAR rewards, at a price in log-loss
where classes are unequally frequent. The temperature is fitted to what the bias leaves. Both are
cross-fitted: used only where they gain on clips that they were not fitted on. A class without a
clip to fit to keeps its probability, and the clips that it is given to (`as_average`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.absent import absent_classes, as_average
from study.fusion.methods.class_bias import best_bias
from study.honest import fold_splits
from study.honest.held_out import Split
from study.metrics import count_by_speaker
from study.metrics.calibration import expected_calibration_error
from study.metrics.speaker_counts import paired_difference
from study.metrics.uar import check_class_indices

SMALLEST = 1e-7
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Decision:
    """Temperature and bias of a fusion; the identity is 1 and zeros.

    With a bias the most probable class is the one to decide for, so that probabilities lean to
    rare classes as UAR does; their log-loss is higher than without where classes are unequal.

    Args:
        temperature: Log-probabilities are divided by it; above 1 softens.
        bias: Added to the log-probabilities then, (classes,).
        gain: UAR that the bias gained on clips it was not fitted on.
        gain_se: Its standard error over speakers, None with fewer than 5.
        ece_before: Expected calibration error without the decision.
        ece_after: That with it, on clips it was not fitted on; None where nothing could be
            cross-fitted.
        held_out: What it was not fitted on: other `speakers`, or where they are not known other
            `clips`.
    """

    temperature: float
    bias: tuple[float, ...]
    gain: float = 0.0
    gain_se: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None
    held_out: Literal["speakers", "clips"] = "speakers"

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self.temperature != 1 or any(self.bias)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `ensemble.json` and bundles."""
        return {**asdict(self), "bias": list(self.bias), "sentence": self.sentence()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Decision:
        """The inverse of `to_json`; the values are checked, since bundles come from anywhere.

        Raises:
            ValueError: When a value is out of range.
        """
        temperature, bias = float(values["temperature"]), tuple(map(float, values["bias"]))
        if not COLDEST / 2 <= temperature <= 2 * HOTTEST:
            raise ValueError(f"temperature must be in [0.025, 40], got {temperature}")
        if not np.isfinite(bias).all():
            raise ValueError(f"bias must be finite, got {bias}")
        held_out = values.get("held_out", "speakers")
        if held_out not in ("speakers", "clips"):
            raise ValueError(f"held_out must be speakers or clips, got {held_out!r}")
        known = {key: values.get(key) for key in ("gain_se", "ece_before", "ece_after")}
        return cls(temperature, bias, float(values.get("gain", 0.0)), **known, held_out=held_out)

    def sentence(self) -> str:
        """What is done and what it gained, in words."""
        spread = "" if self.gain_se is None else f" (standard error {100 * self.gain_se:.1f})"
        gained = f"{100 * self.gain:+.1f} points{spread} on {self.held_out} it was not fitted on"
        if any(self.bias):
            text = f"A bias per class is added: it gains {gained}"
        elif self.gain_se is None:
            text = "No bias per class: too few speakers to fit one honestly"
        else:
            text = f"No bias per class: it would give {gained}"
        if self.ece_before is None or self.ece_after is None:
            return f"{text}."
        return (
            f"{text}; temperature {self.temperature:.2f}, expected calibration error "
            f"{100 * self.ece_before:.1f} % before and {100 * self.ece_after:.1f} % after, "
            "on clips it was not fitted on."
        )

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities after temperature T and bias b, (..., classes): softmax(log(P) / T + b)."""
        return softmax(_logs(probabilities) / self.temperature + np.asarray(self.bias))


def temper(probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Probabilities made softer (temperature above 1) or sharper, (..., classes).

    Raises:
        ValueError: When the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got temperature={temperature}")
    return softmax(_logs(probabilities) / temperature)


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The temperature with the least log-loss, within [0.05, 20].

    Args:
        probabilities: (clips, classes).
        labels: Class indices, (clips,).

    Raises:
        ValueError: When the shapes do not fit or there are no clips.
    """
    logs = _logs(probabilities)
    return _temperature(logs, check_class_indices(labels, logs.shape))


def fit_decision(
    probabilities: ArrayLike,
    labels: ArrayLike,
    speakers: ArrayLike,
    *,
    n_folds: int = 5,
    calibrate: bool = True,
    seed: int = 0,
) -> Decision:
    """A bias where it gains one standard error of UAR, and a temperature where it lowers log-loss.

    The temperature's log-loss is that with the bias, where there is one. Both gains are
    cross-fitted: what judges a fold of speakers was fitted on the others.

    Args:
        probabilities: Of the fusion, (clips, classes).
        labels: Class indices, (clips,).
        speakers: Speaker of every clip, (clips,); where they are not known, one per clip.
        n_folds: Most folds; with one speaker nothing can be cross-fitted, so nothing is changed.
        calibrate: Whether to fit a temperature, which changes no decision.
        seed: Of the folds.

    Raises:
        ValueError: When the shapes do not fit or there are no clips.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    truth = check_class_indices(labels, values.shape)
    groups = np.unique(np.asarray(speakers), return_inverse=True)[1]
    if groups.size != truth.size:
        raise ValueError(f"speakers must be one per clip, got {groups.size} for {truth.size} clips")
    before = expected_calibration_error(values, truth) if calibrate else None
    nothing = np.zeros(values.shape[1])
    if groups.max() == 0:
        return Decision(1.0, tuple(nothing.tolist()), ece_before=before)
    logs = _logs(values)
    folds = fold_splits(truth, groups, n_folds=n_folds, seed=seed)
    biases = [_bias(logs[inside], truth[inside]) for inside, _ in folds]
    guesses = _shifted(logs, folds, biases).argmax(axis=-1)
    for (inside, outside), own in zip(folds, biases, strict=True):
        if absent := absent_classes(truth[inside], values.shape[1]):
            decided = as_average(softmax(logs[outside] + own), values[outside], absent)
            guesses[outside] = decided.argmax(axis=-1)
    counts = [
        count_by_speaker(truth, guess == truth, groups)
        for guess in (guesses, values.argmax(axis=-1))
    ]
    gain, error = paired_difference(*counts)
    biased = error is not None and gain > 0 and gain >= error
    if not biased:
        biases = [nothing] * len(folds)
    bias = _bias(logs, truth) if biased else nothing
    temperature, after = 1.0, None
    if calibrate:
        crossed = _shifted(logs, folds, biases)
        cooled = crossed.copy()
        for (inside, outside), own in zip(folds, biases, strict=True):
            cooled[outside] /= _temperature(logs[inside] + own, truth[inside])
        if _log_loss(cooled, truth) < _log_loss(crossed, truth):
            temperature, crossed = _temperature(logs + bias, truth), cooled
        decided = as_average(softmax(crossed), values, absent_classes(truth, values.shape[1]))
        after = expected_calibration_error(decided, truth)
    return Decision(
        temperature,
        tuple((bias / temperature).tolist()),
        gain,
        error,
        before,
        after,
        held_out="clips" if np.unique(groups).size == groups.size else "speakers",
    )


def _bias(logs: NDArray[np.float64], labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """The best bias of the classes that some clip has; 0 for the others, (classes,)."""
    present, codes = np.unique(labels, return_inverse=True)
    bias = np.zeros(logs.shape[1])
    bias[present] = best_bias(logs[:, present], codes)
    return bias


def _shifted(
    logs: NDArray[np.float64], folds: Sequence[Split], biases: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Log-probabilities with the bias that was fitted without them, (clips, classes)."""
    logits = logs.copy()
    for (_, outside), bias in zip(folds, biases, strict=True):
        logits[outside] += bias
    return logits


def _temperature(logits: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    """What logits are divided by for the least log-loss."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_temperature: _log_loss(logits / np.exp(log_temperature), labels),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def _log_loss(logits: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    """Mean log-loss in nats of logits, (clips, classes), among the classes that some clip has."""
    if absent := absent_classes(labels, logits.shape[1]):
        logits = logits.copy()
        logits[:, list(absent)] = -np.inf
    top = logits.max(axis=-1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=-1)) + top
    return float((total - logits[np.arange(labels.size), labels]).mean())


def _logs(probabilities: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(probabilities, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("probabilities must not contain NaN")
    return np.log(np.clip(values, SMALLEST, None))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of unnormalised log-probabilities, (..., classes)."""
    values = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(values / values.sum(axis=-1, keepdims=True))
