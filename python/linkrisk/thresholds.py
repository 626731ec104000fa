"""What every similarity threshold of a template attribute would do, before anything is linked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from linkrisk.backends.local import error_rates, normalise
from linkrisk.errors import DataError, SpecError
from linkrisk.kinds import ISSUED, OPTIONS, VECTORS, did_you_mean
from linkrisk.progress import ProgressCallback
from linkrisk.sources import Table, open_source, truth_of
from linkrisk.spec import Attribute, Spec, Templates

__all__ = ["thresholds"]

PAIRS = 200_000_000
"""Pairs of strangers that are compared where nothing else is asked for."""

# What a record may agree on beside its template; of a time, the day, together with a place.
_CORROBORATING = (
    *ISSUED,
    "person_name",
    "birth_date",
    "phone",
    "email",
    "address",
    "place",
    "sex",
    "category",
)


def thresholds(
    spec: Spec,
    attribute: str | None = None,
    *,
    truth: pl.LazyFrame | None = None,
    groups: Sequence[str] | None = None,
    pairs: int = PAIRS,
    joined: pl.LazyFrame | None = None,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """Estimates the error rates of a template attribute at every threshold, and what they come to here.

    Pairs of strangers are drawn at random, within and between sources apart; the false match rate beyond
    what was seen is that of a fitted tail. Pairs of one person are those of the truth, else those that
    share an issued number, else those that agree on name and birth date. Nulls, templates of another
    length, zeros and placeholders are set aside and counted. The result does not depend on threads or
    batches.

    Cost: the sources are read once, and again where other attributes could corroborate; about `pairs`
    products of templates; memory for 60,000 templates and a few of each group.

    Args:
        spec: What to read. Its `linkage.templates` may state groups and a calibration.
        attribute: The attribute, where there are several of templates.
        truth: `source`, `record` (the row) and `truth`, as `read_truth_folder` gives them; where absent,
            the truth columns of the sources, if all have one.
        groups: Attributes of groups, in place of those of the spec.
        pairs: Pairs of strangers to compare, about; lists of at most 20,000 records of a source.
        joined: The pairs of all templates above some threshold, with `similarity`, as `nearest` finds them:
            they bound the false match rate from above, and show where it is too high.
        progress: Called about ten times a second.

    Returns:
        The table `rows` (see docs/concepts/thresholds.md for its columns), the same `at_scale` of ten and
        a hundred times the templates, `auto`, `percent`, `corroboration`, `levels`, `source_pairs`,
        `groups` and `limits`.

    Raises:
        SpecError: No attribute of templates, or a calibration that cannot be read.
        DataError: Fewer than two usable templates.
        AttributeTypeError: Templates that are no lists of numbers.
    """
    stated = _stated(spec, attribute)
    name = stated.attribute
    group_names = list(stated.groups if groups is None else groups)
    tables = [open_source(source) for source in spec.sources if name in source.attributes]
    _check_groups(group_names, tables)
    how, persons = _persons(tables, truth)
    question = {
        "attribute": name,
        "sources": [(t.source.name, t.source.duplicate_free) for t in tables],
        "groups": group_names,
        "persons": how,
        "threshold": None if stated.threshold == "auto" else stated.threshold,
        "metric": stated.metric,
        "wanted": stated.expected_false_links,
        "agreeing": _agreeing(tables, name),
        "calibration": _calibration(stated.calibration),
        "pairs": pairs,
        "joined": [] if joined is None else _steps(joined),
        "memory_limit": spec.run.memory_limit,
        "threads": spec.run.threads,
        "seed": spec.run.seed,
    }
    streams = [
        Table(table.source, [_columns(table, name, person, group_names, table_truth)], []).batches(
            spec.run.batch_size
        )
        for table, (person, table_truth) in zip(tables, persons, strict=True)
    ]
    answer: dict[str, Any] = json.loads(error_rates(json.dumps(question), streams, progress))
    return answer


def _steps(joined: pl.LazyFrame) -> list[tuple[float, float]]:
    """Counts pairs by hundredths of similarity; the first, which may be cut, is left out."""
    step = (pl.col("similarity").cast(pl.Float64) * 100 + 1e-6).floor()
    counts = joined.select(step.alias("step")).group_by("step").len().sort("step").collect(engine="streaming")
    steps = [(low / 100, float(count)) for low, count in counts.iter_rows()]
    return steps[1:]


def _stated(spec: Spec, attribute: str | None) -> Templates:
    """What the spec says of the attribute, or the defaults."""
    there = {n: a.kind for s in spec.sources for n, a in s.attributes.items() if a.kind in VECTORS}
    if not there:
        raise SpecError("no source has an attribute of templates", hint="map a `face` or a `fingerprint`")
    if attribute is None and len(there) > 1:
        names = ", ".join(f"`{name}`" for name in there)
        raise SpecError(f"there are several attributes of templates: {names}", hint="name one of them")
    name = attribute if attribute is not None else next(iter(there))
    if name not in there:
        raise SpecError(f"no source has templates `{name}`", hint=did_you_mean(name, there))
    if there[name] == "iris":
        raise SpecError(
            f"`{name}` holds iris codes, whose distances are not estimated yet",
            hint="name a `face` or a `fingerprint`",
        )
    return next((t for t in spec.linkage.templates if t.attribute == name), Templates(attribute=name))


def _check_groups(groups: list[str], tables: list[Table]) -> None:
    known = {n for t in tables for n, a in t.source.attributes.items() if a.kind not in VECTORS}
    for group in groups:
        if group not in known:
            raise SpecError(
                f"no source with these templates has an attribute `{group}`", hint=did_you_mean(group, known)
            )


def _calibration(path: str | None) -> tuple[str, str] | None:
    if path is None:
        return None
    file = Path(path)
    if not file.is_file():
        raise SpecError(
            f"there is no calibration `{path}`", hint="give the file of the model's maker, or leave it out"
        )
    try:
        return str(path), file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"calibration `{path}` is not UTF-8 text", hint="save it as UTF-8") from error


_Person = tuple[pl.Expr, pl.LazyFrame | None]


def _persons(tables: list[Table], truth: pl.LazyFrame | None) -> tuple[str, list[_Person]]:
    """How persons are known, and each table's expression for them with the truth it needs."""
    names = [t.source.name for t in tables]
    if truth is None and all(t.source.truth is not None for t in tables):
        of_table = [truth_of(t.source).rename({"truth": "__truth"}) for t in tables]
        return "truth", [(pl.col("__truth"), frame) for frame in of_table]
    if truth is not None:
        stated = truth.select("source").unique().collect()["source"]
        missing = [name for name in names if name not in stated]
        if missing:
            raise DataError(
                f"the truth does not have source `{missing[0]}`", hint="give the truth of these tables"
            )
        of_source = [
            truth.filter(pl.col("source") == name).select("record", pl.col("truth").alias("__truth"))
            for name in names
        ]
        return "truth", [(pl.col("__truth"), frame) for frame in of_source]
    issued = _issued(tables)
    if issued is not None:
        return "issued", [(_value(t, issued), None) for t in tables]
    both = [[_first_of(t, kind) for kind in ("person_name", "birth_date")] for t in tables]
    if any(all(pair) for pair in both):
        return "agreeing", [
            (
                pl.concat_str([_value(t, n) for n in pair if n], separator="\n") if all(pair) else _nobody(),
                None,
            )
            for t, pair in zip(tables, both, strict=True)
        ]
    return "unknown", [(_nobody(), None) for _ in tables]


