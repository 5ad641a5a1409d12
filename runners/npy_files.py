"""NumPy files that may be damaged, or come from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.bounded_file import check_bounded
from search_spaces.grammar.errors import InputError

MAX_BYTES = 2**31  # that are read into memory
MAX_MAPPED = 2**42


def load_array(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    """Return the array of a `.npy` file; nothing is unpickled.

    Args:
        path: The file.
        mapped: Whether to map it into memory rather than to read it.

    Raises:
        InputError: If it is missing, damaged, pickled, an archive, no regular file or too large.
    """
    try:
        check_bounded(path, MAX_MAPPED if mapped else MAX_BYTES)
        # An empty array cannot be mapped; its header alone says so when it is read.
        map_it = mapped and path.stat().st_size > 128
        values = np.load(path, mmap_mode="r" if map_it else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: the file does not exist.") from error
    except InputError:
        raise
    except Exception as error:  # NumPy reads headers as Python's text, and raises what that does
        raise InputError(f"{path}: not a complete NumPy array file ({error}).") from error
    if not isinstance(values, np.ndarray):
        raise InputError(f"{path}: must hold one NumPy array, got an archive.")
    return values
