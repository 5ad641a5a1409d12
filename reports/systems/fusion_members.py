"""The fusion on the page: its path, and a table of its members."""

from __future__ import annotations

from reports.page.section import Panel, Section
from reports.page.table import Table, table_of
from reports.page.text import cell, percent, points
from reports.systems.fusion import FusionPath, Member, Step, fusion, fusion_figure
from study.results import StudyResults

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


def members_table(numbers: FusionPath | None) -> Table | None:
    """The members in the order in which they first entered, and what each added then.

    Beside it stands, where it is known, what leaving the member out changes. A fusion that was not
    built step by step (stacking, a vote, CMA-ES) has its members alone.
    """
    if numbers is None:
        return None
    first: dict[tuple[int | None, str], Step] = {}
    for step in numbers.steps:
        if step.member.weight is not None:
            first.setdefault(step.member[:2], step)
    rows = [
        {
            "enters": str(step.n),
            **_member(step.member),
            "UAR then": percent(step.uar),
            "added then": points(step.gain),
            **_without(step.member),
        }
        for step in first.values()
    ]
    if not numbers.steps:
        rows = [{**_member(member), **_without(member)} for member in numbers.members]
    return table_of(rows, words=["name"])


def _member(member: Member) -> dict[str, str]:
    trial = "imported" if member.trial is None else str(member.trial)
    weight, alone = cell(member.weight), percent(member.alone)
    return {"trial": trial, "name": member.name, "weight": weight, "alone": alone}


def _without(member: Member) -> dict[str, str]:
    """What leaving a member out changes, known of all members or of none."""
    return {} if member.without is None else {"without it": points(member.without)}
