"""Commands that show a study: status, leaderboard, ablation, report, ui."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from search_spaces.grammar.errors import InputError
from study.commands.common import Debug, StudyPath, echo, project_folder, results_folder


def status(
    study: StudyPath,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    debug: Debug = False,
) -> None:
    """Say where a study stands, also while it runs.

    Example: spectune status study.yaml
    """
    from study.results.status import status_lines, status_of

    state = status_of(results_folder(study))
    echo(json.dumps(state, indent=1) if as_json else "\n".join(status_lines(state)))


def leaderboard(
    study: StudyPath,
    top: Annotated[int, typer.Option(min=1, help="How many trials to print.")] = 20,
    csv: Annotated[Path | None, typer.Option(help="Write all of it, with parameters.")] = None,
    debug: Debug = False,
) -> None:
    """List the best trials.

    Example: spectune leaderboard study.yaml --csv leaderboard.csv
    """
    from study.config import load_config
    from study.files import check_output
    from study.results import read_results
    from study.results.leaderboard import leaderboard as rows_of
    from study.results.leaderboard import write_leaderboard
    from study.results.seeds_table import seeds_lines, seeds_table
    from study.results.status import leaderboard_lines

    results = read_results(results_folder(study))
    if csv is not None:
        check_output(csv, inputs=[study], within=[results.folder])
        write_leaderboard(results, csv)
    rows = rows_of(results)
    trials = [row for row in rows if row["state"] != "imported"]
    for line in leaderboard_lines([*trials[:top], *rows[len(trials) :]]):
        echo(line)
    rank = load_config(results.folder / "study.yaml").seeds.rank
    for line in seeds_lines(seeds_table(results.ranked, rank=rank), rank=rank):
        echo(line)


def ablation(
    study: StudyPath,
    reference: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Of the point to compare with; again for more."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table as CSV too.")] = None,
    debug: Debug = False,
) -> None:
    """Compare the points of a grid (`sampler: grid`): means, intervals, paired differences.

    Example: spectune ablation grid.yaml --reference scale=linear --reference channels=windows
    """
    from study.files import check_output, replace_text
    from study.honest import ablation_rows
    from study.honest.ablation import Trainings
    from study.honest.ablation_table import ablation_csv, ablation_lines
    from study.results import read_results

    pairs = [text.partition("=") for text in reference or []]
    wrong = [key + equals + value for key, equals, value in pairs if not equals]
    if wrong:
        raise InputError(f"--reference {wrong[0]}: must be KEY=VALUE, like scale=linear")
    folder = results_folder(study)
    if csv is not None:
        check_output(csv, inputs=[study], within=[folder])
    trainings = Trainings.from_results(read_results(folder))
    rows = ablation_rows(trainings, reference={key: value for key, _, value in pairs})
    if csv is not None:
        replace_text(csv, ablation_csv(rows))
    for line in ablation_lines(rows):
        echo(line)


def report(study: StudyPath, debug: Debug = False) -> None:
    """Draw the report again.

    Example: spectune report study.yaml
    """
    from reports.report import write_report

    echo(f"report: {write_report(results_folder(study))}")


def ui(
    study: StudyPath,
    port: Annotated[int | None, typer.Option(help="By default a free one.")] = None,
    debug: Debug = False,
) -> None:
    """Show the study in MLflow, on this machine only.

    Example: spectune ui study.yaml
    """
    from study.results import read_results
    from study.tracking.store_checks import tracking_store
    from study.tracking.ui import serve

    folder = results_folder(study)
    state = read_results(folder).state
    if not isinstance(state.get("mlflow"), dict):
        raise InputError(f"{folder}: the study was not tracked in MLflow (tracking: false)")
    store, experiment = (
        tracking_store(state, project_folder(study)),
        state["mlflow"].get("experiment_id"),
    )
    raise typer.Exit(serve(store, port=port, experiment_id=experiment, echo=echo))
