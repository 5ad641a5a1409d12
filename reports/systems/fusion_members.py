"""The fusion on the page: its path, and a table of its members."""

from __future__ import annotations

from reports.page.section import Panel, Section
from reports.page.table import Table
from reports.page.text import cell, percent, points
from reports.systems.fusion import Fusion, Part, Step, fusion, fusion_figure
from study.results import StudyResults

__all__ = ["fusion_section", "members_table"]

_COLUMNS = {
    "added then": "Added then: when the member first entered.",
    "without it": "Without it: the fusion with the member left out, the others as heavy as they "
    "were, minus the fusion with it; both before temperature and bias.",
}


def fusion_section(results: StudyResults) -> Section:
    """The section of the fusion: its path and its members."""
    path = fusion(results)
    table = members_table(path)
    panels = (Panel("fusion", fusion_figure(path)),) if path and path.steps else ()
    return Section(
        "fusion",
        "Fusion",
        "Devel UAR of the weighted average of probabilities as members enter, with a star at the "
        "step that was kept, beside simpler choices; all of it is apparent, since devel chose the "
        "members.",
        panels,
        table,
        " ".join(text for column, text in _COLUMNS.items() if table and column in table.columns)
        if path
        else "There is no fusion yet.",
    )


def members_table(numbers: Fusion | None) -> Table | None:
    """The members in the order in which they first entered, and what each added then.

    Beside it stands, where it is known, what leaving the member out changes. A fusion that was not
    built step by step (stacking, a vote, CMA-ES) has its members alone.
    """
    if numbers is None or not (numbers.steps or numbers.parts):
        return None
    if not numbers.steps:
        parts = tuple(
            (_trial(part.trial), part.name, cell(part.weight), percent(part.alone), *_without(part))
            for part in numbers.parts
        )
        return _members(("trial", "name", "weight", "alone"), parts)
    entries: dict[tuple[int | None, str], Step] = {}
    for step in numbers.steps:
        if step.weight is not None:
            entries.setdefault((step.trial, step.name), step)
    rows = tuple(
        (
            str(step.n),
            _trial(step.trial),
            step.name,
            cell(step.weight),
            percent(step.alone),
            percent(step.uar),
            "-" if step.gain is None else points(step.gain),
            *_without(step),
        )
        for step in entries.values()
    )
    return _members(("enters", "trial", "name", "weight", "alone", "UAR then", "added then"), rows)


def _members(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Table:
    """The table of members; its rows have one value more where leaving out is known."""
    if any(len(row) > len(columns) for row in rows):
        columns = (*columns, "without it")
    return Table(columns, rows, tuple(column != "name" for column in columns))


def _without(member: Step | Part) -> tuple[str, ...]:
    return () if member.without is None else (points(member.without),)


def _trial(number: int | None) -> str:
    return "imported" if number is None else str(number)
