"""Published results beside the study's, only where the corpus is the real Mask corpus.

The sub-challenge of ComParE 2020 (Schuller et al., Interspeech 2020) and its winner (Szep and
Hariri, Interspeech 2020).
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from reports.page.section import Section
from reports.page.table import table_of
from reports.page.text import percent
from reports.systems.scores import scores
from study.results import StudyResults

# Clips by partition and, in alphabetical order, class; the test partition is blind.
MASK_CLIPS = {"train": (5353, 5542), "devel": (6666, 7981), "test": 11012}


class Anchor(NamedTuple):
    """A published UAR on the Mask corpus; None where none was published."""

    name: str
    devel: float | None
    test: float | None


ANCHORS = (
    Anchor("official baseline: functionals, SVM", 0.626, 0.669),
    Anchor("official baseline: bag of audio words", 0.642, 0.677),
    Anchor("official baseline: auDeep", 0.644, 0.666),
    Anchor("official baseline: DeepSpectrum, ResNet50", 0.634, 0.708),
    Anchor("official baseline: fusion", None, 0.718),
    Anchor("winner: Szep and Hariri, fusion", None, 0.801),
    Anchor("fusion of the participants", None, 0.826),
)


def is_mask_corpus(results: StudyResults) -> bool:
    """Whether the clips are those of the real corpus: its exact counts, judged as it was judged."""
    if results.corpus.get("simulated") or results.protocol != "holdout":
        return False
    counts: dict[str, object] = {}
    for name, partition in results.partitions.items():
        by_label = sorted(Counter(str(clip.label) for clip in partition.clips).items())
        by_class = tuple(count for _, count in by_label)
        counts[name] = len(partition.clips) if name == "test" else by_class
    return counts == MASK_CLIPS


def anchor_sections(results: StudyResults) -> list[Section]:
    """The section of published results; none on any other corpus."""
    if not is_mask_corpus(results):
        return []
    own = []
    if results.ensemble is not None:
        own.append(Anchor("this study: fusion, apparent", results.ensemble.uar, None))
    if results.best is not None:
        own.append(
            Anchor("this study: best single, apparent", results.system_of(results.best).uar, None)
        )
    scored = scores(results)
    for row in scored.rows if scored else ():
        own.append(Anchor(f"this study: {row.name}, trained on {row.trained_on}", None, row.uar))
    rows = [
        {"system": a.name, "devel UAR": percent(a.devel), "test UAR": percent(a.test)}
        for a in (*own, *ANCHORS)
    ]
    return [
        Section(
            "published",
            "Beside published results",
            "Published UARs on this corpus, the Mask sub-challenge of ComParE 2020; systems on "
            "test were trained on train and devel.",
            table=table_of(rows, words=["system"]),
            note="A devel UAR that chose its own system is no forecast of a test UAR.",
        )
    ]
