"""`study.yaml`: what a person says about a study."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import nearest
from search_spaces.grammar.yaml_file import load_yaml, parse_yaml
from study.files import dump_yaml

FusionMethod = Literal[
    "chosen",
    "bagged_greedy",
    "greedy",
    "uniform",
    "best_single",
    "cma_es",
    "stacking",
    "majority_vote",
    "tempered",
]
MOST_TOLD = 20  # mistakes
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Budget(_Strict):
    """When a study has had enough; at least one bound, but for a grid, which has an end."""

    trials: int | None = Field(default=None, ge=1, le=1_000_000)
    hours: float | None = Field(default=None, gt=0, le=10_000)  # of wall time, resumes added up


class SeedsConfig(_Strict):
    """Repetitions with other seeds: of the best specs after the search, or of a whole grid."""

    top: int = Field(default=0, ge=0, le=1000)  # specs of the search that are repeated
    n: int = Field(default=1, ge=1, le=100)  # trainings of each, the first one counted
    rank: Literal["mean", "lower"] = "mean"  # lower: of a one-sided 95 % interval of the mean


class Pruning(_Strict):
    """Median pruning with patience, at eighths of each trial's own schedule."""

    enabled: bool = True
    startup_trials: int = Field(default=8, ge=1)  # finished trials before any is pruned
    warmup: float = Field(default=0.25, ge=0, le=1)  # share of the schedule before any is pruned
    patience: int = Field(default=1, ge=0)  # eighths without a gain before a trial is pruned


class EnsembleConfig(_Strict):
    """Selection of the fusion; see docs/honest-estimates.md."""

    method: FusionMethod = "chosen"  # of fusion, average and best single, by their honest values
    max_members: int | None = Field(default=None, ge=1, le=100)  # null: 8 selected, any averaged
    max_mb: float | None = Field(default=None, gt=0)  # of all members' weights, 1e6 bytes
    max_ms: float | None = Field(default=None, gt=0)  # of all members for a clip, one CPU thread
    decision: bool = True  # temperature and bias per class, where they gain on other speakers
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class RefitConfig(_Strict):
    """Training of the fusion's members on train and devel."""

    seeds: int = Field(default=3, ge=1, le=20)  # networks per member, their probabilities averaged


class SubmissionConfig(_Strict):
    """Files with blind test predictions for the organisers of a challenge."""

    team: str = Field(default="team", pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,39}$")
    tries: int = Field(default=5, ge=1, le=1000)  # files that a team may hand in


class StudyConfig(_Strict):
    """A study; see the commented file that `spectune init` writes."""

    name: str
    corpus: str  # folder or manifest CSV, relative to study.yaml
    layout: str | None = None  # a name of LAYOUTS, or FILE.py:FUNCTION; null: what it looks like
    label_column: str | None = None  # of a manifest or database; null: `label`
    audio: str | None = None  # folder of the files; null: of the corpus
    partitions: str | None = None  # CSV file_name,partition; null: the corpus's own
    space: str | dict[str, Any] = "small"  # preset, file or values
    # results folder of an earlier study, whose finished trials are the first of this one
    taken_from: str | None = Field(default=None, alias="from")
    budget: Budget = Budget()
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    seeds: SeedsConfig = SeedsConfig()
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    sampling_rate: int | None = Field(default=None, ge=1000, le=192_000)  # Hz; null: the corpus's
    clip_seconds: float = Field(default=1.0, ge=0.01, le=60)
    pad: Literal["repeat", "reflect", "zero"] = "repeat"
    protocol: Literal["holdout", "kfold", "loso"] = "holdout"  # study/planning/cross_validation.py
    folds: int = Field(default=5, ge=2, le=1000)  # of `kfold`
    baselines: list[str] | None = None  # names of the space's baselines; null: all of them
    pruning: Pruning = Pruning()
    ensemble: EnsembleConfig = EnsembleConfig()
    refit: RefitConfig = RefitConfig()
    submission: SubmissionConfig = SubmissionConfig()
    slots: int | None = Field(default=None, ge=1, le=256)  # trials at once; null: one per GPU, or 1
    threads: int | None = Field(default=None, ge=1, le=1024)  # of a slot; null: its share of cores
    keep_weights: int = Field(default=30, ge=0)  # the best trials'; the last fusion's stay
    hang_minutes: float = Field(default=10.0, gt=0)  # a silent worker is replaced after that long
    checkpoint_seconds: float = Field(default=30.0, ge=0)
    results: str = "results"  # folder, relative to study.yaml
    storage: str | None = None  # an Optuna storage URL; null: SQLite in the results folder
    experiment: str | None = None  # of MLflow; null: the study's name
    tracking: bool = True

    @field_validator("name")
    @classmethod
    def _safe_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("must be letters, digits, '.', '_' and '-', at most 80")
        return name

    @model_validator(mode="after")
    def _bounded(self) -> StudyConfig:
        if self.sampler != "grid" and self.budget.trials is None and self.budget.hours is None:
            raise ValueError("budget needs `trials` or `hours`")
        return self

    @model_validator(mode="after")
    def _repeating(self) -> StudyConfig:
        top, n = self.seeds.top, self.seeds.n
        if self.sampler == "grid":
            if top:
                raise ValueError(
                    "seeds.top must be 0 with `sampler: grid`, which repeats every point, "
                    f"got seeds.top={top}"
                )
        elif top and n < 2:
            raise ValueError(
                "seeds.n counts the first training and must be at least 2 with seeds.top, "
                f"got seeds.n={n}"
            )
        elif n > 1 and not top:
            raise ValueError(
                "seeds.top must be at least 1 with seeds.n above 1, unless `sampler: grid`, "
                f"got seeds.top={top}"
            )
        return self

    def fixed(self) -> dict[str, Any]:
        """Return what may not change once a study has begun, apart from space and corpus digest."""
        keys = ["sampling_rate", "clip_seconds", "pad", "protocol", "seed", "baselines", "pruning"]
        plain = self.model_dump(mode="json", by_alias=True)
        keys += ["from"] if self.taken_from is not None else []
        keys += ["folds"] if self.protocol == "kfold" else []
        keys += ["sampler"] if self.sampler != "tpe" else []
        return {key: plain[key] for key in keys}

    def to_yaml(self) -> str:
        """Return the configuration with every default spelled out."""
        return dump_yaml(self.model_dump(mode="json", by_alias=True))


