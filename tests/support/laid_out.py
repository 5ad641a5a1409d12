"""A corpus written out again in other layouts; imported, not collected."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from study.corpus import Corpus

# Labels and partitions of the smallest corpus that there may be.
PAIRS = [("yes", "train"), ("no", "train"), ("yes", "devel"), ("no", "devel")]


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


LAID_OUT: dict[str, Callable[[Corpus, Path], None]] = {
    "compare2021": compare2021,
    "manifest": manifest,
    "folders": folders,
    "audformat": audformat_database,
}
