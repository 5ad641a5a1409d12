"""Commands that predict: export, predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from study.commands.common import (
    Debug,
    StudyPath,
    config_and_base,
    echo,
    project_folder,
    results_folder,
)

if TYPE_CHECKING:
    from study.planning.plan import Plan


def export(
    study: StudyPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The bundle's folder.")],
    protocol: Annotated[
        str | None, typer.Option(help="train or train+devel; by default what there is of refit.")
    ] = None,
    register: Annotated[
        bool, typer.Option(help="Register the bundle in MLflow as the study's champion.")
    ] = True,
    without_imported: Annotated[
        bool, typer.Option("--without-imported", help="Networks alone, reweighted.")
    ] = False,
    torch_export: Annotated[
        bool, typer.Option("--torch-export", help="Also each member as a torch.export program.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write one folder that predicts, and register it in MLflow.

    Example: spectune export study.yaml -o digits.bundle
    """
    from study.bundle.export import export_bundle
    from study.challenge.refit_record import default_protocol
    from study.planning.plan import plan_study
    from study.results import StudyLock, read_results

    def plan() -> Plan:
        config, base = config_and_base(study, [])
        return plan_study(config, base=base)

    folder = results_folder(study)
    with StudyLock(folder, purpose="export"):
        results = read_results(folder)
        bundle = export_bundle(
            results,
            output,
            protocol=default_protocol(results) if protocol is None else protocol,
            plan=plan,
            without_imported=without_imported,
            echo=echo,
        )
    if torch_export:
        from study.bundle.torch_export import export_programs

        export_programs(bundle, echo=echo)
    if register and isinstance(results.state.get("mlflow"), dict):
        from study.bundle.registry import register_bundle

        echo(register_bundle(results, bundle, project=project_folder(study)))


def predict(
    bundle: Annotated[Path, typer.Argument(help="What `spectune export` wrote.")],
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Audio files, folders, a manifest .csv, or -."),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="CSV; by default standard output.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda:0; by default a GPU.")] = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="Of a manifest: its labels; by default `label`, where there is one."),
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(help="The folder of a manifest's files; by default beside it, or in `wav/`."),
    ] = None,
    windows: Annotated[
        bool, typer.Option("--windows", help="A row for each window of a clip, with its times.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Predict clips. What cannot be read or is left out is listed, with exit code 1.

    Where a manifest gives labels, UAR with its interval and the confusion matrix are told.

    Example: spectune predict digits.bundle recordings/ -o predictions.csv
    """
    from study.bundle.predict_files import EXIT_PROBLEMS, predict_files
    from study.bundle.predict_inputs import collect
    from study.corpus.layouts.audio_files import left_out_lines
    from study.files import check_output
    from study.text import printable

    left_out: dict[str, list[str]] = {}
    items = collect(
        paths, stdin=sys.stdin, left_out=left_out, label_column=label_column, audio=audio
    )
    if output is not None:
        read = [*(item.path for item in items), *map(Path, paths)]
        check_output(output, inputs=read, within=[bundle])
    code = predict_files(bundle, items, output=output, device=device, windows=windows)
    for line in left_out_lines(left_out):
        print(printable(line), file=sys.stderr)
    raise typer.Exit(EXIT_PROBLEMS if left_out else code)
