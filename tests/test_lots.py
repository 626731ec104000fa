"""Parquet files are read a lot at a time, in order, in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from linkrisk import Attribute, Source
from linkrisk._linkrisk import row_groups
from linkrisk.errors import DataError
from linkrisk.lots import Piece, ahead, lots_of
from linkrisk.sources import open_source

COLUMNS = ["name", "number"]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Files of several row groups, of one, and of none."""
    paths = []
    for at, (rows, group) in enumerate([(1_000, 300), (50, 50), (0, 10), (700, 100), (10, 10)]):
        path = tmp_path / f"{at}.parquet"
        number = pl.int_range(rows) + at * 10_000
        table = pl.select(name=pl.format("Ada Example {}", number), number=number, other=pl.lit("x"))
        table.write_parquet(path, row_group_size=group)
        paths.append(path)
    return paths


@pytest.mark.parametrize("most", [1, 2_000, 9_000, 20_000, 10**9])
def test_lots_hold_every_row_once_and_no_more_than_they_may(files: list[Path], most: int) -> None:
    lots = list(lots_of(files, COLUMNS, most))
    pieces = [piece for lot in lots for piece in lot]
    rows = [(file, row) for file, start, rows in pieces for row in range(start, start + rows)]
    assert rows == [(at, row) for at, n in enumerate([1_000, 50, 0, 700, 10]) for row in range(n)]
    # A row of two numbers and a text takes some 45 bytes, and a lot holds one at the least.
    assert all(sum(piece.rows for piece in lot) <= max(most // 30, 1) for lot in lots)
    if most == 10**9:
        assert lots == [[Piece(0, 0, 1_000), Piece(1, 0, 50), Piece(3, 0, 700), Piece(4, 0, 10)]]


def test_sizes_are_those_of_the_columns_that_are_read(files: list[Path]) -> None:
    groups = row_groups(files[0], COLUMNS)
    assert [rows for rows, _ in groups] == [300, 300, 300, 100]
    names = [size for _, size in row_groups(files[0], ["name"])]
    numbers = [size for _, size in row_groups(files[0], ["number"])]
    assert [a + b for a, b in zip(names, numbers, strict=True)] == [size for _, size in groups]
    assert min(names) > 100 * (16 + len("Ada Example 0"))


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    path.write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(DataError, match=r"people\.parquet") as caught:
        row_groups(path, [])
    assert caught.value.hint


@pytest.mark.parametrize("most", [3_000, 10**9])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
def test_what_is_read_in_lots_is_what_is_read_at_once(files: list[Path], suffix: str, most: int) -> None:
    folder = files[0].parent
    for file in files:
        table = pl.read_parquet(file)
        if file.name.startswith("3"):
            # Another type, which the files do not have in common.
            table = table.with_columns(pl.col("number").cast(pl.Float64) + 0.5)
        if suffix == "csv":
            table.write_csv(file.with_suffix(".csv"))
        elif suffix == "arrow":
            table.write_ipc(file.with_suffix(".arrow"))
        else:
            table.write_parquet(file, row_group_size=128)
    attributes = {name: Attribute(column=name, kind="text") for name in COLUMNS}
    source = Source(name="people", path=str(folder / f"*.{suffix}"), id="name", attributes=attributes)
    opened = open_source(source)
    whole = pl.concat(list(opened.batches(64)))
    assert whole.height == 1_760
    lots = [pl.DataFrame(lot) for lot in opened.lots(64, most)]
    assert pl.concat(lots).equals(whole)
    if suffix != "parquet":
        assert len(lots) == len(files)
    else:
        assert len(lots) == 1 if most == 10**9 else len(lots) > 20


def test_the_next_is_made_while_one_is_read() -> None:
    begun: list[int] = []

    def note(frame: pl.DataFrame) -> pl.DataFrame:
        begun.append(frame["n"][0])
        return frame

    frames = (pl.LazyFrame({"n": [at]}).map_batches(note) for at in range(5))
    given = ahead(frames, 10)
    read = [pl.DataFrame(next(given))["n"].to_list()]
    # The second begins when the first is handed over, on a thread of Polars, and the third is not asked for.
    assert set(begun) <= {0, 1}
    read += [pl.DataFrame(stream)["n"].to_list() for stream in given]
    assert read == [[at] for at in range(5)]
    assert list(ahead([], 10)) == []


MEASURE = """
import json, sys
from linkrisk import Spec
from linkrisk.backends.local import LocalBackend

def peak():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

backend = LocalBackend(Spec.from_toml(sys.argv[1]), sys.argv[2], None)
before = peak()
backend.run("ingest")
engine = json.load(open(sys.argv[2] + "/manifest.json"))["stages"][0]["true_peak_bytes"]
print(json.dumps([before, peak(), engine]))
"""

SPEC = """
[[sources]]
name = "photos"
path = "photos/*.parquet"
[sources.attributes]
photo = { column = "photo", kind = "image_url" }
[run]
memory_limit = "64 MiB"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_many_files_take_little_memory_while_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for at in range(12):
        name = pl.format("a-rather-long-name-{}", at * 1_000_000 + pl.int_range(150_000))
        table = pl.select(photo=pl.format("https://photos.example/{}.jpeg", name))
        table.write_parquet(tmp_path / "photos" / f"{at}.parquet", compression="uncompressed")
    (tmp_path / "linkrisk.toml").write_text(SPEC, encoding="utf-8")
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "linkrisk.toml"), str(tmp_path / "run")]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    before, peak, engine = json.loads(output)
    # 8 MiB are reserved for lots, of which 7 MiB were taken; Polars by itself, reading ahead, took 64 MiB.
    assert engine < 64 << 20
    assert peak - before - engine < 32 << 20
