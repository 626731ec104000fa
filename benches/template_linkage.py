"""Faces in a run, against the truth: `python benches/template_linkage.py --records 1000000`.

Links the records of invented gates with their faces, without them, and by faces alone, and prints what each
found and how much of it is right; whether match probabilities are what they say; and what would become of
people who are merged from a cosine of 0.4 on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from linkrisk import Linkage, Linker, Run, RunOptions, Source, Spec, nearest
from linkrisk.evaluate import evaluate_run
from linkrisk.simulation import read_truth_folder
from linkrisk.spec import Templates

BINS = (0.3, 0.7, 0.85, 0.95, 0.98, 0.995, 1.01)
LEAST = (0.5, 0.9, 0.99)


def linked(name: str, spec: Spec, folder: Path, options: RunOptions) -> Run:
    """Links a spec and prints how that went."""
    out = folder / f"run-{name}"
    shutil.rmtree(out, ignore_errors=True)
    started = time.monotonic()
    Linker(spec.model_copy(update={"run": options}), out).cluster()
    seconds = {stage["stage"]: round(stage["seconds"], 1) for stage in Run(out).manifest["stages"]}
    peak = max(stage["true_peak_bytes"] for stage in Run(out).manifest["stages"])
    print(f"{name}: {time.monotonic() - started:.1f} s, peak {peak / 2**30:.2f} GiB, {seconds}")
    found = evaluate_run(out, truth=read_truth_folder(folder / "truth"))
    clusters = found["clusters"]
    for what in ("pairwise", "b_cubed"):
        figures = {k: v and round(v, 5) for k, v in clusters[what].items() if k in ("precision", "recall")}
        print(f"  {what} {figures}")
    print(f"  wrongly merged people {wrongly_merged(Run(out), folder):.5%}")
    for told in Run(out).model().get("templates", []):
        bears = [(round(c, 5), told["pairs"][-1]["similarity"][k]) for k, c in enumerate(told["strangers"])]
        figures = {key: told[key] for key in ("templates", "found_from", "genuine")}
        print(f"  {figures}, c at: {bears}")
    return Run(out)


def people(run: Run, folder: Path) -> pl.DataFrame:
    """Every record of a person with its entity and its true person."""
    entities = (
        run.entities().filter(pl.col("subject") == "person").select("source", "id", "entity_id").collect()
    )
    truth = read_truth_folder(folder / "truth").collect().with_columns(id=pl.col("record").cast(pl.String))
    return entities.with_columns(pl.col("source").cast(pl.String), pl.col("id").cast(pl.String)).join(
        truth, on=["source", "id"]
    )


def share_merged(table: pl.DataFrame) -> float:
    """Share of the people some of whose records are in an entity of which most are somebody else's."""
    sizes = table.group_by("entity_id", "truth").len()
    most = sizes.group_by("entity_id").agg(pl.col("truth").sort_by("len", "truth").last().alias("owner"))
    wrong = sizes.join(most, on="entity_id").filter(pl.col("truth") != pl.col("owner"))
    return float(wrong["truth"].n_unique() / table["truth"].n_unique())


def wrongly_merged(run: Run, folder: Path) -> float:
    """The same of a run."""
    return share_merged(people(run, folder).drop_nulls("truth"))


