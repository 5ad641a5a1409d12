"""The command that looks for what is wrong with a corpus: check."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from study.commands.common import Debug, config_and_base, echo
from study.progress import report_tenths

EXIT_PROBLEMS = 1


def check(
    corpus: Annotated[
        Path, typer.Argument(metavar="STUDY|CORPUS", help="A study, or a corpus folder or CSV.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Read every file again.")] = False,
    debug: Debug = False,
) -> None:
    """Say all that is wrong with a corpus, and what gives its labels away. Exit code 1 if anything.

    Example: spectune check study.yaml
    """
    from study.checking.check import check_corpus, check_to_json
    from study.checking.check_file import expected_digests, reading_of
    from study.checking.terminal import check_lines
    from study.corpus.corpus import Reading

    expected = None
    if corpus.suffix.lower() in (".yaml", ".yml") or (corpus / "state.json").is_file():
        config, base = config_and_base(corpus, [])
        reading = reading_of(config, base)
        expected = expected_digests(base / config.results / config.name)
    else:
        reading = Reading(corpus)
    progress = report_tenths("reading files", partial(print, file=sys.stderr))
    found = check_corpus(reading, full=full, expected=expected, progress=progress)
    if as_json:
        echo(json.dumps(check_to_json(found), indent=1, ensure_ascii=False))
    else:
        for line in check_lines(found):
            echo(line)
    if not found.clean:
        raise typer.Exit(EXIT_PROBLEMS)
