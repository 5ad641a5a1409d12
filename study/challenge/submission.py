"""`spectune submit`: a file of blind test predictions for the organisers, and a ledger of tries.

results/<study>/submission/<corpus>.test.<team>_<n>.csv   header file_name,prediction
results/<study>/submission/ledger.json                    each try: what it was, and when
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.challenge.refit_record import PROTOCOL, PROTOCOLS, read_refit
from study.files import csv_text, is_count, read_json, replace_text, write_json
from study.fusion.stored import fuse_on_test
from study.results import Ensemble, StudyResults
from study.results.probabilities import load_test


@dataclass(frozen=True)
class Submission:
    """A try.

    Args:
        path: The file.
        entry: Its line in the ledger.
        tries: Number of tries there are.
        new: Whether it was written now; the same predictions again are no new try.
    """

    path: Path
    entry: dict[str, Any]
    tries: int
    new: bool

    def sentence(self) -> str:
        """Say what the file is."""
        how = "wrote" if self.new else "already written, no try is used:"
        shares = ", ".join(f"{n} {name}" for name, n in self.entry["predicted"].items())
        return (
            f"{how} {self.path} (try {self.entry['n']} of {self.tries}, {self.entry['protocol']};"
            f" {shares})"
        )


def submit(
    results: StudyResults, *, protocol: str, team: str, tries: int, beyond: bool = False
) -> Submission:
    """Write the fusion's test predictions as the next try, unless they were a try already.

    Args:
        results: The study; the caller holds its lock.
        protocol: `train` or `train+devel`.
        team: In the file's name.
        tries: How many tries there are.
        beyond: Write also what is one try too many.

    Raises:
        InputError: If the tries are used up, there are no such predictions, or the file is there
            already and no try of the ledger.
    """
    values = blind_probabilities(results, protocol)
    clips = results.partitions["test"].clips
    predictions = [results.classes[code] for code in values.argmax(1)]
    text = submission_csv([clip.file_name for clip in clips], predictions)
    digest = hashlib.sha256(text.encode()).hexdigest()
    folder = results.folder / "submission"
    ledger = read_ledger(folder)
    for entry in ledger["entries"]:
        if entry["sha256"] == digest:
            return Submission(folder / entry["file"], entry, tries, new=False)
    n = 1 + max((entry["n"] for entry in ledger["entries"]), default=0)
    if n > tries and not beyond:
        raise InputError(
            f"{folder / 'ledger.json'}: all {tries} tries are used; hand in one of the files there,"
            f" raise submission.tries, or say --beyond to write one more"
        )
    corpus = re.sub(r"[^A-Za-z0-9-]+", "-", str(results.corpus.get("name", "corpus"))).strip("-")
    ensemble = results.ensemble
    entry = {
        "n": n,
        "file": f"{corpus or 'corpus'}.test.{team}_{n}.csv",
        "sha256": digest,
        "created": time.time(),
        "protocol": protocol,
        "uar_devel_apparent": None if ensemble is None else ensemble.uar,
        "members": _members(ensemble),
        "predicted": dict(sorted(Counter(predictions).items())),
        "beyond": n > tries,
    }
    folder.mkdir(exist_ok=True)
    _write_once(folder / entry["file"], text)
    write_json(
        folder / "ledger.json",
        {"format": 1, "tries": tries, "entries": [*ledger["entries"], entry]},
    )
    return Submission(folder / entry["file"], entry, tries, new=True)


def _write_once(path: Path, text: str) -> None:
    """Write a submission; one that was cut short before the ledger knew of it is the same."""
    if os.path.lexists(path) and not (path.is_file() and path.read_bytes() == text.encode()):
        raise InputError(
            f"{path}: is no try of ledger.json, but is there already; put the ledger right by hand"
        )
    replace_text(path, text)


def _members(ensemble: Ensemble | None) -> list[dict[str, Any]]:
    if ensemble is None:
        return []
    networks = [{"trial": m.trial, "name": m.name, "weight": m.weight} for m in ensemble.members]
    return [*networks, *({"imported": m.name, "weight": m.weight} for m in ensemble.imported)]


def submission_csv(names: Sequence[str], predictions: Sequence[str]) -> str:
    """Return the official format: one line per clip, names and labels exactly as they were given.

    >>> print(submission_csv(["test_00001.wav"], ["mask"]), end="")
    file_name,prediction
    test_00001.wav,mask

    Raises:
        ValueError: If a clip occurs twice.
    """
    if len(set(names)) != len(names):
        raise ValueError("every test clip must occur once")
    return csv_text([("file_name", "prediction"), *zip(names, predictions, strict=True)])


def read_ledger(folder: Path) -> dict[str, Any]:
    """Return the ledger of tries, empty where there is none.

    Raises:
        InputError: If it is damaged: tries are never forgotten.
    """
    path = folder / "ledger.json"
    try:
        plain = read_json(path)
        if plain["format"] != 1 or not isinstance(plain["entries"], list):
            raise ValueError("another format")
        for entry in plain["entries"]:
            if not is_count(entry["n"]) or entry["file"] != Path(entry["file"]).name:
                raise ValueError("n must be a whole number from 1 on and file a file's name")
            _ = entry["sha256"], entry["protocol"], entry["predicted"].items()
    except FileNotFoundError:
        return {"format": 1, "entries": []}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(
            f"{path}: the ledger of tries cannot be read ({what}); put it right by hand"
        ) from error
    return dict(plain)


def blind_probabilities(results: StudyResults, protocol: str) -> NDArray[np.float64]:
    """Return the fusion's test probabilities, (clips, classes), under a protocol.

    Raises:
        InputError: If there is no test partition, no fusion, or no refit of it.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    if "test" not in results.partitions:
        raise InputError(f"{results.folder}: the corpus has no test partition")
    clips, classes = len(results.partitions["test"].clips), len(results.classes)
    if protocol == PROTOCOL:
        read_refit(results)
        path = results.folder / "refit" / "test.npy"
        return load_test(path, clips=clips, classes=classes).astype(np.float64)
    return fuse_on_test(
        results,
        lambda member: load_test(
            results.trial(member.trial).file("test.npy"), clips=clips, classes=classes
        ),
    )
