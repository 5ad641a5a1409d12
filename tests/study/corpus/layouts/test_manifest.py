"""A table of the clips: its separators and columns, where the audio lies, and which table it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus, read_corpus
from study.corpus.audio.waveform_cache import cache_corpus
from support.laid_out import PAIRS, manifest

RATE = 8000


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


def test_a_column_called_name_lists_the_files_where_the_manifest_is_named(tmp_path: Path) -> None:
    lines = [f"{i}.wav,{label},{part}" for i, (label, part) in enumerate(PAIRS)]
    root = listed(tmp_path, header="name,label,split", lines=lines, name="clips.csv")
    assert len(read_corpus(root / "clips.csv").clips) == 4
    with pytest.raises(InputError, match="known layouts"):  # or it might list anything
        read_corpus(root)
    (root / "clips.csv").rename(root / "manifest.csv")
    assert len(read_corpus(root).clips) == 4


def test_a_column_called_name_beside_the_files_is_metadata(tmp_path: Path) -> None:
    lines = [f"{i}.wav,Anna,{label},{part}" for i, (label, part) in enumerate(PAIRS)]
    corpus = read_corpus(listed(tmp_path, header="file,name,label,split", lines=lines))
    assert corpus.clips[0].metadata == {"name": "Anna"}
