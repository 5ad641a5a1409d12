"""Trainings whose length is a number of optimiser steps, judged at a bounded number of points."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import islice

import pytest
import torch

from runners.batch_norm import refresh_batch_norm
from runners.training import REFRESH_BATCHES, Training
from support.tiny_trial import CPU, job, recipe, run

STEPS = {"epochs": 3, "batch": 8, "steps": 21}


def noted(training: Training) -> list[torch.Tensor]:
    """The clips of every step, until the training ends."""
    steps, step = [], training._step

    def noting(chosen):
        steps.append(chosen)
        return step(chosen)

    training._step = noting
    list(training.epochs())
    return steps


def test_steps_and_evaluations_are_as_many_as_asked_for_whatever_the_corpus(quick, tmp_path):
    training = Training(job(tmp_path, recipe(recipe=STEPS)), *quick, CPU)
    steps = noted(training)
    assert [len(chosen) for chosen in steps] == [8] * 21
    assert len(training.curves.devel_uar) == 3
    assert training.schedule.last_epoch == 21


def test_every_clip_is_seen_before_one_comes_again_wherever_a_stretch_ends(quick, tmp_path):
    training = Training(job(tmp_path, recipe(recipe=STEPS)), *quick, CPU)
    n = len(training.clips)
    sizes = (n // 3, n // 2, n + 5, n)
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    seen = torch.cat(
        [
            training.clips.stretch(*where, training.generator)
            for where in zip(starts, sizes, strict=True)
        ]
    )
    assert len(seen) == sum(sizes)
    for k in range(len(seen) // n):
        assert Counter(seen[k * n : (k + 1) * n].tolist()) == Counter(range(n))
    assert not torch.equal(seen[:n], seen[n : 2 * n])


@pytest.mark.parametrize("steps", [3, 7, 20])
def test_steps_that_evaluations_do_not_divide_are_made_all_the_same(steps, quick, tmp_path):
    made = recipe(recipe=STEPS | {"steps": steps})
    training = Training(job(tmp_path, made), *quick, CPU)
    assert len(noted(training)) == steps
    assert len(training.curves.devel_uar) == 3


@pytest.mark.parametrize("least", [90, 4])
def test_a_small_corpus_is_passed_until_there_are_steps_enough(least, quick, tmp_path):
    made = recipe(recipe={"epochs": 3, "batch": 8, "min_steps": least})
    training = Training(job(tmp_path, made), *quick, CPU)
    passes = 3 * (len(training.clips) // 8)
    assert len(noted(training)) == max(least, passes)
    assert len(training.curves.devel_uar) == 3


def test_passes_are_as_they_were_without_steps(quick, tmp_path):
    training = Training(job(tmp_path, recipe()), *quick, CPU)
    again = torch.Generator().manual_seed(training.spec.seed)
    expected = torch.randperm(len(training.clips), generator=again)
    assert torch.equal(training.clips.order(training.generator), expected)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_epoch_that_is_kept_is_the_best_or_the_last(keep, quick, tmp_path):
    made = recipe(recipe=STEPS | {"keep": keep})
    training = Training(job(tmp_path, made), *quick, CPU)
    uars = iter((0.7, 0.9, 0.5))
    predict = training._predict

    def falling(network, partition):
        right = torch.nn.functional.one_hot(torch.tensor(training.devel_labels), 2).float()
        n_wrong = round((1 - next(uars)) * len(right))
        predict(network, partition)
        right[:n_wrong] = 1 - right[:n_wrong]
        return right

    training._predict = falling
    kept = []
    for event in training.epochs():
        if event["event"] == "epoch":
            kept.append(training.curves.best_epoch)
    assert kept == ([1, 2, 2] if keep == "best" else [1, 2, 3])


def test_batch_norm_is_evaluated_with_statistics_of_the_present_weights(quick, tmp_path):
    training = Training(job(tmp_path, recipe(recipe=STEPS)), *quick, CPU)
    next(event for event in training.epochs() if event["event"] == "epoch")
    again = copy.deepcopy(training.model)
    refresh_batch_norm(again.backbone, islice(training._images(again), REFRESH_BATCHES))
    layers = zip(training.model.modules(), again.modules(), strict=True)
    pairs = [pair for pair in layers if isinstance(pair[0], torch.nn.BatchNorm2d)]
    assert pairs
    for ours, theirs in pairs:
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_a_training_goes_on_from_a_checkpoint_with_the_same_bytes(quick, tmp_path):
    made = recipe(recipe=STEPS | {"keep": "last"})
    whole = Training(job(tmp_path, made), *quick, CPU)
    list(whole.epochs())
    first = Training(job(tmp_path, made, last_epoch=1), *quick, CPU)
    list(first.epochs())
    state = first.state()
    again = Training(job(tmp_path, made), *quick, CPU)
    assert again.set_state(state)
    list(again.epochs())
    assert again.curves.best_epoch == 3
    for name, value in whole.best.items():
        assert torch.equal(value, again.best[name]), name


def test_folds_keep_the_last_epoch_together(task_and_waveforms, tmp_path):
    made = recipe(recipe={"epochs": 2, "batch": 8, "steps": 6, "keep": "last"})
    done, events = run(job(tmp_path, made), task_and_waveforms)
    assert done["best_epoch"] == 2
    assert [e["epoch"] for e in events if e["event"] == "epoch"] == [1, 2]
