"""Level and sign."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.grammar.kinds import within


@dataclass(frozen=True)
class Gain:
    """Scale the clip by up to `max_db` decibels either way."""

    p: float = 1.0
    max_db: float = 6.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        within("[0, 100]", max_db=self.max_db)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return scaled waveforms (clips, samples)."""
        db = draws.uniform(x, -self.max_db, self.max_db, generator=generator)
        db = db * draws.chosen(x, self.p, generator=generator)
        return x * (10.0 ** (db / 20))[:, None]


@dataclass(frozen=True)
class Polarity:
    """Turn the waveform upside down.

    A spectrogram's power has no sign, so no front end of this project can hear it.
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return waveforms (clips, samples), some of them negated."""
        turned = draws.chosen(x, self.p, generator=generator)
        return x * (1 - 2 * turned.to(x.dtype))[:, None]
