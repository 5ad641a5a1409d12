"""The mask's filter, measured with sines and noise through the filter itself."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from search_spaces.grammar.errors import InputError
from study.corpus.simulated.masks import (
    ATTENUATION_DB,
    Wearer,
    attenuation,
    check_masks,
    draw_wearer,
    filter_frequencies,
    filter_taps,
)

VARIED = [draw_wearer(np.random.default_rng(i), mask) for i, mask in enumerate(ATTENUATION_DB)]


def wear(wave: NDArray[np.float64], wearer: Wearer, rate: int) -> NDArray[np.float64]:
    taps = filter_taps(attenuation(filter_frequencies(rate), wearer), rate)
    return signal.oaconvolve(wave, taps, mode="same")


def rms_db(wave: NDArray[np.float64]) -> float:
    inside = wave[len(wave) // 4 : -len(wave) // 4]
    return float(10 * np.log10(np.mean(inside**2)))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("mask", ATTENUATION_DB)
def test_a_sine_is_attenuated_as_the_table_says_within_half_a_decibel(mask: str, rate: int) -> None:
    for hz, decibel in ({300: 0.0} | ATTENUATION_DB[mask]).items():
        if hz < 0.95 * rate / 2:
            sine = np.sin(2 * np.pi * hz * np.arange(rate) / rate)
            measured = rms_db(wear(sine, Wearer(mask), rate)) - rms_db(sine)
            assert abs(measured - decibel) < 0.5, hz


@pytest.mark.parametrize("wearer", [*map(Wearer, ATTENUATION_DB), *VARIED])
def test_white_noise_comes_out_with_the_response_of_its_wearer(wearer: Wearer) -> None:
    rate = 16000
    noise = np.random.default_rng(0).standard_normal(60 * rate)
    heard = wear(noise, wearer, rate)
    frequencies, cross = signal.csd(noise, heard, rate, nperseg=4096)
    _, power = signal.welch(noise, rate, nperseg=4096)
    measured = 20 * np.log10(np.abs(cross) / power)
    inside = (frequencies > 50) & (frequencies < 7900)
    wanted = attenuation(frequencies, wearer)
    assert np.abs(measured - wanted)[inside].max() < 0.5


def test_a_mask_neither_delays_nor_inverts_the_voice() -> None:
    click = np.zeros(4001)
    click[2000] = 1.0
    assert wear(click, Wearer("N95"), 16000).argmax() == 2000


def test_a_leak_lets_a_mask_take_less_and_a_full_leak_nothing() -> None:
    frequencies = np.linspace(0, 8000, 200)
    tight, leaky, off = (
        attenuation(frequencies, Wearer("N95", leak=leak)) for leak in (0.0, 0.3, 1.0)
    )
    assert np.all(tight <= leaky)
    assert leaky.min() == pytest.approx(20 * np.log10(0.3 + 0.7 * 10 ** (-12 / 20)))
    np.testing.assert_allclose(off, 0.0, atol=1e-12)


def test_published_bands_hold_for_the_tables() -> None:
    frequencies = np.arange(100.0, 8001.0, 10.0)
    high = (frequencies >= 2500) & (frequencies <= 7000)
    for mask in ATTENUATION_DB:
        found = attenuation(frequencies, Wearer(mask))
        assert found.max() <= 0
        np.testing.assert_array_equal(found[frequencies <= 1000], 0.0)
    assert np.all(attenuation(frequencies, Wearer("N95"))[high] == -12)
    assert attenuation(frequencies, Wearer("KN95"))[high].mean() == pytest.approx(-4.4, abs=0.4)
    assert attenuation(frequencies, Wearer("surgical"))[high].mean() == pytest.approx(-5, abs=0.5)


def test_wearers_differ_and_stay_in_their_bounds() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_wearer(rng, "KN95") for _ in range(500)]
    assert len(set(drawn)) == 500
    assert all(0 <= w.leak <= 0.3 and 0.9 <= w.shift <= 1.1 and w.fit > 0 for w in drawn)
    assert np.exp(np.mean(np.log([w.fit for w in drawn]))) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("masks", "told"),
    [
        (["cloth"], "mask must be one of surgical, KN95, N95, got 'cloth'"),
        (["n95"], "got 'n95'"),
        ([], "masks must be one or several different ones"),
        (["N95", "N95"], "masks must be one or several different ones, got 'N95, N95'"),
    ],
)
def test_unknown_doubled_and_no_masks_are_refused(masks: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        check_masks(masks)
