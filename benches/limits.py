"""One result whatever the memory, threads and batches: `python benches/limits.py`.

Runs one spec under every combination of memory limit, threads and batch size, and prints a line per run:
seconds, the peak of the engine, what it spilled and the checksum of the results, which must all be one.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kill_resume import checksum, manifest

LIMITS = ("256 MiB", "1 GiB", None)
THREADS = (1, 2, 8)
BATCHES = (1_000, 65_536)


def main() -> None:
    """Run the matrix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", default="people")
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="limits-"))
    try:
        simulate = ["simulate", options.scenario, "--records", str(options.records)]
        simulate += ["--seed", str(options.seed), "--out", str(folder / "data")]
        subprocess.run([sys.executable, "-m", "linkrisk", *simulate], check=True, capture_output=True)
        plain = (folder / "data" / "linkrisk.toml").read_text(encoding="utf-8")
        sums = set()
        for limit, threads, batch in itertools.product(LIMITS, THREADS, BATCHES):
            spec, run = folder / "data" / "limited.toml", folder / "run"
            shutil.rmtree(run, ignore_errors=True)
            table = f"\n[run]\nseed = 1\nthreads = {threads}\nbatch_size = {batch}\n"
            table += "" if limit is None else f'memory_limit = "{limit}"\n'
            spec.write_text(plain + table, encoding="utf-8")
            started = time.monotonic()
            command = [sys.executable, "-m", "linkrisk", "assess", str(spec), "--out", str(run)]
            subprocess.run(command, check=True, capture_output=True)
            seconds, stages = time.monotonic() - started, _stages(run)
            peak = max(stage["true_peak_bytes"] for stage in stages) / 2**20
            spilled = sum(stage["spilled_bytes"] for stage in stages) / 1e6
            sums.add(checksum(run))
            print(
                f"{limit or 'none':>8} {threads} threads, batches of {batch:>6,}: {seconds:6.1f} s,"
                f" {peak:6.0f} MiB, {spilled:6.0f} MB spilled, {checksum(run)}",
                flush=True,
            )
        print("one checksum" if len(sums) == 1 else f"{len(sums)} CHECKSUMS")
        sys.exit(len(sums) != 1)
    finally:
        shutil.rmtree(folder)


def _stages(run: Path) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = manifest(run)["stages"]  # type: ignore[assignment]
    return stages


if __name__ == "__main__":
    main()
