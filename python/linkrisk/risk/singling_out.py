"""How few people share the same quasi-identifiers: k-anonymity and the prosecutor's risk.

Every figure is per person and not per row: a table of events would otherwise give a wrong k to
whoever has many rows. The input is the table of class sizes: how many classes have how many persons.
"""

from __future__ import annotations

import polars as pl

from linkrisk.risk.measure import Measure, measured, share

BOUNDS = (2, 3, 5, 11, 20)
THRESHOLDS = (0.2, 0.09)


def smallest_class(classes: pl.DataFrame) -> Measure:
    """Smallest group of people who look alike (k).

    Definition: k = min f over the classes, f being the number of persons who share one combination
    of quasi-identifiers.
    Unit: persons.
    Range: 1 to the number of persons.
    Direction: lower is worse; 1 means that somebody is alone.
    Assumption: the attacker knows the quasi-identifiers, exactly as recorded, and nothing else.
    Interval: none; it is a count over the persons found.
    Source: Sweeney, "k-anonymity: a model for protecting privacy", IJUFKS 10 (2002).
    """
    held = _held(classes)
    return measured(smallest_class, held["class_size"].min() if held.height else None)  # type: ignore[arg-type]


def uniqueness(classes: pl.DataFrame) -> Measure:
    """Persons who are alone in their combination of quasi-identifiers.

    Definition: c1 / n, where c1 is the number of classes of one person and n the number of persons.
    Unit: share of persons.
    Range: 0 to 1.
    Direction: higher is worse.
    Assumption: as for the smallest class.
    Interval: none; it is a count over the persons found.
    Source: Sweeney, "k-anonymity: a model for protecting privacy", IJUFKS 10 (2002).
    """
    alone = _persons(classes, pl.col("class_size") == 1)
    return measured(uniqueness, share(alone, _persons(classes)), persons=alone)


def small_classes(classes: pl.DataFrame) -> Measure:
    """Persons in groups of fewer than five.

    Definition: the share of persons in classes of f < 5; in the details for f < 2, 3, 5, 11 and 20.
    Unit: share of persons.
    Range: 0 to 1.
    Direction: higher is worse.
    Assumption: as for the smallest class.
    Interval: none; it is a count over the persons found.
    Source: thresholds in use by statistical offices and health-data regulators.
    """
    total = _persons(classes)
    below = {bound: _persons(classes, pl.col("class_size") < bound) for bound in BOUNDS}
    return measured(
        small_classes,
        share(below[5], total),
        below=below,
        total=total,
        sizes=_held(classes).select("class_size", "classes", "persons").rows(named=True),
    )


def prosecutor_share(classes: pl.DataFrame, threshold: float = 0.2) -> Measure:
    """Persons whose risk of being identified is above the threshold (Ra).

    Definition: Ra = sum of f over the classes with 1/f > threshold, divided by n. The comparison is
    strict: at 0.2 a class of five is not counted, at 0.09 a class of eleven is.
    Unit: share of persons.
    Range: 0 to 1.
    Direction: higher is worse.
    Assumption: the prosecutor: the attacker knows that the person is in the data, as after a breach
    of a complete holding.
    Interval: none; it is a count over the persons found.
    Source: El Emam, "Guide to the De-Identification of Personal Health Information" (2013).
    """
    at_risk = _persons(classes, 1.0 / pl.col("class_size") > threshold)
    return measured(prosecutor_share, share(at_risk, _persons(classes)), threshold=threshold, persons=at_risk)


def prosecutor_maximum(classes: pl.DataFrame) -> Measure:
    """Highest risk that one person runs of being identified (Rb).

    Definition: Rb = 1 / min f.
    Unit: probability.
    Range: 0 to 1.
    Direction: higher is worse.
    Assumption: as for the share of persons at risk.
    Interval: none; it follows from the smallest class.
    Source: El Emam, "Guide to the De-Identification of Personal Health Information" (2013).
    """
    smallest = smallest_class(classes).value
    return measured(prosecutor_maximum, 1.0 / smallest if smallest else None)


def prosecutor_mean(classes: pl.DataFrame) -> Measure:
    """Mean risk of being identified (Rc).

    Definition: Rc = J / n, J being the number of classes: the share of persons whom an attacker
    who guesses within each class would identify.
    Unit: probability.
    Range: 0 to 1.
    Direction: higher is worse.
    Assumption: as for the share of persons at risk.
    Interval: none; it is a count over the persons found.
    Source: El Emam, "Guide to the De-Identification of Personal Health Information" (2013).
    """
    total = int(_held(classes)["classes"].sum())
    return measured(prosecutor_mean, share(total, _persons(classes)), classes=total)


def class_table(sizes: pl.DataFrame | pl.LazyFrame, *, size: str = "class_size") -> pl.DataFrame:
    """Count classes by size, from a table with one row for each class.

    The result has the columns of the run directory's table of classes.
    """
    return (
        sizes.lazy()
        .group_by(pl.col(size).cast(pl.UInt64).alias("class_size"))
        .agg(pl.len().cast(pl.UInt64).alias("classes"))
        .with_columns(persons=pl.col("class_size") * pl.col("classes"))
        .sort("class_size")
        .collect()
    )


def _held(classes: pl.DataFrame) -> pl.DataFrame:
    return classes.filter((pl.col("class_size") > 0) & (pl.col("classes") > 0)).sort("class_size")


def _persons(classes: pl.DataFrame, where: pl.Expr | None = None) -> int:
    held = _held(classes)
    return int((held if where is None else held.filter(where))["persons"].sum())
