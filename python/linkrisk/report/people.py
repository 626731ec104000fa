"""The sections about people: how many, what is held of them, what leads where, who stands alone."""

from __future__ import annotations

from typing import Any

import polars as pl

from linkrisk import risk
from linkrisk.report.ledger import Key, Ledger, Published, visible
from linkrisk.risk import MODALITIES, Measure, Tables

UNITS = ("record", "person", "vehicle")
# Bounds at which the report counts persons in small classes, so that every figure is a sum of bins;
# 12 stands for the strict comparison with 0.09, which a class of eleven passes.
CLASS_BINS = ((1, 1), (2, 2), (3, 4), (5, 10), (11, 11), (12, 19), (20, 49), (50, 99), (100, None))
SIZE_BINS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, None))
Bin = tuple[int, int | None]


def figure(measure: Measure, value: Any, low: Any = None, high: Any = None, **details: Any) -> dict[str, Any]:
    """Return a measure as the report prints it, with the values that may be shown."""
    return {
        "name": measure.name,
        "title": measure.title,
        "value": value,
        "low": low,
        "high": high,
        "unit": measure.unit,
        "definition": measure.definition,
        **details,
    }


def total_of(unit: str) -> Key:
    """The key of the number of records, persons or vehicles."""
    return (unit, "total")


def enter_people(ledger: Ledger, tables: Tables) -> None:
    """Enter every count of these sections.

    Sets of traits are a partition and stay exact; what overlaps (who has a trait, how many, and
    which two) is rounded.
    """
    for unit in UNITS:
        _enter_exposure(ledger, tables, unit)
    _enter_matrix(ledger, tables)
    _enter_classes(ledger, tables)
    _enter_sizes(ledger, tables)
    persons = total_of("person")
    related = ledger.enter(("related", "persons"), tables.summary.get("persons_with_relatives") or 0)
    ledger.split(persons, related)
    pairs = ledger.enter(("related", "pairs"), tables.summary.get("related_pairs") or 0)
    bases = tables["related"].rows(named=True)
    for row in bases:
        ledger.enter(("related", "persons", row["basis"]), row["persons"])
        ledger.enter(("related", "pairs", row["basis"]), row["pairs"])
    ledger.relate(pairs, [("related", "pairs", row["basis"]) for row in bases])


def _enter_exposure(ledger: Ledger, tables: Tables, unit: str) -> None:
    rows = tables["exposure"].filter(pl.col("unit") == unit).rows(named=True)
    total = ledger.enter(total_of(unit), sum(row["count"] for row in rows))
    held = {row["mask"]: ledger.enter((unit, "profile", row["mask"]), row["count"]) for row in rows}
    counts = {row["mask"]: row["count"] for row in rows}
    ledger.relate(total, held.values())
    for key in held.values():
        ledger.split(total, key)
    for number in range(len(MODALITIES) + 1):
        masks = [mask for mask in held if mask.bit_count() == number]
        key = ledger.enter((unit, "modalities", number), sum(counts[m] for m in masks), rounded=True)
        ledger.relate(key, [held[m] for m in masks])
        ledger.split(total, key)
    for bit, modality in enumerate(MODALITIES):
        masks = [mask for mask in held if mask >> bit & 1]
        key = ledger.enter((unit, "holds", modality), sum(counts[m] for m in masks), rounded=True)
        ledger.relate(key, [held[m] for m in masks])
        ledger.split(total, key)


def _enter_matrix(ledger: Ledger, tables: Tables) -> None:
    masks = tables["exposure"].filter(pl.col("unit") == "person")["mask"].to_list()
    for row in risk.linkability(tables["linkability"]).details["pairs"]:
        a, b = row["from_modality"], row["to_modality"]
        holding = ledger.enter(("person", "from", a), row["persons"], rounded=True)
        ledger.relate(("person", "holds", a), [holding])
        # Both directions share their counts; they differ in whom the first trait fails to reach.
        pair = tuple(sorted((a, b)))
        linked = ledger.enter(("person", "linked", *pair), row["linked"], rounded=True)
        same = ledger.enter(("person", "same", *pair), row["same_record"], rounded=True)
        gained = ledger.enter(("person", "gained", *pair), row["linked"] - row["same_record"], rounded=True)
        ledger.relate(linked, [same, gained])
        bits = (1 << MODALITIES.index(a)) | (1 << MODALITIES.index(b))
        ledger.relate(linked, [("person", "profile", mask) for mask in masks if mask & bits == bits])
        for part in (linked, same):
            ledger.split(holding, part)


