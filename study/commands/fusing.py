"""Commands that choose the fusion."""

from __future__ import annotations

from study.commands.common import Debug, StudyPath, config_and_base, echo, results_folder

__all__ = ["ensemble"]


def ensemble(study: StudyPath, debug: Debug = False) -> None:
    """Select the fusion again, without training.

    Example: spectune ensemble study.yaml
    """
    from study.tracked_study import select_again

    folder = results_folder(study)
    config, _ = config_and_base(study, [])
    fusion = select_again(folder, config)
    echo(fusion.table())
