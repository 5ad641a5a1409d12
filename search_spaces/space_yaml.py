"""Reading a search space: presets, YAML files and plain values; see `docs/search-space.md`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

from search_spaces.augment import AUGMENTATIONS
from search_spaces.backbones.backbones import check_backbone
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import nearest
from search_spaces.grammar.values import Fixed, Values, choices_of, is_number, parse_values
from search_spaces.grammar.yaml_file import load_yaml
from search_spaces.space import Parameters, Space
from search_spaces.spec import DIMENSIONS, SECTIONS, TrialSpec, check_augment_names
from search_spaces.suggesters import Refuse

PRESETS = Path(__file__).parent / "presets"
KEYS = (*DIMENSIONS, *SECTIONS, "augment", "baselines", "description")


def preset_names() -> list[str]:
    """Return the names of the spaces that come with spectune."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_space(given: str | Mapping[str, Any], *, folder: Path, where: str = "space") -> Space:
    """Return a space by a preset's name, a YAML file (relative to `folder`), or its values.

    Raises:
        InputError: With every mistake in it, a sentence each.
    """
    if isinstance(given, Mapping):
        return parse_space(given, where=where)
    if given in preset_names():
        return parse_space(load_yaml(PRESETS / f"{given}.yaml"), where=f"preset {given}")
    path = folder / given
    if not path.suffix and not path.exists():
        raise InputError(
            f"{where}: no preset {given!r}{nearest(given, preset_names())}; there are"
            f" {', '.join(preset_names())}, or give a YAML file"
        )
    return parse_space(load_yaml(path), where=str(path))


def parse_space(plain: Mapping[str, Any], *, where: str = "space") -> Space:
    """Read a space from plain values; `docs/search-space.md` has the grammar.

    Raises:
        InputError: With every mistake in it, a sentence each.
    """
    problems: list[str] = []

    def collect(make: Any, *args: Any) -> Any:
        try:
            return make(*args)
        except InputError as error:
            problems.extend(f"{where}: {problem}" for problem in error.problems)
            return {}

    for key in plain:
        if key not in KEYS:
            problems.append(f"{where}: unknown key {key!r}{nearest(key, KEYS)}")
    dimensions = {n: collect(_kinds, n, plain[n]) for n in DIMENSIONS if n in plain}
    sections = {n: collect(_parameters, SECTIONS[n], plain[n], n) for n in SECTIONS if n in plain}
    augment = collect(_augment, plain.get("augment", {}))
    space = Space(dimensions, sections, augment, plain=plain)
    if problems:
        raise InputError(problems)
    baselines = plain.get("baselines", {"band_svm": {"scale": "mel", "backbone": "band_svm"}})
    if not isinstance(baselines, Mapping):
        raise InputError(f"{where}: baselines must be a mapping of names to specs")
    made = {name: collect(_baseline, space, name, given) for name, given in baselines.items()}
    if problems:
        raise InputError(problems)
    return dataclasses.replace(space, baselines=made)


def _kinds(name: str, given: Any) -> dict[str, Parameters]:
    """Read a dimension: a kind, a list of kinds, or a mapping of kinds to their parameters."""
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list):
        if not all(isinstance(kind, str) for kind in given):
            raise InputError(f"{name} must be a name, a list of names or a mapping, got {given!r}")
        _each_once(name, given)
        given = {kind: {} for kind in given}
    if not isinstance(given, Mapping) or not given:
        raise InputError(f"{name} must name at least one kind, got {given!r}")
    kinds = {}
    for kind, parameters in given.items():
        if name == "backbone":
            check_backbone(kind)
        where, dimension = f"{name}.{kind}", DIMENSIONS[name]
        fixed = {} if kind in dimension.kinds else {"name": kind}
        if fixed and isinstance(parameters, Mapping) and "name" in parameters:
            raise InputError(f"{where}: unknown parameter 'name'; its key is its name")
        kinds[kind] = _parameters(dimension.kind(kind), parameters, where, fixed)
    return kinds


def _each_once(name: str, given: list[str]) -> None:
    twice = next((kind for kind in given if given.count(kind) > 1), None)
    if twice is not None:
        raise InputError(f"{name} must have each name once, got {twice!r} twice")


def _augment(given: Any) -> dict[str, Parameters]:
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        _each_once("augment", given)
        given = {name: {} for name in given}
    if not isinstance(given, Mapping):
        raise InputError(f"augment must be a list or a mapping of augmentations, got {given!r}")
    check_augment_names(given)
    return {
        name: _parameters(kind, given[name], f"augment.{name}")
        for name, kind in AUGMENTATIONS.items()
        if name in given
    }


def _parameters(
    kind: type, given: Any, where: str, fixed: Mapping[str, Any] | None = None
) -> Parameters:
    """Read what may be chosen of a kind's parameters; `fixed` are those that are not searched."""
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise InputError(f"{where} must be a mapping of parameters, got {given!r}")
    parameters = {
        name: parse_values(kind, name, value, where=where) for name, value in given.items()
    }
    _check_ends(kind, parameters, fixed or {}, where)
    return parameters


def _check_ends(kind: type, parameters: Parameters, fixed: Mapping[str, Any], where: str) -> None:
    """Check every choice and both ends of every range against the kind's own rules.

    And what any two numbers may be together, since a sampler chooses each by itself.
    """
    ends = {name: choices_of(values) for name, values in parameters.items()}
    longest = max((len(values) for values in ends.values()), default=1)
    tried = [
        {name: all_[min(i, len(all_) - 1)] for name, all_ in ends.items()} for i in range(longest)
    ]
    numbers = [name for name, all_ in ends.items() if all(map(is_number, all_))]
    for one, other in permutations(numbers, 2):
        tried.append(tried[0] | {one: min(ends[one]), other: max(ends[other])})
    for values in tried:
        try:
            kind(**fixed, **values)
        except ValueError as error:
            raise InputError(f"{where}: {error}") from error


def _baseline(space: Space, name: str, given: Any) -> TrialSpec:
    """Read a baseline: as a space, but with nothing left to choose.

    What it does not say is the space's where the space has one value, else the default.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"baselines.{name} must be a mapping, got {given!r}")
    own = parse_space({**given, "baselines": {}}, where=f"baselines.{name}")
    dimensions = {
        key: _only(own.dimensions.get(key), space.dimensions.get(key), f"baselines.{name}.{key}")
        for key in DIMENSIONS
        if key in own.dimensions or len(space.dimensions.get(key, {})) == 1
    }
    sections = {
        key: _fixed(space.sections.get(key, {})) | dict(own.sections.get(key, {}))
        for key in SECTIONS
    }
    merged = Space(dimensions, sections, own.augment)
    try:
        return merged.suggest(Refuse())
    except LookupError as error:
        raise InputError(f"baselines.{name}: {error.args[0]} must have one value") from error


def _only(
    own: Mapping[str, Parameters] | None, space: Mapping[str, Parameters] | None, where: str
) -> Mapping[str, Parameters]:
    """Return one kind with its fixed parameters, the baseline's own before the space's."""
    kinds = own or space or {}
    if len(kinds) != 1:
        raise InputError(f"{where} must be one kind, got {', '.join(kinds)}")
    kind, parameters = next(iter(kinds.items()))
    inherited = _fixed((space or {}).get(kind, {}))
    return {kind: inherited | (dict(parameters) if own else {})}


def _fixed(parameters: Parameters) -> dict[str, Values]:
    return {name: v for name, v in parameters.items() if isinstance(v, Fixed)}