def _enter_classes(ledger: Ledger, tables: Tables) -> None:
    sizes = risk.small_classes(tables["classes"]).details["sizes"]
    total = ledger.enter(("classes", "total"), sum(row["persons"] for row in sizes))
    ledger.relate(total_of("person"), [total])
    bins = {}
    for span in CLASS_BINS:
        count = sum(row["persons"] for row in sizes if _within(row["class_size"], span))
        bins[span] = ledger.enter(("classes", "bin", span[0]), count)
        ledger.split(total, bins[span])
    ledger.relate(total, bins.values())
    for bound in (*risk.BOUNDS, 12):
        count = sum(row["persons"] for row in sizes if row["class_size"] < bound)
        key = ledger.enter(("classes", "below", bound), count)
        ledger.relate(key, [bins[s] for s in CLASS_BINS if s[0] < bound])
        ledger.split(total, key)


def _enter_sizes(ledger: Ledger, tables: Tables) -> None:
    for subject, rows in risk.largest_entity(tables["entity_sizes"]).details["sizes"].items():
        total = ledger.enter(("sizes", subject, "total"), sum(count for _, count in rows))
        ledger.relate(total_of(subject), [total])
        bins = []
        for span in SIZE_BINS:
            count = sum(number for size, number in rows if _within(size, span))
            bins.append(ledger.enter(("sizes", subject, span[0]), count))
            ledger.split(total, bins[-1])
        ledger.relate(total, bins)


def _within(size: int, span: Bin) -> bool:
    return size >= span[0] and (span[1] is None or size <= span[1])


def _bin_name(span: Bin) -> str:
    low, high = span
    return f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"


