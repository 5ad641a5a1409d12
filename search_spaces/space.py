"""A search space: what a study may choose from, and the trial that a set of choices makes.

A space is read from YAML (`search_spaces.space_yaml`). A sampler is anything with Optuna's three
`suggest_` methods; an Optuna trial is one.

>>> from search_spaces import parse_space
>>> space = parse_space({"scale": ["linear", "mel"], "recipe": {"epochs": {"low": 5, "high": 50}}})
>>> spec = space.suggest(First())  # a sampler that takes the first choice and the low end
>>> spec.scale, spec.recipe.epochs
(Linear(n_bands=128, fmin=0.0, fmax=None), 5)
>>> space.parameters(spec)
{'scale': 'linear', 'recipe.epochs': 5}
"""

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
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import applying, build
from search_spaces.grammar.values import Fixed, Suggester, Values, choices_of, is_number
from search_spaces.spec import DIMENSIONS, SECTIONS, TrialSpec, canonical_digest, unused
from search_spaces.suggesters import Draw, First, Recall

Parameters = Mapping[str, Values]  # of a kind: the name of a parameter -> what it may be
N_DRAWS = 64  # points of a space that are built to check it


@dataclass(frozen=True)
class Space:
    """What a study may choose from.

    Args:
        dimensions: Dimension -> its kinds -> their parameters; a trial takes one kind of each.
        sections: Section -> its parameters.
        augment: Augmentation -> its parameters; one that is drawn with `p` 0 is left out.
        baselines: Specs by name that a study tries before it searches.
        plain: The YAML it was read from, as plain values: what is stored and compared.
    """

    dimensions: Mapping[str, Mapping[str, Parameters]]
    sections: Mapping[str, Parameters]
    augment: Mapping[str, Parameters]
    baselines: Mapping[str, TrialSpec] = field(default_factory=dict)
    plain: Mapping[str, Any] = field(default_factory=dict)

    def suggest(self, sampler: Suggester, *, seed: int = 0) -> TrialSpec:
        """Return the trial that a sampler's choices make.

        It is asked for nothing that has one value or makes no difference: parameters of kinds that
        were not taken, the optimiser of a linear machine.

        Args:
            sampler: Chooses, parameter by parameter.
            seed: Of the trial.
        """
        parts: dict[str, Any] = {}
        for name, kinds in self.dimensions.items():
            chooses = _who_chooses(name, parts, sampler)
            names = list(kinds)
            kind = names[0] if len(names) == 1 else chooses.suggest_categorical(name, names)
            dimension = DIMENSIONS[name]
            values = _suggest(kind, dimension.kind(kind), kinds[kind], parts, chooses)
            parts[name] = dimension.build(kind, values)
        for name, parameters in self.sections.items():
            chooses = _who_chooses(name, parts, sampler)
            values = _suggest(name, SECTIONS[name], parameters, parts, chooses)
            parts[name] = build(SECTIONS[name], values, where=name)
        chooses = _who_chooses("augment", parts, sampler)
        augment = [_suggest_augmentation(n, p, parts, chooses) for n, p in self.augment.items()]
        return TrialSpec(**parts, augment=tuple(filter(None, augment)), seed=seed)

    def parameters(self, spec: TrialSpec) -> dict[str, Any] | None:
        """Return the choices that make `spec`, or None where it lies outside this space."""
        recall = Recall(spec)
        try:
            again = self.suggest(recall, seed=spec.seed)
        except LookupError:
            return None
        return recall.parameters if again == spec else None

    @property
    def digest(self) -> str:
        """Identity of what may be chosen; baselines and the description do not change it.

        The order of kinds and choices does, since samplers number them by it.
        """
        searched = [(k, v) for k, v in self.plain.items() if k not in ("baselines", "description")]
        return canonical_digest(json.dumps(searched))

    def backbones(self) -> list[Timm]:
        """Return every network that a trial may ask for, with each of its pretrained choices."""
        networks = [b.backbone for b in self.baselines.values() if isinstance(b.backbone, Timm)]
        for name, parameters in self.dimensions.get("backbone", {}).items():
            if DIMENSIONS["backbone"].kind(name) is Timm:
                choices = choices_of(parameters.get("pretrained", Fixed(False)))
                networks += [Timm(name, pretrained) for pretrained in choices]
        return list(dict.fromkeys(Timm(network.name, network.pretrained) for network in networks))

    def check(self, *, sampling_rate: int, clip_seconds: float = 1.0) -> None:
        """Check that what may be chosen can be built, without training anything.

        Every baseline and 64 points of the space, its corners among them, get their front end;
        every network is tried on the smallest and on the largest of the images.

        Args:
            sampling_rate: Of the corpus, Hz.
            clip_seconds: What a network hears at once.

        Raises:
            InputError: With the first combination that cannot be built.
        """
        waveform = torch.zeros(1, round(clip_seconds * sampling_rate))
        shapes = []
        for i in range(N_DRAWS):
            draw = Draw(random.Random(i), corner=i % 3)
            spec = self.suggest(draw)
            shapes.append(
                _image_shape(spec, waveform, sampling_rate, f"space ({draw.description})")
            )
        for name, baseline in self.baselines.items():
            where = f"baselines.{name}"
            shape = _image_shape(baseline, waveform, sampling_rate, where)
            _try_network(baseline.backbone, shape, where)
        extremes = {min(shapes, key=math.prod), max(shapes, key=math.prod)}
        for name, parameters in self.dimensions.get("backbone", {"resnet18": {}}).items():
            largest = {key: _largest(choices_of(values)) for key, values in parameters.items()}
            for shape in sorted(extremes):
                backbone = DIMENSIONS["backbone"].build(name, largest)
                _try_network(backbone, shape, f"backbone.{name}")


