"""A band whose removal drives all clips to one class: no mean of log-odds sees what UAR loses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from reports.explain.analysis import explain
from reports.explain.inputs import ExplainInputs, Network, System
from reports.explain.judgement import rank_correlation
from runners.model import Classifier
from search_spaces.spec import TrialSpec
from support.clips import clips_of
from support.planted import CPU

RATE, N_FFT = 8000, 256
CUE_HZ, LEVEL_HZ = 2000.0, 500.0  # the class lies in the first; the second is as loud in all


class Ear(nn.Module):
    """Spectrograms of power, one row every 31 Hz."""

    centres_hz = np.linspace(0, RATE / 2, N_FFT // 2 + 1)[None]

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        window = torch.hann_window(N_FFT)
        return torch.stft(waves, N_FFT, window=window, return_complex=True).abs().square()[:, None]


class Judge(nn.Module):
    """Hears the cue's level, and takes for granted that the other band is as loud as always."""

    def __init__(self) -> None:
        super().__init__()
        self.usual = torch.zeros(2)

    def levels(self, images: torch.Tensor) -> torch.Tensor:
        hz = torch.from_numpy(Ear.centres_hz[0])
        rows = [(hz / centre).log2().abs() < 1 / 8 for centre in (CUE_HZ, LEVEL_HZ)]
        return torch.stack([images[:, 0, row].sum((1, 2)).log() for row in rows], 1) / 2

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        cue, level = (self.levels(images) - self.usual).T
        mask = 3 * cue + 0.4 * level.clamp_min(-5)
        return torch.stack([-mask / 2, mask / 2], 1)


def shifted_inputs(n_speakers: int = 8) -> ExplainInputs:
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 3 * n_speakers)
    time = np.arange(RATE) / RATE
    waves = [
        (0.1 + 0.1 * label) * rng.uniform(0.9, 1.1) * np.sin(2 * np.pi * CUE_HZ * time)
        + 0.2 * rng.uniform(0.9, 1.1) * np.sin(2 * np.pi * LEVEL_HZ * time)
        + rng.normal(0, 1e-3, RATE)
        for label in labels
    ]
    model = Classifier(Ear(), Judge()).eval()
    heard = torch.tensor(np.array(waves), dtype=torch.float32)
    model.backbone.usual = model.backbone.levels(model.front_end(heard)).mean(0)
    n = len(labels)
    return ExplainInputs(
        name="shift",
        classes=("clear", "mask"),
        clips=clips_of(waves, RATE),
        positions=tuple(range(n)),
        file_names=tuple(f"{number}.wav" for number in range(n)),
        labels=tuple(labels.tolist()),
        speakers=tuple(f"s{number // 6}" for number in range(n)),
        folds=None,
        clip_seconds=1.0,
        pad="repeat",
        networks=(Network(0, "judge", TrialSpec(), (model,)),),
        systems=(System("winner", "the winner", (1.0,)),),
        simulated=True,
        provenance={},
    )


@pytest.fixture(scope="module")
def part():
    return explain(shifted_inputs(), CPU)["systems"][0]["axes"]["third_octave"]


def band_of(part, hz: float) -> int:
    return int(np.searchsorted(part["edges_hz"], hz) - 1)


def test_it_is_named_by_the_uar_that_falls_beyond_chance(part):
    level, cue = band_of(part, LEVEL_HZ), band_of(part, CUE_HZ)
    by_class = np.array(part["profiles"]["removed_log_odds"]["mean"])[:, level]
    assert by_class[0] < -1 < 1 < by_class[1]  # clear gains what mask loses
    assert abs(by_class[2]) < 0.1 * by_class[1]  # and the mean says nothing
    assert part["p_values"]["log_odds"][level] > 0.05
    assert part["uar_removed"][level] == 0.5
    assert {one["band"]: one["by"] for one in part["named"]} == {cue: "log_odds", level: "uar"}
    assert part["p_values"]["uar"][level] <= 0.05


def test_it_stands_first_in_the_order_that_judges_maps(part):
    level, cue = band_of(part, LEVEL_HZ), band_of(part, CUE_HZ)
    lost = np.array(part["profiles"]["removed"]["mean"][-1])
    assert set(np.argsort(-lost)[:2].tolist()) == {level, cue}
    only = np.zeros(len(lost))
    only[[level, cue]] = 1
    assert rank_correlation(only, lost) > 0.9
    assert part["deletion"]["orders"]["occlusion"]["uar"][1] == 0.5
