"""Cohen's kappa, and where two systems disagree strongly."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from study.metrics.agreement import agreement


def test_agreement_is_cohens_kappa_and_a_strong_disagreement_is_told():
    rng = np.random.default_rng(0)
    first, second = rng.random((200, 3)), rng.random((200, 3))
    second[:150] = first[:150]
    found = agreement(first, second, "abc")
    assert found.kappa == pytest.approx(cohen_kappa_score(first.argmax(1), second.argmax(1)))
    assert found.strong_disagreement == ""
    assert "kappa" in agreement(first, rng.random((200, 3)), "abc").strong_disagreement
    shifted = first.copy()
    shifted[:60] = [0, 0, 1]
    assert "c is predicted" in agreement(first, shifted, "abc").strong_disagreement
    assert agreement([[1, 0]], [[1, 0]], "ab").kappa == 1
