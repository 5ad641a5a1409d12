"""`spectune explain`: networks and clips -> the numbers of `explain.json`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.explain.axes import frequency_axes
from reports.explain.deletion import ORDERS, STEPS
from reports.explain.examples import examples
from reports.explain.explained import Explained
from reports.explain.inputs import ExplainInputs, System
from reports.explain.maps import Mapper
from reports.explain.measure import make_maps, occlude
from reports.explain.page.sections import FORMAT
from reports.explain.parts import evaluate
from reports.explain.subject import Subject
from reports.explain.subset import stratified
from runners.device import Compute
from study.progress import Progress, no_progress

CPU_CLIPS = 200  # explained on a CPU unless more are asked for
Floats = NDArray[np.floating]


def explain(
    inputs: ExplainInputs,
    compute: Compute,
    *,
    n_clips: int | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Explain the systems of a study or a bundle, and return plain JSON values.

    Args:
        inputs: Networks and clips.
        compute: Where and how.
        n_clips: How many clips, at most; None: all on a GPU, `CPU_CLIPS` on a CPU.
        seed: Of the choice of clips, of the noise and of the bootstrap.
        progress: Is given the steps done after each, and how many there are.
    """
    started = time.monotonic()
    most = n_clips or (CPU_CLIPS if compute.device.type == "cpu" else len(inputs.labels))
    chosen: list[int] = stratified(inputs.labels, inputs.speakers, n=most, seed=seed).tolist()
    axes = frequency_axes(inputs.clips.sampling_rate)
    explained = Explained(inputs, chosen, axes, compute)
    subject = Subject.from_inputs(inputs, chosen, seed=seed)
    n_steps = explained.n_batches * (
        1 + sum(a.n_bands + len(STEPS) * len(ORDERS) * len(inputs.systems) for a in axes)
    )
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(min(done, n_steps), n_steps)  # batches are more where memory ran out

    mappers = explained.mappers()
    mapped = make_maps(explained, mappers, tick=tick)
    systems = [_system(system, mapped.intact, mappers, subject) for system in inputs.systems]
    for number, axis in enumerate(axes):
        occluded = occlude(explained, number, seed=seed, tick=tick)
        for system, plain in zip(inputs.systems, systems, strict=True):
            plain["axes"][axis.name] = evaluate(
                explained,
                number,
                system,
                mapped=mapped,
                occluded=occluded,
                mappers=mappers,
                subject=subject,
                above_chance=plain["above_chance"],
                tick=tick,
            )
    progress(n_steps, n_steps)
    return {
        "format": FORMAT,
        "name": inputs.name,
        "corpus": inputs.corpus,
        "simulated": inputs.simulated,
        "note": inputs.note,
        "provenance": dict(inputs.provenance),
        "device": str(compute.device),
        "seed": seed,
        "classes": list(inputs.classes),
        "sampling_rate": inputs.clips.sampling_rate,
        "clips": subject.describe(len(inputs.labels)),
        "networks": [
            {"trial": m.network.trial, "name": m.network.name, "map": m.describe()} for m in mappers
        ],
        "systems": systems,
        "examples": examples(explained, mappers, mapped.intact, chosen, subject),
        "seconds": round(time.monotonic() - started, 1),
    }


def _system(
    system: System, intact: Floats, mappers: Sequence[Mapper], subject: Subject
) -> dict[str, Any]:
    """Return what a system is and how good it is on the explained clips."""
    uar = subject.interval(system.fuse(intact))
    members = [(w, m) for w, m in zip(system.weights, mappers, strict=True) if w]
    return {
        "id": system.id,
        "title": system.title,
        "uar": uar.uar,
        "uar_sentence": uar.sentence(),
        "chance": subject.chance,
        "above_chance": subject.above_chance(uar),
        "members": [
            {"trial": m.network.trial, "name": m.network.name, "weight": w, "map": m.describe()}
            for w, m in members
        ],
        "note": _without_map(members),
        "axes": {},
    }


def _without_map(members: Sequence[tuple[float, Mapper]]) -> str:
    """Say which members have no map; empty where all have one."""
    unmapped = [(weight, mapper) for weight, mapper in members if mapper.how == "none"]
    if not unmapped:
        return ""
    names = ", ".join(f"trial {m.network.trial} ({m.network.name})" for _, m in unmapped)
    part = f"{100 * sum(weight for weight, _ in unmapped):.0f} % of the weight"
    if len(unmapped) == len(members):
        return f"Without a map: {names}; occlusion alone explains it."
    return f"Without a map: {names}, {part}; the map is of the others, occlusion of all."
