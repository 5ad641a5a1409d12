"""audmetric as the judge where all classes occur; it lives in an environment of its own:

uv venv judge && uv pip install --python judge audmetric numpy pytest hypothesis
PYTHONPATH=. judge/bin/python -m pytest -c /dev/null --noconftest \\
  tests/study/metrics/test_uar_audmetric.py
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.metrics import confusion_matrix, unweighted_average_recall
from study.metrics.uar import recall_per_class

audmetric = pytest.importorskip("audmetric")


def with_all_classes(n_classes: int, n_more: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n_more)])
    return rng.permutation(labels), rng.integers(0, n_classes, labels.size)


@given(st.integers(1, 6), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_uar_recalls_and_confusion_equal_audmetrics(n_classes, n_more, seed):
    labels, predictions = with_all_classes(n_classes, n_more, seed)
    expected = audmetric.unweighted_average_recall(labels, predictions)
    assert unweighted_average_recall(labels, predictions) == pytest.approx(expected, abs=1e-12)
    recalls = audmetric.recall_per_class(labels, predictions)
    ours = recall_per_class(labels, predictions, np.arange(n_classes))
    np.testing.assert_allclose(ours, list(recalls.values()))
    np.testing.assert_array_equal(
        confusion_matrix(labels, predictions), audmetric.confusion_matrix(labels, predictions)
    )


@given(st.integers(2, 5), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_labels_as_text_equal_audmetrics_too(n_classes, n_more, seed):
    labels, predictions = (
        np.array(["no", "NA", "01", "z", "Z"])[codes]
        for codes in with_all_classes(n_classes, n_more, seed)
    )
    expected = audmetric.unweighted_average_recall(labels, predictions)
    assert unweighted_average_recall(labels, predictions) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("predictions", [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
def test_one_guess_all_wrong_and_all_right_are_the_same(predictions):
    labels = [0, 0, 1, 1]
    expected = audmetric.unweighted_average_recall(labels, predictions)
    assert unweighted_average_recall(labels, predictions) == expected


def test_an_absent_class_is_where_the_two_differ():
    with pytest.warns(UserWarning, match="left out of the UAR: 2"):
        ours = unweighted_average_recall([0, 1], [0, 1], classes=[0, 1, 2])
    assert (ours, audmetric.unweighted_average_recall([0, 1], [0, 1], labels=[0, 1, 2])) == (
        1,
        pytest.approx(2 / 3),
    )
