"""What repeats and grids say: the means over seeds, and the points of a grid beside each other."""

from __future__ import annotations

import numpy as np

from reports.page.section import Section
from reports.page.table import Table, table_of
from reports.page.text import between, capital, cell, duration, percent, points
from study.config import load_config
from study.honest import ablation_rows
from study.honest.ablation import AblationRow, Trainings
from study.honest.ablation_table import ablation_notes, p_title
from study.results import StudyResults
from study.results.seeds_table import seeds_table
from study.results.trial_record import GRID
from study.text import NOTHING, probability


def seeds_sections(results: StudyResults) -> list[Section]:
    """The section of specs trained with several seeds; none where nothing was repeated."""
    path = results.folder / "study.yaml"
    rank = load_config(path).seeds.rank if path.is_file() else "mean"
    table = repeats_table(results, rank=rank)
    if table is None:
        return []
    by = "their mean" if rank == "mean" else "the lower end of the interval of their mean"
    return [
        Section(
            "seeds",
            "Over seeds",
            "The same spec trained with several seeds: the best devel UAR of each training, ranked "
            f"by {by}.",
            table=table,
            note="Chosen for: the value that the spec was chosen by, lucky as the best of many; "
            "it is not in the mean. At least: lower end of the one-sided 95 % interval of the mean "
            "(Student's t); it says how much training varies, not speakers.",
        )
    ]


def repeats_table(results: StudyResults, *, rank: str = "mean") -> Table | None:
    """A row per repeated spec; None where nothing was repeated."""
    rows = [
        {
            "system": row.name,
            "chosen for": percent(row.chosen and row.chosen[1]),
            "repetitions": str(len(row.uars)),
            "mean UAR": percent(row.mean),
            "SD": NOTHING if row.sd is None else f"{100 * row.sd:.1f}",
            "at least": percent(row.at_least),
            "trials": ", ".join(map(str, row.trials)),
        }
        for row in seeds_table(results.ranked, rank=rank)
    ]
    return table_of(rows, words=("system", "trials"))


def ablation_sections(results: StudyResults) -> list[Section]:
    """The section of a grid's points; none where the study is no grid."""
    if not any(trial.origin.startswith(GRID) and trial.ranked for trial in results.trials):
        return []
    rows = ablation_rows(Trainings.from_results(results))
    return [
        Section(
            "ablation",
            "What each choice is worth",
            "The points of the grid, each training's epoch chosen without the speakers that judge: "
            "UAR over seeds, its 95 % interval, and the paired difference from the best.",
            table=ablation_table(rows),
            note=" ".join(f"{capital(note)}." for note in ablation_notes(rows)),
        )
    ]


def ablation_table(rows: list[AblationRow]) -> Table | None:
    """A row per point, best first."""
    cells = [
        {
            **{key: cell(value) or NOTHING for key, value in row.settings.items()},
            "seeds": str(len(row.uars)),
            "UAR": percent(row.interval.uar),
            "SD": f"{100 * np.std(row.uars, ddof=1):.1f}" if len(row.uars) > 1 else NOTHING,
            "95 % interval": between(row.interval.low, row.interval.high),
            "difference": points(row.comparison.difference) if row.comparison else "the best",
            p_title(rows): NOTHING if row.p_corrected is None else probability(row.p_corrected),
            "time": duration(row.seconds),
        }
        for row in rows
    ]
    return table_of(cells, words=list(rows[0].settings))
