"""The one error that a person is meant to read."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(ValueError):
    """Something the user gave is wrong; the command line prints it and exits with code 2.

    Args:
        problems: One sentence, or several that were collected so that they are told at once.
            Each names the file, line or key, the rule and the value.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (
            (problems,) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__("\n".join(self.problems))
