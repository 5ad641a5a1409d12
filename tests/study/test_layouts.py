"""One corpus in every layout gives the same clips; and what each layout refuses."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.errors import InputError
from study.cache import cache_corpus
from study.corpus import Clip, Corpus, read_corpus
from study.layouts import LAYOUTS

RATE = 8000


@pytest.fixture(scope="module")
def truth(synthetic: Path) -> Corpus:
    return read_corpus(synthetic)


def write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def copy_audio(corpus: Corpus, folder: Path) -> None:
    folder.mkdir(parents=True)
    for clip in corpus.clips:
        shutil.copy(clip.path, folder / clip.file_name)


def compare2021(corpus: Corpus, root: Path) -> None:
    copy_audio(corpus, root / "wav")
    for name in ("train", "devel", "test"):
        rows = [[c.file_name, c.label or "?", c.speaker or ""] for c in corpus.partition(name)]
        write_csv(root / f"lab/{name}.csv", [["filename", "label", "speaker_id"], *rows])


def manifest(corpus: Corpus, root: Path) -> None:
    copy_audio(corpus, root / "audio")
    splits = {"train": "train", "devel": "dev", "test": "test"}
    rows = [
        [f"audio/{c.file_name}", c.label or "?", splits[c.partition], c.speaker or ""]
        for c in corpus.clips
    ]
    write_csv(root / "all.csv", [["path", "label", "split", "speaker_id"], *rows])


def folders(corpus: Corpus, root: Path) -> None:
    rows = []
    for clip in corpus.clips:
        name = "/".join(filter(None, [clip.partition, clip.label, clip.file_name]))
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip.path, root / name)
        rows.append([name, clip.speaker or ""])
    write_csv(root / "speakers.csv", [["file_name", "speaker"], *rows])


def audformat_database(corpus: Corpus, root: Path) -> None:
    audformat = pytest.importorskip("audformat")
    copy_audio(corpus, root / "wav")
    database = audformat.Database("toy")
    database.schemes["mask"] = audformat.Scheme("str", labels=list(corpus.classes))
    database.schemes["speaker"] = audformat.Scheme(
        "str", labels={c.speaker: {"gender": "f"} for c in corpus.clips}
    )
    for name, kind in (("train", "train"), ("devel", "dev"), ("test", "test")):
        clips = corpus.partition(name)
        database.splits[kind] = audformat.Split(kind)
        index = audformat.filewise_index([f"wav/{c.file_name}" for c in clips])
        table = database[f"mask.{kind}"] = audformat.Table(index, split_id=kind)
        table["mask"] = audformat.Column(scheme_id="mask")
        table["mask"].set([c.label for c in clips])
    index = audformat.filewise_index([f"wav/{c.file_name}" for c in corpus.clips])
    database["files"] = audformat.Table(index)
    database["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    database["files"]["speaker"].set([c.speaker for c in corpus.clips])
    database.save(str(root))


def what_they_are(clips: Iterable[Clip]) -> list[tuple[object, ...]]:
    return sorted(
        (Path(c.file_name).name, c.path.read_bytes(), c.label or "?", c.partition, c.speaker)
        for c in clips
    )


@pytest.mark.parametrize(
    ("lay_out", "name"),
    [
        (compare2021, "compare2021"),
        (manifest, "manifest"),
        (folders, "folders"),
        (audformat_database, "audformat"),
    ],
)
def test_every_layout_is_recognised_and_gives_the_same_clips(
    truth: Corpus, tmp_path: Path, lay_out: Callable[[Corpus, Path], None], name: str
) -> None:
    lay_out(truth, tmp_path / "c")
    corpus = read_corpus(tmp_path / "c")
    assert corpus.layout == name
    assert corpus.classes == truth.classes
    assert what_they_are(corpus.clips) == what_they_are(truth.clips)
    if name == "audformat":
        assert {clip.metadata["gender"] for clip in corpus.clips} == {"f"}


def test_the_names_of_layouts_are_unique_and_described() -> None:
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    assert all(layout.shape for layout in LAYOUTS)


def test_a_layout_may_be_named_and_a_wrong_name_is_told_the_right_ones(
    truth: Corpus, tmp_path: Path
) -> None:
    folders(truth, tmp_path / "c")
    write_csv(tmp_path / "c/other.csv", [["file", "label"], ["train/mask/x.wav", "a"]])
    assert read_corpus(tmp_path / "c", layout="folders").layout == "folders"
    with pytest.raises(InputError, match=r"got 'folder' \(did you mean folders\?\)"):
        read_corpus(tmp_path / "c", layout="folder")


def joined(corpus: Corpus, root: Path, suffix: str = "wav") -> Path:
    """One long file per speaker and a manifest of segments, in the corpus's order."""
    (root / "long").mkdir(parents=True)
    parts: dict[str, list[np.ndarray]] = {}
    rows = []
    for clip in corpus.clips:
        wave, rate = soundfile.read(clip.path, dtype="int16")
        held = parts.setdefault(str(clip.speaker), [])
        start = sum(map(len, held)) / rate
        held.append(wave)
        times = [repr(start), repr(start + len(wave) / rate)]
        name = f"long/{clip.speaker}.{suffix}"
        session = "morning" if clip.label == "mask" else ""
        rows.append([name, clip.label or "?", clip.partition, str(clip.speaker), *times, session])
    for speaker, held in parts.items():
        soundfile.write(root / f"long/{speaker}.{suffix}", np.concatenate(held), RATE)
    columns = ["file", "label", "subset", "speaker", "start", "end", "session"]
    write_csv(root / "manifest.csv", [columns, *rows])
    return root / "manifest.csv"


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_segments_of_long_files_are_the_clips_they_were_cut_from(
    truth: Corpus, tmp_path: Path, suffix: str
) -> None:
    path = joined(truth, tmp_path / "c", suffix)
    corpus = read_corpus(path)
    assert corpus.root == path.parent
    assert [c.label for c in corpus.clips] == [c.label for c in truth.clips]
    assert len({c.file_name for c in corpus.clips}) == len(truth.clips)
    assert corpus.clips[0].file_name == f"long/{truth.clips[0].speaker}.{suffix}#t=0,1"
    assert {c.metadata.get("session") for c in corpus.partition("train")} == {"morning", None}
    whole = cache_corpus(truth, RATE, tmp_path / "whole", workers=1)
    cut = cache_corpus(corpus, RATE, tmp_path / "cut", workers=2)
    np.testing.assert_array_equal(cut.clips.samples, whole.clips.samples)
    assert len(set(cut.digests)) == len(truth.clips)
    assert "the clips are parts of 8 files" in cut.summary()
    assert "metadata: session (1 value)" in cut.summary()


