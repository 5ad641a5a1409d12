"""Signs of life in every phase of a trial, so that a slow one is not taken for hanging."""

from __future__ import annotations

import dataclasses

import pytest

from runners.trial import make_fit
from support.tiny_trial import CPU, job, recipe

SVM = recipe(backbone={"kind": "band_svm"})
SWA = recipe(averaging={"kind": "swa", "start": 0.3})


def phases(made, task_and_waveforms, folder) -> dict[str, int]:
    """Return how often each phase of a trial gave a sign of life."""
    signs: list[str] = []
    phase = "begin"
    fit = make_fit(job(folder, made), *task_and_waveforms, CPU, alive=lambda: signs.append(phase))
    phase = "train"
    for event in fit.epochs():
        phase = "evaluate" if event["event"] == "trained" else "train"
    phase = "test"
    fit.test()
    return {name: signs.count(name) for name in ("begin", "train", "evaluate", "test")}


@pytest.fixture(scope="module")
def folded(quick):
    """The clips of train in three folds."""
    task, waveforms = quick
    n = len(task.partitions["train"])
    pool = {"train": task.partitions["train"], "devel": task.partitions["train"]}
    labels = {"train": task.labels["train"], "devel": task.labels["train"]}
    folds = tuple(k % 3 for k in range(n))
    partitions = {**task.partitions, **pool}
    return dataclasses.replace(task, partitions=partitions, labels=labels, folds=folds), waveforms


def test_a_network_gives_a_sign_at_every_step_and_batch(quick, tmp_path):
    # A batch of 256 holds all windows of devel, of test, and of train.
    expected = {"begin": 1, "train": 3 * 6, "evaluate": 3, "test": 1}
    assert phases(recipe(), quick, tmp_path) == expected


def test_averaged_weights_give_one_at_every_batch_of_their_statistics(quick, tmp_path):
    assert phases(SWA, quick, tmp_path)["evaluate"] == 3 + 3 * 6  # in each epoch, from the first on


def test_a_linear_machine_gives_one_at_every_batch_and_before_it_is_fitted(quick, tmp_path):
    assert phases(SVM, quick, tmp_path) == {"begin": 0, "train": 3, "evaluate": 1, "test": 1}


def test_every_fold_gives_its_own(folded, tmp_path):
    networks = phases(recipe(recipe={"epochs": 1}), folded, tmp_path)
    assert networks == {"begin": 3, "train": 3 * 4, "evaluate": 3, "test": 3}
    machines = phases(SVM, folded, tmp_path)
    assert sum(machines[phase] for phase in ("train", "evaluate")) == 3 * 4
    assert machines["test"] == 3
