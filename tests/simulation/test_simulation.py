from __future__ import annotations

import json

import numpy as np
import pytest

from simulation import __main__ as simulation
from simulation.search import search
from simulation.summary import summarise
from simulation.world import Population, World


def test_a_repetition_is_the_same_again_and_survives_json():
    row = simulation.repetition("adaptive", 5, 3)
    assert json.loads(json.dumps(row)) == row
    assert simulation.repetition("adaptive", 5, 3) == row
    assert 0.5 < row["truth"] < 1


def test_the_decision_rule_can_be_simulated_too_and_changes_the_fusion_alone():
    plain, decided = (
        simulation.repetition("adaptive", 10, 3, method=name)
        for name in ("bagged_greedy", "decided")
    )
    assert decided["single_nested"] == plain["single_nested"]
    assert decided["fixed_truth"] == plain["fixed_truth"]
    assert 0.5 < decided["truth"] < 1


def test_a_random_search_is_simulated_where_its_bias_is_told():
    found = list(simulation.settings(1, [5, 10, 20], first=7))
    assert found == [
        ("adaptive", 5, 7),
        ("random", 5, 7),
        ("adaptive", 10, 7),
        ("adaptive", 20, 7),
        ("random", 20, 7),
    ]


def test_devel_and_new_speakers_are_different_people_of_one_world():
    world = World.draw(1)
    devel, new = (Population.draw(world, 6, 10, stream=stream) for stream in (0, 1))
    assert devel.labels.shape == new.labels.shape
    assert not np.allclose(devel.threshold, new.threshold)
    for speaker in range(6):
        assert set(devel.labels[devel.speakers == speaker]) == {0, 1}


def test_searches_prune_and_the_adaptive_one_crowds_together():
    world = World.draw(2)
    devel = Population.draw(world, 10, 10, stream=0)
    spread = {}
    for kind in ("random", "adaptive"):
        trials, outputs = search(world, devel, kind=kind, n_trials=30)
        assert any(len(o) < t.n_epochs for t, o in zip(trials, outputs, strict=True))
        assert all(len(o) == t.n_epochs for t, o in zip(trials[:6], outputs, strict=False))
        spread[kind] = np.std([trial.place for trial in trials[12:]], axis=0).mean()
    assert spread["adaptive"] < spread["random"]


def test_the_command_goes_on_where_it_was_killed(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    options = ["--out", str(path), "--speakers", "10", "--minutes", "5"]
    simulation.main(["--repetitions", "1", *options])
    path.write_text(path.read_text() + '{"search": "adap')
    simulation.main(["--repetitions", "2", *options])
    rows = [json.loads(x) for x in path.read_text().splitlines() if x and x[-1] == "}"]
    assert [row["seed"] for row in rows] == [1000, 1001]
    assert "| adaptive | 10 | 2 |" in capsys.readouterr().out


def test_no_time_no_work(tmp_path):
    path = tmp_path / "rows.jsonl"
    simulation.main(["--repetitions", "1", "--minutes", "0", "--out", str(path)])
    assert path.read_text() == ""


def test_summaries_are_means_of_estimate_minus_truth():
    base = {
        "search": "random", "n_speakers": 20, "apparent": 0.8, "truth": 0.7, "out_of_bag": None,
        "single_apparent": 0.7, "single_nested": 0.6, "single_truth": 0.6, "fixed_truth": 0.5,
    }  # fmt: skip
    bounds = {"percentile": [0.6, 0.69], "expanded": [0.6, 0.8]}
    nested = {"told": [0.5, 0.8], **bounds}
    rows = [
        {
            **base,
            "nested": uar,
            "intervals": nested,
            "single_intervals": nested,
            "fixed_intervals": bounds,
        }
        for uar in (0.69, 0.73)
    ]
    (summary,) = summarise(rows)
    assert summary.apparent == pytest.approx(0.1)
    assert summary.nested == pytest.approx(0.01)
    assert summary.coverage == {"told": 1, "percentile": 0, "expanded": 1}
    assert summary.fixed_coverage == {"percentile": 0, "expanded": 0}
    assert summary.single_coverage == 1
    assert summary.out_of_bag is None
    assert summary.width == pytest.approx(0.3)
