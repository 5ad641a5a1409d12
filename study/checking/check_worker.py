"""The program that looks into audio files for `study.checking.pool`, since decoders crash and hang.

``python -m study.checking.check_worker SECONDS`` reads a line of JSON per file,
``[path, [[start, end],
...]]``, and answers each with a line that tells how many bytes follow: rows of ``FACTS``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from study.checking.facts import facts_of, without_facts

__all__ = ["main"]


def main(seconds: float) -> None:
    """Answer the files on standard input until it closes, with a time limit for each."""
    import soundfile  # noqa: F401 (before "ready": a broken install is not a broken file)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us by closing the pipe
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MP3 decoders chat, and nobody reads it
    alarm = getattr(signal, "setitimer", None)
    for line in sys.stdin.buffer:
        if alarm is not None:  # SIGALRM's default action ends even a hung C library
            alarm(signal.ITIMER_REAL, seconds)
        path, segments = json.loads(line)
        try:
            rows = facts_of(Path(path).read_bytes(), segments)
        except OSError as error:
            rows = without_facts(f"cannot be read: {error.strerror or error}", len(segments))
        except MemoryError:
            rows = without_facts("does not fit in memory", len(segments))
        if alarm is not None:
            alarm(signal.ITIMER_REAL, 0)
        data = rows.tobytes()
        out.write(b"%d\n" % len(data))
        out.write(data)
        out.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]))
