"""The probe against scikit-learn, its scores against a second way to count."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from study.checking.linear_probe import Draw, cross_fitted, evaluate, score, standardised


def guessed_right(x: np.ndarray, draw: Draw) -> np.ndarray:
    return cross_fitted(standardised(x), [slice(None)], draw)[0]


@pytest.mark.parametrize(("n_classes", "n_measures"), [(2, 1), (2, 3), (5, 4)])
def test_guesses_are_those_of_linear_discriminant_analysis_with_equal_priors(
    n_classes: int, n_measures: int
) -> None:
    rng = np.random.default_rng(n_classes)
    y = rng.integers(n_classes, size=300)
    y[:n_classes] = np.arange(n_classes)
    x = rng.standard_normal((300, n_measures)) * 3 + 5 + y[:, None] * rng.random(n_measures)
    fold = rng.integers(6, size=300)
    reference = LinearDiscriminantAnalysis(priors=np.full(n_classes, 1 / n_classes))
    expected = cross_val_predict(reference, x, y, groups=fold, cv=LeaveOneGroupOut())
    draw = Draw(y, fold, np.arange(300))
    right = guessed_right(x, draw)
    np.testing.assert_array_equal(right, expected == y)
    assert score(right, draw).uar == pytest.approx(balanced_accuracy_score(y, expected))


def test_measures_that_never_vary_do_not_disturb() -> None:
    rng = np.random.default_rng(0)
    y, fold = np.arange(60) % 2, np.arange(60) % 5
    x = np.c_[y + 0.1 * rng.standard_normal(60), np.full(60, 3.0)]
    assert guessed_right(x, Draw(y, fold, np.arange(60))).all()


def test_the_error_is_that_of_the_mean_over_speakers() -> None:
    rng = np.random.default_rng(1)
    y, unit = np.tile([0, 1], 100), np.repeat(np.arange(10), 20)
    right = rng.random(200) < 0.7
    own = [np.mean([right[(unit == u) & (y == c)].mean() for c in (0, 1)]) for u in range(10)]
    found = score(right, Draw(y, unit, unit))
    assert found.error == pytest.approx(np.std(own, ddof=1) / np.sqrt(10))
    assert found.freedom == 9


def test_speakers_of_one_class_each_are_averaged_by_class() -> None:
    rng = np.random.default_rng(2)
    unit = np.repeat(np.arange(8), 10)
    y = (unit >= 5).astype(int)
    right = rng.random(80) < 0.6
    own = np.array([right[unit == u].mean() for u in range(8)])
    error = np.sqrt(own[:5].var(ddof=1) / 5 + own[5:].var(ddof=1) / 3) / 2
    assert score(right, Draw(y, unit, unit)).error == pytest.approx(error)


@pytest.mark.slow
def test_labels_of_nothing_but_chance_are_rarely_told_and_a_planted_cue_always_is() -> None:
    p = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        unit = np.repeat(np.arange(10), 6)
        y = np.tile([0, 1], 30)
        # Each speaker's classes differ by session, not the same way for all.
        session = rng.standard_normal((10, 2, 2))[unit, y]
        groups = {"a": session + 0.3 * rng.standard_normal((60, 2)), "b": rng.random((60, 1))}
        groups["cue"] = y[:, None] + 0.3 * rng.standard_normal((60, 1))

        def permute(rng: np.random.Generator, y=y, unit=unit) -> Draw:
            return Draw(np.where(rng.integers(2, size=10)[unit] == 1, 1 - y, y), unit, unit)

        found = evaluate(groups, Draw(y, unit, unit), permute)
        p.append([found[name].p for name in groups])
        assert found["cue"].p <= 0.01
        assert found["cue"].low > 0.6
    assert np.mean(np.array(p)[:, :2].min(1) <= 0.05) <= 0.15  # 0.05, of 40


def counted(y: np.ndarray, x: np.ndarray) -> tuple[int, float]:
    """How many permutations were drawn, and the p-value."""
    drawn = []
    fold = np.arange(y.size) % 5

    def permute(rng):
        drawn.append(1)
        return Draw(rng.permutation(y), fold, np.arange(y.size))

    found = evaluate({"x": x}, Draw(y, fold, np.arange(y.size)), permute)
    return len(drawn), found["x"].p


@pytest.mark.parametrize("n_classes", [2, 150])
def test_many_classes_take_few_permutations_where_chance_does_as_well_and_all_where_it_is_rare(
    n_classes: int,
) -> None:
    rng = np.random.default_rng(1)
    y = rng.permutation(np.arange(4000) % n_classes)
    noise = rng.standard_normal((4000, 2))
    n, p = counted(y, noise)
    assert p > 0.015
    assert n == 199 if n_classes == 2 else 10 < n < 199
    told = noise + 3 * y[:, None] / n_classes
    assert counted(y, told) == (199, 0.005)


def test_units_that_are_guessed_alike_have_exact_bounds_and_no_interval_without_width() -> None:
    y, unit = np.tile([0, 1], 60), np.repeat(np.arange(6), 20)
    found = evaluate(
        {"cue": y[:, None] + 0.0}, Draw(y, unit, unit), lambda rng: Draw(y, unit, unit)
    )
    assert found["cue"][:4] == (1, pytest.approx(0.025 ** (1 / 6)), 1, True)
    single = np.repeat([0, 1], 60)  # each of six speakers has one class
    found = evaluate(
        {"cue": single[:, None] + 0.0},
        Draw(single, unit % 3, unit),
        lambda rng: Draw(single, unit % 3, unit),
    )
    assert found["cue"].low == pytest.approx(0.025 ** (1 / 3))
