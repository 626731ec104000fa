"""Input that cannot be used: one clear error each, before long work, without a raw value."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest

from linkrisk import BlockingRule, Linkage, Linker, Run, assess, link
from linkrisk.errors import (
    AttributeTypeError,
    DataError,
    MissingAttributeError,
    RecordError,
    RunError,
    SpecError,
)

from .conftest import ATTRIBUTES, people, refusal


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


PACKED = [(kind, packed) for kind in ("csv", "ndjson") for packed in ("gz", "zst")]


@pytest.mark.parametrize(("kind", "packed"), PACKED)
@pytest.mark.parametrize(("persons", "text"), [(200, "cannot be read as"), (20_000, "broke off after row")])
def test_packed_file_that_is_cut_short(spec_for, tmp_path, kind, packed, persons, text):
    path, table = tmp_path / f"people.{kind}.{packed}", people(persons)
    write = table.write_csv if kind == "csv" else table.write_ndjson
    write(path, compression="gzip" if packed == "gz" else "zstd")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    error = refusal(spec_for(path=str(path)))
    assert isinstance(error, DataError)
    assert text in str(error)
    assert error.source == "people"


def test_packed_file_that_is_not_utf8(spec_for, table, tmp_path):
    text = table.write_csv().replace("Archer", "Årcher", 1).encode("latin-1")
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(text))
    assert "not UTF-8 at line 2" in str(refusal(spec_for(path=str(tmp_path / "people.csv.gz"))))


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
