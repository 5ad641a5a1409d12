"""What is reported of something long, and how often."""

from __future__ import annotations

import numpy as np

from study import progress
from study.config import EnsembleConfig
from study.fusion.fuse import fuse
from study.fusion.methods.table import METHODS, REFERENCES
from study.fusion.study_candidates import read_library
from study.honest import CandidateEpochs, estimate_library
from study.results import read_results


def test_a_line_is_said_where_seconds_have_passed_without_one(monkeypatch):
    clock = iter([0.0, 10.0, 20.0, 30.0, 36.0, 80.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    said: list[str] = []
    told = progress.report_time_left("fusion: fits,", said.append)
    for done in range(1, 6):
        told(done, 5)
    assert said == ["fusion: fits, 2 of 5, about 30 s left", "fusion: fits, 4 of 5, about 9 s left"]


def test_a_line_is_said_at_each_tenth_of_what_is_large():
    said: list[str] = []
    few, many = (progress.report_tenths("files", said.append, least=n) for n in (21, 20))
    for done in range(1, 21):
        few(done, 20)
        many(done, 20)
    assert said == [f"files: {10 * k} % ({2 * k} of 20)" for k in range(1, 11)]


def test_items_are_counted_when_they_are_done():
    told: list[tuple[int, int]] = []
    items = progress.with_progress("ab", lambda *at: told.append(at), total=5, before=3)
    for n, item in enumerate(items):
        assert item == "ab"[n]
        assert len(told) == n
    assert told == [(4, 5), (5, 5)]


def test_an_honest_value_counts_its_folds_and_bootstrap_samples():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    library = CandidateEpochs.from_probabilities(
        list(rng.dirichlet([1, 1], (3, 1, 60))), labels, np.arange(60) // 6
    )
    told: list[tuple[int, int]] = []
    estimate_library(
        library, METHODS["greedy"], name="greedy", apparent=0.5, references=REFERENCES, n_folds=5,
        n_resamples=3, progress=lambda *at: told.append(at),
    )  # fmt: skip
    assert told == [(n, 8) for n in range(1, 9)]


def test_a_long_fusion_says_how_far_it_is(finished, monkeypatch):
    monkeypatch.setattr(progress.report_time_left, "__kwdefaults__", {"every_s": 0.0})
    said: list[str] = []
    fuse(read_library(read_results(finished)), EnsembleConfig(), compare=True, echo=said.append)
    assert any(line.startswith("fusion: methods compared, fold 1 of ") for line in said)
    assert any(line.startswith("fusion: chosen again without the clips") for line in said)
