"""What a `result.json` must hold, the same rules for who reads it and for who runs the study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from study.files import is_count, number

ENDS = ("complete", "pruned", "failed")
REFIT_LACKS = {"family", "kind", "uar", "best_epoch", "identity"}
Rule = tuple[str, Callable[[Any], bool]]


def wrong_value(result: Mapping[str, Any], trial: int) -> str | None:
    """The first value of a result that is not as spectune writes it, in a sentence; else None.

    Args:
        result: Of format 1.
        trial: The number of the folder that it lies in.

    Of a trial that was trained again to a given epoch (a refit) nothing of devel is needed.

    >>> wrong_value({"number": 2, "state": "weird"}, 2)
    "state must be complete, pruned or failed, got 'weird'"
    """
    if result.get("number") != trial:
        return f"number must be that of the folder, {trial}, got {result.get('number')!r:.80}"
    left_out = REFIT_LACKS if "last_epoch" in result else {"kind"}
    for key, (rule, holds) in RULES.items():
        if key not in result and key not in left_out:
            return f"{key} must be there"
        if not holds(result.get(key)):
            return f"{key} must be {rule}, got {result.get(key)!r:.80}"
    if "last_epoch" in result:  # of a refit, which has no devel
        return None
    uar, best = result.get("uar"), result.get("best_epoch")
    if (uar is None) != (best is None) or (uar is None and result["state"] == "complete"):
        return f"uar and best_epoch must both be given, got {uar!r:.80} and {best!r:.80}"
    if best is not None and best > len(result["uar_per_epoch"]):
        n = len(result["uar_per_epoch"])
        return f"best_epoch must be one of the {n} of uar_per_epoch, got {best}"
    return None


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and all(
        "/" not in name and name not in ("", ".", "..") and isinstance(digest, str)
        for name, digest in value.items()
    )


RULES: dict[str, Rule] = {
    "state": ("complete, pruned or failed", lambda value: value in ENDS),
    "attempt": ("a whole number above 0", is_count),
    "name": ("text", _is(str)),
    "spec_digest": ("text", _is(str)),
    "family": ("text", _or_none(_is(str))),
    "kind": ("text", _or_none(_is(str))),
    "reason": ("text or null", _or_none(_is(str))),
    "device": ("text or null", _or_none(_is(str))),
    "uar": ("a number from 0 to 1, or null", _or_none(lambda v: _is_number(v) and 0 <= v <= 1)),
    "best_epoch": ("a whole number above 0, or null", _or_none(is_count)),
    "epochs": ("a whole number above 0, or null", _or_none(is_count)),
    "n_parameters": ("a number or null", _or_none(_is_number)),
    "seconds": ("a number or null", _or_none(_is_number)),
    "uar_per_epoch": ("a list", _is(list)),
    "train_loss_per_epoch": ("a list", _is(list)),
    "identity": ("a mapping", _or_none(_is(dict))),
    "files": ("plain file names and their digests", _are_files),
}
