"""Pairs of similar templates, through `linkrisk.nearest`."""

from __future__ import annotations

import math
import operator
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from linkrisk import nearest
from linkrisk.errors import (
    AttributeTypeError,
    DataError,
    LinkriskError,
    MissingAttributeError,
    RunError,
    SpecError,
)

DIMS = 64
STATED: dict[str, Any] = {"purpose": "a test", "controller": "nobody"}


def vectors(persons: int, copies: int = 2, seed: int = 1) -> list[list[float]]:
    """Makes `copies` captures of each of `persons` invented people: cosines of about 0.7."""
    draw = random.Random(seed)
    rows = []
    for _ in range(persons):
        own = [draw.gauss(0, 1) for _ in range(DIMS)]
        rows += [[x + draw.gauss(0, 0.65) for x in own] for _ in range(copies)]
    return rows


def product(a: list[float], b: list[float]) -> float:
    return sum(map(operator.mul, a, b))


def cosine(a: list[float], b: list[float]) -> float:
    return product(a, b) / math.sqrt(product(a, a) * product(b, b))


def frame(rows: list[list[float]], dtype: Any = None) -> pl.DataFrame:
    return pl.DataFrame({"face": rows}, schema={"face": dtype or pl.Array(pl.Float32, DIMS)})


def found(result: Any) -> dict[tuple[int, int], float]:
    rows = result.pairs().collect().iter_rows()
    return {(record, other): similarity for record, other, similarity in rows}


@pytest.mark.parametrize(
    ("dtype", "within"), [(None, 1e-3), (pl.List(pl.Float64), 1e-3), (pl.List(pl.Float32), 1e-3)]
)
def test_every_pair_above_the_threshold_is_found(dtype: Any, within: float) -> None:
    rows = vectors(120)
    result = nearest(frame(rows, dtype), "face", threshold=0.45, exact=True, **STATED)
    pairs = found(result)
    for left in range(len(rows)):
        for right in range(left + 1, len(rows)):
            true = cosine(rows[left], rows[right])
            if abs(true - 0.45) > within:
                assert ((left, right) in pairs) == (true > 0.45)
            if (left, right) in pairs:
                assert pairs[left, right] == pytest.approx(true, abs=within)
    statement = result.statement
    assert statement["pairs"] == len(pairs) > 100
    assert statement["recall"]["all"]["recall"] == 1.0
    assert statement["sources"]["data"]["usable"] == len(rows)
    assert result.pairs().collect_schema() == {
        "record": pl.UInt64,
        "other": pl.UInt64,
        "similarity": pl.Float32,
    }


def test_rows_that_hold_no_template_keep_their_numbers() -> None:
    rows: list[Any] = vectors(100)
    rows[0] = None
    rows[3] = [0.0] * DIMS
    rows[5] = [1.0] * (DIMS - 1)
    table = pl.DataFrame({"face": rows}, schema={"face": pl.List(pl.Float32)})
    result = nearest(table, "face", threshold=0.45, **STATED)
    tally = result.statement["sources"]["data"]
    assert (tally["records"], tally["usable"]) == (200, 197)
    assert (tally["blank"], tally["zero"], tally["other_length"]) == (1, 1, 1)
    assert (6, 7) in found(result)
    assert not {0, 3, 5} & {row for pair in found(result) for row in pair}


