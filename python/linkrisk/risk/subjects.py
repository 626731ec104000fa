"""How many people and vehicles stand behind the records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from linkrisk.risk.measure import Measure, measured, share

USABLE = pl.col("valid") + pl.col("partial") + pl.col("repaired")


def records(attributes: pl.DataFrame) -> Measure:
    """Records in all sources.

    Definition: the number of rows read, per source and in total, whether or not they could be used.
    Unit: records.
    Range: 0 upwards.
    Direction: more records are not by themselves a higher risk; the people behind them are.
    Assumption: every row is one record.
    Interval: none; it is a count.
    Source: Regulation (EU) 2016/679, Article 33(3)(a), "approximate number of personal data
    records concerned".
    """
    by_source = (
        attributes.group_by("source", maintain_order=True).agg(pl.col("records").max()).rows(named=True)
    )
    return measured(records, sum(row["records"] for row in by_source), by_source=by_source)


def records_by_modality(attributes: pl.DataFrame) -> Measure:
    """Records that give a modality away, by source.

    Definition: per source and modality, the records with a usable value (valid, repaired or
    partial) of at least one attribute of that modality. The value counts source-modality pairs.
    Unit: modalities held, summed over sources.
    Range: 0 to 11 per source; each count 0 to the records of the source.
    Direction: higher is worse.
    Assumption: where several attributes of a source share a modality, their overlap is not known.
    Interval: the counts are exact for one attribute; for several they lie between the largest of
    them and their sum, capped at the records of the source.
    Source: the engine's counts per attribute.
    """
    rows = (
        attributes.with_columns(usable=USABLE)
        .group_by("source", "modality", maintain_order=True)
        .agg(
            pl.col("attribute").alias("attributes"),
            pl.col("usable").max().alias("low"),
            pl.min_horizontal(pl.col("usable").sum(), pl.col("records").max()).alias("high"),
        )
        .rows(named=True)
    )
    return measured(records_by_modality, sum(row["high"] > 0 for row in rows), rows=rows)


def distinct_persons(summary: Mapping[str, Any]) -> Measure:
    """Distinct people behind the records.

    Definition: the estimated number of different people whose records the sources hold. The
    linkage finds entities; the estimate corrects their number for the false and missed links that
    the model expects.
    Unit: persons.
    Range: 0 to the number of records.
    Direction: higher is worse.
    Assumption: the model's expectation of its own errors holds, and a record describes one person.
    Interval: as the engine computed it; the method is printed with the figure.
    Source: Regulation (EU) 2016/679, Article 33(3)(a), "approximate number of data subjects
    concerned".
    """
    return _subjects(distinct_persons, summary.get("persons") or {})


def distinct_vehicles(summary: Mapping[str, Any]) -> Measure:
    """Distinct vehicles behind the records.

    Definition: the estimated number of different vehicles whose number plates the sources hold. A
    vehicle may be shared and is never by itself proof of a person.
    Unit: vehicles.
    Range: 0 to the number of records.
    Direction: higher is worse.
    Assumption: a plate stays on its vehicle for the time that the data cover.
    Interval: as the engine computed it; the method is printed with the figure.
    Source: the engine's entities of vehicles.
    """
    return _subjects(distinct_vehicles, summary.get("vehicles") or {})


def _subjects(function: Any, found: Mapping[str, Any]) -> Measure:
    return measured(
        function,
        found.get("estimate"),
        found.get("low"),
        found.get("high"),
        observed=found.get("observed", 0),
        method=found.get("method", ""),
    )


def records_per_person(entity_sizes: pl.DataFrame, summary: Mapping[str, Any]) -> Measure:
    """Records per person.

    Definition: records that stand for a person, divided by the estimated number of persons.
    Unit: records per person.
    Range: 1 upwards.
    Direction: higher is worse: more is known of one person.
    Assumption: as for the number of persons; records that stand for nobody are left out.
    Interval: the same records divided by the upper and the lower end of the number of persons.
    Source: ratio of two measures of this report.
    """
    of_persons = entity_sizes.filter(pl.col("subject") == "person")
    held = int((of_persons["records"] * of_persons["entities"]).sum())
    persons = summary.get("persons") or {}
    value, low, high = (share(held, persons.get(end) or 0) for end in ("estimate", "high", "low"))
    return measured(records_per_person, value, low, high, records=held)


def largest_entity(entity_sizes: pl.DataFrame) -> Measure:
    """Records of the largest person.

    Definition: the number of records of the person who has most of them.
    Unit: records.
    Range: 1 upwards.
    Direction: higher is worse, and far above the rest it is a sign of people merged by mistake.
    Assumption: none.
    Interval: none; it is a count.
    Source: the engine's entity sizes.
    """
    sizes = {
        subject: entity_sizes.filter(pl.col("subject") == subject)
        .sort("records")
        .select("records", "entities")
        .rows()
        for subject in ("person", "vehicle")
    }
    persons = sizes["person"]
    return measured(largest_entity, persons[-1][0] if persons else None, sizes=sizes)
