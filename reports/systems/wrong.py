"""The clips that a system is surest about and wrong: some of them have a wrong label."""

from __future__ import annotations

from collections.abc import Sequence

from reports.page.section import Section
from reports.page.table import Table, table_of
from reports.page.text import percent
from reports.systems.systems import System

MOST_CLIPS = 20


def wrong_table(system: System) -> Table | None:
    """The most confidently wrong clips, the surest first; None where all are right."""
    columns = (system.file_names, system.labels, system.predictions, system.confidences)
    wrong = [clip for clip in zip(*columns, strict=True) if clip[1] != clip[2]]
    rows = [
        {"file": name, "label": label, "prediction": guess, "probability": percent(sure)}
        for name, label, guess, sure in sorted(wrong, key=lambda clip: (-clip[3], clip[0]))
    ]
    return table_of(rows[:MOST_CLIPS], words=("file", "label", "prediction"))


def wrong_sections(systems: Sequence[System]) -> list[Section]:
    """The section, only where there are devel predictions: of the fusion, or the best single."""
    if not systems:
        return []
    system = systems[0]
    table = wrong_table(system)
    n = sum(a != b for a, b in zip(system.labels, system.predictions, strict=True))
    return [
        Section(
            "wrong",
            "Confidently wrong",
            f"The devel clips whose wrong class has the highest probability ({system.title}, "
            f"{n:,} of {len(system.labels):,} wrong): listen to these first to find wrong labels.",
            table=table,
            note="" if table else "Every devel clip is recognised.",
        )
    ]
