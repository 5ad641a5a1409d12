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
from study.corpus import Corpus, read_corpus
from study.corpus.simulated.formant_corpus import make_synthetic, mask_response
from study.corpus.simulated.masks import MASK_DB

RATE = 16000


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def small(folder: Path, **options: object) -> Path:
    options = {"n_speakers": 6, "clips_per_speaker": 4} | options
    return make_synthetic(folder, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read_corpus(
        make_synthetic(tmp_path_factory.mktemp("synthetic") / "c", clips_per_speaker=20)
    )


def waves(corpus: Corpus, partition: str) -> NDArray[np.float64]:
    clips = corpus.partition(partition)
    return np.stack([soundfile.read(clip.path)[0] for clip in clips])


def band_levels(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean dB in 32 equal bands, relative to the clip's own mean: level cannot help."""
    power = np.abs(np.fft.rfft(waves, axis=1)[:, 1:8001]) ** 2
    level = 10 * np.log10(power.reshape(len(waves), 32, -1).mean(2) + 1e-12)
    centred: NDArray[np.float64] = level - level.mean(1, keepdims=True)
    return centred


def devel_uar(corpus: Corpus, train: NDArray[np.float64], devel: NDArray[np.float64]) -> float:
    """UAR of a least-squares linear probe."""
    target = np.array([clip.label == "mask" for clip in corpus.partition("train")]) * 2.0 - 1
    mean, spread = train.mean(0), train.std(0) + 1e-9
    with_bias = [np.c_[(x - mean) / spread, np.ones(len(x))] for x in (train, devel)]
    ridge = 10.0 * np.eye(with_bias[0].shape[1])
    weights = np.linalg.solve(with_bias[0].T @ with_bias[0] + ridge, with_bias[0].T @ target)
    guess = with_bias[1] @ weights > 0
    truth = np.array([clip.label == "mask" for clip in corpus.partition("devel")])
    return float((np.mean(guess[truth]) + np.mean(~guess[~truth])) / 2)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    assert digest(small(tmp_path / "a", seed=3)) == digest(small(tmp_path / "b", seed=3))


def test_another_seed_gives_other_audio_and_another_order(tmp_path: Path) -> None:
    one, other = digest(small(tmp_path / "a")), digest(small(tmp_path / "b", seed=1))
    assert all(one[name] != other[name] for name in one if name.endswith(".wav"))
    assert one["lab/labels.csv"] != other["lab/labels.csv"]


def test_the_corpus_reads_without_a_problem_and_says_that_it_is_simulated(corpus: Corpus) -> None:
    assert corpus.simulated
    assert corpus.layout == "compare2020"
    assert corpus.classes == ("clear", "mask")
    assert (corpus.info["seed"], corpus.info["generator_version"]) == (0, 1)


def test_24_speakers_are_in_one_partition_each(corpus: Corpus) -> None:
    of = {
        name: {clip.speaker for clip in corpus.partition(name)}
        for name in ("train", "devel", "test")
    }
    assert {name: len(speakers) for name, speakers in of.items()} == {
        "train": 10,
        "devel": 7,
        "test": 7,
    }
    assert len(set.union(*of.values())) == 24


def test_every_speaker_has_both_classes_in_equal_parts(corpus: Corpus) -> None:
    counts = Counter(
        (clip.speaker, clip.label) for clip in corpus.clips if clip.partition != "test"
    )
    assert set(counts.values()) == {10}


def test_test_labels_are_blind_and_kept_for_scoring(corpus: Corpus) -> None:
    assert all(clip.label is None for clip in corpus.partition("test"))
    assert "mask" not in "".join(
        line
        for line in (corpus.root / "lab/labels.csv").read_text().splitlines()
        if line.startswith("test")
    )
    with (corpus.root / "lab/test_labels.csv").open(newline="") as file:
        truth = {row["file_name"]: row["label"] for row in csv.DictReader(file)}
    assert list(truth) == [clip.file_name for clip in corpus.partition("test")]
    assert Counter(truth.values()) == {"clear": 70, "mask": 70}


def test_clips_are_one_second_of_sound_below_full_scale(corpus: Corpus) -> None:
    every = waves(corpus, "devel")
    assert every.shape == (140, RATE)
    peaks = np.abs(every).max(axis=1)
    assert peaks.max() < 0.9
    assert peaks.min() > 0.03
    assert np.ptp(20 * np.log10(peaks)) > 15  # levels differ


def test_no_two_clips_are_equal(corpus: Corpus) -> None:
    paths = [clip.path for clip in corpus.clips]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in paths}) == len(paths)