def subjects(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section on distinct persons and vehicles."""
    out: dict[str, Any] = {}
    for name, measure in (
        ("persons", risk.distinct_persons(tables.summary)),
        ("vehicles", risk.distinct_vehicles(tables.summary)),
    ):
        value, low, high = (published.alone(v) for v in (measure.value, measure.low, measure.high))
        observed = measure.details["observed"]
        out[name] = figure(
            measure, value, low, high, observed=published.alone(observed), method=measure.details["method"]
        )
    ratio = risk.records_per_person(tables["entity_sizes"], tables.summary)
    out["records_per_person"] = figure(ratio, *(_rounded(v, 2) for v in (ratio.value, ratio.low, ratio.high)))
    largest = risk.largest_entity(tables["entity_sizes"])
    out["largest_person"] = figure(largest, published.alone(largest.value))
    out["sizes"] = {
        subject: [
            {
                "records": _bin_name(span),
                "entities": published.count(("sizes", subject, span[0])),
                "share": published.share(("sizes", subject, span[0]), ("sizes", subject, "total")),
            }
            for span in SIZE_BINS
        ]
        for subject in ("person", "vehicle")
    }
    return out


def exposure(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section on what is held of one record, one person and one vehicle."""
    functions = (risk.exposure_before, risk.exposure_after, risk.vehicle_exposure)
    out: dict[str, Any] = {}
    for unit, function in zip(UNITS, functions, strict=True):
        measure = function(tables["exposure"])
        total = total_of(unit)
        by_modality = [
            {
                "modality": modality,
                "count": published.count((unit, "holds", modality)),
                "share": published.share((unit, "holds", modality), total),
            }
            for modality in MODALITIES
        ]
        hidden = any(not visible(row["count"]) for row in by_modality)
        out[unit] = figure(
            measure,
            _mean(measure.value, measure.details["total"], hidden=hidden, minimum=published.minimum),
            total=published.count(total),
            by_number=[
                {
                    "modalities": number,
                    "count": published.count((unit, "modalities", number)),
                    "share": published.share((unit, "modalities", number), total),
                }
                for number in range(len(MODALITIES) + 1)
            ],
            by_modality=by_modality,
            profiles=_open_first(
                [
                    {
                        "modalities": row["modalities"].split("+") if row["modalities"] else [],
                        "count": published.count((unit, "profile", row["mask"])),
                        "share": published.share((unit, "profile", row["mask"]), total),
                    }
                    for row in sorted(measure.details["profiles"], key=lambda row: row["mask"])
                ]
            ),
        )
    return out


def _open_first(profiles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order profiles by their count, hidden ones last: a place among the others would betray a count."""
    return sorted(profiles, key=lambda row: -row["count"] if visible(row["count"]) else 1)


def _mean(value: float | None, total: int, *, hidden: bool, minimum: int) -> Any:
    """Round a mean to two places, and hide it where that would still tell a hidden count."""
    if value is None:
        return None
    if hidden and total * 0.005 < minimum:
        return {"suppressed": "complementary"}
    return round(value, 2)


def linkability(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the cross-modal linkability matrix, and what linking added to it."""
    reach = risk.linkability(tables["linkability"])
    lift = risk.linkage_lift(tables["linkability"])
    pairs = []
    for row in reach.details["pairs"]:
        a, b = row["from_modality"], row["to_modality"]
        pair = tuple(sorted((a, b)))
        holding, linked, same = (
            ("person", "from", a), ("person", "linked", *pair), ("person", "same", *pair),
        )  # fmt: skip
        pairs.append(
            {
                "from": a,
                "to": b,
                "persons": published.count(holding),
                "same_record": published.count(same),
                "linked": published.count(linked),
                "gained": published.count(("person", "gained", *pair)),
                "same_record_share": published.share(same, holding),
                "linked_share": published.share(linked, holding),
            }
        )
    # Over what is printed, so that the mean gives back no cell that is not.
    open_pairs = [p for p in pairs if all(visible(p[k]) for k in ("persons", "same_record", "linked"))]
    persons = sum(p["persons"] for p in open_pairs)
    linked_total = sum(p["linked"] for p in open_pairs)
    same_total = sum(p["same_record"] for p in open_pairs)
    return {
        "reach": figure(reach, round(linked_total / persons, 4) if persons else None),
        "lift": figure(lift, round((linked_total - same_total) / persons, 4) if persons else None),
        "pairs": pairs,
    }


def singling_out(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section on k-anonymity, uniqueness and the prosecutor's risk."""
    classes = tables["classes"]
    total: Key = ("classes", "total")

    def below(bound: int) -> Any:
        return published.share(("classes", "below", bound), total)

    smallest, mean = risk.smallest_class(classes), risk.prosecutor_mean(classes)
    highest = risk.prosecutor_maximum(classes)
    return {
        "quasi_identifiers": list(tables.summary.get("quasi_identifiers") or ()),
        "persons": published.count(total),
        "smallest_class": figure(smallest, smallest.value),
        "uniqueness": figure(
            risk.uniqueness(classes), below(2), persons=published.count(("classes", "below", 2))
        ),
        "small_classes": figure(
            risk.small_classes(classes),
            below(5),
            below=[
                {"bound": b, "persons": published.count(("classes", "below", b)), "share": below(b)}
                for b in risk.BOUNDS
            ],
        ),
        # 1/f > threshold is f < 5 at 0.2, and f < 12 at 0.09.
        "prosecutor_share": [
            figure(risk.prosecutor_share(classes, threshold), below(bound), threshold=threshold)
            for threshold, bound in zip(risk.THRESHOLDS, (5, 12), strict=True)
        ],
        "prosecutor_maximum": figure(highest, _rounded(highest.value, 6)),
        "prosecutor_mean": figure(mean, _rounded(mean.value, 4)),
        "classes": [
            {
                "class_size": _bin_name(span),
                "persons": published.count(("classes", "bin", span[0])),
                "share": published.share(("classes", "bin", span[0]), total),
            }
            for span in CLASS_BINS
        ],
    }


def related(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section on relatives and households."""
    found: Key = ("related", "persons")
    measure = risk.related_persons(tables["related"], 0, 1)
    return {
        "persons": figure(measure, published.share(found, total_of("person")), count=published.count(found)),
        "pairs": published.count(("related", "pairs")),
        "bases": [
            {
                "basis": row["basis"],
                "pairs": published.count(("related", "pairs", row["basis"])),
                "persons": published.count(("related", "persons", row["basis"])),
            }
            for row in measure.details["rows"]
        ],
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