def _nobody() -> pl.Expr:
    return pl.lit(None, dtype=pl.String)


def _issued(tables: list[Table]) -> str | None:
    """The issued number that most of the tables have, official ones first."""
    found: dict[str, tuple[int, int]] = {}
    for table in tables:
        for name, attribute in table.source.attributes.items():
            if attribute.kind in ISSUED:
                count, _ = found.get(name, (0, 0))
                found[name] = (count + 1, -ISSUED.index(attribute.kind))
    return max(found, key=lambda name: found[name]) if found else None


def _first_of(table: Table, kind: str) -> str | None:
    return next((n for n, a in table.source.attributes.items() if a.kind == kind), None)


def _value(table: Table, name: str) -> pl.Expr:
    """The canonical text of an attribute; null where the table has none."""
    attribute = table.source.attributes.get(name)
    if attribute is None:
        return _nobody()
    return _canonical(name, attribute, table.frame.collect_schema()[name])


def _canonical(name: str, attribute: Attribute, dtype: pl.DataType) -> pl.Expr:
    options = attribute.model_dump(include=set(OPTIONS), exclude_none=True)
    if dtype != pl.String:
        options.pop("format", None)
    given = json.dumps(options)

    def canonical(column: pl.Series) -> pl.Series:
        capsule: Any = normalise(attribute.kind, given, column)
        return pl.Series(column.name, capsule, dtype=pl.String)

    return pl.col(name).cast(pl.String).map_batches(canonical, return_dtype=pl.String, is_elementwise=True)


