"""Opening a study: everything is checked before anything is written."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runners.job import Task
from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import nearest
from search_spaces.space import Space
from search_spaces.space_yaml import load_space
from search_spaces.spec import TrialSpec
from study.config import StudyConfig
from study.corpus import Corpus, read_corpus
from study.corpus.audio.headers import look_at_audio, usual_rate
from study.corpus.audio.waveform_cache import CachedCorpus, cache_corpus, default_cache_root
from study.files import replace_text, write_json
from study.locate import copied_from, place_of
from study.planning.cross_validation import deal_folds, protocol_partitions
from study.planning.enqueued_trials import EnqueuedTrial, derive_seed, enqueued_trials
from study.planning.pretrained import Weights, resolve_weights, weights_key
from study.planning.resume_checks import (
    check_material,
    check_same,
    check_weights,
    material_digest,
    read_state,
)
from study.planning.warm_start import WarmStart, plan_warm_start
from study.results.probabilities import Identity, PartitionIdentity, combine_digest


@dataclass(frozen=True)
class Plan:
    """A study whose parts were all found and agree with each other.

    Args:
        config: Its study.yaml.
        folder: Where its results go.
        space: What may be chosen.
        enqueued: Trials that no sampler chooses, to run first.
        warm_start: Trials of an earlier study that stand before them.
        cached: The corpus with its waveforms.
        task: What all its trainings have in common.
        identity: Of all probabilities, but for the seed.
        weights: Pretrained weights by backbone.
        state: Content of `state.json`.
        resumed: Whether the study had begun before.
    """

    config: StudyConfig
    folder: Path
    space: Space
    enqueued: tuple[EnqueuedTrial, ...]
    warm_start: WarmStart
    cached: CachedCorpus
    task: Task
    identity: Identity
    weights: dict[str, Weights]
    state: dict[str, Any]
    resumed: bool

    @property
    def trials(self) -> Path:
        """Folder of the trials."""
        return self.folder / "trials"

    @property
    def project(self) -> Path:
        """Folder of study.yaml."""
        return (self.folder / str(self.state["project"])).resolve()

    def weights_file(self, spec: TrialSpec) -> str | None:
        """Return the file of the pretrained weights that a spec starts from, if it asks for any.

        Raises:
            InputError: A trial names a file that the space of study.yaml does not.
        """
        backbone = spec.backbone
        if not isinstance(backbone, Timm) or backbone.pretrained is False:
            return None
        if (found := self.weights.get(weights_key(backbone))) is None:
            raise InputError(
                f"{spec.label}: starts from the weights {backbone.pretrained}, which the space of"
                f" study.yaml does not name"
            )
        return found.path


def plan_study(
    config: StudyConfig,
    *,
    base: Path,
    progress: Callable[[int, int], None] | None = None,
    command: str | None = None,
) -> Plan:
    """Read and check all that a study needs.

    Args:
        config: Its study.yaml.
        base: Folder that its paths are relative to.
        progress: Told how many of how many files are decoded.
        command: What was called, for the record; None: the command line.

    Raises:
        InputError: If anything is wrong; nothing is written then, but for the corpus cache.
    """
    folder = (base / config.results / config.name).resolve()
    space = load_space(config.space, folder=base)
    before = read_state(folder)
    warm_start = plan_warm_start(config.taken_from, base=base, folder=folder, before=before)
    enqueued = enqueued_trials(
        _baselines(config, space),
        space,
        sampler=config.sampler,
        seeds=[derive_seed(config.seed, n) for n in range(config.seeds.n)],
    )
    check_same(folder, before, name=config.name, space=space.digest, fixed=config.fixed())
    corpus = open_corpus(config, base=base)
    rate = config.sampling_rate or usual_rate(look_at_audio(corpus.clips[:100]))
    space.check(sampling_rate=rate, clip_seconds=config.clip_seconds)
    weights = resolve_weights([*space.backbones(), *warm_start.backbones()], folder=base)
    cached = cache_corpus(corpus, rate, default_cache_root(), progress)
    material = material_digest(cached, config.protocol)
    check_material(folder, before, material, cached, config.protocol)
    check_weights(folder, before, weights)
    partitions = protocol_partitions(corpus, config.protocol)
    folds = deal_folds(
        corpus, partitions["devel"], protocol=config.protocol, n_folds=config.folds,
        seed=config.seed,
    )  # fmt: skip
    identity = _identity(cached, config, partitions)
    if before is not None and (original := copied_from(before, folder)) is not None:
        before |= {"id": uuid.uuid4().hex, "copy_of": {"id": before["id"], "place": original}}
    state = before or {
        "format": 1,
        "id": uuid.uuid4().hex,
        "name": config.name,
        "space_digest": space.digest,
        "fixed": config.fixed(),
        "created": time.time(),
        "elapsed_s": 0.0,
        "revision": source_revision(),
        "mlflow": None,
    }
    state |= {
        "corpus_digest": cached.digest,
        "material_digest": material,
        "project": _project(base.resolve(), folder),
        "place": place_of(folder),
        "command": command or " ".join(["spectune", *sys.argv[1:]]),
        "weights": {key: dataclasses.asdict(value) for key, value in weights.items()},
    }
    if warm_start and before is None:
        state["taken"] = warm_start.to_json()
    if before is None:
        warm_start.check(state, weights, rate=rate, folds=folds)
    task = Task(
        cache=str(cached.folder),
        classes=corpus.classes,
        partitions=partitions,
        labels={name: _labels(corpus, partitions[name]) for name in ("train", "devel")},
        clip_seconds=config.clip_seconds,
        pad=config.pad,
        folds=folds,
    )
    return Plan(
        config,
        folder,
        space,
        warm_start.without(enqueued),
        warm_start,
        cached,
        task,
        identity,
        weights,
        state,
        before is not None,
    )


def open_corpus(config: StudyConfig, *, base: Path) -> Corpus:
    """Read the corpus of a study as its configuration says.

    Raises:
        InputError: As :func:`study.corpus.corpus.read_corpus`.
    """
    return read_corpus(
        (base / config.corpus).resolve(),
        layout=config.layout,
        partitions=None if config.partitions is None else base / config.partitions,
        label_column=config.label_column,
        base=base,
        audio=None if config.audio is None else base / config.audio,
    )


def write_study(plan: Plan) -> None:
    """Write down what the study is; the caller holds its lock.

    `state.json` comes first: a folder that has it is this study's, wherever the writing is cut
    short, and the next session writes the rest again.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.state["place"] = place_of(plan.folder)
    write_json(plan.folder / "state.json", plan.state)
    plan.trials.mkdir(exist_ok=True)
    replace_text(
        plan.folder / "study.yaml",
        f"# As run; spectune {version('spectune')}. Corpus and space are told by their digests"
        f" in state.json.\n{plan.config.to_yaml()}",
    )
    write_json(plan.folder / "space.json", dict(plan.space.plain))
    write_json(plan.folder / "clips.json", _clips(plan))
    plan.task.write(plan.folder / "task.json")


