"""`spectune score`: test labels that arrive later, and what every system reached on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search_spaces.grammar.errors import InputError
from study.challenge.refit_record import PROTOCOLS, NoRefitError, read_refit
from study.challenge.submission import blind_probabilities, read_ledger
from study.config import load_config
from study.corpus.clip_rows import match_rows
from study.corpus.layouts.names import FILE_COLUMNS
from study.corpus.spelling import nearest_name
from study.files import file_sha256, read_rows, write_json
from study.metrics import confusion_matrix, interval
from study.metrics.uar import recall_per_class
from study.results import StudyResults
from study.results.probabilities import load_test, speakers_of
from study.text import aligned
from study.tracking.study_run import continue_tracker
from study.tracking.tracker import ChildRun

SCORES = "scores.json"


def score_study(results: StudyResults, labels_file: Path) -> dict[str, Any]:
    """Score both fusions, the best single trial and all submissions; write `scores.json`.

    Labels are read from the file alone; nothing that was trained or chosen sees them.

    Args:
        results: The study; the caller holds its lock.
        labels_file: CSV with `file_name,label` of every test clip, and `start,end` of segments.

    Raises:
        InputError: If a label is missing, unknown or doubled, or predictions are missing or
            damaged.
    """
    if "test" not in results.partitions:
        raise InputError(f"{results.folder}: the corpus has no test partition")
    clips = results.partitions["test"].clips
    others = [clip.file_name for part in results.partitions.values() for clip in part.clips]
    labels, matched_by = match_labels(
        labels_file,
        [clip.file_name for clip in clips],
        results.classes,
        others=others,
        label_column=_label_column(results),
    )
    speakers = speakers_of(results, "test")
    not_refitted = _not_refitted(results)
    protocols = PROTOCOLS if not_refitted is None else PROTOCOLS[:1]
    systems = [
        {"name": name, "protocol": protocol, **_metrics(labels, guesses, speakers, results.classes)}
        for name, protocol, guesses in _systems(results, protocols)
    ]
    if not systems:
        raise InputError(f"{results.folder}: nothing has predicted test yet")
    record = {
        "format": 1,
        "labels": {
            "file": labels_file.name,
            "sha256": file_sha256(labels_file),
            "matched_by": matched_by,
        },
        "scored": time.time(),
        "n": len(labels),
        "classes": list(results.classes),
        "systems": systems,
        "not_refitted": not_refitted,
    }
    write_json(results.folder / SCORES, record)
    return record


def read_labels(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str]:
    """Return the labels of clips, in their order; see `match_labels`."""
    return match_labels(path, names, classes)[0]


def match_labels(
    path: Path,
    names: list[str],
    classes: tuple[str, ...],
    *,
    others: Sequence[str] = (),
    label_column: str | None = None,
) -> tuple[list[str], str]:
    """Return the labels of clips, in their order, and how their names were compared.

    Args:
        path: CSV with a header; a column `file_name` and a column `label`, and `start` and `end`
            where clips are segments. Rows of other clips (train, devel) are left out.
        names: The clips.
        classes: Labels there may be.
        others: The study's other clips, which a row must not be taken for.
        label_column: What `label` is called in the study's corpus, and may be called here.

    Raises:
        InputError: With everything that is wrong.
    """
    table = read_rows(path).plain()
    file_name, label = table.column(FILE_COLUMNS), table.column([label_column or "label", "label"])
    if file_name is None or label is None:
        header = ", ".join(table.header) or "nothing"
        raise InputError(f"{path}: needs the columns file_name and label, got {header}")
    matched = match_rows(table, file_name, [*names, *others])
    problems = []
    for name in names:
        if (row := matched.rows.get(name)) is None:
            continue
        if (given := table.rows[row][label]) not in classes:
            rule = f"label must be one of {', '.join(classes)}"
            problems.append(f"{path}:{table.lines[row]}: {rule}, got {given!r}")
    missing = [name for name in names if name not in matched.rows]
    if missing:
        near = nearest_name(missing[0], [row[file_name] for row in table.rows])
        problems.append(
            f"{path}: must label all {len(names)} test clips, {len(missing)} are missing, the first"
            f" is {missing[0]}"
            + ("" if near is None else f", where the file has {near!r}")
            + (f": {matched.hint}" if matched.hint else "")
        )
    if problems:
        raise InputError(problems[:20])
    return [table.rows[matched.rows[name]][label] for name in names], matched.by


def _label_column(results: StudyResults) -> str | None:
    """Return what the study calls the column of labels."""
    path = results.folder / "study.yaml"
    return load_config(path).label_column if path.is_file() else None


def _systems(
    results: StudyResults, protocols: Sequence[str]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, protocol and predictions of what has predicted test."""
    classes = results.classes
    names = [clip.file_name for clip in results.partitions["test"].clips]
    for protocol in protocols if results.ensemble is not None else ():
        probabilities = blind_probabilities(results, protocol)
        yield "fusion", protocol, [classes[i] for i in probabilities.argmax(1)]
    if (best := results.best) is not None:
        trials = results.system_of(best).trials
        files = [results.trial(number).file("test.npy") for number in trials]
        test = [load_test(file, clips=len(names), classes=len(classes)) for file in files]
        trainings = f" ({len(trials)} trainings)" if len(trials) > 1 else ""
        title = f"best single: {best.number:03d} {best.name}{trainings}"
        yield title, "train", [classes[i] for i in np.mean(test, axis=0).argmax(1)]
    folder = results.folder / "submission"
    for entry in read_ledger(folder)["entries"]:
        path = folder / Path(entry["file"]).name
        if path.exists():
            yield path.name, str(entry["protocol"]), _submitted(path, names, classes)


