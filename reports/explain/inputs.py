"""What is explained: the networks of a study or a bundle, and devel clips with labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from runners.clips import Clips
from runners.model import Classifier, load_weights, make_classifier
from runners.trial import WEIGHTS
from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from study.bundle.bundle import Bundle, read_bundle
from study.bundle.networks import load_networks
from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import cache_corpus, default_cache_root
from study.fusion.methods.rule import FusionRule, fuse_members
from study.fusion.stored import networks_alone, stored_rule
from study.planning.plan import Plan, source_revision
from study.results import StudyResults
from study.results.probabilities import all_known, speakers_of
from study.search.restore import restore_weights

TRAINED_ON_DEVEL = (
    "These networks were trained on the devel clips too: this says what they took up, not what"
    " carries over to new speakers."
)


@dataclass(frozen=True)
class Network:
    """One network, or in a cross-validation the networks of all folds of a trial.

    Args:
        trial: The trial it comes from.
        name: As a person reads it.
        spec: What it is.
        models: In eval mode, on the CPU, weights fixed; one, or one per fold: a clip is heard by
            that of its own fold, which was not trained on it.
    """

    trial: int
    name: str
    spec: TrialSpec
    models: tuple[Classifier, ...]

    def of_fold(self, fold: int) -> Classifier:
        """Return the model that hears the clips of a fold."""
        return self.models[fold] if len(self.models) > 1 else self.models[0]


@dataclass(frozen=True)
class System:
    """What is explained: one network or a fusion.

    Args:
        id: `winner` or `fusion`.
        title: As a person reads it.
        weights: Of each of the networks, summing to 1; 0 for one that is not in it.
        rule: What is done with their probabilities; None: the average by weight.
        candidates: Place of each network in the rule; empty without one.
    """

    id: str
    title: str
    weights: tuple[float, ...]
    rule: FusionRule | None = None
    candidates: tuple[int, ...] = ()

    def fuse(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (..., clips, classes) of the networks' (..., networks, clips, classes)."""
        used = [n for n, weight in enumerate(self.weights) if weight]
        weights = [self.weights[n] for n in used]
        candidates = [self.candidates[n] for n in used] if self.rule else None
        shape = probabilities.shape
        fused = [
            fuse_members([one[n] for n in used], weights, candidates, self.rule)
            for one in probabilities.reshape(-1, *shape[-3:])
        ]
        return np.stack(fused).reshape(*shape[:-3], *shape[-2:])


@dataclass(frozen=True)
class ExplainInputs:
    """Networks, and the labelled clips on which they are explained.

    Args:
        name: Of the study.
        classes: In the order of the logits.
        clips: A corpus.
        positions: In it, of the clips, (clips,).
        file_names: Of the clips, (clips,).
        labels: Class indices, (clips,).
        speakers: (clips,); None where one is unknown.
        folds: Of each clip in a cross-validation, (clips,); None: devel was held out.
        clip_seconds: Length of a window.
        pad: What shorter clips are filled up with.
        networks: Each once.
        systems: The winner first.
        simulated: Whether the audio was made, not recorded.
        provenance: Where networks and clips come from, for the record.
        note: What a reader must know of the clips; empty when all is well.
        corpus: What the corpus is called; empty where nobody says.
    """

    name: str
    classes: tuple[str, ...]
    clips: Clips
    positions: tuple[int, ...]
    file_names: tuple[str, ...]
    labels: tuple[int, ...]
    speakers: tuple[str, ...] | None
    folds: tuple[int, ...] | None
    clip_seconds: float
    pad: str
    networks: tuple[Network, ...]
    systems: tuple[System, ...]
    simulated: bool
    provenance: Mapping[str, str]
    note: str = ""
    corpus: str = ""


def inputs_of_study(
    plan: Plan, results: StudyResults, *, echo: Callable[[str], None] = print
) -> ExplainInputs:
    """Return the winner and the fusion of a study with its devel clips.

    Weights that were not kept are trained again; the caller holds the study's lock.

    Raises:
        InputError: If no trial has ended with a result, or weights cannot be had.
    """
    best = results.best
    if best is None:
        raise InputError(f"{results.folder}: no trial has ended with a result to explain")
    results = networks_alone(results, without_imported=True, echo=echo)
    members = [] if results.ensemble is None else results.ensemble.members
    winner = best.number
    if results.ensemble is not None:
        winner = int(results.ensemble.references.get("best_single", {}).get("trial", winner))
    trials = sorted({winner, *(member.trial for member in members)})
    restore_weights(plan, results, trials, echo=echo)
    rate = plan.cached.clips.sampling_rate
    n_samples = max(1, round(plan.config.clip_seconds * rate))
    networks = tuple(
        _network(results, n, rate, n_samples, n_folds=plan.task.n_folds) for n in trials
    )
    devel = results.partitions["devel"].clips
    return ExplainInputs(
        name=results.name,
        classes=results.classes,
        clips=plan.cached.clips,
        positions=tuple(plan.task.partitions["devel"]),
        file_names=tuple(clip.file_name for clip in devel),
        labels=tuple(plan.task.labels["devel"]),
        speakers=speakers_of(results),
        folds=plan.task.folds or None,
        clip_seconds=plan.config.clip_seconds,
        pad=plan.config.pad,
        networks=networks,
        systems=_systems(networks, winner, results),
        simulated=plan.cached.corpus.simulated,
        provenance={
            "study id": str(plan.state["id"]),
            "corpus": plan.cached.digest,
            "revision": source_revision(),
        },
        corpus=plan.cached.corpus.name,
    )


