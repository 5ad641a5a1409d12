"""From probabilities to a decision: temperature, a bias per class, and how calibrated they are.

Temperature scaling and the expected calibration error: Guo et al., "On calibration of modern
neural networks", ICML 2017. A bias per class moves the decision towards equal recalls, which is
what UAR rewards. Both are cross-fitted: used only where they gain on speakers that they were not
fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
        ece_before: Expected calibration error without the decision.
        ece_after: That with it, on clips it was not fitted on; None where nothing could be
            cross-fitted.
    """

    temperature: float
    bias: tuple[float, ...]
    gain: float = 0.0
    gain_se: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None

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
        known = {key: values.get(key) for key in ("gain_se", "ece_before", "ece_after")}
        return cls(temperature, bias, float(values.get("gain", 0.0)), **known)

    def sentence(self) -> str:
        """What is done and what it gained, in words."""
        spread = "" if self.gain_se is None else f" (standard error {100 * self.gain_se:.1f})"
        gained = f"{100 * self.gain:+.1f} points{spread} on speakers it was not fitted on"
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
    found = minimize_scalar(
        lambda log_temperature: _log_loss(logs / np.exp(log_temperature), codes),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-4},
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
    calibrate: bool = True,
    seed: int = 0,
) -> Decision:
    """Temperature where it lowers log-loss, and a bias where it gains one standard error of UAR.

    Both gains are cross-fitted: what judges a fold of speakers was fitted on the others.

    Args:
        probabilities: Of the fusion, (clips, classes).
        labels: Codes, (clips,).
        speakers: Codes of the speakers, (clips,).
        n_folds: Most folds; with one speaker nothing can be cross-fitted, so nothing is changed.
        calibrate: Whether to fit a temperature, which changes no decision.
        seed: Of the folds.

    Raises:
        ValueError: When the shapes do not fit or there are no clips.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    codes = check_codes(labels, values.shape)
    units = np.unique(np.asarray(speakers), return_inverse=True)[1]
    if units.size != codes.size:
        raise ValueError(f"speakers must be one per clip, got {units.size} for {codes.size} clips")
    before = expected_calibration_error(values, codes) if calibrate else None
    nothing = (0.0,) * values.shape[1]
    if units.max() == 0:
        return Decision(1.0, nothing, ece_before=before)
    logs = _logs(values)
    biases, temperatures = np.zeros_like(logs), np.ones(codes.size)
    for inside, outside in fold_splits(codes, units, n_folds=n_folds, seed=seed):
        biases[outside] = fit_bias(values[inside], codes[inside])
        if calibrate:
            temperatures[outside] = fit_temperature(values[inside], codes[inside])
    counts = [
        count_by_speaker(codes, odds.argmax(axis=-1) == codes, units)
        for odds in (logs + biases, values)
    ]
    gain, error = paired_difference(*counts)
    biased = error is not None and gain > 0 and gain >= error
    crossed = logs / temperatures[:, None]
    tempered = calibrate and _log_loss(crossed, codes) < _log_loss(logs, codes)
    if not tempered:
        temperatures[:] = 1
    temperature = fit_temperature(values, codes) if tempered else 1.0
    bias = np.asarray(fit_bias(values, codes)) / temperature if biased else np.zeros(len(nothing))
    after = None
    if calibrate:
        odds = (logs + (biases if biased else 0)) / temperatures[:, None]
        after = expected_calibration_error(_softmax(odds), codes)
    return Decision(temperature, tuple(float(value) for value in bias), gain, error, before, after)


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


def _log_loss(odds: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    """Mean log-loss in nats of unnormalised log-probabilities, (clips, classes)."""
    top = odds.max(axis=-1)
    total = np.log(np.exp(odds - top[:, None]).sum(axis=-1)) + top
    return float((total - odds[np.arange(codes.size), codes]).mean())


def _logs(probabilities: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(probabilities, dtype=np.float64)
    if np.isnan(values).any():
        raise ValueError("probabilities must not contain NaN")
    return np.log(np.clip(values, SMALLEST, None))


def _softmax(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(odds - odds.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))
