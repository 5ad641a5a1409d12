"""Repetitions -> bias and coverage per setting -> a table for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from study.intervals import IntervalMethod

__all__ = ["INTERVALS", "Summary", "summarise", "table"]

INTERVALS: tuple[IntervalMethod, ...] = ("percentile", "expanded", "bca")


class Summary(NamedTuple):
    """Figures of one setting; biases in UAR, estimate minus truth; coverage of 95 % intervals."""

    search: str
    n_speakers: int
    repetitions: int
    truth: float
    apparent: float
    nested: float
    nested_se: float
    nested_sd: float
    out_of_bag: float | None
    single_apparent: float
    single_nested: float
    coverage: dict[str, float]
    fixed_coverage: dict[str, float]
    width: float


def summarise(rows: Iterable[Mapping[str, Any]]) -> list[Summary]:
    """One summary per search and number of speakers, sorted."""
    groups: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["search"], row["n_speakers"]), []).append(row)
    return [_summary(*key, group) for key, group in sorted(groups.items())]


def table(summaries: Sequence[Summary]) -> str:
    """Markdown; UAR and biases in points (per cent), coverage in per cent."""
    head = (
        "| search | speakers | repetitions | true UAR | apparent bias | nested bias (± SE) "
        "| nested SD | out-of-bag bias | best single: apparent, nested bias "
        "| coverage: percentile / expanded / BCa | width | fixed predictor: the same |"
    )
    lines = [head, "|" + "---|" * 12]
    for s in summaries:
        bag = "" if s.out_of_bag is None else f"{100 * s.out_of_bag:+.2f}"
        cells = [
            s.search,
            str(s.n_speakers),
            str(s.repetitions),
            f"{100 * s.truth:.1f}",
            f"{100 * s.apparent:+.2f}",
            f"{100 * s.nested:+.2f} ± {100 * s.nested_se:.2f}",
            f"{100 * s.nested_sd:.2f}",
            bag,
            f"{100 * s.single_apparent:+.2f}, {100 * s.single_nested:+.2f}",
            " / ".join(f"{100 * s.coverage[name]:.1f}" for name in INTERVALS),
            f"{100 * s.width:.1f}",
            " / ".join(f"{100 * s.fixed_coverage[name]:.1f}" for name in INTERVALS),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _summary(kind: str, n_speakers: int, rows: Sequence[Mapping[str, Any]]) -> Summary:
    def bias(key: str, truth: str = "truth") -> float:
        return float(np.mean([row[key] - row[truth] for row in rows]))

    errors = np.array([row["nested"] - row["truth"] for row in rows])
    bags = [row["out_of_bag"] - row["truth"] for row in rows if row["out_of_bag"] is not None]
    spread = float(errors.std(ddof=1)) if len(rows) > 1 else float("nan")
    widths = [row["intervals"]["expanded"][1] - row["intervals"]["expanded"][0] for row in rows]
    return Summary(
        search=kind,
        n_speakers=n_speakers,
        repetitions=len(rows),
        truth=float(np.mean([row["truth"] for row in rows])),
        apparent=bias("apparent"),
        nested=float(errors.mean()),
        nested_se=spread / float(np.sqrt(len(rows))),
        nested_sd=spread,
        out_of_bag=float(np.mean(bags)) if bags else None,
        single_apparent=bias("single_apparent", "single_truth"),
        single_nested=bias("single_nested", "single_truth"),
        coverage=_coverage(rows, "intervals", "truth"),
        fixed_coverage=_coverage(rows, "fixed_intervals", "fixed_truth"),
        width=float(np.mean(widths)),
    )


def _coverage(rows: Sequence[Mapping[str, Any]], key: str, truth: str) -> dict[str, float]:
    return {
        name: float(np.mean([row[key][name][0] <= row[truth] <= row[key][name][1] for row in rows]))
        for name in INTERVALS
    }