def _who_chooses(part: str, parts: Mapping[str, Any], sampler: Suggester) -> Suggester:
    """Return the sampler, or `First` for a part that the backbone chosen before does not use."""
    return First() if part in unused(parts.get("backbone")) else sampler


def _suggest(
    prefix: str,
    kind: type,
    parameters: Parameters,
    parts: Mapping[str, Any],
    sampler: Suggester,
) -> dict[str, Any]:
    """Return values for the parameters of a kind that apply beside what is chosen already.

    Conditional ones are asked for last, when the values that they depend on are known.
    """
    values: dict[str, Any] = {}
    conditional = {f.name for f in dataclasses.fields(kind) if f.metadata.get("when")}
    for name in sorted(parameters, key=lambda name: name in conditional):
        if name in applying(kind, values, parts):
            values[name] = parameters[name].suggest(f"{prefix}.{name}", sampler)
    return values


def _suggest_augmentation(
    name: str, parameters: Parameters, parts: Mapping[str, Any], sampler: Suggester
) -> Any:
    """Return the augmentation, or None where its probability is 0: nothing else is asked then."""
    kind, prefix = AUGMENTATIONS[name], f"augment.{name}"
    own = {key: values for key, values in parameters.items() if key == "p"}
    probability = _suggest(prefix, kind, own, parts, sampler)
    if probability.get("p") == 0:
        return None
    rest = {key: values for key, values in parameters.items() if key != "p"}
    values = probability | _suggest(prefix, kind, rest, parts, sampler)
    return build(kind, values, where=prefix)


def _image_shape(
    spec: TrialSpec, waveform: torch.Tensor, sampling_rate: int, where: str
) -> tuple[int, int, int]:
    """Return channels, height and width of the images that a spec's network sees.

    Raises:
        InputError: If its front end cannot be built.
    """
    try:
        with torch.no_grad():
            images = spec.front_end(sampling_rate=sampling_rate)(waveform)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    _, channels, height, width = images.shape
    return channels, *spec.image.seen_size((height, width))


def _try_network(backbone: Backbone, shape: tuple[int, int, int], where: str) -> None:
    """Check that a network takes images of a shape (channels, height, width).

    Raises:
        InputError: With timm's reason.
    """
    if isinstance(backbone, Timm):
        try:
            backbone.fit(in_chans=shape[0], size=shape[1:])
        except ValueError as error:
            raise InputError(f"{where}: {error}") from error


def _largest(choices: tuple[Any, ...]) -> Any:
    """Return the largest of several numbers, the last of other choices."""
    return max(choices) if all(map(is_number, choices)) else choices[-1]
