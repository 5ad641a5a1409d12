from __future__ import annotations

import numpy as np
import pytest

from study.fusion.diversity import diversity


def test_disagreement_and_q_are_those_of_their_formulas():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 80)
    probabilities = rng.dirichlet([1, 1, 1], (4, 80))
    probabilities[:, np.arange(80), labels] += 0.3
    guesses = probabilities.argmax(-1)
    disagreements, qs = [], []
    for i in range(4):
        for j in range(i + 1, 4):
            disagreements.append(np.mean(guesses[i] != guesses[j]))
            right_i, right_j = guesses[i] == labels, guesses[j] == labels
            n11, n00 = (right_i & right_j).sum(), (~right_i & ~right_j).sum()
            n10, n01 = (right_i & ~right_j).sum(), (~right_i & right_j).sum()
            qs.append((n11 * n00 - n01 * n10) / (n11 * n00 + n01 * n10))
    found = diversity(probabilities, labels)
    assert found.disagreement == pytest.approx(np.mean(disagreements))
    assert found.q == pytest.approx(np.mean(qs))
    assert found.pairwise_disagreement.shape == (4, 4)


def test_twins_agree_and_err_on_the_same_clips():
    member = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    found = diversity([member, member], [0, 1, 1])
    assert (found.disagreement, found.q) == (0, 1)


def test_a_single_member_has_no_diversity_and_perfect_ones_no_q():
    right = np.eye(2)
    assert np.isnan(diversity([right], [0, 1]).disagreement)
    found = diversity([right, right], [0, 1])
    assert found.disagreement == 0
    assert np.isnan(found.q)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="must be finite"):
        diversity([[[np.nan, 1]]], [0])
