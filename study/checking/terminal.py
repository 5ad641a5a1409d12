"""A check on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from study.checking.check import Check
from study.checking.findings import AREAS, Finding
from study.checking.leakage import Probe
from study.text import NOTHING, aligned, duration, percent, printable

_NAMED = 3
_SPEAKERS = 12
_WIDEST = 160


def check_lines(check: Check) -> list[str]:
    """Everything, counts first, what is wrong last."""
    clips = sum(one.clips for one in check.counts.partitions)
    lines = [_short(f"corpus {check.name} ({check.layout}), {clips:,} clips, {check.root}")]
    if check.simulated:
        lines.append("SIMULATED audio: no figure of it may stand beside one of real recordings")
    lines += ["", *aligned(list(_partition_rows(check)))]
    lines += ["", *aligned(list(_class_rows(check)))]
    if check.counts.speakers:
        lines += ["", *aligned(list(_speaker_rows(check)))]
        if (more := len(check.counts.speakers) - _SPEAKERS) > 0:
            lines.append(f"  and {more} speakers more (--json has them)")
    if check.probes:
        lines += ["", "what a linear probe guesses from the recording alone: UAR (95 % interval)"]
        lines += aligned([("guessed from", *_targets(check.probes)), *probe_rows(check.probes)])
    for area in AREAS:
        findings = [one for one in check.findings if one.area == area]
        if findings:
            lines += ["", area]
            for one in findings:
                lines += _finding_lines(one)
    return [*lines, "", headline(check)]


def headline(check: Check) -> str:
    """One line that says how it stands.

    >>> from study.checking.counts import Counts
    >>> headline(Check("c", "/c", "manifest", False, Counts((), (), ()), (), ()))
    'check: nothing wrong'
    """
    if check.clean:
        return "check: nothing wrong"
    return f"check: {', '.join(f'{one.cases:,} {one.kind}' for one in check.findings)}"


def probe_rows(probes: Sequence[Probe]) -> list[tuple[str, ...]]:
    """A row per group: UAR and 95 % interval per target, with a mark where it matters."""
    targets = _targets(probes)
    of = {(probe.group, probe.target): probe for probe in probes}
    groups = dict.fromkeys(probe.group for probe in probes)
    rows = [(group, *(_cell(of.get((group, target))) for target in targets)) for group in groups]
    first = [next(probe for probe in probes if probe.target == target) for target in targets]
    return [*rows, ("chance", *(percent(probe.chance) for probe in first))]


def _cell(probe: Probe | None) -> str:
    if probe is None:
        return NOTHING
    mark = " !" if probe.matters else ""
    return f"{percent(probe.uar)} ({100 * probe.low:.0f} to {100 * probe.high:.0f}){mark}"


def _targets(probes: Sequence[Probe]) -> list[str]:
    return list(dict.fromkeys(probe.target for probe in probes))


def _finding_lines(one: Finding) -> list[str]:
    if one.area == "leakage":
        return [f"  {printable(name)}" for name in one.names]
    lines = [f"  {one.kind}: {one.cases:,}; {one.rule}"]
    lines += [f"    {_short(name)}" for name in one.names[:_NAMED]]
    if (more := one.cases - _NAMED) > 0:
        lines.append(f"    and {more:,} more")
    return lines


def _short(name: str) -> str:
    """A name on one line, without what a terminal would obey."""
    plain = printable(name).replace("\n", " ")
    return plain if len(plain) <= _WIDEST else f"{plain[: _WIDEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _partition_rows(check: Check) -> Iterator[tuple[str, ...]]:
    yield "partition", "clips", "time", "speakers", "shortest", "longest", "chance", "majority"
    for one in check.counts.partitions:
        span = (f"{one.shortest:.2f} s", f"{one.longest:.2f} s")
        majority = "blind" if one.majority is None else percent(one.majority)
        many = (f"{one.clips:,}", duration(one.seconds), _number(one.speakers))
        yield one.partition, *many, *span, percent(one.chance_uar), majority


def _class_rows(check: Check) -> Iterator[tuple[str, ...]]:
    partitions = [one.partition for one in check.counts.partitions]
    yield "class", *partitions, "time", "speakers"
    for one in check.counts.classes:
        clips = (f"{one.clips.get(name, 0):,}" for name in partitions)
        yield _short(one.label), *clips, duration(one.seconds), _number(one.speakers)


def _speaker_rows(check: Check) -> Iterator[tuple[str, ...]]:
    yield "speaker", "partition", "clips", "time"
    for one in check.counts.speakers[:_SPEAKERS]:
        where = ", ".join(one.partitions)
        yield _short(one.speaker), where, f"{one.clips:,}", duration(one.seconds)


def _number(n: int | None) -> str:
    return "not known" if n is None else f"{n:,}"
