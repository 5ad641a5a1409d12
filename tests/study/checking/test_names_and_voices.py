"""Labels that may be no classes, clips without a speaker, and voices that say one class alone."""

from __future__ import annotations

import numpy as np
import pytest

from study.checking.facts import FACTS
from study.checking.names import name_findings
from study.checking.table import ClipTable
from study.checking.voices import voice_findings
from study.corpus.label_questions import label_questions


def table(rows: list[tuple[str | None, str | None, int]]) -> ClipTable:
    """Clips of speaker, label and position of the partition."""
    n = len(rows)
    return ClipTable(
        names=tuple(f"{i}.wav" for i in range(n)),
        labels=tuple(label for _, label, _ in rows),
        partition=np.array([part for _, _, part in rows], np.int64),
        speakers=tuple(speaker for speaker, _, _ in rows),
        facts=np.zeros(n, FACTS),
        stamps=np.zeros((n, 2), np.int64),
        outside=np.zeros(n, bool),
    )


def voices(n_alone: int, n_both: int, *, apart: bool = True) -> ClipTable:
    """Speakers of eight clips each, so many who say one class and so many who say two."""
    rows = []
    for k in range(n_alone + n_both):
        for i in range(8):
            label = "ab"[k % 2] if k < n_alone else "ab"[i % 2]
            rows.append((f"s{k}", label, k % 2 if apart else i % 2))
    return table(rows)


def test_voices_that_say_one_class_alone_are_a_finding_with_their_share() -> None:
    (found,) = voice_findings(voices(23, 6))
    (told,) = found.names
    assert (found.kind, found.area, found.cases) == ("voice and class", "leakage", 1)
    assert told.startswith(
        "23 of 29 speakers (79.3 %) say one class alone ('a' 12, 'b' 11; chance would give"
        " 0.2 of them): a network that knows voices knows their class"
    )
    assert "in train and in devel" not in told
    assert "what counts is the number of speakers of each class, not of clips" in told


def test_voices_in_train_and_devel_are_told_apart_from_new_ones() -> None:
    (found,) = voice_findings(voices(23, 6, apart=False))
    assert "23 of them are in train and in devel, where to recognise a voice" in found.names[0]


@pytest.mark.parametrize("counts", [(0, 29), (1, 28), (5, 24)])
def test_few_voices_of_one_class_are_no_finding(counts: tuple[int, int]) -> None:
    assert voice_findings(voices(*counts)) == []


def test_chance_is_no_finding() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"s{i // 2}", "ab"[int(rng.integers(2))], 0) for i in range(200)]
    assert voice_findings(table(rows)) == []  # half of the pairs say one class
    assert voice_findings(table([(f"s{i}", "ab"[i % 2], 0) for i in range(50)])) == []
    assert voice_findings(table([(None, "ab"[i % 2], 0) for i in range(50)])) == []


def test_clips_without_a_speaker_are_told_where_others_have_one() -> None:
    rows: list[tuple[str | None, str | None, int]] = [("s", "a", 0), (None, "b", 1), (None, "c", 2)]
    (found,) = name_findings(table(rows))
    assert (found.kind, found.names) == ("no speaker", ("1.wav",))
    assert name_findings(table([(None, "a", 0), (None, "b", 1)])) == []
    (found,) = name_findings(table([("nan", "a", 0), ("nan", "b", 1), ("x", "b", 1)]))
    assert found.names == ("'nan' (2 clips) looks like a missing value",)


@pytest.mark.parametrize(
    ("labels", "question"),
    [
        (["1", "2", "3.5"], "3 labels are numbers from 1 to 3.5"),
        (["0,5", "1,5", "2,5"], "3 labels are numbers from 0.5 to 2.5"),
        (["-1", "0", "+1"], "3 labels are numbers from -1 to 1"),
        (["happy", "sad", "happy;sad"], "1 label seems to hold several, 'happy;sad' (2 clips)"),
        (["a|b", "b|c"], "2 labels seem to hold several, 'a|b' (2 clips), 'b|c' (2 clips)"),
        (["mask", "no mask"], None),
        (["0", "1"], None),
        (["m/f", "other"], None),
        (["c", "c+"], None),
        (["rock & roll", "jazz"], None),
    ],
)
def test_labels_that_look_like_no_classes_are_asked_about(
    labels: list[str], question: str | None
) -> None:
    told = label_questions(dict.fromkeys(labels, 2))
    assert len(told) == (question is not None)
    assert all(text.startswith(str(question)) for text in told)


def test_the_check_takes_a_few_whole_numbers_for_names() -> None:
    digits: list[tuple[str | None, str | None, int]] = [(None, str(i % 10), 0) for i in range(40)]
    assert name_findings(table(digits)) == []
    ages: list[tuple[str | None, str | None, int]] = [(None, str(20 + i), 0) for i in range(40)]
    (found,) = name_findings(table(ages))
    assert found.kind == "odd labels"
    assert found.names[0].startswith("40 labels are numbers from 20 to 59: each is a class")
