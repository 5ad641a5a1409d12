import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from study.checking.facts import clipped_share, facts_of, wav_is_cut
from study.checking.facts_cache import look_up_facts, stamps_of
from study.checking.measures import MEASURES, measure, spectrogram
from study.checking.pool import look_into
from support.planting import encoded
from support.wav_bytes import flac_of_unknown_length

RATE = 16000
FRAGILE = """
import json, os, sys, time
from study.checking import pool
real = pool.facts_of
def fragile(data, segments):
    if b"crash" in data[-9:]: os.abort()
    if b"hang" in data[-9:]: time.sleep(60)
    return real(data, segments)
pool.facts_of = fragile
pool.main(float(sys.argv[1]))
"""


def noise(seed: int, n: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(n)


def measured(wave: np.ndarray, rate: int = RATE) -> dict[str, float]:
    wave = wave.astype(np.float32)
    return dict(zip(MEASURES, measure(wave, rate, *spectrogram(wave, rate)), strict=True))


def test_level_and_noise_floor_of_white_noise_are_its_variance() -> None:
    for level in (-20.0, -60.0):
        wave = 10 ** (level / 20) * np.random.default_rng(0).standard_normal(RATE)
        found = measured(wave)
        assert found["level"] == pytest.approx(level, abs=0.2)
        assert found["floor"] == pytest.approx(level, abs=1.0)  # the quietest tenth of the frames


def test_white_noise_rises_by_3_db_an_octave_in_third_octaves_and_a_low_pass_lowers_highs() -> None:
    from scipy.signal import butter, sosfilt

    wave = noise(1, 4 * RATE)
    assert measured(wave)["tilt"] == pytest.approx(3.0, abs=0.2)
    low = sosfilt(butter(8, 0.4, output="sos"), wave)
    assert measured(low)["highs"] < measured(wave)["highs"] - 30


def test_a_gain_moves_levels_by_its_decibels_and_nothing_else() -> None:
    before, after = measured(noise(2)), measured(0.5 * noise(2))
    for name in ("level", "peak", "floor"):
        assert after[name] - before[name] == pytest.approx(-6.02, abs=0.01)
    for name in ("floor_tilt", "lead", "trail", "tilt", "highs"):
        assert after[name] == pytest.approx(before[name], abs=1e-3)


def test_silence_before_and_after_is_measured_to_a_frame() -> None:
    wave = np.r_[np.zeros(4800), noise(3), np.zeros(3200)]
    found = measured(wave)
    assert found["lead"] == pytest.approx(0.3, abs=0.03)
    assert found["trail"] == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("n", [1, 2, 40, 800])
@pytest.mark.parametrize("rate", [100, 1000, 8000, 192000])
def test_short_clips_of_any_rate_have_finite_measures(n: int, rate: int) -> None:
    for wave in (np.zeros(n), noise(4, n), np.ones(n)):
        assert np.isfinite(list(measured(wave, rate).values())).all()


def test_equal_audio_has_one_digest_in_any_lossless_container() -> None:
    kinds = [{}, {"format": "FLAC"}, {"format": "AIFF"}]
    rows = [facts_of(encoded(noise(5), RATE, **kind))[0] for kind in kinds]
    assert len({bytes(row["audio"]) for row in rows}) == 1
    assert len({bytes(row["sha256"]) for row in rows}) == 3
    other = facts_of(encoded(noise(5), 8000))[0]
    assert other["audio"] != rows[0]["audio"]


def test_a_wav_is_cut_where_its_header_promises_more_in_any_place() -> None:
    whole = encoded(noise(6), RATE)
    assert not wav_is_cut(whole)
    for n in (len(whole) - 1, len(whole) // 2, 45):
        assert wav_is_cut(whole[:n])
    assert not wav_is_cut(whole + b"LIST\x04\x00\x00\x00INFO")
    streamed = whole[:40] + b"\xff\xff\xff\xff" + whole[44:]
    assert not wav_is_cut(streamed)
    assert not wav_is_cut(b"")


def test_only_flat_tops_near_full_scale_are_clipping() -> None:
    sine = np.sin(np.arange(RATE) * 2 * np.pi * 200 / RATE).astype(np.float32)
    assert clipped_share(0.99 * sine) == 0
    flat = np.clip(2 * sine, -1, 1)
    expected = np.mean(np.abs(flat) == 1)
    assert clipped_share(flat) == pytest.approx(expected)
    assert clipped_share(0.3 * flat) == 0
    assert clipped_share(np.zeros(9, np.float32)) == 0


def test_a_file_that_crashes_or_hangs_the_decoder_is_named_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    names = ("a", "crash", "b", "hang", "c")
    for name in names:
        (tmp_path / name).write_bytes(encoded(noise(7), RATE) + name.encode())
    files = [(tmp_path / name, [(None, None)]) for name in names]
    command = (sys.executable, "-P", "-c", FRAGILE)
    faults = [
        rows["fault"][0].decode()
        for rows in look_into(files, seconds_per_file=2.0, command=command)
    ]
    expected = ["", "crashes the decoder (SIGABRT)", "", "takes longer than 2 s to decode", ""]
    assert faults == expected


def test_what_was_learnt_before_an_interruption_is_kept(tmp_path: Path) -> None:
    places = []
    for k in range(6):
        soundfile.write(tmp_path / f"{k}.wav", noise(k, 800), RATE)
        places.append((tmp_path / f"{k}.wav", (None, None)))
    seen: list[int] = []

    def stop_at_three(done: int, total: int) -> None:
        seen.append(total)
        if done == 3:
            raise KeyboardInterrupt

    store = tmp_path / "cache/x"
    with pytest.raises(KeyboardInterrupt):
        look_up_facts(places, stamps_of(places), store, progress=stop_at_three)
    known = look_up_facts(places, stamps_of(places), store, progress=lambda done, n: seen.append(n))
    assert seen == [6, 6, 6, 3, 3, 3]
    direct = np.concatenate([facts_of(path.read_bytes()) for path, _ in places])
    assert known.facts.tobytes() == direct.tobytes()


def test_a_multichannel_clip_is_measured_mixed_down() -> None:
    left, right = noise(8), noise(9)
    row = facts_of(encoded(np.stack([left, right], 1), RATE, subtype="FLOAT"))[0]
    assert row["channels"] == 2
    assert row["level"] == pytest.approx(measured((left + right) / 2)["level"], abs=1e-3)
    with soundfile.SoundFile(io.BytesIO(encoded(left, RATE))) as file:
        assert file.channels == 1


def test_a_segment_that_ends_after_its_file_is_late_by_so_much() -> None:
    segments = [(0.0, 1.0), (0.5, None), (None, None), (0.5, 3.25)]
    rows = facts_of(encoded(noise(0), RATE), segments)
    assert rows["late"].tolist() == [0.0, 0.0, 0.0, 2.25]


def test_a_segment_at_any_time_has_facts() -> None:
    rows = facts_of(encoded(noise(0), RATE), [(1e307, 1e308), (0.0, 1e308), (0.0, 1.0)])
    assert rows["frames"].tolist() == [0, RATE, RATE]
    assert rows["late"].tolist() == [2.0**62, 2.0**62, 0.0]


def test_a_flac_file_of_unknown_length_has_the_facts_of_its_samples() -> None:
    wave = noise(0)
    rows = [
        facts_of(data)[0]
        for data in (flac_of_unknown_length(wave, RATE), encoded(wave, RATE, format="FLAC"))
    ]
    for name in ("fault", "audio", "frames", "cut", "level"):
        assert rows[0][name] == rows[1][name], name
    assert rows[0]["frames"] == RATE


def test_channels_that_cancel_are_noted_and_the_loudest_is_measured() -> None:
    voice = noise(3).astype(np.float32)
    alone, stereo = (
        facts_of(encoded(wave, RATE, subtype="FLOAT"))[0]
        for wave in (voice, np.stack([voice, -voice], axis=1))
    )
    assert (alone["cancelled"], stereo["cancelled"]) == (False, True)
    for name in MEASURES:
        assert stereo[name] == pytest.approx(alone[name], rel=1e-5)


def test_a_wave_file_behind_an_id3_tag_is_measured_whole() -> None:
    data = encoded(noise(4), RATE)
    plain, tagged = (
        facts_of(before + data)[0] for before in (b"", b"ID3\3\0\0\0\0\7\x68" + bytes(1000))
    )
    assert (tagged["frames"], tagged["cut"]) == (plain["frames"], False) == (RATE, False)
    assert tagged["audio"] == plain["audio"]
