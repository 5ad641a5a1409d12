"""Commands that search: run, demo; and reconcile, which puts a study right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.commands.common import Debug, StudyPath, config_and_base, echo


def run(
    study: StudyPath,
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Like budget.trials=40.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Launch or resume a study; ends with its fusion and report. Ctrl-C stops it cleanly.

    Example: spectune run study.yaml budget.hours=8
    """
    config, base = config_and_base(study, overrides or [])
    from reports.report import write_report
    from study.search.session import run_study

    raise typer.Exit(run_study(config, base=base, echo=echo, report=write_report))


def demo(
    folder: Annotated[Path, typer.Option(help="Where to put the corpus and the study.")] = Path(
        "demo"
    ),
    trials: Annotated[int, typer.Option(min=2, help="How many trials.")] = 12,
    debug: Debug = False,
) -> None:
    """Make a simulated corpus, search it, fuse, report: minutes on two CPU cores.

    Example: spectune demo --folder demo
    """
    from reports.report import write_report
    from study.search.demo import run_demo

    raise typer.Exit(run_demo(folder, trials=trials, echo=echo, report=write_report))


def reconcile(study: StudyPath, debug: Debug = False) -> None:
    """Make Optuna's store and MLflow equal to the trial folders; exit code 1 if trials must rerun.

    Example: spectune reconcile study.yaml
    """
    config, base = config_and_base(study, [])
    from study.search.reconcile import reconcile_study

    raise typer.Exit(reconcile_study(config, base=base, echo=echo))


def trial(
    study: StudyPath,
    spec: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL|SPEC", help="A trial's number, or a YAML file written like a baseline."
        ),
    ],
    device: Annotated[str | None, typer.Option(help="cpu, cuda:0; by default a GPU.")] = None,
    debug: Debug = False,
) -> None:
    """Train one trial here and print all of it, for finding out what is wrong; nothing is kept.

    Example: spectune trial study.yaml 17
    """
    config, base = config_and_base(study, [])
    from study.search.single_trial import run_one

    raise typer.Exit(run_one(config, spec, base=base, device=device, echo=echo))