def _not_refitted(results: StudyResults) -> str | None:
    """Say why there is no refit of the current fusion, None where there is one."""
    try:
        read_refit(results)
    except NoRefitError as error:
        return error.problems[0]
    return None


def _submitted(path: Path, names: list[str], classes: tuple[str, ...]) -> list[str]:
    """Return the predictions of a submission, in the order of the clips.

    Raises:
        InputError: If it was changed since.
    """
    table = read_rows(path)
    labels = {row[0]: row[1] for row in table.rows} if len(table.header) == 2 else {}
    if list(labels) != names or not set(labels.values()) <= set(classes):
        raise InputError(f"{path}: must be as it was submitted, but was changed since")
    return list(labels.values())


def _metrics(
    labels: list[str], guesses: list[str], speakers: Sequence[str] | None, classes: tuple[str, ...]
) -> dict[str, Any]:
    uar = interval(labels, guesses, speakers)
    recalls = recall_per_class(labels, guesses, classes)
    return {
        "uar": uar.uar,
        "ci_low": uar.low,
        "ci_high": uar.high,
        "note": uar.note,
        "confusion_matrix": confusion_matrix(labels, guesses, classes).tolist(),
        "labels": list(classes),
        "recall": [None if np.isnan(r) else float(r) for r in recalls],
        "n": uar.n,
        "n_speakers": uar.n_speakers,
        "sentence": uar.sentence(),
    }


def track_scores(
    results: StudyResults, record: dict[str, Any], *, report: Path, project: Path | None = None
) -> str | None:
    """Write a scoring into MLflow, and the report with it; return what could not be written.

    Args:
        results: The study; the caller holds its lock.
        record: Content of `scores.json`.
        report: The study's report, which has been drawn again with it.
        project: Of `study.locate.project_folder`: where its MLflow store may lie.
    """
    tracker = continue_tracker(results, project)
    tracker.log_child(_run(record))
    tracker.log_report(report)
    return tracker.close("finished")


def _run(record: dict[str, Any]) -> ChildRun:
    """Return what MLflow holds of a scoring: a UAR for each system."""
    fusions = {s["protocol"]: s["uar"] for s in record["systems"] if s["name"] == "fusion"}
    metrics = {f"test/uar_{key.replace('+', '_')}": uar for key, uar in fusions.items()}
    singles = [s["uar"] for s in record["systems"] if s["name"].startswith("best single")]
    if singles:
        metrics["test/uar_best_single"] = singles[0]
    return ChildRun(
        kind="score",
        key=record["labels"]["sha256"][:16],
        name=f"test labels {record['labels']['file']}",
        params={"n": record["n"], "labels_sha256": record["labels"]["sha256"]},
        metrics=metrics,
        artifacts={SCORES: record},
    )


def print_scores(record: dict[str, Any], echo: Callable[[str], None]) -> None:
    """Print what each system reached, with the fusions' confusion matrices."""
    labels = record["labels"]
    echo(f"labels of {record['n']} clips in {labels['file']}, matched by {labels['matched_by']}")
    for system in record["systems"]:
        echo(f"{system['name']} ({system['protocol']}): {system['sentence']}")
        if system["name"] == "fusion":
            pairs = zip(system["labels"], system["confusion_matrix"], strict=True)
            for line in aligned([(label, *map(str, row)) for label, row in pairs], left=()):
                echo(f"    {line}")
    if record["not_refitted"]:
        echo(f"fusion ({PROTOCOLS[1]}): not scored: {record['not_refitted']}")
