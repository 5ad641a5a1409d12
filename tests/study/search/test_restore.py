"""Weights that were dropped are trained again."""

from __future__ import annotations

from study.planning.plan import plan_study
from study.results import read_results
from study.search.restore import missing_weights, restore_weights
from support.finished_study import config_of, copy_study


def test_dropped_weights_are_trained_again_bit_for_bit(finished, synthetic, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    results = read_results(folder)
    networks = [t for t in results.ranked if t.family != "band_svm"][:1]
    chosen = [*networks, next(t for t in results.ranked if t.family == "band_svm")]
    stored = {t.number: t.file("model.safetensors").read_bytes() for t in chosen}
    for trial in chosen:
        trial.file("model.safetensors").unlink()
    numbers = [t.number for t in results.ranked]
    assert set(missing_weights(results, numbers)) == set(stored)
    plan = plan_study(config_of(synthetic), base=tmp_path / "base")
    found = restore_weights(plan, results, numbers, echo=lambda text: None)
    assert {(one.trial, one.same, one.difference) for one in found} == {
        (number, True, 0.0) for number in stored
    }
    for trial in chosen:
        assert trial.file("model.safetensors").read_bytes() == stored[trial.number]
    assert not list((folder / "refit").glob("*/train"))
