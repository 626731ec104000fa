"""Ctrl-C: one KeyboardInterrupt, under a second, nothing half-written that looks whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from linkrisk import Linker, Run, Source, Spec
from linkrisk.errors import RunError

from .conftest import ATTRIBUTES, people

# Runs a spec, tells each stage as it begins, and counts the interrupts that reach the caller: the
# loop in the `except` body is where a second one would land.
SCRIPT = """
import sys, time
import linkrisk
from linkrisk import Linker, Spec

told = set()

def tell(event):
    if event["stage"] not in told:
        told.add(event["stage"])
        print("stage", event["stage"], flush=True)

spec = Spec.from_toml(sys.argv[1])
interrupts = 0
try:
    try:
        Linker(spec, sys.argv[2], progress=tell).assess()
        print("finished", flush=True)
    except KeyboardInterrupt:
        interrupts += 1
        print("interrupted", flush=True)
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            sum(range(100))
except KeyboardInterrupt:
    interrupts += 1
import threading
print("interrupts", interrupts, "threads", threading.active_count(), flush=True)
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    from linkrisk._linkrisk import simulate

    folder = tmp_path_factory.mktemp("simulated")
    simulate("people", 1_000_000, 5, str(folder), None, None)
    return folder / "linkrisk.toml"


def interrupt(spec: Path, out: Path, *, stage: str | None, after: float) -> tuple[float, str]:
    """Runs the script, presses Ctrl-C `after` seconds into `stage`, and times the answer."""
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(spec), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert child.stdout is not None
    watchdog = threading.Timer(100, child.kill)
    watchdog.start()
    try:
        said: list[str] = []
        while stage is not None:
            line = child.stdout.readline()
            assert line, said
            said.append(line)
            if line == f"stage {stage}\n":
                break
        time.sleep(after)
        pressed = time.monotonic()
        child.send_signal(signal.SIGINT)
        line = child.stdout.readline()
        while line.startswith("stage"):
            line = child.stdout.readline()
        return time.monotonic() - pressed, line + child.stdout.read()
    finally:
        watchdog.cancel()
        child.wait()
        child.stdout.close()


@pytest.mark.parametrize(
    ("stage", "after"),
    [("ingest", 0.0), ("ingest", 0.13), ("ingest", 0.31), ("plan", 0.0), ("train", 0.0), ("link", 0.0)],
)
def test_one_interrupt_in_each_stage(simulated, tmp_path, stage, after):
    seconds, said = interrupt(simulated, tmp_path / "run", stage=stage, after=after)
    assert said == "interrupted\ninterrupts 1 threads 1\n"
    assert seconds < 1
    assert_no_whole_run(tmp_path / "run")


def assert_no_whole_run(path: Path) -> None:
    """What an interrupted run leaves behind is nothing, or says of itself that it is unfinished."""
    for name in ("entities.parquet", "links.parquet", "report.json", "report.html"):
        assert not (path / name).exists()
    assert_nothing_hidden(path)
    with pytest.raises(RunError, match=r"unfinished|no such run directory"):
        Run(path)


def assert_nothing_hidden(path: Path) -> None:
    """Neither half of a file is left, nor the ids of a source that were kept for a later stage."""
    assert [p.name for p in path.rglob(".*")] == []


@pytest.mark.parametrize(("stage", "after"), [("cluster", 0.0), ("cluster", 0.2), ("assess", 0.0)])
def test_one_interrupt_in_the_late_stages(simulated, tmp_path, stage, after):
    """What these write is whole under its name, and the manifest tells how far the run came."""
    out = tmp_path / "run"
    seconds, said = interrupt(simulated, out, stage=stage, after=after)
    assert said == "interrupted\ninterrupts 1 threads 1\n"
    assert seconds < 1
    assert_nothing_hidden(out)
    for path in out.rglob("*.parquet"):
        pl.read_parquet(path)
    assert not (out / "report.html").exists()
    # A stage may end between the key and the next heartbeat; it is then done, and the manifest says so.
    done = [s["stage"] for s in json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stages"]]
    if "cluster" not in done:
        with pytest.raises(RunError, match="unfinished"):
            Run(out)
    elif "assess" not in done:
        assert Run(out).entities().select(pl.len()).collect().item() > 0
        with pytest.raises(RunError, match="no risk figures"):
            _ = Run(out).summary
    else:
        assert Run(out).summary["records"] == 1_000_000


def test_interrupt_while_the_report_is_written(tmp_path):
    script = """
import sys, time
from linkrisk import Run
from linkrisk.report import write_report

run = Run(sys.argv[1])
write_report(run)
interrupts = 0
print("go", flush=True)
try:
    try:
        while True:
            write_report(run)
    except KeyboardInterrupt:
        interrupts += 1
        print("interrupted", flush=True)
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            sum(range(100))
except KeyboardInterrupt:
    interrupts += 1
print("interrupts", interrupts, flush=True)
"""
    source = Source(name="people", data=people(), attributes=ATTRIBUTES)
    Linker(Spec(sources=(source,)), tmp_path / "run").assess()
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    time.sleep(0.15)
    pressed = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "interrupted\n"
    assert time.monotonic() - pressed < 1
    said, _ = child.communicate(timeout=60)
    assert said == "interrupts 1\n"
    assert_nothing_hidden(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_command_ends_with_130(simulated, tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-m", "linkrisk", "assess", str(simulated), "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    assert child.stderr.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert out == ""
    assert err.endswith("interrupted\n")
    assert "Traceback" not in err


def test_interrupt_while_tables_are_opened(tmp_path):
    """Before the engine runs it is Polars that works, whose own handler raises a second time."""
    script = """
import time
import polars as pl
from linkrisk import Attribute, Linker, Source, Spec

slow = pl.LazyFrame({"i": [0]}).select(i=pl.int_range(80_000_000)).select(x=pl.col("i").cast(pl.String))
source = Source(name="a", data=slow.sort("x"), attributes={"x": Attribute(column="x", kind="text")})
interrupts = 0
print("go", flush=True)
try:
    try:
        Linker(Spec(sources=(source,))).train()
    except KeyboardInterrupt:
        interrupts += 1
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            sum(range(100))
except KeyboardInterrupt:
    interrupts += 1
print("interrupts", interrupts, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=60)
    assert said == "interrupts 1\n"
