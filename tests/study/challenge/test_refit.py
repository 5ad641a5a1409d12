"""Refit, restored weights, submission and scores on a real tiny study."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

from search_spaces import InputError
from study.challenge.refit import refit_study, seed_of
from study.challenge.refit_record import default_protocol
from study.challenge.score import print_scores, read_labels, score_study
from study.challenge.submission import blind_probabilities, submission_csv, submit
from study.metrics.agreement import agreement
from study.planning.plan import plan_study
from study.results import read_results
from study.search.restore import missing_weights, restore_weights
from support.finished_study import config_of, copy_study


def results_of(path: Path) -> list[dict]:
    return [
        json.loads(p.read_text()) for p in sorted((path / "refit").glob("*/seed-*/result.json"))
    ]


def test_a_refit_trains_each_member_to_its_best_epoch_of_its_own_schedule(refitted):
    results = read_results(refitted)
    found = results_of(refitted)
    trials = {member.trial for member in results.ensemble.members}
    assert {one["trial"] for one in found} == trials
    for one in found:
        trial = results.trial(one["trial"])
        assert (one["last_epoch"], one["epochs"]) == (trial.best_epoch, trial.epochs)
        assert set(one["files"]) == {"test.npy", "model.safetensors"}  # nothing is left to judge on
    networks = [t for t in trials if results.trial(t).family != "band_svm"]
    assert len(found) == len(trials) + len(networks)  # two seeds each, but for the linear machine
    for trial in networks:
        seeds = [one["seed"] for one in found if one["trial"] == trial]
        own = results.trial(trial).spec["seed"]
        assert seeds == [own, seed_of(own, 1)]


def test_a_refit_sees_train_and_devel_and_no_other_clip(refitted):
    task = json.loads((refitted / "refit" / "task.json").read_text())
    before = json.loads((refitted / "task.json").read_text())
    wanted = before["partitions"]["train"] + before["partitions"]["devel"]
    assert task["partitions"]["train"] == wanted
    assert task["labels"]["train"] == before["labels"]["train"] + before["labels"]["devel"]
    assert task["partitions"]["devel"] == task["labels"]["devel"] == []
    assert not set(wanted) & set(task["partitions"]["test"])


def test_test_predictions_are_the_weighted_mean_over_members_and_seeds(refitted):
    results = read_results(refitted)
    total = 0.0
    for member in results.ensemble.members:
        files = sorted((refitted / "refit" / f"{member.trial:05d}").glob("seed-*/*/test.npy"))
        total = total + member.weight * np.mean([np.load(path) for path in files], axis=0)
    assert blind_probabilities(results, "train+devel") == pytest.approx(total, abs=1e-6)
    with (refitted / "refit" / "predictions_test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction"] for row in rows] == [results.classes[i] for i in total.argmax(1)]
    assert [row["file_name"] for row in rows] == [
        clip.file_name for clip in results.partitions["test"].clips
    ]


def test_a_refit_again_trains_nothing(refitted, synthetic):
    before = {p: p.stat().st_mtime_ns for p in (refitted / "refit").rglob("*.safetensors")}
    assert refit_study(config_of(synthetic), base=refitted.parent.parent, echo=lambda t: None) == 0
    assert {p: p.stat().st_mtime_ns for p in (refitted / "refit").rglob("*.safetensors")} == before


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


def test_a_submission_has_every_test_clip_once_in_the_order_of_the_label_file(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    results = read_results(folder)
    done = submit(results, protocol="train", team="team", tries=2)
    corpus = Path(results.corpus["root"])
    with (corpus / "lab" / "labels.csv").open() as file:
        names = [row["file_name"] for row in csv.DictReader(file) if row["label"] == "?"]
    assert done.path.name == "synthetic-mask.test.team_1.csv"
    lines = done.path.read_text().splitlines()
    assert lines[0] == "file_name,prediction"
    assert [line.split(",")[0] for line in lines[1:]] == names
    guesses = blind_probabilities(results, "train").argmax(1)
    assert [line.split(",")[1] for line in lines[1:]] == [results.classes[i] for i in guesses]


def test_tries_are_counted_refused_when_used_up_and_not_used_by_the_same_predictions(
    refitted, tmp_path
):
    results = read_results(copy_study(refitted, tmp_path / "base"))
    first = submit(results, protocol="train", team="team", tries=1)
    again = submit(results, protocol="train", team="team", tries=1)
    assert (first.new, again.new, again.path) == (True, False, first.path)
    path = results.folder / "refit" / "test.npy"
    np.save(path, np.load(path)[:, ::-1].copy())  # other predictions for certain
    with pytest.raises(InputError, match="all 1 tries are used"):
        submit(results, protocol="train+devel", team="team", tries=1)
    beyond = submit(results, protocol="train+devel", team="team", tries=1, beyond=True)
    assert (beyond.entry["n"], beyond.entry["beyond"]) == (2, True)
    ledger = json.loads((results.folder / "submission" / "ledger.json").read_text())
    assert [entry["protocol"] for entry in ledger["entries"]] == ["train", "train+devel"]
    (results.folder / "submission" / "ledger.json").write_text("{")
    with pytest.raises(InputError, match="ledger of tries cannot be read"):
        submit(results, protocol="train", team="team", tries=9)


def test_a_submission_is_never_written_over_when_its_ledger_is_gone(refitted, tmp_path):
    results = read_results(copy_study(refitted, tmp_path / "base"))
    done = submit(results, protocol="train", team="team", tries=2)
    (results.folder / "submission" / "ledger.json").unlink()
    again = submit(results, protocol="train", team="team", tries=2)  # as one that was cut short
    assert (again.new, again.path) == (True, done.path)
    (results.folder / "submission" / "ledger.json").unlink()
    done.path.write_text("file_name,prediction\n")
    with pytest.raises(InputError, match=r"is no try of ledger\.json, but is there already"):
        submit(results, protocol="train", team="team", tries=2)
    assert done.path.read_text() == "file_name,prediction\n"
    assert not (results.folder / "submission" / "ledger.json").exists()


def test_names_and_labels_are_written_as_they_are():
    text = submission_csv(["=1.wav", 'a"b,c.wav'], ["01", "NA"])
    assert list(csv.reader(text.splitlines())) == [
        ["file_name", "prediction"], ["=1.wav", "01"], ['a"b,c.wav', "NA"],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="once"):
        submission_csv(["a", "a"], ["x", "y"])


def test_a_refit_of_an_earlier_fusion_is_not_submitted(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    path = folder / "ensemble" / "ensemble.json"
    plain = json.loads(path.read_text())
    plain["members"][0]["weight"] /= 2
    path.write_text(json.dumps(plain))
    with pytest.raises(InputError, match="of an earlier fusion"):
        submit(read_results(folder), protocol="train+devel", team="team", tries=5)
    with pytest.raises(InputError, match="or say --protocol train"):  # and train is no silent way
        default_protocol(read_results(folder))


def test_labels_that_arrive_later_are_scored_for_every_system(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    results = read_results(folder)
    submit(results, protocol="train", team="team", tries=5)
    labels_file = Path(results.corpus["root"]) / "lab" / "test_labels.csv"
    record = score_study(results, labels_file)
    with labels_file.open() as file:
        truth = {row["file_name"]: row["label"] for row in csv.DictReader(file)}
    labels = [truth[clip.file_name] for clip in results.partitions["test"].clips]
    for protocol in ("train", "train+devel"):
        guesses = blind_probabilities(results, protocol).argmax(1)
        wanted = balanced_accuracy_score(labels, [results.classes[i] for i in guesses])
        (system,) = [
            s for s in record["systems"] if (s["name"], s["protocol"]) == ("fusion", protocol)
        ]
        assert system["uar"] == pytest.approx(wanted)
        assert np.sum(system["confusion_matrix"]) == len(labels)
    assert any(s["name"].endswith("team_1.csv") for s in record["systems"])
    from reports.report import page

    html = page(read_results(folder))
    assert "whose labels came from test_labels.csv" in html


def test_a_fusion_without_a_refit_is_scored_and_what_is_missing_said(finished, tmp_path):
    results = read_results(copy_study(finished, tmp_path / "base"))
    record = score_study(results, Path(results.corpus["root"]) / "lab" / "test_labels.csv")
    assert {system["protocol"] for system in record["systems"]} == {"train"}
    said: list[str] = []
    print_scores(record, said.append)
    assert "fusion (train+devel): not scored: " in said[-1]
    assert "has no refit yet" in said[-1]


def test_a_study_that_was_interrupted_before_its_fusion_has_its_best_trial_scored(
    finished, tmp_path
):
    folder = copy_study(finished, tmp_path / "base")
    shutil.rmtree(folder / "ensemble")
    results = read_results(folder)
    labels = Path(results.corpus["root"]) / "lab" / "test_labels.csv"
    (system,) = score_study(results, labels)["systems"]
    assert system["name"].startswith("best single: ")
    shutil.rmtree(folder / "trials")
    with pytest.raises(InputError, match="nothing has predicted test yet"):
        score_study(read_results(folder), labels)


@pytest.mark.parametrize(
    ("where", "spoil", "rule"),
    [
        ("best", lambda a: np.full_like(a, np.nan), "must be finite"),
        ("best", lambda a: a[1:], "must hold"),
        ("member", lambda a: a[1:], "must hold"),
        ("refit", lambda a: a[1:], "must hold"),
    ],
)
def test_damaged_predictions_are_not_scored(refitted, tmp_path, where, spoil, rule):
    results = read_results(copy_study(refitted, tmp_path / "base"))
    path = {
        "best": results.best.file("test.npy"),
        "member": results.trial(results.ensemble.members[-1].trial).file("test.npy"),
        "refit": results.folder / "refit" / "test.npy",
    }[where]
    np.save(path, spoil(np.load(path)))
    with pytest.raises(InputError, match=rf"test\.npy: .*{rule}"):
        score_study(results, Path(results.corpus["root"]) / "lab" / "test_labels.csv")
    assert not (results.folder / "scores.json").exists()


def test_a_damaged_refit_is_told_and_not_passed_over(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    assert default_protocol(read_results(folder)) == "train+devel"
    (folder / "refit" / "refit.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        default_protocol(read_results(folder))
    shutil.rmtree(folder / "refit")
    assert default_protocol(read_results(folder)) == "train"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file_name,label\na.wav,x\n", "1 are missing, the first is b.wav"),
        ("file_name,label\na.wav,x\nb.wav,z\n", "label must be one of x, y, got 'z'"),
        ("file_name,label\na.wav,x\na.wav,y\nb.wav,y\n", "a.wav must occur once"),
        ("name,class\na.wav,x\n", "needs the columns file_name and label"),
        ("", "needs the columns"),
    ],
)
def test_wrong_labels_are_refused_with_a_sentence(tmp_path, text, sentence):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_labels(tmp_path / "labels.csv", ["a.wav", "b.wav"], ("x", "y"))


def test_a_study_without_a_fusion_is_not_refitted(finished, synthetic, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    (folder / "ensemble" / "ensemble.json").unlink()
    with pytest.raises(InputError, match="has no fusion yet"):
        refit_study(config_of(synthetic), base=tmp_path / "base", echo=lambda text: None)


@pytest.mark.slow
def test_a_refit_killed_in_the_middle_gives_the_same_predictions(finished, refitted, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    command = [sys.executable, "-m", "study", "refit", "study.yaml"]
    process = subprocess.Popen(command, cwd=tmp_path / "base", start_new_session=True)
    deadline = time.monotonic() + 120
    while not list((folder / "refit").glob("*/*/spec.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "refit" / "refit.json").exists()
    subprocess.run(command, cwd=tmp_path / "base", check=True)
    wanted = (refitted / "refit" / "predictions_test.csv").read_bytes()
    assert (folder / "refit" / "predictions_test.csv").read_bytes() == wanted
