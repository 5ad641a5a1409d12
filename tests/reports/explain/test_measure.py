"""The passes of an explanation batch by batch, judged by each clip on its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from reports.explain.axes import frequency_axes
from reports.explain.explained import Explained
from reports.explain.measure import delete, make_maps, occlude
from runners.device import choose_compute
from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from support.explain_networks import noisy_inputs, random_networks

CPU = choose_compute("cpu")


def explained_of(inputs, compute=CPU) -> Explained:
    axes = frequency_axes(inputs.clips.sampling_rate)
    return Explained(inputs, range(len(inputs.labels)), axes, compute)


@torch.no_grad()
def one_by_one(explained: Explained) -> np.ndarray:
    """(networks, clips, classes): each clip by itself, heard by the model of its fold."""
    inputs, found = explained.inputs, []
    for network in inputs.networks:
        rows = []
        for clip, fold in enumerate(inputs.folds or [0] * len(inputs.labels)):
            here = explained.views.rows == clip
            waves = explained.waveforms.gather(
                explained.views.clips[here], explained.views.starts[here]
            )
            rows.append(network.models[fold](waves).softmax(1).mean(0))
        found.append(torch.stack(rows))
    return torch.stack(found).double().numpy()


@pytest.mark.parametrize("n_folds", [1, 3])
@pytest.mark.parametrize("size", [64, 5])
def test_a_pass_gives_what_each_clip_gives_by_itself(n_folds, size):
    explained = explained_of(noisy_inputs(random_networks(n_folds=n_folds)))
    explained.size = size
    sizes, ticks = [], []

    def work(batch):
        sizes.append(len(batch.waves))
        return {"p": explained.probabilities(batch, batch.waves)}

    found = explained.per_clip(work)["p"]
    np.testing.assert_allclose(found, one_by_one(explained), atol=2e-6)
    assert len(sizes) == explained.n_batches
    mapped = make_maps(explained, explained.mappers(), tick=lambda: ticks.append(1))
    np.testing.assert_allclose(mapped.intact, found, atol=2e-6)
    assert len(ticks) == explained.n_batches
    assert set(mapped.fractions[0]["layercam"]) == {0}
    assert set(mapped.fractions[0]["weights"]) == {1}  # a linear machine has one map


def test_a_batch_holds_clips_of_one_fold_and_asks_the_models_of_that_fold():
    inputs = noisy_inputs(random_networks(n_folds=3))
    explained = explained_of(inputs)
    seen = []

    def work(batch):
        (fold,) = {inputs.folds[row] for row in batch.rows.tolist()}
        assert batch.models == tuple(network.models[fold] for network in inputs.networks)
        seen.extend(batch.rows.tolist())
        return {"p": batch.waves[:, :1]}

    explained.per_clip(work)
    assert sorted(seen) == sorted(explained.views.rows.tolist())


def test_a_batch_that_memory_does_not_hold_is_halved_and_changes_nothing():
    explained = explained_of(noisy_inputs(random_networks(), n_clips=60))
    whole = occlude(explained, 1, seed=0, tick=lambda: None)
    probabilities, asked = explained.probabilities, []

    def scarce(batch, waves, networks=None):
        asked.append(len(waves))
        if len(waves) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return probabilities(batch, waves, networks)

    explained.probabilities = scarce
    found = occlude(explained, 1, seed=0, tick=lambda: None)
    assert asked[:3] == [64, 32, 16]  # of 80 windows
    assert set(asked[3:]) == {8}
    np.testing.assert_allclose(found.removed, whole.removed, atol=2e-6)
    orders = [np.tile(np.arange(16), (60, 1))]
    deleted = delete(explained, 1, orders, (1,), networks=[0, 1], tick=lambda: None)
    np.testing.assert_allclose(deleted[0, 0], whole.removed[0], atol=1e-5)


def test_too_little_memory_for_a_few_windows_is_told_in_a_sentence():
    explained = explained_of(noisy_inputs(random_networks()))

    def never(batch, waves, networks=None):
        raise torch.OutOfMemoryError("CUDA out of memory")

    explained.probabilities = never
    with pytest.raises(InputError, match=r"cpu: has too little free memory .* 8 windows at a time"):
        make_maps(explained, explained.mappers(), tick=lambda: None)

    def broken(batch, waves, networks=None):
        raise RuntimeError("shape mismatch")

    explained.probabilities = broken
    with pytest.raises(RuntimeError, match="shape mismatch"):
        make_maps(explained, explained.mappers(), tick=lambda: None)


def test_probabilities_are_of_float32_also_where_trials_are_trained_in_bfloat16():
    inputs = noisy_inputs(random_networks())
    low = dataclasses.replace(CPU, autocast=torch.bfloat16)
    found = [
        make_maps(explained, explained.mappers(), tick=lambda: None).intact
        for explained in (explained_of(inputs), explained_of(inputs, low))
    ]
    np.testing.assert_array_equal(*found)


def test_networks_lie_channels_last_where_they_like_it():
    networks = random_networks()
    backbone = Timm("regnety_002")  # slower that way; trained as any other
    stubborn = dataclasses.replace(networks[0].spec, backbone=backbone)
    networks = (networks[0], dataclasses.replace(random_networks()[0], spec=stubborn))
    explained_of(noisy_inputs(networks), dataclasses.replace(CPU, channels_last=True))
    for network, expected in zip(networks, (True, False), strict=True):
        kernels = (p for p in network.models[0].backbone.parameters() if p.ndim == 4)
        weights = next(p for p in kernels if min(p.shape[1:]) > 1)  # others lie both ways
        assert weights.is_contiguous(memory_format=torch.channels_last) == expected
