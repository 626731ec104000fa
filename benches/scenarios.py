"""What a run finds in the simulated systems, against the truth: `python benches/scenarios.py delhi xinai`.

Simulates every scenario that is named, or all but the plain register, with templates, assesses it by each of
the specs that it writes, and prints a row per spec: people in the truth and found, how right the clusters
are, people merged wrongly; below it what the report says first.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from linkrisk import Run, scenarios
from linkrisk.evaluate import evaluate_run
from linkrisk.simulation import read_truth_folder
from template_linkage import people

WITHOUT_TEMPLATES = ("shanghai_police", "health_code", "eu_wallet")
HEAD = ("spec", "records", "people", "found", "estimate", "precision", "recall", "links right", "merged", "s")


def linkrisk(*arguments: object) -> bool:
    """Runs the command line, and prints its messages where it fails."""
    command = [sys.executable, "-m", "linkrisk", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(command)}\n{done.stderr}", flush=True)
    return done.returncode == 0


def merged(run: Run, folder: Path) -> int:
    """People some of whose records are in an entity of which most are somebody else's."""
    sizes = people(run, folder).drop_nulls("truth").group_by("entity_id", "truth").len()
    most = sizes.group_by("entity_id").agg(pl.col("truth").sort_by("len", "truth").last().alias("owner"))
    return sizes.join(most, on="entity_id").filter(pl.col("truth") != pl.col("owner"))["truth"].n_unique()


def share(part: float | None) -> str:
    return "" if part is None else f"{part:.4f}"


def row(name: str, run: Run, folder: Path, seconds: float) -> tuple[str, ...]:
    """The figures of a run."""
    told: dict[str, Any] = evaluate_run(run, truth=read_truth_folder(folder / "truth"))
    persons, pairs, links = run.summary["persons"], told["clusters"]["pairwise"], told["links"]["pairwise"]
    return (
        name,
        f"{told['truth']['records'] + told['truth']['records_without_truth']:,}",
        f"{told['truth']['persons']:,}",
        f"{persons['observed']:,}",
        f"{persons['estimate']:,.0f} ({persons['low']:,.0f} to {persons['high']:,.0f})",
        share(pairs["precision"]),
        share(pairs["recall"]),
        f"{links['right']:,} of {links['found']:,}",
        f"{merged(run, folder):,}",
        f"{seconds:.0f}",
    )


def measured(scenario: str, folder: Path, asked: argparse.Namespace) -> None:
    """Simulates a scenario and prints what its specs find."""
    templates = "none" if scenario in WITHOUT_TEMPLATES else asked.templates
    options = ("--records", asked.records, "--seed", asked.seed, "--templates", templates)
    data = folder / scenario
    linkrisk("simulate", scenario, *options, "--out", data)
    # The spec itself before those of its variants.
    for spec in sorted(data.glob("linkrisk*.toml"), key=lambda path: len(path.name)):
        name = f"{scenario}{spec.stem.removeprefix('linkrisk')}"
        started = time.monotonic()
        if not linkrisk("assess", spec, "--out", folder / f"{name}-run"):
            continue
        seconds = time.monotonic() - started
        run = Run(folder / f"{name}-run")
        print("| " + " | ".join(row(name, run, data, seconds)) + " |", flush=True)
        for point in run.report()["summary"]["points"] if asked.summary else ():
            print(f"    {point['title']}: {point['text']}", flush=True)
        if asked.keep is None:
            shutil.rmtree(run.path)
    if asked.keep is None:
        shutil.rmtree(data)


def main() -> None:
    """Runs the bench."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", metavar="NAMES")
    arguments.add_argument("--records", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--templates", default="int8", choices=("none", "int8", "f16", "f32"))
    arguments.add_argument("--summary", action="store_true", help="print what the report says first")
    arguments.add_argument("--keep", type=Path, help="folder in which data and runs stay")
    asked = arguments.parse_args()
    known = [name for name in scenarios()["name"] if name != "people"]
    with tempfile.TemporaryDirectory() as made:
        print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
        for name in asked.names or known:
            measured(name, asked.keep or Path(made), asked)


if __name__ == "__main__":
    main()
