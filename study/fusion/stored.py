"""A stored fusion: its networks and rule, and what they predict of test."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search_spaces.grammar.errors import InputError
from study.fusion.methods.rule import FusionRule, fuse_members
from study.results import Ensemble, StudyResults
from study.results.ensemble_json import ImportedMember, Member
from study.results.probabilities import load_test


def fusion_members(results: StudyResults) -> tuple[Member, ...]:
    """Return the members of a study's fusion.

    Raises:
        InputError: If there is none yet.
    """
    if results.ensemble is None or not results.ensemble.n_members:
        raise InputError(f"{results.folder}: has no fusion yet; `spectune run` ends with one")
    if not results.ensemble.members:
        raise InputError(f"{results.folder}: the fusion holds imported systems alone, no network")
    return results.ensemble.members


def stored_rule(ensemble: Ensemble, n_classes: int) -> FusionRule | None:
    """Return what a stored fusion does beyond the weighted average, None where that is all.

    Raises:
        InputError: If `ensemble.json` was damaged.
    """
    if ensemble.rule is None:
        return None
    members: tuple[Member | ImportedMember, ...] = (*ensemble.members, *ensemble.imported)
    weights: dict[int, float] = {}
    for member in members:
        if member.candidate is None:
            raise InputError("ensemble.json: each member of a fusion with a rule needs `candidate`")
        weights[member.candidate] = weights.get(member.candidate, 0.0) + member.weight
    try:
        return FusionRule.from_json(
            ensemble.rule, weights=[weights[candidate] for candidate in sorted(weights)],
            n_classes=n_classes,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"ensemble.json: rule cannot be read: {error}") from error


def others_of(ensemble: Ensemble) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Return what a fusion has beside its networks, as a refit notes it: imports and rule."""
    imported = [{"name": one.name, "weight": one.weight} for one in ensemble.imported]
    return imported, None if ensemble.rule is None else dict(ensemble.rule)


def fuse_on_test(
    results: StudyResults, of_member: Callable[[Member], ArrayLike]
) -> NDArray[np.float64]:
    """Return the fusion's test probabilities, (clips, classes).

    Args:
        results: The study, with a fusion and a test partition.
        of_member: Gives the test probabilities, (clips, classes), of a network; those of
            imported systems are stored.

    Raises:
        InputError: If a file is missing or damaged.
    """
    ensemble = results.ensemble
    if ensemble is None:
        raise InputError(f"{results.folder}: has no fusion yet; `spectune run` ends with one")
    clips, classes = len(results.partitions["test"].clips), len(results.classes)
    known = {one.name for one in results.imports}
    values: list[ArrayLike] = [of_member(member) for member in ensemble.members]
    for one in ensemble.imported:
        if one.name not in known:
            raise InputError(
                f"{results.folder}: the imported system {one.name} of the fusion is gone; "
                "`spectune ensemble` selects again without it"
            )
        path = results.folder / "imports" / one.name / "test.npy"
        values.append(load_test(path, clips=clips, classes=classes))
    members: tuple[Member | ImportedMember, ...] = (*ensemble.members, *ensemble.imported)
    rule = stored_rule(ensemble, classes)
    candidates = None if rule is None else [member.candidate or 0 for member in members]
    return fuse_members(values, [member.weight for member in members], candidates, rule)


def networks_alone(
    results: StudyResults, *, without_imported: bool, echo: Callable[[str], None]
) -> StudyResults:
    """Return the study with a fusion of networks alone: nothing else predicts new clips.

    Raises:
        InputError: If there are imported systems, and they are not to, or cannot, be left out.
    """
    ensemble = results.ensemble
    if ensemble is None or not ensemble.imported:
        return results
    names = ", ".join(one.name for one in ensemble.imported)
    if not without_imported:
        raise InputError(
            f"{results.folder}: the fusion has an imported system ({names}), which cannot predict"
            f" new clips; --without-imported exports the networks alone, reweighted"
        )
    fusion_members(results)
    rule = stored_rule(ensemble, len(results.classes))
    gone = [one.candidate for one in ensemble.imported]
    total = sum(member.weight for member in ensemble.members)
    left = sorted({m.candidate for m in ensemble.members if m.candidate is not None})
    members = tuple(
        dataclasses.replace(m, weight=m.weight / total, candidate=left.index(m.candidate or 0))
        for m in ensemble.members
    )
    try:
        plain = None if rule is None else rule.without(gone).to_json()
    except ValueError as error:
        raise InputError(f"{results.folder}: {names} cannot be left out: {error}") from error
    echo(f"without {names}: the networks are reweighted, and no figure of the fusion is theirs")
    alone = dataclasses.replace(ensemble, members=members, imported=(), rule=plain)
    return dataclasses.replace(results, ensemble=alone)
