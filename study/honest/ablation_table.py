"""The points of a grid as a table, for a terminal and as CSV, with what a reader must know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from study.files.csv_files import csv_text, spreadsheet_safe
from study.honest.ablation import AblationRow
from study.honest.estimate import ONE_SPEAKER
from study.text import probability

TITLES = {"holm": "p (Holm)", "all_pairs": "p (all pairs)"}


def p_title(rows: Sequence[AblationRow]) -> str:
    """Return the title of the column of p-values, which says how they are corrected."""
    return TITLES[rows[0].correction]


def ablation_notes(rows: Sequence[AblationRow]) -> list[str]:
    """Return what a reader of the table must know, each note once, without a full stop."""
    notes = [row.interval.note for row in rows]
    notes += [row.comparison.note for row in rows if row.comparison is not None]
    if rows[0].interval.n_speakers == 1:
        notes.append(ONE_SPEAKER)
    if rows[0].correction == "all_pairs" and any(row.p_corrected is not None for row in rows):
        notes.append(
            f"p-values are corrected for all {len(rows) * (len(rows) - 1) // 2} pairs of points, "
            "since the clips that judge chose the best one; a `--reference` named beforehand is "
            "compared with the others alone"
        )
    return list(dict.fromkeys(filter(None, notes)))


def ablation_lines(rows: Sequence[AblationRow]) -> list[str]:
    """Return the table as Markdown, which a terminal shows well too."""
    keys = list(rows[0].settings)
    header = [*keys, "seeds", "UAR", "95 % interval", "difference", p_title(rows), "time"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        low, high = row.interval.low, row.interval.high
        bounds = "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"
        beside = row.comparison
        difference = "reference" if beside is None else f"{100 * beside.difference:+.1f}"
        p = "" if row.p_corrected is None else probability(row.p_corrected)
        sd = f" (SD {100 * np.std(row.uars, ddof=1):.1f})" if len(row.uars) > 1 else ""
        cells = [str(row.settings[key]) for key in keys]
        cells += [str(len(row.uars)), f"{100 * row.interval.uar:.1f}{sd}", bounds, difference, p]
        lines.append("| " + " | ".join([*cells, f"{row.seconds:.0f} s"]) + " |")
    return lines + [line for note in ablation_notes(rows) for line in ("", f"Note: {note}.")]


def ablation_records(rows: Sequence[AblationRow]) -> list[dict[str, Any]]:
    """Return the table as plain values, UAR in [0, 1]: a point's settings, then its figures."""
    return [
        {
            **row.settings,
            "seeds": len(row.uars),
            "trials": row.trials,
            "uar": row.interval.uar,
            "ci_low": row.interval.low,
            "ci_high": row.interval.high,
            "difference": 0.0 if row.comparison is None else row.comparison.difference,
            "p_corrected": row.p_corrected,
            "correction": row.correction,
        }
        for row in rows
    ]


def ablation_csv(rows: Sequence[AblationRow]) -> str:
    """Return the table as CSV, UAR in [0, 1]."""
    records = ablation_records(rows)
    table: list[Iterable[object]] = [records[0]]
    for row, record in zip(rows, records, strict=True):
        record |= {key: spreadsheet_safe(str(value)) for key, value in row.settings.items()}
        record["trials"] = " ".join(map(str, row.trials))
        table.append(record.values())
    return csv_text(table)
