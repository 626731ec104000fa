"""Whether the time that is said to be left is right: `python benches/time_left.py SPEC`.

Runs a spec and notes, ten times a second, what the progress line says is left of each stage. Prints for each
stage of more than a second by how much that was wrong, as a share of what was really left, when half of it
was over, and at worst from there until a tenth is left.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from linkrisk import Spec, assess


def left(event: dict[str, Any]) -> float | None:
    """Seconds that are left, as the progress line has them."""
    share = event["share"]
    if share is None:
        share = event["done"] / event["total"] if event["total"] else None
    return event["seconds"] * (1 - share) / share if share else None


def main() -> None:
    """Run and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", type=Path)
    options = parser.parse_args()
    out = Path(tempfile.mkdtemp(prefix="time-left-")) / "run"
    said: dict[tuple[int, str], list[tuple[float, float | None]]] = defaultdict(list)
    number, last = 0, 0.0

    def note(event: dict[str, Any]) -> None:
        nonlocal number, last
        number += event["seconds"] < last
        last = event["seconds"]
        said[number, event["stage"]].append((event["seconds"], left(event)))

    try:
        assess(Spec.from_toml(options.spec), out, progress=note)
    finally:
        shutil.rmtree(out.parent)
    for (_, stage), events in said.items():
        end = events[-1][0]
        wrong = [
            (seconds / end, abs(said_left - (end - seconds)) / (end - seconds))
            for seconds, said_left in events
            if said_left is not None and 0.5 * end <= seconds <= 0.9 * end
        ]
        if end > 1 and wrong:
            worst = max(w for _, w in wrong)
            print(f"{stage:>10} {end:7.1f} s: {wrong[0][1]:6.1%} at half, {worst:6.1%} at worst")
        elif end > 1:
            print(f"{stage:>10} {end:7.1f} s: says nothing")


if __name__ == "__main__":
    main()
