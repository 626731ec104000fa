from __future__ import annotations

import inspect
import random
from pathlib import Path

import polars as pl
import pytest

from linkrisk import risk
from linkrisk.risk import Measure, Tables, definition_parts
from tests.invented_run import write_invented_run

# Class sizes and values of the published formulas, worked out apart from this code.
CLASS_SIZES = [1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 5, 10]
LABELS = ["Definition", "Unit", "Range", "Direction", "Assumption", "Interval", "Source"]


def classes(sizes: list[int]) -> pl.DataFrame:
    return risk.class_table(pl.DataFrame({"class_size": sizes}))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return Tables.read(write_invented_run(tmp_path_factory.mktemp("risk"), 5_000))


def every_measure(tables: Tables) -> list[Measure]:
    held, exposed, matrix = tables["classes"], tables["exposure"], tables["linkability"]
    return [
        risk.records(tables["attributes"]),
        risk.records_by_modality(tables["attributes"]),
        risk.usable_values(tables["attributes"]),
        risk.distinct_persons(tables.summary),
        risk.distinct_vehicles(tables.summary),
        risk.records_per_person(tables["entity_sizes"], tables.summary),
        risk.largest_entity(tables["entity_sizes"]),
        risk.exposure_before(exposed),
        risk.exposure_after(exposed),
        risk.vehicle_exposure(exposed),
        risk.linkability(matrix),
        risk.linkage_lift(matrix),
        risk.related_persons(tables["related"], 10, 100),
        risk.template_reach(tables["template_reach"]),
        risk.smallest_class(held),
        risk.uniqueness(held),
        risk.small_classes(held),
        risk.prosecutor_share(held),
        risk.prosecutor_maximum(held),
        risk.prosecutor_mean(held),
        risk.false_links(tables.summary),
        risk.missed_links(tables.summary),
        risk.recall_lost(tables.summary),
        risk.uncompared_pairs(tables["blocking"]),
    ]


def test_measures_state_everything_a_definition_must(tables):
    for measure in every_measure(tables):
        parts = definition_parts(measure.definition)
        assert list(parts) == LABELS, measure.name
        assert all(parts.values()), measure.name
        assert measure.definition == inspect.getdoc(getattr(risk, measure.name))
        assert measure.title == measure.definition.splitlines()[0].rstrip(".")


def test_every_measure_of_the_package_is_covered(tables):
    functions = {
        name
        for name in risk.__all__
        if inspect.isfunction(getattr(risk, name))
        and getattr(risk, name).__annotations__.get("return") == "Measure"
    }
    assert functions == {measure.name for measure in every_measure(tables)}


def test_measures_of_empty_tables_have_no_value(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    for measure in every_measure(Tables.read(tmp_path)):
        assert measure.value in (None, 0, pytest.approx(0.1)), measure.name


def test_prosecutor_risk_golden_values():
    held = classes(CLASS_SIZES)
    assert risk.prosecutor_share(held, 0.2).value == pytest.approx(0.5588235294117647)
    assert risk.prosecutor_maximum(held).value == 1.0
    assert risk.prosecutor_mean(held).value == pytest.approx(0.38235294117647056)
    assert risk.uniqueness(held).value == pytest.approx(5 / 34)
    assert risk.smallest_class(held).value == 1
    assert risk.small_classes(held).details["below"] == {2: 5, 3: 13, 5: 19, 11: 34, 20: 34}


@pytest.mark.parametrize(
    ("size", "threshold", "at_risk"), [(5, 0.2, 0.0), (4, 0.2, 1.0), (11, 0.09, 1.0), (12, 0.09, 0.0)]
)
def test_prosecutor_share_compares_strictly(size, threshold, at_risk):
    assert risk.prosecutor_share(classes([size, size]), threshold).value == at_risk


def test_k_anonymity_agrees_with_pycanon():
    pandas = pytest.importorskip("pandas")
    anonymity = pytest.importorskip("pycanon.anonymity")
    rng = random.Random(3)
    rows = [(rng.randrange(4), rng.randrange(3), rng.randrange(2)) for _ in range(120)]
    people = pl.DataFrame(rows, schema=["age", "sex", "place"], orient="row")
    ours = risk.class_table(people.group_by("age", "sex", "place").len("class_size"))
    frame = pandas.DataFrame(rows, columns=["age", "sex", "place"])
    assert risk.smallest_class(ours).value == anonymity.k_anonymity(frame, ["age", "sex", "place"])
    assert ours["persons"].sum() == len(rows)


def test_exposure_counts_modalities_per_unit():
    exposure = pl.DataFrame(
        {
            "unit": ["record", "record", "person"],
            "modalities": ["face", "face+plate", "face+plate"],
            "mask": [1, 9, 9],
            "count": [3, 1, 2],
        }
    )
    assert risk.exposure_before(exposure).value == pytest.approx(5 / 4)
    assert risk.exposure_after(exposure).value == 2.0
    assert risk.vehicle_exposure(exposure).value is None


def test_linkability_mean_and_lift():
    matrix = pl.DataFrame(
        {
            "from_modality": ["face", "plate"],
            "to_modality": ["plate", "face"],
            "persons": [100, 50],
            "same_record": [10, 10],
            "linked": [40, 40],
        }
    )
    assert risk.linkability(matrix).value == pytest.approx(80 / 150)
    assert risk.linkage_lift(matrix).value == pytest.approx(60 / 150)


def test_records_per_person_takes_the_interval_of_the_persons():
    sizes = pl.DataFrame({"subject": ["person", "vehicle"], "records": [4, 9], "entities": [25, 7]})
    measure = risk.records_per_person(sizes, {"persons": {"estimate": 20, "low": 10, "high": 25}})
    assert (measure.low, measure.value, measure.high) == (4.0, 5.0, 10.0)


def test_expected_links_follow_from_precision_and_recall():
    summary = {"links": 1_000, "expected": {"precision": 0.9, "recall": 0.75}}
    assert risk.false_links(summary).value == pytest.approx(100)
    assert risk.missed_links(summary).value == pytest.approx(300)


def test_records_by_modality_bounds_what_two_attributes_overlap(tables):
    rows = risk.records_by_modality(tables["attributes"]).details["rows"]
    for row in rows:
        assert (row["low"] == row["high"]) or len(row["attributes"]) > 1
        assert row["low"] <= row["high"]


def test_tables_read_refuses_a_folder_without_a_run(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        Tables.read(tmp_path)
