"""`spectune check`: all that is wrong with a corpus, at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from study.checking.audio import audio_findings
from study.checking.copies import copy_findings, overlap_findings
from study.checking.counts import (
    ClassCount,
    Counts,
    PartitionCount,
    SpeakerCount,
    count,
    count_findings,
)
from study.checking.facts import FACTS_VERSION
from study.checking.facts_cache import Place, look_up_facts, stamps_of, store_of
from study.checking.findings import KINDS, MOST_NAMES, Finding, found
from study.checking.leakage import Probe, probe_labels, probe_partitions
from study.checking.listing import Listed, read_listing
from study.checking.names import name_findings
from study.checking.table import ClipTable
from study.checking.voices import voice_findings
from study.corpus.audio.waveform_cache import default_cache_root
from study.corpus.corpus import Reading
from study.files import read_json, replace_text
from study.progress import Progress, no_progress

FORMAT = 1
_ABOUT = ("name", "root", "layout", "simulated")
_KIND_OF: dict[str, Callable[..., Any]] = {  # the lists of check.json, and what their rows are
    "partitions": PartitionCount,
    "classes": ClassCount,
    "speakers": SpeakerCount,
    "findings": Finding,
    "probes": Probe,
}
CHECK_VERSION = 3  # raised when the same facts give other findings


@dataclass(frozen=True)
class Check:
    """What was found."""

    name: str  # of the corpus
    root: str  # its folder
    layout: str  # as in `study.corpus.corpus.Corpus`
    simulated: bool  # as in `study.corpus.corpus.Corpus`
    counts: Counts  # clips, speakers and seconds
    findings: tuple[Finding, ...]  # what is wrong, in the order of `KINDS`
    # what label and partition can be guessed from; those that matter are findings too
    probes: tuple[Probe, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def check_corpus(
    reading: Reading,
    *,
    full: bool = False,
    expected: Mapping[str, str] | None = None,
    cache_root: Path | None = None,
    progress: Progress = no_progress,
) -> Check:
    """Check a corpus; what has not changed since the last check is not done again.

    Args:
        reading: How the corpus is read.
        full: Read all files again, whatever is known about them.
        expected: SHA-256 by file name when a study began on the corpus.
        cache_root: Where to keep what was found out; the default cache when None.
        progress: Called with files done and files in all, while files are read.

    Raises:
        InputError: There is no corpus to check, or the cache cannot be written.
    """
    listed = read_listing(reading)
    root, rows = listed.listing.root, listed.listing.rows
    places: list[Place] = [(root / row.path, (row.start, row.end)) for row in rows]
    outside = np.array([row.file_name in listed.closed for row in rows])
    stamps = stamps_of(
        [place if not out else None for place, out in zip(places, outside, strict=True)]
    )
    store = store_of(root, cache_root or default_cache_root())
    key = _key(listed, stamps.tolist(), expected)
    if not full and (before := _stored(store.with_suffix(".json"), key)) is not None:
        return before
    known = look_up_facts(places, stamps, store, full=full, progress=progress)
    table = ClipTable(
        names=tuple(row.file_name for row in rows),
        labels=tuple(row.label if (row.label or "").strip() else None for row in rows),
        partition=np.array(listed.partition, np.int64),
        speakers=tuple(row.speaker for row in rows),
        facts=known.facts,
        stamps=stamps,
        outside=outside,
    )
    check = _check(listed, table, places, known.changed, expected)
    replace_text(store.with_suffix(".json"), json.dumps({"key": key, **check_to_json(check)}))
    return check


def _check(
    listed: Listed,
    table: ClipTable,
    places: list[Place],
    changed: np.ndarray[Any, Any],
    expected: Mapping[str, str] | None,
) -> Check:
    counts = count(table)
    probes = (*probe_labels(table), *probe_partitions(table))
    findings = [
        *listed.findings,
        *audio_findings(table, changed, expected, [segment for _, segment in places]),
        *copy_findings(table, places),
        *overlap_findings(table, places),
        *count_findings(table, counts),
        *name_findings(table),
        *voice_findings(table),
        *found("leakage", [probe.sentence() for probe in probes if probe.matters]),
    ]
    order, listing = list(KINDS), listed.listing
    return Check(
        name=str(listing.name),
        root=str(listing.root),
        layout=listing.layout,
        simulated=listing.info.get("simulated") is True,
        counts=counts,
        findings=tuple(sorted(_merged(findings), key=lambda one: order.index(one.kind))),
        probes=probes,
    )


def _merged(findings: list[Finding]) -> list[Finding]:
    """One finding per kind."""
    kinds: dict[str, Finding] = {}
    for one in findings:
        if (before := kinds.get(one.kind)) is not None:
            names = (*before.names, *one.names)[:MOST_NAMES]
            one = one._replace(cases=before.cases + one.cases, names=names)
        kinds[one.kind] = one
    return list(kinds.values())


def _key(listed: Listed, stamps: Any, expected: Mapping[str, str] | None) -> str:
    """Digest of all that a check is made from, but for the bytes of files that look unchanged."""
    listing = listed.listing
    rows = [[r.file_name, r.path, r.label, r.speaker, r.start, r.end] for r in listing.rows]
    made_from = [
        CHECK_VERSION,
        FACTS_VERSION,
        [str(listing.name), str(listing.root), listing.layout, listing.info],
        rows,
        listed.partition,
        stamps,
        listed.findings,
        sorted((expected or {}).items()),
    ]
    return hashlib.sha256(json.dumps(made_from, default=str).encode()).hexdigest()


def _stored(path: Path, key: str) -> Check | None:
    """The last check, if it was made from the same."""
    try:
        plain = read_json(path)
        return check_of(plain) if plain["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_to_json(check: Check) -> dict[str, Any]:
    """Plain values, for `--json` and for `check.json` in a results folder."""
    lists = {**check.counts._asdict(), "findings": check.findings, "probes": check.probes}
    return {
        "format": FORMAT,
        "corpus": {key: getattr(check, key) for key in _ABOUT},
        "clean": check.clean,
        **{key: [one._asdict() for one in lists[key]] for key in _KIND_OF},
    }


def check_of(plain: Mapping[str, Any]) -> Check:
    """The check that gave these plain values.

    Raises:
        KeyError: Something is missing.
        TypeError: Something is of another kind.
        ValueError: It is of another version.
    """
    if plain["format"] != FORMAT:
        raise ValueError(f"format must be {FORMAT}, got {plain['format']!r}")
    lists: dict[str, Any] = {
        key: tuple(_row(kind, one) for one in plain[key]) for key, kind in _KIND_OF.items()
    }
    counts = Counts(*(lists.pop(key) for key in Counts._fields))
    return Check(**{key: plain["corpus"][key] for key in _ABOUT}, counts=counts, **lists)


def _row(kind: Callable[..., Any], plain: Mapping[str, Any]) -> Any:
    """Make a row of plain values, in which tuples have become lists."""
    tuples = {key: tuple(value) for key, value in {**plain}.items() if isinstance(value, list)}
    return kind(**{**plain, **tuples})