def test_a_linear_probe_of_the_bands_is_above_chance_and_below_perfect(corpus: Corpus) -> None:
    found = devel_uar(
        corpus, band_levels(waves(corpus, "train")), band_levels(waves(corpus, "devel"))
    )
    assert 0.62 < found < 0.93


def test_level_alone_does_not_tell_the_class(corpus: Corpus) -> None:
    level = {}
    for name in ("train", "devel"):
        every = waves(corpus, name)
        level[name] = np.log(np.stack([every.std(1), np.abs(every).max(1)], 1))
    assert devel_uar(corpus, level["train"], level["devel"]) < 0.62


def test_without_a_mask_effect_there_is_nothing_to_learn_but_the_microphone(
    corpus: Corpus, tmp_path: Path
) -> None:
    blank = read_corpus(make_synthetic(tmp_path / "c", clips_per_speaker=20, mask_strength=0.0))
    found, blind = (
        devel_uar(c, band_levels(waves(c, "train")), band_levels(waves(c, "devel")))
        for c in (corpus, blank)
    )
    assert blind < found - 0.1
    assert blind < 0.65


@pytest.mark.parametrize("cue_hz", [1200.0, 5000.0])
def test_a_planted_cue_raises_masked_clips_at_its_frequency(tmp_path: Path, cue_hz: float) -> None:
    cued = read_corpus(
        make_synthetic(tmp_path / "c", cue_hz=cue_hz, n_speakers=8, clips_per_speaker=16)
    )
    masked = np.array([clip.label == "mask" for clip in cued.partition("train")])
    levels = band_levels(waves(cued, "train"))
    difference = levels[masked].mean(0) - levels[~masked].mean(0)
    assert abs((difference.argmax() + 0.5) * 250 - cue_hz) <= 375
    assert difference.max() > 5


def test_the_mask_filter_goes_through_the_published_points() -> None:
    points = np.array(list(MASK_DB), np.float64)
    np.testing.assert_allclose(mask_response(points), list(MASK_DB.values()))
    np.testing.assert_allclose(mask_response(points, strength=2.0), 2 * mask_response(points))
    assert mask_response(np.array([100.0]), tilt=-1.0) == 0
    assert mask_response(np.array([4000.0]), tilt=-1.0) == pytest.approx(-7.0)
    assert mask_response(np.array([2815.0 * 1.1]), shift=1.1) == pytest.approx(-5.5)


def test_the_same_corpus_is_kept_and_anything_else_is_not_overwritten(tmp_path: Path) -> None:
    folder = small(tmp_path / "c")
    before = folder.stat().st_mtime_ns
    assert small(folder).stat().st_mtime_ns == before
    with pytest.raises(InputError, match="never written over something else"):
        small(folder, seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    with pytest.raises(InputError, match="never written over something else"):
        small(tmp_path / "mine")
    assert (tmp_path / "mine/notes.txt").read_text() == "keep"


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert read_corpus(small(tmp_path / "empty")).simulated
    assert read_corpus(small(tmp_path / "a/b/c")).simulated


def test_a_lower_sampling_rate_is_written(tmp_path: Path) -> None:
    folder = small(tmp_path / "c", sampling_rate=8000)
    assert soundfile.info(folder / "wav/train_00001.wav").samplerate == 8000
    assert json.loads((folder / "corpus.json").read_text())["parameters"]["sampling_rate"] == 8000


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_speakers": 5}, "n_speakers must be at least 6, got n_speakers=5"),
        ({"clips_per_speaker": 1}, "clips_per_speaker must be at least 2, got 1"),
        ({"sampling_rate": 4000}, "from 8000 to 48000 Hz, got sampling_rate=4000"),
        ({"sampling_rate": 11025}, "got sampling_rate=11025"),
        ({"cue_hz": 9000.0}, "cue_hz must lie between 0 and 8000 Hz, got cue_hz=9000.0"),
        ({"seed": -1}, "seed must be at least 0, got seed=-1"),
        ({"mask_strength": -1.0}, "mask_strength must be at least 0, got mask_strength=-1.0"),
    ],
)
def test_an_argument_out_of_range_is_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, float], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        small(tmp_path / "c", **options)
    assert list(tmp_path.iterdir()) == []
