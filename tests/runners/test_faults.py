"""What a fault is taken for."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from runners.faults import NonFiniteLossError, fault_kind, reason_of, storage_fault
from search_spaces import InputError


def from_(cause: BaseException) -> Exception:
    """An error that came of another one."""
    try:
        raise RuntimeError("cannot go on") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "memory"),
        (MemoryError(), "memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "memory"),
        (RuntimeError("could not create a primitive"), "memory"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be"), "memory"),
        (torch.AcceleratorError("CUDA error: out of memory"), "memory"),
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), "error"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `c()`"), "memory"),
        (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), "memory"),
        (RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR"), "error"),
        (RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), "memory"),
        (RuntimeError("could not create a primitive descriptor for a convolution"), "error"),
        (NonFiniteLossError("loss is nan"), "loss"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x"), "storage"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "storage"),
        (from_(OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))), "storage"),
        (sqlite3.OperationalError("database or disk is full"), "storage"),
        (InputError("the image is too small"), "input"),
        (ValueError("n must be 1"), "error"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), "error"),
    ],
)
def test_a_fault_has_its_kind(error, kind):
    assert fault_kind(error) == kind
    assert (storage_fault(error) is not None) == (kind == "storage")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_told_apart_however_it_is_written_to():
    with pytest.raises(OSError, match="No space") as caught, Path("/dev/full").open("w") as file:
        file.write("x" * 100_000)
    assert fault_kind(caught.value) == "storage"
    assert "No space left" in storage_fault(caught.value)


def test_weights_that_do_not_fit_are_a_fault_of_the_place(tmp_path):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises((SafetensorError, OSError), match="File too large") as caught:
            save_file({"x": torch.zeros(100_000)}, tmp_path / "x.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert fault_kind(caught.value) == "storage", caught.value


def test_a_reason_is_one_line():
    assert reason_of(ValueError("first\nsecond")) == "ValueError: first"
