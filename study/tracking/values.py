"""Values that MLflow takes: parameters, metrics, tags, descriptions and artifacts made to fit.

MLflow cuts long values in silence and refuses a whole batch for one odd name. Here values are
cut visibly and names are cleaned before they are sent.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

Artifact = Path | str | bytes | Mapping[str, Any] | Sequence[Any]
Artifacts = Mapping[str, Artifact]
LazyArtifacts = Artifacts | Callable[[], Artifacts]  # made only where they are uploaded

PARAM_LENGTH = 5_900  # MLflow's limit is 6,000 characters, beyond which it cuts in silence
TAG_LENGTH = 4_900  # 8,000 today, 5,000 on servers of MLflow 2
KEY_LENGTH = 250
_KEY_PARTS = re.compile(r"[^/\w.\- :]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>])")


def cut(text: str, length: int) -> str:
    """At most `length` characters: the text, or its beginning with a note of how long it was.

    >>> cut("a" * 100, 40)
    'aaaaaaaaaaaaaaaaa... [cut, was 100 long]'
    """
    if len(text) <= length:
        return text
    note = f"... [cut, was {len(text)} long]"
    return text[: length - len(note)] + note


def clean_key(key: str) -> str:
    """A name that MLflow takes: letters, digits and `/_.-: `, no empty or climbing path parts.

    >>> clean_key("devel/f1(macro)"), clean_key("../a//b")
    ('devel/f1_macro_', 'a/b')
    """
    parts = (part for part in _KEY_PARTS.sub("_", key).split("/") if part not in ("", ".", ".."))
    return "/".join(parts)[:KEY_LENGTH].rstrip("/") or "_"


def show_value(value: object) -> str:
    """A parameter as short text: six significant digits, JSON for lists, `none` for None.

    >>> show_value(0.1 + 0.2), show_value([25, 50]), show_value(None), show_value(True)
    ('0.3', '[25,50]', 'none', 'true')
    """
    if hasattr(value, "item") and not isinstance(value, str):  # a NumPy scalar
        value = value.item()
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, separators=(",", ":"), default=str, ensure_ascii=False)
    return str(value)


def flatten_params(params: Mapping[str, object]) -> dict[str, str]:
    """Nested parameters as dotted names and short strings, each below MLflow's limit.

    >>> flatten_params({"front_end": {"scale": "mel", "n_bands": 64}, "lr": 1e-3})
    {'front_end.scale': 'mel', 'front_end.n_bands': '64', 'lr': '0.001'}
    """
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            inner = flatten_params({f"{key}.{name}": item for name, item in value.items()})
            flat.update(inner)
        else:
            flat[clean_key(str(key))] = cut(show_value(value), PARAM_LENGTH)
    return flat


def clean_tags(tags: Mapping[str, object]) -> dict[str, str]:
    """Tags with names MLflow takes and values below its limit."""
    return {clean_key(key): cut(show_value(value), TAG_LENGTH) for key, value in tags.items()}


def split_metrics(
    metrics: Mapping[str, float | None], where: str = ""
) -> tuple[dict[str, float], dict[str, str]]:
    """Finite metrics, and a tag for each that is not finite.

    MLflow stores NaN as 0 with a flag and infinity as the largest double, which ruins every
    chart; a tag says the same and can be searched for. None means not measured, and is left out.

    >>> split_metrics({"devel/uar": 0.5, "train/loss": float("nan")}, "epoch 3")
    ({'devel/uar': 0.5}, {'spectune.nonfinite.train/loss': 'nan, epoch 3'})
    """
    finite: dict[str, float] = {}
    notes: dict[str, str] = {}
    for key, value in metrics.items():
        if value is None:
            continue
        if math.isfinite(value):
            finite[clean_key(key)] = float(value)
        else:
            text = f"{float(value)}, {where}" if where else str(float(value))
            notes[clean_key(f"spectune.nonfinite.{key}")] = text
    return finite, notes


def escape_markdown(name: str) -> str:
    r"""A name that shows as itself inside a run's description, whatever characters it has.

    >>> print(escape_markdown("[a] <script>"))
    \[a\] &lt;script&gt;
    """
    text = " ".join(name.split()).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\1", text).replace("\\>", "&gt;")


def stage_artifacts(artifacts: Artifacts, folder: Path) -> list[str]:
    """Lay artifacts out in an empty folder, so that one call uploads them all.

    Args:
        artifacts: Name (a relative path) -> a file to copy, text, bytes, or data written as JSON.
        folder: An empty folder.

    Returns:
        The names that could not be laid out: files that are not there, names that leave the folder.
    """
    missing = []
    for name, value in artifacts.items():
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or not inside.parts:
            missing.append(name)
            continue
        target = folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(value, Path):
            target.write_bytes(_as_bytes(value))
        elif value.is_file():
            try:
                target.symlink_to(value.absolute())
            except OSError:
                shutil.copyfile(value, target)
        else:
            missing.append(name)
    return missing


def size_of(values: Mapping[str, Any] | Callable[[], Artifacts]) -> int:
    """About how many bytes of text and data the values hold; files and functions do not count."""
    if callable(values):
        return 0
    return sum(
        len(key) + (len(value) if isinstance(value, str | bytes) else 200)
        for key, value in values.items()
    )


def _as_bytes(value: str | bytes | Mapping[str, Any] | Sequence[Any]) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return (json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric; `time_ms` in Unix milliseconds."""

    key: str
    value: float
    step: int
    time_ms: int


@dataclass
class _Trial:
    values: dict[tuple[str, int], float] = field(default_factory=dict)  # (metric, step) -> value
    last_epoch: int = 0


class Logged:
    """What the running trials have logged: an epoch repeated after a resume is no second point."""

    def __init__(self) -> None:
        self._trials: dict[int, _Trial] = {}

    def add(
        self, number: int, epoch: int, metrics: Mapping[str, float]
    ) -> tuple[list[Point], dict[str, str]]:
        """The points of an epoch that are new, and tags for values that are not finite."""
        finite, notes = split_metrics(metrics, f"epoch {epoch}")
        trial = self._trials.setdefault(number, _Trial())
        trial.last_epoch = max(epoch, trial.last_epoch)
        new = {k: v for k, v in finite.items() if trial.values.get((k, epoch)) != v}
        trial.values.update({(key, epoch): value for key, value in new.items()})
        return points_at(epoch, new), notes

    def forget(self, number: int) -> int:
        """Let go of a trial that has ended; returns its last epoch, 0 when there was none."""
        return self._trials.pop(number, _Trial()).last_epoch


def points_at(step: int, metrics: Mapping[str, float], time_ms: int | None = None) -> list[Point]:
    """Finite metrics as points of one step, by default of now."""
    when = now_ms() if time_ms is None else time_ms
    return [Point(key, value, step, when) for key, value in metrics.items()]


def now_ms() -> int:
    """The time in Unix milliseconds, as MLflow counts it."""
    return int(time.time() * 1000)
