"""Commands that choose the fusion, and give it other people's systems to choose from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.common import (
    Debug,
    StudyPath,
    echo,
    load_settings,
    project_folder,
    results_folder,
)


def ensemble(
    study: StudyPath,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Like ensemble.method=uniform."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="A table of all methods, by their honest UAR.")
    ] = False,
    pairs: Annotated[
        bool, typer.Option("--diversity", help="How often each two members disagree.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Select the fusion again, without training.

    Example: spectune ensemble study.yaml --compare
    """
    from reports.report import write_report
    from study.fusion.sentences import compared_lines, fusion_table, pairs_table
    from study.search.select_fusion import select_again

    folder = results_folder(study)
    config, project = load_settings(study, overrides or []), project_folder(study)
    fusion, record = select_again(
        folder, config, project=project, compare=compare, report=write_report
    )
    echo(fusion_table(fusion))
    if compare:
        for line in compared_lines(record["methods"]):
            echo(line)
    if pairs or compare:
        for line in pairs_table(fusion):
            echo(line)
    echo(f"report: {folder / 'report.html'}")


def import_(
    study: StudyPath,
    predictions: Annotated[Path, typer.Argument(help="CSV with a row for every devel clip.")],
    trained_on: Annotated[
        str | None,
        typer.Option(
            help="What the system was fitted on: train, never devel; out-of-fold where the study"
            " is cross-validated and no model predicted a speaker that it was fitted on."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="By default the file's name.")] = None,
    debug: Debug = False,
) -> None:
    """Make another tool's predictions a candidate of the fusion.

    Example: spectune import study.yaml opensmile.csv --name opensmile --trained-on train
    """
    from study.fusion.import_system import import_system, imported_sentence
    from study.results import StudyLock, read_results

    folder = results_folder(study)
    with StudyLock(folder, purpose="import"):
        results = read_results(folder)
        record = import_system(results, predictions, name=name, trained_on=trained_on)
    echo(imported_sentence(record, results))
    echo(f"`spectune ensemble {study}` selects again, with it among the candidates")
