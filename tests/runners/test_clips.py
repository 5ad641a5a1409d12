import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from runners.clips import Clips, ClipsWriter, quantise
from search_spaces.grammar.errors import InputError
from support.clips import clips_of, write_clips


def three_clips() -> Clips:
    rng = np.random.default_rng(0)
    return clips_of(
        [rng.standard_normal(5) * 3, rng.standard_normal(800) * 0.01, np.zeros(3)], 8000
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clips(three_clips(), tmp_path / "clips")
    return tmp_path / "clips"


@given(arrays(np.float32, st.integers(0, 50), elements=st.floats(-1e6, 1e6, width=32)))
def test_rounding_errs_by_at_most_half_a_step_of_the_peak(wave: np.ndarray) -> None:
    samples, scale = quantise(wave)
    error = np.abs(samples * np.float64(scale) - wave)
    peak = np.abs(wave).max(initial=0.0)
    assert scale > 0
    assert np.all(error <= max(peak / 32767 * 0.51, 4e-34))


def test_a_float_recording_over_full_scale_keeps_its_peak() -> None:
    samples, scale = quantise([0.5, -7.25])
    assert samples[1] * scale == pytest.approx(-7.25)


def test_what_was_written_is_what_is_opened(folder: Path) -> None:
    made, opened = three_clips(), Clips.open(folder, verify=True)
    assert len(opened) == 3
    assert opened.sampling_rate == 8000
    assert [opened.n_samples(i) for i in range(3)] == [5, 800, 3]
    for i in range(3):
        np.testing.assert_array_equal(opened.waveform(i), made.waveform(i))
    assert opened.waveform(0).dtype == np.float32


def test_an_opened_corpus_is_mapped_not_read(folder: Path) -> None:
    assert isinstance(Clips.open(folder).samples, np.memmap)


def test_durations_are_in_seconds(folder: Path) -> None:
    np.testing.assert_allclose(Clips.open(folder).durations(), [5 / 8000, 0.1, 3 / 8000])


def test_an_index_past_the_end_is_refused_and_a_negative_one_counts_back(folder: Path) -> None:
    clips = Clips.open(folder)
    assert clips.n_samples(-1) == 3
    with pytest.raises(IndexError):
        clips.waveform(3)


def test_a_corpus_without_clips_can_be_written_and_opened(tmp_path: Path) -> None:
    write_clips(clips_of([], 16000), tmp_path / "none")
    assert len(Clips.open(tmp_path / "none", verify=True)) == 0


def test_a_corpus_is_never_written_over_another(folder: Path) -> None:
    with pytest.raises(FileExistsError):
        write_clips(three_clips(), folder)


def test_nothing_stays_behind_when_writing_fails(tmp_path: Path) -> None:
    def fail_after_one_clip() -> None:
        with ClipsWriter(tmp_path / "clips", 8000) as writer:
            writer.append(np.zeros(10, np.int16), 1.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_after_one_clip()
    assert list(tmp_path.iterdir()) == []


def test_samples_of_another_type_are_not_written(tmp_path: Path) -> None:
    with ClipsWriter(tmp_path / "clips", 8000) as writer, pytest.raises(ValueError, match="int16"):
        writer.append(np.zeros(10, np.float32), 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["samples.npy", "offsets.npy", "scale.npy", "clips.json"])
def test_a_truncated_file_is_refused(folder: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-10])
    with pytest.raises(InputError, match=name):
        Clips.open(folder)


@pytest.mark.parametrize("name", ["samples.npy", "offsets.npy", "scale.npy", "clips.json"])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        Clips.open(folder)


def test_an_array_of_another_type_is_refused(folder: Path) -> None:
    np.save(folder / "samples.npy", np.zeros(808, np.float32))
    with pytest.raises(InputError, match="must be one int16 axis, got float32"):
        Clips.open(folder)


def test_a_pickled_array_is_refused_without_being_loaded(folder: Path) -> None:
    np.save(folder / "scale.npy", np.array([{}, {}, {}]), allow_pickle=True)
    with pytest.raises(InputError, match=r"scale\.npy"):
        Clips.open(folder)


def test_samples_of_another_corpus_are_refused(folder: Path, tmp_path: Path) -> None:
    write_clips(clips_of([np.ones(7)], 8000), tmp_path / "other")
    (tmp_path / "other/samples.npy").replace(folder / "samples.npy")
    with pytest.raises(InputError, match="offsets must rise from 0 to the 7 samples"):
        Clips.open(folder)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_makes_no_waveform_is_refused(folder: Path, scale: float) -> None:
    np.save(folder / "scale.npy", np.array([1, scale, 1], np.float32))
    with pytest.raises(InputError, match="every scale must be finite and above 0"):
        Clips.open(folder)


def test_another_format_is_refused(folder: Path) -> None:
    about = json.loads((folder / "clips.json").read_text())
    (folder / "clips.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(InputError, match="format must be 1, got 99"):
        Clips.open(folder)


def test_one_changed_sample_is_found_when_verified(folder: Path) -> None:
    data = bytearray((folder / "samples.npy").read_bytes())
    data[-1] ^= 1
    (folder / "samples.npy").write_bytes(bytes(data))
    Clips.open(folder)
    with pytest.raises(InputError, match="must have the digest"):
        Clips.open(folder, verify=True)
