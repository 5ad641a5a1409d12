"""A fusion in words: what the terminal, MLflow, `ensemble.json` and the report say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.fusion.diversity import Diversity
from study.fusion.fuse import Fusion
from study.fusion.methods.table import DEFAULT
from study.honest.estimate import search_note
from study.metrics.permutation_tests import Comparison
from study.text import NOTHING, aligned, percent


def fusion_table(fusion: Fusion) -> str:
    """Return the fusion beside its references and what it is honestly worth, for a terminal."""
    candidates, references = fusion.library.candidates, fusion.references
    best = candidates[references.best_single.members[0]]
    top_k, uniform = references.top_k, references.uniform
    n = len(fusion.selection.members)
    rows = [
        (f"fusion of {n} ({fusion.selection.method})", fusion.selection),
        (f"best single: {best.label()}", references.best_single),
        (f"average of the best {len(top_k.members)}", top_k),
        (f"average of all {len(uniform.members)}", uniform),
    ]
    lines = [f"  {100 * chosen.uar:5.1f} %  {name}" for name, chosen in rows]
    title = "devel UAR (apparent: members were chosen on devel)"
    return "\n".join([title, *lines, *all_sentences(fusion)])


def all_sentences(fusion: Fusion) -> list[str]:
    """Return the honest value and what is said beside it."""
    return [fusion.honest.sentence(), *fusion_sentences(fusion)]


def fusion_sentences(fusion: Fusion) -> list[str]:
    """Return what is said beside the honest value: comparisons, caution, decision, imports."""
    sentences = [_absent(fusion.library.absent)] if fusion.library.absent else []
    sentences += [_compared(one) for one in fusion.honest.comparisons]
    sentences += [*_best_of(fusion), search_note(fusion.library.n_speakers)]
    if fusion.decision is not None:
        sentences.append(fusion.decision.sentence())
    if len(fusion.selection.members) > 1:
        sentences.append(_diversity(fusion.diversity))
    if fusion.limits is not None:
        sentences.append(f"Limits on {fusion.limits.sentence(fusion.selection.members)}.")
    rest = [fusion.selection.reason, *fusion.library.left_out]
    return sentences + [f"{one[0].upper()}{one[1:]}." for one in rest if one]


def methods_table(
    fusion: Fusion, megabytes: NDArray[np.float64], milliseconds: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Return the compared methods as plain values, the best honest UAR first.

    Args:
        fusion: With its methods compared.
        megabytes: Of every candidate; NaN where not known.
        milliseconds: Of every candidate for one clip; NaN where not known.
    """
    rows: list[dict[str, Any]] = [
        {
            **asdict(row),
            "members": len(row.members),
            "megabytes": total_cost(megabytes, row.members),
            "milliseconds": total_cost(milliseconds, row.members),
        }
        for row in fusion.methods
    ]
    return sorted(rows, key=lambda row: -row["uar"])


def compared_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the table of `spectune ensemble --compare`.

    Args:
        rows: What `methods_table` gave.
    """
    head = ["method", "honest UAR", "95 % interval", "apparent", "gain", "SE", "members"]
    lines = [
        "methods, by what they are worth on clips they were not fitted on; gain over"
        f" {DEFAULT} in points, with its standard error"
    ]
    return lines + [f"  {line}" for line in aligned([[*head, "MB", "ms"], *map(_cells, rows)])]


def _cells(row: Mapping[str, Any]) -> list[str]:
    def known(value: float | None, factor: float = 1) -> str:
        return NOTHING if value is None else f"{factor * value:.1f}"

    low, high = known(row["low"], 100), known(row["high"], 100)
    return [
        row["method"],
        known(row["uar"], 100),
        NOTHING if low == NOTHING else f"{low} to {high}",
        known(row["apparent"], 100),
        f"{100 * row['gain']:+.1f}",
        known(row["gain_se"], 100),
        str(row["members"]),
        known(row["megabytes"]),
        known(row["milliseconds"]),
    ]


def _absent(classes: Sequence[str]) -> str:
    named, them = " and ".join(classes), "them" if len(classes) > 1 else "it"
    return (
        f"No devel clip is of {named}: no figure here tells how well {them} can be recognised, and "
        f"what is fitted on devel (coefficients, bias, temperatures) leaves {them} to the clips "
        "that the average of the members gives."
    )


def _compared(one: Comparison) -> str:
    """Return a comparison; the reason for having no p-value stands with the honest value."""
    if one.p_value is None and one.note:
        return one.sentence().replace(one.note, "for the same reason")
    return one.sentence()


def _best_of(fusion: Fusion) -> list[str]:
    """Return how the best trial compares; nothing where it is the baseline itself, or no better."""
    found = fusion.best_of
    if found is None or found.p_value is None:
        return []
    equal = fusion.library.baseline is not None and math.isclose(*found.uars)
    return [] if equal else [found.sentence()]


def _diversity(found: Diversity) -> str:
    q = "" if np.isnan(found.q) else f"; Q {found.q:.2f} (0: they err independently, 1: together)"
    return (
        f"Two members disagree on {percent(found.disagreement)} of the devel clips on average{q}."
    )


def pairs_table(fusion: Fusion) -> list[str]:
    """Return the fraction of clips on which each pair of members disagrees, as lines."""
    names = [fusion.library.candidates[member].label() for member in fusion.selection.members]
    rows = [
        (name, *(f"{100 * value:.1f}" for value in row))
        for name, row in zip(names, fusion.diversity.pairwise_disagreement, strict=True)
    ]
    return ["disagreement of members on devel (%)", *(f"  {line}" for line in aligned(rows))]


def total_cost(costs: NDArray[np.float64], members: Sequence[int]) -> float | None:
    """Return the sum over members, None where one is not known."""
    total = float(costs[list(members)].sum())
    return None if np.isnan(total) else total
