"""Pairs of similar templates, through `linkrisk.nearest`."""

from __future__ import annotations

import math
import operator
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
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
    incomplete: list[dict[str, Any]] = [{}, {"purpose": "a test"}, {"purpose": " ", "controller": "nobody"}]
    for stated in incomplete:
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
    counts = Counter(row for pair in found(capped) for row in pair)
    assert max(counts.values()) <= 2


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
        ("face", {"method": "ivf"}, SpecError),
        ("face", {"method": "partitions", "exact": True}, SpecError),
        ("face", {"threshold": "auto", "metric": "l2"}, SpecError),
        ("face", {"threshold": "auto", "false_links": 0.0}, SpecError),
        ("face", {"resume": True}, SpecError),
        ("face", {"resume": True, "metric": "hamming"}, SpecError),
        ("face", {"metric": "hamming", "threshold": 0.5}, SpecError),
        ("face", {"metric": "hamming", "cap": 3}, SpecError),
        ("face", {"metric": "hamming"}, AttributeTypeError),
        ("code", {}, AttributeTypeError),
        ("fase", {}, MissingAttributeError),
        ("name", {}, AttributeTypeError),
        ("short", {}, DataError),
    ],
)
def test_what_makes_no_sense_is_refused(
    column: str, options: dict[str, Any], error: type[LinkriskError]
) -> None:
    table = frame(vectors(100)).with_columns(
        name=pl.lit("x"), code=pl.lit(b"x"), short=pl.lit([1.0, 2.0], dtype=pl.List(pl.Float32))
    )
    with pytest.raises(error) as caught:
        nearest(table, column, **options)
    assert caught.value.hint


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(RunError):
        nearest(frame(vectors(100)), "face", out=tmp_path, **STATED)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_it_stops_when_the_callback_raises(tmp_path: Path) -> None:
    table = frame(vectors(6_000, copies=5))
    stages = []

    def stop(event: dict[str, Any]) -> None:
        stages.append(event["stage"])
        if event["stage"] == "nearest":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        # A low threshold: nearly all pairs are multiplied in full, which takes seconds.
        nearest(table, "face", threshold=0.3, exact=True, out=tmp_path, progress=stop, **STATED)
    assert stages[-1] == "nearest"
    assert not any(tmp_path.iterdir())


def test_iris_codes_are_compared_by_hamming_distance() -> None:
    draw = random.Random(1)
    rows: list[bytes | None] = []
    for _ in range(60):
        code = draw.getrandbits(2_048)
        for turn in (0, 3):
            # An eighth of the bits differ, and the head is turned by three angles of 16 bits.
            noise = draw.getrandbits(2_048) & draw.getrandbits(2_048) & draw.getrandbits(2_048)
            taken = (code ^ noise).to_bytes(256, "little")
            rows.append(taken[256 - 2 * turn :] + taken[: 256 - 2 * turn] + b"\xff" * 256)
    rows[10] = None
    table = pl.DataFrame({"iris": rows}, schema={"iris": pl.Binary})
    result = nearest(table, "iris", metric="hamming", **STATED)
    assert set(found(result)) == {(at, at + 1) for at in range(0, 120, 2) if at != 10}
    assert result.pairs().collect_schema().names() == ["record", "other", "distance"]
    assert max(found(result).values()) < 0.32
    tally = result.statement["sources"]["data"]
    assert (result.statement["pairs"], tally["usable"], tally["blank"]) == (59, 119, 1)


def test_a_threshold_is_chosen_for_a_number_of_false_links() -> None:
    # Nobody twice: every pair is a false link.
    strangers = frame(vectors(4_000, copies=1))
    result = nearest(strangers, "face", threshold="auto", false_links=50.0, exact=True)
    chosen = result.statement["chosen"]
    assert result.statement["threshold"] == chosen["threshold"]
    assert chosen["false_links"] <= 50
    assert not chosen["beyond"]
    assert 25 <= result.statement["pairs"] <= 100
    # Pairs of one person are no false links, and hardly move it.
    people = nearest(frame(vectors(2_000)), "face", threshold="auto", false_links=50.0, exact=True)
    assert people.statement["threshold"] == pytest.approx(chosen["threshold"], abs=0.05)
    assert people.statement["pairs"] > 1_500
    # Fewer than what the pairs can tell are not claimed without a word.
    assert nearest(strangers, "face", threshold="auto", false_links=1e-4).statement["chosen"]["beyond"]


def test_cells_find_what_is_stated() -> None:
    table = frame(vectors(3_000))
    everything = nearest(table, "face", threshold=0.5, exact=True, **STATED)
    cells = nearest(table, "face", threshold=0.5, method="partitions", **STATED)
    assert cells.statement["partition"]["cells"] >= 256
    assert set(found(cells)) < set(found(everything))
    realised = len(found(cells)) / len(found(everything))
    assert realised == pytest.approx(cells.statement["recall"]["all"]["recall"], abs=0.01)
    assert realised > 0.98
    assert everything.statement["partition"] is None


CHILD = """
import sys, linkrisk
linkrisk.nearest(sys.argv[1], "face", threshold=0.4, exact=True, out=sys.argv[2], resume=True,
                 memory_limit=10 << 20, threads=2, purpose="a test", controller="nobody")
"""


def test_a_join_that_was_killed_goes_on(tmp_path: Path) -> None:
    table, out = tmp_path / "faces.parquet", tmp_path / "out"
    frame(vectors(10_000)).write_parquet(table)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(table), str(out)], env=dict(os.environ))
    log = out / "state" / "pairs-passes"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size > 0) and time.monotonic() < deadline:
        assert child.poll() is None, "it was over before it could be killed"
        time.sleep(0.0005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert log.stat().st_size > 0
    assert not (out / "pairs.parquet").exists()
    options: dict[str, Any] = {"exact": True, "out": out, "resume": True, **STATED}
    with pytest.raises(RunError, match="`threshold` differ"):
        nearest(table, "face", threshold=0.45, **options)
    with pytest.raises(RunError, match="`templates` of `data` has changed"):
        nearest(frame(vectors(10_000, seed=2)), "face", threshold=0.4, **options)
    went_on = nearest(table, "face", threshold=0.4, memory_limit=9 << 20, threads=1, **options)
    assert 1 <= went_on.statement["tasks_before"] < went_on.statement["tasks"]
    whole = nearest(table, "face", threshold=0.4, exact=True, **STATED)
    assert whole.pairs().collect().equals(went_on.pairs().collect())
    assert not (out / "state").exists()
    # A finished one says what it said.
    again = nearest(table, "face", threshold=0.4, **options)
    assert again.statement == went_on.statement
