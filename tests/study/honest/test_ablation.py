"""The table of a grid: who is better, by how much, and how sure that is."""

from __future__ import annotations

import csv
import dataclasses
import io
import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from search_spaces import InputError
from study.fusion.methods.table import METHODS
from study.honest import CandidateEpochs, ablation_rows, fold_splits, held_out_hits
from study.honest.ablation import Trainings, _hits
from study.honest.ablation_table import ablation_csv, ablation_lines, ablation_notes
from study.metrics import compare
from study.metrics.permutation_tests import holm

N_SPEAKERS, PER_SPEAKER = 12, 20


def judged(accuracies=(0.6, 0.9, 0.6), *, n_seeds=2, speakers=N_SPEAKERS) -> Trainings:
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
    who = [f"s{i * speakers // n}" for i in range(n)] if speakers else None
    numbers = list(range(len(epochs)))
    return Trainings(numbers, params, digests, epochs, [2.0] * len(epochs), labels, who)


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
    assert lines[0] == (
        "| scale | seeds | UAR | 95 % interval | difference | p (all pairs) | time |"
    )
    assert "| p (Holm) |" in ablation_lines(ablation_rows(judged(), reference={"scale": "log"}))[0]
    assert all(line.count("|") == 8 for line in lines[:5])
    assert "reference" in lines[2]
    table = list(csv.DictReader(io.StringIO(ablation_csv(rows))))
    assert [row["scale"] for row in table] == [row.settings["scale"] for row in rows]
    assert float(table[0]["uar"]) == rows[0].interval.uar


def test_beside_the_best_point_p_values_are_corrected_for_all_pairs():
    given = judged((0.6, 0.9, 0.8))
    rows = ablation_rows(given)
    hits = np.stack([row.interval.uar for row in rows])
    assert list(hits) == sorted(hits, reverse=True)
    assert rows[0].p_corrected is None
    assert rows[1].p_corrected >= 2 * rows[1].comparison.p_value > 0
    assert rows[2].p_corrected < 0.01
    assert any("for all 3 pairs of points" in note for note in ablation_notes(rows))
    named = ablation_rows(given, reference={"scale": "linear"})
    assert not any("pairs" in note for note in ablation_notes(named))


def test_one_speaker_has_values_and_the_reason_why_there_is_no_more():
    rows = ablation_rows(judged(speakers=1))
    assert all(row.interval.low is None and row.p_corrected is None for row in rows)
    text = "\n".join(ablation_lines(rows))
    assert text.count("Note: no interval: 1 speaker, and it takes at least 5") == 1
    assert "Note: one speaker: clips of that speaker judge, so the value still flatters." in text


def test_without_speakers_clips_are_resampled_and_said_to_be_so():
    rows = ablation_rows(judged(speakers=0))
    text = "\n".join(ablation_lines(rows))
    assert text.count("Note: clips treated as independent; too narrow.") == 1
    for row in rows:
        assert row.interval.n_speakers is None
        assert row.interval.sentence().endswith(
            ", 240 clips; clips treated as independent; too narrow)"
        )
        assert row.interval.low < row.interval.uar < row.interval.high
    assert rows[1].comparison.note == rows[0].interval.note


def test_thousands_of_clips_without_speakers_take_little_memory():
    rng = np.random.default_rng(0)
    labels = np.arange(6000) % 2
    guesses = np.where(rng.random((3, labels.size)) < 0.8, labels, 1 - labels)
    given = judged(n_seeds=1, speakers=0)
    epochs = np.eye(2, dtype=np.float16)[guesses][:, None]
    tracemalloc.start()
    ablation_rows(dataclasses.replace(given, epochs=epochs, labels=labels))
    assert tracemalloc.get_traced_memory()[1] < 150e6  # (5,000 x clips) weights took 240 MB
    tracemalloc.stop()


def test_a_training_is_judged_as_the_best_of_one_candidate():
    given = judged(n_seeds=1)
    one = CandidateEpochs.from_probabilities(given.epochs[1:2], given.labels, given.speakers)
    folds = fold_splits(one.labels, one.fold_groups, n_folds=10)
    expected = held_out_hits(one, {"": METHODS["best_single"]}, folds)[""]
    assert np.array_equal(_hits(given, 1), expected)
