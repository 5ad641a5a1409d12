"""Where the command `spectune` begins, and `python -m study`.

It may be started anywhere: in a container, by a cron job, in a locale of the nineties.
"""

from __future__ import annotations

import contextlib
import getpass
import locale
import os
import signal
import sys
from types import FrameType

EXIT_INTERRUPTED = 130
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or a terminal that hangs up, as a class of its own.

    Where C code has run Python code that a plain `KeyboardInterrupt` left, CPython ends the process
    by the signal whatever the exit code was to be; it looks for that very class.
    """


def main() -> None:
    """Run the command line; Ctrl-C is exit code 130 and no traceback, also while it loads.

    SIGTERM and SIGHUP do the same: what is half-written goes, and runs are closed.
    """
    for number in SIGNALS:
        # One that is ignored (`nohup`, a shell's background) stays so.
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _interrupt)
    try:
        prepare_process()
        from study.cli import main as run

        run()
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            print("spectune: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


def prepare_process() -> None:
    """Open the standard streams, name the user, and begin again in UTF-8 where it is not spoken."""
    _open_streams()
    _name_user()
    _speak_utf8()


def _open_streams() -> None:
    """Open those of input, output and errors that are closed: the next file would take the place.

    What is printed there is lost, as it was to be.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _name_user() -> None:
    """Give a user whom the system does not know (`docker run --user 12345`) a name and a home.

    torch asks for the one and MLflow for the other; they are the number, and `/` as in containers.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = str(os.getuid())
    if os.path.expanduser("~") == "~":  # noqa: PTH111 (Path's raises)
        os.environ["HOME"] = "/"


def _speak_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale has another encoding.

    Files, their names and the standard streams are then UTF-8, here and in all processes that this
    one starts. Python takes no other word for it than one at its start.
    """
    if os.name != "posix" or not sys.executable or os.environ.get("PYTHONUTF8") == "1":
        return
    if locale.getencoding().lower() not in ("utf-8", "utf8") and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


if __name__ == "__main__":
    main()
