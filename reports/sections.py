"""The sections of the report in their order; each topic's file makes its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from reports.corpus_check import check_sections
from reports.explain.page.sections import report_sections
from reports.page.section import Section
from reports.search.comparing import ablation_sections, seeds_sections
from reports.search.curves import curves_section
from reports.search.failures import failures_section
from reports.search.heatmap import heatmap_section
from reports.search.history import history_section
from reports.search.importance import Importance, importance, importance_section
from reports.search.parallel import parallel_section
from reports.search.strips import strips_sections
from reports.systems.anchors import anchor_sections
from reports.systems.calibration import calibration_section
from reports.systems.confusion import confusion_section
from reports.systems.fusion_members import fusion_section
from reports.systems.inputs import input_sections
from reports.systems.leaderboard import leaderboard_section
from reports.systems.scores import scores_sections
from reports.systems.speakers import speakers_section
from reports.systems.systems import System, systems_on_devel
from reports.systems.worth import worth_sections
from reports.systems.wrong import wrong_sections
from study.results import StudyResults


class Material:
    """A study, and what several sections are made of, computed when the first one asks.

    Args:
        results: The study.
    """

    def __init__(self, results: StudyResults) -> None:
        self.results = results

    @cached_property
    def weights(self) -> Importance | None:
        """The importance of what was searched; None where there are too few trials."""
        return importance(self.results)

    @cached_property
    def systems(self) -> tuple[System, ...]:
        """What the fusion and the best trial said about the devel clips."""
        return systems_on_devel(self.results)


# Section -> how it is made; nothing comes of one that a study has no use for.
SECTIONS: dict[str, Callable[[Material], list[Section]]] = {
    "leaderboard": lambda of: [leaderboard_section(of.results)],
    "fusion": lambda of: [fusion_section(of.results)],
    "worth": lambda of: worth_sections(of.results),
    "test": lambda of: scores_sections(of.results),
    "published": lambda of: anchor_sections(of.results),
    "seeds": lambda of: seeds_sections(of.results),
    "ablation": lambda of: ablation_sections(of.results),
    "history": lambda of: [history_section(of.results)],
    "curves": lambda of: [curves_section(of.results)],
    "importance": lambda of: [importance_section(of.results, of.weights)],
    "values": lambda of: strips_sections(of.results, of.weights),
    "parallel": lambda of: [parallel_section(of.results, of.weights)],
    "heatmap": lambda of: [heatmap_section(of.results)],
    "confusion": lambda of: [confusion_section(of.systems)],
    "wrong": lambda of: wrong_sections(of.systems),
    "speakers": lambda of: [speakers_section(of.results, of.systems)],
    "calibration": lambda of: [calibration_section(of.results, of.systems)],
    "inputs": lambda of: input_sections(of.results),
    "frequencies": lambda of: report_sections(of.results),
    "check": lambda of: check_sections(of.results),
    "failures": lambda of: [failures_section(of.results)],
}


def sections(results: StudyResults) -> list[Section]:
    """All sections, also of a study without a trial."""
    material = Material(results)
    return [section for make in SECTIONS.values() for section in make(material)]
