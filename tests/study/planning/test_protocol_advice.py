"""Which protocol `spectune init` writes, and how wide it expects a UAR's interval to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from study.corpus import Corpus
from study.corpus.clip import Clip
from study.planning.protocol_advice import RECALL, WITHIN_SPEAKER, advise_protocol, uar_error


def corpus(train: tuple[int, int], devel: tuple[int, int], *, classes="ab", speakers=True):
    """So many speakers with so many clips of each class, in train and devel; two test clips."""
    clips = [Clip(f"test{i}.wav", Path("t"), None, "test", None) for i in range(2)]
    for name, (n_speakers, n_clips) in (("train", train), ("devel", devel)):
        for person in range(n_speakers):
            for label in classes:
                who = f"{name}{person}" if speakers else None
                names = [f"{name}-{person}-{label}-{i}.wav" for i in range(n_clips)]
                clips += [Clip(one, Path(one), label, name, who) for one in names]
    return Corpus("made", Path("made"), tuple(clips), tuple(classes), "manifest", False)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (corpus((4, 200), (1, 50)), "loso"),
        (corpus((12, 6), (6, 6), classes="abcdefgh"), "kfold"),
        (corpus((200, 4), (400, 4)), "holdout"),  # 400 devel speakers are enough
        (corpus((12, 6), (6, 6), speakers=False), "holdout"),  # folds would hear their voices
        (corpus((30, 100), (10, 100)), "holdout"),  # five trainings of 8,000 clips a trial
    ],
)
def test_the_protocol_fits_the_corpus(made, expected):
    assert advise_protocol(made).protocol == expected


def test_the_reason_and_the_caution_hold_the_figures():
    found = advise_protocol(corpus((12, 6), (6, 6)))
    assert found.reason.startswith("all 216 of 18 speakers to within 8 points; the 72 devel clips")
    assert "less than about 8 points cannot be told apart" in found.caution
    assert advise_protocol(corpus((200, 4), (400, 4))).caution == ""
    unknown = advise_protocol(corpus((12, 6), (6, 6), speakers=False))
    assert unknown.reason.endswith("folds need the speakers of train and devel")


def test_a_class_that_one_speaker_alone_says_is_left_to_devel():
    made = corpus((4, 20), (2, 20))
    alone = [Clip(f"c{i}.wav", Path("c"), "c", "train", "train0") for i in range(5)]
    lonely = Corpus("made", Path("made"), (*made.clips, *alone), ("a", "b", "c"), "manifest", False)
    found = advise_protocol(lonely)
    assert found.protocol == "holdout"
    assert "'c' is said only by train0" in found.reason


@pytest.mark.parametrize(("n_speakers", "n_clips"), [(5, 40), (40, 5), (12, 1)])
def test_the_error_is_that_of_simulated_speakers(n_speakers, n_clips):
    rng = np.random.default_rng(0)
    spread = (1 - WITHIN_SPEAKER) / WITHIN_SPEAKER  # of a beta distribution of recalls
    recalls = rng.beta(RECALL * spread, (1 - RECALL) * spread, (4000, 2, n_speakers))
    uars = (rng.binomial(n_clips, recalls) / n_clips).mean(axis=(1, 2))
    labels = np.repeat(["a", "b"], n_speakers * n_clips)
    speakers = [str(i) for i in np.tile(np.repeat(np.arange(n_speakers), n_clips), 2)]
    assert uar_error(labels, speakers) == pytest.approx(1.96 * uars.std(), rel=0.05)


def test_clips_without_a_speaker_are_nobodys_whatever_speakers_are_called():
    labels = ["a"] * 4
    assert uar_error(labels, ["clip 2", "clip 2", None, None]) == uar_error(
        labels, ["x", "x", None, None]
    )