@pytest.mark.parametrize(
    ("start", "end"), [("-1", "1"), ("1", "1"), ("2", "1"), ("x", "1"), ("nan", "1"), ("0", "inf")]
)
def test_times_that_make_no_sense_are_refused(tmp_path: Path, start: str, end: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(80), RATE)
    rows = [["file_name", "label", "start", "end"], ["a.wav", "yes", start, end]]
    write_csv(tmp_path / "m.csv", rows)
    with pytest.raises(InputError, match=r"m\.csv line 2: a segment must have start and end in s"):
        read_corpus(tmp_path)


def test_a_segment_after_the_end_of_its_file_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 0.1), RATE)
    rows = [["a.wav", label, part, str(i / 10), ""] for i, (label, part) in enumerate(PAIRS)]
    late = [["a.wav", "yes", "train", "0.9", "1.2"], ["a.wav", "yes", "train", "1.5", ""]]
    columns = ["file_name", "label", "partition", "start", "end"]
    write_csv(tmp_path / "m.csv", [columns, *rows, *late])
    with pytest.raises(InputError) as caught:
        cache_corpus(read_corpus(tmp_path), RATE, tmp_path / "cache", workers=1)
    told = [problem.rpartition("got ")[2] for problem in caught.value.problems]
    assert told == [
        "one with a segment from 0.9 to 1.2 s after its 1 s",
        "one with a segment from 1.5 to its end after its 1 s",
    ]


PAIRS = [("yes", "train"), ("no", "train"), ("yes", "devel"), ("no", "devel")]


