"""One process at a time: how long it took, its peak memory, and how right its clusters are."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl


@dataclass(frozen=True)
class Cost:
    """What a whole process took, from its start to its end."""

    seconds: float
    peak_bytes: int


# A process starts with the peak memory of the one that started it, which here may hold the truth of ten
# million records; so a small one starts what is measured, and writes down the peak of that.
LAUNCH = """
import pathlib, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
pathlib.Path(sys.argv[1]).write_text(str(peak))
sys.exit(code)
"""


class FailedError(RuntimeError):
    """A command failed; says after how many seconds, and how what it wrote ends."""


def run(command: Sequence[str]) -> Cost:
    """Runs a command to its end and measures it; its own threads and memory, nothing of ours.

    Raises:
        FailedError: Where it fails.
    """
    # It names a processor for one library's kernels, and would hinder those who do not use it.
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    with tempfile.TemporaryDirectory(prefix="peak-") as folder:
        peak = Path(folder, "kib")
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH, str(peak), *command],
            check=False,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            end = done.stdout.decode()[-1_000:].strip()
            raise FailedError(f"ended with {done.returncode} after {seconds:.1f} s:\n{end}")
        return Cost(seconds, int(peak.read_text(encoding="utf-8")) * 1024)


def medians(costs: Sequence[Cost]) -> Cost:
    """The median time and the median peak."""
    return Cost(
        statistics.median(c.seconds for c in costs), int(statistics.median(c.peak_bytes for c in costs))
    )


def scores(truth: pl.DataFrame, clusters: pl.DataFrame) -> dict[str, float]:
    """Pairwise and B-cubed precision, recall and F1; the same for every tool.

    `truth` has `record` and `truth`, `clusters` has `record` and `cluster`; a record without a
    cluster is one of its own.
    """
    alone = pl.format("alone {}", "record")
    table = truth.join(clusters, on="record", how="left", validate="1:1").select(
        "truth", pl.coalesce(pl.col("cluster").cast(pl.String), alone).alias("cluster")
    )
    both = table.group_by("truth", "cluster").len("both").with_columns(pl.col("both").cast(pl.Int64))
    both = both.with_columns(
        in_truth=pl.col("both").sum().over("truth"), in_cluster=pl.col("both").sum().over("cluster")
    )
    right = _pairs(both["both"])
    found = _pairs(both.group_by("cluster").agg(pl.col("both").sum())["both"])
    true = _pairs(both.group_by("truth").agg(pl.col("both").sum())["both"])
    squares = both["both"] ** 2
    b_precision = float((squares / both["in_cluster"]).sum()) / table.height
    b_recall = float((squares / both["in_truth"]).sum()) / table.height
    precision, recall = right / max(found, 1), right / max(true, 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
        "b_cubed_f1": _f1(b_precision, b_recall),
        "largest_cluster": float(both["in_cluster"].max()),  # type: ignore[arg-type]
        "largest_true_cluster": float(both["in_truth"].max()),  # type: ignore[arg-type]
    }


def _pairs(sizes: pl.Series) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def entities(run_directory: Path) -> pl.DataFrame:
    """The clusters of a linkrisk run; a record is its source's name and its id there."""
    persons = pl.scan_parquet(run_directory / "entities.parquet").filter(
        pl.col("subject").cast(pl.String) == "person"
    )
    record = pl.concat_str(pl.col("source").cast(pl.String), "id", separator=" ").alias("record")
    return persons.select(record, pl.col("entity_id").alias("cluster")).collect()


def table(rows: Mapping[str, tuple[Cost, Mapping[str, float]]]) -> str:
    """The tools as lines of text."""
    head = f"{'':<16}{'seconds':>9}{'peak MiB':>10}{'P':>9}{'R':>9}{'F1':>9}{'B3 F1':>9}{'largest':>9}"
    lines = [head]
    for name, (cost, score) in rows.items():
        lines.append(
            f"{name:<16}{cost.seconds:>9.2f}{cost.peak_bytes / 2**20:>10,.0f}{score['precision']:>9.4f}"
            f"{score['recall']:>9.4f}{score['f1']:>9.4f}{score['b_cubed_f1']:>9.4f}"
            f"{score['largest_cluster']:>9,.0f}"
        )
    return "\n".join(lines)
