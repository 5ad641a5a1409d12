"""What a GPU would wait for in every batch, seen without one: its tensors only pretend to be."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from search_spaces.front_end.front_end import FrontEnd
from support.tiny_trial import RATE, recipe


class Uploads(TorchDispatchMode):
    """Notes copies from the CPU to a GPU that the CPU waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        waits = not (kwargs or {}).get("non_blocking")
        if func is torch.ops.aten._to_copy.default and waits and args[0].device != found.device:
            self.shapes.append(tuple(args[0].shape))
        return found


def pretend(front_end: FrontEnd, mode: FakeTensorMode) -> None:
    """Move all its tensors to a GPU that need not be there."""
    with mode:
        for module in front_end.modules():
            for kept in (module._parameters, module._buffers):
                for name, values in kept.items():
                    moved = torch.empty(values.shape, dtype=values.dtype, device="cuda:0")
                    learnt = isinstance(values, torch.nn.Parameter)
                    kept[name] = torch.nn.Parameter(moved) if learnt else moved


@pytest.mark.parametrize(
    "choice",
    [
        {"channels": {"kind": "deltas"}},
        {"channels": {"kind": "windows"}},
        {"channels": {"kind": "scales"}},
        {"scale": {"kind": "constant_q", "fmin": 200}},
        {"amplitude": {"kind": "pcen"}},
        {"amplitude": {"kind": "pcen", "trainable": True}},
        {"image": {"height": 32, "width": 40, "normalize": "clip", "resample": "bicubic"}},
    ],
    ids=str,
)
def test_a_front_end_brings_nothing_to_the_gpu_with_every_batch(choice):
    front_end = recipe(**choice).front_end(sampling_rate=RATE)
    mode = FakeTensorMode()
    pretend(front_end, mode)
    with mode, Uploads() as uploads:
        images = front_end(torch.empty(4, RATE, device="cuda:0"))
    assert images.device.type == "cuda"
    assert uploads.shapes == []
