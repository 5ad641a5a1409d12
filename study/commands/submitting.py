"""Commands for a challenge: refit, submit, score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.common import (
    Debug,
    StudyPath,
    config_and_base,
    echo,
    load_settings,
    project_folder,
    results_folder,
)


def refit(
    study: StudyPath,
    seeds: Annotated[int | None, typer.Option(min=1, max=20, help="Networks per member.")] = None,
    debug: Debug = False,
) -> None:
    """Train the fusion's members on train+devel and predict test; the same again goes on.

    Example: spectune refit study.yaml --seeds 3
    """
    config, base = config_and_base(study, [])
    from study.challenge.refit import refit_study

    raise typer.Exit(refit_study(config, base=base, echo=echo, seeds=seeds))


def submit(
    study: StudyPath,
    protocol: Annotated[
        str | None, typer.Option(help="train or train+devel; by default what there is of refit.")
    ] = None,
    beyond: Annotated[bool, typer.Option("--beyond", help="Also one try too many.")] = False,
    debug: Debug = False,
) -> None:
    """Write the test predictions as the next submission, and note the try in the ledger.

    Example: spectune submit study.yaml --protocol train+devel
    """
    from study.challenge.refit_record import default_protocol
    from study.challenge.submission import submit as submit_to
    from study.results import StudyLock, read_results

    config = load_settings(study)
    folder = results_folder(study)
    with StudyLock(folder, purpose="submit"):
        results = read_results(folder)
        done = submit_to(
            results,
            protocol=protocol or default_protocol(results),
            team=config.submission.team,
            tries=config.submission.tries,
            beyond=beyond,
        )
    echo(done.sentence())


def score(
    study: StudyPath,
    labels: Annotated[Path, typer.Argument(help="CSV with file_name,label of the test clips.")],
    debug: Debug = False,
) -> None:
    """Score the fusion and all submissions on test labels that have arrived.

    Example: spectune score study.yaml test_labels.csv
    """
    from reports.report import write_report
    from study.challenge.score import print_scores, score_study, track_scores
    from study.results import StudyLock, read_results

    folder = results_folder(study)
    with StudyLock(folder, purpose="score"):
        results = read_results(folder)
        record = score_study(results, labels)
        drawn = write_report(folder)
        left = track_scores(results, record, report=drawn, project=project_folder(study))
        print_scores(record, echo)
        if left:
            echo(f"MLflow: {left}")
        echo(f"report: {drawn}")