def load_config(
    path: Path, overrides: Sequence[str] = (), changes: Mapping[str, Any] | None = None
) -> StudyConfig:
    """Read `study.yaml` with overrides.

    Args:
        path: The file.
        overrides: As in a command, `budget.trials=40`.
        changes: As in a call; see `changed`.

    Raises:
        InputError: With every mistake in it, a sentence each.
    """
    plain = load_yaml(path)
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"{text!r}: an override must be key=value, like budget.trials=40")
        if len(text.splitlines()) > 1:
            raise InputError(f"{text!r}: an override must be one line")
        _put(plain, key.split("."), parse_yaml(f"value: {value}", where=text)["value"], text)
    return parse_config(changed(plain, changes or {}), where=str(path))


def parse_config(plain: Mapping[str, Any], *, where: str) -> StudyConfig:
    """Make a configuration from plain values.

    Raises:
        InputError: With every mistake in it, a sentence each.
    """
    try:
        return StudyConfig(**plain)
    except ValidationError as error:
        problems = error.errors()
        told = [_sentence(where, problem) for problem in problems[:MOST_TOLD]]
        if len(problems) > MOST_TOLD:
            told.append(f"{where}: and {len(problems) - MOST_TOLD:,} mistakes more")
        raise InputError(told) from error


def changed(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with other values in it, as Python has them.

    A mapping changes the settings that it names and leaves the others; a space is one value. Paths
    become text and tuples lists.

    >>> changed({"budget": {"hours": 8}}, {"budget": {"trials": 20}, "seeds.top": 2})
    {'budget': {'hours': 8, 'trials': 20}, 'seeds': {'top': 2}}

    Raises:
        InputError: A key is no text, or a dotted one leads through something else than a mapping.
    """
    result = dict(plain)
    for key, value in changes.items():
        if not isinstance(key, str):
            raise InputError(f"a key must be text, got {key!r}")
        if isinstance(value, Mapping) and key in SETTINGS:
            before = result.get(key)
            result[key] = changed(before if isinstance(before, Mapping) else {}, value)
        else:
            first, *rest = key.split(".")
            if rest and isinstance(result.get(first), Mapping):
                result[first] = dict(result[first])  # what was given stays as it is
            _put(result, [first, *rest], _plain(value), key)
    return result


def _plain(value: Any) -> Any:
    """Return a Python value as YAML would have it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return _plain(value.tolist())
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _put(plain: dict[str, Any], keys: list[str], value: Any, text: str) -> None:
    for key in keys[:-1]:
        plain = plain.setdefault(key, {})
        if not isinstance(plain, dict):
            raise InputError(f"{text!r}: {key} is not a mapping")
    plain[keys[-1]] = value


SETTINGS = {  # keys whose value is a mapping of settings
    name for name, field in StudyConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}  # fmt: skip


def _fields(loc: Sequence[Any]) -> list[str]:
    """Return the keys known beside the one at `loc`."""
    model: Any = StudyConfig
    for key in loc[:-1]:
        field = model.model_fields.get(key)
        model = field.annotation if field is not None else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _sentence(where: str, problem: Any) -> str:
    """Return a validation error as one sentence."""
    loc = [part for part in problem["loc"] if not str(part).startswith(("dict[", "str", "list["))]
    key = ".".join(map(str, loc))
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key {key!r}{nearest(str(loc[-1]), _fields(loc))}"
    if problem["type"] == "missing":
        return f"{where}: {key} is missing"
    rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = rule.replace("should be", "must be")
    if not loc:
        return f"{where}: {rule}"
    return f"{where}: {key} {rule}, got {problem['input']!r:.80}"
