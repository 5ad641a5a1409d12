from __future__ import annotations

import pytest

from study.search_bias import search_note


@pytest.mark.parametrize(
    ("n_speakers", "said"),
    [
        (None, "unknown amount"),
        (4, "unknown amount"),
        (5, "5 devel speakers, 30 trials and an adaptive search this left the honest value 1.1"),
        (19, "15 devel speakers"),
        (400, "40 devel speakers"),
    ],
)
def test_the_note_tells_the_nearest_simulated_number_of_speakers(n_speakers, said):
    assert said in search_note(n_speakers)
