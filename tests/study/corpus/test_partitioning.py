"""Partitions made for a corpus that has none."""

import csv
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.grammar.errors import InputError
from study.corpus import make_partitions, read_corpus
from study.corpus.layouts import Row
from study.corpus.partition_file import read_partitions, write_partitions
from study.planning.init_study import init_study


def row(name: str, label: str | None, speaker: str | None = None, **more: str) -> Row:
    return Row(name, name, label, None, speaker, "m.csv", 2, metadata=more)


def voices(n: int, per_speaker: Sequence[int], labels: str = "ab") -> list[Row]:
    return [
        row(f"{s}-{i}.wav", labels[i % len(labels)], f"s{s:02d}", gender="fm"[s % 2])
        for s in range(n)
        for i in range(per_speaker[s % len(per_speaker)])
    ]


def sizes(rows: Sequence[Row], partitions: Mapping[str, str]) -> dict[str, int]:
    return dict(Counter(partitions[one.file_name] for one in rows))


@settings(max_examples=10)
@given(
    n=st.integers(3, 12),
    per_speaker=st.lists(st.integers(2, 6), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_no_speaker_is_in_two_partitions_and_every_clip_in_one(
    n: int, per_speaker: list[int], seed: int
) -> None:
    rows = voices(n, per_speaker)
    found = make_partitions(rows, seed=seed)
    assert found.by == "speaker"
    assert set(found.partitions) == {one.file_name for one in rows}
    of = {(one.speaker, found.partitions[one.file_name]) for one in rows}
    assert len(of) == n
    assert set(found.partitions.values()) == {"train", "devel", "test"}
    for name in ("train", "devel"):
        assert {r.label for r in rows if found.partitions[r.file_name] == name} == {"a", "b"}
    assert found.partitions == make_partitions(rows, seed=seed).partitions


def spread(rows: Sequence[Row], partitions: Mapping[str, str], share: Sequence[float]) -> float:
    """Weighted squared distance from the shares of each label, computed anew."""
    total = Counter(r.label for r in rows)
    held = Counter((partitions[r.file_name], r.label) for r in rows)
    names = ("train", "devel", "test")
    return sum(
        (held[name, label] - part * n) ** 2 / n
        for name, part in zip(names, share, strict=True)
        for label, n in total.items()
    )


def test_the_spread_of_labels_is_the_best_that_whole_speakers_allow() -> None:
    rng = np.random.default_rng(3)
    rows = [
        row(f"{s}-{i}.wav", "ab"[int(rng.random() < s / 8)], f"s{s}")
        for s in range(8)
        for i in range(int(rng.integers(4, 15)))
    ]
    share = (0.5, 0.25, 0.25)
    found = make_partitions(rows, shares=share, seed=1)
    best = np.inf
    for places in itertools.product(("train", "devel", "test"), repeat=8):
        tried = {r.file_name: places[int(str(r.speaker)[1:])] for r in rows}
        seen = {(tried[r.file_name], r.label) for r in rows}
        if len(set(places)) == 3 and len(seen & {*itertools.product(places, "ab")}) >= 4:
            whole = {*itertools.product(("train", "devel"), "ab")} <= seen
            best = min(best, spread(rows, tried, share)) if whole else best
    assert spread(rows, found.partitions, share) == pytest.approx(best)


def test_another_column_is_spread_evenly_too() -> None:
    rows = voices(20, [6])
    found = make_partitions(rows, stratify=["gender"], shares=(60, 20, 20))
    held = Counter((found.partitions[r.file_name], r.metadata["gender"]) for r in rows)
    assert held == {
        (name, gender): n for name, n in (("train", 36), ("devel", 12), ("test", 12))
        for gender in "fm"
    }  # fmt: skip


def test_clips_without_a_value_are_spread_evenly_too() -> None:
    rows = [row(f"{i}.wav", "a", mood="glad") if i % 2 else row(f"{i}.wav", "a") for i in range(40)]
    found = make_partitions(rows, stratify=["mood"])
    glad = [r for r in rows if r.metadata]
    assert sizes(glad, found.partitions) == {"train": 12, "devel": 4, "test": 4}


def test_another_seed_gives_other_partitions() -> None:
    rows = voices(12, [5])
    assert make_partitions(rows, seed=0).partitions != make_partitions(rows, seed=1).partitions


def test_without_speakers_clips_are_shared_out_one_by_one() -> None:
    rows = [row(f"{i}.wav", "a" if i % 10 else "rare") for i in range(1000)]
    found = make_partitions(rows)
    assert found.by == "clip"
    assert sizes(rows, found.partitions) == {"train": 600, "devel": 200, "test": 200}
    rare = [r for r in rows if r.label == "rare"]
    assert sizes(rare, found.partitions) == {"train": 60, "devel": 20, "test": 20}


def test_segments_of_one_file_stay_together_where_no_speaker_is_known() -> None:
    rows = [
        Row(f"{f}.wav#t={i},{i + 1}", f"{f}.wav", "ab"[i % 2], None, None, "m", 2, i, i + 1)
        for f in range(9)
        for i in range(4)
    ]
    found = make_partitions(rows)
    assert found.by == "file"
    assert len({(r.path, found.partitions[r.file_name]) for r in rows}) == 9


def test_what_is_blind_or_in_test_stays_in_test_and_the_rest_is_train_and_devel() -> None:
    rows = voices(8, [4])
    blind = [row(f"blind{i}.wav", None) for i in range(3)]
    there = [Row("t.wav", "t.wav", "a", "test", "other", "m", 2)]
    found = make_partitions([*rows, *blind, *there])
    assert found.n_kept == 4
    assert all(found.partitions[r.file_name] == "test" for r in [*blind, *there])
    assert sizes(rows, found.partitions) == {"train": 24, "devel": 8}


def test_a_speaker_on_both_sides_of_test_is_refused_but_for_single_clips() -> None:
    rows = [*voices(6, [4]), row("blind.wav", None, "s00")]
    with pytest.raises(InputError, match="speaker 's00' has clips that stay in test and others"):
        make_partitions(rows)
    assert make_partitions(rows, by="clip").partitions["blind.wav"] == "test"


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        (voices(2, [4]), {}, "3 partitions need at least 3 of 'speaker', got 2"),
        (voices(1, [4]), {"shares": (1, 1)}, "2 partitions need at least 2 of 'speaker', got 1"),
        (voices(5, [4]), {"by": "sesion"}, "every clip must have a 'sesion'"),
        (voices(5, [4]), {"stratify": ["Gender"]}, r"'Gender'.*did you mean gender"),
        (voices(5, [4]), {"shares": (1,)}, "shares must be two or three numbers"),
        (voices(5, [4]), {"shares": (1, 0, 1)}, "the first two above 0, got 1, 0, 1"),
        (voices(5, [4]), {"shares": (1, float("nan"))}, "shares must be"),
        ([*voices(5, [4]), row("x.wav", "a")], {}, "a 'speaker', got none for 'x.wav'"),
        ([row("x.wav", None)], {}, "there must be clips with labels outside of test"),
    ],
)
def test_what_cannot_be_divided_is_a_sentence(
    rows: list[Row], options: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        make_partitions(rows, **options)  # type: ignore[arg-type]


def test_partitions_are_written_down_and_read_back(tmp_path: Path) -> None:
    rows = [*voices(6, [4]), row('odd ",name.wav', None)]
    found = make_partitions(rows)
    path = tmp_path / "partitions.csv"
    write_partitions(path, rows, found.partitions, columns=["gender"])
    assert read_partitions(path, [r.file_name for r in rows]) == found.partitions
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert table[0] == {
        "file_name": "0-0.wav", "partition": found.partitions["0-0.wav"], "label": "a",
        "speaker": "s00", "gender": "f",
    }  # fmt: skip
    with pytest.raises(InputError, match="exists already"):
        write_partitions(path, rows, found.partitions)


def test_partitions_hold_no_formula_for_a_spreadsheet(tmp_path: Path) -> None:
    rows = [row(f"{sign}1+{i}.wav", label) for i, sign in enumerate("=+-@'") for label in "=x"]
    rows = list({one.file_name: one for one in rows}.values())
    path = tmp_path / "partitions.csv"
    partitions = {one.file_name: "train" for one in rows}
    write_partitions(path, rows, partitions, columns=["=A1"])  # type: ignore[arg-type]
    with path.open(newline="") as file:
        assert not [c for cells in csv.reader(file) for c in cells if c[:1] in ("=", "+", "-", "@")]
    assert read_partitions(path, list(partitions)) == partitions


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file_name,partition\nc.wav,train\n", "line 2: a clip must be one of the corpus, got 'c"),
        ("file_name,partition\na.wav,trian\n", "line 2: the partition must be train, devel"),
        ("file_name,partition\na.wav,dev\na.wav,dev\n", "line 3: a clip must be listed once"),
        ("file_name,part\na.wav,dev\n", r"one column 'partition' \(or split, subset\)"),
    ],
)
def test_a_wrong_partition_file_is_told_by_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        read_partitions(tmp_path / "p.csv", ["a.wav", "b.wav"])


