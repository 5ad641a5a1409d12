"""What a fusion may cost: members are let in only while their sum stays within the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Limits:
    """Costs that add up over the members of a fusion, and their upper bounds.

    Args:
        costs: (candidates, kinds).
        most: (kinds,).
        kinds: What is counted, for messages.
    """

    costs: NDArray[np.float64]
    most: NDArray[np.float64]
    kinds: tuple[str, ...]

    def sentence(self, members: Sequence[int]) -> str:
        """What some members need of what they may cost.

        >>> limits = limits_from_costs(2, megabytes=[3, 9], max_megabytes=5)
        >>> limits.sentence([0])
        'max_megabytes: members need 3 of at most 5, and 1 of 2 candidates needs more alone'
        """
        used = self.costs[list(members)].sum(axis=0)
        over = (self.costs > self.most + 1e-9).sum(axis=0)
        parts = [
            f"{kind}: members need {need:.3g} of at most {most:g}, and {n} of {len(self.costs)} "
            f"candidates need{'s' if n == 1 else ''} more alone"
            for kind, need, most, n in zip(self.kinds, used, self.most, over, strict=True)
        ]
        return "; ".join(parts)

    def affordable(self, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Candidates that may be chosen beside those inside, (candidates,); the latter always."""
        used = self.costs[inside].sum(axis=0)
        fits = (used + self.costs <= self.most + 1e-9).all(axis=1)
        return np.asarray(fits | inside)


def fitting(
    order: NDArray[np.intp], limits: Limits | None, *, most: int | None = None
) -> NDArray[np.intp]:
    """Candidates in the given order, without those that do not fit beside the ones before them.

    Args:
        order: Positions of candidates, the most wanted first.
        limits: What they may cost together; no limits when None.
        most: How many; all that fit when None.
    """
    if limits is None:
        return order[:most]
    inside = np.zeros(len(limits.costs), dtype=bool)
    affordable = limits.affordable(inside)
    path: list[int] = []
    for member in order:
        if len(path) == most:
            break
        if affordable[member]:
            inside[member] = True
            path.append(int(member))
            affordable = limits.affordable(inside)
    return np.asarray(path, dtype=np.intp)


def limits_from_costs(
    n_candidates: int,
    *,
    megabytes: ArrayLike | None = None,
    milliseconds: ArrayLike | None = None,
    max_megabytes: float | None = None,
    max_milliseconds: float | None = None,
) -> Limits | None:
    """Limits on the size and the time of a fusion, None when there are none.

    Args:
        n_candidates: Number of candidates.
        megabytes: Size of every candidate's weights, in MB.
        milliseconds: Time of every candidate for one clip, in ms.
        max_megabytes: Most MB of all members.
        max_milliseconds: Most ms of all members.

    Raises:
        ValueError: When there is a limit without one finite cost per candidate, or no candidate
            fits alone.
    """
    given = {
        "max_megabytes": (megabytes, max_megabytes),
        "max_milliseconds": (milliseconds, max_milliseconds),
    }
    costs, most = {}, []
    for kind, (cost, limit) in given.items():
        if limit is None:
            continue
        costs[kind] = np.asarray(np.nan if cost is None else cost, dtype=np.float64)
        if costs[kind].shape != (n_candidates,) or not np.isfinite(costs[kind]).all():
            raise ValueError(f"{kind}={limit:g} needs one finite cost per candidate, got {cost!r}")
        most.append(limit)
    if not costs:
        return None
    limits = Limits(np.stack([*costs.values()], axis=1), np.array(most, np.float64), tuple(costs))
    if not limits.affordable(np.zeros(n_candidates, dtype=bool)).any():
        rule = ", ".join(f"{kind}={limit:g}" for kind, limit in zip(costs, most, strict=True))
        raise ValueError(f"no candidate fits alone within {rule}")
    return limits
