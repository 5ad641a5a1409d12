"""The Python API as a page: `python -m docs.make.api_page > docs/python-api.md`."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["API", "api_page"]

# What a person would import, by what it is for.
API = {
    "Predict with a bundle": ("study.load", "study.bundle.predictor.Predictor"),
    "Read a study": (
        "study.results.study_results.read_results",
        "study.results.study_results.StudyResults",
        "study.results.trial_record.TrialRecord",
        "study.results.ensemble_json.Ensemble",
        "study.results.leaderboard.leaderboard",
        "study.results.probabilities.load_devel",
        "reports.write_report",
    ),
    "Run a study": (
        "study.config.load_config",
        "study.config.parse_config",
        "study.search.session.run_study",
    ),
    "Search spaces and specs": (
        "search_spaces.load_space",
        "search_spaces.parse_space",
        "search_spaces.Space",
        "search_spaces.TrialSpec",
        "search_spaces.FrontEnd",
    ),
    "Judge predictions": (
        "study.metrics.uar.unweighted_average_recall",
        "study.metrics.uar.confusion_matrix",
        "study.metrics.intervals.interval",
        "study.metrics.permutation_tests.compare",
        "study.fusion.choice.estimate",
    ),
    "Errors": ("search_spaces.InputError",),
}
_HEAD = """# Python API

Made from the docstrings by `python -m docs.make.api_page > docs/python-api.md`; a test holds it
true. What is not here may change without notice. UAR is in [0, 1] everywhere.
"""


def api_page() -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    for title, names in API.items():
        lines.append(f"## {title}\n")
        for name in names:
            lines += _entry(name)
    return "\n".join(lines).rstrip() + "\n"


def _entry(name: str) -> Iterator[str]:
    """One name: how it is called, what it says, and what its public methods say first."""
    home, _, own = name.rpartition(".")
    value = getattr(importlib.import_module(home), own)
    yield f"### `{name}`\n"
    yield f"```python\n{_signature(own, value)}\n```\n"
    yield _text(value)
    if inspect.isclass(value):
        for method, text in _methods(value):
            yield f"- `{method}`: {text}"
        yield ""


def _signature(name: str, value: Any) -> str:
    """How it is called, one argument a line where the line would be long."""
    signature = inspect.signature(value)
    back = signature.return_annotation
    end = f" -> {back}" if isinstance(back, str) and not inspect.isclass(value) else ""
    kept: list[str] = []
    for argument in signature.parameters.values():
        if argument.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in kept:
            kept.append("*")
        kept.append(_argument(argument))
    line = f"{name}({', '.join(kept)}){end}"
    if len(line) <= 100:
        return line
    return f"{name}(\n" + "".join(f"    {argument},\n" for argument in kept) + f"){end}"


def _argument(argument: inspect.Parameter) -> str:
    default = argument.default
    if default is inspect.Parameter.empty:
        return f"{argument.name}: {argument.annotation}"
    plain = isinstance(default, (str, int, float, tuple, type(None)))
    return f"{argument.name}: {argument.annotation} = {repr(default) if plain else '...'}"


def _text(value: Any) -> str:
    """The docstring, its sections as code blocks of their own."""
    text = inspect.getdoc(value) or ""
    found = re.search(r"^(Args|Returns|Raises|Attributes|Yields|>>>)", text, re.MULTILINE)
    if found is None:
        return f"{text}\n"
    lead, rest = text[: found.start()].strip(), text[found.start() :].strip()
    return f"{lead}\n\n```text\n{rest}\n```\n"


def _methods(value: type) -> Iterator[tuple[str, str]]:
    """Public methods and properties that the class itself defines and documents."""
    for name, member in vars(value).items():
        plain = getattr(member, "__func__", member)
        if name.startswith("_") or not (inspect.isfunction(plain) or isinstance(plain, property)):
            continue
        text = (inspect.getdoc(plain) or "").split("\n\n")[0].replace("\n", " ")
        if isinstance(plain, property):
            yield name, text
        else:
            arguments = [str(a) for a in inspect.signature(plain).parameters if a != "self"]
            yield f"{name}({', '.join(arguments)})", text


if __name__ == "__main__":
    print(api_page(), end="")
