"""Frequency axes, judged by the standard's own numbers and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.explain.axes import frequency_axes, row_fractions
from search_spaces.scales import SCALES, centres_hz


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_axes_cover_all_frequencies_once(rate):
    for axis in frequency_axes(rate):
        edges = np.array(axis.edges_hz)
        assert edges[0] == 0
        assert edges[-1] == rate / 2
        assert (np.diff(edges) > 0).all()


def test_third_octaves_have_the_edges_of_the_standard():
    # IEC 61260-1:2014, base ten: the band of nominal 1 kHz and its neighbours.
    third = np.array(frequency_axes(16000)[0].edges_hz)
    for edge in (112.20, 891.25, 1122.02, 1412.54, 7079.46):
        assert np.abs(third - edge).min() < 0.01


@given(
    scale=st.sampled_from(sorted(SCALES.kinds)),
    n_rows=st.integers(1, 70),
    rate=st.sampled_from([8000, 16000]),
)
@settings(max_examples=40)
def test_shares_of_rows_are_those_of_many_small_pieces(scale, n_rows, rate):
    centres = centres_hz(SCALES.kinds[scale](), rate)
    corners = np.concatenate(
        [[1.5 * centres[0] - centres[1] / 2], (centres[1:] + centres[:-1]) / 2,
         [1.5 * centres[-1] - centres[-2] / 2]]
    ).clip(0, rate / 2)  # fmt: skip
    pieces = (np.arange(20_000) + 0.5) / 20_000  # of the height of the map
    hz = np.interp(pieces * len(centres), np.arange(len(centres) + 1), corners)
    for axis in frequency_axes(rate):
        expected = np.zeros((n_rows, axis.n_bands))
        bands = np.searchsorted(axis.edges_hz, hz, side="right").clip(1, axis.n_bands) - 1
        np.add.at(expected, ((pieces * n_rows).astype(int), bands), n_rows / len(pieces))
        found = row_fractions(centres, axis.edges_hz, n_rows=n_rows)
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-9)
        np.testing.assert_allclose(found, expected, atol=0.01)


def test_a_network_that_hears_part_of_the_axis_has_no_share_elsewhere():
    centres = np.linspace(1000, 2000, 50)
    shares = row_fractions(centres, [0, 900, 2100, 4000], n_rows=5)
    assert shares[:, [0, 2]].max() == 0


def test_one_band_is_the_whole_axis():
    assert row_fractions([1000.0], [0, 1000, 4000], n_rows=1).tolist() == [[0.25, 0.75]]


def test_rows_that_lie_lower_cover_what_is_nearest_to_them():
    centres = np.arange(50.0, 850, 100)  # eight bands of 100 Hz, two to a row
    shares = row_fractions(centres, np.arange(0.0, 900, 100), n_rows=4, offset=-1 / 8)
    covered = [row.nonzero()[0].tolist() for row in shares]
    assert covered == [[0], [1, 2], [3, 4], [5, 6, 7]]
    np.testing.assert_allclose(shares.sum(1), 1)
