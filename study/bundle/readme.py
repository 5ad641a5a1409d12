"""The README of a bundle: what it is, how it was made, what it reached."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from study.text import percent
from study.weights.sentence import weights_sentence


def readme(plain: Mapping[str, Any]) -> str:
    """Return the README of what `bundle.json` holds, as Markdown."""
    blocks = [
        f"# {_inert(plain['name'])}",
        _what(plain),
        "## Use\n\n```\nspectune predict BUNDLE clips/ -o predictions.csv\n```\n\n"
        '```python\nfrom study import load\n\npredictor = load("BUNDLE")\n'
        "probabilities = predictor.predict(waveforms, sampling_rate)  # NumPy, (clips, classes)\n"
        "```\n\nAny sampling rate, length and channel count; clips longer than"
        f" {plain['clip_seconds']:g} s are covered by windows whose probabilities are averaged.",
        "## How it was made\n\n" + _made(plain),
        "## What it reached\n\n" + _reached(plain),
        "## Networks\n\n" + _members(plain),
    ]
    return "\n\n".join(blocks) + "\n"


def _what(plain: Mapping[str, Any]) -> str:
    trained = {
        "train": "trained on train; devel chose them and was not trained on",
        "train+devel": "trained on train and devel; no label of test was seen",
    }[plain["protocol"]]
    if plain["protocol"] == "train" and plain["study"].get("protocol", "holdout") != "holdout":
        trained = (
            f"cross-validated ({plain['study']['protocol']} over train and devel): each was trained"
            " without one fold of speakers, who judged it"
        )
    classes = ", ".join(map(_inert, plain["classes"]))
    return (
        f"A speech classifier by spectune {plain['spectune']}: {len(plain['members'])} networks on"
        f" spectrograms, averaged by weight, {trained}.\n\nClasses: {classes}. Sampling rate:"
        f" {plain['sampling_rate']} Hz. Format: {plain['format']}; JSON and safetensors only."
    )


def _made(plain: Mapping[str, Any]) -> str:
    corpus, study = plain["corpus"], plain["study"]
    sizes = ", ".join(f"{name} {part['n']:,}" for name, part in corpus["partitions"].items())
    lines = [
        f"- corpus {_inert(corpus['name'])} ({sizes} clips), digest `{str(corpus['digest'])[:16]}`",
        f"- search of {plain['figures']['n_trials']} trials, seed {study['seed']}, space"
        f" `{study['space_digest']}`, source `{study['revision']}`",
        f"- exported {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(plain['created']))}",
    ]
    if corpus.get("licence"):
        lines.insert(1, f"- licence of the corpus: {_inert(corpus['licence'])}")
    lines += [
        f"- pretrained weights `{_inert(key)}`: {_inert(weights_sentence(w))}"
        for key, w in plain["pretrained"].items()
    ]
    lines += [
        f"- trial {trial} was trained again, {'bit for bit' if note['same_bytes'] else 'its'}"
        + (
            ""
            if note["same_bytes"]
            else f" probabilities differ by up to {note['max_difference']:.2g}"
        )
        for trial, note in plain["figures"]["restored"].items()
    ]
    return "\n".join(lines)


def _reached(plain: Mapping[str, Any]) -> str:
    figures, lines = plain["figures"], []
    if plain["corpus"]["simulated"]:
        lines.append("- **Simulated corpus: no figure here may stand beside one of real speech.**")
    if figures["devel_uar_apparent"] is not None:
        of = "the networks of the search" if plain["protocol"] == "train" else (
            "the same fusion before the refit, whose networks saw train alone"
        )  # fmt: skip
        lines.append(
            f"- devel UAR {percent(figures['devel_uar_apparent'])}, apparent, of {of}: epochs,"
            f" members and weights were chosen on devel among {figures['n_candidates']} candidates,"
            " so that new speakers will give less"
        )
    honest = figures.get("honest")
    if isinstance(honest, Mapping) and isinstance(honest.get("sentence"), str):
        lines.append(f"- {_inert(honest['sentence'])}")
    if figures["test"] is not None:
        test = figures["test"]
        bounds = (
            f", 95 % interval {percent(test['ci_low'])} to {percent(test['ci_high'])}"
            if test["ci_low"] is not None
            else ""
        )
        lines.append(f"- test UAR {percent(test['uar'])}{bounds}, {test['n']} clips")
    else:
        lines.append("- test: not scored, no labels have arrived")
    if figures["refit"] is not None:
        agreement = figures["refit"]["agreement"]
        lines.append(
            f"- its test predictions agree with those of the networks of the search on"
            f" {100 * agreement['share']:.1f} % of the clips (kappa {agreement['kappa']:.2f})"
        )
        if figures["refit"]["warning"]:
            lines.append(f"- **The two disagree strongly: {_inert(figures['refit']['warning'])}.**")
    return "\n".join(lines)


def _members(plain: Mapping[str, Any]) -> str:
    rows = ["| file | network | weight | epochs |", "|---|---|---|---|"]
    rows += [
        f"| `{m['file']}` | {_inert(m['name'])} | {m['weight']:.3f} | {m['last_epoch']} |"
        for m in plain["members"]
    ]
    return "\n".join(rows)


def _inert(text: Any) -> str:
    r"""Return a name that shows as itself in Markdown, and reads well as it is.

    >>> print(_inert("linear-3win [a](b) <c>"))
    linear-3win \[a\](b) &lt;c>
    """
    plain = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*|\[\]])", r"\\\1", plain)
