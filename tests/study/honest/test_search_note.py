from __future__ import annotations

import pytest

from study.honest.estimate import search_note


@pytest.mark.parametrize(
    ("n_speakers", "said"),
    [
        (None, "speakers are not known, so the honest value flatters by an unknown amount"),
        (4, "with so few speakers the honest value still flatters by an unknown amount"),
        (5, "5 devel speakers, 30 trials and an adaptive search this left the honest value 1.1"),
        (19, "15 devel speakers"),
        (400, "40 devel speakers"),
    ],
)
def test_the_note_tells_the_nearest_simulated_number_of_speakers(n_speakers, said):
    assert said in search_note(n_speakers)


def test_unknown_speakers_are_not_called_few():
    assert "few speakers" not in search_note(None)
    assert "every devel speaker" not in search_note(None)
