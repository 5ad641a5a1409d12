"""A fusion is a run that names its members, of which the last of its name counts."""

from __future__ import annotations

import time

from study.tracking.runs import FusionRun
from support.tracked_runs import opened, runs_of


def test_a_fusion_is_a_run_that_names_and_links_its_members(store, client):
    tracker = opened(store)
    for number in (0, 1, 2):
        tracker.start_trial(number, "net", {}, {})
        tracker.finish_trial(number, "complete", {}, {}, {})
    path = [{"n": 1, "trial": 2, "name": "net <i>", "uar": 0.6}, {"n": 2, "trial": 0, "uar": 0.7}]
    members = [
        {"trial": 2, "name": "net <i>", "weight": 0.5}, {"trial": 0, "name": "net", "weight": 0.25},
        {"name": "open|smile", "weight": 0.25},
    ]  # fmt: skip
    for _ in range(2):  # the same again changes nothing
        tracker.log_fusion(FusionRun("greedy", {"bags": 20}, {"devel/uar": 0.7}, path, {}, members))
    better = [{"n": 1, "trial": 1, "name": "net", "uar": 0.8}]
    chosen = [{"trial": 1, "name": "net", "weight": 1.0}]
    tracker.log_fusion(FusionRun("greedy", {"bags": 20}, {"devel/uar": 0.8}, better, {}, chosen))
    tracker.close("finished")

    trials = runs_of(client, tracker)
    fusions = client.search_runs([tracker.experiment_id], "tags.`spectune.kind` = 'fusion'")
    new, old = sorted(fusions, key=lambda run: run.data.tags["spectune.members"])
    assert (old.data.tags["spectune.members"], new.data.tags["spectune.members"]) == ("2,0", "1")
    assert (old.info.run_name, new.info.run_name) == ("greedy (superseded)", "greedy")
    assert old.data.tags["spectune.superseded"] == "true"
    assert "spectune.superseded" not in new.data.tags
    note = old.data.tags["mlflow.note.content"]
    link = f"(#/experiments/{tracker.experiment_id}/runs/{trials['002 net'].info.run_id})"
    assert f"{link}, weight 0.5" in note
    assert r"- imported open\|smile, weight 0.25" in note
    assert note.startswith("Fusion of 3 members")
    assert "<" not in note
    curve = client.get_metric_history(old.info.run_id, "fusion/uar")
    assert [(m.step, m.value) for m in curve] == [(1, 0.6), (2, 0.7)]
    assert [file.path for file in client.list_artifacts(old.info.run_id)] == ["trajectory.json"]
    members = {n for n, run in trials.items() if "spectune.fusion_member" in run.data.tags}
    assert members == {"001 net"}


def test_a_fusion_that_is_selected_again_has_its_name_again(store, client):
    tracker = opened(store)
    for bags in (20, 40, 20):
        tracker.log_fusion(FusionRun("greedy", {"bags": bags}, {}, [], {}, []))
    tracker.close("finished")
    bags = {
        name: run.data.params["bags"] for name, run in runs_of(client, tracker, "fusion").items()
    }
    assert bags == {"greedy": "20", "greedy (superseded)": "40"}


def test_a_fusion_lasts_as_long_as_its_selection_took(store, client):
    tracker = opened(store)
    tracker.log_fusion(FusionRun("greedy", {}, {}, [], {}, [], time.time() - 30.0))
    tracker.close("finished")
    run = runs_of(client, tracker, "fusion")["greedy"]
    assert 30_000 <= run.info.end_time - run.info.start_time < 90_000
