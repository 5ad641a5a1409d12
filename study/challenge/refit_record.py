"""`refit.json`, written and read: what a refit predicts of test, beside what the members did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.files import predictions_csv, read_json, replace_text, write_json
from study.fusion.stored import fuse_on_test, fusion_members, others_of
from study.metrics.agreement import Agreement, agreement
from study.results import StudyResults
from study.results.ensemble_json import Member
from study.results.probabilities import load_test
from study.search.retrain import Training, TrainingFolder

PROTOCOL = "train+devel"
PROTOCOLS = ("train", PROTOCOL)
TRAINING = re.compile(r"\d{5,}/seed-\d+")  # folder of a training in that of the refit


class NoRefitError(InputError):
    """The current fusion was not refitted."""


def write_refit(
    results: StudyResults, trainings: Sequence[Training], members: Sequence[Member], folder: Path
) -> dict[str, Any]:
    """Write `predictions_test.csv` and `refit.json`; return the content of the latter."""
    by_trial: dict[int, list[Training]] = {}
    for training in trainings:
        by_trial.setdefault(training.folder.number, []).append(training)
    record: dict[str, Any] = {
        "format": 1,
        "protocol": PROTOCOL,
        "members": [
            {
                "trial": member.trial,
                "name": member.name,
                "weight": member.weight,
                "last_epoch": results.trial(member.trial).best_epoch,
                "trainings": [
                    t.folder.path.relative_to(folder).as_posix() for t in by_trial[member.trial]
                ],
            }
            for member in members
        ],
        "test": None,
    }
    if results.ensemble is not None:
        record["imported"], record["rule"] = others_of(results.ensemble)
    if "test" in results.partitions:
        record["test"] = _predict(results, record["members"], folder)
    write_json(folder / "refit.json", record)
    return record


def _predict(results: StudyResults, members: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    clips, classes = results.partitions["test"].clips, results.classes
    sizes = {"clips": len(clips), "classes": len(classes)}
    before: dict[int, NDArray[np.float32]] = {}
    after: dict[int, NDArray[np.float64]] = {}
    for member in members:
        number = member["trial"]
        before[number] = load_test(results.trial(number).file("test.npy"), **sizes)
        paths = [training_file(folder / name, number, "test.npy") for name in member["trainings"]]
        seeds = [load_test(path, **sizes) for path in paths]
        after[number] = np.mean(seeds, axis=0, dtype=np.float64)
        member["agreement"] = _plain(agreement(before[number], after[number], classes))
    total = {
        "train": fuse_on_test(results, lambda member: before[member.trial]),
        PROTOCOL: fuse_on_test(results, lambda member: after[member.trial]),
    }
    text = predictions_csv(
        [clip.file_name for clip in clips], [""] * len(clips), classes, total[PROTOCOL]
    )
    replace_text(folder / "predictions_test.csv", text)
    np.save(folder / "test.npy", total[PROTOCOL].astype(np.float32), allow_pickle=False)
    both = agreement(total["train"], total[PROTOCOL], classes)
    return {
        "digest": results.partitions["test"].digest,
        "n": len(clips),
        "agreement": _plain(both),
        "warning": both.strong_disagreement,
    }


def training_file(path: Path, number: int, name: str) -> Path:
    """Return a file that a training left.

    Raises:
        InputError: If it has not ended well.
    """
    folder = TrainingFolder(path, number)
    result = folder.result()
    if result is None or result["state"] != "complete":
        raise InputError(f"{path}: is no finished training; `spectune refit` does it again")
    return folder.attempt(result["attempt"]) / name


def _plain(both: Agreement) -> dict[str, Any]:
    predicted = {
        protocol: dict(zip(both.classes, map(float, row), strict=True))
        for protocol, row in zip(PROTOCOLS, both.shares, strict=True)
    }
    return {"share": both.share, "kappa": both.kappa, "predicted": predicted}


def default_protocol(results: StudyResults) -> str:
    """Return train+devel where there is a refit, else train.

    Raises:
        InputError: If the refit is of an earlier fusion or damaged: train would be a silent loss.
    """
    if not (results.folder / "refit" / "refit.json").exists():
        return "train"
    read_refit(results)
    return PROTOCOL


def read_refit(results: StudyResults) -> dict[str, Any]:
    """Return `refit.json` of the current fusion.

    Raises:
        NoRefitError: If there is none, or it is one of another fusion.
        InputError: If it is damaged.
    """
    path = results.folder / "refit" / "refit.json"
    try:
        plain = read_json(path)
        weights = {(int(m["trial"]), float(m["weight"])) for m in plain["members"]}
        if not all(TRAINING.fullmatch(name) for m in plain["members"] for name in m["trainings"]):
            raise ValueError("a training is no folder of the refit")
        others = plain.get("imported", []), plain.get("rule")
        if plain["format"] != 1:
            raise ValueError("another format")
    except FileNotFoundError as error:
        raise NoRefitError(f"{results.folder}: has no refit yet; run `spectune refit`") from error
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    now = {(member.trial, member.weight) for member in fusion_members(results)}
    if weights != now or others != (results.ensemble and others_of(results.ensemble)):
        raise NoRefitError(
            f"{path}: is of an earlier fusion; run `spectune refit` again (trainings that are done"
            f" are kept), or say --protocol train"
        )
    return dict(plain)


def refit_text(record: dict[str, Any], folder: Path) -> str:
    """Return what a person should know of a refit."""
    test = record["test"]
    if test is None:
        return f"refit: {folder}; the corpus has no test partition to predict"
    both = test["agreement"]
    lines = [
        f"test predictions: {folder / 'predictions_test.csv'}",
        f"train and train+devel agree on {100 * both['share']:.1f} % of {test['n']} test clips"
        f" (kappa {both['kappa']:.2f})",
    ]
    if test["warning"]:
        lines.append(
            f"WARNING: the two protocols disagree strongly: {test['warning']}; look at the members"
            f" in refit.json before trusting either"
        )
    return "\n".join(lines)
