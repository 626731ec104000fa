"""All pairs of templates against those that share a cell: recall as stated and realised, processor time.

    python benches/partitions.py [--threshold 0.4] [--memory BYTES] [--alone] [ROWS ...]

Faces of 512 numbers of the simulator, int8; both joins without `exact`, one after the other in processes
of their own. What partitions find is looked up among what the other found, whose own loss is stated.
With `--alone` partitions only are made, for sizes at which all pairs take hours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from compare_faces import templates

JOIN = """
import json, sys, linkrisk
path, out, threshold, method, memory = sys.argv[1:]
result = linkrisk.nearest(path, "template", threshold=float(threshold), method=method, out=out,
                          memory_limit=int(memory) or None, purpose="a bench", controller="nobody")
json.dump(result.statement, open(out + ".json", "w"))
"""


def join(path: Path, out: Path, threshold: float, method: str, memory: int) -> dict[str, Any]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", JOIN, str(path), str(out), str(threshold), method, str(memory)]
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    statement: dict[str, Any] = json.loads(Path(f"{out}.json").read_text())
    statement["elapsed"] = time.perf_counter() - started
    statement["processor"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return statement


def compare(rows: int, threshold: float, memory: int, methods: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="partitions-") as name:
        folder = Path(name)
        path = templates(rows, folder)
        said = {m: join(path, folder / m, threshold, m, memory) for m in methods}
        print(
            f"{'':<12}{'processor s':>12}{'elapsed s':>11}{'compared':>12}{'pairs':>12}{'stated recall':>26}"
        )
        for method, statement in said.items():
            recall = statement["recall"]["all"]
            interval = f"{recall['recall']:.4f} ({recall['low']:.4f}-{recall['high']:.4f})"
            print(
                f"{method:<12}{statement['processor']:>12.1f}{statement['elapsed']:>11.1f}"
                f"{statement['compared']:>12.3g}{statement['pairs']:>12,}{interval:>26}"
            )
        losses = said["partitions"]["recall"]
        print(json.dumps(said["partitions"]["partition"]))
        print(
            json.dumps({name: losses[name] for name in ("lost_by_partition", "lost_by_filter")}), flush=True
        )
        if "all_pairs" in said:
            pairs = (pl.scan_parquet(folder / m / "pairs.parquet").select("record", "other") for m in methods)
            found, other = (p.collect() for p in pairs)
            both = found.join(other, on=["record", "other"], how="semi").height
            print(f"of the pairs of all_pairs partitions found {both / max(found.height, 1):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="*", type=int, default=[3_000_000])
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--memory", type=int, default=0, help="the memory limit; the engine's own where 0")
    parser.add_argument("--alone", action="store_true", help="no join of all pairs")
    options = parser.parse_args()
    methods = ("partitions",) if options.alone else ("all_pairs", "partitions")
    for rows in options.rows:
        compare(rows, options.threshold, options.memory, methods)


if __name__ == "__main__":
    main()
