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

# A set of a few templates is a search for somebody, which this is not for.
LEAST = 100


class Nearest:
    """What a search for similar templates found.

    Attributes:
        statement: What was compared and how, the pairs there are, and what may be missing: `pairs`,
            `compared`, `threshold` (as a cosine), `rounding`, `capped`, `sources` with what was set aside,
            and `recall` with an interval, by band of similarity.
    """

    def __init__(self, statement: dict[str, Any], folder: str | None) -> None:
        self.statement = statement
        self._folder = folder

    def pairs(self) -> pl.LazyFrame:
        """Scans the pairs: `record` and `other`, row numbers of their tables, and `similarity`, a cosine.

        Within one table `record` is the lower row. Sorted by both. A similarity is no probability: how many
        strangers are as similar depends on the model, the capture and the number of templates.

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
        return f"<Nearest: {self.statement['pairs']} pairs at {self.statement['threshold']:.3f} or more>"


def nearest(
    data: str | PathLike[str] | pl.DataFrame | pl.LazyFrame,
    column: str,
    *,
    other: str | PathLike[str] | pl.DataFrame | pl.LazyFrame | None = None,
    threshold: float = 0.4,
    metric: Literal["cosine", "l2"] = "cosine",
    centre: bool = False,
    exact: bool = False,
    cap: int | None = None,
    purpose: str | None = None,
    controller: str | None = None,
    out: str | PathLike[str] | None = None,
    memory_limit: int | None = None,
    threads: int | None = None,
    seed: int = 1,
    progress: ProgressCallback | None = None,
) -> Nearest:
    """Finds all pairs of templates at least as similar as a threshold, in a table or between two.

    Every pair is compared, so the time grows with the square of the rows: two million by two million
    templates of 512 numbers take minutes on two cores. Templates are unit vectors of 64 to 2,048 numbers:
    null, zero and unsound ones, those of another length, and copies of a placeholder are set aside and
    counted. What does not fit the memory limit goes to disk. The same table and seed give the same pairs
    for any memory and number of threads.

    Without `exact` a filter may lose a quarter of a per cent of the pairs, nearly all at the threshold; the
    statement says how many, from rows that are searched exactly.

    Args:
        data: The table: a file, glob or folder, or a frame.
        column: The column of templates: lists of f16, f32, f64 or int8 numbers, of the same name in both.
        other: A second table; pairs are then those between the two.
        threshold: The least cosine, in (0, 1]; the greatest distance where `metric` is `l2`.
        metric: `l2` for models that are used with a distance, such as 0.6: it becomes a cosine by the root
            mean square of the vectors' lengths.
        centre: Whether the mean of each table is taken from its templates first, which undoes what a camera
            or a site has in common.
        exact: Whether no pair may be lost but by rounding, which `statement["rounding"]` bounds.
        cap: Most pairs of a row, the most similar; what is dropped is counted in `capped`.
        purpose: Why the pairs are needed; without it and `controller` the statement alone comes back.
        controller: Who answers for the data.
        out: The folder for the pairs, missing or empty; a temporary one that lasts as long as the result
            where absent.
        memory_limit: Bytes; 70 % of the machine's memory where absent.
        threads: Worker threads; every core where absent.
        seed: What the samples are drawn by.
        progress: Called about ten times a second.

    Raises:
        SpecError: A threshold or cap that makes no sense.
        MissingAttributeError: Where a table has no such column.
        AttributeTypeError: Where templates cannot be read from the column.
        DataError: Where a table has fewer than 100 usable templates, or those of two models.
        ResourceError: Where memory or disk have no room.
        RunError: Where `out` holds something.
    """
    _check(threshold, metric, cap)
    tables = {"data": data} if other is None else {"data": data, "other": other}
    streams = [_stream(name, table, column) for name, table in tables.items()]
    request = {
        "sources": list(tables),
        "attribute": column,
        "threshold": threshold,
        "metric": metric,
        "centre": centre,
        "exact": exact,
        "cap": cap,
        "least": LEAST,
        "memory_limit": memory_limit,
        "threads": threads,
        "seed": seed,
    }
    stated = all(text is not None and text.strip() for text in (purpose, controller))
    folder = _folder(out) if stated else None
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


def _check(threshold: float, metric: str, cap: int | None) -> None:
    sound = math.isfinite(threshold) and threshold > 0 and (metric == "l2" or threshold <= 1)
    if metric not in ("cosine", "l2") or not sound:
        raise SpecError(
            f"a threshold of {threshold} by `{metric}` makes no sense",
            hint="give a cosine in (0, 1], or `metric='l2'` and a distance above 0",
        )
    if cap is not None and cap < 1:
        raise SpecError(f"a cap of {cap} pairs a row leaves none", hint="give 1 or more, or no cap")


def _stream(name: str, table: str | PathLike[str] | pl.DataFrame | pl.LazyFrame, column: str) -> Any:
    attributes = {COLUMN: Attribute(column=column, kind="face")}
    if isinstance(table, (pl.DataFrame, pl.LazyFrame)):
        source = Source(name=name, data=table, attributes=attributes)
    else:
        source = Source(name=name, path=fspath(table), attributes=attributes)
    return open_source(source).batches(16_384)


def _folder(out: str | PathLike[str] | None) -> str:
    if out is None:
        return tempfile.mkdtemp(prefix="linkrisk-")
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            f"`{folder}` holds something", hint="name an empty folder", details={"path": str(folder)}
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder)
