"""What one record gives away, what one person's records give away together, and what leads to what."""

from __future__ import annotations

from typing import Any

import polars as pl

from linkrisk.risk.measure import Measure, measured, share

# The order of the bits of an exposure mask, as the engine writes it.
MODALITIES = (
    "face",
    "iris",
    "fingerprint",
    "plate",
    "id",
    "name",
    "contact",
    "demographic",
    "location",
    "account",
    "image",
)


def exposure_before(exposure: pl.DataFrame) -> Measure:
    """Kinds of trait in one record.

    Definition: the mean number of modalities of which a record holds a usable value; with it, how
    many records hold exactly which set of modalities. This is what the data give away unlinked.
    Unit: modalities per record.
    Range: 0 to 11.
    Direction: higher is worse.
    Assumption: a usable value of any attribute of a modality gives the modality away.
    Interval: none; it is a count over all records.
    Source: the engine's exposure masks.
    """
    return _exposure(exposure_before, exposure, "record")


def exposure_after(exposure: pl.DataFrame) -> Measure:
    """Kinds of trait known of one person after linking.

    Definition: the mean number of modalities that the records of one person give away together;
    with it, how many persons have exactly which set of modalities.
    Unit: modalities per person.
    Range: 0 to 11.
    Direction: higher is worse.
    Assumption: the entities found are the persons. A false link adds to a person what belongs to
    another; a missed link leaves one person in two with less known of each.
    Interval: none; the linkage's expected precision and recall stand beside it.
    Source: the engine's exposure masks.
    """
    return _exposure(exposure_after, exposure, "person")


def vehicle_exposure(exposure: pl.DataFrame) -> Measure:
    """Kinds of trait known of one vehicle.

    Definition: the mean number of modalities that the records of one vehicle give away together.
    Unit: modalities per vehicle.
    Range: 0 to 11.
    Direction: higher is worse.
    Assumption: a vehicle is its plate; whoever drives it may be somebody else.
    Interval: none; it is a count over the vehicles found.
    Source: the engine's exposure masks.
    """
    return _exposure(vehicle_exposure, exposure, "vehicle")


def _exposure(function: Any, exposure: pl.DataFrame, unit: str) -> Measure:
    profiles = (
        exposure.filter(pl.col("unit") == unit)
        .select("mask", "modalities", "count")
        .sort("count", "mask", descending=[True, False])
        .rows(named=True)
    )
    total = sum(row["count"] for row in profiles)
    modalities = sum(int(row["mask"]).bit_count() * row["count"] for row in profiles)
    return measured(function, share(modalities, total), profiles=profiles, total=total)


def linkability(matrix: pl.DataFrame) -> Measure:
    """How far one trait leads to another.

    Definition: of the persons of whom the data hold the one modality, the share for whom the
    linked data also hold the other; per ordered pair of modalities, and as the mean over all
    persons and pairs. "Same record" counts those for whom a single record holds both.
    Unit: share of persons.
    Range: 0 to 1.
    Direction: higher is worse.
    Assumption: the attacker recognises the person by the first modality, and the links are right.
    Interval: none; the linkage's expected precision and recall stand beside it.
    Source: modality-join matrix over the resolved entities, a count.
    """
    pairs = _pairs(matrix)
    reached = sum(row["linked"] for row in pairs)
    return measured(linkability, share(reached, sum(row["persons"] for row in pairs)), pairs=pairs)


def linkage_lift(matrix: pl.DataFrame) -> Measure:
    """What linking adds to the reach of a trait.

    Definition: of the persons of whom the data hold one modality, the share for whom another is
    reached by linking records and by no single record; the mean over all persons and pairs.
    Unit: share of persons.
    Range: 0 to 1.
    Direction: higher is worse.
    Assumption: as for the reach of a trait.
    Interval: none; the linkage's expected precision and recall stand beside it.
    Source: difference of the two counts of the modality-join matrix.
    """
    pairs = _pairs(matrix)
    gained = sum(row["linked"] - row["same_record"] for row in pairs)
    return measured(linkage_lift, share(gained, sum(row["persons"] for row in pairs)))


def _pairs(matrix: pl.DataFrame) -> list[dict[str, Any]]:
    return (
        matrix.filter((pl.col("from_modality") != pl.col("to_modality")) & (pl.col("persons") > 0))
        .select("from_modality", "to_modality", "persons", "same_record", "linked")
        .rows(named=True)
    )


def related_persons(related: pl.DataFrame, persons_with_relatives: int, persons: int) -> Measure:
    """Persons whose relatives or household the data reveal.

    Definition: persons with at least one pair in which somebody else shares traits that a household
    or firm shares (an address, a telephone, a plate) and differs in personal ones; as a share of
    all persons found.
    Unit: share of persons.
    Range: 0 to 1.
    Direction: higher is worse: these people can be reached through somebody else's data.
    Assumption: the model's middle class of pairs, neither one person nor strangers, is what it
    looks like. Pairs that no blocking rule made are not counted.
    Interval: none; it is a lower bound, because not every pair was compared.
    Source: three-class mixture after Fellegi and Sunter, "A theory for record linkage", JASA 64
    (1969).
    """
    return measured(
        related_persons,
        share(persons_with_relatives, persons),
        rows=related.rows(named=True),
        persons=persons_with_relatives,
    )