def listed(root: Path, *, header: str, lines: Sequence[str], name: str = "m.csv") -> Path:
    root.mkdir(exist_ok=True, parents=True)
    for i in range(4):
        soundfile.write(root / f"{i}.wav", np.zeros(8), RATE)
    (root / name).write_text("\n".join([header, *lines]), "utf-8")
    return root


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_manifest_may_be_separated_by_semicolons_or_tabs(tmp_path: Path, mark: str) -> None:
    lines = [mark.join([f"{i}.wav", label, part]) for i, (label, part) in enumerate(PAIRS)]
    header = mark.join(["filename", "label", "split"])
    assert len(read_corpus(listed(tmp_path, header=header, lines=lines)).clips) == 4


def test_audio_may_lie_in_wav_beside_the_manifest(tmp_path: Path) -> None:
    root = listed(
        tmp_path,
        header="filename,label,split",
        lines=[f"{i}.wav,{label},{part}" for i, (label, part) in enumerate(PAIRS)],
    )
    (root / "wav").mkdir()
    for path in list(root.glob("*.wav")):
        path.rename(root / "wav" / path.name)
    assert read_corpus(root).clips[0].path == root / "wav/0.wav"


def test_the_label_may_be_in_a_column_of_another_name(tmp_path: Path) -> None:
    lines = [f"{i}.wav,{i},{label},{part}" for i, (label, part) in enumerate(PAIRS)]
    root = listed(tmp_path, header="file,label,emotion,split", lines=lines)
    corpus = read_corpus(root, label_column="emotion")
    assert corpus.classes == ("no", "yes")
    assert corpus.clips[3].metadata == {"label (as written)": "3"}
    with pytest.raises(InputError, match="must have one column 'mood'"):
        read_corpus(root, label_column="mood", layout="manifest")


def test_of_two_manifests_one_must_be_named(tmp_path: Path) -> None:
    lines = [f"{i}.wav,{label},{part}" for i, (label, part) in enumerate(PAIRS)]
    listed(tmp_path, header="file,label,split", lines=lines, name="a.csv")
    root = listed(tmp_path, header="file,label,split", lines=lines[:3], name="b.csv")
    with pytest.raises(
        InputError, match=r"`corpus:` must name the CSV that is meant, got a\.csv, "
    ):
        read_corpus(root)
    assert len(read_corpus(root / "b.csv").clips) == 3
    (root / "a.csv").rename(root / "manifest.csv")
    assert len(read_corpus(root).clips) == 4


def test_a_corpus_without_partitions_is_told_how_to_make_them(tmp_path: Path) -> None:
    lines = [f"{i}.wav,{label}" for i, (label, _) in enumerate(PAIRS)]
    with pytest.raises(InputError, match="`spectune partition` makes partitions by speaker"):
        read_corpus(listed(tmp_path, header="file,label", lines=lines))


def test_class_folders_alone_are_a_corpus_without_partitions(tmp_path: Path) -> None:
    for name in ("yes/a.wav", "no/deep/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        soundfile.write(tmp_path / name, np.zeros(8), RATE)
    partitions = tmp_path / "p.csv"
    write_csv(partitions, [["file_name", "partition"], ["yes/a.wav", "train"]])
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path, partitions=partitions)
    assert "none for 'no/deep/b.wav'" in caught.value.problems[0]
    assert any("train must have at least 2 classes, got 'yes'" in p for p in caught.value.problems)


def test_a_folder_that_nothing_recognises_is_told_what_is_known_and_what_is_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n")
    soundfile.write(tmp_path / "loose.wav", np.zeros(8), RATE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path)
    (told,) = caught.value.problems
    assert all(layout.name in told for layout in LAYOUTS)
    assert told.endswith(
        "there are 1 .wav files; folders empty; notes.csv with the columns 'a', 'b'"
    )


OWN = """
def load(folder):
    for path in sorted((folder / "wav").iterdir()):
        kind, _, number = path.stem.partition("_")
        label = None if kind == "test" else LABELS[path.name]
        yield {"file": f"wav/{path.name}", "label": label, "split": kind, "number": int(number)}

def broken(folder):
    return [{"file": 3}, 4, {"label": "x"}]

def raises(folder):
    raise KeyError("no such thing")
def leaves(root):
    raise SystemExit(0)
"""


