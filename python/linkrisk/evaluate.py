"""How right a run's links and clusters are: against a truth where there is one, else as expected.

Pairs are never listed. The pairs of one cluster, of one true person, and of both at once follow
from group sizes: n records make n(n - 1)/2 pairs, so three group-bys give pairwise precision and
recall, and the same counts give B-cubed (Bagga and Baldwin 1998, "Algorithms for scoring
coreference chains"; Amigó et al. 2009, "A comparison of extrinsic clustering evaluation metrics").
Memory: a few columns of the records at a time; ten million records take some gigabytes at most.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from linkrisk.errors import DataError
from linkrisk.risk import RunLike, run_directory
from linkrisk.run import Run
from linkrisk.sources import truth_of
from linkrisk.spec import Source

__all__ = ["evaluate_run", "read_truth"]

# A record's number is its source and its row in one u64.
ROW_BITS = 40


def read_truth(source: Mapping[str, Any] | Source) -> pl.LazyFrame:
    """Read the truth of one source of a run: `record`, the row's number, and `truth`.

    Files are read in the order in which the run read them, so row numbers are the same. A null
    truth is a record of which nothing is known.

    Raises:
        DataError: The source states no truth, or was given as a table and not as a path.
    """
    described = source if isinstance(source, Source) else Source.model_validate(dict(source))
    return truth_of(described)


def evaluate_run(run: RunLike, truth: pl.LazyFrame | pl.DataFrame | None = None) -> dict[str, Any]:
    """Compare the links and clusters of a run with the truth.

    The truth is read from the sources again, or given as a table with the columns `source`,
    `record` (row number) and `truth`. Records without truth are left out and counted; a record that
    stands for no person is a cluster of its own. Without any truth the result holds the model's own
    expectation alone. Rates without a denominator are None. Cost: a scan of the truth, three
    group-bys over the records, and two joins over the links.

    Args:
        run: A run directory, or a handle on one.
        truth: Who each record is of, in place of the truth columns that the spec names.

    Raises:
        RunError: The run wrote no record-level output, which is needed beside a truth.
        DataError: The truth lacks a column or names a record twice.
    """
    directory = run_directory(run)
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    sources = manifest["spec"]["sources"]
    result: dict[str, Any] = {"expected": _expected(manifest)}
    known = _given(truth) if truth is not None else _stated(sources)
    if known is None:
        return result | {"truth": None}
    entities, links = Run(directory).entities(), Run(directory).links()
    numbered = _numbered(known, [source["name"] for source in sources])
    clusters, true_pairs = _clusters(numbered, entities, [source["name"] for source in sources])
    return result | {
        "truth": _described(numbered),
        "clusters": clusters,
        "links": _links(numbered, links, true_pairs, _found(manifest)),
    }


def _expected(manifest: Mapping[str, Any]) -> dict[str, Any]:
    summary = manifest.get("summary") or {}
    expected = summary.get("expected") or {}
    precision, recall = expected.get("precision"), expected.get("recall")
    return {
        "label": "the model's own expectation; no truth was consulted",
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
    }


def _given(truth: pl.LazyFrame | pl.DataFrame) -> pl.LazyFrame:
    frame = truth.lazy()
    missing = {"source", "record", "truth"} - set(frame.collect_schema().names())
    if missing:
        raise DataError(
            f"the truth has no column `{min(missing)}`",
            hint="give the columns `source`, `record` (row number) and `truth`",
        )
    return frame.select(
        pl.col("source").cast(pl.String), pl.col("record").cast(pl.UInt64), pl.col("truth").cast(pl.String)
    )


def _stated(sources: list[dict[str, Any]]) -> pl.LazyFrame | None:
    stated = [source for source in sources if source.get("truth") and source.get("path")]
    if not stated:
        return None
    return pl.concat(
        read_truth(source).select(pl.lit(source["name"]).alias("source"), "record", "truth")
        for source in stated
    )


def _number(sources: list[str]) -> pl.Expr:
    """The record's number in the run, from its source and row."""
    index = (
        pl.col("source").cast(pl.String).replace_strict(sources, range(len(sources)), return_dtype=pl.UInt64)
    )
    return (index * (1 << ROW_BITS) + pl.col("record").cast(pl.UInt64)).alias("number")


def _numbered(known: pl.LazyFrame, sources: list[str]) -> pl.DataFrame:
    """Record number and true person, as small integers; null where the truth is unknown."""
    used = known.filter(pl.col("source").is_in(sources))
    numbered = used.select(_number(sources), pl.col("truth").rank("dense").cast(pl.UInt32)).collect()
    if numbered["number"].n_unique() != numbered.height:
        raise DataError("the truth names a record twice", hint="give every record once")
    return numbered


def _described(numbered: pl.DataFrame) -> dict[str, Any]:
    persons = numbered["truth"].drop_nulls().n_unique()
    unknown = numbered["truth"].null_count()
    return {"records": numbered.height - unknown, "persons": persons, "records_without_truth": unknown}


