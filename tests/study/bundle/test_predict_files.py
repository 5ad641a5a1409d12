"""`spectune predict`: folders, files, manifests and names on standard input become predictions."""

from __future__ import annotations

import csv
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics import confusion_matrix as sklearn_matrix

from search_spaces import InputError
from study import load
from study.bundle.predict_files import decoding, predict_decoded, predict_files
from study.bundle.predict_inputs import Item, collect
from study.bundle.predictions_table import figures_lines
from study.bundle.predictor import Predictor
from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import cache_corpus, default_cache_root
from study.corpus.layouts.rows import split_segment
from study.files import predictions_csv
from study.metrics import interval
from support.finished_study import waveforms_of
from support.laid_out import write_csv


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
    (tmp_path / "m.csv").write_text("file,label\na.wav,x\n./a.wav,y\n")
    with pytest.raises(InputError, match=r"^\./a\.wav: is given twice"):
        collect([str(tmp_path / "m.csv")], stdin=[])
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


def labelled(synthetic, folder, *, n=12):
    """A manifest of test clips with labels in a column `truth`, and what their labels are."""
    corpus = read_corpus(synthetic)
    with (synthetic / "lab/test_labels.csv").open() as file:
        truth = {row["file_name"]: row["label"] for row in csv.DictReader(file)}
    clips = corpus.partition("test")[:n]
    rows = [["file", "truth", "label", "speaker", "gender"]]
    for i, clip in enumerate(clips):
        rows.append([str(clip.path), truth[clip.file_name], "x", f"s{i % 6}", "=f"])
    rows[2][1], rows[3][1] = "", "maybe"
    write_csv(folder / "labelled.csv", rows)
    return folder / "labelled.csv", rows[1:]


def test_a_labelled_table_tells_uar_interval_and_confusion_and_keeps_its_columns(
    bundles, synthetic, tmp_path, capsys
):
    path, rows = labelled(synthetic, tmp_path)
    items = collect([str(path)], stdin=[], label_column="truth")
    out = tmp_path / "out.csv"
    assert predict_files(bundles["train"], items, output=out, device="cpu") == 0
    with out.open() as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        "file_name", "label", "prediction", "prob_clear", "prob_mask", "label (as given)",
        "speaker", "gender",
    ]  # fmt: skip
    assert [row["label"] for row in found] == [row[1] for row in rows]
    assert {(row["label (as given)"], row["gender"]) for row in found} == {("x", "'=f")}
    assert [row["speaker"] for row in found] == [row[3] for row in rows]
    judged = [row for row in found if row["label"] in ("clear", "mask")]
    labels, guesses = ([row[key] for row in judged] for key in ("label", "prediction"))
    told = capsys.readouterr().err.splitlines()
    wanted = interval(labels, guesses, [row["speaker"] for row in judged]).sentence()
    assert wanted in told
    assert f"UAR {100 * balanced_accuracy_score(labels, guesses):.1f} %" in wanted
    matrix = [line.split()[1:] for line in told[told.index(wanted) + 2 :][:2]]
    assert matrix == sklearn_matrix(labels, guesses, labels=["clear", "mask"]).astype(str).tolist()
    assert "1 clip with a label that is no class of the bundle in no figure: 'maybe' (1)" in told


def test_without_labels_nothing_is_told_of_them():
    blind = [Item(f"{i}.wav", Path(f"{i}.wav")) for i in range(3)]
    assert figures_lines(blind, ("a", "b"), np.full((3, 2), 0.5)) == []
    other = [dataclasses.replace(item, label="c") for item in blind]
    (told,) = figures_lines(other, ("a", "b"), np.full((3, 2), 0.5))
    assert told == "3 clips with a label that is no class of the bundle in no figure: 'c' (3)"


def test_a_table_of_few_speakers_is_not_told_what_a_study_could_do():
    items = [Item(f"{i}.wav", Path(f"{i}.wav"), label="a", speaker=f"s{i % 2}") for i in range(4)]
    told = figures_lines(items, ("a", "b"), np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]]))[0]
    assert told.endswith("(2 speakers, 4 clips; no interval: 2 speakers, and it takes at least 5)")


def test_a_label_column_must_be_there(synthetic, tmp_path):
    path, _ = labelled(synthetic, tmp_path, n=4)
    with pytest.raises(InputError, match="needs the column 'mood' of --label-column, got file, t"):
        collect([str(path)], stdin=[], label_column="mood")
    with pytest.raises(InputError, match="needs the column '' of --label-column"):
        collect([str(path)], stdin=[], label_column="")
    for option in ({"label_column": "truth"}, {"audio": tmp_path}):
        with pytest.raises(InputError, match=r"^--(label-column|audio): is of a manifest"):
            collect([str(tmp_path)], stdin=[], **option)
    (tmp_path / "twice.csv").write_text("file,a,a\nx.wav,1,2\n")
    with pytest.raises(InputError, match="must have one column 'a', got 2"):
        collect([str(tmp_path / "twice.csv")], stdin=[])


