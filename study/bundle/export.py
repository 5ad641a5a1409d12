"""`spectune export`: the fusion as one folder that predicts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runners.model import copy_fold
from runners.trial import WEIGHTS
from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from study.bundle.bundle import FORMAT
from study.bundle.readme import readme
from study.challenge.refit_record import PROTOCOL, PROTOCOLS, read_refit, training_file
from study.files import check_output_folder, file_sha256, new_folder, read_json, write_json
from study.fusion.stored import fusion_members, networks_alone
from study.planning.plan import Plan
from study.results import StudyResults
from study.search.restore import missing_weights, restore_weights, restored_note
from study.search.retrain import TrainingFolder


@dataclass(frozen=True)
class _Source:
    """A file of weights and what it is to the bundle."""

    path: Path
    file: str
    trial: int
    name: str
    spec: TrialSpec
    weight: float
    last_epoch: int | None
    sha256: str | None
    fold: int | None = None  # of a cross-validated trial, whose file holds a network per fold
    candidate: int | None = None  # its place in the fusion's rule


def export_bundle(
    results: StudyResults,
    target: Path,
    *,
    protocol: str,
    plan: Callable[[], Plan],
    without_imported: bool = False,
    echo: Callable[[str], None] = print,
) -> Path:
    """Write a bundle; the caller holds the study's lock.

    Args:
        results: The study.
        target: The folder; must not exist, or be a bundle of this study, which is replaced.
        protocol: `train`: the networks of the search; `train+devel`: those of the refit.
        plan: Opens the study, only needed where weights must be trained again.
        without_imported: Leave imported systems out and share their weight among the networks.
        echo: Prints a line.

    Raises:
        InputError: If there is nothing to export, or something else in `target`.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    _check_target(target, results)
    refit = read_refit(results) if protocol == PROTOCOL else None
    whole = results.ensemble is None or not results.ensemble.imported
    results = networks_alone(results, without_imported=without_imported, echo=echo)
    if refit is None:
        trials = [member.trial for member in fusion_members(results)]
        if missing_weights(results, trials):
            restore_weights(plan(), results, trials, echo=echo)
        sources = _of_trials(results)
    else:
        sources = _of_refit(results, refit)
    with new_folder(target) as partial:
        members = [_copy(source, partial) for source in sources]
        plain = _describe(results, protocol, members)
        plain["figures"] |= _figures(results, protocol, refit) if whole else {}
        write_json(partial / "bundle.json", plain)
        (partial / "README.md").write_text(readme(plain), "utf-8")
        if target.exists():
            shutil.rmtree(target)
    size = sum(path.stat().st_size for path in target.iterdir()) / 1e6
    echo(f"bundle of {len(sources)} networks, {protocol}, {size:.1f} MB: {target}")
    return target


