"""`ensemble/ensemble.json` read back; `study/fusion/files.py` says what is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from search_spaces.grammar.errors import InputError
from study.files import mapping, number, read_object


@dataclass(frozen=True)
class Member:
    """One network of the fusion; repeated seeds of one spec are one candidate of its rule."""

    trial: int
    name: str
    weight: float
    uar: float | None
    candidate: int | None = None  # its position in the rule, from 0


@dataclass(frozen=True)
class ImportedMember:
    """A member of the fusion that is another tool's system: it has predictions and no network."""

    name: str
    weight: float
    uar: float | None
    candidate: int


class System(NamedTuple):
    """A candidate of the fusion that has networks: a trial, or all trainings of one spec."""

    trials: tuple[int, ...]
    uar: float  # of their averaged probabilities


@dataclass(frozen=True)
class Ensemble:
    """`ensemble/ensemble.json`; the UAR is apparent, since devel chose the members."""

    method: str
    uar: float
    members: tuple[Member, ...]
    trajectory: tuple[Mapping[str, Any], ...]  # {n, trial, name, uar}
    references: Mapping[str, Mapping[str, Any]]  # best_single, uniform, top_k
    n_candidates: int | None
    identity: Mapping[str, Any]
    apparent: bool
    honest: Mapping[str, Any] = field(default_factory=dict)  # of a `HonestValue`
    imported: tuple[ImportedMember, ...] = ()
    rule: Mapping[str, Any] | None = None  # of a `FusionRule`; None: the average by weight
    diversity: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[Mapping[str, Any], ...] = ()  # the table of `spectune ensemble --compare`
    candidates: tuple[System, ...] = ()  # best first; empty in studies of before
    sentences: tuple[str, ...] = ()  # what a person is told of the fusion, beside its figures

    @property
    def n_members(self) -> int:
        """Networks and imported systems."""
        return len(self.members) + len(self.imported)


def read_ensemble(path: Path) -> Ensemble | None:
    """Read `ensemble.json`; None where there is no fusion yet.

    Raises:
        InputError: If the file is damaged.
    """
    if not path.exists():
        return None
    values = read_object(path)
    try:
        return Ensemble(
            method=str(values.get("method", "")),
            uar=float(values["uar"]),
            members=tuple(
                Member(int(m["trial"]), *_common(m), m.get("candidate", position))
                for position, m in enumerate(values["members"])
            ),
            trajectory=tuple(values.get("trajectory", ())),
            references=mapping(values.get("references")),
            n_candidates=values.get("n_candidates"),
            identity=mapping(values.get("identity")),
            apparent=bool(values.get("apparent", True)),
            honest=mapping(values.get("honest")),
            imported=tuple(
                ImportedMember(*_common(m), int(m["candidate"])) for m in values.get("imported", ())
            ),
            rule=values.get("rule"),
            diversity=mapping(values.get("diversity")),
            methods=tuple(values.get("methods") or ()),
            candidates=tuple(
                System(tuple(map(int, one["trials"])), float(one["uar"]))
                for one in values.get("candidates", ())
            ),
            sentences=tuple(map(str, values.get("sentences", ()))),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not an ensemble as spectune writes it ({error!r})") from error


def _common(member: Mapping[str, Any]) -> tuple[str, float, float | None]:
    return str(member["name"]), float(member["weight"]), number(member.get("uar"))