def _clusters(
    numbered: pl.DataFrame, entities: pl.LazyFrame, sources: list[str]
) -> tuple[dict[str, Any], int]:
    persons = entities.filter(pl.col("subject").cast(pl.String) == "person").select(
        _number(sources), "entity_id"
    )
    table = numbered.lazy().filter(pl.col("truth").is_not_null()).join(persons, on="number", how="left")
    both = (
        table.group_by("entity_id", "truth").len("both").with_columns(pl.col("both").cast(pl.Int64)).collect()
    )
    in_truth = both.group_by("truth").agg(pl.col("both").sum().alias("in_truth"))
    of_persons = both.filter(pl.col("entity_id").is_not_null())
    in_cluster = of_persons.group_by("entity_id").agg(pl.col("both").sum().alias("in_cluster"))
    true_pairs = _pairs(in_truth["in_truth"])
    found, right = _pairs(in_cluster["in_cluster"]), _pairs(of_persons["both"])
    records = int(in_truth["in_truth"].sum())
    # A record of no person is a cluster of one: right as far as it goes, and it finds itself alone.
    counts = both.lazy().join(in_cluster.lazy(), on="entity_id", how="left").join(in_truth.lazy(), on="truth")
    squared = pl.col("both").cast(pl.Float64) ** 2
    alone = pl.col("entity_id").is_null()
    sums = counts.select(
        pl.when(alone)
        .then(pl.col("both"))
        .otherwise(squared / pl.col("in_cluster"))
        .sum()
        .alias("precision"),
        (pl.when(alone).then(pl.col("both")).otherwise(squared) / pl.col("in_truth")).sum().alias("recall"),
    ).collect()
    result = {
        "pairwise": _rates(right, found, true_pairs),
        "b_cubed": _scores(_divided(sums["precision"][0], records), _divided(sums["recall"][0], records)),
        "largest_cluster": max(int(in_cluster["in_cluster"].max() or 0), min(records, 1)),  # type: ignore[arg-type]
        "largest_true_cluster": int(in_truth["in_truth"].max() or 0),  # type: ignore[arg-type]
        "clusters": in_cluster.height + int(both.filter(pl.col("entity_id").is_null())["both"].sum()),
    }
    return result, true_pairs


def _found(manifest: Mapping[str, Any]) -> int:
    """How many links the run found, listed or not."""
    stages = {stage["stage"]: stage for stage in manifest["stages"]}
    return int(stages["link"]["summary"]["links"]) if "link" in stages else 0


def _links(numbered: pl.DataFrame, links: pl.LazyFrame, true_pairs: int, found: int) -> dict[str, Any]:
    """Pairwise rates of the links, and as they would be at every higher threshold.

    Where records repeat each other by the dozen the run lists fewer links than it `found`; what share
    of the true pairs they are is then not to be had from them.
    """
    listed = links.select(pl.len()).collect().item()
    truth = numbered.lazy().filter(pl.col("truth").is_not_null())
    compared = links.join(truth, left_on="left_id", right_on="number").join(
        truth, left_on="right_id", right_on="number", suffix="_right"
    )
    bins = (
        compared.group_by(pl.col("match_weight").floor().alias("weight"))
        .agg(
            pl.len().cast(pl.Int64).alias("links"),
            (pl.col("truth") == pl.col("truth_right")).sum().cast(pl.Int64).alias("right"),
        )
        .sort("weight", descending=True)
        .with_columns(pl.col("links", "right").cum_sum())
        .collect(engine="streaming")
    )
    curve = [
        {"match_weight": row["weight"], "match_probability": _logistic(row["weight"]), "links": row["links"]}
        | _rates(row["right"], row["links"], true_pairs)
        for row in bins.rows(named=True)
    ]
    if listed < found:
        curve = [row | {"recall": None, "f1": None} for row in curve]
    last = curve[-1] if curve else {"links": 0} | _rates(0, 0, true_pairs)
    return {
        "listed": listed,
        "pairwise": {key: last[key] for key in ("precision", "recall", "f1", "right", "found", "true")},
        "curve": curve[::-1],
    }


def _pairs(sizes: pl.Series) -> int:
    """Pairs within groups of these sizes."""
    return int((sizes * (sizes - 1) // 2).sum())


def _rates(right: int, found: int, true: int) -> dict[str, Any]:
    return _scores(_divided(right, found), _divided(right, true)) | {
        "right": right,
        "found": found,
        "true": true,
    }


def _scores(precision: float | None, recall: float | None) -> dict[str, Any]:
    return {"precision": precision, "recall": recall, "f1": _f1(precision, recall)}


def _divided(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _f1(precision: float | None, recall: float | None) -> float | None:
    if precision is None or recall is None:
        return None
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _logistic(bits: float) -> float:
    """The probability at a match weight, stable at both ends."""
    if bits >= 0:
        return 1.0 / (1.0 + math.exp2(-bits) if bits < 1_000 else 1.0)
    return math.exp2(max(bits, -1_000)) / (1.0 + math.exp2(max(bits, -1_000)))
