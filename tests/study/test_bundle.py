"""Bundles of a real tiny study: equal to what is stored, and refused where anything is wrong."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from finished_study import config_of, copy_study
from safetensors.torch import load_file, save_file

from runners.device import usable_compute
from search_spaces import InputError
from search_spaces.spec import TrialSpec
from study import load
from study.audio import decode, resample
from study.bundle import read_bundle
from study.bundle_networks import tensor_shapes
from study.cache import cache_corpus, default_cache_root
from study.corpus import read_corpus
from study.export import export_bundle
from study.opening import plan_study
from study.predict_files import predict_files, predict_items
from study.predict_inputs import Item, collect
from study.predicting import as_clips
from study.results import read_results
from study.submission import blind_probabilities as stored_test
from study.torch_export import export_programs


@pytest.fixture(scope="module")
def bundles(refitted, synthetic, tmp_path_factory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("bundles")

    def plan():
        return plan_study(config_of(synthetic), base=refitted.parent.parent)

    return {
        protocol: export_bundle(
            read_results(refitted),
            base / protocol,
            protocol=protocol,
            plan=plan,
            echo=lambda text: None,
        )
        for protocol in ("train", "train+devel")
    }


def waveforms_of(corpus: Path, partition: str) -> list[np.ndarray]:
    clips = read_corpus(corpus).partition(partition)
    return [soundfile.read(clip.path, dtype="int16")[0] for clip in clips]


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


def test_predicting_leaves_the_callers_random_numbers_alone(bundles):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    load(bundles["train"], device="cpu")
    assert torch.equal(torch.rand(2), wanted)


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
        ([np.zeros(0)], "clip 0: must be"),
        ([np.zeros(5), np.full(5, np.nan)], "clip 1: must be finite"),
        ([np.zeros(5, np.int64)], "must be int16 or float"),
        ([np.zeros((5, 2))], "must be"),
    ],
)
def test_what_is_no_clip_is_refused(waveforms, sentence):
    with pytest.raises(InputError, match=sentence):
        as_clips(waveforms, 8000, 8000)


def test_any_rate_length_and_channel_count_is_predicted_and_the_unreadable_listed(
    bundles, tmp_path, capsys
):
    rng = np.random.default_rng(0)
    clips = tmp_path / "clips" / "inner"
    clips.mkdir(parents=True)
    shapes = {"short": (400, 1, 8000), "long": (80000, 1, 8000), "stereo": (20000, 2, 44100)}
    for name, (n, channels, rate) in shapes.items():
        noise = 0.1 * rng.standard_normal((n, channels))
        soundfile.write(clips / f"{name}.flac", noise, rate)
    (clips / "broken.wav").write_bytes(b"RIFF no audio")
    (clips / "notes.txt").write_text("x")
    items = collect([str(tmp_path / "clips")], stdin=[])
    assert [item.name for item in items] == [
        f"inner/{name}" for name in ("broken.wav", "long.flac", "short.flac", "stereo.flac")
    ]
    output = tmp_path / "out.csv"
    assert predict_files(bundles["train"], items, output=output, device="cpu") == 1
    lines = output.read_text().splitlines()
    assert lines[0] == "file_name,label,prediction,prob_clear,prob_mask"
    assert [line.split(",")[0] for line in lines[1:]] == [
        f"inner/{name}.flac" for name in ("long", "short", "stereo")
    ]
    assert "skipped inner/broken.wav: must be an audio file" in capsys.readouterr().err
    good = [item for item in items if item.name != "inner/broken.wav"]
    assert predict_files(bundles["train"], good, output=None, device="cpu") == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_files_give_what_their_waveforms_give(bundles, synthetic):
    corpus = read_corpus(synthetic)
    predictor = load(bundles["train+devel"], device="cpu")
    items = [Item(clip.file_name, clip.path) for clip in corpus.partition("test")]
    found, faults = predict_items(predictor, items)
    assert faults == {}
    wanted = predictor.predict(waveforms_of(synthetic, "test"), 8000)
    assert found == pytest.approx(wanted, abs=1e-6)
    cached = cache_corpus(corpus, 8000, default_cache_root())
    first = corpus.clips.index(corpus.partition("test")[0])
    assert predictor.predict([cached.clips.waveform(first)], 8000) == pytest.approx(
        wanted[:1], abs=1e-6
    )


def test_a_manifest_and_standard_input_name_clips(synthetic, tmp_path):
    items = collect([str(synthetic / "lab" / "test_labels.csv")], stdin=[])
    assert all(item.path.is_file() and item.label in ("clear", "mask") for item in items)
    file = items[0].path
    assert collect(["-"], stdin=[f"{file}\n", "\n"]) == [Item(str(file), file)]
    (tmp_path / "m.csv").write_text("label\nx\n")
    with pytest.raises(InputError, match="needs a column file_name"):
        collect([str(tmp_path / "m.csv")], stdin=[])
    with pytest.raises(InputError, match="no such file"):
        collect([str(tmp_path / "none.wav")], stdin=[])
    with pytest.raises(InputError, match="given twice"):
        collect([str(file), str(file)], stdin=[])
    with pytest.raises(InputError, match="no audio files"):
        collect(["-"], stdin=[])


def test_a_manifest_of_segments_predicts_each_part_of_a_file(bundles, synthetic, tmp_path):
    clips = [clip.path for clip in read_corpus(synthetic).partition("test")[:3]]
    waves = [soundfile.read(clip)[0] for clip in clips]
    ends = np.cumsum([0, *(wave.size for wave in waves)])
    soundfile.write(tmp_path / "long.wav", np.concatenate(waves), 8000)
    rows = [f"long.wav,x,{a / 8000},{b / 8000}" for a, b in itertools.pairwise(ends)]
    manifest = tmp_path / "m.csv"
    manifest.write_text("\n".join(["file_name,label,start,end", *rows]))
    items = collect([str(manifest)], stdin=[])
    assert items[0].name.startswith("long.wav#t=0,")
    predictor = load(bundles["train"], device="cpu")
    found, faults = predict_items(predictor, items)
    assert faults == {}
    alone, _ = predict_items(predictor, [Item(str(clip), clip) for clip in clips])
    assert found == pytest.approx(alone, abs=1e-6)
    manifest.write_text("file_name,start,end\nlong.wav,2,1\n")
    with pytest.raises(InputError, match=r"m\.csv:2: a segment must have start and end in seconds"):
        collect([str(manifest)], stdin=[])


def test_names_on_standard_input_must_be_utf_8(tmp_path):
    (tmp_path / "names").write_bytes(b"a.wav\n\xff.wav\n")
    told = pytest.raises(InputError, match="-: names must be UTF-8 text, got byte 0xff")
    with (tmp_path / "names").open(encoding="utf-8") as stdin, told:
        collect(["-"], stdin=stdin)


@pytest.mark.parametrize("name", ["meta", "cuda:x", "cpu:0", "xla", "", "mkldnn"])
def test_a_device_that_computes_nothing_is_refused(name):
    with pytest.raises(InputError, match="device must be cpu, cuda, cuda:N or mps, got"):
        usable_compute(name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_a_bundle_whose_weights_are_not_finite_or_overflow_predicts_nothing(
    bundles, tmp_path, value
):
    bundle = shutil.copytree(bundles["train"], tmp_path / "b")
    for member in read_bundle(bundle).members:
        tensors = load_file(member.path)
        tensors = {k: torch.full_like(t, value) if t.is_floating_point() else t
                   for k, t in tensors.items()}  # fmt: skip
        save_file(tensors, member.path)
        entries = json.loads((bundle / "bundle.json").read_text())["members"]
        for entry in entries:
            if entry["file"] == member.path.name:
                entry["sha256"] = hashlib.sha256(member.path.read_bytes()).hexdigest()
        change(bundle, members=entries)
    with pytest.raises(InputError, match="b: its networks must give finite probabilities, got NaN"):
        load(bundle, device="cpu").predict(np.ones((1, 8000)) / 9, 8000)


def change(bundle: Path, **values) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_member(bundle: Path, **values) -> None:
    plain = json.loads((bundle / "bundle.json").read_text())
    plain["members"][0] |= values
    change(bundle, members=plain["members"])


def first_file(bundle: Path) -> Path:
    return bundle / json.loads((bundle / "bundle.json").read_text())["members"][0]["file"]


def lacks_a_member(bundle: Path) -> None:
    first_file(bundle).unlink()


def has_another_hash(bundle: Path) -> None:
    path = first_file(bundle)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def climbs_out(bundle: Path) -> None:
    shutil.copy(first_file(bundle), bundle.parent / "outside.safetensors")
    change_member(bundle, file="../outside.safetensors")


def links_out(bundle: Path) -> None:
    path = first_file(bundle)
    outside = bundle.parent / "outside.safetensors"
    path.rename(outside)
    path.symlink_to(outside)


def huge_spec(**sections):
    def change_it(bundle: Path) -> None:
        plain = json.loads((bundle / "bundle.json").read_text())["members"][0]["spec"]
        change_member(bundle, spec=plain | sections)

    return change_it


def huge_header(bundle: Path) -> None:
    rewrite(bundle, struct.pack("<Q", 2**62) + b"{}")


def huge_tensor(bundle: Path) -> None:
    tensor = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}
    head = json.dumps({"front_end.mean": tensor}).encode()
    rewrite(bundle, struct.pack("<Q", len(head)) + head + b"0000")


def rewrite(bundle: Path, data: bytes) -> None:
    first_file(bundle).write_bytes(data)
    change_member(bundle, sha256=hashlib.sha256(data).hexdigest())


WRONG = {
    "lacks a member": (lacks_a_member, "the member .* is missing"),
    "has another hash": (has_another_hash, "must have the SHA-256 of bundle.json"),
    "is of another format": (lambda b: change(b, format=2), "format must be 1 .* got 2"),
    "climbs out": (climbs_out, "must be a .safetensors of the bundle, got '../outside"),
    "links out": (links_out, "must not link out of the bundle"),
    "is no JSON": (lambda b: (b / "bundle.json").write_text("{"), "cannot be read as JSON"),
    "is a list": (lambda b: (b / "bundle.json").write_text("[]"), "must hold a JSON object"),
    "has no description": (lambda b: (b / "bundle.json").unlink(), "is no bundle"),
    "has no members": (lambda b: change(b, members=[]), "members must be a list of 1 to"),
    "has no classes": (lambda b: change(b, classes=["a"]), "classes must be 2 to"),
    "lacks a key": (lambda b: change_member(b, spec=None), "is no description of a bundle"),
    "has an endless window": (lambda b: change(b, clip_seconds=1e9), r"clip_seconds must be in"),
    "has an absurd rate": (lambda b: change(b, sampling_rate=2**40), "sampling_rate must be"),
    "has a NaN weight": (lambda b: change_member(b, weight=float("nan")), "weights must be above"),
    "has a huge filter bank": (
        huge_spec(scale={"kind": "linear", "n_bands": 10**9}),
        "n_bands must be at most",
    ),
    "has a huge window": (
        huge_spec(channels={"kind": "mono", "window_ms": 1e12}),
        "a window must have at most",
    ),
    "has a huge network": (
        huge_spec(backbone={"kind": "vit_giant_patch14_224"}),
        "another network than",
    ),
    "names a hub": (huge_spec(backbone={"kind": "hf-hub:someone/evil"}), "unknown backbone"),
    "has a huge header": (huge_header, "is no safetensors file"),
    "claims a huge tensor": (huge_tensor, "claims the shape"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_bundle_is_refused_that(what, bundles, tmp_path):
    spoil, sentence = WRONG[what]
    bundle = tmp_path / "bundle"
    shutil.copytree(bundles["train+devel"], bundle)
    network_first(bundle)
    spoil(bundle)
    with pytest.raises(InputError, match=sentence) as caught:
        load(bundle, device="cpu")
    assert len(caught.value.problems) == 1
    assert "\n" not in caught.value.problems[0]


def network_first(bundle: Path) -> None:
    """Put a timm network first, so that its spec and file are the ones that are spoiled."""
    members = json.loads((bundle / "bundle.json").read_text())["members"]
    members.sort(key=lambda m: "band_svm" in m["name"])
    change(bundle, members=members)


def test_a_header_of_weights_tells_the_shapes(bundles):
    bundle = read_bundle(bundles["train"])
    member = bundle.members[0]
    shapes = tensor_shapes(member.path)
    assert shapes["front_end.mean"] == (
        1,
        TrialSpec.from_dict(member.spec.to_dict()).scale.n_bands,
        1,
    )


def test_a_fusion_written_before_there_were_rules_still_becomes_a_bundle(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path)
    path = folder / "ensemble" / "ensemble.json"
    plain = json.loads(path.read_text())
    for member in plain["members"]:
        del member["candidate"]
    path.write_text(json.dumps(plain | {"rule": None}))
    for protocol in ("train", "train+devel"):
        bundle = export_bundle(
            read_results(folder), tmp_path / protocol, protocol=protocol, plan=None, echo=str
        )
        assert load(bundle, device="cpu").predict(np.zeros(8000, np.float32), 8000).shape == (1, 2)


def test_an_export_does_not_write_over_something_else(refitted, bundles, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    options = {"protocol": "train", "plan": None, "echo": lambda text: None}
    with pytest.raises(InputError, match="is no bundle of this study"):
        export_bundle(read_results(refitted), tmp_path / "thesis", **options)
    assert (tmp_path / "thesis" / "thesis.tex").exists()
    first = export_bundle(read_results(refitted), tmp_path / "again", **options)
    assert export_bundle(read_results(refitted), tmp_path / "again", **options) == first
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["mine.txt", "mine.pt2", "inner"])
def test_an_export_keeps_what_a_person_put_into_the_bundle(refitted, bundles, tmp_path, name):
    target = shutil.copytree(bundles["train"], tmp_path / "b")
    options = {"protocol": "train", "plan": lambda: None, "echo": lambda text: None}
    first_file(target).with_suffix(".pt2").write_text("of --torch-export")
    export_bundle(read_results(refitted), target, **options)
    (target / name).mkdir()
    with pytest.raises(InputError, match=f"but the bundle to be replaced, got {name}; nothing"):
        export_bundle(read_results(refitted), target, **options)
    assert (target / name).is_dir()
    (tmp_path / "link").symlink_to(target)
    for odd in (tmp_path / "link", Path()):
        with pytest.raises(InputError, match="must be a folder of its own"):
            export_bundle(read_results(refitted), odd, **options)


def test_an_export_trains_dropped_weights_again(refitted, bundles, synthetic, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    results = read_results(folder)
    for member in results.ensemble.members:
        results.trial(member.trial).file("model.safetensors").unlink()
    again = export_bundle(
        results,
        tmp_path / "again",
        protocol="train",
        plan=lambda: plan_study(config_of(synthetic), base=tmp_path / "base"),
        echo=lambda text: None,
    )
    hashes = [
        [m["sha256"] for m in json.loads((b / "bundle.json").read_text())["members"]]
        for b in (again, bundles["train"])
    ]
    assert hashes[0] == hashes[1]
    assert "trained again, bit for bit" in (again / "README.md").read_text()


def test_the_readme_says_what_it_is_and_what_it_reached(bundles):
    text = (bundles["train+devel"] / "README.md").read_text()
    assert "trained on train and devel" in text
    assert "Simulated corpus" in text
    assert "apparent" in text
    assert "not scored" in text
    assert "chosen again without the clips that judge" in text  # the honest value


def test_importing_study_stays_light_until_load_is_asked_for():
    code = "import sys, study; assert 'torch' not in sys.modules; print(study.load.__module__)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "study.predicting", done.stderr
    with pytest.raises(ImportError):
        from study import nothing  # noqa: F401


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
