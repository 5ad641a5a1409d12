"""`spectune predict`: folders, files, manifests and names on standard input become predictions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import soundfile

from search_spaces import InputError
from study import load
from study.bundle.predict_files import decoding, predict_decoded, predict_files
from study.bundle.predict_inputs import Item, collect
from study.bundle.predictor import Predictor
from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import cache_corpus, default_cache_root
from support.finished_study import waveforms_of


def predict_items(predictor: Predictor, items: list[Item]):
    with decoding(items, predictor.sampling_rate) as decoded:
        return predict_decoded(predictor, decoded, lambda n: None)


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
