"""Fusions of a real tiny study: methods, imported systems, limits, and what is stored of them."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from search_spaces import InputError
from study.bundle.export import export_bundle
from study.bundle.predictor import load
from study.challenge.score import _systems
from study.challenge.submission import blind_probabilities, submit
from study.config import EnsembleConfig
from study.fusion.costs import milliseconds_of
from study.fusion.fuse import fuse
from study.fusion.import_system import import_system, imported_sentence
from study.fusion.sentences import fusion_sentences, fusion_table
from study.fusion.stored import stored_rule
from study.fusion.study_candidates import read_library
from study.honest import CandidateEpochs
from study.metrics import uar_of_probabilities
from study.metrics.permutation_tests import Comparison
from study.results import read_results
from study.results.leaderboard import leaderboard, write_leaderboard
from study.results.probabilities import labels_of, load_epoch
from study.results.status import leaderboard_lines, status_lines, status_of
from study.search.select_fusion import select_again
from support.finished_study import PLAIN, config_of, copy_study


def select(folder: Path, corpus: Path, *, compare: bool = False, **ensemble):
    config = config_of(corpus, ensemble=ensemble)
    return select_again(folder, config, compare=compare)


def other_system(folder: Path, path: Path, *, signal: float = 2.0, parts=("devel", "test")) -> Path:
    """Predictions as another tool writes them, good on devel, with all test clips."""
    results, rng = read_results(folder), np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *(f"probability_{name}" for name in results.classes)])
        for part in parts:
            for clip in results.partitions[part].clips:
                odds = rng.normal(size=len(results.classes))
                if clip.label is not None:
                    odds[results.classes.index(clip.label)] += signal
                shares = np.exp(odds) / np.exp(odds).sum()
                writer.writerow([clip.file_name, *(f"{share:.6f}" for share in shares)])
    return path


def stored(folder: Path, partition: str) -> np.ndarray:
    """Probabilities of `ensemble/predictions_*.csv`, (clips, classes)."""
    with (folder / "ensemble" / f"predictions_{partition}.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [key for key in rows[0] if key.startswith("prob_")]
    return np.array([[float(row[name]) for name in names] for row in rows])


def waves(folder: Path, partition: str) -> tuple[list[np.ndarray], int]:
    import soundfile

    results = read_results(folder)
    root = Path(results.corpus["root"])
    read = [soundfile.read(root / "wav" / c.file_name) for c in results.partitions[partition].clips]
    return [samples for samples, _ in read], read[0][1]


@pytest.mark.parametrize("method", ["stacking", "majority_vote", "tempered"])
def test_a_fusion_predicts_the_same_in_its_files_its_submission_and_its_bundle(
    finished, synthetic, tmp_path, method
):
    folder = copy_study(finished, tmp_path / "base")
    fusion, record = select(folder, synthetic, method=method)
    results = read_results(folder)
    assert results.ensemble.method == record["method"] == method
    assert stored_rule(results.ensemble, len(results.classes)) == fusion.selection.rule
    assert sum(member.weight for member in results.ensemble.members) == pytest.approx(1)
    test = blind_probabilities(results, "train")
    np.testing.assert_allclose(test, stored(folder, "test"), atol=1e-5)
    bundle = export_bundle(
        results, tmp_path / "bundle", protocol="train", plan=lambda: None, echo=lambda text: None
    )
    np.testing.assert_allclose(load(bundle, device="cpu").predict(*waves(folder, "test")), test,
                               atol=2e-3)  # fmt: skip
    plain = json.loads((bundle / "bundle.json").read_text())
    plain["rule"]["kind"] = "magic"
    (bundle / "bundle.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match="kind must be average, vote or stacking, got 'magic'"):
        load(bundle, device="cpu")


def test_a_decision_is_stored_and_applied_to_test_also_after_the_refit(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    path = folder / "ensemble" / "ensemble.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps(plain | {"rule": None}))
    before = blind_probabilities(read_results(folder), "train")
    plain["rule"] = {"kind": "average", "decision": {"temperature": 1.0, "bias": [0.0, 3.0]}}
    path.write_text(json.dumps(plain))
    results = read_results(folder)
    after = blind_probabilities(results, "train")
    odds = np.log(before[:, 1] / before[:, 0]) + 3
    np.testing.assert_allclose(np.log(after[:, 1] / after[:, 0]), odds, atol=1e-3)
    with pytest.raises(InputError, match="of an earlier fusion"):  # refitted without the decision
        submit(results, protocol="train+devel", team="team", tries=5)


def test_all_methods_are_compared_with_costs_and_a_reason(finished, synthetic, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    fusion, record = select(folder, synthetic, compare=True, method="chosen")
    rows = {row["method"]: row for row in record["methods"]}
    assert {"bagged_greedy", "cma_es", "stacking", "majority_vote", "best_single"} <= set(rows)
    assert rows["uniform"]["members"] == len(fusion.library.candidates)
    for row in rows.values():
        assert row["megabytes"] > 0
        assert row["milliseconds"] > 0
    assert rows["best_single"]["megabytes"] < rows["uniform"]["megabytes"]
    assert fusion.honest.method == "chosen"
    said = record["sentences"]
    assert any(line.startswith("Chosen: the ") for line in said)
    assert any("beats the" in line or "loses to the" in line or "equals the" in line
               for line in said)  # fmt: skip
    assert json.loads((folder / "ensemble" / "ensemble.json").read_text())["sentences"] == said
    from reports.report import page

    html = page(read_results(folder))
    assert "What the fusion is worth" in html
    assert "majority_vote" in html


def test_few_speakers_have_a_reason_once_and_no_p_value(finished, synthetic, tmp_path):
    results = read_results(copy_study(finished, tmp_path / "base"))
    devel = results.partitions["devel"]
    clips = tuple(dataclasses.replace(clip, speaker="one") for clip in devel.clips)
    parts = {**results.partitions, "devel": dataclasses.replace(devel, clips=clips)}
    fusion = fuse(read_library(dataclasses.replace(results, partitions=parts)))
    text = fusion_table(fusion)
    assert text.count("`protocol: loso`, leaving one speaker") == 1
    assert "(p = " not in text
    assert "95 %" not in text
    assert fusion.selection.rule.decision is None


def test_the_best_trial_is_not_compared_with_itself(finished):
    fusion = fuse(read_library(read_results(finished)))
    names = ("The best epoch of the best trial", "the first baseline")

    def told(baseline: int | None, *uars: float) -> bool:
        compared = Comparison(names, uars, uars[0] - uars[1], 1.0, 8, n_trials=4)
        library = dataclasses.replace(fusion.library, baseline=baseline)
        found = dataclasses.replace(fusion, library=library, best_of=compared)
        return any(sentence.startswith(names[0]) for sentence in fusion_sentences(found))

    assert not told(0, 0.827, 0.827)
    assert told(0, 0.827, 0.826)
    assert told(None, 0.5, 0.5)  # guessing


def test_an_imported_system_is_a_candidate_everywhere_but_in_a_bundle(
    finished, synthetic, tmp_path
):
    folder = copy_study(finished, tmp_path / "base")
    table = other_system(folder, tmp_path / "other.csv")
    record = import_system(read_results(folder), table, name="svm", trained_on="train")
    assert record.uar > 0.8
    fusion, plain = select(folder, synthetic)
    assert [one["name"] for one in plain["imported"]] == ["svm"]
    weights = [one["weight"] for one in (*plain["members"], *plain["imported"])]
    assert sum(weights) == pytest.approx(1)
    assert fusion.honest.n_candidates == 1 + len(
        [t for t in read_results(folder).trials if t.ranked]
    )
    results = read_results(folder)
    np.testing.assert_allclose(
        blind_probabilities(results, "train"), stored(folder, "test"), atol=1e-5
    )
    assert any("svm (trained on train)" in line for line in status_lines(status_of(folder)))
    assert leaderboard_lines(leaderboard(results))[-1].endswith("imported")
    done = submit(results, protocol="train", team="team", tries=5)
    assert {"imported": "svm", "weight": plain["imported"][0]["weight"]} in done.entry["members"]
    assert next(name for name, _, _ in _systems(results, ["train"])) == "fusion"
    from reports.report import page

    assert "imported" in page(results)
    options = {"protocol": "train", "plan": lambda: None, "echo": lambda text: None}
    with pytest.raises(InputError, match=r"svm\), which cannot predict new clips"):
        export_bundle(results, tmp_path / "bundle", **options)
    assert not (tmp_path / "bundle").exists()
    assert results.ensemble.members
    bundle = load(export_bundle(results, tmp_path / "b", without_imported=True, **options),
                  device="cpu")  # fmt: skip
    assert sum(member.weight for member in bundle.bundle.members) == pytest.approx(1)
    assert bundle.bundle.plain["figures"]["devel_uar_apparent"] is None


def test_what_cannot_be_imported_leaves_nothing_behind(finished, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    results = read_results(folder)
    table = other_system(folder, tmp_path / "svm.csv")
    for options, sentence in (
        ({"name": "../x", "trained_on": "train"}, "--name must be letters"),
        ({"name": None, "trained_on": None}, "trained_on must say"),
        ({"name": None, "trained_on": "train+devel"}, "a system trained on devel"),
    ):
        with pytest.raises(InputError, match=sentence):
            import_system(results, table, **options)
    assert not (folder / "imports").exists()
    folds = dataclasses.replace(results, protocol="loso")  # each devel clip is one of train
    with pytest.raises(InputError, match="trained_on=out-of-fold says so, got trained_on=train"):
        import_system(folds, table, name=None, trained_on="train")
    import_system(results, table, name=None, trained_on="train")
    with pytest.raises(InputError, match="there is a system of that name already"):
        import_system(results, table, name="svm", trained_on="train")


def test_systems_that_lack_test_or_whose_cost_is_unknown_are_named_and_left_out(
    finished, synthetic, tmp_path
):
    folder = copy_study(finished, tmp_path / "base")
    table = other_system(folder, tmp_path / "devel_only.csv", parts=("devel",))
    record = import_system(read_results(folder), table, name=None, trained_on="train")
    told = imported_sentence(record, read_results(folder))
    assert "(matched by file name)" in told
    assert told.endswith("it predicts no test clip, so no fusion will take it")
    (sentence,) = read_library(read_results(folder)).left_out
    assert sentence == "devel_only is no candidate: it does not predict test"
    fusion, record = select(folder, synthetic, max_mb=1000.0)
    assert "costs" in fusion.library.left_out[0]
    assert record["imported"] == []


def test_what_an_earlier_version_imported_into_a_cross_validated_study_is_left_out(
    finished, tmp_path
):
    folder = copy_study(finished, tmp_path / "base")
    table = other_system(folder, tmp_path / "svm.csv")
    import_system(read_results(folder), table, name=None, trained_on="train")
    folds = dataclasses.replace(read_results(folder), protocol="loso")
    (sentence,) = read_library(folds).left_out
    assert sentence.startswith("svm is no candidate: it was fitted on train, whose clips")
    record = dataclasses.replace(folds.imports[0], trained_on=("out-of-fold",))
    assert read_library(dataclasses.replace(folds, imports=(record,))).left_out == ()


def test_limits_bound_the_fusion_and_impossible_ones_are_named_each(finished, synthetic, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    results = read_results(folder)
    costs = milliseconds_of(results, read_library(results).candidates)
    assert (folder / "ensemble" / "costs.json").exists()
    again = milliseconds_of(results, read_library(results).candidates)
    np.testing.assert_array_equal(again, costs)  # measured once
    _, record = select(folder, synthetic, max_ms=float(np.sort(costs)[:2].sum()) * 1.001)
    assert record["costs"]["milliseconds"] <= np.sort(costs)[:2].sum() * 1.001
    assert any(line.startswith("Limits on max_milliseconds") for line in record["sentences"])
    with pytest.raises(InputError) as caught:
        select(folder, synthetic, max_ms=1e-9, max_mb=1e-9)
    assert ["ensemble.max_mb" in caught.value.problems[0],
            "ensemble.max_ms" in caught.value.problems[1]] == [True, True]  # fmt: skip


def test_the_ensemble_section_is_checked_by_name():
    assert EnsembleConfig().method == "chosen"
    with pytest.raises(ValueError, match="bagged_greedy"):
        EnsembleConfig(method="magic")


@pytest.mark.slow
def test_import_and_ensemble_on_the_command_line(finished, synthetic, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    (tmp_path / "base" / "study.yaml").write_text(
        json.dumps(PLAIN | {"corpus": str(synthetic), "tracking": False})
    )
    other_system(folder, tmp_path / "base" / "svm.csv")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "study", *words]
        return subprocess.run(command, cwd=tmp_path / "base", capture_output=True, text=True)

    refused = run("import", "study.yaml", "svm.csv", "--trained-on", "devel")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr
    done = run("import", "study.yaml", "svm.csv", "--trained-on", "train")
    assert done.returncode == 0, done.stderr
    assert "imported svm" in done.stdout
    done = run("ensemble", "study.yaml", "--compare", "ensemble.method=chosen")
    assert done.returncode == 0, done.stderr
    assert "honest UAR" in done.stdout
    assert "Chosen: " in done.stdout
    assert "disagreement of members" in done.stdout


def test_a_class_that_devel_lacks_is_named_and_judges_no_method(finished):
    library = read_library(read_results(finished))
    labels = np.zeros_like(library.pool.labels)
    pool = CandidateEpochs.from_probabilities(library.pool.trials, labels, library.pool.groups)
    lacking = dataclasses.replace(library, pool=pool)
    lacked = library.identity.classes[1]
    assert (library.absent, lacking.absent) == ((), (lacked,))
    fusion = fuse(lacking, EnsembleConfig(method="chosen"))
    assert fusion.selection.method == "bagged_greedy"
    assert fusion_sentences(fusion)[0].startswith(
        f"No devel clip is of {lacked}: no figure here tells how well it can be recognised"
    )
    assert "Chosen: the fusion, since devel lacks a class" in fusion_table(fusion)


def test_best_single_is_the_first_row_of_the_leaderboard_also_where_a_spec_was_trained_again(
    finished, synthetic, tmp_path
):
    folder = copy_study(finished, tmp_path)
    lucky = read_results(folder).best
    others = [trial for trial in read_results(folder).trials if trial.ranked and trial != lucky]
    worst = min(others, key=lambda trial: trial.uar)
    path = worst.folder / "result.json"
    again = json.loads(path.read_text()) | {"spec_digest": lucky.spec_digest}
    path.write_text(json.dumps(again))  # as if the lucky one had been trained again
    fusion, record = select(folder, synthetic)
    results = read_results(folder)
    rows = leaderboard(results)
    single, first = record["references"]["best_single"], rows[0]
    assert first["trial"] == single["trial"] == results.best.number
    assert results.system_of(results.best).uar == first.get("together", first["uar"])
    assert results.system_of(results.best).uar == pytest.approx(single["uar"], abs=1e-12)
    assert status_of(folder)["best"]["uar"] == pytest.approx(single["uar"], abs=1e-12)
    said = write_leaderboard(results, tmp_path / "said.csv").read_text()
    assert (folder / "leaderboard.csv").read_text() == said
    pair = sorted((lucky.number, worst.number))
    repeated = [row for row in rows if "together" in row]
    assert [row["trial"] for row in repeated] == pair
    labels = labels_of(results)
    sizes = {"clips": len(labels), "classes": len(results.classes)}
    trials = [results.trial(number) for number in pair]
    each = [load_epoch(t.file("devel.npy"), t.best_epoch, **sizes) for t in trials]
    together = float(uar_of_probabilities(np.mean(each, axis=0, dtype=float), labels))
    for row in repeated:
        assert row["together"] == pytest.approx(together, abs=1e-12)
    assert together < lucky.uar
    ranked = [row.get("together", row["uar"]) for row in rows if row["rank"] is not None]
    assert ranked == sorted(ranked, reverse=True)
    lines = leaderboard_lines(rows)
    assert lines[0].split()[-3:] == ["together", "epoch", "state"]
    assert lines[-1].startswith("together: all trainings of a spec, their probabilities averaged")
    label = next(c for c in fusion.library.candidates if c.trials == tuple(pair)).label()
    assert label.endswith("(2 trainings)")
