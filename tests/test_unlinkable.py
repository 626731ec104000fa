"""Tables and specs that leave nothing to link, or too much of it."""

from __future__ import annotations

import polars as pl
import pytest

from linkrisk import Attribute, BlockingRule, Linkage, Linker, Run, assess
from linkrisk.errors import (
    SpecError,
    TrainingError,
)
from linkrisk.spec import Templates

from .conftest import ATTRIBUTES, people, refusal


def unique_names(count: int) -> list[str]:
    """Names of which no two share a given or a family name."""
    letters = "abcdefghij"
    ends = [a + b + c for a in letters for b in letters for c in letters]
    return [f"Gi{end}n Fa{end}m" for end in ends[:count]]


def test_nothing_that_identifies_anybody(spec_for):
    table = pl.DataFrame({"s": ["m", "f"] * 50, "a": [20 + i % 60 for i in range(100)]})
    attributes = {"sex": Attribute(column="s", kind="sex"), "age": Attribute(column="a", kind="age")}
    error = refusal(spec_for(data=table, attributes=attributes))
    assert isinstance(error, SpecError)
    assert "identifies a person or a vehicle" in str(error)


def test_no_usable_blocking_rule(spec_for):
    """Sex and age beside a name that nobody shares: refused, and not everybody with everybody."""
    table = pl.DataFrame(
        {"n": unique_names(1_000), "s": ["m", "f"] * 500, "a": [i % 80 for i in range(1_000)]}
    )
    attributes = {
        "name": Attribute(column="n", kind="person_name"),
        "sex": Attribute(column="s", kind="sex"),
        "age": Attribute(column="a", kind="age"),
    }
    error = refusal(spec_for(data=table, attributes=attributes))
    assert isinstance(error, SpecError)
    assert "no blocking rule" in str(error)


def test_single_record(spec_for, table):
    error = refusal(spec_for(data=table.head(1)))
    assert isinstance(error, SpecError)
    assert "a single record" in str(error)


def test_no_value_at_all(spec_for, table):
    error = refusal(
        spec_for(data=table.with_columns(pl.lit(None, pl.String).alias(c) for c in table.columns))
    )
    assert isinstance(error, SpecError)
    assert "usable value" in str(error)


def test_templates_alone(spec_for):
    table = pl.DataFrame({"v": [b"\x01" * 512, b"\x02" * 512]})
    left_out = Linkage(templates=(Templates(attribute="eye", compare=False),))
    eye = Attribute(column="v", kind="iris")
    error = refusal(spec_for(data=table, attributes={"eye": eye}, linkage=left_out))
    assert "templates alone" in str(error)


def test_vehicles_without_persons(spec_for, tmp_path):
    table = pl.DataFrame(
        {"p": [f"京A{i % 300:05}" for i in range(900)], "g": ["north", "south", "east"] * 300}
    )
    attributes = {
        "car": Attribute(column="p", kind="plate", scheme="cn"),
        "gate": Attribute(column="g", kind="place"),
    }
    run = assess(spec_for(data=table, attributes=attributes, records=True), tmp_path / "run")
    assert run.summary["persons"]["observed"] == 0
    assert run.summary["vehicles"]["observed"] == run.entities().collect()["entity_id"].n_unique()
    assert 250 < run.summary["vehicles"]["observed"] <= 300
    assert (run.path / "report.html").exists()


def test_the_same_record_ten_thousand_times(spec_for, table):
    """Agreement tells nothing where nobody differs: said, and not counted as ten thousand people."""
    error = refusal(spec_for(data=pl.concat([table.head(1)] * 10_000)))
    assert isinstance(error, TrainingError)
    assert "agree on all" in str(error)


def test_one_block_of_everybody_is_sampled_and_reported(spec_for, tmp_path):
    count = 3_000
    table = pl.DataFrame({"n": [f"{n} Same" for n in unique_names(1_000)] * 3, "c": ["Anytown"] * count})
    attributes = {
        "name": Attribute(column="n", kind="person_name"),
        "town": Attribute(column="c", kind="place"),
    }
    linkage = Linkage(blocking=(BlockingRule(on=("town",)),), max_block_pairs=100_000)
    spec = spec_for(data=table, attributes=attributes, linkage=linkage)
    plan = Linker(spec).plan()
    rule = plan["rules"][0]
    assert rule["largest_block"] == count
    assert rule["sampled_blocks"] + rule["split_blocks"] > 0
    assert rule["pairs"] + rule["uncompared_pairs"] == count * (count - 1) // 2
    assert rule["pairs"] < 200_000


