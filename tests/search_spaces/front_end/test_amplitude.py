"""Amplitude scales, judged by their formulas and, for PCEN, by librosa in float64."""

from __future__ import annotations

import librosa
import pytest
import torch

from search_spaces.front_end.amplitude import (
    AMPLITUDES,
    Db,
    Log1p,
    Magnitude,
    Pcen,
    Power,
    Root,
    amplitude_module,
)
from search_spaces.front_end.pcen import BLOCK, smooth, smoothing_coefficient


def powers(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return powers over ten decades, float64."""
    generator = torch.Generator().manual_seed(seed)
    return 10.0 ** (-10 * torch.rand(shape, generator=generator, dtype=torch.float64))


def module(kind, *, n_channels=1, n_bands=6, frames_per_s=100.0):
    return amplitude_module(
        kind, n_channels=n_channels, n_bands=n_bands, frames_per_s=frames_per_s
    ).double()


def librosa_pcen(power, kind, *, frames_per_s=100.0):
    """Return PCEN by librosa's frame loop, begun at the first frame as ours is."""
    b = smoothing_coefficient(kind.time_ms / 1000 * frames_per_s)
    return librosa.pcen(
        power.numpy(), sr=16_000, hop_length=round(16_000 / frames_per_s), gain=kind.alpha,
        bias=kind.delta, power=kind.r, time_constant=kind.time_ms / 1000,
        eps=10 ** (kind.floor_db / 10), zi=(1 - b) * power[..., :1].numpy(),
    )  # fmt: skip


def test_power_magnitude_and_their_roots_agree():
    power = powers(2, 3)
    torch.testing.assert_close(Power().apply(power), Root(exponent=1.0).apply(power))
    torch.testing.assert_close(Magnitude().apply(power), Root(exponent=0.5).apply(power))


def test_decibels_are_re_a_full_scale_sine_and_cut_at_the_floor():
    bands = Db(floor_db=-60).apply(torch.tensor([1.0, 0.01, 1e-9, 0.0]))
    torch.testing.assert_close(bands, torch.tensor([0.0, -20.0, -60.0, -60.0]))


def test_log1p_and_root_are_their_formulas():
    power = torch.tensor([0.0, 0.5, 2.0])
    torch.testing.assert_close(Log1p(gain=10.0).apply(power), torch.log(1 + 10 * power))
    torch.testing.assert_close(Root(exponent=0.5).apply(power), power.sqrt())


@pytest.mark.parametrize("frames", [1, 2, 101, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("kind", [Pcen(), Pcen(time_ms=60, alpha=0.8, delta=10, r=0.25)])
def test_pcen_is_librosas_frame_loop(frames, trainable, kind):
    power = powers(2, 1, 6, frames)
    kind = Pcen(**{**vars(kind), "trainable": trainable})
    ours = module(kind)(power).detach()
    torch.testing.assert_close(
        ours, torch.from_numpy(librosa_pcen(power, kind)), rtol=1e-6, atol=1e-6
    )


def test_pcen_in_single_precision_is_that_in_double():
    power = powers(2, 1, 6, 300)
    single = amplitude_module(Pcen(), n_channels=1, n_bands=6, frames_per_s=100.0)(power.float())
    torch.testing.assert_close(single.double(), module(Pcen())(power), rtol=1e-4, atol=1e-5)


def test_the_smoother_of_one_is_no_smoother_and_keeps_what_is_constant():
    power = powers(3, 700)
    torch.testing.assert_close(smooth(power, torch.tensor(1.0).double()), power)
    constant = torch.full((3, 700), 0.25, dtype=torch.float64)
    torch.testing.assert_close(smooth(constant, torch.tensor(0.02).double()), constant)


def test_pcen_forgets_the_level_of_a_clip():
    power = powers(1, 1, 6, 200)
    kind = Pcen(alpha=1.0, floor_db=-200)
    torch.testing.assert_close(module(kind)(power), module(kind)(100 * power))


def test_what_pcen_learns_has_right_gradients_and_a_fixed_one_learns_nothing():
    learnt = module(Pcen(trainable=True), n_channels=2, n_bands=3)
    names = {name: p.shape for name, p in learnt.named_parameters()}
    assert names == {"log_gains": (3, 2, 3, 1), "log_smoothing": (2, 1, 1)}
    power = powers(2, 2, 3, 20)

    def loss() -> torch.Tensor:
        return learnt(power).square().mean()

    loss().backward()
    for parameter in learnt.parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad.view(-1)
        for i in range(len(flat)):
            with torch.no_grad():
                flat[i] += 1e-5
                above = loss()
                flat[i] -= 2e-5
                below = loss()
                flat[i] += 1e-5
            slope = float(above - below) / 2e-5
            assert float(gradient[i]) == pytest.approx(slope, rel=1e-5, abs=1e-9)
    assert list(module(Pcen()).parameters()) == []


@pytest.mark.parametrize("name", sorted(AMPLITUDES.kinds))
def test_every_amplitude_of_silence_is_finite_and_grows_with_power(name):
    made = module(AMPLITUDES.kinds[name]())
    assert bool(made(torch.zeros(1, 1, 6, 50).double()).isfinite().all())
    rising = torch.logspace(-7, 0, 6).double()[None, None, :, None].expand(1, 1, 6, 3)
    assert bool((made(rising).diff(dim=2) > 0).all())


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (lambda: Pcen(alpha=0.0), r"alpha must be in \(0, 1\], got alpha=0.0"),
        (lambda: Pcen(r=1.5), r"r must be in \(0, 1\], got r=1.5"),
        (lambda: Pcen(delta=0.0), r"delta must be at least 0.001, got delta=0.0"),
        (lambda: Pcen(floor_db=3.0), r"floor_db must be in \[-200, 0\), got floor_db=3.0"),
        (lambda: Db(floor_db=0.0), r"floor_db must be in \[-200, 0\)"),
        (lambda: Root(exponent=0.0), r"exponent must be in \(0, 1\]"),
    ],
)
def test_values_outside_the_rules_are_refused(kind, rule):
    with pytest.raises(ValueError, match=rule):
        kind()
