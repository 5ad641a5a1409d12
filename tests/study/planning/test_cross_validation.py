"""Cross-validation by speaker: who judges whom, and a whole study of it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import soundfile

from search_spaces import InputError
from study import load
from study.bundle.export import export_bundle
from study.challenge.refit import refit_study
from study.challenge.submission import blind_probabilities
from study.corpus import read_corpus
from study.fusion.study_candidates import read_library
from study.metrics import uar_of_probabilities
from study.planning.cross_validation import deal_folds, protocol_partitions, protocol_sentence
from study.planning.plan import plan_study
from study.results import read_results
from support.finished_study import config_of, make_study


def corpus_of(synthetic, **changes):
    corpus = read_corpus(synthetic)
    clips = [dataclasses.replace(clip, **changes) for clip in corpus.clips]
    return dataclasses.replace(corpus, clips=tuple(clips))


@pytest.mark.parametrize(("protocol", "n_folds"), [("kfold", 3), ("kfold", 2), ("loso", 99)])
def test_all_clips_of_a_speaker_are_in_one_fold(synthetic, protocol, n_folds):
    corpus = read_corpus(synthetic)
    partitions = protocol_partitions(corpus, protocol)
    pool = partitions["devel"]
    assert partitions["train"] == pool
    assert {corpus.clips[i].partition for i in pool} == {"train", "devel"}
    folds = deal_folds(corpus, pool, protocol=protocol, n_folds=n_folds, seed=0)
    speakers = [corpus.clips[i].speaker for i in pool]
    pairs = set(zip(speakers, folds, strict=True))
    assert len(pairs) == len(set(speakers))
    assert set(folds) == set(range(min(n_folds, len(set(speakers)))))


def test_kfold_follows_its_seed_and_spreads_speakers_evenly(synthetic):
    corpus = read_corpus(synthetic)
    pool = protocol_partitions(corpus, "kfold")["devel"]
    dealt = {
        seed: deal_folds(corpus, pool, protocol="kfold", n_folds=3, seed=seed) for seed in range(8)
    }
    assert dealt[0] == deal_folds(corpus, pool, protocol="kfold", n_folds=3, seed=0)
    assert len(set(dealt.values())) > 1
    speakers = np.array([corpus.clips[i].speaker for i in pool])
    for folds in dealt.values():
        sizes = [len(set(speakers[np.array(folds) == k])) for k in range(3)]
        assert max(sizes) - min(sizes) <= 1


def test_holdout_has_no_folds(synthetic):
    corpus = read_corpus(synthetic)
    partitions = protocol_partitions(corpus, "holdout")
    assert not set(partitions["train"]) & set(partitions["devel"])
    assert deal_folds(corpus, partitions["devel"], protocol="holdout", n_folds=5, seed=0) == ()
    assert protocol_sentence("holdout", ()) == ""
    assert "its 1,200 clips each judged" in protocol_sentence("kfold", (0, 1, 2) * 400)


@pytest.mark.parametrize(
    ("protocol", "n_folds", "changes", "sentence"),
    [
        ("loso", 5, {"speaker": None}, "needs the speaker of every clip of train and devel"),
        ("kfold", 50, {}, "needs at least 50 speakers in train and devel, and"),
        ("loso", 5, {"speaker": "ann"}, "needs at least 2 speakers"),
    ],
)
def test_what_cannot_be_cross_validated_is_refused(synthetic, protocol, n_folds, changes, sentence):
    corpus = corpus_of(synthetic, **changes)
    pool = protocol_partitions(corpus, protocol)["devel"]
    with pytest.raises(InputError, match=sentence):
        deal_folds(corpus, pool, protocol=protocol, n_folds=n_folds, seed=0)


def test_a_class_that_one_speaker_says_is_refused(synthetic):
    corpus = read_corpus(synthetic)
    clips = [
        dataclasses.replace(clip, speaker="ann" if clip.label == corpus.classes[0] else "bob")
        for clip in corpus.clips
    ]
    corpus = dataclasses.replace(corpus, clips=tuple(clips))
    pool = protocol_partitions(corpus, "loso")["devel"]
    with pytest.raises(InputError, match=f"the class '{corpus.classes[0]}' is said only by ann"):
        deal_folds(corpus, pool, protocol="loso", n_folds=5, seed=0)


@pytest.fixture(scope="module")
def crossed(synthetic, tmp_path_factory):
    """The results folder of a study of two trials in three folds."""
    base = tmp_path_factory.mktemp("crossed")
    return make_study(synthetic, base, protocol="kfold", folds=3, budget={"trials": 2})


def test_a_cross_validated_study_judges_each_clip_of_the_pool(crossed, synthetic):
    results = read_results(crossed)
    assert (results.protocol, results.n_folds) == ("kfold", 3)
    assert "train" not in results.partitions
    corpus = read_corpus(synthetic)
    pool = [c.file_name for c in corpus.clips if c.partition != "test"]
    assert [clip.file_name for clip in results.partitions["devel"].clips] == pool
    library = read_library(results)
    assert library.pool.labels.size == len(pool) == len(results.folds)
    assert library.pool.has_speakers
    assert library.pool.n_groups == 5  # enough for an interval
    for trial in results.ranked:
        epoch = np.load(trial.file("devel.npy"))[trial.best_epoch - 1]
        uar = float(uar_of_probabilities(epoch, library.pool.labels))
        assert trial.uar == pytest.approx(uar)
        assert trial.identity["protocol"] == "kfold"


def test_the_fold_networks_are_the_members_of_its_bundle(crossed, synthetic, tmp_path):
    results = read_results(crossed)
    said: list[str] = []
    bundle = export_bundle(
        results,
        tmp_path / "b",
        protocol="train",
        plan=lambda: plan_study(config_of(synthetic), base=tmp_path),
        echo=said.append,
    )
    plain = json.loads((bundle / "bundle.json").read_text())
    assert len(plain["members"]) == 3 * len(results.ensemble.members)
    assert sum(m["weight"] for m in plain["members"]) == pytest.approx(1)
    assert "trained without one fold of speakers" in (bundle / "README.md").read_text()
    clips = read_corpus(synthetic).partition("test")
    waves = [soundfile.read(clip.path, dtype="int16")[0] for clip in clips]
    found = load(bundle, device="cpu").predict(waves, 8000)
    assert np.abs(found - blind_probabilities(results, "train")).max() <= 1e-4


@pytest.mark.slow
def test_a_refit_of_it_trains_on_each_clip_once(crossed, synthetic):
    config = config_of(
        synthetic, protocol="kfold", folds=3, budget={"trials": 2}, refit={"seeds": 1}
    )
    said: list[str] = []
    assert refit_study(config, base=crossed.parent.parent, echo=said.append) == 0, said
    task = json.loads((crossed / "refit" / "task.json").read_text())
    train = task["partitions"]["train"]
    assert len(train) == len(set(train)) == len(read_results(crossed).folds)
    assert task["partitions"]["devel"] == []
    assert (crossed / "refit" / "predictions_test.csv").is_file()


def test_another_number_of_folds_is_another_study(crossed, synthetic):
    config = config_of(synthetic, protocol="kfold", folds=2, budget={"trials": 2})
    with pytest.raises(InputError, match="`folds` was 3 and is now 2"):
        plan_study(config, base=crossed.parent.parent)
