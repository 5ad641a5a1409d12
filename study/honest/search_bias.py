"""What no re-choosing can undo: the search itself has seen every devel speaker."""

from __future__ import annotations

__all__ = ["MEASURED", "search_note"]

# Devel speakers -> nested minus true UAR after an adaptive search (docs/honest-estimates.md).
MEASURED = {5: 0.011, 10: 0.006, 15: 0.004, 20: 0.003, 40: 0.001}


def search_note(n_speakers: int | None) -> str:
    """A sentence for the report on the bias that the search leaves in an honest value.

    Args:
        n_speakers: Number of devel speakers, None when they are not known.

    >>> search_note(24)[:65]
    'The search has seen every devel speaker, and choosing again canno'
    """
    head = "The search has seen every devel speaker, and choosing again cannot undo that: "
    if n_speakers is None:
        return (
            "The search has seen every devel clip, and choosing again cannot undo that; speakers "
            "are not known, so the honest value flatters by an unknown amount."
        )
    below = [n for n in MEASURED if n <= n_speakers]
    if not below:
        return head + "with so few speakers the honest value still flatters by an unknown amount."
    nearest = max(below)
    return head + (
        f"in simulations with {nearest} devel speakers, 30 trials and an adaptive search this left "
        f"the honest value {100 * MEASURED[nearest]:.1f} points too high on average."
    )
