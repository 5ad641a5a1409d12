"""The command line. It alone sees all rooms; each command loads what it needs when it runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from search_spaces.errors import InputError

__all__ = ["app", "main"]

EXIT_BAD_INPUT = 2

app = typer.Typer(
    name="spectune",
    help="AutoML studies for short speech clips: spectrograms, image backbones, fusion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyPath = Annotated[
    Path, typer.Argument(metavar="STUDY", help="A study.yaml or a results folder.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a bad input.")]


def main() -> None:
    """Run the command line; a bad input is one sentence and exit code 2."""
    try:
        app()
    except InputError as error:
        if "--debug" in sys.argv:
            raise
        for problem in error.problems:
            print(f"spectune: {problem}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        print("spectune: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `spectune leaderboard | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _results_folder(study: Path) -> Path:
    """Return the results folder of a study.yaml, or the folder itself."""
    if study.is_dir():
        return study.resolve()
    from study.config import load_config

    config = load_config(study)
    folder = (study.parent / config.results / config.name).resolve()
    if not folder.is_dir():
        raise InputError(f"{study}: the study has not been run yet (there is no {folder})")
    return folder


def _config_and_base(study: Path, overrides: list[str]) -> tuple[Any, Path]:
    """Return the configuration of a study and the folder that its paths are relative to."""
    from study.config import load_config

    if study.is_dir():
        config = load_config(study / "study.yaml", overrides)
        return config, _base_of(study.resolve())
    return load_config(study, overrides), study.resolve().parent


def _base_of(folder: Path) -> Path:
    """Return the folder of the study.yaml that made a results folder."""
    try:
        return Path(json.loads((folder / "state.json").read_text())["base"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: is no results folder of a study: {error}") from error


@app.command()
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
    config, base = _config_and_base(study, overrides or [])
    from reports.page import write_report
    from study.running import run_study

    raise typer.Exit(run_study(config, base=base, echo=_echo, report=write_report))


@app.command()
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
    from reports.page import write_report
    from study.demo import run_demo

    raise typer.Exit(run_demo(folder, trials=trials, echo=_echo, report=write_report))


@app.command()
def init(
    corpus: Annotated[Path, typer.Argument(help="The corpus's folder.")] = Path(),
    debug: Debug = False,
) -> None:
    """Write a commented study.yaml for a corpus into the current folder.

    Example: spectune init ../corpora/mask
    """
    from study.corpus import read_corpus
    from study.init import write_study_yaml

    found = read_corpus(corpus)
    path = write_study_yaml(corpus, folder=Path.cwd())
    _echo(found.summary())
    _echo(f"wrote {path.name}; now: spectune run {path.name}")


@app.command()
def status(
    study: StudyPath,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    debug: Debug = False,
) -> None:
    """Say where a study stands, also while it runs.

    Example: spectune status study.yaml
    """
    from study.status import status_lines, status_of

    found = status_of(_results_folder(study))
    _echo(json.dumps(found, indent=1) if as_json else "\n".join(status_lines(found)))


@app.command()
def leaderboard(
    study: StudyPath,
    top: Annotated[int, typer.Option(min=1, help="How many trials to print.")] = 20,
    csv: Annotated[Path | None, typer.Option(help="Write all of it, with parameters.")] = None,
    debug: Debug = False,
) -> None:
    """List the best trials.

    Example: spectune leaderboard study.yaml --csv leaderboard.csv
    """
    from study.results import leaderboard as rows_of
    from study.results import read_results, write_leaderboard
    from study.status import leaderboard_lines

    results = read_results(_results_folder(study))
    if csv is not None:
        write_leaderboard(results, csv)
    for line in leaderboard_lines(rows_of(results)[:top]):
        _echo(line)


@app.command()
def ensemble(study: StudyPath, debug: Debug = False) -> None:
    """Select the fusion again, without training.

    Example: spectune ensemble study.yaml
    """
    from study.tracked_study import select_again

    folder = _results_folder(study)
    config, _ = _config_and_base(study, [])
    fusion = select_again(folder, config)
    _echo(fusion.table())


@app.command()
def refit(
    study: StudyPath,
    seeds: Annotated[int | None, typer.Option(min=1, max=20, help="Networks per member.")] = None,
    debug: Debug = False,
) -> None:
    """Train the fusion's members on train+devel and predict test; the same again goes on.

    Example: spectune refit study.yaml --seeds 3
    """
    config, base = _config_and_base(study, [])
    from study.refit import refit_study

    raise typer.Exit(refit_study(config, base=base, echo=_echo, seeds=seeds))


@app.command()
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
    from study.lock import StudyLock
    from study.results import read_results
    from study.submission import default_protocol
    from study.submission import submit as submit_to

    config, _ = _config_and_base(study, [])
    folder = _results_folder(study)
    with StudyLock(folder):
        results = read_results(folder)
        done = submit_to(
            results,
            protocol=protocol or default_protocol(results),
            team=config.submission.team,
            tries=config.submission.tries,
            beyond=beyond,
        )
    _echo(done.sentence())


@app.command()
def score(
    study: StudyPath,
    labels: Annotated[Path, typer.Argument(help="CSV with file_name,label of the test clips.")],
    debug: Debug = False,
) -> None:
    """Score the fusion and all submissions on test labels that have arrived.

    Example: spectune score study.yaml test_labels.csv
    """
    from reports.page import write_report
    from study.lock import StudyLock
    from study.results import read_results
    from study.score import score_study, told, track_scores

    folder = _results_folder(study)
    with StudyLock(folder):
        results = read_results(folder)
        record = score_study(results, labels)
        left = track_scores(results, record)
        told(record, _echo)
        if left:
            _echo(f"MLflow: {left}")
        _echo(f"report: {write_report(folder)}")


@app.command()
def export(
    study: StudyPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The bundle's folder.")],
    protocol: Annotated[
        str | None, typer.Option(help="train or train+devel; by default what there is of refit.")
    ] = None,
    register: Annotated[
        bool, typer.Option(help="Register the bundle in MLflow as the study's champion.")
    ] = True,
    torch_export: Annotated[
        bool, typer.Option("--torch-export", help="Also each member as a torch.export program.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Write one folder that predicts, and register it in MLflow.

    Example: spectune export study.yaml -o digits.bundle
    """
    from study.export import export_bundle
    from study.lock import StudyLock
    from study.opening import plan_study
    from study.results import read_results
    from study.submission import default_protocol

    config, base = _config_and_base(study, [])
    folder = _results_folder(study)
    with StudyLock(folder):
        results = read_results(folder)
        bundle = export_bundle(
            results,
            output,
            protocol=protocol or default_protocol(results),
            plan=lambda: plan_study(config, base=base),
            echo=_echo,
        )
    if torch_export:
        from study.torch_export import export_programs

        export_programs(bundle, echo=_echo)
    if register and isinstance(results.state.get("mlflow"), dict):
        from study.serving import register_bundle

        _echo(register_bundle(results, bundle))


