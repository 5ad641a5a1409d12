"""What must not change once a study has begun: its space, its material, its pretrained weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.corpus.audio.waveform_cache import CachedCorpus
from study.files import digest_lines, mapping, read_json
from study.planning.pretrained import Weights
from study.results.clips_json import read_clips

HEARD = ("clip_seconds", "pad", "protocol")  # with the sampling rate: what a network hears
KINDS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "created": (int, float),
    "elapsed_s": (int, float),
    "fixed": dict,
    "mlflow": (dict, type(None)),
    "taken": (dict, type(None)),
    "copy_of": (dict, type(None)),
}


def read_state(folder: Path) -> dict[str, Any] | None:
    """Return `state.json`, or None where the study has not begun.

    Raises:
        InputError: If it is damaged, or the folder is not empty and no study.
    """
    path = folder / "state.json"
    try:
        state = read_json(path)
    except FileNotFoundError:
        ours = {".lock", ".state.json.part"}
        left = [p.name for p in folder.iterdir() if p.name not in ours] if folder.is_dir() else []
        if left:
            raise InputError(
                f"{folder}: is not empty and is no study (no state.json, but {left[0]});"
                f" choose another `name`"
            ) from None
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not isinstance(state, dict) or state.get("format") != 1:
        raise InputError(f"{path}: is not a state of this version")
    for key, kind in KINDS.items():
        if not isinstance(state.get(key), kind):
            raise InputError(f"{path}: {key} has another type than it was written with")
    return state


def check_same(
    folder: Path,
    before: Mapping[str, Any] | None,
    *,
    name: str,
    space: str,
    fixed: Mapping[str, Any],
) -> None:
    """Check that a study that has begun has its name, space and what `study.yaml` may not change.

    Args:
        folder: Of the study.
        before: Its `state.json`; None: it has not begun.
        name: As now.
        space: Digest as now.
        fixed: As now, of :meth:`study.config.StudyConfig.fixed`.

    Raises:
        InputError: With all that is different.
    """
    if before is None:
        return
    problems = [
        f"its {what} was another one"
        for key, what, now in (("name", "name", name), ("space_digest", "search space", space))
        if before.get(key) != now
    ]
    was = before["fixed"]
    problems += [
        f"`{key}` was {was.get(key)!r} and is now {now!r}"
        for key, now in fixed.items()
        if was.get(key) != now
    ]
    valid = all(was.get(key) == fixed[key] for key in (*HEARD, "sampling_rate"))
    _refuse(folder, problems, also=f" and `from: {folder}`, to begin with its trials" * valid)


def material_digest(cached: CachedCorpus, protocol: str) -> str:
    """Return the digest of what trials are made of: names, audio, labels, partitions.

    And speakers where the protocol deals them into folds; else they may arrive later, like every
    other column.
    """
    rows = zip(cached.corpus.clips, cached.digests, strict=True)
    return digest_lines(
        [
            json.dumps([c.file_name, digest, c.label, c.partition, _speaker(c.speaker, protocol)])
            for c, digest in rows
        ]
    )


def check_material(
    folder: Path,
    before: Mapping[str, Any] | None,
    material: str,
    cached: CachedCorpus,
    protocol: str,
) -> None:
    """Check that a study that has begun has the clips that its trials were made of.

    Args:
        folder: Of the study.
        before: Its `state.json`; None: it has not begun.
        material: What `material_digest` gives of the corpus now.
        cached: The corpus, for what is different.
        protocol: Of the study.

    Raises:
        InputError: With what is different.
    """
    if before is not None and not same_material(before, material, cached.digest):
        _refuse(folder, [f"its corpus was another one{_changes(folder, cached, protocol)}"])


def same_material(state: Mapping[str, Any], material: str, corpus: str) -> bool:
    """Whether a study's `state.json` has this material, or, from before that, this corpus."""
    if "material_digest" in state:
        return bool(state["material_digest"] == material)
    return bool(state.get("corpus_digest") == corpus)


def other_weights(state: Mapping[str, Any], now: Mapping[str, Weights]) -> dict[str, str]:
    """Return which pretrained weights a study's `state.json` has otherwise: their SHA-256 there."""
    known = mapping(state.get("weights"))
    was = {key: mapping(known.get(key)).get("sha256", one.sha256) for key, one in now.items()}
    return {key: str(sha256) for key, sha256 in was.items() if sha256 != now[key].sha256}


def check_weights(
    folder: Path, before: Mapping[str, Any] | None, weights: Mapping[str, Weights]
) -> None:
    """Check that a study that has begun starts its networks from the same pretrained weights.

    Raises:
        InputError: With each file that is another one.
    """
    problems = [
        f"the pretrained weights of {key.partition(':')[0]} had the SHA-256 {was:.12} and have"
        f" {weights[key].sha256:.12} now ({weights[key].path})"
        for key, was in other_weights(before or {}, weights).items()
    ]
    _refuse(folder, problems)


def _refuse(folder: Path, problems: list[str], *, also: str = "") -> None:
    if problems:
        raise InputError(
            f"{folder}: this study has begun and {'; '.join(problems)}; change it back, or give"
            f" the new study another `name`{also}"
        )


def _speaker(speaker: str | None, protocol: str) -> str | None:
    return None if protocol == "holdout" else speaker


def _changes(folder: Path, cached: CachedCorpus, protocol: str) -> str:
    """Return in brackets how the labelled and blind clips differ from `clips.json`."""
    parts = read_clips(folder / "clips.json").partitions.values()
    was = {
        clip.file_name: (clip.audio_sha256, clip.label, _speaker(clip.speaker, protocol))
        for part in parts
        for clip in part.clips
    }
    now = {
        clip.file_name: (digest, clip.label, _speaker(clip.speaker, protocol))
        for clip, digest in zip(cached.corpus.clips, cached.digests, strict=True)
    }
    changes = {"new": [n for n in now if n not in was], "gone": [n for n in was if n not in now]}
    for i, what in enumerate(("with other audio", "with another label", "of another speaker")):
        changes[what] = [n for n in now if n in was and was[n][i] != now[n][i]]
    sentences = [
        f"{len(names)} {'clip' if len(names) == 1 else 'clips'} {what}, the first {names[0]}"
        for what, names in changes.items()
        if names
    ]
    return f" ({'; '.join(sentences)})" if sentences else ""
