"""Which trials a fusion may be selected from, and which of their epochs."""

from __future__ import annotations

import json

from study.fusion.study_candidates import read_library
from study.results import read_results
from support.finished_study import copy_study


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def networks(results):
    return [trial for trial in results.trials if trial.ranked and (trial.epochs or 0) > 1]


def test_what_was_stopped_before_half_of_its_training_is_no_candidate(finished, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    whole = read_library(read_results(folder))
    short = networks(read_results(folder))[0]
    n = len(short.uar_per_epoch)
    change(folder / "trials" / f"{short.number:05d}" / "result.json", epochs=2 * n, state="pruned")
    assert len(read_library(read_results(folder)).candidates) == len(whole.candidates)
    change(folder / "trials" / f"{short.number:05d}" / "result.json", epochs=2 * n + 1)
    left = read_library(read_results(folder))
    assert short.number not in [number for one in left.candidates for number in one.trials]
    assert len(left.candidates) == len(whole.candidates) - 1
    assert left.left_out == ("1 trial is no candidate: stopped before half of the training",)


def test_where_nothing_is_trained_to_half_all_are_candidates(finished, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    results = read_results(folder)
    for trial in results.trials:
        if trial.ranked:
            n = 3 * len(trial.uar_per_epoch)
            change(folder / "trials" / f"{trial.number:05d}" / "result.json", epochs=n)
    found = read_library(read_results(folder))
    assert len(found.candidates) == len(read_library(results).candidates)
    assert found.left_out == ()


def test_a_trial_that_keeps_its_last_epoch_has_no_epoch_to_choose(finished, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    trial = networks(read_results(folder))[0]
    path = folder / "trials" / f"{trial.number:05d}" / "spec.json"
    plain = json.loads(path.read_text())
    plain["spec"]["recipe"]["keep"] = "last"
    path.write_text(json.dumps(plain))
    library = read_library(read_results(folder))
    place = [one.trials for one in library.candidates].index((trial.number,))
    assert len(library.pool.trials[place]) == 1
    assert (library.devel[place] == library.pool.trials[place][0]).all()
