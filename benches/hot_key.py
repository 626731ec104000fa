"""An employer that one record in twenty has: `python benches/hot_key.py`.

The records of one invented person in twenty name one employer, those of the others small firms. The pairs
of the one employer are far too many to compare; the run must finish, say what share of the pairs it left
out, and what recall that cost. Prints that beside the truth: of the pairs of one person who share that
employer and are no link, those that are one where the run's model compares them, in a run where
nobody else has that employer and nothing is cut.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

# People of a small firm.
FIRM = 10

RULES = (
    ("employer",),
    ("phone",),
    ("id_no",),
    ("name", "born"),
    ("name.key", "city"),
    ("name.family", "born"),
)


def prepare(folder: Path, records: int, seed: int, one_in: int) -> Path:
    """Invents the records, gives them employers, and returns the spec."""
    simulate = ["simulate", "people", "--records", str(records), "--seed", str(seed), "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "linkrisk", *simulate], check=True, capture_output=True)
    hot = pl.col("person_id").hash(seed) % one_in == 0
    for file in (folder / "people").glob("*.parquet"):
        firm = pl.format("Firm {}", pl.col("person_id") // FIRM)
        employer = pl.when(hot).then(pl.lit("Example Works")).otherwise(firm)
        pl.read_parquet(file).with_columns(employer=employer).write_parquet(file)
    mapped = '\nemployer = { column = "employer", kind = "place" }\n'
    rules = "".join(f"[[linkage.blocking]]\non = {json.dumps(on)}\n" for on in RULES)
    spec = folder / "hot.toml"
    own = (folder / "linkrisk.toml").read_text(encoding="utf-8").rstrip()
    spec.write_text(own + mapped + rules, encoding="utf-8")
    return spec


def right_links(run: Path, person: pl.Series) -> pl.DataFrame:
    """The links of a run that are of one person."""
    links = pl.scan_parquet(run / "links.parquet").select("left_id", "right_id").collect()
    return links.filter(person.gather(links["left_id"]) == person.gather(links["right_id"]))


def truth(spec: Path, run: Path) -> tuple[int, int]:
    """Links that are right or would have been, and those that were lost."""
    records = pl.scan_parquet(spec.parent / "people" / "*.parquet").collect()
    right = right_links(run, records["person_id"])
    hot = records.with_row_index("row").filter(pl.col("employer") == "Example Works")
    hot = hot.select("row", "person_id").cast(pl.UInt64)
    pairs = hot.join(hot, on="person_id", suffix="_right").filter(pl.col("row") < pl.col("row_right"))
    lost = pairs.join(right, left_on=("row", "row_right"), right_on=("left_id", "right_id"), how="anti")
    concerned = pl.concat([lost["row"], lost["row_right"]]).unique()
    again = spec.parent / "again"
    (again / "people").mkdir(parents=True)
    # All records, so that values are as frequent as they were: a model fits no other data.
    alone = pl.when((pl.col("employer") != "Example Works") | pl.col("row").is_in(concerned.implode()))
    numbered = records.with_row_index("row").with_columns(pl.col("row").cast(pl.UInt64))
    numbered.with_columns(employer=alone.then("employer")).drop("row").write_parquet(
        again / "people" / "0.parquet"
    )
    model = f'[linkage]\nmodel = "{run / "model.json"}"\nmax_block_pairs = {10**12}\nmax_pairs = {10**12}\n'
    (again / "hot.toml").write_text(spec.read_text(encoding="utf-8") + model, encoding="utf-8")
    command = [sys.executable, "-m", "linkrisk", "link", str(again / "hot.toml"), "--out", str(again / "run")]
    subprocess.run(command, check=True, capture_output=True)
    found = right_links(again / "run", records["person_id"])
    found = found.join(lost, left_on=("left_id", "right_id"), right_on=("row", "row_right"), how="semi")
    return right.height + found.height, found.height


def main() -> None:
    """Link and compare with the truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--one-in", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hot-key-"))
    try:
        spec, run = prepare(folder / "data", options.records, options.seed, options.one_in), folder / "run"
        started = time.monotonic()
        command = [sys.executable, "-m", "linkrisk", "assess", str(spec), "--out", str(run)]
        subprocess.run(command, check=True, capture_output=True)
        print(f"{options.records:,} records: {time.monotonic() - started:.1f} s")
        rule = pl.read_parquet(run / "tables" / "blocking.parquet").row(0, named=True)
        print(
            f"largest block {rule['largest_block']:,} records; compared {rule['pairs']:,},"
            f" not compared {rule['uncompared_pairs']:,} pairs under the rule"
        )
        uncompared = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["summary"]["uncompared"]
        matches, lost = truth(spec, run)
        estimated, share = uncompared["lost"], uncompared["recall_lost"]
        if estimated is None:
            print(f"true {lost:,} lost; no rule tells")
            return
        holds = share["low"] <= lost / matches <= share["high"]
        print(
            f"lost: estimated {estimated['estimate']:,.0f} ({estimated['low']:,.0f} to"
            f" {estimated['high']:,.0f}), true {lost:,}\n"
            f"recall lost: estimated {share['estimate']:.4%} ({share['low']:.4%} to {share['high']:.4%}),"
            f" true {lost / matches:.4%}: {'in' if holds else 'NOT in'} the interval"
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
