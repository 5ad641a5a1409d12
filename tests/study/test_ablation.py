"""The table of a grid: who is better, by how much, and how sure that is."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from search_spaces import InputError
from study.ablation import Judged, ablation_csv, ablation_lines, ablation_rows
from study.comparisons import compare, holm

N_SPEAKERS, PER_SPEAKER = 12, 20


def judged(accuracies=(0.6, 0.9, 0.6), *, n_seeds=2, speakers=True) -> Judged:
    """Points of a grid over the scale; each training recognises a share of the clips."""
    rng = np.random.default_rng(0)
    n = N_SPEAKERS * PER_SPEAKER
    labels = np.arange(n) % 2
    epochs, params, digests = [], [], []
    for seed in range(n_seeds):
        for scale, accuracy in zip(("mel", "linear", "log"), accuracies, strict=True):
            right = rng.random((3, n)) < np.array([[0.5], [accuracy], [0.5]])
            guesses = np.where(right, labels, 1 - labels)
            epochs.append(np.eye(2, dtype=np.float16)[guesses] * np.float16(0.8) + np.float16(0.1))
            bands = {"mel": 64, "linear": 128, "log": 64}[scale]
            params.append({"scale": scale, f"{scale}.n_bands": bands, "lr": 0.1, "seed_": seed})
            digests.append(scale)
    for one in params:
        del one["seed_"]
    who = [f"s{i // PER_SPEAKER}" for i in range(n)] if speakers else None
    numbers = list(range(len(epochs)))
    return Judged(numbers, params, digests, epochs, [2.0] * len(epochs), labels, who)


def test_points_are_ranked_by_their_mean_over_seeds_with_the_epoch_chosen_by_others():
    given = judged()
    rows = ablation_rows(given)
    assert rows[0].settings == {"scale": "linear"}  # bands and rate tell nothing more
    assert {row.trials for row in rows} == {(0, 3), (1, 4), (2, 5)}
    truth = given.labels
    for row in rows:
        # 90 % of the clips are right in the second epoch alone, so that every fold chooses it
        if row.settings["scale"] == "linear":
            expected = [
                balanced_accuracy_score(truth, given.epochs[t][1].argmax(1)) for t in row.trials
            ]
            assert row.uars == pytest.approx(expected)
            assert row.comparison is None
        assert row.interval.uar == pytest.approx(np.mean(row.uars))
        assert row.interval.low < row.interval.uar < row.interval.high


def test_differences_are_paired_and_their_p_values_corrected():
    rows = ablation_rows(judged(), reference={"scale": "mel"})
    by_name = {row.settings["scale"]: row for row in rows}
    assert by_name["mel"].comparison is None
    assert by_name["linear"].comparison.difference > 0.2
    others = [row for row in rows if row.comparison is not None]
    assert [row.p_corrected for row in others] == list(
        holm([row.comparison.p_value for row in others])
    )
    assert by_name["linear"].p_corrected < 0.01 < by_name["log"].p_corrected
    equal = compare(np.arange(8) % 2, np.ones(8), np.ones(8), [f"s{i}" for i in range(8)])
    assert equal.difference == 0


def test_a_reference_must_name_one_point():
    with pytest.raises(InputError, match="scale=bark fits 0 of the points, and must fit one, like"):
        ablation_rows(judged(), reference={"scale": "bark"})


def test_the_table_is_markdown_and_csv():
    rows = ablation_rows(judged())
    lines = ablation_lines(rows)
    assert lines[0] == ("| scale | seeds | UAR | 95 % interval | difference | p (Holm) | time |")
    assert all(line.count("|") == 8 for line in lines[:5])
    assert "reference" in lines[2]
    table = list(csv.DictReader(io.StringIO(ablation_csv(rows))))
    assert [row["scale"] for row in table] == [row.settings["scale"] for row in rows]
    assert float(table[0]["uar"]) == rows[0].interval.uar


def test_without_speakers_the_table_says_what_its_intervals_are():
    rows = ablation_rows(judged(speakers=False))
    assert len(ablation_lines(rows)) >= 5
    assert rows[0].comparison is None
    assert rows[1].comparison.note
