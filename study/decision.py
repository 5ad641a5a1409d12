"""From probabilities to a decision: temperature, a bias per class, and how calibrated they are.

Temperature scaling and the expected calibration error: Guo et al., "On calibration of modern
neural networks", ICML 2017. A bias per class moves the decision towards equal recalls, which is
what UAR rewards; it is used only where it gains on clips that it was not fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.honest_folds import fold_splits
from study.metrics import check_codes
from study.speaker_counts import count_by_speaker, paired_difference

__all__ = [
    "Decision",
    "expected_calibration_error",
    "fit_bias",
    "fit_decision",
    "fit_temperature",
    "temper",
]

SMALLEST = 1e-7
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Decision:
    """Temperature and bias of a fusion; the identity is 1 and zeros.

    Args:
        temperature: Log-probabilities are divided by it; above 1 softens.
        bias: Added to the log-probabilities then, (classes,).
        gain: UAR that the bias gained on clips it was not fitted on.
        gain_se: Its standard error over speakers, None with fewer than 5.
    """

    temperature: float
    bias: tuple[float, ...]
    gain: float = 0.0
    gain_se: float | None = None

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities after temperature and bias, (..., classes)."""
        return _softmax(_logs(probabilities) / self.temperature + np.asarray(self.bias))


def temper(probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Probabilities made softer (temperature above 1) or sharper, (..., classes).

    Raises:
        ValueError: When the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got temperature={temperature}")
    return _softmax(_logs(probabilities) / temperature)


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The temperature with the least log-loss, within [0.05, 20].

    Args:
        probabilities: (clips, classes).
        labels: Codes, (clips,).

    Raises:
        ValueError: When the shapes do not fit or there are no clips.
    """
    from scipy.optimize import minimize_scalar

    logs = _logs(probabilities)
    codes = check_codes(labels, logs.shape)
    rows = np.arange(codes.size)

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        top = scaled.max(axis=-1)
        total = np.log(np.exp(scaled - top[:, None]).sum(axis=-1)) + top
        return float((total - scaled[rows, codes]).mean())

    found = minimize_scalar(
        loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(found.x))


def fit_bias(
    probabilities: ArrayLike, labels: ArrayLike, *, n_sweeps: int = 2
) -> tuple[float, ...]:
    """Biases of the log-probabilities that maximise UAR on these clips, found class by class.

    The best threshold of a class is exact, given the others; of equal ones the smallest change
    is taken, in the middle of its plateau. The first class stays at 0.

    Args:
        probabilities: (clips, classes).
        labels: Codes, (clips,).
        n_sweeps: How often to go through the classes.

    Raises:
        ValueError: When the shapes do not fit or there are no clips.
    """
    logs = _logs(probabilities)
    codes = check_codes(labels, logs.shape)
    weight = 1 / np.bincount(codes, minlength=logs.shape[1]).clip(min=1)[codes]
    bias = np.zeros(logs.shape[1])
    for _ in range(n_sweeps):
        for code in range(1, bias.size):
            bias[code] += _best_shift(logs + bias, codes, weight, code)
    return tuple(float(value) for value in bias)


def fit_decision(
    probabilities: ArrayLike,
    labels: ArrayLike,
    speakers: ArrayLike,
    *,
    n_folds: int = 5,
    seed: int = 0,
) -> Decision:
    """Temperature by log-loss, and a bias where it gains at least one standard error.

    The gain is cross-fitted: the bias of each fold of speakers comes from the others.

    Args:
        probabilities: Of the fusion, (clips, classes).
        labels: Codes, (clips,).
        speakers: Codes of the speakers, (clips,).
        n_folds: Most folds; with one speaker there is no bias.
        seed: Of the folds.

    Raises:
        ValueError: When the shapes do not fit or there are no clips.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    codes = check_codes(labels, values.shape)
    units = np.unique(np.asarray(speakers), return_inverse=True)[1]
    temperature = fit_temperature(values, codes)
    none = Decision(temperature, (0.0,) * values.shape[1])
    if units.size != codes.size:
        raise ValueError(f"speakers must be one per clip, got {units.size} for {codes.size} clips")
    if units.max() == 0:
        return none
    guesses = np.empty(codes.size, dtype=np.intp)
    for inside, outside in fold_splits(codes, units, n_folds=n_folds, seed=seed):
        bias = np.asarray(fit_bias(values[inside], codes[inside]))
        guesses[outside] = (_logs(values[outside]) + bias).argmax(axis=-1)
    counts = [
        count_by_speaker(codes, guess == codes, units)
        for guess in (guesses, values.argmax(axis=-1))
    ]
    gain, error = paired_difference(*counts)
    if error is None or gain <= 0 or gain < error:
        return Decision(temperature, none.bias, gain, error)
    biases = np.asarray(fit_bias(values, codes)) / temperature
    return Decision(temperature, tuple(float(value) for value in biases), gain, error)


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, *, n_bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over equal bins of confidence, in [0, 1].

    Args:
        probabilities: (clips, classes).
        labels: Codes, (clips,).
        n_bins: Number of bins (lower, upper].

    Raises:
        ValueError: When the shapes do not fit, there are no clips, or `n_bins` is below 1.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got n_bins={n_bins}")
    values = np.asarray(probabilities, dtype=np.float64)
    codes = check_codes(labels, values.shape)
    if np.isnan(values).any():
        raise ValueError("probabilities must not contain NaN")
    confidence, right = values.max(axis=-1), values.argmax(axis=-1) == codes
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    distance = np.bincount(bins, right - confidence, minlength=n_bins)
    return float(np.abs(distance).sum() / codes.size)


def _best_shift(
    logs: NDArray[np.float64], codes: NDArray[np.intp], weight: NDArray[np.float64], code: int
) -> float:
    """What to add to a class's log-probabilities so that UAR is best, given the others'."""
    others = np.delete(logs, code, axis=1)
    rival = others.argmax(axis=1)
    rival = rival + (rival >= code)
    needed = others.max(axis=1) - logs[:, code]  # the class wins a clip from this shift on
    order = np.argsort(needed, kind="stable")
    mine = np.where(codes == code, weight, 0.0)
    theirs = np.where((codes != code) & (rival == codes), weight, 0.0)
    value = np.concatenate([[0.0], np.cumsum((mine - theirs)[order])])
    cuts = needed[order]
    open_ends = np.concatenate([[cuts[0] - 2.0], cuts, [cuts[-1] + 2.0]])
    low, high = open_ends[:-1], open_ends[1:]
    value = np.where(high - low > 1e-9, value, -np.inf)  # equal thresholds pass together
    unshifted = (mine - theirs)[logs.argmax(axis=1) == code].sum()
    if unshifted >= value.max() - 1e-12:
        return 0.0
    best = value >= value.max() - 1e-12
    middles = ((low + high) / 2)[best]
    return float(middles[np.abs(middles).argmin()])


def _logs(probabilities: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(probabilities, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("probabilities must not contain NaN")
    return np.log(np.clip(values, SMALLEST, None))


def _softmax(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(odds - odds.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))
