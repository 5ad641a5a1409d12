"""Planted leaks are found by what was planted; clean simulated corpora raise nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from study.checking.leakage import probe_labels, probe_partitions
from study.checking.table import ClipTable
from study.corpus.layouts.names import PARTITIONS
from study.corpus.simulated.formant_corpus import make_synthetic
from support.planting import Wave, columns, read_table, replant


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plants") / "c"
    return make_synthetic(folder, seed=1, n_speakers=18, clips_per_speaker=14, sampling_rate=8000)


@pytest.fixture(scope="module")
def clean(root: Path) -> ClipTable:
    return read_table(root)


@pytest.fixture(scope="module")
def masked(root: Path, clean: ClipTable) -> np.ndarray:
    """Which clips are of the class `mask`; also of test, as a careless recording would have it."""
    truth = dict(zip(*columns(root / "lab/test_labels.csv"), strict=True))
    pairs = zip(clean.names, clean.labels, strict=True)
    return np.array([(label or truth[name]) == "mask" for name, label in pairs])


def warnings(table: ClipTable, target: str) -> set[str]:
    """Groups of measures that a warning names."""
    probes = probe_labels(table) if target == "label" else probe_partitions(table)
    return {probe.group for probe in probes if probe.matters and probe.target == target}


def anonymous(table: ClipTable) -> ClipTable:
    return table._replace(speakers=(None,) * len(table.names))


def test_a_clean_corpus_raises_nothing_with_and_without_speakers(clean: ClipTable) -> None:
    for table in (clean, anonymous(clean)):
        assert [one for one in probe_labels(table) if one.matters] == []
        assert [one for one in probe_partitions(table) if one.matters] == []


def plant(
    root: Path, table: ClipTable, which: np.ndarray, change: Callable[[Wave], Wave]
) -> ClipTable:
    return replant(root, table, lambda i, wave: change(wave) if which[i] else wave)


def hiss(wave: Wave) -> Wave:
    noise = np.random.default_rng(int(1e6 * abs(float(wave[0])))).standard_normal(wave.size)
    return wave + 10 ** (-45 / 20) * noise


LABEL_PLANTS: dict[str, tuple[Callable[[Wave], Wave], str]] = {
    "10 dB softer": (lambda wave: 0.3 * wave, "level"),
    "a noise floor": (hiss, "noise floor"),
    "leading silence": (
        lambda wave: np.r_[np.zeros(800), wave[:-800]],
        "leading and trailing silence",
    ),
}


@pytest.mark.parametrize("name", LABEL_PLANTS)
def test_a_class_that_was_recorded_differently_is_found(
    root: Path, clean: ClipTable, masked: np.ndarray, name: str
) -> None:
    change, group = LABEL_PLANTS[name]
    planted = plant(root, clean, masked, change)
    assert group in warnings(planted, "label")
    if name == "a noise floor":
        assert group in warnings(anonymous(planted), "label")


def test_labels_in_the_order_of_file_numbers_are_found(
    clean: ClipTable, masked: np.ndarray
) -> None:
    order = sorted(range(len(masked)), key=lambda i: (clean.partition[i], masked[i]))
    names = [""] * len(masked)
    for n, i in enumerate(order):
        names[i] = f"{PARTITIONS[clean.partition[i]]}_{n}.wav"  # numbers of unequal length
    planted = clean._replace(names=tuple(names))
    assert warnings(planted, "label") == {"order of file numbers"}


def test_a_test_partition_behind_a_low_pass_is_found(root: Path, clean: ClipTable) -> None:
    low_pass = butter(8, 0.6, output="sos")
    planted = plant(root, clean, clean.here("test"), lambda wave: sosfilt(low_pass, wave))
    assert "spectral tilt" in warnings(planted, "test")
    assert warnings(planted, "label") == set()


@pytest.mark.slow
def test_a_test_partition_at_another_level_is_found(root: Path, clean: ClipTable) -> None:
    planted = plant(root, clean, clean.here("test"), lambda wave: 0.3 * wave)
    assert "level" in warnings(planted, "test")


def test_a_partition_in_another_format_is_found_although_it_sounds_alike(clean: ClipTable) -> None:
    facts = clean.facts.copy()
    facts["format"][clean.here("devel")] = b"FLAC PCM_16"
    planted = clean._replace(facts=facts)
    assert warnings(planted, "devel") == {"file format and size"}


def test_partitions_of_one_speaker_each_are_not_told_apart(clean: ClipTable) -> None:
    speakers = tuple(PARTITIONS[p] for p in clean.partition)
    assert probe_partitions(clean._replace(speakers=speakers)) == []


def test_a_corpus_of_one_class_or_without_sound_is_not_probed(clean: ClipTable) -> None:
    one = clean._replace(labels=("yes",) * len(clean.names))
    assert probe_labels(one) == []
    facts = np.zeros_like(clean.facts)
    assert probe_labels(clean._replace(facts=facts)) == []
    assert probe_partitions(clean._replace(facts=facts)) == []


@pytest.mark.slow
def test_a_low_pass_is_found_without_speakers(root: Path, clean: ClipTable) -> None:
    low_pass = butter(8, 0.6, output="sos")
    planted = plant(root, clean, clean.here("test"), lambda wave: sosfilt(low_pass, wave))
    assert "spectral tilt" in warnings(anonymous(planted), "test")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(2, 8))
def test_clean_corpora_of_other_seeds_raise_nothing(tmp_path: Path, seed: int) -> None:
    for n_speakers, clips in ((8, 12), (24, 20)):
        folder = tmp_path / str(n_speakers)
        options = {"n_speakers": n_speakers, "clips_per_speaker": clips, "sampling_rate": 8000}
        table = read_table(make_synthetic(folder, seed=seed, **options))
        for known in (table, anonymous(table)):
            probes = [*probe_labels(known), *probe_partitions(known)]
            assert [one.sentence() for one in probes if one.matters] == []


@pytest.mark.slow
def test_one_class_6_db_louder_is_found_in_a_corpus_of_the_default_size(tmp_path: Path) -> None:
    root = make_synthetic(tmp_path / "c", seed=3, sampling_rate=8000)
    table = read_table(root)
    louder = np.array([label == "mask" for label in table.labels])
    planted = plant(root, table, louder, lambda wave: 0.5 * wave)
    # A gain moves the noise floor too; nothing else may be told.
    for table in (planted, anonymous(planted)):
        assert {"level"} <= warnings(table, "label") <= {"level", "noise floor"}
