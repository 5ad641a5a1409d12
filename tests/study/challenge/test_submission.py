"""Blind predictions for organisers: whole, in order, and counted."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from search_spaces import InputError
from study.challenge.refit_record import default_protocol
from study.challenge.submission import blind_probabilities, submission_csv, submit
from study.results import read_results
from support.finished_study import copy_study


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
