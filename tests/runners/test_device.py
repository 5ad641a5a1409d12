"""A trial's own GPU, of several: what a stand-in for CUDA is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from runners.device import choose_compute
from runners.evaluation import forget_peak_memory, peak_memory_gb

SETTINGS = [
    (torch.backends.cuda.matmul, "allow_tf32"),
    (torch.backends.cudnn, "allow_tf32"),
    (torch.backends.cudnn, "benchmark"),
]


@pytest.fixture
def cuda(monkeypatch) -> Iterator[dict[str, list[torch.device]]]:
    """What is said to each function, instead of to a driver."""
    said: dict[str, list[torch.device]] = {"set_device": [], "reset_peak_memory_stats": []}
    for name, heard in said.items():
        monkeypatch.setattr(torch.cuda, name, heard.append)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **asked: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", str)
    kept = [getattr(*one) for one in SETTINGS]
    yield said
    for (where, name), value in zip(SETTINGS, kept, strict=True):
        setattr(where, name, value)


@pytest.mark.parametrize(
    ("name", "own"), [("cuda:0", [0]), ("cuda:3", [3]), ("cuda", []), ("cpu", [])]
)
def test_a_numbered_gpu_becomes_the_process_own(cuda, name, own):
    choose_compute(name)
    assert [device.index for device in cuda["set_device"]] == own


def test_a_gpu_that_only_emulates_bfloat16_computes_in_float32(cuda, monkeypatch):
    def as_on_a_t4(*, including_emulation=True):
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", as_on_a_t4)
    found = choose_compute("cuda:0")
    assert found.autocast is None
    assert found.reason.startswith("float32 (no bfloat16 on this GPU)")


def test_the_reason_names_the_device():
    assert choose_compute("cpu").reason == "float32, channels last on the CPU"
    assert choose_compute("mps").reason == "float32 on mps"


def test_the_peak_is_forgotten_on_the_gpu_where_it_is_read(cuda, monkeypatch):
    device = torch.device("cuda:3")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda where: 1e9 * where.index)
    forget_peak_memory(device)
    assert cuda["reset_peak_memory_stats"] == [device]
    assert peak_memory_gb(device) == 3.0
    forget_peak_memory(torch.device("cpu"))
    assert len(cuda["reset_peak_memory_stats"]) == 1
    assert peak_memory_gb(torch.device("cpu")) is None
