"""TrialSpec: everything that defines one trial, frozen, and the same again from its JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.augment import AUGMENTATIONS
from search_spaces.backbones.backbones import BACKBONES, Backbone, BandSvm, Timm, family
from search_spaces.front_end.amplitude import AMPLITUDES, Amplitude, Db
from search_spaces.front_end.channels import CHANNELS, Channels, Mono
from search_spaces.front_end.front_end import FrontEnd, Image, Spectrogram
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import Dimension, build, later, left_out_of_digest, nearest
from search_spaces.recipe import (
    AVERAGINGS,
    LOSSES,
    OPTIMIZERS,
    AdamW,
    Averaging,
    CrossEntropy,
    Loss,
    NoAveraging,
    Optimizer,
    Recipe,
)
from search_spaces.scales import SCALES, Linear, Scale

# Dimensions take one of several kinds; sections have parameters only.
DIMENSIONS: dict[str, Dimension] = {
    d.name: d for d in (SCALES, CHANNELS, AMPLITUDES, BACKBONES, OPTIMIZERS, LOSSES, AVERAGINGS)
}
SECTIONS: dict[str, type[Any]] = {"spectrogram": Spectrogram, "image": Image, "recipe": Recipe}


def unused(backbone: Backbone | None) -> tuple[str, ...]:
    """Return the parts of a spec that a backbone makes no use of: a linear machine is not trained.

    >>> unused(BandSvm())
    ('optimizer', 'loss', 'averaging', 'recipe', 'augment')
    """
    trained = ("optimizer", "loss", "averaging", "recipe", "augment")
    return trained if isinstance(backbone, BandSvm) else ()


def canonical_digest(plain: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a JSON value, whatever its key order."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrialSpec:
    """One point of a search space: from the waveform to the trained network.

    Two trials of equal specs differ in nothing but `seed`; equal ones give the same numbers on
    the same machine's CPU.
    """

    spectrogram: Spectrogram = Spectrogram()
    channels: Channels = Mono()
    scale: Scale = Linear()
    amplitude: Amplitude = Db()
    image: Image = Image()
    augment: tuple[Any, ...] = ()  # in the order of AUGMENTATIONS
    backbone: Backbone = Timm("resnet18")
    optimizer: Optimizer = AdamW()
    recipe: Recipe = Recipe()
    loss: Loss = later(CrossEntropy())
    averaging: Averaging = later(NoAveraging())
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, from which `from_dict` makes an equal spec."""
        plain: dict[str, Any] = {}
        for name in (f.name for f in dataclasses.fields(self)):
            value = getattr(self, name)
            if name in DIMENSIONS:
                plain[name] = DIMENSIONS[name].to_dict(value)
            elif name in SECTIONS:
                plain[name] = dataclasses.asdict(value)
            elif name == "augment":
                plain[name] = {augment_name(a): dataclasses.asdict(a) for a in value}
            else:
                plain[name] = value
        return json.loads(json.dumps(plain))  # type: ignore[no-any-return]  # tuples become lists

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TrialSpec:
        """Make a spec from `to_dict`'s values; what is missing takes its default.

        Raises:
            InputError: If a name or a value is wrong.
        """
        known = [f.name for f in dataclasses.fields(cls)]
        values: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in known:
                raise InputError(f"spec: unknown key {name!r}{nearest(name, known)}")
            if name in DIMENSIONS:
                values[name] = DIMENSIONS[name].from_dict(value)
            elif name in SECTIONS:
                values[name] = build(SECTIONS[name], _mapping(name, value), where=name)
            elif name == "augment":
                values[name] = build_augment(_mapping(name, value))
            elif isinstance(value, bool) or not isinstance(value, int):
                raise InputError(f"spec: {name} must be a whole number, got {value!r}")
            else:
                values[name] = value
        return cls(**values)

    @property
    def digest(self) -> str:
        """Identity of the spec without its seed: trials of one digest are repeats.

        What was added later does not change the digest of a spec that does not use it.
        """
        plain = self.to_dict() | {"seed": None}
        parts = {name: getattr(self, name) for name in (*DIMENSIONS, *SECTIONS)}
        for part, values in [
            *((part, plain[name]) for name, part in parts.items()),
            *((part, plain["augment"][augment_name(part)]) for part in self.augment),
            (self, plain),
        ]:
            for name in left_out_of_digest(part):
                del values[name]
        return canonical_digest(plain)

    def front_end(self, *, sampling_rate: int) -> FrontEnd:
        """Return the spec's front end for waveforms at a sampling rate in Hz.

        Raises:
            ValueError: If a window does not fit the transform or `fmin` the sampling rate.
        """
        return FrontEnd(
            self.spectrogram, self.channels, self.scale, self.amplitude, self.image,
            sampling_rate=sampling_rate,
        )  # fmt: skip

    @property
    def family(self) -> str:
        """Backbone family."""
        return family(self.backbone)

    @property
    def label(self) -> str:
        """A name a person can read in a table: `linear-3win resnet18`."""
        scale = SCALES.name_of(self.scale)
        return f"{scale}-{self.channels.label} {BACKBONES.name_of(self.backbone)}"


def augment_name(augmentation: Any) -> str:
    """Return the name of an augmentation in `AUGMENTATIONS`."""
    return next(name for name, kind in AUGMENTATIONS.items() if type(augmentation) is kind)


def check_augment_names(names: Iterable[str]) -> None:
    """Check that there is an augmentation of each name.

    Raises:
        InputError: With the nearest known name.
    """
    for name in names:
        if name not in AUGMENTATIONS:
            raise InputError(
                f"augment: unknown augmentation {name!r}{nearest(name, AUGMENTATIONS)};"
                f" there are {', '.join(AUGMENTATIONS)}"
            )


def build_augment(plain: Mapping[str, Any]) -> tuple[Any, ...]:
    """Make the augmentations of `{name: {parameter: value}}` in the order in which they act.

    Raises:
        InputError: If a name or a value is wrong.
    """
    check_augment_names(plain)
    return tuple(
        build(kind, _mapping(f"augment.{name}", plain[name]), where=f"augment.{name}")
        for name, kind in AUGMENTATIONS.items()
        if name in plain
    )


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must be a mapping, got {value!r}")
    return value
