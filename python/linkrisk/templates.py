"""Pairs of similar templates: every one above a threshold, of a whole table or between two."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import weakref
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

import polars as pl

from linkrisk.backends.local import run_nearest
from linkrisk.errors import RunError, SpecError
from linkrisk.progress import ProgressCallback
from linkrisk.sources import open_source
from linkrisk.spec import Attribute, Source

__all__ = ["Nearest", "nearest"]

COLUMN = "template"

THRESHOLDS = {"cosine": 0.4, "l2": 0.6, "hamming": 0.32}

# A set of a few templates is a search for somebody, which this is not for.
LEAST = 100


class Nearest:
    """What a search for similar templates found.

    Attributes:
        statement: What was compared and how, the pairs there are, and what may be missing: `pairs`,
            `compared`, `threshold` (as a cosine) and how it was `chosen`, `rounding`, `partition`, `capped`,
            `sources` with what was set aside, and `recall` with an interval, by band of similarity. Of iris
            codes, which are compared exactly, `pairs`, `threshold` and `sources`.
    """

    def __init__(self, statement: dict[str, Any], folder: str | None) -> None:
        self.statement = statement
        self._folder = folder

    def pairs(self) -> pl.LazyFrame:
        """Scans the pairs: `record` and `other`, row numbers of their tables, and `similarity`.

        A similarity is a cosine; iris codes have a `distance` instead. Within one table `record` is the lower
        row. Sorted by both. A similarity is no probability: how many strangers are as similar depends on the
        model, the capture and the number of templates.

        Raises:
            RunError: Where `purpose` and `controller` were not stated, and no pairs were written.
        """
        if self._folder is None:
            raise RunError(
                "the pairs were not written",
                hint="record-level tables are written only where `purpose` and `controller` are stated",
            )
        return pl.scan_parquet(Path(self._folder) / "pairs.parquet", glob=False)

    def __repr__(self) -> str:
        return (
            f"<Nearest: {self.statement['pairs']} pairs at a threshold of {self.statement['threshold']:.3f}>"
        )


def nearest(
    data: str | PathLike[str] | pl.DataFrame | pl.LazyFrame,
    column: str,
    *,
    other: str | PathLike[str] | pl.DataFrame | pl.LazyFrame | None = None,
    threshold: float | Literal["auto"] | None = None,
    false_links: float = 1.0,
    metric: Literal["cosine", "l2", "hamming"] = "cosine",
    centre: bool = False,
    exact: bool = False,
    method: Literal["auto", "all_pairs", "partitions"] = "auto",
    cap: int | None = None,
    purpose: str | None = None,
    controller: str | None = None,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    memory_limit: int | None = None,
    threads: int | None = None,
    seed: int = 1,
    progress: ProgressCallback | None = None,
) -> Nearest:
    """Finds all pairs of templates at least as similar as a threshold, in a table or between two.

    Every pair is compared, so the time grows with the square of the rows: two million by two million
    templates of 512 numbers take minutes on two cores. Above six million, those that share a cell are, where
    that costs less. Templates are unit vectors of 64 to 2,048 numbers:
    null, zero and unsound ones, those of another length, and copies of a placeholder are set aside and
    counted. What does not fit the memory limit goes to disk. The same table and seed give the same pairs
    for any memory and number of threads.

    Without `exact` a filter may lose a quarter of a per cent of the pairs, nearly all at the threshold, and
    cells three quarters; the statement says how many, from rows that are searched exactly.

    Args:
        data: The table: a file, glob or folder, or a frame.
        column: The column of templates: lists of f16, f32, f64 or int8 numbers, of the same name in both.
        other: A second table; pairs are then those between the two.
        threshold: The least cosine, in (0, 1], 0.4 where absent; the greatest distance by another metric, 0.6
            for `l2` and 0.32 for `hamming` where absent. `auto` chooses the cosine at which `false_links`
            pairs of strangers are expected, from pairs drawn at random and a tail fitted to them;
            `statement["chosen"]` says whether that is beyond what so many pairs can tell.
        false_links: False links of strangers that may be expected among all pairs, for `auto`.
        metric: `l2` for models that are used with a distance: it becomes a cosine by the root mean square of
            the vectors' lengths. `hamming` for iris codes, binary values of 512 bytes (2,048 bits, then as
            many of a mask, 128 angles of 16 bits): the share of bits that differ, normalised for the bits
            compared (Daugman, 2007), the least over 17 turns of the head. That is exact, and the table has
            `distance` in place of `similarity`.
        centre: Whether the mean of each table is taken from its templates first, which undoes what a camera
            or a site has in common.
        exact: Whether no pair may be lost but by rounding, which `statement["rounding"]` bounds.
        method: `all_pairs`, `partitions` (those that share a cell), or `auto`: the former up to six million
            templates and wherever `exact` is asked for.
        cap: Most pairs of a row, the most similar; what is dropped is counted in `capped`.
        purpose: Why the pairs are needed; without it and `controller` the statement alone comes back.
        controller: Who answers for the data.
        out: The folder for the pairs, missing or empty; a temporary one that lasts as long as the result
            where absent.
        resume: Whether to keep in `out` what it takes to go on after a kill, and to go on with what is
            there: blocks that were joined are not joined again.
        memory_limit: Bytes; 70 % of the machine's memory where absent.
        threads: Worker threads; every core where absent.
        seed: What the samples are drawn by.
        progress: Called about ten times a second.

    Raises:
        SpecError: A threshold, cap or method that makes no sense.
        MissingAttributeError: Where a table has no such column.
        AttributeTypeError: Where templates cannot be read from the column.
        DataError: Where a table has fewer than 100 usable templates, or those of two models, or too few to
            choose a threshold.
        ResourceError: Where memory or disk have no room.
        RunError: Where `out` holds something; with `resume`, where that is no join, or one of another table
            or setting, with what differs.
    """
    if threshold is None:
        threshold = THRESHOLDS.get(metric, 0.0)
    _check(threshold, false_links, metric)
    if cap is not None and cap < 1:
        raise SpecError(f"a cap of {cap} pairs a row leaves none", hint="give 1 or more, or no cap")
    if metric == "hamming" and (cap is not None or centre):
        raise SpecError("iris codes have neither a cap nor a mean", hint="leave `cap` and `centre` out")
    if method not in ("auto", "all_pairs", "partitions"):
        raise SpecError(
            f"there is no method `{method}`", hint="give `auto`, `all_pairs` or `partitions`, or leave it out"
        )
    if metric == "hamming" and (method != "auto" or resume):
        raise SpecError("all iris codes are compared, and anew", hint="leave `method` and `resume` out")
    stated = all(text is not None and text.strip() for text in (purpose, controller))
    if resume and (out is None or not stated):
        raise SpecError(
            "a join that may go on keeps its pairs in a folder",
            hint="name it by `out`, and state `purpose` and `controller`",
        )
    tables = {"data": data} if other is None else {"data": data, "other": other}
    streams = [_stream(name, table, column, metric) for name, table in tables.items()]
    request = {
        "sources": list(tables),
        "attribute": column,
        "threshold": None if threshold == "auto" else threshold,
        "false_links": false_links,
        "metric": metric,
        "centre": centre,
        "exact": exact,
        "method": method,
        "cap": cap,
        "resume": resume,
        "least": LEAST,
        "memory_limit": memory_limit,
        "threads": threads,
        "seed": seed,
    }
    folder = _folder(out, resume) if stated else None
    try:
        statement = json.loads(run_nearest(json.dumps(request), streams, folder, progress))
        statement |= {"purpose": purpose, "controller": controller, "metric": metric, "centred": centre}
        statement["sources"] = dict(statement["sources"])
        result = Nearest(statement, folder)
    except BaseException:
        if folder is not None and out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if folder is not None and out is None:
        weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


def _check(threshold: float | str, false_links: float, metric: str) -> None:
    most = {"cosine": 1.0, "l2": math.inf, "hamming": 0.499}
    if threshold == "auto" and metric == "cosine":
        if not (math.isfinite(false_links) and false_links > 0):
            raise SpecError(f"{false_links} false links cannot be wanted", hint="give a number above 0")
        return
    if isinstance(threshold, str):
        raise SpecError(
            f"a threshold of `{threshold}` by `{metric}` makes no sense",
            hint="give a number, or `auto` with `metric='cosine'`",
        )
    if metric not in most or not (math.isfinite(threshold) and 0 < threshold <= most[metric]):
        raise SpecError(
            f"a threshold of {threshold} by `{metric}` makes no sense",
            hint="give a cosine in (0, 1], or `metric='l2'` or `'hamming'` and a distance above 0",
        )


def _stream(
    name: str, table: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, column: str, metric: str
) -> Any:
    attributes = {COLUMN: Attribute(column=column, kind="iris" if metric == "hamming" else "face")}
    if isinstance(table, (pl.DataFrame, pl.LazyFrame)):
        source = Source(name=name, data=table, attributes=attributes)
    else:
        source = Source(name=name, path=fspath(table), attributes=attributes)
    return open_source(source).batches(16_384)


def _folder(out: str | PathLike[str] | None, resume: bool) -> str:
    if out is None:
        return tempfile.mkdtemp(prefix="linkrisk-")
    folder = Path(out)
    if folder.exists() and not resume and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            f"`{folder}` holds something", hint="name an empty folder", details={"path": str(folder)}
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder)