def _day(table: Table, time: str) -> pl.Expr:
    if table.frame.collect_schema()[time].is_temporal():
        return pl.col(time).dt.date().cast(pl.String)
    return _value(table, time).str.head(10)


def _columns(
    table: Table, name: str, person: pl.Expr, groups: list[str], truth: pl.LazyFrame | None
) -> pl.LazyFrame:
    """Templates, persons and groups, in the order in which the engine reads them."""
    frame = table.frame
    if truth is not None:
        known = truth.with_columns(pl.col("record").cast(pl.UInt64))
        numbered = frame.with_row_index("__row").with_columns(pl.col("__row").cast(pl.UInt64))
        frame = numbered.join(known, left_on="__row", right_on="record", how="left", maintain_order="left")
    return frame.select(
        pl.col(name).alias("__template"),
        person.cast(pl.String).alias("__person"),
        *(_value(table, group).alias(f"__group{i}") for i, group in enumerate(groups)),
    )


def _agreeing(tables: list[Table], template: str) -> list[tuple[str, float]]:
    """For every other attribute the share of the pairs of templates that agree on it.

    Exact: Σ n (n − 1) over its values, by the N (N − 1) pairs. A record without a value agrees with none.
    """
    candidates: dict[str, list[pl.LazyFrame]] = {}
    records = 0
    for table in tables:
        # Templates are most of a table: read once for which rows have one, and not for each attribute.
        there = pl.col(template).is_not_null().alias("__there")
        mask = table.frame.select(there).collect(engine="streaming")
        records += int(mask["__there"].sum())
        others = table.frame.drop(template)
        held = pl.concat([others, mask.lazy()], how="horizontal").filter(pl.col("__there"))
        for name, attribute in table.source.attributes.items():
            if attribute.kind in _CORROBORATING:
                # Counted as they are first: to normalise a value once is cheaper than on every row.
                raw = held.group_by(name).agg(pl.len().alias("n"))
                candidates.setdefault(name, []).append(raw.select(_value(table, name).alias("value"), "n"))
        place, time = _first_of(table, "place"), _first_of(table, "time")
        if place and time:
            days = held.group_by(place, _day(table, time).alias("day")).agg(pl.len().alias("n"))
            joint = pl.concat_str([_value(table, place), "day"], separator="\n").alias("value")
            candidates.setdefault(f"{place} and day of {time}", []).append(days.select(joint, "n"))
    if records < 2:
        return []
    shares = []
    for name, frames in candidates.items():
        counts = pl.concat(frames).drop_nulls().group_by("value").agg(pl.col("n").sum())
        size = pl.col("n").cast(pl.Float64)
        agreeing = counts.select((size * (size - 1)).sum()).collect(engine="streaming").item()
        # What no two templates share, a row's own number, can corroborate nothing.
        if agreeing:
            shares.append((name, float(agreeing) / (records * (records - 1))))
    return sorted(shares, key=lambda share: share[1])
