"""What a person sees while a study runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from study.results.throughput import is_network, pace_words, seconds_left, trials_per_hour
from study.text import NOTHING, percent


class Progress:
    """Counts; says nothing. Its kinds show what it counts.

    Args:
        hours: The budget of wall time, if there is one.
    """

    def __init__(self, *, hours: float | None = None) -> None:
        self.hours = hours
        self.total: int | None = None
        self.states: dict[str, int] = {"complete": 0, "pruned": 0, "failed": 0}
        self.networks = 0  # that ended in this session
        self.best: tuple[float, int, str] | None = None
        self.running: dict[int, dict[str, Any]] = {}
        self.started = time.monotonic()
        self.elapsed = 0.0

    def begin(self, finished: Collection[Mapping[str, Any]], total: int | None) -> None:
        """Say where the study stands: the results of earlier sessions, and the budget."""
        self.total = total
        for result in finished:
            self.states[result["state"]] += 1
            self._rank(result)

    @property
    def done(self) -> int:
        """Trials that have ended, earlier sessions included."""
        return sum(self.states.values())

    @property
    def parts(self) -> float:
        """What is done of the trials that run, each from 0 to 1, added up."""
        running = self.running.values()
        return float(sum(trial["epoch"] / trial["epochs"] for trial in running if trial["epochs"]))

    @property
    def rate(self) -> float | None:
        """Networks an hour in this session; None before an epoch of one has ended."""
        now = [trial for trial in self.running.values() if trial["epochs"]]
        parts = sum((trial["epoch"] - trial["from"]) / trial["epochs"] for trial in now)
        return trials_per_hour(self.networks + parts, time.monotonic() - self.started)

    def trial_started(self, number: int, name: str, slot: int, epochs: int | None = None) -> None:
        """A trial has begun, or begun again; `epochs` are planned, None: it has none."""
        shown = {"name": name, "slot": slot, "epoch": 0, "from": 0, "epochs": epochs, "uar": None}
        self.running[number] = shown

    def epoch(self, event: Mapping[str, Any]) -> None:
        """A trial has finished an epoch; the first one here follows those of its checkpoint."""
        if (shown := self.running.get(event["number"])) is not None:
            shown["from"] = shown["from"] if shown["epoch"] else event["epoch"] - 1
            shown |= {"epoch": event["epoch"], "uar": event["devel_uar"]}

    def trial_finished(self, result: Mapping[str, Any]) -> None:
        """A trial has ended."""
        self.running.pop(result["number"], None)
        self.states[result["state"]] += 1
        self.networks += is_network(result["family"])
        self._rank(result)

    def _rank(self, result: Mapping[str, Any]) -> None:
        if result["uar"] is not None and (self.best is None or result["uar"] > self.best[0]):
            self.best = (result["uar"], result["number"], result["name"])

    def note(self, text: str) -> None:
        """Something a person should know has happened."""

    def tick(self, elapsed: float) -> None:
        """Time goes by; `elapsed` are the study's seconds over all sessions."""
        self.elapsed = elapsed

    def end(self) -> None:
        """The session is over."""

    def summary(self) -> str:
        """Return the whole state as one line."""
        of = f"/{self.total}" if self.total is not None else ""
        parts = [f"{self.done}{of} trials"]
        parts += [f"{n} {state}" for state, n in self.states.items() if n]
        if self.best:
            parts.append(f"best {percent(self.best[0])} ({self.best[1]:03d} {self.best[2]})")
        rate = self.rate
        left = seconds_left(
            done=self.done + self.parts,
            total=self.total,
            rate=rate,
            hours=self.hours,
            elapsed=self.elapsed,
        )
        return ", ".join([*parts, *pace_words(rate, left)])


def trial_line(result: Mapping[str, Any]) -> str:
    """Return how a trial ended: its devel UAR, or why it failed."""
    what = percent(result["uar"]) if result["state"] != "failed" else result["reason"]
    return f"trial {result['number']:03d} {result['name']}: {result['state']}, {what}"


class LineProgress(Progress):
    """A line per finished trial, for logs and pipes."""

    def __init__(self, *, hours: float | None = None, out: TextIO | None = None) -> None:
        super().__init__(hours=hours)
        self.out = out or sys.stderr

    def trial_finished(self, result: Mapping[str, Any]) -> None:
        """Print the trial and the state of the study."""
        super().trial_finished(result)
        print(f"{trial_line(result)} | {self.summary()}", file=self.out, flush=True)

    def note(self, text: str) -> None:
        """Print the note."""
        print(text, file=self.out, flush=True)


class LiveProgress(Progress):
    """A line per finished trial, and below them a display: bar, running trials, best so far."""

    def __init__(self, console: Console, *, hours: float | None = None) -> None:
        super().__init__(hours=hours)
        self.console = console
        self.bars = Bars(
            TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(),
            console=console,
        )  # fmt: skip
        self.live = Live(console=console, get_renderable=self._render, refresh_per_second=2)

    def begin(self, finished: Collection[Mapping[str, Any]], total: int | None) -> None:
        """Start the display."""
        super().begin(finished, total)
        self.task = self.bars.add_task("trials", total=total, completed=len(finished))
        self.live.start()

    def trial_finished(self, result: Mapping[str, Any]) -> None:
        """Move the bar, and print the trial above it."""
        super().trial_finished(result)
        self.bars.update(self.task, completed=self.done)
        self.note(trial_line(result))

    def note(self, text: str) -> None:
        """Print above the display."""
        self.console.print(Text(text))

    def end(self) -> None:
        """Leave the last picture on the screen."""
        self.live.stop()

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False, show_header=bool(self.running))
        for column in ("slot", "trial", "epoch", "devel UAR"):
            table.add_column(column, style="dim" if column == "slot" else "")
        for number, shown in sorted(self.running.items(), key=lambda item: item[1]["slot"]):
            epochs = f"{shown['epoch']}/{shown['epochs']}" if shown["epochs"] else NOTHING
            name = Text(f"{number:03d} {shown['name']}")
            table.add_row(str(shown["slot"]), name, epochs, percent(shown["uar"]))
        return Group(self.bars, table, Text(self.summary(), style="bold"))


def make_progress(*, hours: float | None) -> Progress:
    """Return the live display on a terminal, lines elsewhere."""
    console = Console(stderr=True)
    return LiveProgress(console, hours=hours) if console.is_terminal else LineProgress(hours=hours)
