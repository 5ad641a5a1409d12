"""Pictures of what networks see: ticks where sines are, every orientation, a grid of a space."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pil
from typer.testing import CliRunner

from runners.model import load_front_end, make_classifier, save_weights
from search_spaces import InputError, load_space
from search_spaces.backbones.backbones import Timm
from search_spaces.front_end.amplitude import Pcen, Power
from search_spaces.front_end.channels import Mono, Scales
from search_spaces.front_end.front_end import Image
from search_spaces.scales import SCALES, Mel
from search_spaces.spec import TrialSpec
from study.cli import app
from study.planning.input_images import input_images
from study.planning.preview import (
    PANEL,
    draw_png,
    preview_clip,
    preview_png,
    specs_to_draw,
    window_of,
)

RATE = 16_000
HERE = Path(__file__).parent


def sine(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(RATE) / RATE).astype(np.float32)


@pytest.mark.parametrize("scale", sorted(SCALES.kinds))
@pytest.mark.parametrize("flip", ["none", "both"])
@pytest.mark.parametrize("transpose", [False, True])
def test_a_sine_is_brightest_at_the_tick_of_its_frequency(scale, flip, transpose):
    spec = TrialSpec(
        scale=SCALES.kinds[scale](),
        channels=Mono(64.0),
        amplitude=Power(),
        image=Image(height=200, width=120, flip=flip, transpose=transpose),
    )
    seen = input_images(spec, sine(2000), RATE)
    ticks = {tick.text: tick.position for tick in (seen.columns if transpose else seen.rows)[0]}
    profile = seen.images[0].mean(0 if transpose else 1)
    assert abs((profile.argmax() + 0.5) / len(profile) - ticks["2k"]) < 0.03
    assert seen.units == (("s", "Hz") if transpose else ("Hz", "s"))


@pytest.mark.parametrize("flip", ["none", "time"])
def test_a_click_is_brightest_at_the_tick_of_its_time(flip):
    wave = np.zeros(RATE, np.float32)
    wave[RATE // 4 * 3 : RATE // 4 * 3 + 8] = 1.0
    spec = TrialSpec(amplitude=Power(), image=Image(width=150, flip=flip))
    seen = input_images(spec, wave, RATE)
    ticks = {tick.text: tick.position for tick in seen.columns[0]}
    profile = seen.images[0].mean(0)
    at_750_ms = 0.75 * ticks["0.8"] + 0.25 * ticks["0.6"]
    assert abs((profile.argmax() + 0.5) / 150 - at_750_ms) < 0.02


def test_every_channel_of_three_scales_has_its_own_ticks():
    seen = input_images(TrialSpec(channels=Scales()), sine(1000), RATE)
    at_1k = [next(t.position for t in ticks if t.text == "1k") for ticks in seen.rows]
    assert len({round(place, 3) for place in at_1k}) == 3


def test_a_picture_is_a_png_with_a_panel_a_channel():
    picture = Pil.open(io.BytesIO(preview_png(TrialSpec(channels=Scales()), sine(440), RATE)))
    assert picture.format == "PNG"
    assert picture.width >= 3 * PANEL[0]
    assert len(picture.getcolors(maxcolors=1 << 20)) > 50


def test_a_picture_shows_what_the_front_end_has_learnt(tmp_path):
    spec = TrialSpec(
        amplitude=Pcen(trainable=True), image=Image(normalize="band"), backbone=Timm("test_resnet")
    )
    model = make_classifier(spec, sampling_rate=RATE, n_samples=RATE, n_classes=2)
    with torch.no_grad():
        model.front_end.mean.fill_(7.0)
        model.front_end.amplitudes[0].log_gains.fill_(0.3)
    save_weights(model.state_dict(), tmp_path / "model.safetensors", about={})
    learnt = load_front_end(tmp_path / "model.safetensors")
    assert learnt.keys() == spec.front_end(sampling_rate=RATE).state_dict().keys()
    seen = input_images(spec, sine(440), RATE, learnt=learnt)
    with torch.no_grad():
        expected = model.front_end(torch.from_numpy(sine(440))[None])[0]
    np.testing.assert_array_equal(seen.images, expected.numpy())


def test_a_file_without_a_front_end_is_refused(tmp_path):
    save_weights({"other": torch.zeros(1)}, tmp_path / "x.safetensors", about={})
    with pytest.raises(InputError, match="cannot be read as weights"):
        load_front_end(tmp_path / "x.safetensors")


def test_specs_to_draw_show_every_scale_with_every_kind_of_channels():
    space = load_space("small", folder=HERE)
    specs = specs_to_draw(space)
    pairs = {(SCALES.name_of(s.scale), s.channels.label) for s in specs}
    assert pairs == {(s, c) for s in ("linear", "mel", "log") for c in ("mono", "3win")}
    assert {type(s.amplitude).__name__ for s in specs} == {"Db", "Root"}
    assert specs == specs_to_draw(space)
    assert all(space.parameters(spec) is not None for spec in specs)
    assert len({(s.spectrogram, s.image, s.recipe, s.augment) for s in specs}) == 1  # they compare


def test_the_command_draws_a_corpus_and_a_file(synthetic, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wav = next((synthetic / "wav").iterdir())
    for source, name in ((synthetic, "corpus.png"), (wav, "file.png")):
        command = ["spaces", "demo", "--preview", str(source), "-o", name]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert "6 specs, shown on" in result.output
        assert Pil.open(tmp_path / name).size[0] > 3 * PANEL[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--preview", "x.wav"], "--preview needs the name of a preset"),
        (["demo", "--preview", "none.wav"], "must be a corpus or an audio file, got none.wav"),
        (["demo", "--preview", "text.wav"], "text.wav: cannot be read as audio"),
        (["demo", "--preview", "text.wav", "-o", "x.jpg"], "--output must end in .png, got x.jpg"),
        (["dmo", "--preview", "text.wav"], "no preset 'dmo' (did you mean demo?)"),
    ],
)
def test_a_mistake_is_a_sentence_and_draws_nothing(tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.wav").write_text("no audio")
    result = CliRunner().invoke(app, ["spaces", *arguments])
    assert isinstance(result.exception, InputError)
    assert sentence in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["text.wav"]


def test_a_long_clip_is_shown_by_its_middle():
    wave = np.arange(10, dtype=np.float32)
    assert window_of(wave, 4).tolist() == [3, 4, 5, 6]
    assert window_of(wave, 20).tolist() == wave.tolist()


def test_the_first_train_clip_of_a_corpus_is_shown(synthetic):
    clip = preview_clip(synthetic, 8000)
    assert clip.name.startswith("train_")
    assert clip.sampling_rate == 8000
    assert 0 < len(clip.waveform) <= 8000
    assert draw_png([input_images(TrialSpec(scale=Mel()), clip.waveform, 8000)])[1:4] == b"PNG"
