"""`spectune import`: another tool's predictions become a candidate of the fusion."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np

from search_spaces.grammar.errors import InputError
from study.files import file_sha256, new_folder, write_json
from study.fusion.prediction_csv import import_predictions
from study.metrics import uar_of_probabilities
from study.results import StudyResults
from study.results.import_json import ImportedRecord, read_imports
from study.results.probabilities import labels_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")


def import_system(
    results: StudyResults, predictions: Path, *, name: str | None, trained_on: str | None
) -> ImportedRecord:
    """Read a prediction CSV and store it with the study; the caller holds the study's lock.

    Args:
        results: The study.
        predictions: See `study.fusion.prediction_csv.import_predictions`.
        name: What to call the system; the file's name when None.
        trained_on: What it was fitted on: `train`, or `out-of-fold` where the study has folds.

    Raises:
        InputError: If anything is wrong with the file or the name; nothing is written then.
    """
    called = predictions.stem if name is None else name
    if not NAME.fullmatch(called):
        raise InputError(
            f"--name must be letters, digits, '.', '_', '+' and '-', at most 80, got {called!r}"
        )
    folder = results.folder / "imports" / called
    if folder.exists():
        raise InputError(
            f"{folder}: there is a system of that name already; choose another --name, or remove "
            "that folder first"
        )
    system = import_predictions(
        predictions,
        classes=results.classes,
        file_names={
            name: [clip.file_name for clip in part.clips]
            for name, part in results.partitions.items()
        },
        trained_on=trained_on,
        held_out=results.protocol != "holdout",
    )
    devel = system.probabilities["devel"].astype(np.float16)
    record = {
        "format": 1,
        "name": called,
        "trained_on": list(system.trained_on),
        "hard": system.hard,
        "n_ignored": system.n_ignored,
        "matched_by": system.matched_by,
        "uar": float(uar_of_probabilities(devel, labels_of(results))),
        "source": {"file": predictions.name, "sha256": file_sha256(predictions)},
        "imported": time.time(),
        "partitions": {
            part: {"digest": results.partitions[part].digest, "n": len(values)}
            for part, values in system.probabilities.items()
        },
    }
    with new_folder(folder) as partial:
        np.save(partial / "devel.npy", devel[None], allow_pickle=False)
        if "test" in system.probabilities:
            test = system.probabilities["test"].astype(np.float32)
            np.save(partial / "test.npy", test, allow_pickle=False)
        write_json(partial / "import.json", record)
    return next(one for one in read_imports(results.folder / "imports") if one.name == called)


def imported_sentence(record: ImportedRecord, results: StudyResults) -> str:
    """What was imported, in words."""
    what = "classes alone" if record.hard else "probabilities"
    clips = ", ".join(f"{part['n']} {name} clips" for name, part in record.partitions.items())
    ignored = ""
    if record.n_ignored:
        rows = "1 row is" if record.n_ignored == 1 else f"{record.n_ignored} rows are"
        ignored = f", {rows} of other clips"
    sentence = (
        f"imported {record.name}: {what} of {clips} (matched by {record.matched_by}{ignored}),"
        f" devel UAR {100 * record.uar:.1f} % (said to be trained on {'+'.join(record.trained_on)})"
    )
    if "test" in results.partitions and "test" not in record.partitions:
        sentence += "; it predicts no test clip, so no fusion will take it"
    return sentence
