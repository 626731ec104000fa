from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from linkrisk import Attribute, Source
from linkrisk.errors import AttributeTypeError, DataError, MissingAttributeError
from linkrisk.sources import open_source, truth_of


def read(table, size: int = 1_000) -> pl.DataFrame:
    """What the engine would receive."""
    return pl.DataFrame(table.batches(size))


def one(data=None, *, kind="text", column="x", **source) -> Source:
    attribute = Attribute(column=column, kind=kind)
    return Source(name="s", data=data, attributes={"value": attribute}, **source)


def values(data, kind="text", column="x") -> list[object]:
    return read(open_source(one(pl.DataFrame(data), kind=kind, column=column)))["value"].to_list()


@pytest.fixture
def plain() -> pl.DataFrame:
    return pl.DataFrame({"x": ["a", "b", None, "d"], "y": ["1", "2", "3", "4"], "t": ["p", "p", "q", "q"]})


WRITERS = {
    "t.parquet": lambda frame, path: frame.write_parquet(path),
    "t.csv": lambda frame, path: frame.write_csv(path),
    "t.csv.gz": lambda frame, path: path.write_bytes(gzip.compress(frame.write_csv().encode())),
    "t.csv.zst": lambda frame, path: frame.write_csv(path, compression="zstd"),
    "t.ndjson": lambda frame, path: frame.write_ndjson(path),
    "t.ndjson.gz": lambda frame, path: frame.write_ndjson(path, compression="gzip"),
    "t.ndjson.zst": lambda frame, path: frame.write_ndjson(path, compression="zstd"),
    "t.jsonl": lambda frame, path: frame.write_ndjson(path),
    "t.jsonl.gz": lambda frame, path: frame.write_ndjson(path, compression="gzip"),
    "t.jsonl.zst": lambda frame, path: frame.write_ndjson(path, compression="zstd"),
    "t.arrow": lambda frame, path: frame.write_ipc(path),
    "t.ipc": lambda frame, path: frame.write_ipc(path),
    "t.feather": lambda frame, path: frame.write_ipc(path),
    "T.PARQUET": lambda frame, path: frame.write_parquet(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_open_source_every_format(plain, tmp_path, name):
    WRITERS[name](plain, tmp_path / name)
    source = one(path=str(tmp_path / name), id="y", truth="t")
    frame = read(open_source(source))
    assert frame.to_dict(as_series=False) == {"value": plain["x"].to_list(), "__id": plain["y"].to_list()}
    truth = truth_of(source).collect()
    assert truth["record"].to_list() == [0, 1, 2, 3]
    assert truth["truth"].to_list() == plain["t"].to_list()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_separators_and_byte_order_mark(plain, tmp_path, separator):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbf" + plain.write_csv(separator=separator).encode())
    assert read(open_source(one(path=str(path))))["value"].to_list() == plain["x"].to_list()


def test_csv_keeps_leading_zeros(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x\n007\n1e5\n", encoding="utf-8")
    assert read(open_source(one(path=str(path))))["value"].to_list() == ["007", "1e5"]


def test_ndjson_numbers_that_become_words(tmp_path):
    path = tmp_path / "t.ndjson"
    path.write_text('{"x": 12}\n{"x": "A-12"}\n{"y": 1}\n{"x": null}\n', encoding="utf-8")
    assert read(open_source(one(path=str(path))))["value"].to_list() == ["12", "A-12", None, None]


def test_glob_and_folder_number_records_in_file_order(plain, tmp_path):
    for i in (2, 1, 3):
        (tmp_path / str(i)).mkdir()
        plain.with_columns(x=pl.lit(f"file {i}")).write_parquet(tmp_path / str(i) / "part.parquet")
    expected = [f"file {i}" for i in (1, 2, 3) for _ in range(4)]
    for path in (tmp_path, tmp_path / "*/part.parquet", tmp_path / "**/*.parquet"):
        assert read(open_source(one(path=str(path))))["value"].to_list() == expected


def test_files_may_differ_within_a_family(tmp_path):
    pl.DataFrame({"x": pl.Series([1, 2], dtype=pl.Int32), "extra": [1, 1]}).write_parquet(
        tmp_path / "a.parquet"
    )
    pl.DataFrame({"x": pl.Series([3], dtype=pl.Int64)}).write_parquet(tmp_path / "b.parquet")
    pl.DataFrame({"x": [None]}).write_parquet(tmp_path / "c.parquet")
    table = open_source(one(path=str(tmp_path / "*.parquet")))
    assert read(table)["value"].to_list() == ["1", "2", "3", None]


def test_files_of_different_types_are_named(tmp_path):
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"x": ["1"]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(AttributeTypeError, match=r"`x` is Int64 in `a\.parquet` and String in `b\.parquet`"):
        open_source(one(path=str(tmp_path / "*.parquet")))


def test_file_without_the_column_is_named(plain, tmp_path):
    plain.write_parquet(tmp_path / "a.parquet")
    plain.drop("x").write_parquet(tmp_path / "b.parquet")
    with pytest.raises(MissingAttributeError, match=r"`b\.parquet`"):
        open_source(one(path=str(tmp_path / "*.parquet")))


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pl.Series("x", [1, None], dtype=pl.Int8), ["1", None]),
        (pl.Series("x", [2**63, None], dtype=pl.UInt64), [str(2**63), None]),
        (pl.Series("x", [13800000000.0, None, float("nan"), 0.5]), ["13800000000", None, None, "0.5"]),
        (pl.Series("x", ["a", None], dtype=pl.Categorical), ["a", None]),
        (pl.Series("x", ["a", None], dtype=pl.Enum(["a"])), ["a", None]),
        (pl.Series("x", [None, None]), [None, None]),
        (pl.Series("x", ["12.00", "1.50"]).cast(pl.Decimal(8, 2)), ["12", "1.50"]),
    ],
)
def test_scalars_become_text(series, expected):
    assert values({"x": series}) == expected