def _project(base: Path, folder: Path) -> str:
    """Return the folder of study.yaml, relative to the results where these lie in it."""
    return os.path.relpath(base, folder) if base in folder.parents else str(base)


def source_revision() -> str:
    """Return the git revision of spectune's own source, or its version where it is installed.

    A tracked file that was changed since is marked by `-dirty` at the end.
    """
    git = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent)]
    what = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run([*git, *what], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return f"v{version('spectune')}"
    return done.stdout.strip()


def _baselines(config: StudyConfig, space: Space) -> dict[str, TrialSpec]:
    if config.baselines is None:
        return dict(space.baselines)
    for name in config.baselines:
        if name not in space.baselines:
            raise InputError(
                f"baselines: the space has no baseline {name!r}{nearest(name, space.baselines)};"
                f" it has {', '.join(space.baselines) or 'none'}"
            )
    return {name: space.baselines[name] for name in config.baselines}


def _labels(corpus: Corpus, positions: tuple[int, ...]) -> tuple[int, ...]:
    code = {name: i for i, name in enumerate(corpus.classes)}
    clips = [corpus.clips[i] for i in positions]
    return tuple(code[clip.label] for clip in clips if clip.label is not None)


def _identity(
    cached: CachedCorpus, config: StudyConfig, partitions: Mapping[str, tuple[int, ...]]
) -> Identity:
    parts = {}
    for name, positions in partitions.items():
        if positions:
            names = [cached.corpus.clips[i].file_name for i in positions]
            digest = combine_digest(names, [cached.digests[i] for i in positions])
            parts[name] = PartitionIdentity(digest, len(positions))
    return Identity(cached.corpus.classes, config.protocol, 0, config.seed, parts)


def _clips(plan: Plan) -> dict[str, Any]:
    """Return the content of `clips.json`."""
    cached, task = plan.cached, plan.task
    corpus = cached.corpus
    partitions = {}
    for name, part in plan.identity.partitions.items():
        positions = task.partitions[name]
        clips = [(corpus.clips[i], cached.digests[i]) for i in positions]
        rows = [[clip.file_name, digest, clip.label, clip.speaker] for clip, digest in clips]
        partitions[name] = {"digest": part.digest, "clips": rows}
    if task.folds:  # train is the same clips
        partitions.pop("train")
    about = {
        "name": corpus.name,
        "root": str(corpus.root),
        "layout": corpus.layout,
        "simulated": corpus.simulated,
        "sampling_rate": cached.clips.sampling_rate,
        "digest": cached.digest,
        "info": dict(corpus.info),
    }
    return {
        "classes": list(corpus.classes),
        "corpus": about,
        "protocol": plan.config.protocol,
        "folds": list(task.folds),
        "partitions": partitions,
    }
