"""A cross-validated trial: each clip judged by a network that has not seen it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from runners.evaluation import predict
from runners.job import Task
from runners.model import load_weights, make_classifier
from runners.trial import CHECKPOINT, run_trial
from runners.waveforms import Waveforms
from search_spaces import TrialSpec
from support.tiny_trial import CPU, RATE, files, job, run, spec

FOLDS = 3
SVM = {"backbone": {"kind": "band_svm"}, "recipe": {}}


@pytest.fixture(scope="module")
def folded(task_and_waveforms) -> tuple[Task, Waveforms]:
    """The same clips, train and devel as one pool in three folds."""
    task, waveforms = task_and_waveforms
    clips = task.partitions["train"] + task.partitions["devel"]
    labels = task.labels["train"] + task.labels["devel"]
    folds = tuple(int(k) for k in np.random.default_rng(0).integers(0, FOLDS, len(clips)))
    partitions = {"train": clips, "devel": clips, "test": task.partitions["test"]}
    pool = dataclasses.replace(
        task, partitions=partitions, labels={"train": labels, "devel": labels}, folds=folds
    )
    return pool, waveforms


@pytest.fixture(scope="module")
def pooled(folded, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A trial of it: its folder and its result."""
    folder = tmp_path_factory.mktemp("pooled") / "trial"
    return folder, run(job(folder), folded)[0]


@pytest.mark.parametrize("changes", [{}, SVM], ids=["network", "svm"])
def test_every_clip_is_judged_by_the_network_of_its_fold(tmp_path, folded, pooled, changes):
    task, waveforms = folded
    made = dataclasses.replace(spec(**changes), augment=()) if changes else spec()
    folder, done = (tmp_path, run(job(tmp_path, made), folded)[0]) if changes else pooled
    devel = np.load(folder / "devel.npy", allow_pickle=False)
    for told, values in zip(done["uar_per_epoch"], devel, strict=True):
        assert told == balanced_accuracy_score(task.labels["devel"], values.argmax(1))
    tests = []
    for k in range(FOLDS):
        model = make_classifier(made, sampling_rate=RATE, n_samples=waveforms.length, n_classes=2)
        about = load_weights(model, folder / "model.safetensors", fold=k)
        assert about["folds"] == FOLDS
        one = task.fold(k)
        again = predict(model, waveforms, waveforms.cover(one.partitions["devel"]), CPU).numpy()
        stored = devel[done["best_epoch"] - 1][np.array(task.folds) == k]
        np.testing.assert_allclose(again, stored, atol=1e-3)
        tests.append(predict(model, waveforms, waveforms.cover(one.partitions["test"]), CPU))
    np.testing.assert_allclose(
        np.load(folder / "test.npy"), np.mean([t.numpy() for t in tests], axis=0), atol=1e-6
    )
    assert done["n_parameters"] == FOLDS * sum(p.numel() for p in model.parameters())


def test_a_fold_is_trained_as_it_would_be_alone(tmp_path, folded):
    task, waveforms = folded
    quiet = TrialSpec.from_dict(spec().to_dict() | {"augment": {}})
    quiet = dataclasses.replace(quiet, backbone=dataclasses.replace(quiet.backbone, drop_rate=0.0))
    run(job(tmp_path / "all", quiet), folded)
    pooled = np.load(tmp_path / "all" / "devel.npy", allow_pickle=False)
    for k in range(FOLDS):
        run(job(tmp_path / str(k), quiet), (task.fold(k), waveforms))
        alone = np.load(tmp_path / str(k) / "devel.npy", allow_pickle=False)
        np.testing.assert_array_equal(pooled[:, np.array(task.folds) == k], alone)


def test_a_cross_validated_trial_taken_up_from_a_checkpoint_gives_the_same_bytes(
    tmp_path, folded, pooled
):
    class KilledError(Exception):
        pass

    def die(event):
        if event["epoch"] == 3:
            raise KilledError

    first = job(tmp_path / "first", checkpoint_s=0.0)
    with pytest.raises(KilledError):
        run_trial(first, *folded, CPU, report=die, verdict=lambda epoch: False)
    second = job(tmp_path / "second", checkpoint=str(tmp_path / "first" / CHECKPOINT))
    done, events = run(second, folded)
    assert [e["event"] for e in events] == ["resumed", "epoch"]
    assert events[0]["devel_uar"] == done["uar_per_epoch"][1]
    assert files(tmp_path / "second") == files(pooled[0])


def test_a_task_with_folds_is_read_as_written(tmp_path, folded):
    task, _ = folded
    task.write(tmp_path / "task.json")
    assert Task.read(tmp_path / "task.json") == task
    seen = [set(task.fold(k).partitions["devel"]) for k in range(task.n_folds)]
    assert set.union(*seen) == set(task.partitions["devel"])
    for k, held_out in enumerate(seen):
        assert not held_out & set(task.fold(k).partitions["train"])
