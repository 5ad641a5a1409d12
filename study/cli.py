"""The command line: the list of commands, and what a mistake looks like.

It alone, with `study/commands/`, sees all rooms.
"""

from __future__ import annotations

import errno
import os
import sys

import typer

from runners.faults import memory_fault, storage_fault
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
from study.shown import lost, undisturbed
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

# What they print is what they are for: where it is lost, they have failed.
SHOWING = ("status", "leaderboard", "ablation", "check", "predict", "spaces")

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
    with undisturbed():
        code = _run()
        print(end="", flush=True)
        reason = lost(sys.stdout)
        if reason is not None and sys.argv[1:2] and sys.argv[1] in SHOWING:
            print(
                f"spectune: not all could be written to standard output: {reason}", file=sys.stderr
            )
            code = code or EXIT_FAULTY
    if code:
        sys.exit(code)


def _run() -> int:
    """Run the command and return its exit code."""
    try:
        app()
    except SystemExit as end:
        return int(end.code or 0)
    except InputError as error:
        if "--debug" in sys.argv:
            raise
        told = [printable(text).replace("\n", " ") for text in error.problems[:MOST_TOLD]]
        if len(error.problems) > MOST_TOLD:
            told.append(f"and {len(error.problems) - MOST_TOLD:,} problems more")
        for problem in told:
            print(f"spectune: {problem}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        if isinstance(error, OSError) and error.filename and error.errno in NO_SUCH_PATH:
            path = printable(os.fsdecode(error.filename2 or error.filename))
            print(f"spectune: {path:.300}: {error.strerror}", file=sys.stderr)
            return EXIT_BAD_INPUT
        if isinstance(error, PermissionError) and _is_read(error.filename):
            path = printable(os.fsdecode(error.filename))
            print(f"spectune: {path:.300}: cannot be read: {error.strerror}", file=sys.stderr)
            return EXIT_BAD_INPUT
        reason, memory = storage_fault(error), memory_fault(error)
        if reason is not None:
            print(f"spectune: stopped, files cannot be written: {reason}", file=sys.stderr)
        elif memory is not None:
            print(f"spectune: stopped, too little memory: {memory}", file=sys.stderr)
        else:
            raise
        return EXIT_FAULTY
    return 0


def _is_read(path: str | bytes | None) -> bool:
    """Whether a path that may not be used is there and may not be read, or the way to it."""
    if path is None:
        return False
    folder = os.path.dirname(path) or "."  # noqa: PTH120 (it may be bytes)
    if os.path.exists(path):  # noqa: PTH110
        return not os.access(path, os.R_OK)
    return os.path.isdir(folder) and not os.access(folder, os.X_OK)  # noqa: PTH112