def inputs_of_bundle(folder: Path, corpus_folder: Path) -> ExplainInputs:
    """Return the fusion of a bundle with the devel clips of a corpus.

    Raises:
        InputError: If the bundle is damaged, or a label of the corpus is no class of it.
    """
    bundle = read_bundle(folder)
    corpus = read_corpus(corpus_folder.resolve())
    cached = cache_corpus(corpus, bundle.sampling_rate, default_cache_root())
    devel = [(i, clip) for i, clip in enumerate(corpus.clips) if clip.partition == "devel"]
    for _, clip in devel:
        if clip.label not in bundle.classes:
            raise InputError(
                f"{corpus_folder}: the label of {clip.file_name} must be a class of the bundle"
                f" ({', '.join(bundle.classes)}), got {clip.label!r}"
            )
    if not devel:
        raise InputError(f"{corpus_folder}: has no devel clip")
    models = load_networks(bundle)
    networks = tuple(
        Network(member.trial, member.name, member.spec, (model,))
        for member, model in zip(bundle.members, models, strict=True)
    )
    weights = tuple(member.weight for member in bundle.members)
    candidates = tuple(member.candidate for member in bundle.members)
    return ExplainInputs(
        name=bundle.name,
        classes=bundle.classes,
        clips=cached.clips,
        positions=tuple(i for i, _ in devel),
        file_names=tuple(clip.file_name for _, clip in devel),
        labels=tuple(bundle.classes.index(str(clip.label)) for _, clip in devel),
        speakers=all_known(clip.speaker for _, clip in devel),
        folds=None,
        clip_seconds=bundle.clip_seconds,
        pad=bundle.pad,
        networks=networks,
        systems=(System("fusion", _title(bundle), weights, bundle.rule, candidates),),
        simulated=corpus.simulated,
        provenance={
            "bundle": str(bundle.plain.get("study", {}).get("id")),
            "corpus": cached.digest,
            "revision": source_revision(),
        },
        note=TRAINED_ON_DEVEL if "devel" in bundle.protocol else "",
        corpus=corpus.name,
    )


def _title(bundle: Bundle) -> str:
    n = len(bundle.members)
    return bundle.members[0].name if n == 1 else f"the bundle's fusion of {n}"


def _systems(networks: Sequence[Network], winner: int, results: StudyResults) -> tuple[System, ...]:
    """Return the winner, and the fusion where it has more than one member."""
    names = {network.trial: network.name for network in networks}
    single = tuple(float(trial == winner) for trial in names)
    systems = [System("winner", f"the best single model, trial {winner} ({names[winner]})", single)]
    members = {} if results.ensemble is None else {m.trial: m for m in results.ensemble.members}
    if results.ensemble is not None and len(members) > 1:
        total = sum(member.weight for member in members.values())
        own = [members.get(trial) for trial in names]
        systems.append(
            System(
                "fusion",
                f"the fusion of {len(members)}",
                tuple(member.weight / total if member else 0.0 for member in own),
                stored_rule(results.ensemble, len(results.classes)),
                tuple((member.candidate or 0) if member else 0 for member in own),
            )
        )
    return tuple(systems)


def _network(
    results: StudyResults, number: int, rate: int, n_samples: int, *, n_folds: int
) -> Network:
    trial = results.trial(number)
    spec = TrialSpec.from_dict(trial.spec)
    models = []
    for fold in range(n_folds) if n_folds else (None,):
        with torch.random.fork_rng(devices=[]):
            model = make_classifier(
                spec, sampling_rate=rate, n_samples=n_samples, n_classes=len(results.classes)
            )
        load_weights(model, trial.file(WEIGHTS), fold=fold)
        models.append(model.eval().requires_grad_(False))
    return Network(number, trial.name, spec, tuple(models))
