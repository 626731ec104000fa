"""Input that cannot be used: one clear error each, before long work, without a raw value."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest

from linkrisk import Attribute, BlockingRule, Linkage, Linker, Run, Spec, assess, link
from linkrisk.errors import (
    AttributeTypeError,
    DataError,
    LinkriskError,
    MissingAttributeError,
    RecordError,
    RunError,
    SpecError,
    TrainingError,
)

from .conftest import ATTRIBUTES, people


def refusal(spec: Spec, out=None) -> LinkriskError:
    with pytest.raises(LinkriskError) as caught:
        Linker(spec, out).cluster()
    assert caught.value.hint
    return caught.value


def test_missing_file_names_a_near_one(spec_for, table, tmp_path):
    table.write_parquet(tmp_path / "people.parquet")
    with pytest.raises(FileNotFoundError) as caught:
        Linker(spec_for(path=str(tmp_path / "peple.parquet"))).train()
    assert "source `people`" in str(caught.value)
    assert "people.parquet" in caught.value.__notes__[0]


def test_glob_that_matches_nothing(spec_for, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file matches"):
        Linker(spec_for(path=str(tmp_path / "*.parquet"))).train()


def test_folder_without_tables(spec_for, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match="holds no table"):
        Linker(spec_for(path=str(tmp_path))).train()


def test_folder_of_two_formats(spec_for, table, tmp_path):
    table.write_parquet(tmp_path / "a.parquet")
    table.write_csv(tmp_path / "b.csv")
    assert "mixes the formats" in str(refusal(spec_for(path=str(tmp_path))))


def test_unknown_format(spec_for, tmp_path):
    (tmp_path / "people.xlsx").write_bytes(b"PK")
    assert ".parquet" in (refusal(spec_for(path=str(tmp_path / "people.xlsx"))).hint or "")


@pytest.mark.parametrize("name", ["people.parquet", "people.arrow", "people.ndjson", "people.csv"])
def test_file_that_is_not_what_its_name_says(spec_for, tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\x01\x02 no table at all \xff\xfe")
    error = refusal(spec_for(path=str(tmp_path / name)))
    assert isinstance(error, DataError)
    assert "no table at all" not in str(error)


@pytest.mark.parametrize("name", ["people.parquet", "people.csv", "people.ndjson"])
def test_file_of_no_bytes(spec_for, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert "is empty" in str(refusal(spec_for(path=str(tmp_path / name))))


def test_empty_table(spec_for, table):
    assert "no rows" in str(refusal(spec_for(data=table.clear())))


def test_empty_stream(spec_for, table):
    assert "no rows" in str(refusal(spec_for(data=table.clear().to_arrow().to_reader())))


def test_csv_of_a_header_alone(spec_for, table, tmp_path):
    table.clear().write_csv(tmp_path / "a.csv")
    assert "no rows" in str(refusal(spec_for(path=str(tmp_path / "a.csv"))))


def test_wrong_column_names_a_near_one(spec_for, table):
    error = refusal(spec_for(data=table.rename({"dob": "date_of_birth", "mobile": "mobile_no"})))
    assert isinstance(error, MissingAttributeError)
    assert "`mobile_no`" in (error.hint or "")
    assert "date_of_birth" in error.available


def test_wrong_type(spec_for, table):
    error = refusal(spec_for(data=table.with_columns(mobile=pl.lit(value=True))))
    assert isinstance(error, AttributeTypeError)
    assert (error.source, error.attribute) == ("people", "tel")


def test_nothing_is_written_before_the_input_is_checked(spec_for, table, tmp_path):
    refusal(spec_for(data=table.drop("dob"), records=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_all_null_attribute_is_counted_and_left_out(spec_for, table, tmp_path):
    spec = spec_for(data=table.with_columns(mobile=pl.lit(None, pl.String)))
    Linker(spec, tmp_path / "run").assess()
    counts = Run(tmp_path / "run").table("attributes").filter(pl.col("attribute") == "tel").collect()
    assert counts["blank"].to_list() == [table.height]
    assert counts["valid"].to_list() == [0]


@pytest.mark.parametrize("ids", [pl.lit("990000199001010017"), pl.lit(None, pl.String)])
def test_duplicate_or_null_ids(spec_for, table, ids):
    error = refusal(spec_for(data=table.with_columns(row_id=ids), id="row_id"))
    assert isinstance(error, RecordError)
    assert (error.source, error.row, error.count) == ("people", 0, table.height)
    assert "990000" not in str(error) + str(error.details)


def test_failed_run_leaves_no_ids_behind(spec_for, table, tmp_path):
    """They are kept on disk for `entities.parquet`, and are as identifying as anything."""
    rule = Linkage(blocking=(BlockingRule(on=("born.year",)),), max_pairs=5)
    error = refusal(spec_for(data=table, id="row_id", records=True, linkage=rule), tmp_path / "run")
    assert isinstance(error, SpecError)
    assert [p.name for p in (tmp_path / "run").rglob(".*")] == []


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
    table = pl.DataFrame({"v": [[0.1, 0.2], [0.3, 0.4]]})
    error = refusal(spec_for(data=table, attributes={"face": Attribute(column="v", kind="face")}))
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
    plan = Linker(spec).estimate()
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


def test_csv_that_is_not_utf8_names_line_and_column(spec_for, table, tmp_path):
    text = table.write_csv().replace("Archer", "Årcher", 1).encode("latin-1")
    (tmp_path / "people.csv").write_bytes(text)
    error = refusal(spec_for(path=str(tmp_path / "people.csv")))
    assert isinstance(error, DataError)
    assert "line 2, column `surname`" in str(error)
    assert "rcher" not in str(error)


def test_csv_that_is_not_utf8_far_down(spec_for, tmp_path):
    """Too far down for any preview: the reader breaks off in the middle of the stream."""
    lines = people(40_000, 1).write_csv().split("\n")
    lines[30_000] = lines[30_000].replace(",", ",Å", 1)
    (tmp_path / "people.csv").write_bytes("\n".join(lines).encode("latin-1"))
    error = refusal(spec_for(path=str(tmp_path / "people.csv")))
    assert "line 30001, column `given_name`" in str(error)


def test_header_that_is_a_record_is_not_told(spec_for, table, tmp_path):
    (tmp_path / "people.csv").write_text(table.write_csv(include_header=False), encoding="utf-8")
    error = refusal(spec_for(path=str(tmp_path / "people.csv")))
    assert isinstance(error, MissingAttributeError)
    assert "names none of the columns" in str(error)
    told = f"{error} {error.hint} {error.details}"
    assert not [value for value in table.row(0) if value in told]


def test_header_with_spaces_names_the_near_column(spec_for, table, tmp_path):
    spaced = table.rename({name: f" {name} " for name in table.columns})
    spaced.write_csv(tmp_path / "people.csv")
    error = refusal(spec_for(path=str(tmp_path / "people.csv")))
    assert "` surname ` for `surname`" in (error.hint or "")


def test_header_with_one_name_twice(spec_for, table, tmp_path):
    text = table.write_csv().replace("truth", "dob", 1)
    (tmp_path / "people.csv").write_text(text, encoding="utf-8")
    assert "more than one column `dob`" in str(refusal(spec_for(path=str(tmp_path / "people.csv"))))


def test_utf16(spec_for, table, tmp_path):
    (tmp_path / "people.csv").write_bytes(table.write_csv().encode("utf-16"))
    assert "is UTF-16" in str(refusal(spec_for(path=str(tmp_path / "people.csv"))))


@pytest.mark.parametrize(
    ("persons", "text"), [(200, "cannot be read as csv"), (20_000, "broke off after row")]
)
def test_packed_file_that_is_cut_short(spec_for, tmp_path, persons, text):
    packed = gzip.compress(people(persons).write_csv().encode())
    (tmp_path / "people.csv.gz").write_bytes(packed[: len(packed) * 9 // 10])
    error = refusal(spec_for(path=str(tmp_path / "people.csv.gz")))
    assert isinstance(error, DataError)
    assert text in str(error)
    assert error.source == "people"


def test_long_field_that_is_not_utf8(spec_for, table, tmp_path):
    text = table.write_csv().replace("Archer", "Å" + "x" * 200_000, 1).encode("latin-1")
    (tmp_path / "people.csv").write_bytes(text)
    assert "not UTF-8 at line 2" in str(refusal(spec_for(path=str(tmp_path / "people.csv"))))


def test_bad_dates_are_counted_and_set_aside(spec_for, table, tmp_path):
    bad = pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("31 Foo 20x")).otherwise("dob").alias("dob")
    Linker(spec_for(data=table.with_columns(bad)), tmp_path / "run").assess()
    counts = Run(tmp_path / "run").table("attributes").filter(pl.col("attribute") == "born").collect()
    assert counts["invalid"].to_list() == [table.height // 4]


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x00\x01\x02\x7f", "\u202e\u200b", "a\x1fb\x1fc\x1f"])
def test_long_and_strange_text(spec_for, table, tmp_path, text):
    odd = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(text)).otherwise("surname").alias("surname")
    Linker(spec_for(data=table.with_columns(odd)), tmp_path / "run").assess()
    assert Run(tmp_path / "run").summary["records"] == table.height


def test_directory_of_another_run(spec_for, table, tmp_path):
    link(spec_for(data=table), tmp_path / "run")
    error = refusal(spec_for(data=people(50)), tmp_path / "run")
    assert isinstance(error, RunError)


def test_directory_of_a_run_that_failed(spec_for, table, tmp_path):
    refusal(spec_for(data=table, linkage=Linkage(max_pairs=5)), tmp_path / "run")
    with pytest.raises(RunError, match="unfinished"):
        Run(tmp_path / "run")
    assert "a run that did not end" in str(refusal(spec_for(data=table), tmp_path / "run"))


def test_model_of_an_earlier_run(spec_for, table, tmp_path):
    first = assess(spec_for(data=table), tmp_path / "first")
    model = str(tmp_path / "first" / "model.json")
    again = assess(spec_for(data=table, linkage=Linkage(model=model)), tmp_path / "again")
    assert again.summary["links"] == first.summary["links"] > 0
    assert again.model()["choice"]["reason"] == first.model()["choice"]["reason"]
    assert again.model()["matches"] == pytest.approx(first.model()["matches"])


def test_model_that_does_not_fit(spec_for, table, tmp_path):
    link(spec_for(data=table), tmp_path / "first")
    path = tmp_path / "first" / "model.json"
    attributes = {name: ATTRIBUTES[name] for name in ("name", "born")}
    other = refusal(spec_for(data=table, attributes=attributes, linkage=Linkage(model=str(path))))
    assert isinstance(other, RunError)
    assert "other comparisons" in str(other)
    tree = json.loads(path.read_text(encoding="utf-8"))
    tree["comparisons"][0]["levels"][0]["m"] = -5
    for text in (json.dumps(tree), "{}", "no model"):
        path.write_text(text, encoding="utf-8")
        assert "the saved model" in str(refusal(spec_for(data=table, linkage=Linkage(model=str(path)))))
    with pytest.raises(FileNotFoundError):
        Linker(
            spec_for(data=table, linkage=Linkage(model=str(tmp_path / "none.json"))), tmp_path / "x"
        ).train()
    assert not (tmp_path / "x").exists()


def test_directory_with_other_files(spec_for, table, tmp_path):
    (tmp_path / "thesis.txt").write_text("do not lose me")
    error = refusal(spec_for(data=table), tmp_path)
    assert isinstance(error, RunError)
    assert (tmp_path / "thesis.txt").read_text() == "do not lose me"


def test_failed_linker_does_not_go_on(spec_for, table):
    linker = Linker(spec_for(data=table.clear()))
    with pytest.raises(DataError):
        linker.train()
    with pytest.raises(RunError, match="cannot go on"):
        linker.train()


@pytest.mark.parametrize("data", [3, "people.csv", [{"a": 1}]])
def test_data_that_is_no_table(spec_for, data):
    assert "is no table" in str(refusal(spec_for(data=data)))


def test_record_level_tables_need_purpose_and_controller(spec_for, table, tmp_path):
    for records in (False, True):
        run = link(spec_for(data=table, records=records), tmp_path / str(records))
        if records:
            assert run.entities().collect().height >= table.height
            assert run.links().collect().height > 0
        else:
            assert not (run.path / "entities.parquet").exists()
            assert not (run.path / "links.parquet").exists()
            with pytest.raises(RunError, match="no `entities"):
                run.entities()


def test_run_that_is_none(tmp_path):
    with pytest.raises(RunError, match="no such run directory"):
        Run(tmp_path / "nothing")
    with pytest.raises(RunError, match="no run in the directory"):
        Run(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match="is not JSON"):
        Run(tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(RunError, match="not one of linkrisk"):
        Run(tmp_path)
    (tmp_path / "manifest.json").write_text('{"versions": {"linkrisk": "9"}, "format_version": 99}')
    with pytest.raises(RunError, match="another version"):
        Run(tmp_path)
