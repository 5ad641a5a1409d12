"""Moving a clip in time, and playing it faster or slower."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.resampling import play
from search_spaces.augment.rows import on_chosen
from search_spaces.grammar.kinds import within


@dataclass(frozen=True)
class Shift:
    """Rotate the clip in time by up to `max_ms` either way."""

    p: float = 1.0
    max_ms: float = 100.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        within("[0, 60000]", max_ms=self.max_ms)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return rotated waveforms (clips, samples)."""
        length = x.shape[1]
        most = self.max_ms * sampling_rate / 1000
        by = draws.uniform(x, -most, most, generator=generator).round().long()
        by = by * draws.chosen(x, self.p, generator=generator)
        twice = torch.cat([x, x], 1).unfold(1, length, 1)  # a view: every rotation of every clip
        return twice[torch.arange(len(x), device=x.device), (-by) % length]


@dataclass(frozen=True)
class Speed:
    """Play the clip up to `max_percent` faster or slower: pitch and formants move together.

    In steps of one per cent.
    """

    p: float = 0.5
    max_percent: float = 10.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        within("[0, 50]", max_percent=self.max_percent)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return resampled waveforms about the middle; beyond the ends the clip is reflected."""
        percent = draws.uniform(x, -self.max_percent, self.max_percent, generator=generator)
        chosen = draws.chosen(x, self.p, generator=generator)

        def played(x: Tensor, percent: Tensor) -> Tensor:
            return play(x, percent, most=int(self.max_percent))

        return on_chosen(played, chosen, x, percent)
