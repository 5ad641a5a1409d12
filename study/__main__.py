"""Where the command `spectune` begins, and `python -m study`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C while it still loads is no traceback either."""
    try:
        from study.cli import main as run

        run()
    except KeyboardInterrupt:
        print("spectune: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
