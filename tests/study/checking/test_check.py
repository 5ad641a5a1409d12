"""`spectune check` on a corpus in which everything is wrong at once, and on a clean one."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from search_spaces.grammar.errors import InputError
from study.checking.check import Check, check_corpus, check_of, check_to_json
from study.checking.terminal import check_lines, headline
from study.cli import app
from study.corpus.corpus import Reading
from support.planting import encoded

RATE = 8000


def sound(seed: int, seconds: float = 0.5) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus with one case of nearly every kind."""
    root = tmp_path_factory.mktemp("broken") / "c"
    (root / "wav").mkdir(parents=True)
    (root / "lab").mkdir()
    rows: list[tuple[str, str, str]] = []

    def add(name: str, label: str, speaker: str, data: bytes | np.ndarray | None) -> None:
        rows.append((name, label, speaker))
        if isinstance(data, np.ndarray):
            data = encoded(data, RATE)
        if data is not None:
            (root / "wav" / name).write_bytes(data)

    for k in range(6):
        add(f"train_{k}.wav", "yes" if k % 2 else "no", f"s{k % 3}", sound(k))
        add(f"devel_{k}.wav", "yes", f"d{k % 3}", sound(10 + k))
        add(f"test_{k}.wav", "?", f"t{k % 3}", sound(20 + k))
    whole = encoded(sound(30), RATE)
    add("train_text.wav", "no", "s0", b"not audio")
    add("train_empty.wav", "no", "s0", encoded(np.zeros(0), RATE))
    add("train_nan.wav", "no", "s0", encoded(np.r_[sound(31), np.nan], RATE, subtype="FLOAT"))
    add("train_cut.wav", "no", "s0", whole[: len(whole) // 2])
    add("train_silent.wav", "no", "s0", np.zeros(RATE))
    add("train_clipped.wav", "yes", "s1", np.clip(20 * sound(32), -0.99, 0.99))
    add("train_dc.wav", "yes", "s1", sound(33) + 0.2)
    add("train_odd.wav", "yes", "s1", encoded(sound(34), 11025))
    add("train_stereo.wav", "yes", "s1", encoded(np.stack([sound(35)] * 2, 1), RATE))
    add("train_missing.wav", "yes", "s1", None)
    add("train_unlabelled.wav", "?", "s1", sound(36))
    add("devel_unknown.wav", "maybe", "d0", sound(37))
    add("nowhere_0.wav", "yes", "s1", sound(38))
    add("devel_shared.wav", "yes", "s2", sound(39))
    add("train_twice_a.wav", "yes", "s2", sound(40))
    add("train_twice_b.wav", "yes", "s2", encoded(sound(40), RATE, format="FLAC"))
    add("train_across.wav", "yes", "s2", sound(41))
    add("test_across.wav", "?", "t0", sound(41))
    add("train_near.wav", "yes", "s2", sound(42))
    add("test_near.wav", "?", "t0", 0.4 * np.r_[np.zeros(40), sound(42)])
    rows.append(rows[0])
    (root / "wav/stray.wav").write_bytes(encoded(sound(50), RATE))
    for name, column in (("labels", "label"), ("speakers", "speaker")):
        with (root / f"lab/{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file_name", column])
            writer.writerows([row[0], row[1 if column == "label" else 2]] for row in rows)
    return root


@pytest.fixture(scope="module")
def check(broken: Path, tmp_path_factory: pytest.TempPathFactory) -> Check:
    return check_corpus(Reading(broken), cache_root=tmp_path_factory.mktemp("cache"))


EXPECTED = {
    "missing": ["train_missing.wav"],
    "listed twice": ["train_0.wav"],
    "no partition": ["nowhere_0.wav"],
    "unlabelled": ["train_unlabelled.wav"],
    "unknown label": ["maybe"],
    "unlisted": ["wav/stray.wav"],
    "unreadable": ["train_text.wav"],
    "empty": ["train_empty.wav"],
    "not finite": ["train_nan.wav"],
    "truncated": ["train_cut.wav"],
    "silent": ["train_silent.wav"],
    "clipped": ["train_clipped.wav"],
    "DC": ["train_dc.wav"],
    "rate": ["train_odd.wav (11025 Hz"],
    "channels": ["train_stereo.wav (2"],
    "equal": ["train_twice_a.wav = train_twice_b.wav"],
    "equal across": ["train_across.wav = test_across.wav"],
    "near-duplicate": ["train_near.wav = test_near.wav"],
    "absent class": ["'no' in devel"],
    "shared speaker": ["s2 (train, devel)"],
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_kind_of_problem_is_found_alone_and_named(check: Check, kind: str) -> None:
    (found,) = [one for one in check.findings if one.kind == kind]
    assert found.cases == len(EXPECTED[kind])
    for name, expected in zip(found.names, EXPECTED[kind], strict=True):
        assert expected in name


def test_nothing_else_is_found(check: Check) -> None:
    assert {one.kind for one in check.findings} == set(EXPECTED)


def test_counts_are_those_of_the_label_files(check: Check, broken: Path) -> None:
    rows = list(csv.reader((broken / "lab/labels.csv").open()))[1:-1]  # the last is listed twice
    of = {one.partition: one for one in check.counts.partitions}
    for name in ("train", "devel", "test"):
        assert of[name].clips == sum(row[0].startswith(name) for row in rows)
    assert of["test"].majority is None
    yes = sum(row[0].startswith("train") and row[1] == "yes" for row in rows)
    no = sum(row[0].startswith("train") and row[1] == "no" for row in rows)
    assert of["train"].majority == max(yes, no) / (yes + no)
    assert of["train"].chance_uar == 0.5
    seconds = sum(soundfile.info(path).duration for path in (broken / "wav").glob("devel_*"))
    assert of["devel"].seconds == pytest.approx(seconds)
    classes = {one.label: one for one in check.counts.classes}
    assert classes["yes"].clips == {"train": yes, "devel": 7, "test": 0}
    (shared,) = [one for one in check.counts.speakers if one.speaker == "s2"]
    assert shared.partitions == ("train", "devel")


def test_a_check_survives_json(check: Check) -> None:
    assert check_of(json.loads(json.dumps(check_to_json(check)))) == check


def test_the_terminal_names_every_kind_with_its_count(check: Check) -> None:
    text = "\n".join(check_lines(check))
    for kind in EXPECTED:
        assert f"{kind}: 1; " in text
    assert headline(check) in text


def test_exit_codes_are_0_clean_1_problems_2_bad_input(
    synthetic: Path, broken: Path, tmp_path: Path
) -> None:
    run = CliRunner().invoke
    clean = run(app, ["check", str(synthetic), "--json"])
    assert clean.exit_code == 0, clean.output
    assert json.loads(clean.stdout)["clean"] is True
    assert run(app, ["check", str(broken)]).exit_code == 1
    nothing = run(app, ["check", str(tmp_path / "none")])
    assert isinstance(nothing.exception, InputError)


def test_a_second_check_reads_nothing_and_a_changed_file_alone_is_read_again(
    broken: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(broken, tmp_path / "c")
    seen: list[int] = []
    store = tmp_path / "cache/checks"

    def again(full: bool = False) -> Check:
        seen.clear()
        return check_corpus(
            Reading(root),
            full=full,
            cache_root=tmp_path / "cache",
            progress=lambda done, total: seen.append(total),
        )

    first = again()
    n = len(list((root / "wav").iterdir())) - 1  # the stray one is not read
    assert seen == [n] * n
    assert again() == first
    assert seen == []
    for path in store.iterdir():  # damaged: made again
        path.write_bytes(b"PK\x03\x04")
    assert again() == first
    assert len(seen) == n
    path = root / "wav/train_silent.wav"
    path.write_bytes(encoded(sound(60), RATE))
    second = again()
    assert seen == [1]
    kinds = {one.kind for one in second.findings}
    assert "silent" not in kinds
    assert "clipped" in kinds
    stat = path.stat()
    path.write_bytes(encoded(sound(61), RATE))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert again() == second
    (changed,) = [one for one in again(full=True).findings if one.kind == "changed"]
    assert changed.names == ("train_silent.wav",)


def test_segments_of_a_long_file_are_clips_of_their_own(tmp_path: Path) -> None:
    long = np.concatenate([sound(k) for k in range(8)])
    long[: RATE // 2] = 0
    soundfile.write(tmp_path / "long.wav", long, RATE, subtype="PCM_16")
    lines = [
        f"long.wav,{'abba'[k % 4]},{'train' if k < 4 else 'devel'},{k / 2},{(k + 1) / 2}"
        for k in range(8)
    ]
    text = "\n".join(["file_name,label,partition,start,end", *lines])
    (tmp_path / "manifest.csv").write_text(text + "\n")
    found = check_corpus(Reading(tmp_path), cache_root=tmp_path / "cache")
    assert [(one.kind, one.cases) for one in found.findings] == [("silent", 1)]
    assert found.counts.partitions[0].longest == pytest.approx(0.5)
    late = text.removesuffix("4.0") + "4.5\n"
    (tmp_path / "manifest.csv").write_text(late)
    (told,) = [
        one
        for one in check_corpus(Reading(tmp_path), cache_root=tmp_path / "cache").findings
        if one.kind == "segment"
    ]
    assert told.names == ("long.wav#t=3.5,4.5 (ends 0.50 s after its file)",)
