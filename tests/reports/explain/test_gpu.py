"""What only a GPU can show of an explanation; runs where there is one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from reports.explain.analysis import explain
from reports.explain.axes import frequency_axes
from reports.explain.explained import Explained
from reports.explain.measure import delete, make_maps, occlude
from runners.device import choose_compute
from support.explain_networks import noisy_inputs, random_networks

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

TOLERANCE = 0.02  # of a probability or a share: TensorFloat-32 keeps 10 bits of each factor


def passes(device: str, n_folds: int) -> dict[str, np.ndarray]:
    """What the passes give, but for the noise, which every device draws by itself."""
    inputs = noisy_inputs(random_networks(n_folds=n_folds, transformer=True))
    axes = frequency_axes(inputs.clips.sampling_rate)
    n = len(inputs.labels)
    explained = Explained(inputs, range(n), axes, choose_compute(device))
    mapped = make_maps(explained, explained.mappers(), tick=lambda: None)
    occluded = occlude(explained, 0, seed=0, tick=lambda: None)
    orders = [np.tile(np.arange(axes[0].n_bands), (n, 1))]
    found = {
        "intact": mapped.intact,
        "removed": occluded.removed,
        "energies": occluded.energies,
        "deleted": delete(explained, 0, orders, (1, 4), networks=[0, 1], tick=lambda: None),
    }
    for kind, by_network in mapped.fractions[0].items():
        found |= {f"{kind} {number}": values for number, values in by_network.items()}
    return found


@pytest.mark.parametrize("n_folds", [1, 3])
def test_every_pass_gives_what_it_gives_on_the_cpu(n_folds):
    on_cpu, on_gpu = passes("cpu", n_folds), passes("cuda:0", n_folds)
    assert on_cpu.keys() == on_gpu.keys()
    for name, values in on_cpu.items():
        np.testing.assert_allclose(on_gpu[name], values, atol=TOLERANCE, err_msg=name)


def test_an_explanation_says_what_it_says_on_the_cpu():
    found = [
        explain(noisy_inputs(random_networks()), choose_compute(device), seed=0)
        for device in ("cpu", "cuda:0")
    ]
    on_cpu, on_gpu = (numbers["systems"] for numbers in found)
    for cpu, gpu in zip(on_cpu, on_gpu, strict=True):
        assert gpu["uar"] == pytest.approx(cpu["uar"], abs=2 / 24)
        for axis, part in cpu["axes"].items():
            assert gpu["axes"][axis]["map"] == part["map"]
    assert found[1]["device"] == "cuda:0"


def test_of_a_cross_validation_one_fold_at_a_time_is_on_the_device():
    inputs = noisy_inputs(random_networks(n_folds=3))
    axes = frequency_axes(inputs.clips.sampling_rate)
    explained = Explained(inputs, range(len(inputs.labels)), axes, choose_compute("cuda:0"))
    for fold in (0, 2, 1):
        explained.hold(fold)
        for network in inputs.networks:
            devices = [next(model.parameters()).device.type for model in network.models]
            assert devices == ["cuda" if k == fold else "cpu" for k in range(3)]


def test_the_device_is_waited_for_by_batch_and_not_by_clip():
    counts = []
    for n_clips in (24, 48):
        inputs = noisy_inputs(random_networks(transformer=True), n_clips=n_clips)
        axes = frequency_axes(inputs.clips.sampling_rate)
        explained = Explained(inputs, range(n_clips), axes, choose_compute("cuda:0"))
        assert explained.n_batches == 1
        mappers = explained.mappers()
        for _ in range(2):  # the first time constants are uploaded
            torch.cuda.set_sync_debug_mode("warn")
            try:
                with warnings.catch_warnings(record=True) as told:
                    warnings.simplefilter("always")
                    make_maps(explained, mappers, tick=lambda: None)
                    occlude(explained, 0, seed=0, tick=lambda: None)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        counts.append(sum("synchronizing" in str(one.message) for one in told))
    assert counts[0] == counts[1]
    assert counts[0] <= 16  # the results of two passes, by name, and their start