def test_one_group_in_two_spellings_is_refused() -> None:
    rows = [
        Row(
            f"{i}.wav", f"{i}.wav", "ab"[i % 2], None, None, "m.csv", i, metadata={"session": value}
        )
        for i, value in enumerate(["1", "1.0", "2", "2", "3", "3"])
    ]
    with pytest.raises(InputError, match=r"sessions must differ in more than a decimal point"):
        make_partitions(rows, by="session")
    assert make_partitions(rows, by="clip").by == "clip"


def test_init_makes_partitions_for_class_folders_and_a_study_reads_them(tmp_path: Path) -> None:
    for i in range(40):
        path = tmp_path / f"clips/{('yes', 'no')[i % 2]}/{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(800 + i, 0.1), 8000)
    said: list[str] = []
    init_study(tmp_path / "clips", folder=tmp_path, echo=said.append)
    text = "\n".join(said)
    assert "(folders), 40 clips, 8,000 Hz" in text
    assert (
        "partitions made by clip: 24 in train, 8 in devel, 8 in test; a voice may be in several"
        in text
    )
    from study.config import load_config
    from study.planning.plan import open_corpus

    config = load_config(tmp_path / "study.yaml")
    assert (config.partitions, config.clip_seconds) == ("partitions.csv", 0.2)
    corpus = open_corpus(config, base=tmp_path)
    assert [len(corpus.partition(name)) for name in ("train", "devel", "test")] == [24, 8, 8]
    assert all(clip.label is None for clip in corpus.partition("test"))
    assert read_corpus(tmp_path / "clips", partitions=tmp_path / "partitions.csv") == corpus
