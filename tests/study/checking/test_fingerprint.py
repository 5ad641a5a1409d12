"""The same recording is found again after processing; other recordings are not taken for it."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from study.checking.facts import facts_of
from study.checking.fingerprint import SAME, candidates, sameness
from support.planting import encoded

RATE = 8000
DIGITS = Path(__file__).parents[4] / "shared/corpora/fsdd_digits"


def recoded(wave: np.ndarray, kind: str) -> np.ndarray:
    return soundfile.read(io.BytesIO(encoded(wave, RATE, format=kind, subtype=None)))[0]


def noisy(wave: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(wave.size)
    return wave + noise * np.sqrt(np.mean(wave**2)) * 10 ** (-25 / 20)


CHANGES = {
    "gain": lambda w: 0.25 * w,
    "later": lambda w: np.r_[np.zeros(240), w[:-240]],
    "earlier": lambda w: w[240:],
    "noise 25 dB below": noisy,
    "Ogg Vorbis": lambda w: recoded(w, "OGG"),
    "MP3": lambda w: recoded(w, "MP3"),
    "all": lambda w: recoded(noisy(np.r_[np.zeros(160), 0.3 * w]), "OGG"),
}


@pytest.fixture(scope="module")
def voices(synthetic: Path) -> list[np.ndarray]:
    return [soundfile.read(path)[0] for path in sorted((synthetic / "wav").iterdir())]


@pytest.mark.parametrize("change", CHANGES)
def test_a_processed_copy_in_another_partition_is_the_nearest_and_the_same(
    voices: list[np.ndarray], change: str
) -> None:
    found = found_again(voices, CHANGES[change], [3, 20, 41, 60, 77, 90])
    assert found == 6


def found_again(voices: list[np.ndarray], change, which: list[int]) -> int:
    copies = [change(voices[i]) for i in which]
    waves = [*voices, *copies]
    prints = np.concatenate([facts_of(encoded(w, RATE))["fingerprint"] for w in waves])
    partition = np.r_[np.zeros(len(voices), int), np.ones(len(copies), int)]
    pairs = set(candidates(prints, partition))
    return sum(
        (i, len(voices) + k) in pairs and sameness(voices[i], copies[k]) >= SAME
        for k, i in enumerate(which)
    )


def test_no_two_recordings_of_a_speaker_are_the_same(voices: list[np.ndarray]) -> None:
    heights = [sameness(voices[i], voices[j]) for i in range(0, 96, 5) for j in range(i)]
    assert max(heights) < 0.4


def test_silence_is_the_same_as_nothing() -> None:
    assert sameness(np.zeros(100), np.ones(100)) == 0.0
    assert candidates(np.zeros((1, 208)), np.zeros(1, int)) == []


def test_a_clip_of_a_few_samples_has_a_fingerprint() -> None:
    assert np.isfinite(facts_of(encoded(np.ones(3), RATE))["fingerprint"]).all()


@pytest.mark.slow
@pytest.mark.skipif(not DIGITS.is_dir(), reason="the digits corpus is not beside this checkout")
def test_real_digits_are_told_from_their_nearest_and_found_after_processing() -> None:
    paths = sorted((DIGITS / "wav").iterdir())[::4]
    waves = [soundfile.read(path)[0] for path in paths]
    prints = np.concatenate([facts_of(path.read_bytes())["fingerprint"] for path in paths])
    pairs = candidates(prints, np.arange(len(paths)) % 2)
    assert len(pairs) > 100
    assert max(sameness(waves[a], waves[b]) for a, b in pairs) < SAME
    which = list(range(0, len(paths), 25))
    for change in ("gain", "Ogg Vorbis", "noise 25 dB below"):
        assert found_again(waves, CHANGES[change], which) >= 0.95 * len(which)