def test_telephone_that_everybody_has(spec_for, tmp_path):
    table = people(5_000, 2).with_columns(mobile=pl.lit("+447700900123"))
    Linker(spec_for(data=table), tmp_path / "run").assess()
    counts = Run(tmp_path / "run").table("attributes").filter(pl.col("attribute") == "tel").collect()
    assert counts["implausible"].to_list() == [10_000]
    assert counts["distinct"].to_list() == [0]


def test_more_attributes_than_can_be_compared(spec_for, table, tmp_path):
    """Those on which agreement tells least are counted and not compared, and are named."""
    extra = {f"c{i}": pl.int_range(pl.len()).mod(2 + i % 3).cast(pl.String) for i in range(57)}
    attributes = ATTRIBUTES | {name: Attribute(column=name, kind="category") for name in extra}
    spec = spec_for(data=table.with_columns(**extra), attributes=attributes)
    run = assess(spec, tmp_path / "run")
    compared = {c["attribute"] for c in run.model()["comparisons"]}
    assert {"name", "born", "tel"} <= compared
    assert set(run.manifest["not_compared"]) == set(attributes) - compared
    assert set(run.table("attributes").collect()["attribute"]) == set(attributes)


def test_more_attributes_than_a_record_has_room_for(spec_for, table):
    extra = {f"c{i}": pl.lit(str(i)) for i in range(70)}
    attributes = ATTRIBUTES | {name: Attribute(column=name, kind="category") for name in extra}
    assert "64 is the limit" in str(
        refusal(spec_for(data=table.with_columns(**extra), attributes=attributes))
    )


def test_wide_table(spec_for, table, tmp_path):
    """Columns that are not mapped are not even decoded: these cannot be."""
    wide = table.lazy().with_columns(
        pl.col("dob").str.to_date("%d %B", strict=True).alias(f"z{i}") for i in range(300)
    )
    assert Linker(spec_for(data=wide)).cluster()["persons"] > 0


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        (Attribute(column="dob", kind="birth_date", format="%Q"), "unknown directive"),
        (Attribute(column="mobile", kind="phone", region="ZZ"), "unknown telephone region"),
        (Attribute(column="dob", kind="age", reference_date="2020-02-31"), "not a date"),
    ],
)
def test_options_are_checked_before_anything_is_read(spec_for, table, tmp_path, attribute, text):
    spec = spec_for(data=table, attributes={"name": ATTRIBUTES["name"], "odd": attribute})
    error = refusal(spec, tmp_path / "run")
    assert isinstance(error, SpecError)
    assert text in str(error)
    assert "attribute `odd` of source `people`" in str(error)
    assert error.problems[0].path == "sources[0].attributes.odd"
    assert not (tmp_path / "run").exists()


def test_column_mapped_twice(spec_for, table):
    twice = {**ATTRIBUTES, "tel_2": Attribute(column="mobile", kind="phone")}
    with pytest.raises(SpecError, match="count twice") as caught:
        spec_for(data=table, attributes=twice)
    assert caught.value.problems[0].path == "sources[0].attributes.tel_2"


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_thresholds_at_the_ends(spec_for, table, threshold):
    linker = Linker(spec_for(data=table, linkage=Linkage(threshold=threshold)))
    linked = linker.link()
    assert linked["links"] == (linked["candidate_pairs"] if threshold == 0 else 0)
    assert 0 < linker.cluster()["persons"] <= table.height


def test_rule_over_max_pairs_tells_numbers(spec_for, table):
    error = refusal(
        spec_for(data=table, linkage=Linkage(blocking=(BlockingRule(on=("born.year",)),), max_pairs=5))
    )
    assert isinstance(error, SpecError)
    # 200 people in 50 years of birth, two records each.
    assert "makes 1400 pairs" in str(error)
    assert "largest block has 8 records" in str(error)