def test_windows_are_rows_with_their_times_and_average_to_the_clip(bundles, tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "long.wav", 0.1 * rng.standard_normal(30_000), 8000)
    soundfile.write(tmp_path / "short.wav", 0.1 * rng.standard_normal(2000), 8000)
    write_csv(
        tmp_path / "m.csv",
        [["file", "start", "end"], ["long.wav", "0 days 00:00:01", "3.5"], ["short.wav", "", ""]],
    )
    items = collect([str(tmp_path / "m.csv")], stdin=[])
    for windows in (False, True):
        out = tmp_path / f"{windows}.csv"
        predict_files(bundles["train"], items, output=out, device="cpu", windows=windows)
    clips, rows = (
        list(csv.DictReader((tmp_path / f"{name}.csv").open())) for name in ("False", "True")
    )
    assert [row["file_name"] for row in clips] == ["long.wav#t=1,3.5", "short.wav"]
    assert [row["start"] for row in clips] == ["0 days 00:00:01", ""]
    window = load(bundles["train"], device="cpu").window / 8000
    long = [row for row in rows if row["file_name"].startswith("long")]
    assert (float(long[0]["start"]), float(long[-1]["end"])) == (1, 3.5)
    for row in long:
        start, end = float(row["start"]), float(row["end"])
        assert end - start == pytest.approx(window)
        assert split_segment(row["file_name"]) == ("long.wav", start, end)
    assert rows[-1]["file_name"] == "short.wav#t=0,0.25"
    mean = np.mean([float(row["prob_mask"]) for row in long])
    assert float(clips[0]["prob_mask"]) == pytest.approx(mean, abs=1e-5)
    assert collect([str(tmp_path / "True.csv")], stdin=[])[0].path == tmp_path / "long.wav"


def test_all_files_of_a_manifest_lie_in_one_place(tmp_path):
    (tmp_path / "wav").mkdir()
    for name in ("a.wav", "wav/b.wav"):
        soundfile.write(tmp_path / name, np.zeros(8), 8000)
    (tmp_path / "m.csv").write_text("file\nb.wav\na.wav\n")
    found = collect([str(tmp_path / "m.csv")], stdin=[])
    assert [item.path for item in found] == [tmp_path / "b.wav", tmp_path / "a.wav"]
    (tmp_path / "a.wav").unlink()
    found = collect([str(tmp_path / "m.csv")], stdin=[])
    assert [item.path for item in found] == [tmp_path / "wav/b.wav", tmp_path / "wav/a.wav"]
    found = collect([str(tmp_path / "m.csv")], stdin=[], audio=tmp_path)
    assert [item.path for item in found] == [tmp_path / "b.wav", tmp_path / "a.wav"]
    with pytest.raises(InputError, match="--audio must be a folder that exists, got"):
        collect([str(tmp_path / "m.csv")], stdin=[], audio=tmp_path / "none")


def test_a_table_of_predictions_is_a_manifest_again_and_again(tmp_path):
    soundfile.write(tmp_path / "=a.wav", np.zeros(8), 8000)
    names, classes = ["=a.wav#t=0,0.001", "=a.wav"], ("-1", "+1")
    text = predictions_csv(names, ["-1", ""], classes, np.array([[1, 0], [0, 1]]))
    for n in range(3):
        (tmp_path / "p.csv").write_text(text)
        items = collect([str(tmp_path / "p.csv")], stdin=[])
        assert [(item.name, item.label) for item in items] == list(
            zip(names, ["-1", ""], strict=True)
        )
        assert [item.end for item in items] == [0.001, None]
        assert {item.path for item in items} == {tmp_path / "=a.wav"}
        others = [item.others for item in items]
        text = predictions_csv(names, ["-1", ""], classes, np.array([[1, 0], [0, 1]]), others)
        assert text.partition("\n")[0].count("prediction (as given)") == n + 1


def test_channels_that_cancel_each_other_are_told_and_one_of_them_is_heard(
    bundles, tmp_path, capsys
):
    voice = 0.1 * np.random.default_rng(0).standard_normal(8000)
    for name, wave in {"alone": voice, "inverted": np.stack([voice, -voice], axis=1)}.items():
        soundfile.write(tmp_path / f"{name}.wav", wave, 8000, subtype="FLOAT")
    items = [Item(name, tmp_path / name) for name in ("alone.wav", "inverted.wav")]
    assert predict_files(bundles["train"], items, output=tmp_path / "out.csv", device="cpu") == 0
    told = "inverted.wav: its channels cancel each other; the loudest alone was heard"
    assert told in capsys.readouterr().err.splitlines()
    with (tmp_path / "out.csv").open() as file:
        alone, inverted = (float(row["prob_mask"]) for row in csv.DictReader(file))
    assert alone == pytest.approx(inverted, abs=1e-4)
