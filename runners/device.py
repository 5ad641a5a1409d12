"""Where and how a trial computes: decided here, once, with the reason."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import torch

from runners.cores import n_cores
from search_spaces.grammar.errors import InputError

DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?|mps")


@dataclass(frozen=True)
class Compute:
    """A device and how to compute on it.

    Args:
        device: Where.
        autocast: The dtype of autocast; None: float32 throughout.
        channels_last: Whether images lie channels last.
        fused: Whether the optimiser is one kernel.
        reason: Why, for the log.
    """

    device: torch.device
    autocast: torch.dtype | None
    channels_last: bool
    fused: bool
    reason: str


def choose_compute(name: str) -> Compute:
    """Return how to compute on the device `name` (`cpu`, `cuda:0`).

    bfloat16 on CUDA only: without AMX it is 10 to 70 times slower than float32 on a CPU, where
    channels last makes a step of a small network 1.2 to 1.4 times as fast (docs/benchmarks.md). A
    numbered GPU becomes this process's own: what names none is there too.
    """
    device = torch.device(name)
    if device.type == "cpu":
        return Compute(device, None, True, True, "float32, channels last on the CPU")
    if device.type != "cuda":
        return Compute(device, None, False, True, f"float32 on {device.type}")
    if device.index is not None:
        torch.cuda.set_device(device)
    # Networks compute in bfloat16; what is left to float32 are front ends, whose quiet bands are
    # differences of loud products (a 64 ms constant-Q: up to 24 dB off in TF32).
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True  # image sizes do not change within a trial
    # Before compute capability 8 bfloat16 is emulated, and slower than float32.
    supported = torch.cuda.is_bf16_supported(including_emulation=False)
    autocast = torch.bfloat16 if supported else None
    how = "bfloat16 autocast" if autocast else "float32 (no bfloat16 on this GPU)"
    return Compute(
        device,
        autocast,
        True,
        True,
        f"{how}, channels last on {torch.cuda.get_device_name(device)}",
    )


def usable_compute(name: str) -> Compute:
    """Return how to compute on a device that a person named.

    Raises:
        InputError: If there is no such device, or it does not work.
    """
    if not DEVICE.fullmatch(name):
        raise InputError(f"device must be cpu, cuda, cuda:N or mps, got {name!r}")
    try:
        found = choose_compute(name)
        torch.zeros(1, device=found.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {name!r} cannot be used: {reason}") from error
    return found


def default_slots(per_gpu: int = 1) -> list[str]:
    """Return the device of each slot: every GPU `per_gpu` times, or the CPU once."""
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [f"cuda:{i}" for i in range(n) for _ in range(per_gpu)] or ["cpu"]


def threads_of_slot(n_slots: int) -> int:
    """Return how many of this process's CPU cores each of `n_slots` slots gets, at least 1."""
    return max(1, n_cores() // n_slots)


def set_threads(n: int) -> None:
    """Use `n` threads for CPU work in this process; slots divide the cores between them."""
    os.environ["OMP_NUM_THREADS"] = str(n)
    torch.set_num_threads(n)
