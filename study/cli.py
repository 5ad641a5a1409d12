"""The command line: the list of commands, and what a mistake looks like.

It alone, with `study/commands/`, sees all rooms.
"""

from __future__ import annotations

import errno
import os
import sys

import typer

from runners.faults import storage_fault
from search_spaces.grammar.errors import InputError
from study.commands import (
    checking,
    corpora,
    explaining,
    fusing,
    looking,
    predicting,
    running,
    simulating,
    spaces,
    submitting,
    weights,
)
from study.text import printable

EXIT_BAD_INPUT, EXIT_FAULTY = 2, 3
MOST_TOLD = 50  # problems of one input
# Said by the system of a path that cannot be used: the command named it.
NO_SUCH_PATH = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.ENOTEMPTY,
    errno.EBUSY,
    errno.EINVAL,
}

app = typer.Typer(
    name="spectune",
    help="AutoML studies for short speech clips: spectrograms, image backbones, fusion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (  # in the order of `spectune --help`
    running.run,
    running.demo,
    running.reconcile,
    running.trial,
    corpora.init,
    corpora.partition,
    checking.check,
    looking.status,
    looking.leaderboard,
    looking.ablation,
    fusing.ensemble,
    fusing.import_,
    submitting.refit,
    submitting.submit,
    submitting.score,
    predicting.export,
    predicting.predict,
    explaining.explain,
    looking.report,
    looking.ui,
    spaces.spaces,
    simulating.simulate_mask,
)
for command in COMMANDS:
    app.command(command.__name__.rstrip("_").replace("_", "-"))(command)
app.add_typer(weights.app, name="weights")


def main() -> None:
    """Run the command line; a bad input is one sentence and exit code 2."""
    try:
        app()
    except InputError as error:
        if "--debug" in sys.argv:
            raise
        told = [printable(text).replace("\n", " ") for text in error.problems[:MOST_TOLD]]
        if len(error.problems) > MOST_TOLD:
            told.append(f"and {len(error.problems) - MOST_TOLD:,} problems more")
        for problem in told:
            print(f"spectune: {problem}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except BrokenPipeError:  # `spectune leaderboard | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        if isinstance(error, OSError) and error.filename and error.errno in NO_SUCH_PATH:
            path = printable(os.fsdecode(error.filename2 or error.filename))
            print(f"spectune: {path:.300}: {error.strerror}", file=sys.stderr)
            sys.exit(EXIT_BAD_INPUT)
        reason = storage_fault(error)
        if reason is None:
            raise
        print(f"spectune: stopped, files cannot be written: {reason}", file=sys.stderr)
        sys.exit(EXIT_FAULTY)