def _check_target(target: Path, results: StudyResults) -> None:
    check_output_folder(target)
    if target.is_symlink() or not target.name:
        raise InputError(f"{target}: the output must be a folder of its own; nothing was written")
    if not target.exists() or not any(target.iterdir()):
        return
    try:
        plain = read_json(target / "bundle.json")
        ours = plain["study"]["id"] == results.state.get("id")
        names = {"bundle.json", "README.md", *(member["file"] for member in plain["members"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        ours, names = False, set()
    if not ours:
        raise InputError(f"{target}: exists and is no bundle of this study; nothing was written")
    programs = {str(Path(name).with_suffix(".pt2")) for name in names}  # of --torch-export
    if foreign := sorted({path.name for path in target.iterdir()} - names - programs):
        raise InputError(
            f"{target}: must hold nothing but the bundle to be replaced, got {foreign[0]};"
            f" nothing was written"
        )


def _of_trials(results: StudyResults) -> list[_Source]:
    sources = []
    for member in fusion_members(results):
        trial = results.trial(member.trial)
        note = restored_note(trial)
        folds = range(results.n_folds) if results.n_folds else [None]
        for fold in folds:
            suffix = "" if fold is None else f"-fold-{fold}"
            of = "" if fold is None else f", fold {fold + 1} of {results.n_folds}"
            source = _Source(
                trial.file(WEIGHTS),
                f"{trial.number:05d}{suffix}.safetensors",
                trial.number,
                f"{trial.name}{of}",
                TrialSpec.from_dict(trial.spec),
                member.weight / len(folds),
                trial.best_epoch,
                None if note and not note.get("same_bytes") else trial.files.get(WEIGHTS),
                fold,
                member.candidate,
            )
            sources.append(source)
    return sources


def _of_refit(results: StudyResults, refit: dict[str, Any]) -> list[_Source]:
    sources = []
    members = {member.trial: member for member in fusion_members(results)}
    for entry in refit["members"]:
        trial, n_seeds = entry["trial"], len(entry["trainings"])
        for n, name in enumerate(entry["trainings"]):
            path = results.folder / "refit" / name
            folder = TrainingFolder(path, trial)
            source = _Source(
                training_file(path, trial, WEIGHTS),
                f"{trial:05d}-seed-{n}.safetensors",
                trial,
                f"{entry['name']}, seed {n + 1} of {n_seeds}",
                folder.spec(),
                members[trial].weight / n_seeds,
                entry["last_epoch"],
                (folder.result() or {}).get("files", {}).get(WEIGHTS),
                candidate=members[trial].candidate,
            )
            sources.append(source)
    return sources


def _copy(source: _Source, folder: Path) -> dict[str, Any]:
    """Copy a member's weights and return its entry."""
    if not source.path.exists():
        raise InputError(f"{source.path}: is not there; `spectune refit` trains it again")
    if source.sha256 is not None and file_sha256(source.path) != source.sha256:
        raise InputError(f"{source.path}: was changed or damaged (its SHA-256 is another one)")
    target = folder / source.file
    if source.fold is None:
        shutil.copyfile(source.path, target)
    else:
        copy_fold(source.path, target, fold=source.fold)
    return {
        "file": source.file,
        "sha256": file_sha256(target),
        "bytes": target.stat().st_size,
        "weight": source.weight,
        "candidate": source.candidate,
        "trial": source.trial,
        "name": source.name,
        "seed": source.spec.seed,
        "last_epoch": source.last_epoch,
        "spec": source.spec.to_dict(),
    }


def _describe(
    results: StudyResults, protocol: str, members: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the content of `bundle.json`."""
    state, corpus, ensemble = results.state, results.corpus, results.ensemble
    fixed = state.get("fixed", {})
    return {
        "format": FORMAT,
        "kind": "spectune bundle",
        "spectune": version("spectune"),
        "name": results.name,
        "protocol": protocol,
        "created": time.time(),
        "classes": list(results.classes),
        "sampling_rate": corpus["sampling_rate"],
        "clip_seconds": fixed["clip_seconds"],
        "pad": fixed["pad"],
        "members": members,
        "rule": None if ensemble is None else ensemble.rule,
        "figures": {
            **dict.fromkeys(("devel_uar_apparent", "n_candidates", "honest", "refit", "test")),
            "n_trials": len(results.trials),
            "restored": _restored(results, protocol),
        },
        "study": {
            "id": state.get("id"),
            "revision": state.get("revision"),
            "command": state.get("command"),
            "space_digest": state.get("space_digest"),
            "seed": fixed.get("seed"),
            "protocol": results.protocol,
        },
        "corpus": {
            "name": corpus.get("name"),
            "digest": corpus.get("digest"),
            "simulated": bool(corpus.get("simulated")),
            "licence": corpus.get("info", {}).get("licence"),
            "partitions": {
                name: {"n": len(part.clips), "digest": part.digest}
                for name, part in results.partitions.items()
            },
        },
        "pretrained": {
            key: {name: value for name, value in w.items() if name != "path"}
            for key, w in state.get("weights", {}).items()
        },
    }


def _figures(results: StudyResults, protocol: str, refit: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the fusion reached."""
    ensemble = results.ensemble
    figures = {"refit": refit and refit["test"], "test": _test_scores(results, protocol)}
    if ensemble is None:
        return figures
    return figures | {
        "devel_uar_apparent": ensemble.uar,
        "n_candidates": ensemble.n_candidates,
        "honest": dict(ensemble.honest) or None,
    }


def _test_scores(results: StudyResults, protocol: str) -> dict[str, Any] | None:
    """Return what `spectune score` noted of the fusion, if labels have arrived."""
    try:
        systems = read_json(results.folder / "scores.json")["systems"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for system in systems:
        if (system["name"], system["protocol"]) == ("fusion", protocol):
            return {key: system[key] for key in ("uar", "ci_low", "ci_high", "n", "n_speakers")}
    return None


def _restored(results: StudyResults, protocol: str) -> dict[str, Any]:
    """Return by trial what is known of weights that were trained again."""
    if protocol != "train":
        return {}
    notes = {m.trial: restored_note(results.trial(m.trial)) for m in fusion_members(results)}
    return {str(trial): note for trial, note in notes.items() if note is not None}
