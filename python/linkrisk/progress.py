"""How far a run is: the events of the engine and the line that shows them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

ProgressCallback = Callable[[dict[str, Any]], None]
"""Called about ten times a second with `stage`, `part`, `unit`, `done`, `total`, `share` and `seconds`.

`part` names what the stage is a part of: `without templates` for the linkage by which a run with templates
learns how alike one person is; empty for the run's own stages. `total` may be none. `share` is the share of
the work that is done; none where `done` of `total` tells it.

What it raises ends the run and reaches the caller.
"""

# A log file needs to know that a run lives, not how it moves.
_PLAIN_INTERVAL = 10.0


def count(number: float) -> str:
    """Writes a number as people read it: 950, 12.3 k, 4.56 M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 999.5 * size else f"{number / size:,.0f} {unit}"
    return f"{number:.0f}"


def duration(seconds: float) -> str:
    """Writes a duration: 8 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def describe(event: dict[str, Any]) -> str:
    """Writes one event as a line: stage, how much of how much, the rate, the time left."""
    done, total, seconds, unit = event["done"], event["total"], event["seconds"], event["unit"]
    text = f"{_name(event)}: {count(done)}"
    if total:
        text += f" of {count(total)}"
    text += f" {unit}"
    if seconds > 0.5 and done:
        rate = done / seconds
        text += f", {count(rate)} {unit}/s"
        share = event.get("share")
        if share is None:
            share = done / total if total else None
        if share and share < 1.0:
            text += f", {duration(seconds * (1.0 - share) / share)} left"
    return text


def _name(event: dict[str, Any]) -> str:
    return f"{event['stage']} {event['part']}" if event["part"] else str(event["stage"])


@contextmanager
def progress_line(stream: IO[str] | None = None) -> Iterator[ProgressCallback]:
    """Shows events on `stream` (standard error where absent) until the block ends.

    On a terminal one line is rewritten in place; elsewhere a line is written when a stage begins and
    every ten seconds.
    """
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield _plain(stream)
        return
    from rich.console import Console
    from rich.status import Status

    with Status("starting", console=Console(file=stream)) as status:
        yield lambda event: status.update(describe(event)) if event["stage"] else None


def _plain(stream: IO[str]) -> ProgressCallback:
    stage, told, shown, untold = "", 0.0, "", ""

    def write(line: str) -> None:
        if line:
            stream.write(f"{line}\n")
            stream.flush()

    def tell(event: dict[str, Any]) -> None:
        nonlocal stage, told, shown, untold
        if not event["stage"]:
            return
        now = time.monotonic()
        name = _name(event)
        if name != stage:
            # How a stage ended is worth more than how the next one begins.
            write(untold)
        if name != stage or now - told >= _PLAIN_INTERVAL:
            stage, told, untold = name, now, ""
            shown = describe(event)
            write(shown)
        else:
            untold = "" if describe(event) == shown else describe(event)

    return tell
