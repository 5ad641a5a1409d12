"""The sections of the report in their order; each topic's file makes its own."""

from __future__ import annotations

from reports.corpus_check import check_sections
from reports.explain.page.sections import report_sections
from reports.page.section import Section
from reports.search.comparing import ablation_sections, seeds_sections
from reports.search.curves import curves_section
from reports.search.failures import failures_section
from reports.search.heatmap import heatmap_section
from reports.search.history import history_section
from reports.search.importance import importance, importance_section
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
from reports.systems.systems import systems_on_devel
from reports.systems.worth import worth_sections
from reports.systems.wrong import wrong_sections
from study.results import StudyResults

__all__ = ["sections"]


def sections(results: StudyResults) -> list[Section]:
    """All sections, also of a study without a trial."""
    weights = importance(results)
    systems = systems_on_devel(results)
    return [
        leaderboard_section(results),
        fusion_section(results),
        *worth_sections(results),
        *scores_sections(results),
        *anchor_sections(results),
        *seeds_sections(results),
        *ablation_sections(results),
        history_section(results),
        curves_section(results),
        importance_section(results, weights),
        *strips_sections(results, weights),
        parallel_section(results, weights),
        heatmap_section(results),
        confusion_section(systems),
        *wrong_sections(systems),
        speakers_section(results, systems),
        calibration_section(results, systems),
        *input_sections(results),
        *report_sections(results),
        *check_sections(results),
        failures_section(results),
    ]