def test_two_tables_give_the_pairs_between_them(tmp_path: Path) -> None:
    rows = vectors(150)
    frame(rows[0::2]).write_parquet(tmp_path / "a.parquet")
    result = nearest(tmp_path / "a.parquet", "face", other=frame(rows[1::2]), threshold=0.45, **STATED)
    pairs = found(result)
    assert sum((person, person) in pairs for person in range(150)) > 130
    assert result.statement["compared"] == 150 * 150
    within = nearest(frame(rows), "face", threshold=0.45, **STATED)
    assert set(pairs) == {
        (min(p, q) // 2, max(p, q) // 2) if p % 2 == 0 else (q // 2, p // 2)
        for p, q in found(within)
        if p % 2 != q % 2
    }


def test_the_same_pairs_for_any_memory_and_threads(tmp_path: Path) -> None:
    table = frame(vectors(3_000))
    whole = nearest(table, "face", threshold=0.5, **STATED)
    small = nearest(
        table.lazy(), "face", threshold=0.5, memory_limit=6 << 20, threads=1, out=tmp_path / "out", **STATED
    )
    assert found(whole) == found(small)
    assert len(found(whole)) > 2_000
    assert (tmp_path / "out" / "pairs.parquet").is_file()


def test_pairs_need_a_purpose_and_a_controller(tmp_path: Path) -> None:
    table = frame(vectors(100))
    for stated in ({}, {"purpose": "a test"}, {"purpose": " ", "controller": "nobody"}):
        result = nearest(table, "face", out=tmp_path / "out", **stated)
        assert result.statement["pairs"] > 90
        with pytest.raises(RunError, match="not written"):
            result.pairs()
    assert not (tmp_path / "out").exists()


def test_a_set_of_few_is_a_search_for_somebody() -> None:
    many, few = frame(vectors(100)), frame(vectors(49))
    for table, other in ((few, None), (many, few), (few, many)):
        with pytest.raises(DataError, match="98 usable") as caught:
            nearest(table, "face", other=other, **STATED)
        assert caught.value.hint


def test_a_cap_is_counted() -> None:
    rows = vectors(60, copies=6)
    free = nearest(frame(rows), "face", threshold=0.45, **STATED)
    capped = nearest(frame(rows), "face", threshold=0.45, cap=2, **STATED)
    assert capped.statement["capped"]["records"] > 300
    assert len(found(free)) - len(found(capped)) == capped.statement["capped"]["pairs"] > 0
    assert set(found(capped)) < set(found(free))
    counts = pl.concat([pl.Series([p[side] for p in found(capped)]) for side in (0, 1)]).value_counts()
    assert counts["count"].max() <= 2


def test_a_distance_becomes_a_cosine() -> None:
    rows = [[x / math.sqrt(product(row, row)) for x in row] for row in vectors(100)]
    by_distance = nearest(frame(rows), "face", metric="l2", threshold=math.sqrt(2 - 2 * 0.45), **STATED)
    by_cosine = nearest(frame(rows), "face", threshold=0.45, **STATED)
    assert by_distance.statement["threshold"] == pytest.approx(0.45, abs=1e-6)
    assert found(by_distance).keys() ^ found(by_cosine).keys() == set()


def test_centring_undoes_what_a_table_has_in_common() -> None:
    shifted = [[x + 2.0 for x in row] for row in vectors(200)]
    plain = nearest(frame(shifted), "face", threshold=0.5)
    centred = nearest(frame(shifted), "face", threshold=0.5, centre=True)
    assert plain.statement["pairs"] > 70_000
    assert 180 < centred.statement["pairs"] < 400


@pytest.mark.parametrize(
    ("column", "options", "error"),
    [
        ("face", {"threshold": 0.0}, SpecError),
        ("face", {"threshold": 1.5}, SpecError),
        ("face", {"threshold": math.nan}, SpecError),
        ("face", {"metric": "l1"}, SpecError),
        ("face", {"cap": 0}, SpecError),
        ("fase", {}, MissingAttributeError),
        ("name", {}, AttributeTypeError),
        ("short", {}, DataError),
    ],
)
def test_what_makes_no_sense_is_refused(column: str, options: dict[str, Any], error: type[LinkriskError]) -> None:
    table = frame(vectors(100)).with_columns(
        name=pl.lit("x"), short=pl.lit([1.0, 2.0], dtype=pl.List(pl.Float32))
    )
    with pytest.raises(error) as caught:
        nearest(table, column, **options)
    assert caught.value.hint


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(RunError):
        nearest(frame(vectors(100)), "face", out=tmp_path, **STATED)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
