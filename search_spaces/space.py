"""A search space: YAML -> what may be chosen -> one TrialSpec for a sampler's suggestions."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from search_spaces.augment import AUGMENTATIONS
from search_spaces.backbones.backbones import Backbone, Timm
from search_spaces.front_end.front_end import FrontEnd
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import applying, build
from search_spaces.grammar.values import Fixed, Suggester, Values, choices_of, is_number
from search_spaces.spec import DIMENSIONS, SECTIONS, TrialSpec, canonical_digest, unused
from search_spaces.suggesters import Draw, First, Recall

__all__ = ["Parameters", "Space"]

Parameters = Mapping[str, Values]


@dataclass(frozen=True)
class Space:
    """What a study may choose from.

    Args:
        dimensions: Per dimension, its kinds and what may be chosen of each kind's parameters.
        sections: Per section, what may be chosen of its parameters.
        augment: Per augmentation that may be used, the same.
        baselines: Named specs that a study tries before it searches.
        plain: The YAML it was read from, as values: what is stored and compared.
    """

    dimensions: Mapping[str, Mapping[str, Parameters]]
    sections: Mapping[str, Parameters]
    augment: Mapping[str, Parameters]
    baselines: Mapping[str, TrialSpec] = field(default_factory=dict)
    plain: Mapping[str, Any] = field(default_factory=dict)

    def suggest(self, suggester: Suggester, *, seed: int = 0) -> TrialSpec:
        """Return the spec for a suggester's choices; only the kinds taken are asked for more."""
        values: dict[str, Any] = {"seed": seed}
        for name, kinds in self.dimensions.items():
            asked = _asked(name, values, suggester)
            names = list(kinds)
            kind = names[0] if len(names) == 1 else asked.suggest_categorical(name, names)
            dataclass_ = DIMENSIONS[name].kind(kind)
            own = _ask(kind, dataclass_, kinds[kind], asked, values)
            values[name] = DIMENSIONS[name].build(kind, own)
        for name, parameters in self.sections.items():
            asked = _asked(name, values, suggester)
            own = _ask(name, SECTIONS[name], parameters, asked, values)
            values[name] = build(SECTIONS[name], own, where=name)
        values["augment"] = tuple(
            made
            for name, parameters in self.augment.items()
            if (made := _suggest_augmentation(name, parameters, values, suggester)) is not None
        )
        return TrialSpec(**values)

    def parameters(self, spec: TrialSpec) -> dict[str, Any] | None:
        """Return the choices that give `spec`, or None where it lies outside this space."""
        try:
            given = Recall(spec)
            again = self.suggest(given, seed=spec.seed)
        except LookupError:
            return None
        return given.asked if again == spec else None

    @property
    def digest(self) -> str:
        """Identity of what may be chosen; baselines and the description do not change it.

        The order of kinds and choices does: the sampler numbers them by it.
        """
        searched = [(k, v) for k, v in self.plain.items() if k not in ("baselines", "description")]
        return canonical_digest(json.dumps(searched))

    def backbones(self) -> list[Timm]:
        """Return every network that a trial may ask for, with each of its pretrained choices."""
        specs = [b.backbone for b in self.baselines.values()]
        found = [b for b in specs if isinstance(b, Timm)]
        for name, parameters in self.dimensions.get("backbone", {}).items():
            if name in DIMENSIONS["backbone"].kinds:
                continue
            choices = choices_of(parameters.get("pretrained", Fixed(False)))
            found += [Timm(name, pretrained=choice) for choice in choices]
        unique = {(b.name, b.pretrained): Timm(b.name, b.pretrained) for b in found}
        return list(unique.values())

    def check(self, *, sampling_rate: int, clip_seconds: float = 1.0) -> None:
        """Check that what may be chosen can be built.

        Every baseline and 64 points of the space, its corners among them, get their front end;
        every network is tried on the smallest and the largest of the images.

        Args:
            sampling_rate: Of the corpus, Hz.
            clip_seconds: What a network hears at once.

        Raises:
            InputError: With the first combination that cannot be built.
        """
        n_samples = round(clip_seconds * sampling_rate)
        shapes = []
        for i in range(64):
            draw = Draw(random.Random(i), corner=i % 3)
            spec = self.suggest(draw)
            shapes.append(_image_shape(spec, f"space ({draw.said})", sampling_rate, n_samples))
        ends = {min(shapes, key=math.prod), max(shapes, key=math.prod)}
        for name, baseline in self.baselines.items():
            where = f"baselines.{name}"
            shape = _image_shape(baseline, where, sampling_rate, n_samples)
            _try_network(baseline.backbone, where, shape)
        for name, parameters in self.dimensions.get("backbone", {"resnet18": {}}).items():
            most = {key: _most(choices_of(values)) for key, values in parameters.items()}
            for shape in sorted(ends):
                _try_network(DIMENSIONS["backbone"].build(name, most), f"backbone.{name}", shape)


def _image_shape(
    spec: TrialSpec, where: str, sampling_rate: int, n_samples: int
) -> tuple[int, int, int]:
    """Return channels, height and width of the images that a spec's network sees.

    Raises:
        InputError: If its front end cannot be built.
    """
    try:
        front_end = FrontEnd(
            spec.spectrogram, spec.channels, spec.scale, spec.amplitude, spec.image,
            sampling_rate=sampling_rate,
        )  # fmt: skip
        with torch.no_grad():
            _, channels, *size = front_end(torch.zeros(1, n_samples)).shape
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    return channels, *spec.image.seen_size((size[0], size[1]))


def _most(choices: tuple[Any, ...]) -> Any:
    """Return the largest of several numbers, the last of other choices."""
    return max(choices) if all(map(is_number, choices)) else choices[-1]


def _try_network(backbone: Backbone, where: str, shape: tuple[int, int, int]) -> None:
    if not isinstance(backbone, Timm):
        return
    try:
        backbone.fit(in_chans=shape[0], size=shape[1:])
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _ask(
    prefix: str,
    kind: type,
    parameters: Parameters,
    suggester: Suggester,
    parts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return values for those parameters that mean something; conditional ones are asked last."""
    values: dict[str, Any] = {}
    conditions = {f.name for f in dataclasses.fields(kind) if f.metadata.get("when")}
    for name in sorted(parameters, key=lambda name: name in conditions):
        if name in applying(kind, values, parts):
            values[name] = parameters[name].suggest(f"{prefix}.{name}", suggester)
    return values


def _asked(name: str, parts: Mapping[str, Any], suggester: Suggester) -> Suggester:
    """Return who chooses a part: nobody where the backbone chosen before makes no use of it."""
    return First() if name in unused(parts.get("backbone")) else suggester


def _suggest_augmentation(
    name: str, parameters: Parameters, parts: Mapping[str, Any], suggester: Suggester
) -> Any:
    """Return the augmentation, or None where its probability is 0: then nothing else is asked."""
    suggester = _asked("augment", parts, suggester)
    kind, values = AUGMENTATIONS[name], {}
    if "p" in parameters:
        values["p"] = parameters["p"].suggest(f"augment.{name}.p", suggester)
        if values["p"] == 0:
            return None
    rest = {key: v for key, v in parameters.items() if key != "p"}
    values |= _ask(f"augment.{name}", kind, rest, suggester, parts)
    return build(kind, values, where=f"augment.{name}")
