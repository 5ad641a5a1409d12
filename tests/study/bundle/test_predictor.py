"""A bundle gives what its study stored: from any folder, and for waveforms of any kind."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from runners.device import usable_compute
from search_spaces import InputError
from study import load
from study.bundle import predictor as predicting
from study.bundle.bundle import read_bundle
from study.bundle.predictor import as_clips
from study.bundle.torch_export import export_programs
from study.challenge.submission import blind_probabilities as stored_test
from study.corpus.audio.samples import resample
from study.results import read_results
from support.finished_study import waveforms_of
from support.wav_bytes import decode


def test_train_gives_the_stored_devel_and_test_probabilities(refitted, bundles, synthetic):
    results = read_results(refitted)
    predictor = load(bundles["train"], device="cpu")
    stored = sum(
        m.weight
        * np.load(results.trial(m.trial).file("devel.npy"))[
            results.trial(m.trial).best_epoch - 1
        ].astype(np.float64)
        for m in results.ensemble.members
    )
    found = predictor.predict(waveforms_of(synthetic, "devel"), 8000)
    # devel.npy is float16, whose steps are up to 4.9e-4 wide.
    assert np.abs(found - stored).max() <= 1e-4 + 2.5e-4
    found = predictor.predict(waveforms_of(synthetic, "test"), 8000)
    assert np.abs(found - stored_test(results, "train")).max() <= 1e-4
    assert predictor.classes == results.classes


def test_train_and_devel_gives_the_stored_test_probabilities(refitted, bundles, synthetic):
    predictor = load(bundles["train+devel"], device="cpu")
    found = predictor.predict(waveforms_of(synthetic, "test"), 8000)
    wanted = stored_test(read_results(refitted), "train+devel")
    assert np.abs(found - wanted).max() <= 1e-4


def test_a_bundle_is_the_same_from_another_folder_and_without_the_study(
    bundles, synthetic, tmp_path
):
    shutil.copytree(bundles["train"], tmp_path / "moved")
    waves = waveforms_of(synthetic, "test")[:4]
    code = (
        "import sys, numpy as np; from study import load;"
        "np.save('found.npy', load('moved', device='cpu').predict(list(np.load('w.npy')), 8000))"
    )
    np.save(tmp_path / "w.npy", np.stack(waves))
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True)
    wanted = load(bundles["train"], device="cpu").predict(waves, 8000)
    assert np.load(tmp_path / "found.npy") == pytest.approx(wanted, abs=1e-6)


@pytest.mark.slow
def test_a_member_as_a_torch_program_gives_the_members_logits(bundles, synthetic, tmp_path):
    shutil.copytree(bundles["train"], tmp_path / "bundle")
    paths = export_programs(tmp_path / "bundle", echo=lambda text: None)
    predictor = load(tmp_path / "bundle", device="cpu")  # the bundle is still whole
    waves = torch.from_numpy(np.stack(waveforms_of(synthetic, "test")[:4]) / 32768).float()
    for path, network in zip(paths, predictor.networks, strict=True):
        program = torch.export.load(path).module()
        with torch.no_grad():
            assert (program(waves) - network(waves)).abs().max() <= 1e-4


def test_floats_and_integers_and_single_clips_give_the_same(bundles, synthetic):
    predictor = load(bundles["train"], device="cpu")
    waves = waveforms_of(synthetic, "test")[:3]
    wanted = predictor.predict(waves, 8000)
    assert wanted.sum(1) == pytest.approx(1)
    floats = [wave / 32768 for wave in waves]
    assert np.array_equal(predictor.predict(floats, 8000), wanted)
    assert np.array_equal(predictor.predict(np.stack(waves), 8000), wanted)
    assert predictor.predict(waves[0], 8000) == pytest.approx(wanted[:1], abs=1e-6)
    assert predictor.predict(floats[0].tolist(), 8000) == pytest.approx(wanted[:1], abs=1e-6)
    assert predictor.predict([], 8000).shape == (0, 2)


def test_a_waveform_at_another_rate_is_what_its_file_is(tmp_path):
    wave = (np.random.default_rng(0).standard_normal(4410) * 3000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", wave, 44100, subtype="PCM_16")
    samples, scale = decode((tmp_path / "a.wav").read_bytes(), 8000)
    clips = as_clips([wave], 44100, 8000)
    assert np.array_equal(clips.samples, samples)
    assert clips.scale[0] == np.float32(scale)
    assert len(samples) == len(resample(wave / 32768, 44100, 8000))


@pytest.mark.parametrize(
    ("waveforms", "sentence"),
    [
        ([np.zeros(0)], r"clip 0: must be .*, got shape \(0,\)"),
        ([np.zeros(5), np.full(5, np.nan)], "clip 1: must be finite"),
        ([np.zeros(5, np.int64)], "must be int16 or float"),
        ([np.zeros((5, 2))], r"must be .*, got shape \(5, 2\)"),
    ],
)
def test_what_is_no_clip_is_refused(waveforms, sentence):
    with pytest.raises(InputError, match=sentence):
        as_clips(waveforms, 8000, 8000)


def test_predicting_leaves_the_callers_random_numbers_alone(bundles):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    load(bundles["train"], device="cpu").predict(np.zeros(8000, np.float32), 8000)
    assert torch.equal(torch.rand(2), wanted)


@pytest.mark.parametrize("name", ["meta", "cuda:x", "cpu:0", "xla", "", "mkldnn"])
def test_a_device_that_computes_nothing_is_refused(name):
    with pytest.raises(InputError, match="device must be cpu, cuda, cuda:N or mps, got"):
        usable_compute(name)


def test_importing_study_stays_light_until_load_is_asked_for():
    code = "import sys, study; assert 'torch' not in sys.modules; print(study.load.__module__)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "study.bundle.predictor", done.stderr
    with pytest.raises(ImportError):
        from study import nothing  # noqa: F401


@pytest.mark.parametrize("likes", [True, False])
def test_networks_lie_in_memory_as_they_were_trained(bundles, monkeypatch, likes):
    on_gpu = dataclasses.replace(usable_compute("cpu"), channels_last=True)
    monkeypatch.setattr(predicting, "usable_compute", lambda name: on_gpu)
    monkeypatch.setattr(predicting, "likes_channels_last", lambda backbone: likes)
    made = [torch.nn.Conv2d(3, 4, 3) for _ in read_bundle(bundles["train"]).members]
    monkeypatch.setattr(predicting, "load_networks", lambda bundle: made)
    for network in load(bundles["train"]).networks:
        assert network.weight.is_contiguous(memory_format=torch.channels_last) is likes
