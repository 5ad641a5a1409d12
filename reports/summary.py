"""The head of the page: what was studied, what won and by how much, and how it was made."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from reports.page.section import Head
from reports.page.text import duration, percent, points
from study.files import mapping, number
from study.honest.estimate import search_note
from study.planning.cross_validation import protocol_sentence
from study.results import StudyResults
from study.results.study_results import PartitionRows
from study.results.trial_states import count_words, is_running, shown_counts
from study.weights.sentence import weights_sentence


def summary(results: StudyResults) -> Head:
    """The head of the page; also of a study without a trial."""
    verdict, caution = _verdict(results)
    return Head(
        study=results.name,
        corpus=_corpus_name(results.corpus),
        simulated=bool(results.corpus.get("simulated")),
        verdict=verdict,
        caution=caution,
        facts=_facts(results),
        provenance=_provenance(results.state),
    )


def _verdict(results: StudyResults) -> tuple[str, str]:
    best, ensemble, counts = results.best, results.ensemble, results.count()
    chance = f" Chance is {percent(1 / len(results.classes))}." if results.classes else ""
    chosen = (
        "the epoch and the trial" if ensemble is None else "the epoch, the trial and the members"
    )
    caution = (
        f"Apparent: devel chose {chosen}, so this UAR is optimistic and says nothing yet about new "
        "speakers."
    )
    if best is None or best.uar is None:
        if not results.trials:
            return "No trial has been started yet.", ""
        if counts["running"]:
            return "No trial has ended with a UAR yet.", ""
        return "No trial ended with a UAR; the reasons stand under failures.", ""
    if ensemble is None:
        return (
            f"The best single model is trial {best.number} ({best.name}) with a devel UAR of "
            f"{percent(best.uar)}; there is no fusion yet.{chance}",
            caution,
        )
    reference = ensemble.references.get("best_single", {})
    single = float(reference.get("uar") or best.uar)
    trial, name = reference.get("trial"), reference.get("name", best.name)
    origin = f"trial {trial} ({name})" if trial is not None else f"the imported {name}"
    known = next((one for one in results.trials if one.number == trial), None)
    if known is not None and (n := len(results.system_of(known).trials)) > 1:
        origin += f", {n} trainings together"
    difference = ensemble.uar - single
    beside = f"the best single model, {origin}, with {percent(single)}"
    members = ensemble.n_members
    models = "one model" if members == 1 else f"{members} models"
    verdict = (
        f"The fusion of {models} has a devel UAR of {percent(ensemble.uar)}, {_aside(difference)} "
        f"{beside}."
    )
    if not ensemble.apparent:
        return verdict + chance, ""
    if (gain := number(ensemble.honest.get("gain"))) is not None:
        verdict += (
            f" Chosen again without the clips that judge, its UAR is {_aside(gain)} that of the "
            "best single model."
        )
    if honest := ensemble.honest.get("sentence"):
        devel = results.partitions.get("devel")
        speakers = {clip.speaker for clip in devel.clips} if devel else set()
        note = search_note(None if None in speakers else len(speakers))
        caution = f"{caution} {honest} {note}"
    return verdict + chance, caution


def _aside(difference: float) -> str:
    """Where a UAR stands beside another.

    >>> _aside(0.027), _aside(-0.0034), _aside(0.0)
    ('2.7 points above', '0.3 points below', 'no more than')
    """
    if round(1000 * difference) == 0:
        return "no more than"
    side = "above" if difference > 0 else "below"
    return f"{points(abs(difference)).lstrip('+')} {side}"


def _facts(results: StudyResults) -> tuple[tuple[str, str], ...]:
    counts = shown_counts(results.count(), running=is_running(results.folder))
    trials = ", ".join(count_words(counts))
    seconds = [trial.seconds for trial in results.trials if trial.seconds is not None]
    facts = [("trials", f"{len(results.trials)} ({trials})" if trials else "none")]
    if seconds:
        facts.append(("time in trials", duration(sum(seconds))))
    devices = sorted({trial.device for trial in results.trials if trial.device})
    if devices:
        facts.append(("devices", ", ".join(devices)))
    if results.classes:
        shown = ", ".join(results.classes[:12])
        more = f", and {len(results.classes) - 12} more" if len(results.classes) > 12 else ""
        facts.append(("classes", f"{len(results.classes)}: {shown}{more}"))
    if judged := protocol_sentence(results.protocol, results.folds):
        facts.append(("judged", judged))
    facts += [(name, _size(part)) for name, part in results.partitions.items()]
    return tuple(facts)


def _size(partition: PartitionRows) -> str:
    speakers = {clip.speaker for clip in partition.clips if clip.speaker is not None}
    text = f"{len(partition.clips):,} clips"
    if speakers:
        text += f", {len(speakers)} {'speaker' if len(speakers) == 1 else 'speakers'}"
    if partition.clips and all(clip.label is None for clip in partition.clips):
        text += ", blind"
    return text


def _corpus_name(corpus: Mapping[str, Any]) -> str:
    if corpus.get("name"):
        return str(corpus["name"])
    return PureWindowsPath(str(corpus.get("path") or corpus.get("folder") or "")).name


def _moment(created: Any) -> Any:
    """A point in time, given in Unix seconds or as text."""
    if isinstance(created, (int, float)):
        return f"{datetime.datetime.fromtimestamp(created, datetime.UTC):%Y-%m-%d %H:%M} UTC"
    return created


def _provenance(state: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    command = state.get("command")
    text = " ".join(map(str, command)) if isinstance(command, (list, tuple)) else command
    rows = {
        "command": text,
        "revision": state.get("revision"),
        "begun": _moment(state.get("created")),
        "study id": state.get("id"),
        "digest of the space": state.get("space_digest"),
        "digest of the corpus": state.get("corpus_digest"),
    }
    rows |= {
        f"pretrained weights {key}": weights_sentence(mapping(weights))
        for key, weights in mapping(state.get("weights")).items()
    }
    return tuple((label, str(value)) for label, value in rows.items() if value)
