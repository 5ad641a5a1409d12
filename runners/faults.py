"""Kinds of faults: a wrong spec, too little memory, a loss that is no number, full storage."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from search_spaces.grammar.errors import InputError

PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM}
# Said by SQLite and by safetensors, whose errors bear no number.
SAID = (
    "database or disk is full",
    "attempt to write a readonly database",
    "disk I/O error",
    "unable to open database file",
    "database is locked",
    "No space left on device",
    "File too large",
    "Read-only file system",
)
# Said by the loader of libraries, by Python of threads, by allocators and by the libraries of CUDA,
# whose errors have no class of their own.
NO_MEMORY = (
    "failed to map segment from shared object",
    "cannot allocate memory",
    "can't start new thread",
    "can't allocate memory",
    "std::bad_alloc",
    "out of memory",
    "ALLOC_FAILED",
    "ALLOCATION_FAILED",
)
# All that oneDNN says where it gets no buffer; of what it cannot compute it says more.
ONEDNN_NO_MEMORY = "could not create a primitive"


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite; the trial has failed."""


def storage_fault(error: BaseException) -> str | None:
    """Return why files cannot be written where they go, or None if an error has another cause.

    A full disk, a quota, a read-only folder: no fault of the trial, and the study can go on from
    its files once there is room.

    >>> storage_fault(OSError(errno.ENOSPC, "No space left on device", "/data/x.npy"))
    'No space left on device: /data/x.npy'
    >>> storage_fault(ValueError("no")) is None
    True
    """
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in PLACE:
            where = f": {one.filename}" if one.filename else ""
            return f"{one.strerror}{where}"
        said = next((text for text in SAID if text in str(one)), None)
        if said is not None:
            return said
    return None


def memory_fault(error: BaseException) -> str | None:
    """Return what was said where there is too little memory, or None if an error has another cause.

    >>> memory_fault(ImportError("libtorch_cpu.so: failed to map segment from shared object"))
    'libtorch_cpu.so: failed to map segment from shared object'
    >>> memory_fault(ValueError("no")) is None
    True
    """
    for one in _chain(error):
        said = str(one)
        if isinstance(one, MemoryError):
            return said or "no memory left"
        no_memory = isinstance(one, OSError) and one.errno == errno.ENOMEM
        if isinstance(one, (RuntimeError, ImportError, OSError)) and (
            no_memory or any(text in said.lower() for text in map(str.lower, NO_MEMORY))
        ):
            return said
    return None


def fault_kind(error: BaseException) -> str:
    """Return what a fault is to the coordinator: `memory`, `loss`, `storage`, `input`, `error`."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return "memory"
    said = str(error)
    if isinstance(error, RuntimeError) and (
        said == ONEDNN_NO_MEMORY or any(text in said for text in NO_MEMORY)
    ):
        return "memory"
    if isinstance(error, NonFiniteLossError):
        return "loss"
    if storage_fault(error) is not None:
        return "storage"
    return "input" if isinstance(error, InputError) else "error"


def reason_of(error: BaseException) -> str:
    """Return a fault as one line."""
    first = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first[0]}"[:500]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
