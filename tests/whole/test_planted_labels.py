"""False test labels in the corpus change nothing: `score` alone reads labels of test."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from study.bundle.export import export_bundle
from study.challenge.refit import refit_study
from study.challenge.score import score_study
from study.challenge.submission import submit
from study.corpus import read_corpus
from study.planning.plan import plan_study
from study.results import read_results
from support.finished_study import config_of, copy_study, make_study

OUTPUTS = (
    "trials/*/attempt-1/*.npy",
    "trials/*/attempt-1/*.safetensors",
    "ensemble/*",
    "refit/test.npy",
    "refit/predictions_test.csv",
    "refit/*/*/attempt-1/*.npy",
    "refit/*/*/attempt-1/*.safetensors",
    "submission/*.csv",
    "bundle-*/*.safetensors",
)


@pytest.fixture(scope="module")
def planted(synthetic, tmp_path_factory) -> Path:
    """The corpus with false labels on all test clips, the same audio otherwise."""
    corpus = tmp_path_factory.mktemp("planted") / synthetic.name
    shutil.copytree(synthetic, corpus)
    path = corpus / "lab" / "labels.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["label"] for row in rows} - {"?"})
    with (corpus / "lab" / "test_labels.csv").open(newline="") as file:
        truth = {row["file_name"]: row["label"] for row in csv.DictReader(file)}
    for row in rows:
        if row["label"] == "?":
            row["label"] = next(name for name in names if name != truth[row["file_name"]])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert "?" not in path.read_text()
    return corpus


def outputs(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in OUTPUTS
        for path in folder.glob(pattern)
    }


def all_the_way(folder: Path, corpus: Path) -> dict[str, bytes]:
    """Refit, submit and export a finished study; return all that came of it."""
    base = folder.parent.parent
    assert refit_study(config_of(corpus), base=base, echo=lambda text: None) == 0
    results = read_results(folder)
    for protocol in ("train", "train+devel"):
        submit(results, protocol=protocol, team="team", tries=5)
        export_bundle(
            results,
            folder / f"bundle-{protocol}",
            protocol=protocol,
            plan=lambda: plan_study(config_of(corpus), base=base),
            echo=lambda text: None,
        )
    return outputs(folder)


def test_false_labels_of_test_reach_neither_workers_nor_the_study(synthetic, planted, tmp_path):
    blind, false = (plan_study(config_of(c), base=tmp_path) for c in (synthetic, planted))
    assert all(clip.label is None for clip in read_corpus(planted).partition("test"))
    assert false.task.labels == blind.task.labels
    assert false.task.partitions == blind.task.partitions
    assert false.identity == blind.identity
    assert set(false.task.labels) == {"train", "devel"}


@pytest.mark.slow
def test_every_output_is_the_same_byte_for_byte_with_false_labels_but_the_score(
    finished, synthetic, planted, tmp_path
):
    blind = copy_study(finished, tmp_path / "blind")
    false = make_study(planted, tmp_path / "false")
    wanted, found = all_the_way(blind, synthetic), all_the_way(false, planted)
    assert {name.split("/")[0] for name in wanted} == {
        "trials", "ensemble", "refit", "submission", "bundle-train", "bundle-train+devel",
    }  # fmt: skip
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []
    for folder in (blind, false):
        clips = json.loads((folder / "clips.json").read_text())["partitions"]["test"]["clips"]
        assert {label for _, _, label, _ in clips} == {None}
    truth = score_study(read_results(blind), synthetic / "lab" / "test_labels.csv")
    lies = score_study(read_results(false), planted / "lab" / "labels.csv")
    for right, wrong in zip(truth["systems"], lies["systems"], strict=True):
        assert wrong["uar"] == pytest.approx(1 - right["uar"])  # two classes, all labels flipped