def test_a_persons_own_function_may_list_the_clips(truth: Corpus, tmp_path: Path) -> None:
    labels = {clip.file_name: clip.label for clip in truth.clips}
    (tmp_path / "mine.py").write_text(f"LABELS = {labels!r}\n{OWN}")
    corpus = read_corpus(truth.root, layout="mine.py:load", base=tmp_path)
    assert corpus.layout == "mine.py:load"
    found = {(Path(c.file_name).name, c.label, c.partition) for c in corpus.clips}
    assert found == {(c.file_name, c.label, c.partition) for c in truth.clips}
    assert corpus.clips[0].metadata == {"number": "1"}


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        ("none.py:load", "must name a Python file that exists"),
        ("mine.py:nothing", "must have a function 'nothing', got None"),
        ("mine.py:LABELS", "must have a function 'LABELS'"),
        ("mine.py:raises", "mine.py:raises raised KeyError: 'no such thing'"),
        ("mine.py:leaves", "mine.py:leaves raised SystemExit: 0"),
        ("wrong.py:load", "SyntaxError"),
        ("mine.py:broken", "the function must return a mapping per clip, got 4"),
        ("mine.py:broken", "a clip must have a file_name, got {'label': 'x'}"),
    ],
)
def test_what_is_wrong_with_an_own_function_is_a_sentence(
    tmp_path: Path, layout: str, told: str
) -> None:
    (tmp_path / "mine.py").write_text(f"LABELS = {{}}\n{OWN}")
    (tmp_path / "wrong.py").write_text("def load(:\n")
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path / "c", layout=layout, base=tmp_path)
    assert told in str(caught.value)


def test_without_its_package_an_audformat_database_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "db.yaml").write_text("name: toy\n")
    code = (
        "import sys; sys.modules['audformat'] = None\n"
        "from pathlib import Path; from study.corpus import read_corpus\n"
        "read_corpus(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "pip install 'spectune[audformat]'" in done.stderr.splitlines()[-1]


def test_an_audformat_table_is_never_unpickled(truth: Corpus, tmp_path: Path) -> None:
    audformat_database(truth, tmp_path / "c")
    (tmp_path / "c/db.mask.dev.pkl").write_bytes(b"")
    with pytest.raises(InputError, match=r"db\.mask\.dev\.pkl: is never unpickled"):
        read_corpus(tmp_path / "c")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("name: !!python/object/apply:os.mkdir [HERE]", "could not determine a constructor"),
        ("a: &a [1]\nb: *a", "YAML aliases"),
        ("[", "must be the header of an audformat database"),
    ],
)
def test_a_hostile_audformat_header_runs_nothing(tmp_path: Path, header: str, told: str) -> None:
    pytest.importorskip("audformat")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/db.yaml").write_text(header.replace("HERE", str(tmp_path / "made")))
    with pytest.raises(InputError, match=told):
        read_corpus(tmp_path / "c")
    assert not (tmp_path / "made").exists()


def test_the_label_column_of_an_audformat_database_may_have_to_be_said(
    truth: Corpus, tmp_path: Path
) -> None:
    audformat = pytest.importorskip("audformat")
    audformat_database(truth, tmp_path / "c")
    database = audformat.Database.load(str(tmp_path / "c"))
    for kind in ("train", "dev", "test"):
        table = database[f"mask.{kind}"]
        table["age"] = audformat.Column()
        table["age"].set(["3"] * len(table))
    database.save(str(tmp_path / "c"))
    with pytest.raises(InputError, match=r"label_column must say which column .*: age, mask"):
        read_corpus(tmp_path / "c")
    corpus = read_corpus(tmp_path / "c", label_column="mask")
    assert corpus.classes == truth.classes
    assert corpus.clips[0].metadata["age"] == "3"


