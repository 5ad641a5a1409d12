"""Simulated mask corpora: byte for byte the same, honest about what they are, and no cheap cues."""

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus, read_corpus, summarise
from study.corpus.simulated.formant_corpus import make_synthetic
from study.corpus.simulated.mask_corpus import _Person, _wearers_csv, simulate_masks
from study.corpus.simulated.mask_pieces import partitions_by_speaker
from study.corpus.simulated.masks import Wearer

DIGITS = Path(__file__).parents[5] / "shared/corpora/fsdd_digits"
RATE = 8000


def test_a_voice_is_no_formula_for_a_spreadsheet(tmp_path):
    (tmp_path / "wearers.csv").write_text(_wearers_csv({"=1+1": _Person(Wearer("N95"), {})}))
    assert rows(tmp_path / "wearers.csv")[0]["voice"] == "'=1+1"


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clear speech of 12 voices; its own labels mean nothing."""
    folder = tmp_path_factory.mktemp("speech") / "clear"
    return make_synthetic(
        folder, n_speakers=12, clips_per_speaker=20, sampling_rate=RATE, mask_strength=0.0
    )


@pytest.fixture(scope="module")
def masked(clear: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read_corpus(simulate_masks(clear, tmp_path_factory.mktemp("masks") / "out", seed=3))


def speech(root: Path, clips: dict[str, tuple[str, float]], rate: int = RATE) -> Path:
    """A corpus of noise: file name -> speaker and seconds."""
    (root / "wav").mkdir(parents=True)
    (root / "lab").mkdir()
    rng = np.random.default_rng(0)
    for name, (_, seconds) in clips.items():
        wave = 0.1 * rng.standard_normal(round(seconds * rate))
        soundfile.write(root / "wav" / name, wave, rate)
    labels = [f"{name},{'ab'[i % 2]}" for i, name in enumerate(clips)]
    (root / "lab/labels.csv").write_text("\n".join(["file_name,label", *labels]) + "\n")
    named = [f"{name},{speaker}" for name, (speaker, _) in clips.items() if speaker]
    if named:
        (root / "lab/speakers.csv").write_text("\n".join(["file_name,speaker", *named]) + "\n")
    return root


def levels(corpus: Corpus) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.str_]]:
    """Level, peak and noise floor of every clip in dB, whether it is masked, and its speaker."""
    truth = {row["file_name"]: row["label"] for row in rows(corpus.root / "lab/test_labels.csv")}
    found = []
    for clip in corpus.clips:
        wave, _ = soundfile.read(clip.path)
        frames = wave[: len(wave) // 80 * 80].reshape(-1, 80)
        floor = np.quantile(frames.std(1), 0.05)
        found.append(20 * np.log10(np.array([wave.std(), np.abs(wave).max(), floor]) + 1e-6))
    masked = np.array([(c.label or truth[c.file_name]) == "mask" for c in corpus.clips])
    return np.array(found), masked, np.array([clip.speaker for clip in corpus.clips])


def probe_uar(
    features: NDArray[np.float64], target: NDArray[np.bool_], speakers: NDArray[np.str_]
) -> float:
    """UAR of a least-squares probe, each speaker judged by a fit on the others."""
    said = np.zeros(len(target), bool)
    for speaker in sorted(set(speakers)):
        out = speakers == speaker
        mean, spread = features[~out].mean(0), features[~out].std(0)
        x = np.c_[(features - mean) / spread, np.ones(len(features))]
        weights = np.linalg.lstsq(x[~out], 2.0 * target[~out] - 1, rcond=None)[0]
        said[out] = x[out] @ weights > 0
    return float((np.mean(said[target]) + np.mean(~said[~target])) / 2)


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(
    clear: Path, masked: Corpus, tmp_path: Path
) -> None:
    again = digest(simulate_masks(clear, tmp_path / "again", seed=3))
    assert again == digest(masked.root)
    other = digest(simulate_masks(clear, tmp_path / "other", seed=4))
    assert all(other[name] != again[name] for name in again if name.endswith(".wav"))


def test_it_reads_as_a_corpus_that_says_it_is_simulated(masked: Corpus) -> None:
    assert (masked.simulated, masked.layout, masked.classes) == (
        True,
        "compare2020",
        ("clear", "mask"),
    )
    assert masked.info["generator"] == "study.masks_corpus"
    assert "SIMULATED" in summarise(masked)
    assert not list(masked.root.parent.glob(f".{masked.root.name}.*"))


def test_speakers_stay_in_the_partition_they_had(clear: Path, masked: Corpus) -> None:
    before = {(clip.speaker, clip.partition) for clip in read_corpus(clear).clips}
    assert {(clip.speaker, clip.partition) for clip in masked.clips} == before


def test_half_of_every_speakers_clips_are_masked_and_test_is_blind(masked: Corpus) -> None:
    truth = {row["file_name"]: row["label"] for row in rows(masked.root / "lab/test_labels.csv")}
    assert all(clip.label is None for clip in masked.partition("test"))
    assert list(truth) == [clip.file_name for clip in masked.partition("test")]
    counts = Counter((clip.speaker, clip.label or truth[clip.file_name]) for clip in masked.clips)
    assert len(counts) == 24
    assert set(counts.values()) == {10}


def test_every_voice_has_one_wearer_and_all_masks_are_worn(masked: Corpus) -> None:
    wearers = rows(masked.root / "wearers.csv")
    assert {row["voice"] for row in wearers} == {clip.speaker for clip in masked.clips}
    assert Counter(row["mask"] for row in wearers) == {"surgical": 4, "KN95": 4, "N95": 4}
    assert len({row["fit"] for row in wearers}) == 12


def test_neither_level_nor_noise_tells_the_class(masked: Corpus) -> None:
    features, target, speakers = levels(masked)
    assert probe_uar(features, target, speakers) < 0.62
    assert np.ptp(features[:, 0]) > 15  # though both differ from clip to clip


def test_the_same_probe_finds_a_level_that_gives_the_class_away(masked: Corpus) -> None:
    features, target, speakers = levels(masked)
    features[target, 0] -= 15
    assert probe_uar(features, target, speakers) > 0.75


def test_clear_and_masked_clips_differ_where_masks_act(clear: Path, tmp_path: Path) -> None:
    root = simulate_masks(clear, tmp_path / "out", masks=["N95"])
    corpus = read_corpus(root)
    truth = {row["file_name"]: row["label"] for row in rows(root / "lab/test_labels.csv")}
    ratio: dict[str, list[float]] = {"clear": [], "mask": []}
    for clip in corpus.clips:
        power = np.abs(np.fft.rfft(soundfile.read(clip.path)[0], 2 * RATE)) ** 2  # 0.5 Hz a bin
        low, high = power[400:1600].sum(), power[5000:7500].sum()
        ratio[clip.label or truth[clip.file_name]].append(10 * np.log10(high / low))
    assert -11 < np.median(ratio["mask"]) - np.median(ratio["clear"]) < -3


def test_long_clips_are_cut_to_pieces_and_short_ones_kept(tmp_path: Path) -> None:
    lengths = {"train_1.wav": 2.5, "train_2.wav": 0.3, "devel_1.wav": 1.0, "devel_2.wav": 1.9}
    root = speech(tmp_path / "in", {n: (n[:5], s) for n, s in lengths.items()})
    corpus = read_corpus(simulate_masks(root, tmp_path / "out", seconds=1.0))
    sizes = {
        name: sorted(soundfile.info(clip.path).frames for clip in corpus.partition(name))
        for name in ("train", "devel")
    }
    assert sizes == {"train": [2400, 8000, 8000], "devel": [8000, 8000]}


def test_silent_clips_are_left_out(tmp_path: Path) -> None:
    names = ["train_1.wav", "train_2.wav", "train_3.wav", "devel_1.wav", "devel_2.wav"]
    root = speech(tmp_path / "in", {name: (name[:5], 0.2) for name in names})
    soundfile.write(root / "wav/train_3.wav", np.zeros(800), RATE)
    assert len(read_corpus(simulate_masks(root, tmp_path / "out")).clips) == 4


def test_without_speakers_the_partitions_are_kept_and_none_is_made_up(tmp_path: Path) -> None:
    names = [f"{part}_{i}.wav" for part in ("train", "devel") for i in range(6)]
    root = speech(tmp_path / "in", dict.fromkeys(names, ("", 0.2)))
    corpus = read_corpus(simulate_masks(root, tmp_path / "out"))
    assert [len(corpus.partition(name)) for name in ("train", "devel", "test")] == [6, 6, 0]
    assert not (corpus.root / "lab/speakers.csv").exists()
    assert len(rows(corpus.root / "wearers.csv")) == 12


def mixed(root: Path, n_speakers: int) -> Path:
    """Every speaker is in train and in devel."""
    return speech(
        root,
        {
            f"{part}_{s}_{i}.wav": (f"s{s}", 0.1)
            for s in range(n_speakers)
            for part in ("train", "devel")
            for i in range(2)
        },
    )


def test_speakers_in_two_partitions_are_dealt_out_whole_and_by_the_seed(tmp_path: Path) -> None:
    corpus = read_corpus(mixed(tmp_path / "in", 8))
    dealt = [partitions_by_speaker(corpus, seed=seed) for seed in (0, 0, 1)]
    assert dealt[0] == dealt[1] != dealt[2]
    assert Counter(dealt[0].values()) == {"train": 3, "devel": 3, "test": 2}
    made = read_corpus(simulate_masks(corpus.root, tmp_path / "out"))
    assert {(clip.speaker, clip.partition) for clip in made.clips} == set(dealt[0].items())


@pytest.mark.parametrize("n", range(2, 12))
def test_any_number_of_speakers_fills_train_and_devel(tmp_path: Path, n: int) -> None:
    dealt = Counter(partitions_by_speaker(read_corpus(mixed(tmp_path, n)), seed=0).values())
    assert sum(dealt.values()) == n
    assert dealt["train"] >= 1
    assert dealt["devel"] >= 1
    assert n < 4 or dealt["test"] >= 1


def test_what_cannot_be_dealt_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there must be at least 2 speakers, got 1"):
        simulate_masks(mixed(tmp_path / "one", 1), tmp_path / "out")
    root = mixed(tmp_path / "some", 3)
    swap = root / "lab/speakers.csv"
    swap.write_text(swap.read_text().replace("train_0_0.wav,s0\n", ""))
    with pytest.raises(InputError, match="every clip must have a speaker, got 's0' in devel and"):
        simulate_masks(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": -1}, "seed must be at least 0, got seed=-1"),
        ({"seconds": 0.0}, "seconds must be from 0.05 to 60, got seconds=0.0"),
        ({"seconds": float("nan")}, "seconds must be from 0.05 to 60, got seconds=nan"),
        ({"sampling_rate": 4000}, "since masks act on 1 to 8 kHz, got sampling_rate=4000"),
        ({"masks": ["cloth"]}, "mask must be one of surgical, KN95, N95, got 'cloth'"),
    ],
)
def test_an_argument_out_of_range_is_refused_before_anything_is_written(
    clear: Path, tmp_path: Path, options: dict[str, float], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        simulate_masks(clear, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_it_is_not_made_of_itself_nor_written_over_something(
    clear: Path, masked: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is a simulated mask corpus already"):
        simulate_masks(masked.root, tmp_path / "twice")
    before = masked.root.stat().st_mtime_ns
    assert simulate_masks(clear, masked.root, seed=3).stat().st_mtime_ns == before
    with pytest.raises(InputError, match="never written over something else"):
        simulate_masks(clear, masked.root, seed=5)


def test_the_command_says_what_it_made(clear, tmp_path, spectune) -> None:
    words = [clear, tmp_path / "out", "--mask", "KN95", "--mask", "N95", "--seed", "2"]
    code, said, _ = spectune("simulate-mask", *words)
    assert code == 0
    assert "SIMULATED" in said
    assert "clear 50, mask 50" in said
    about = json.loads((tmp_path / "out/corpus.json").read_text())
    assert about["parameters"]["masks"] == ["KN95", "N95"]


@pytest.mark.slow
def test_real_digits_through_masks_hide_the_class_from_level_and_noise(tmp_path: Path) -> None:
    if not DIGITS.is_dir():
        pytest.skip("the digits corpus is not beside this checkout")
    corpus = read_corpus(simulate_masks(DIGITS, tmp_path / "out"))
    assert len(corpus.clips) == 3000
    assert {len({c.partition for c in corpus.clips if c.speaker == s}) for s in ("theo",)} == {1}
    assert probe_uar(*levels(corpus)) < 0.55
