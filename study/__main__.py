"""Where the command `spectune` begins, and `python -m study`."""

from __future__ import annotations

import contextlib
import signal
import sys
from types import FrameType

from study.process import prepare_process

EXIT_INTERRUPTED = 130


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C, as a class of its own.

    Where C code has run Python code that a plain `KeyboardInterrupt` left, CPython ends the process
    by the signal whatever the exit code was to be; it looks for that very class.
    """


def main() -> None:
    """Run the command line; Ctrl-C is exit code 130 and no traceback, also while it loads."""
    prepare_process()
    # One that is ignored (`nohup`, a shell's background) stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from study.cli import main as run

        run()
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print("spectune: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


if __name__ == "__main__":
    main()
