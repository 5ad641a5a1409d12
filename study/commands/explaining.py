"""The command that explains: explain."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search_spaces.grammar.errors import InputError
from study.commands.common import Debug, config_and_base, echo, results_folder
from study.progress import Progress, report_tenths

if TYPE_CHECKING:
    from reports.explain.inputs import ExplainInputs
    from study.results import StudyResults


def explain(
    study: Annotated[
        Path,
        typer.Argument(metavar="STUDY|BUNDLE", help="A study.yaml, a results folder or a bundle."),
    ],
    corpus: Annotated[
        Path | None, typer.Option(help="Of a bundle: the corpus whose devel clips are explained.")
    ] = None,
    clips: Annotated[
        int | None, typer.Option(min=10, help="At most so many; by default all, 200 on a CPU.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of the choice of clips and the noise.")
    ] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda:0; by default a GPU.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder; by default explain/ of the study."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Say which frequencies the winner and the fusion use: maps, judged by band occlusion.

    Example: spectune explain study.yaml
    """
    if (study / "bundle.json").is_file():
        _explain_bundle(study, corpus, output, clips=clips, seed=seed, device=device)
        return
    if corpus is not None:
        raise InputError("--corpus goes with a bundle only: a study has its own corpus")
    from reports.explain.inputs import inputs_of_study
    from study.files import check_output_folder
    from study.planning.plan import plan_study
    from study.results import StudyLock, read_results

    config, base = config_and_base(study, [])
    folder = results_folder(study)
    target = output or folder / "explain"
    check_output_folder(target)
    with StudyLock(folder, purpose="explain"):
        results = read_results(folder)
        inputs = inputs_of_study(plan_study(config, base=base), results, echo=echo)
        numbers, page = _explain(inputs, target, clips=clips, seed=seed, device=device)
        if output is None:
            _show_in_study(results, numbers, page, project=base)


def _explain_bundle(bundle: Path, corpus: Path | None, output: Path | None, **options: Any) -> None:
    from reports.explain.inputs import inputs_of_bundle
    from study.files import check_output_folder

    if corpus is None:
        raise InputError(f"{bundle}: a bundle holds no clips; name a corpus with --corpus FOLDER")
    target = output or bundle.with_name(f"{bundle.name}-explain")
    check_output_folder(target)
    _explain(inputs_of_bundle(bundle, corpus), target, **options)


def _explain(
    inputs: ExplainInputs, folder: Path, *, clips: int | None, seed: int, device: str | None
) -> tuple[dict[str, Any], Path]:
    """Explain, write `explain.json` and `explain.html` into a folder, and say what was found."""
    from reports.explain.analysis import explain as explain_networks
    from reports.explain.page.explain_html import write_explain
    from runners.device import default_slots, usable_compute

    compute = usable_compute(default_slots()[0] if device is None else device)
    with _progress() as progress:
        numbers = explain_networks(inputs, compute, n_clips=clips, seed=seed, progress=progress)
    page = write_explain(numbers, folder)
    for system in numbers["systems"]:
        part = system["axes"]["third_octave"]
        trust = part["trust"]["sentence"] if part["trust"] else system["note"]
        echo(f"{system['title']}: {part['finding']} {trust}")
    echo(f"explained: {page}")
    return numbers, page


def _show_in_study(
    results: StudyResults, numbers: dict[str, Any], page: Path, *, project: Path
) -> None:
    """Draw the report again, with a section on frequencies, and log the files to MLflow."""
    from reports.explain.tracking import track_explanation
    from reports.report import write_report

    drawn = write_report(results.folder)
    left = track_explanation(results, numbers, page, report=drawn, project=project)
    if left:
        echo(f"MLflow: {left}")
    echo(f"report: {drawn}")


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar, or a line every tenth where the output is no terminal."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress as Bars

        with Bars(console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task("explaining", total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)
    else:
        yield report_tenths("explaining", partial(print, file=sys.stderr, flush=True), least=1)
