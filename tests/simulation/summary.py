"""Repetitions -> bias and coverage per setting -> a table for the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from study.metrics.intervals import IntervalMethod

__all__ = ["INTERVALS", "TOLD", "Summary", "summarise", "table"]

INTERVALS: tuple[IntervalMethod, ...] = ("percentile", "expanded")
TOLD = "told"  # the interval of the honest value as users see it, in earlier files too


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
    single_coverage: float
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
    columns: dict[str, Callable[[Summary], str]] = {
        "search": lambda s: s.search,
        "speakers": lambda s: str(s.n_speakers),
        "repetitions": lambda s: str(s.repetitions),
        "true UAR": lambda s: f"{100 * s.truth:.1f}",
        "apparent bias": lambda s: f"{100 * s.apparent:+.2f}",
        "**nested bias** ± SE": lambda s: f"{100 * s.nested:+.2f} ± {100 * s.nested_se:.2f}",
        "nested SD": lambda s: f"{100 * s.nested_sd:.2f}",
        "out-of-bag bias": lambda s: _points(s.out_of_bag),
        "best single: apparent, nested bias": lambda s: (
            f"{_points(s.single_apparent)}, {_points(s.single_nested)}"
        ),
        "**coverage**": lambda s: f"{100 * s.coverage[TOLD]:.1f}",
        "width": lambda s: f"{100 * s.width:.1f}",
        "best single coverage": lambda s: f"{100 * s.single_coverage:.1f}",
        "percentile / expanded without widening": lambda s: _several(s.coverage),
        "the same of a fixed predictor": lambda s: _several(s.fixed_coverage),
    }
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(cell(s) for cell in columns.values())} |" for s in summaries]
    return "\n".join(lines)


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.2f}"


def _several(coverage: Mapping[str, float]) -> str:
    return " / ".join(f"{100 * coverage[name]:.1f}" for name in INTERVALS)


def _summary(kind: str, n_speakers: int, rows: Sequence[Mapping[str, Any]]) -> Summary:
    def bias(key: str, truth: str = "truth") -> float:
        return float(np.mean([row[key] - row[truth] for row in rows]))

    errors = np.array([row["nested"] - row["truth"] for row in rows])
    bags = [row["out_of_bag"] - row["truth"] for row in rows if row["out_of_bag"] is not None]
    spread = float(errors.std(ddof=1)) if len(rows) > 1 else float("nan")
    widths = [row["intervals"][TOLD][1] - row["intervals"][TOLD][0] for row in rows]
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
        coverage=_coverage(rows, "intervals", "truth", (TOLD, *INTERVALS)),
        single_coverage=_coverage(rows, "single_intervals", "single_truth", (TOLD,))[TOLD],
        fixed_coverage=_coverage(rows, "fixed_intervals", "fixed_truth", INTERVALS),
        width=float(np.mean(widths)),
    )


def _coverage(
    rows: Sequence[Mapping[str, Any]], key: str, truth: str, names: Sequence[str]
) -> dict[str, float]:
    return {
        name: float(np.mean([row[key][name][0] <= row[truth] <= row[key][name][1] for row in rows]))
        for name in names
    }