def calibration(run: Run, folder: Path) -> None:
    """Match probabilities of pairs by how often they are right, from thresholds on and bin by bin."""
    truth = read_truth_folder(folder / "truth").collect()
    sources = [source["name"] for source in run.manifest["spec"]["sources"]]
    numbered = truth.with_columns(key=pl.col("source") + ":" + pl.col("record").cast(pl.String))
    person = numbered.select("key", "truth")
    links = run.links().collect()
    keyed = links.with_columns(left=_key(pl.col("left_id"), sources), right=_key(pl.col("right_id"), sources))
    both = keyed.join(person, left_on="left", right_on="key").join(
        person, left_on="right", right_on="key", suffix="_right"
    )
    both = both.with_columns(right_person=pl.col("truth") == pl.col("truth_right"))
    by_face = both.filter(pl.col("rule").cast(pl.String).str.ends_with(" alike"))
    for name, table in (("all pairs", both), ("pairs that faces found", by_face)):
        for least in LEAST:
            part = table.filter(pl.col("match_probability") >= least)
            if part.height:
                said, is_so = part.select(pl.col("match_probability", "right_person").mean()).row(0)
                print(f"  {name} from {least} on: {part.height} pairs, said {said:.4f}, right {is_so:.4f}")
        for low, high in itertools.pairwise(BINS):
            part = table.filter(pl.col("match_probability").is_between(low, high, closed="left"))
            if part.height:
                said, is_so = part.select(
                    pl.col("match_probability").mean(), pl.col("right_person").mean()
                ).row(0)
                print(f"  {name} [{low}, {high}): {part.height} pairs, said {said:.4f}, right {is_so:.4f}")


def _key(number: pl.Expr, sources: list[str]) -> pl.Expr:
    source = (number // 2**40).replace_strict(dict(enumerate(sources)), return_dtype=pl.String)
    return source + ":" + (number % 2**40).cast(pl.String)


def naive(folder: Path, source: Source, threshold: float) -> float:
    """Share of the people merged wrongly where everybody at least so similar is taken for one."""
    found = nearest(
        str(folder / source.name / "*.parquet"),
        "face",
        threshold=threshold,
        purpose="a bench",
        controller="linkrisk",
        out=folder / "naive",
    )
    pairs = found.pairs().select("record", "other").collect()
    rows = pl.read_parquet(folder / source.name / "*.parquet", columns=["record_id"])
    root = list(range(rows.height))

    def find(a: int) -> int:
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        return a

    for a, b in pairs.iter_rows():
        root[find(a)] = find(b)
    ids = pl.DataFrame({"record": rows["record_id"], "entity_id": [find(a) for a in range(rows.height)]})
    truth = read_truth_folder(folder / "truth").filter(pl.col("source") == source.name).collect()
    return share_merged(ids.cast({"record": pl.UInt64}).join(truth, on="record").drop_nulls("truth"))


def main() -> None:
    """Runs the bench."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--threads", type=int)
    arguments.add_argument("--memory-limit", default="12 GiB")
    arguments.add_argument("--calibration", help="for the faces alone")
    arguments.add_argument("--skip", nargs="*", default=(), choices=("plain", "alone", "naive"))
    asked = arguments.parse_args()
    options = RunOptions(seed=1, threads=asked.threads, memory_limit=asked.memory_limit)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        simulate = ["simulate", "xinai", "--records", str(asked.records), "--seed", str(asked.seed)]
        command = [sys.executable, "-m", "linkrisk", *simulate, "--templates", "int8", "--out", made]
        subprocess.run(command, check=True, capture_output=True)
        spec = Spec.from_toml(folder / "linkrisk.toml")
        low = spec.model_copy(update={"linkage": spec.linkage.model_copy(update={"threshold": 0.3})})
        linked("with faces", spec, folder, options)
        calibration(linked("from 0.3", low, folder, options), folder)
        if "plain" not in asked.skip:
            off = (Templates(attribute="face", compare=False),)
            plain = spec.model_copy(update={"linkage": spec.linkage.model_copy(update={"templates": off})})
            linked("without faces", plain, folder, options)
        gates = next(source for source in spec.sources if source.name == "gate_events")
        if "alone" not in asked.skip:
            face: dict[str, Any] = {"face": gates.attributes["face"]}
            told = (Templates(attribute="face", calibration=asked.calibration),)
            alone = {
                "sources": (gates.model_copy(update={"attributes": face}),),
                "linkage": Linkage(templates=told),
            }
            linked("faces alone", spec.model_copy(update=alone), folder, options)
        if "naive" not in asked.skip:
            print(f"naive 0.4: wrongly merged people {naive(folder, gates, 0.4):.5%}")
        print(json.dumps({"records": asked.records, "seed": asked.seed}))


if __name__ == "__main__":
    main()
