from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from linkrisk import Linker, Spec
from linkrisk.backends.local import simulate
from linkrisk.progress import count, describe, duration, progress_line


def event(**changes: Any) -> dict[str, Any]:
    return {
        "stage": "link",
        "part": "",
        "unit": "pairs",
        "done": 2_000_000,
        "total": 8_000_000,
        "seconds": 1.0,
        **changes,
    }


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (950, "950"), (12_340, "12.3 k"), (999_900, "1,000 k"), (52e6, "52 M"), (1.76e9, "1.76 G")],
)
def test_count(number, text):
    assert count(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_describe_tells_rate_and_time_left():
    assert describe(event()) == "link: 2 M of 8 M pairs, 2 M pairs/s, 3 s left"
    assert describe(event(total=None)) == "link: 2 M pairs, 2 M pairs/s"
    assert describe(event(done=0, seconds=0.0)) == "link: 0 of 8 M pairs"


def test_describe_names_what_a_stage_is_a_part_of():
    assert describe(event(part="without templates")).startswith("link without templates: 2 M of 8 M pairs")


def test_plain_line_is_written_when_a_stage_begins_and_ends():
    stream = io.StringIO()
    with progress_line(stream) as tell:
        tell(event(stage=""))
        tell(event(done=0, seconds=0.0))
        tell(event(done=1_000_000))
        tell(event(done=8_000_000))
        tell(event(stage="cluster", unit="records", done=0, total=10, seconds=0.0))
    assert stream.getvalue().splitlines() == [
        "link: 0 of 8 M pairs",
        "link: 8 M of 8 M pairs, 8 M pairs/s",
        "cluster: 0 of 10 records",
    ]


def test_terminal_line_is_rewritten():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with progress_line(stream) as tell:
        tell(event(stage=""))
        tell(event())
    assert "2 M of 8 M pairs" in stream.getvalue()


@pytest.mark.parametrize(("scenario", "templates"), [("people", "none"), ("xinai", "int8")])
def test_what_a_stage_expects_to_do_is_done_at_its_end(tmp_path: Path, scenario: str, templates: str) -> None:
    simulate(scenario, 6_000, 1, str(tmp_path / "data"), None, None, templates=templates)
    last: dict[tuple[str, str], dict[str, Any]] = {}

    def note(told: dict[str, Any]) -> None:
        last[told["stage"], told["part"]] = told

    Linker(Spec.from_toml(tmp_path / "data" / "linkrisk.toml"), tmp_path / "run", progress=note).assess()
    # What is worked is counted where the work is, and how much there will be beforehand.
    for stage in ("ingest", "assess"):
        assert last[stage, ""]["share"] > 0.97, stage
