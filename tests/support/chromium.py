"""Headless Chromium, driven through the pipe of its DevTools: pages are opened, asked and pictured.

The protocol is JSON over two pipes (https://chromedevtools.github.io/devtools-protocol), so that
nothing is needed beside the browser itself.
"""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from search_spaces.grammar.errors import InputError

__all__ = ["Chromium", "find_chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # its own pages only, on this machine; containers have no user namespaces
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_PATIENCE = 240.0  # seconds until an answer; plotly takes long on a busy machine


def find_chromium() -> str | None:
    """The path of Chromium, if it is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """One browser with one page; a context manager that leaves neither process nor profile.

    Args:
        width: Of the page, in CSS pixels.
        height: Of the page, in CSS pixels.
        scale: Pixels of a picture for each CSS pixel.
        dark: Whether the reader prefers dark pages.

    Raises:
        InputError: If Chromium is not installed.
    """

    def __init__(
        self,
        *,
        width: int = 1000,
        height: int = 800,
        scale: float = 1.0,
        dark: bool = False,
    ) -> None:
        self.size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        ]
        self.complaints: list[str] = []  # errors and warnings of the page
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session: str | None = None

    def __enter__(self) -> Self:
        program = find_chromium()
        if program is None:
            raise InputError(f"Chromium must be installed: none of {', '.join(NAMES)} is in PATH")
        self._profile = tempfile.TemporaryDirectory(prefix="spectune-", ignore_cleanup_errors=True)
        flags = [*FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"]
        theirs_in, self._to = _pipe()
        self._from, theirs_out = _pipe()
        self._process = os.posix_spawn(
            program,
            [program, *flags],
            os.environ,
            file_actions=[
                *((os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)),
                (os.POSIX_SPAWN_DUP2, theirs_in, 3),  # where the browser reads commands
                (os.POSIX_SPAWN_DUP2, theirs_out, 4),  # and where it answers
            ],
            setpgroup=0,  # it has many processes, which end together
        )
        os.close(theirs_in)
        os.close(theirs_out)
        targets = self._ask("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        attached = self._ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        self._ask("Emulation.setDeviceMetricsOverride", **self.size)
        self._ask("Emulation.setEmulatedMedia", features=self.features)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def open(self, address: str, *, until: str = "true", seconds: float = _PATIENCE) -> None:
        """Open a page and wait until a JavaScript expression is true on it."""
        self._ask("Page.navigate", url=address)
        self.wait(f"document.readyState === 'complete' && !!({until})", seconds=seconds)

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression on the page.

        Raises:
            RuntimeError: If it throws.
        """
        answer = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {_thrown(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait(self, script: str, *, seconds: float = _PATIENCE) -> Any:
        """Ask until the answer is truthy, and return it.

        Raises:
            TimeoutError: If it is not in time, with what the page shows.
        """
        end = time.monotonic() + seconds
        while not (value := self._try(script)):
            if time.monotonic() > end:
                shown = self.ask("document.body ? document.body.innerText : ''")
                raise TimeoutError(
                    f"not in {seconds:g} s: {script}\nThe page says:\n{shown[:2000]}"
                )
            time.sleep(0.2)
        return value

    def click(self, script: str) -> None:
        """Click in the middle of the element that a JavaScript expression gives, as a mouse does.

        Raises:
            TimeoutError: If there is no such element.
        """
        box = self.wait(
            f"(e => {{ if (!e) return null; e.scrollIntoView({{block: 'center'}});"
            f" const b = e.getBoundingClientRect(); return b.width ? [b.x + b.width / 2, b.y"
            f" + b.height / 2] : null; }})({script})"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self._ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], **button)

    def picture(
        self, selectors: Sequence[str] = (), *, margin: int = 0, height: int | None = None
    ) -> bytes:
        """A PNG of the elements of selectors together, or of what the window shows.

        Args:
            selectors: CSS; the first element of each.
            margin: Page around them, in CSS pixels.
            height: Cut below so many CSS pixels.
        """
        options: dict[str, Any] = {"format": "png"}
        if selectors:
            left, top, right, bottom = self.ask(_BOX % json.dumps(list(selectors)))
            whole = bottom - top + 2 * margin
            options["captureBeyondViewport"] = True
            options["clip"] = {
                "x": max(0, left - margin),
                "y": max(0, top - margin),
                "width": right - left + 2 * margin,
                "height": whole if height is None else min(whole, height),
                "scale": 1,
            }
        return base64.b64decode(self._ask("Page.captureScreenshot", **options)["data"])

    def pdf(self) -> bytes:
        """The page as it is printed."""
        answer = self._ask("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        return base64.b64decode(answer["data"])

    def _try(self, script: str) -> Any:
        """The answer; None while the page is changing."""
        try:
            return self.ask(script)
        except RuntimeError:
            return None

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its answer; events that come before it are noted."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + _PATIENCE
        while True:
            answer = self._receive(end)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error'].get('message')}")
                return dict(answer["result"])
            self._note(answer)

    def _receive(self, end: float) -> dict[str, Any]:
        """The next message."""
        while b"\0" not in self._rest:
            ready = select.select([self._from], [], [], max(0.0, end - time.monotonic()))[0]
            if not ready:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self._from, 1 << 16)
            if not piece:
                raise RuntimeError("Chromium has ended")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: Mapping[str, Any]) -> None:
        """Keep what the page complains of."""
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(_thrown(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            words = [str(one.get("value", one.get("description"))) for one in params["args"]]
            self.complaints.append(" ".join(words))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])


_BOX = """(selectors => {
  const boxes = selectors.map(s => document.querySelector(s).getBoundingClientRect());
  const least = side => Math.min(...boxes.map(b => b[side]));
  const most = side => Math.max(...boxes.map(b => b[side]));
  return [least("left") + scrollX, least("top") + scrollY,
          most("right") + scrollX, most("bottom") + scrollY];
})(%s)"""


def _pipe() -> tuple[int, int]:
    """A pipe (read, write) of descriptors above those that a process begins with."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]


def _thrown(details: Mapping[str, Any]) -> str:
    return str(details.get("exception", {}).get("description") or details.get("text"))
