"""What the candidates of a fusion cost: megabytes of weights, milliseconds for a clip.

The time is that of one clip on one CPU thread, a batch of one: the median of a few runs of the
network as it would serve, with front end. A network's time does not depend on its weights, so it
is measured with random ones, once per spec, and kept in `ensemble/costs.json`.
"""

from __future__ import annotations

import json
import statistics
import timeit
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runners.trial import WEIGHTS
from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from study.files import write_json
from study.fusion.methods.limits import Limits, limits_from_costs
from study.fusion.study_candidates import Candidate
from study.results import StudyResults, TrialRecord

RUNS = 5


def megabytes_of(results: StudyResults, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """Megabytes (1e6 bytes) of each candidate's weights, NaN for an imported system."""
    costs = [sum(_megabytes(results, n) for n in one.trials) for one in candidates]
    return np.where([one.imported for one in candidates], np.nan, costs)


def milliseconds_of(
    results: StudyResults, candidates: Sequence[Candidate], positions: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Milliseconds of each candidate for one clip, measured where they are not known yet.

    Args:
        results: The study; its folder keeps what was measured, so the caller holds its lock.
        candidates: All candidates.
        positions: Of those to measure; all when None. The others are NaN, as imported systems
            are.
    """
    path = results.folder / "ensemble" / "costs.json"
    known: dict[str, float] = _read(path)
    before = len(known)
    found = np.full(len(candidates), np.nan)
    for position in range(len(candidates)) if positions is None else positions:
        one = candidates[position]
        if not one.imported:
            trials = [results.trial(number) for number in one.trials]
            found[position] = sum(_milliseconds(results, trial, known) for trial in trials)
    if len(known) > before:
        path.parent.mkdir(exist_ok=True)
        about = "milliseconds for one clip on one CPU thread, by the digest of the spec"
        write_json(path, {"format": 1, "about": about, "milliseconds": known})
    return found


def candidate_limits(
    results: StudyResults,
    candidates: Sequence[Candidate],
    *,
    max_mb: float | None,
    max_ms: float | None,
) -> Limits | None:
    """Limits of the study's configuration on its candidates, None when there are none.

    Raises:
        InputError: A sentence for each limit within which no candidate fits.
    """
    costs: dict[str, NDArray[np.float64]] = {}
    problems = []
    for key, unit, most, measure in (
        ("max_mb", "MB", max_mb, megabytes_of),
        ("max_ms", "ms for a clip", max_ms, milliseconds_of),
    ):
        if most is None:
            continue
        costs[key] = measure(results, candidates)
        least = int(costs[key].argmin())
        if costs[key][least] > most:
            problems.append(
                f"ensemble.{key} must let in at least one candidate: the cheapest, "
                f"{candidates[least].label()}, needs {costs[key][least]:.3g} {unit}, got {most:g}"
            )
    if problems:
        raise InputError(problems)
    try:
        return limits_from_costs(
            len(candidates),
            megabytes=costs.get("max_mb"),
            milliseconds=costs.get("max_ms"),
            max_megabytes=max_mb,
            max_milliseconds=max_ms,
        )
    except ValueError as error:  # each limit alone lets one in, both together none
        raise InputError(
            f"ensemble.max_mb={max_mb:g} and ensemble.max_ms={max_ms:g} must let in at least one "
            f"candidate together: none of {len(candidates)} keeps both"
        ) from error


def _megabytes(results: StudyResults, number: int) -> float:
    """Of a trial: its file of weights, or four bytes a parameter where that was dropped."""
    trial = results.trial(number)
    path = trial.file(WEIGHTS)
    if path.is_file():
        return path.stat().st_size / 1e6
    return 4e-6 * (trial.n_parameters or 0) * max(1, results.n_folds)


def _milliseconds(results: StudyResults, trial: TrialRecord, known: dict[str, float]) -> float:
    key = str(trial.spec_digest)
    if key not in known:
        known[key] = _measure(results, TrialSpec.from_dict(trial.spec))
    return known[key] * max(1, results.n_folds)


def _measure(results: StudyResults, spec: TrialSpec) -> float:
    import torch

    from runners.model import make_classifier

    rate = int(results.corpus["sampling_rate"])
    n_samples = max(1, round(results.state["fixed"]["clip_seconds"] * rate))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            network = make_classifier(
                spec, sampling_rate=rate, n_samples=n_samples, n_classes=len(results.classes)
            ).eval()
            waveform = torch.randn(1, n_samples)
            network(waveform)  # the first run is slower
            seconds = timeit.repeat(lambda: network(waveform), number=1, repeat=RUNS)
            return 1000 * statistics.median(seconds)
    finally:
        torch.set_num_threads(threads)


def _read(path: Path) -> dict[str, float]:
    """What was measured before; nothing where the file is missing or damaged."""
    try:
        known = json.loads(path.read_text("utf-8"))["milliseconds"]
        return {str(key): float(milliseconds) for key, milliseconds in known.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
