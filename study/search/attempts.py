"""The files of a trial's attempts: which is gone on from, which come here, which are deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from runners.engines.engine import Engine
from runners.trial import CHECKPOINT, FILES, WEIGHTS
from study.results.trial_folder import TrialFolder

__all__ = ["bring_files", "delete_weights", "newest_checkpoint", "settle", "was_split"]


def newest_checkpoint(folder: TrialFolder, attempts: int) -> str | None:
    """Return the checkpoint of the latest of so many attempts that left one, None without any."""
    paths = (folder.attempt(n) / CHECKPOINT for n in range(attempts, 0, -1))
    return next((str(path) for path in paths if path.exists()), None)


def bring_files(folder: TrialFolder, attempt: int, names: Iterable[str], engine: Engine) -> None:
    """Bring an attempt's files here where the engine ran it elsewhere."""
    home = folder.attempt(attempt)
    for name in names:
        if not (home / name).exists():
            home.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(engine.fetch(folder.number, name))


def settle(folder: TrialFolder, result: Mapping[str, Any]) -> None:
    """Put a trial that has a result in order: once, also where a kill came in between.

    Its end is told in its events, and what nobody needs any more is deleted: checkpoints and the
    files of earlier attempts. Only ever after `result.json` is written: until then the trial goes
    on from its checkpoint.
    """
    attempt = result.get("attempt", 0)
    none: dict[str, Any] = {}
    last = next((e for e in reversed(folder.events()) if e.get("event") in ("start", "end")), none)
    if last.get("event") == "end":
        return
    for n in range(1, attempt + 1):
        (folder.attempt(n) / CHECKPOINT).unlink(missing_ok=True)
        if n < attempt:
            for name in FILES:
                (folder.attempt(n) / name).unlink(missing_ok=True)
    told = {key: result.get(key) for key in ("attempt", "state", "reason")}
    folder.log({"event": "end", **told})


def was_split(folder: TrialFolder) -> int:
    """Return into how many micro-batches a trial's batches are split after what happened to it."""
    retries = (e.get("kind") for e in folder.events() if e.get("event") == "retry")
    return 2 if "memory" in retries else 1


def delete_weights(
    trials: Path, results: Iterable[Mapping[str, Any]], *, keep: int, members: Collection[int]
) -> None:
    """Delete the weights of all but the best trials and the fusion's members.

    Args:
        trials: The study's folder of trials.
        results: Of the trials that have ended.
        keep: How many of the best keep their weights.
        members: Numbers of the fusion's trials.
    """
    ranked = sorted(
        (r for r in results if r["uar"] is not None), key=lambda r: (-r["uar"], r["number"])
    )
    for result in ranked[keep:]:
        if result["number"] not in members:
            folder = TrialFolder(trials, result["number"])
            (folder.attempt(result["attempt"]) / WEIGHTS).unlink(missing_ok=True)
