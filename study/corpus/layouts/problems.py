"""What is wrong with a corpus, collected so that all of it is reported at once."""

from __future__ import annotations

from search_spaces.grammar.errors import InputError

LINKS_OUT = "a file must not link out of the corpus folder"
_MOST_SINGLE = 5  # more problems of one kind become one sentence
_NAMED = 3  # and that one names this many
_LONGEST = 300  # characters of a value that are shown


class Problems:
    """Broken rules, by file and rule."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], list[tuple[int | None, str]]] = {}

    def add(self, file: str, line: int | None, rule: str, value: object, *, hint: str = "") -> None:
        """Note that at ``file``, ``line`` the ``rule`` is broken by ``value``; how to mend it."""
        text = str(value)
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        text += hint
        self._kinds.setdefault((file, rule), []).append((line, text))

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def check(self, where: object) -> None:
        """Raise an InputError with everything that is wrong with the corpus at a place, if any."""
        if self._kinds:
            raise InputError([f"{where}: {sentence}" for sentence in self.sentences()])

    def sentences(self) -> list[str]:
        """One sentence per problem, or per kind where many are alike.

        >>> problems = Problems()
        >>> problems.add("labels.csv", 7, "a label must not be empty", "'a.wav'")
        >>> problems.sentences()
        ["labels.csv line 7: a label must not be empty, got 'a.wav'"]
        """
        sentences: list[str] = []
        for (file, rule), cases in self._kinds.items():
            if len(cases) <= _MOST_SINGLE:
                sentences += [f"{place(file, line)}: {rule}, got {value}" for line, value in cases]
                continue
            first = ", ".join(
                value if line is None else f"{value} (line {line})"
                for line, value in cases[:_NAMED]
            )
            sentences.append(f"{file}: {rule}, broken {len(cases):,} times, first by {first}")
        return sentences


def place(file: str, line: int | None) -> str:
    """A file, and the line in it where there is one, for a sentence."""
    return file if line is None else f"{file} line {line}"
