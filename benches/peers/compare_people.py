"""Simulated people, linked by linkrisk and by Splink: time, memory and accuracy, side by side.

Each tool is a whole process that reads the same Parquet file, uses the same columns and the same five
blocking rules, and writes its clusters as Parquet. They take turns, and medians are shown.

    python benches/peers/compare_people.py --peers PYTHON [--rounds 3] [--placeholders] [--memory SIZE]
        [RECORDS ...]

Placeholder phones and dates are blanked unless `--placeholders` is given: Splink takes them at their
face value, and what that costs it would hide how fast it is on clean data. A tool that fails is left out of
the rounds that follow, and the end of what it wrote is shown.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import measure
import polars as pl

HERE = Path(__file__).parent
PLACEHOLDERS = {"phone": "0000000000", "birth_date": "1900-01-01"}

SPEC = """
purpose = "a bench on invented people"
controller = "nobody"

[[sources]]
name = "people"
path = "people.parquet"
id = "record_id"

[sources.attributes]
name = { column = ["given_name", "surname"], kind = "person_name" }
born = { column = "birth_date", kind = "birth_date", format = "%Y-%m-%d" }
id_no = { column = "resident_id", kind = "cn_resident_id" }
phone = { column = "phone", kind = "phone" }
car = { column = "plate", kind = "plate", scheme = "generic" }
city = { column = "city", kind = "place" }

[linkage]
blocking = [
    { on = ["id_no"] },
    { on = ["car"] },
    { on = ["phone"] },
    { on = ["name.family", "born"] },
    { on = ["name.given", "born"] },
]
"""


def prepare(folder: Path, records: int, *, placeholders: bool, memory: str | None) -> pl.DataFrame:
    """Writes the file that both read and the spec; returns the truth."""
    generated = folder / "generated"
    simulate = ["simulate", "people", "--records", str(records), "--seed", "1", "--out", str(generated)]
    measure.run([sys.executable, "-m", "linkrisk", *simulate])
    people = pl.read_parquet(generated / "people" / "*.parquet")
    shutil.rmtree(generated)
    truth = people.select(pl.format("people {}", "record_id").alias("record"), truth="person_id")
    people = people.drop("person_id", "sex")
    if not placeholders:
        blanked = [pl.when(pl.col(c) != v).then(pl.col(c)).alias(c) for c, v in PLACEHOLDERS.items()]
        people = people.with_columns(blanked)
    people.write_parquet(folder / "people.parquet")
    limit = f'\n[run]\nmemory_limit = "{memory}"\n' if memory else ""
    (folder / "linkrisk.toml").write_text(SPEC + limit, encoding="utf-8")
    return truth


def linkrisk(folder: Path) -> tuple[measure.Cost, pl.DataFrame]:
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "linkrisk", "link", str(folder / "linkrisk.toml"), "--out", str(out)]
    return measure.run(command), measure.entities(out)


def splink(folder: Path, peers: str, memory: str | None) -> tuple[measure.Cost, pl.DataFrame]:
    out = folder / "splink.parquet"
    out.unlink(missing_ok=True)
    limit = [memory] if memory else []
    command = [peers, str(HERE / "splink_people.py"), str(folder / "people.parquet"), str(out), *limit]
    cost = measure.run(command)
    record = pl.format("people {}", "record_id").alias("record")
    return cost, pl.read_parquet(out).select(record, cluster="cluster_id")


def compare(
    records: int, peers: str, rounds: int, *, placeholders: bool, memory: str | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        folder = Path(name)
        truth = prepare(folder, records, placeholders=placeholders, memory=memory)
        costs: dict[str, list[measure.Cost]] = {"linkrisk": [], "splink": []}
        scores: dict[str, dict[str, float]] = {}
        failures: dict[str, str] = {}
        for _ in range(rounds):
            for tool in [tool for tool in costs if tool not in failures]:
                try:
                    cost, clusters = linkrisk(folder) if tool == "linkrisk" else splink(folder, peers, memory)
                except measure.FailedError as failure:
                    failures[tool] = str(failure)
                    print(f"\n{tool} {failure}", flush=True)
                    continue
                costs[tool].append(cost)
                scores[tool] = measure.scores(truth, clusters)
    rows = {tool: (measure.medians(costs[tool]), scores[tool]) for tool in costs if tool not in failures}
    print(f"\n{records:,} records{', placeholders in' if placeholders else ''}, {rounds} rounds")
    print(measure.table(rows), flush=True)
    if not failures:
        ours, theirs = rows["linkrisk"][0], rows["splink"][0]
        print(f"Splink takes {theirs.seconds / ours.seconds:.1f} x the time", end=" ")
        print(f"and {theirs.peak_bytes / ours.peak_bytes:.1f} x the memory", flush=True)
    return {
        "records": records,
        "placeholders": placeholders,
        "tools": {
            tool: {"median": asdict(rows[tool][0]), "rounds": [asdict(c) for c in costs[tool]]} | scores[tool]
            for tool in rows
        },
        "failures": failures,
    }


def versions(peers: str) -> dict[str, str]:
    code = "import duckdb, splink; print(splink.__version__, duckdb.__version__)"
    found = subprocess.run([peers, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return {"splink": found[0], "duckdb": found[1], "machine": platform.platform()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("records", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--peers", required=True, metavar="PYTHON", help="the Python that has Splink")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--placeholders", action="store_true", help="leave placeholder values in")
    parser.add_argument("--memory", metavar="SIZE", help="memory limit of both, as `256 MiB`")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    options = parser.parse_args()
    facts = versions(options.peers)
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    results = [
        compare(
            records, options.peers, options.rounds, placeholders=options.placeholders, memory=options.memory
        )
        for records in options.records
    ]
    if options.json:
        figures = {"versions": facts, "results": results}
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
