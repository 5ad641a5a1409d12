"""The sections of the page: each a sentence, and figures, a table, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from reports.anchors import anchor_sections
from reports.calibration import calibration_section
from reports.check import check_sections
from reports.comparing import ablation_sections, seeds_sections
from reports.confusion import confusion, confusion_figure
from reports.curves import curves, curves_figure
from reports.explain.sections import report_sections
from reports.fusion import Fusion, fusion, fusion_figure
from reports.heatmap import heatmap, heatmap_figure
from reports.history import history, history_figure
from reports.importance import (
    ENOUGH_TRIALS,
    Importance,
    importance,
    importance_figure,
)
from reports.inputs import input_sections
from reports.leaderboard import failures_table, leaderboard_table, members_table
from reports.parallel import Parallel, parallel, parallel_figure
from reports.scores import scores, scores_table
from reports.searched import left_out_baselines, usable_trials
from reports.section import Panel, Section
from reports.speakers import MOST_SPEAKERS, quantiles_figure, speakers, speakers_figure
from reports.strips import Strip, strips, strips_figure
from reports.systems import System, systems_on_devel
from reports.worth import worth_sections
from reports.wrong import wrong_sections
from study.results import StudyResults

__all__ = ["Panel", "Section", "sections"]


def sections(results: StudyResults) -> list[Section]:
    """All sections, also of a study without a trial."""
    weights = importance(results)
    path = fusion(results)
    systems = systems_on_devel(results)
    order = [bar.name for bar in weights.parameters] if weights and weights.trustworthy else []
    return [
        _leaderboard(results),
        _fusion(path),
        *worth_sections(results),
        *_scores(results),
        *anchor_sections(results),
        *seeds_sections(results),
        *ablation_sections(results),
        _history(results),
        _curves(results),
        _importance(results, weights),
        *_strips(strips(results, weights)),
        _parallel(parallel(results, order)),
        _heatmap(results),
        _confusion(systems),
        *wrong_sections(systems),
        _speakers(results, systems),
        calibration_section(results, systems),
        *input_sections(results),
        *report_sections(results),
        *check_sections(results),
        _failures(results),
    ]


def _leaderboard(results: StudyResults) -> Section:
    table = leaderboard_table(results)
    return Section(
        "leaderboard",
        "Leaderboard",
        "The best trials by the devel UAR of their best epoch; pruned trials count with what they "
        "had reached.",
        table=table,
        note="" if table else "No trial has ended with a UAR.",
    )


def _fusion(path: Fusion | None) -> Section:
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
        " ".join(text for column, text in _MEMBERS.items() if table and column in table.columns)
        if path
        else "There is no fusion yet.",
    )


_MEMBERS = {
    "added then": "Added then: when the member first entered.",
    "without it": "Without it: the fusion with the member left out, the others as heavy as they "
    "were, minus the fusion with it; both before temperature and bias.",
}


def _scores(results: StudyResults) -> list[Section]:
    """The section of test labels, only where they have arrived."""
    numbers = scores(results)
    if numbers is None:
        return []
    panels = [
        Panel(
            f"test-{place}", confusion_figure(matrix), f"{matrix.title}: {100 * matrix.uar:.1f} %"
        )
        for place, matrix in enumerate(numbers.confusions, start=1)
    ]
    sentence = (
        f"UAR on the {numbers.n:,} test clips, whose labels came from {numbers.file} after "
        "everything was trained and chosen."
    )
    return [Section("test", "Test", sentence, tuple(panels), scores_table(numbers))]


def _history(results: StudyResults) -> Section:
    numbers = history(results)
    return Section(
        "history",
        "Optimisation history",
        "Every ended trial in the order of the search, and the best UAR so far.",
        (Panel("history", history_figure(numbers)),) if numbers else (),
        note="" if numbers else "No trial has ended with a UAR.",
    )


def _curves(results: StudyResults) -> Section:
    numbers = curves(results)
    left_out = numbers.left_out if numbers else 0
    note = f"{left_out} curves are left out." if left_out else ""
    return Section(
        "curves",
        "Learning curves",
        "Devel UAR by epoch: of the trials with more than one, the five best in colour with a star "
        "at their best epoch, the others in grey.",
        (Panel("curves", curves_figure(numbers)),) if numbers else (),
        note=note if numbers else "No trial has told more than one epoch.",
    )


def _importance(results: StudyResults, numbers: Importance | None) -> Section:
    title = "What mattered"
    if numbers is None:
        usable = usable_trials(results)
        n = len(usable) - len(left_out_baselines(usable))
        why = (
            f"Too few trials: {n} with a UAR and parameters, at least {ENOUGH_TRIALS} are needed."
            if n < ENOUGH_TRIALS
            else "No parameter took two values, or all UARs are equal."
        )
        return Section("importance", title, _IMPORTANCE, note=why)
    trust = (
        f"{numbers.n_trials} trials, {numbers.n_samples} bootstrap samples; bars are medians, "
        "whiskers go from the 10th to the 90th percentile. On trials it has not seen the forest "
        f"explains {100 * max(numbers.r2, 0):.0f} % of the variance"
    )
    trust += "." if numbers.trustworthy else ": too little, do not read much into these bars."
    if numbers.left_out:
        trust += (
            f" Left out: trial {', '.join(map(str, numbers.left_out))}, a baseline whose backbone"
            " the search does not have."
        )
    return Section(
        "importance",
        title,
        _IMPORTANCE,
        (
            Panel("importance", importance_figure(numbers.dimensions), "By dimension"),
            Panel("importance-parameters", importance_figure(numbers.parameters), "By parameter"),
        ),
        note=trust,
    )


_IMPORTANCE = (
    "The share of the variance of devel UAR that a dimension has a part in, alone or together with "
    "others: half of what the squared error of a random forest grows by once the dimension is "
    "shuffled between trials. A parameter of a branch not taken is a level of its own, and alone "
    "it is shuffled only among trials that have it. What a linear machine leaves unused is filled "
    "in from other trials."
)


def _strips(found: Sequence[Strip]) -> list[Section]:
    """The section of single parameters, only where importance is to be trusted."""
    if not found:
        return []
    return [
        Section(
            "values",
            "Which way it pulls",
            "Devel UAR by value of the most important parameters, among the trials that have them "
            "(an augmentation that is off counts as p = 0); lines are medians, of each value or of "
            "equally many trials. A search tries more of what was good, and values come together "
            "with others: a median proves no effect.",
            (Panel("values", strips_figure(found)),),
        )
    ]


def _parallel(numbers: Parallel | None) -> Section:
    note = "Fewer than two trials with different parameters have a UAR."
    if numbers:
        parts = [
            f"{numbers.axes_left_out} other parameters" if numbers.axes_left_out else "",
            f"{numbers.lines_left_out} worse trials" if numbers.lines_left_out else "",
        ]
        left_out = " and ".join(part for part in parts if part)
        note = f"Left out: {left_out}." if left_out else ""
    return Section(
        "parallel",
        "Parallel coordinates",
        "Each line is a trial, from grey (worst) over blue and purple to orange (best); below an "
        "axis lie the trials without that parameter.",
        (Panel("parallel", parallel_figure(numbers)),) if numbers else (),
        note=note,
    )


def _heatmap(results: StudyResults) -> Section:
    numbers = heatmap(results)
    return Section(
        "heatmap",
        "Scale and backbone",
        "The best devel UAR of each combination, with the number of trials it had; more trials "
        "make a better best.",
        (Panel("heatmap", heatmap_figure(numbers)),) if numbers else (),
        note="" if numbers else "Fewer than two combinations of scale and backbone have a UAR.",
    )


def _confusion(systems: Sequence[System]) -> Section:
    matrices = [confusion(system) for system in systems]
    return Section(
        "confusion",
        "Confusion on devel",
        "Each row is a label and sums to 100 % of its clips; the diagonal holds the recalls whose "
        "mean is the UAR.",
        tuple(
            Panel(
                f"confusion-{place}",
                confusion_figure(matrix),
                f"{matrix.title}: {100 * matrix.uar:.1f} %",
            )
            for place, matrix in enumerate(matrices, start=1)
        ),
        note="" if matrices else "There are no devel predictions with labels.",
    )


def _speakers(results: StudyResults, systems: Sequence[System]) -> Section:
    numbers = speakers(results, systems)
    panels, note = [], "Fewer than two devel speakers are known."
    if numbers:
        fewer = min(numbers.n_classes) < len(results.classes)
        note = "A speaker's UAR is over the classes that the speaker has." if fewer else ""
        panels.append(Panel("speakers", speakers_figure(numbers)))
    if numbers and (n := len(numbers.speakers)) > MOST_SPEAKERS:
        panels[0] = panels[0]._replace(heading="The best and the worst")
        panels.append(Panel("speakers-all", quantiles_figure(numbers), f"All {n:,} speakers"))
    return Section(
        "speakers",
        "UAR per speaker",
        "Devel UAR of each speaker alone; a wide spread says that the result rests on who speaks.",
        tuple(panels),
        note=note,
    )


def _failures(results: StudyResults) -> Section:
    table = failures_table(results)
    return Section(
        "failures",
        "Failures",
        "Trials that failed, were tried again or stopped for a reason of their own.",
        table=table,
        note="" if table else "None.",
    )