@app.command()
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
    debug: Debug = False,
) -> None:
    """Predict clips. What cannot be read is listed and skipped, with exit code 1.

    Example: spectune predict digits.bundle recordings/ -o predictions.csv
    """
    from study.predict_files import predict_files
    from study.predict_inputs import collect

    items = collect(paths, stdin=sys.stdin)
    raise typer.Exit(predict_files(bundle, items, output=output, device=device))


@app.command()
def report(study: StudyPath, debug: Debug = False) -> None:
    """Draw the report again.

    Example: spectune report study.yaml
    """
    from reports.page import write_report

    _echo(f"report: {write_report(_results_folder(study))}")


@app.command()
def ui(
    study: StudyPath,
    port: Annotated[int | None, typer.Option(help="By default a free one.")] = None,
    debug: Debug = False,
) -> None:
    """Show the study in MLflow, on this machine only.

    Example: spectune ui study.yaml
    """
    from study.results import read_results
    from study.tracked_study import tracking_store
    from study.ui import serve

    folder = _results_folder(study)
    state = read_results(folder).state
    store = tracking_store(state)
    if store is None:
        raise InputError(f"{folder}: the study was not tracked in MLflow (tracking: false)")
    experiment = state["mlflow"]["experiment_id"]
    raise typer.Exit(serve(store, port=port, experiment_id=experiment, echo=_echo))


@app.command()
def spaces(
    name: Annotated[str | None, typer.Argument(help="A preset, to print its YAML.")] = None,
    debug: Debug = False,
) -> None:
    """List the search-space presets, or show one.

    Example: spectune spaces small > my-space.yaml
    """
    from search_spaces.kinds import nearest
    from search_spaces.space_yaml import PRESETS, preset_names
    from search_spaces.yaml_file import load_yaml

    if name is None:
        for preset in preset_names():
            _echo(f"{preset:12} {load_yaml(PRESETS / f'{preset}.yaml').get('description', '')}")
        return
    if name not in preset_names():
        raise InputError(
            f"no preset {name!r}{nearest(name, preset_names())};"
            f" there are {', '.join(preset_names())}"
        )
    _echo((PRESETS / f"{name}.yaml").read_text().rstrip())


def _echo(text: str) -> None:
    typer.echo(text)


if __name__ == "__main__":
    main()
