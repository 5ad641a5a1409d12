"""`spectune trial`: one trial of a study, printed as it goes, for finding out what is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runners.device import default_slots, threads_of_slot, usable_compute
from runners.engines.engine import Engine, Event
from runners.engines.local import LocalEngine
from runners.job import Job
from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.yaml_file import load_yaml
from search_spaces.space_yaml import parse_space
from search_spaces.spec import TrialSpec
from study.config import StudyConfig
from study.files import dump_yaml
from study.planning.plan import Plan, plan_study
from study.planning.pretrained import resolve_weights
from study.results.trial_folder import TrialFolder
from study.text import NOTHING, duration, percent

EXIT_DONE, EXIT_FAULTY = 0, 3

Echo = Callable[[str], None]


def run_one(
    config: StudyConfig, what: str, *, base: Path, device: str | None = None, echo: Echo = print
) -> int:
    """Train one spec on a study's corpus and say all there is to say; the study is not touched.

    Args:
        config: The study, which need not have begun.
        what: A trial of it by number, or a YAML file that is written like a baseline.
        base: Folder that the paths of the study are relative to.
        device: `cpu`, `cuda:0`; None: the study's first.
        echo: Prints a line.

    Returns:
        The exit code: 0, or 3 where the trial failed, with its log printed.

    Raises:
        InputError: If there is no such trial, or the spec or the study is wrong.
    """
    plan = plan_study(config, base=base)
    folder = TrialFolder(plan.trials, int(what)) if what.isascii() and what.isdecimal() else None
    if folder is not None and not folder.begun:
        raise InputError(f"{plan.folder}: there is no trial {what}")
    spec = _spec(Path(what), plan) if folder is None else folder.spec()
    weights = _weights(spec, base) if folder is None else plan.weights_file(spec)
    name = default_slots()[0] if device is None else device
    usable_compute(name)
    echo(f"{spec.label} on {name}")
    echo(dump_yaml(spec.to_dict()).rstrip())
    threads = config.threads or threads_of_slot(config.slots or len(default_slots()))
    engine = LocalEngine([name], threads=threads, hang_s=60 * config.hang_minutes)
    with tempfile.TemporaryDirectory() as scratch:
        task, home = Path(scratch) / "task.json", Path(scratch) / "trial"
        plan.task.write(task)
        job = Job(0, 1, spec, str(task), str(home), weights=weights)
        try:
            engine.submit(job)
            end = _followed(engine, echo)
        finally:
            engine.stop()
        if end["event"] != "done":
            echo((home / "log.txt").read_text("utf-8", errors="replace").rstrip())
            echo(f"failed ({end.get('kind', end['event'])}): {end['reason']}")
            return EXIT_FAULTY
    echo(_end(end))
    if folder is not None:
        echo(_beside(folder.result(), end))
    return EXIT_DONE


def _followed(engine: Engine, echo: Echo) -> Event:
    """Print every epoch and return the event that ends the trial."""
    while True:
        for event in engine.poll(0.5):
            if event["event"] in ("done", "failed", "lost"):
                return event
            if event["event"] == "epoch":
                echo(_epoch(event))


def _spec(path: Path, plan: Plan) -> TrialSpec:
    name, plain = path.stem, load_yaml(path)
    if isinstance(plain.get("spec"), dict):  # a trial's spec.json
        try:
            return TrialSpec.from_dict(plain["spec"])
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    space = parse_space({"baselines": {name: plain}}, where=str(path))
    space.check(
        sampling_rate=plan.cached.clips.sampling_rate, clip_seconds=plan.config.clip_seconds
    )
    return space.baselines[name]


def _weights(spec: TrialSpec, base: Path) -> str | None:
    """Return the pretrained weights that the spec asks for, which may be none of the space's."""
    backbones = [spec.backbone] if isinstance(spec.backbone, Timm) else []
    return next((w.path for w in resolve_weights(backbones, folder=base).values()), None)


def _epoch(event: dict[str, Any]) -> str:
    memory, rate, loss = (event.get(key) for key in ("peak_memory_gb", "lr", "train_loss"))
    parts = [
        f"epoch {event['epoch']}/{event['epochs']}: devel UAR {percent(event['devel_uar'])}",
        f"train loss {NOTHING if loss is None else f'{loss:.4f}'}",
        f"{event['seconds']:.2f} s",
        f"learning rate {rate:.3g}" if rate is not None else "",
        f"{memory:.2f} GB at the peak" if memory is not None else "",
    ]
    return ", ".join(filter(None, parts))


def _end(done: dict[str, Any]) -> str:
    best = done["best_epoch"]
    return (
        f"{percent(done['uar_per_epoch'][best - 1])} after epoch {best} of {done['epochs']},"
        f" {done['n_parameters']:,} parameters, {duration(done['seconds'])}"
    )


def _beside(result: dict[str, Any] | None, done: dict[str, Any]) -> str:
    """Say whether the study had the same."""
    if result is None:
        return "the study has no result of it"
    if result["uar"] is None:
        return f"in the study it failed: {result['reason']}"
    n = len(result["uar_per_epoch"])
    same = result["uar_per_epoch"] == done["uar_per_epoch"][:n]
    how = f"the same in all {n} epochs" if same else "other numbers"
    where = result.get("device") or NOTHING
    return f"in the study: {percent(result['uar'])} on {where}, {how}"
