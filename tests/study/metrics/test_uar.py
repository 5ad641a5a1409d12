from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as reference

from study.metrics import confusion_matrix, uar_of_probabilities, unweighted_average_recall
from study.metrics.uar import recall_per_class, uar_from_confusion

pairs_of_codes = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(0, 3)),
        hnp.arrays(np.int64, n, elements=st.integers(0, 3)),
    )
)


@given(pairs_of_codes)
def test_uar_equals_scikit_learns_balanced_accuracy(pair):
    labels, predictions = pair
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = reference.balanced_accuracy_score(labels, predictions)
        assert unweighted_average_recall(labels, predictions) == pytest.approx(expected, abs=1e-12)
    matrix = confusion_matrix(labels, predictions)
    assert uar_from_confusion(matrix) == pytest.approx(expected, abs=1e-12)


@given(pairs_of_codes)
def test_confusion_matrix_equals_scikit_learns(pair):
    labels, predictions = pair
    ours = confusion_matrix(labels, predictions)
    theirs = reference.confusion_matrix(labels, predictions)
    np.testing.assert_array_equal(ours, theirs)


@given(pairs_of_codes)
def test_recalls_equal_scikit_learns_where_the_class_occurs(pair):
    labels, predictions = pair
    classes = np.arange(4)
    ours = recall_per_class(labels, predictions, classes)
    theirs = reference.recall_score(
        labels, predictions, labels=classes, average=None, zero_division=np.nan
    )
    np.testing.assert_allclose(ours, theirs)


@given(
    hnp.arrays(np.float16, st.tuples(*[st.integers(1, 4)] * 4), elements=st.floats(0, 1, width=16)),
    st.integers(0, 2**32 - 1),
)
def test_uar_of_many_members_and_epochs_equals_one_by_one(probabilities, seed):
    n_clips, n_classes = probabilities.shape[-2:]
    labels = np.random.default_rng(seed).integers(0, n_classes, n_clips)
    ours = uar_of_probabilities(probabilities, labels)
    assert ours.shape == probabilities.shape[:2]
    for index in np.ndindex(ours.shape):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = reference.balanced_accuracy_score(labels, probabilities[index].argmax(-1))
        assert ours[index] == pytest.approx(expected, abs=1e-12)


def test_strings_are_sorted_by_code_point_and_stay_what_they_are():
    labels = ["no", "NA", "01", "01"]
    assert confusion_matrix(labels, labels).tolist() == [[2, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert unweighted_average_recall(labels, ["no", "NA", "01", "no"]) == pytest.approx(2.5 / 3)
    assert unweighted_average_recall(np.array(labels, dtype=object), labels) == 1


def test_given_order_of_classes_is_kept():
    assert confusion_matrix(["a", "b"], ["a", "a"], classes=["b", "a"]).tolist() == [[0, 1], [0, 1]]


def test_absent_classes_are_dropped_with_a_warning():
    with pytest.warns(UserWarning, match="left out of the UAR: b"):
        assert unweighted_average_recall(["a", "a"], ["a", "b"]) == 0.5
    with pytest.warns(UserWarning, match="c"):
        assert unweighted_average_recall(["a", "b"], ["a", "b"], classes=["a", "b", "c"]) == 1
    recalls = recall_per_class(["a"], ["a"], classes=["a", "b"])
    assert recalls[0] == 1
    assert np.isnan(recalls[1])


def test_one_class_is_its_recall():
    assert unweighted_average_recall([1, 1], [1, 1]) == 1
    assert uar_of_probabilities([[0.2, 0.8], [0.8, 0.2]], [1, 1]) == 0.5


def test_equal_probabilities_go_to_the_first_class():
    assert uar_of_probabilities([[0.5, 0.5]], [0]) == 1
    assert uar_of_probabilities([[0.5, 0.5]], [1]) == 0


def test_a_matrix_without_clips_has_no_uar():
    assert np.isnan(uar_from_confusion(np.zeros((2, 2))))


@pytest.mark.parametrize(
    ("labels", "predictions", "classes", "message"),
    [
        ([], [], None, "at least one clip"),
        ([1.0, np.nan], [1, 0], None, "labels must not contain NaN"),
        ([1, 0], [1.0, np.inf], None, "predictions must not contain NaN"),
        ([0.5, 1], [1, 0], None, "got fractions"),
        (np.array(["a", np.nan], dtype=object), ["a", "a"], None, "got a mixture"),
        ([1, 0], [1], None, "same length, got 2 and 1"),
        (["a"], [1], None, "both be strings or both be integers"),
        (["a", "z"], ["a", "a"], ["a", "b"], "without .*z"),
        ([1], [1], [], "without"),
        ([1], [1], [1, 1], "distinct"),
        ([[1]], [[1]], None, "one axis"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_the_rule(labels, predictions, classes, message):
    with pytest.raises(ValueError, match=message):
        unweighted_average_recall(labels, predictions, classes)


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (np.zeros((0, 2)), [], "at least one clip"),
        ([[np.nan, 0.5]], [0], "NaN"),
        ([[0.5, 0.5]], [2], r"class indices in \[0, 2\)"),
        ([[0.5, 0.5]], [0, 1], "one class index per clip"),
        ([[0.5, 0.5]], ["a"], "must be class indices"),
    ],
)
def test_probabilities_that_cannot_be_scored_are_refused(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        uar_of_probabilities(probabilities, labels)


def test_numbers_need_numpy_alone():
    code = (
        "import sys, study.metrics, study.honest\n"
        "import study.fusion.methods.references, study.fusion.choice\n"
        "heavy = {'torch', 'mlflow', 'optuna', 'pandas', 'scipy', 'sklearn', 'cmaes'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
