"""One body under several numbers, against the truth: `python benches/aadhaar.py --people 200000`.

Links the enrolments of an invented national ID with ten fingers, two irises and a face each, and prints which
of the duplicates were found, what else was linked, and what was told of the fraud: people who are enrolled
again under invented names, and enrolments that hold the copied fingers of somebody else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from linkrisk import Linker, Run, RunOptions, Spec

PAIR = ["left", "right"]


def pairs_of(records: pl.DataFrame, by: str) -> pl.DataFrame:
    """All pairs of records that have the same in `by`, the lower number first."""
    both = records.join(records, on=by, suffix="_right").filter(pl.col("record") < pl.col("record_right"))
    return both.select(left=pl.col("record"), right=pl.col("record_right"))


def fraud(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs of enrolments of one person, and of two of which one has the other's fingers, or both a third's.

    Copies are equal to the byte. Who was copied from has a capture of their own, which the truth tells.
    """
    truth = folder / "truth"
    enrolments = pl.read_parquet(truth / "enrolments" / "*.parquet").select(
        "person_id", record=pl.col("record_id").cast(pl.UInt64)
    )
    thumbs = pl.read_parquet(folder / "enrolments" / "*.parquet", columns=["record_id", "right_thumb"])
    prints = thumbs.select(record=pl.col("record_id").cast(pl.UInt64), print=pl.struct("right_thumb").hash())
    copied = prints.filter(pl.col("print").is_duplicated())
    told = pl.read_parquet(truth / "fraud" / "*.parquet").filter(pl.col("kind") == 2)
    donor = copied.join(enrolments, on="record").join(
        told.select(person_id="enrolment", donor="person_id"), on="person_id"
    )
    donors = donor.select("print", person_id="donor").unique().join(enrolments, on="person_id")
    fingers = pl.concat([copied.select("record", "print"), donors.select("record", "print")])
    return pairs_of(enrolments, "person_id"), pairs_of(fingers, "print")


def of_enrolments(table: pl.DataFrame, source: int) -> pl.DataFrame:
    """The pairs of a table that are of two enrolments, by their records."""
    own = [(pl.col(side) // 2**40 == source) for side in ("left_id", "right_id")]
    first, second = (pl.col(side) % 2**40 for side in ("left_id", "right_id"))
    ordered = {"left": pl.min_horizontal(first, second), "right": pl.max_horizontal(first, second)}
    return table.filter(*own).with_columns(**ordered).unique(PAIR)


def measured(run: Run, folder: Path) -> dict[str, Any]:
    """What the run found of the fraud, and what it found beside.

    A person who is enrolled with copied fingers and again with their own is told of, or linked where irises
    and face outvote the fingers.
    """
    same, copies = fraud(folder)
    source = [source["name"] for source in run.manifest["spec"]["sources"]].index("enrolments")
    links = of_enrolments(run.links().collect(), source)
    told = of_enrolments(run.contradicting_templates().collect(), source)
    by_fingers = told.filter(pl.col("agrees").cast(pl.String) == "fingers")
    known = pl.concat([same, copies])
    # With one record that holds copied fingers and one that does not.
    copied = pl.concat([copies["left"], copies["right"]]).unique()
    one_copied = pl.col("left").is_in(copied.implode()) != pl.col("right").is_in(copied.implode())
    mixed = same.filter(one_copied)
    plain = same.filter(~one_copied)
    entities = (
        run.entities().filter(pl.col("subject") == "person", pl.col("source") == "enrolments").collect()
    )
    merged = pairs_of(entities.select("record", "entity_id"), "entity_id")
    return {
        "enrolments": entities.height,
        "duplicates": plain.height,
        "duplicates_found": links.join(plain, on=PAIR, how="semi").height,
        "duplicates_with_copied_fingers": mixed.height,
        "of_these_linked_or_told": pl.concat([links.select(PAIR), told.select(PAIR)])
        .unique()
        .join(mixed, on=PAIR, how="semi")
        .height,
        "false_links": links.join(same, on=PAIR, how="anti").height,
        "copied_fingers": copies.height,
        "copied_fingers_told": by_fingers.join(copies, on=PAIR, how="semi").height,
        "copied_fingers_linked": links.join(copies, on=PAIR, how="semi").height,
        "told_of_nobody": told.join(known, on=PAIR, how="anti").height,
        "merged_wrongly": merged.join(same, on=PAIR, how="anti").height,
    }


def main() -> None:
    """Runs the bench."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=200_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--threads", type=int)
    arguments.add_argument("--memory-limit", default="12 GiB")
    arguments.add_argument("--keep", type=Path, help="a folder for the tables and the run")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        if not (folder / "linkrisk.toml").exists():
            # Of a thousand records two hundred are enrolments.
            simulate = ["simulate", "aadhaar", "--records", str(asked.people * 5), "--seed", str(asked.seed)]
            command = [
                sys.executable,
                "-m",
                "linkrisk",
                *simulate,
                "--templates",
                "int8",
                "--out",
                str(folder),
            ]
            subprocess.run(command, check=True, capture_output=True)
        spec = Spec.from_toml(folder / "linkrisk.toml")
        options = RunOptions(seed=1, threads=asked.threads, memory_limit=asked.memory_limit)
        started = time.monotonic()
        out = folder / f"run-{int(time.time())}"
        Linker(spec.model_copy(update={"run": options}), out).cluster()
        run = Run(out)
        seconds = {stage["stage"]: round(stage["seconds"], 1) for stage in run.manifest["stages"]}
        peak = max(stage["true_peak_bytes"] for stage in run.manifest["stages"])
        print(f"{time.monotonic() - started:.1f} s, peak {peak / 2**30:.2f} GiB, {seconds}")
        for told in next(s["summary"] for s in run.manifest["stages"] if s["stage"] == "nearest"):
            positions = told.pop("positions")
            print(json.dumps(told))
            for position in positions:
                print("  " + json.dumps(position))
        print(json.dumps(measured(run, folder), indent=1))


if __name__ == "__main__":
    main()