def test_typed_columns_keep_their_type():
    day, moment = dt.date(1990, 1, 2), dt.datetime(2020, 1, 1, 8, 0)
    assert values({"x": [day]}, "birth_date") == [day]
    assert values({"x": [moment]}, "birth_date") == [moment.date()]
    assert values({"x": [moment]}, "time") == [moment]
    assert values({"x": [day]}, "time") == [dt.datetime(1990, 1, 2)]
    assert values({"x": [41]}, "age") == [41]
    zoned = pl.Series("x", [moment]).dt.replace_time_zone("Asia/Shanghai")
    assert values({"x": zoned}, "time") == [dt.datetime(2020, 1, 1, 0, 0)]


@pytest.mark.parametrize(
    "series",
    [
        pl.Series("x", [[0.5, 1.0]], dtype=pl.List(pl.Float32)),
        pl.Series("x", [[0.5, 1.0]], dtype=pl.Array(pl.Float64, 2)),
        pl.Series("x", [[1, 2]], dtype=pl.List(pl.Int8)),
        pl.Series("x", [b"\x01\x02"], dtype=pl.Binary),
    ],
)
def test_vectors_pass_through(series):
    assert open_source(one(pl.DataFrame(series), kind="face")).frame.collect_schema()["value"] == series.dtype


def test_whole_number_vectors_become_floats():
    table = open_source(one(pl.DataFrame({"x": [[1, 2]]}), kind="face"))
    assert table.frame.collect_schema()["value"] == pl.List(pl.Float32)


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pl.Series("x", [b"a"]), "person_name"),
        (pl.Series("x", [["a"]]), "person_name"),
        (pl.Series("x", [True]), "phone"),
        (pl.Series("x", [dt.date(2020, 1, 1)]), "phone"),
        (pl.Series("x", [dt.time(1)]), "time"),
        (pl.Series("x", ["abc"]), "face"),
        (pl.Series("x", [["a"]]), "face"),
        (pl.Series("x", [9.9e17]), "cn_resident_id"),
        (pl.Series("x", [{"a": 1}]), "text"),
    ],
)
def test_types_a_kind_cannot_be_read_from(series, kind):
    with pytest.raises(AttributeTypeError) as caught:
        open_source(one(pl.DataFrame(series), kind=kind))
    assert (caught.value.source, caught.value.attribute) == ("s", "value")
    assert caught.value.found == str(series.dtype)
    assert caught.value.hint


def test_several_columns_are_joined():
    data = {"g": ["Anna", None, None, "a\x1fb"], "f": ["Archer", "Baker", None, "c"]}
    expected = ["Anna\x1fArcher", "\x1fBaker", None, "a b\x1fc"]
    assert values(data, "person_name", ("g", "f")) == expected


def test_id_types():
    assert read(open_source(one(pl.DataFrame({"x": ["a"], "i": [7]}), id="i")))["__id"].to_list() == ["7"]
    with pytest.raises(AttributeTypeError, match="id column `i`"):
        open_source(one(pl.DataFrame({"x": ["a"], "i": [0.5]}), id="i"))


def test_lazy_frame_and_batches(plain):
    table = open_source(one(plain.lazy()))
    assert [batch.height for batch in table.batches(3)] == [3, 1]
    assert read(table, 1)["value"].to_list() == plain["x"].to_list()


class OneShot:
    """A stream that says how often it was opened."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self.opened = 0

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        self.opened += 1
        return self.frame.to_arrow().__arrow_c_stream__(requested_schema)


def test_one_shot_stream_is_opened_once(plain):
    stream = OneShot(plain)
    table = open_source(one(stream, id="y"))
    assert read(table)["value"].to_list() == plain["x"].to_list()
    assert stream.opened == 1


def test_record_batch_reader(plain):
    batches = plain.to_arrow().to_batches(max_chunksize=1)
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    assert read(open_source(one(reader)))["value"].to_list() == plain["x"].to_list()


def test_truth_where_there_is_none(plain):
    with pytest.raises(DataError, match="states no truth"):
        truth_of(one(plain))


def test_relative_path(plain, tmp_path, monkeypatch):
    plain.write_parquet(tmp_path / "t.parquet")
    monkeypatch.chdir(tmp_path)
    assert open_source(one(path="t.parquet")).files == [Path("t.parquet")]
