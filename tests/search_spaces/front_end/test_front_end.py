"""Front ends, judged by torchaudio, librosa and sines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchaudio
from PIL import Image as Pil
from torch import nn

from runners.model import make_classifier
from search_spaces import TrialSpec, flat_parameters
from search_spaces.backbones.backbones import BandSvm, Timm
from search_spaces.front_end.amplitude import AMPLITUDES, Db, Pcen, Root
from search_spaces.front_end.channels import Mono, Windows
from search_spaces.front_end.framing import transform_size
from search_spaces.front_end.front_end import FrontEnd, Image, Spectrogram
from search_spaces.front_end.image import RESAMPLINGS
from search_spaces.front_end.spectra import StftBands
from search_spaces.front_end.turning import FLIPS
from search_spaces.scales import (
    SCALES,
    ConstantQ,
    Gammatone,
    Linear,
    Log,
    Mel,
    band_edges,
    triangular_bank,
)

RATE = 16_000
RAW = Image(normalize="none")
POWER = Root(exponent=1.0)


def front_end(channels=None, scale=None, amplitude=POWER, image=RAW, rate=RATE, **spectrogram):
    return FrontEnd(
        Spectrogram(**spectrogram),
        channels or Mono(),
        scale or Linear(),
        amplitude,
        image,
        sampling_rate=rate,
    )


def sine(hz: float, *, rate: int = RATE, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(round(rate * seconds)) / rate)[None]


def test_power_spectrogram_equals_torchaudio_up_to_the_window_scale():
    waves = torch.randn(2, RATE, generator=torch.Generator().manual_seed(0))
    ours = front_end(Mono(25.0)).filters[0].power(waves)[:, 0]
    theirs = torchaudio.transforms.Spectrogram(
        n_fft=512, win_length=400, hop_length=160, power=2.0, pad_mode="constant"
    )(waves)
    scale = (2 / torch.hann_window(400).sum()) ** 2
    torch.testing.assert_close(ours, theirs * scale, rtol=1e-4, atol=1e-9)


def test_a_full_scale_sine_has_power_one_in_every_window_length():
    power = front_end(Windows((8.0, 16.0, 32.0))).filters[0].power(sine(2000.0))
    torch.testing.assert_close(power[0, :, :, 50].amax(1), torch.ones(3), rtol=1e-3, atol=0)


def test_linear_bank_bands_are_equally_wide():
    edges = band_edges(Linear(n_bands=100, fmin=0), RATE)
    np.testing.assert_allclose(np.diff(edges), RATE / 2 / 101)


@pytest.mark.parametrize("name", sorted(SCALES.kinds))
@pytest.mark.parametrize("n_bands", [1, 24, 128, 300])
@pytest.mark.parametrize("n_fft", [128, 512, 2048])
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_no_band_is_empty_and_each_sums_to_one(name, n_bands, n_fft, rate):
    bank = triangular_bank(
        SCALES.build(name, {"n_bands": n_bands}), sampling_rate=rate, n_fft=n_fft
    )
    assert bank.shape == (n_bands, n_fft // 2 + 1)
    torch.testing.assert_close(bank.sum(1), torch.ones(n_bands))
    assert bool((bank >= 0).all())


@pytest.mark.parametrize("scale", [Linear(64), Mel(64), Log(64, fmin=80)])
def test_a_sine_lands_in_the_band_whose_centre_it_is(scale):
    front = front_end(Mono(64.0), scale)
    centres = band_edges(scale, RATE)[1:-1]
    for band in (20, 35, 50, 63):
        bands = front.bands(sine(float(centres[band])))[0, 0, :, 50]
        assert int(bands.argmax()) == band


@pytest.mark.parametrize("scale", [Linear(), Log(), Mel()])
def test_warping_there_and_back_is_the_identity(scale):
    hz = np.array([60.0, 440.0, 7900.0])
    np.testing.assert_allclose(scale.unwarp(scale.warp(hz)), hz)


def test_a_gpu_takes_a_bounded_part_of_a_batch_and_finds_what_a_cpu_finds(monkeypatch):
    bands = StftBands([25.0, 50.0], [Linear(32)], n_fft=None, hop=80, sampling_rate=8000)
    waves = torch.randn(7, 4000, generator=torch.Generator().manual_seed(0))
    whole, sizes = bands._whole, []
    torch.testing.assert_close(whole(waves), bands(waves))
    of_two_clips = 2 * 51 * bands.n_fft
    monkeypatch.setattr("search_spaces.front_end.spectra.CHUNK_GPU", of_two_clips)
    monkeypatch.setattr(bands, "_whole", lambda part: sizes.append(len(part)) or whole(part))
    found = bands.to("meta")(waves.to("meta"))  # no CPU: what a GPU does, without numbers
    assert found.shape == (7, 2, 32, 51)
    assert sizes == [2, 2, 2, 1]


@pytest.mark.parametrize("scale", [Linear(32), Mel(64), Gammatone(16)])
@pytest.mark.parametrize("frames_at_once", [1, 20, 120])  # of 51 a clip: part of one, two of them
def test_a_cpu_takes_some_frames_at_a_time_and_finds_what_all_give(
    scale, frames_at_once, monkeypatch
):
    bands = StftBands([25.0, 50.0], [scale], n_fft=None, hop=80, sampling_rate=8000)
    waves = torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("search_spaces.front_end.spectra.CHUNK", 2 * bands.n_fft * frames_at_once)
    torch.testing.assert_close(bands(waves), bands._whole(waves))


@pytest.mark.parametrize(
    ("windows_ms", "rate", "size"),
    [
        ((25.0,), 16_000, 512),
        ((8.0, 16.0, 32.0), 16_000, 512),
        ((25.0, 50.0, 100.0), 16_000, 1600),
        ((8.0, 16.0, 32.0), 44_100, 1440),
        ((1.0, 2.0, 4.06), 16_000, 72),
    ],
)
def test_a_transform_is_as_small_as_its_windows_allow(windows_ms, rate, size):
    assert transform_size(windows_ms, None, rate) == size
    assert transform_size(windows_ms, None, rate, padding=2) == 2 * size
    assert transform_size(windows_ms, 4096, rate) == 4096


def test_more_columns_are_what_antialiased_resizing_gives():
    few = torch.randn(2, 3, 20, 101, generator=torch.Generator().manual_seed(0))
    want = F.interpolate(few, size=(20, 128), mode="bilinear", antialias=True)
    torch.testing.assert_close(Image(width=128).resized(few), want)


def test_three_windows_give_three_channels_on_one_grid():
    images = front_end(Windows((8.0, 16.0, 32.0)), Linear(48))(torch.randn(2, RATE))
    assert images.shape == (2, 3, 48, 101)


def test_images_are_resized_when_a_size_is_asked_for():
    images = front_end(image=Image(height=40, width=56))(torch.randn(1, RATE))
    assert images.shape == (1, 1, 40, 56)


def test_clip_normalisation_gives_zero_mean_and_unit_variance():
    images = front_end(amplitude=Db(), image=Image(normalize="clip"))(torch.randn(3, RATE))
    torch.testing.assert_close(images.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(images.std((1, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_band_normalisation_takes_its_statistics_from_training():
    front = front_end(amplitude=Db(), image=Image(normalize="band"))
    waves = torch.randn(8, RATE)
    front.fit([waves[:3], waves[3:]])
    images = front(waves)
    bands = images.shape[2]
    torch.testing.assert_close(images.mean((0, 1, 3)), torch.zeros(bands), atol=1e-4, rtol=0)
    torch.testing.assert_close(images.std((0, 1, 3)), torch.ones(bands), atol=5e-2, rtol=0)


def test_contrast_is_a_factor_on_the_normalised_image():
    waves = torch.randn(2, RATE)
    whole = front_end(amplitude=Db(), image=Image(height=32))(waves)
    less = front_end(amplitude=Db(), image=Image(height=32, contrast=0.35))(waves)
    torch.testing.assert_close(less, 0.35 * whole)
    with pytest.raises(ValueError, match=r"contrast must be in \(0, 100\], got contrast=0"):
        Image(contrast=0)


@pytest.mark.parametrize("normalize", ["clip", "band"])
@pytest.mark.parametrize("kind", sorted(AMPLITUDES.kinds))
@pytest.mark.parametrize("level", [1.0, 1e-2])
def test_every_amplitude_is_normalised_at_any_level(kind, normalize, level):
    front = front_end(amplitude=AMPLITUDES.kinds[kind](), image=Image(normalize=normalize))
    waves = level * torch.randn(8, RATE, generator=torch.Generator().manual_seed(0))
    front.fit([waves])
    images = front(waves)
    std = images.std((1, 2, 3)) if normalize == "clip" else images.std((0, 1, 3))
    torch.testing.assert_close(std, torch.ones_like(std), atol=0.05, rtol=0)


def test_an_image_of_one_pixel_is_finite():
    front = front_end(scale=Mel(1), image=Image(normalize="clip"), hop_ms=2000.0)
    assert bool(front(torch.randn(2, RATE)).isfinite().all())


def test_padding_tells_narrow_bands_of_a_short_window_apart():
    waves = torch.randn(4, RATE, generator=torch.Generator().manual_seed(0))
    ranks = []
    for padding in (1, 8):
        bank = front_end(Mono(8.0), Log(128), padding=padding).filters[0].banks[0]
        ranks.append(int(torch.linalg.matrix_rank(bank)))
    assert ranks[0] < 70
    assert ranks[1] > 95  # the lowest bands are narrower than what 8 ms can tell apart
    near = front_end(Mono(8.0), Linear(32), padding=4).power(waves)
    torch.testing.assert_close(
        near, front_end(Mono(8.0), Linear(32), n_fft=512).power(waves), rtol=0, atol=0
    )


@pytest.mark.parametrize("normalize", ["clip", "band", "none"])
def test_silence_gives_finite_images(normalize):
    front = front_end(amplitude=Db(), image=Image(normalize=normalize))
    assert bool(front(torch.zeros(2, RATE)).isfinite().all())


def test_batched_equals_one_by_one():
    front = front_end(Windows(), Mel(), Db(), Image(height=64, width=64))
    waves = torch.randn(4, RATE)
    single = torch.cat([front(wave[None]) for wave in waves])
    torch.testing.assert_close(front(waves), single, rtol=1e-4, atol=1e-4)


def test_a_window_that_does_not_fit_the_transform_is_refused_with_its_length():
    with pytest.raises(ValueError, match=r"64 ms is 1024 samples at 16000 Hz .* n_fft=512"):
        front_end(Mono(64.0), n_fft=512)


def test_a_lowest_frequency_above_half_the_rate_is_refused():
    with pytest.raises(ValueError, match="fmin must be below 4000 Hz"):
        front_end(scale=Mel(fmin=5000), rate=8000)


@pytest.mark.parametrize("resample", RESAMPLINGS)
@pytest.mark.parametrize("size", [(12, 200), (90, 30)])
def test_every_resampling_keeps_what_is_constant_and_where_things_are(resample, size):
    image = Image(height=size[0], width=size[1], resample=resample)
    ramp = torch.linspace(0, 1, 48)[None, None, :, None].expand(1, 2, 48, 60)
    constant = torch.full((1, 2, 48, 60), 3.0)
    torch.testing.assert_close(image.resized(constant), torch.full((1, 2, *size), 3.0))
    rows = image.resized(ramp)[0, 0, :, 0]
    expected = (torch.arange(size[0]) + 0.5) / size[0]
    torch.testing.assert_close(rows, expected, rtol=0, atol=0.04)


def test_bilinear_and_bicubic_are_pillows():
    pixels = torch.rand(1, 1, 48, 60, generator=torch.Generator().manual_seed(0))
    modes = {"bilinear": Pil.Resampling.BILINEAR, "bicubic": Pil.Resampling.BICUBIC}
    for resample, mode in modes.items():
        ours = Image(height=30, width=100, resample=resample).resized(pixels)[0, 0]
        theirs = np.asarray(Pil.fromarray(pixels[0, 0].numpy()).resize((100, 30), mode))
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=2e-3)


class _Seen(nn.Module):
    """A network that answers what it sees."""

    def forward(self, images):
        return images


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("flip", sorted(FLIPS))
def test_a_network_sees_images_turned_as_numpy_turns_them(flip, transpose):
    image = Image(flip=flip, transpose=transpose)
    images = torch.randn(2, 3, 5, 7)
    expected = images.numpy()
    if flip in ("frequency", "both"):
        expected = np.flip(expected, 2)
    if flip in ("time", "both"):
        expected = np.flip(expected, 3)
    if transpose:
        expected = expected.swapaxes(2, 3)
    np.testing.assert_array_equal(image.seen(_Seen())(images).numpy(), expected)
    assert image.seen_size((5, 7)) == expected.shape[2:]


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_backbones_take_turned_images_of_any_size(name):
    spec = TrialSpec(
        scale=Mel(n_bands=20),
        spectrogram=Spectrogram(hop_ms=40),
        image=Image(transpose=True, flip="both"),
        backbone=Timm(name),
    )
    model = make_classifier(spec, sampling_rate=RATE, n_samples=RATE, n_classes=3).eval()
    assert model(torch.randn(2, RATE)).shape == (2, 3)


def test_parameters_are_asked_for_only_where_they_mean_something():
    sized = flat_parameters(TrialSpec(image=Image(height=64)))
    plain = flat_parameters(TrialSpec())
    assert "image.resample" in sized
    assert "image.resample" not in plain
    svm = flat_parameters(TrialSpec(backbone=BandSvm()))
    assert "image.flip" in plain
    assert "image.flip" not in svm
    constant_q = flat_parameters(TrialSpec(scale=ConstantQ()))
    assert "spectrogram.n_fft" in plain
    assert "spectrogram.n_fft" not in constant_q


def test_what_came_later_leaves_older_digests_as_they_were():
    # As stored by the first release.
    assert TrialSpec().digest == "97e7fa479e789fa0"
    assert TrialSpec(scale=Mel(), channels=Windows()).digest == "1eed14a36b6dfecb"


def test_a_trained_pcen_is_in_the_weights_and_moves_with_training():
    spec = TrialSpec(amplitude=Pcen(trainable=True), scale=Mel(), backbone=Timm("test_resnet"))
    model = make_classifier(spec, sampling_rate=RATE, n_samples=RATE, n_classes=2)
    names = {name for name, _ in model.named_parameters() if name.startswith("front_end")}
    assert names == {f"front_end.amplitudes.0.log_{what}" for what in ("gains", "smoothing")}
    assert names <= model.state_dict().keys()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = model(torch.randn(4, RATE))[:, 0].square().mean()
    loss.backward()
    optimizer.step()
    assert all(float(p.detach().abs().max()) > 0 for p in model.front_end.parameters())


def test_a_few_clips_at_a_time_are_what_all_at_once_are():
    filters = front_end(Windows((25.0, 50.0, 100.0))).filters[0]
    waves = torch.randn(20, RATE)
    torch.testing.assert_close(
        filters(waves), filters.banks @ filters.power(waves), rtol=1e-4, atol=1e-7
    )