def test_segments_of_an_audformat_database_are_read_in_seconds(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("toy")
    for kind in ("train", "dev"):
        database.splits[kind] = audformat.Split(kind)
        index = audformat.segmented_index(
            [f"{kind}.wav"] * 3, ["0s", "250ms", "1s"], ["1s", "1s", None]
        )
        table = database[kind] = audformat.Table(index, split_id=kind)
        table["mask"] = audformat.Column()
        table["mask"].set(["a", "b", "a"])
        soundfile.write(tmp_path / f"{kind}.wav", np.zeros(2 * RATE), RATE)
    database.save(str(tmp_path))
    train = read_corpus(tmp_path).partition("train")
    assert [(c.start, c.end) for c in train] == [(0.0, 1.0), (0.25, 1.0), (1.0, None)]
    assert [c.file_name for c in train][1:] == ["train.wav#t=0.25,1", "train.wav#t=1"]


def test_the_digits_are_laid_out_from_their_own_folder(truth: Corpus, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (recordings / "README.txt").write_text("not a recording")
    for i, clip in enumerate(truth.clips[:36]):
        speaker = ("george", "lucas", "theo")[i % 3]
        shutil.copy(clip.path, recordings / f"{i // 3 % 4}_{speaker}_{i}.wav")
    arguments = [sys.executable, "-m", "study.fsdd", str(recordings)]
    for name in ("a", "b"):
        done = subprocess.run([*arguments, str(tmp_path / name)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    one, two = (read_corpus(tmp_path / name) for name in ("a", "b"))
    assert [c.path.read_bytes() for c in one.clips] == [c.path.read_bytes() for c in two.clips]
    speakers = {c.partition: {d.speaker for d in one.partition(c.partition)} for c in one.clips}
    assert speakers == {"train": {"theo"}, "devel": {"george"}, "test": {"lucas"}}
    assert one.classes == ("one", "three", "two", "zero")
    with (tmp_path / "a/lab/test_labels.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 12
    originals = {path.read_bytes(): path.name for path in recordings.glob("*.wav")}
    words = {"zero": "0", "one": "1", "two": "2", "three": "3"}
    for clip in one.partition("train"):
        assert originals[clip.path.read_bytes()][0] == words[str(clip.label)]
    again = subprocess.run([*arguments, str(tmp_path / "a")], capture_output=True, check=False)
    assert (again.returncode, b"exists already" in again.stderr) == (2, True)
    wrong = [*arguments[:-1], str(tmp_path / "a"), str(tmp_path / "c")]
    refused = subprocess.run(wrong, capture_output=True, check=False)
    assert b"got speakers none" in refused.stderr


def test_metadata_changes_the_digest_of_a_corpus_and_not_its_audio(
    truth: Corpus, tmp_path: Path
) -> None:
    manifest(truth, tmp_path / "c")
    first = cache_corpus(read_corpus(tmp_path / "c"), RATE, tmp_path / "cache", workers=1)
    text = (tmp_path / "c/all.csv").read_text().splitlines()
    more = ["path,label,split,speaker_id,gender", *(f"{line},f" for line in text[1:])]
    (tmp_path / "c/all.csv").write_text("\n".join(more))
    again = cache_corpus(read_corpus(tmp_path / "c"), RATE, tmp_path / "cache", command=("false",))
    assert again.digests == first.digests
    assert again.digest != first.digest


def test_the_corpus_description_counts_for_every_layout(truth: Corpus, tmp_path: Path) -> None:
    manifest(truth, tmp_path / "c")
    (tmp_path / "c/corpus.json").write_text(json.dumps({"simulated": True, "name": "Toy"}))
    corpus = read_corpus(tmp_path / "c")
    assert (corpus.name, corpus.simulated) == ("Toy", True)


def test_a_check_finds_segments_unchanged_until_their_file_changes(
    truth: Corpus, tmp_path: Path
) -> None:
    from study.check import check_corpus
    from study.check_listing import Reading

    reading = Reading(corpus=joined(truth, tmp_path / "c"))
    corpus = read_corpus(reading.corpus)
    cached = cache_corpus(corpus, RATE, tmp_path / "cache", workers=1)
    names = [clip.file_name for clip in corpus.clips]
    expected = dict(zip(names, cached.digests, strict=True))

    def kinds() -> set[str]:
        found = check_corpus(reading, cache_root=tmp_path / "cache", expected=expected)
        return {finding.kind for finding in found.findings}

    assert "changed since" not in kinds()
    path = corpus.clips[0].path
    wave, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, wave[::-1], rate)
    assert "changed since" in kinds()
