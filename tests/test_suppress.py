from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkrisk.suppress import Cell, Sum, rounded_count, rounding_base, suppress

MINIMUM = 5
# Small counts are frequent in these tables: they are what the tests are about.
counts_of_cells = st.one_of(st.integers(0, 7), st.integers(0, 60))


def group(values: list[int]) -> tuple[dict[str, int], list[Sum[str]]]:
    parts = {f"c{i}": value for i, value in enumerate(values)}
    return {"total": sum(values)} | parts, [Sum("total", tuple(parts))]


def two_way(rows: list[list[int]]) -> tuple[dict[str, int], list[Sum[str]]]:
    height, width = len(rows), len(rows[0])
    counts = {f"c{i}{j}": rows[i][j] for i in range(height) for j in range(width)}
    sums = []
    for i in range(height):
        counts[f"row{i}"] = sum(rows[i])
        sums.append(Sum(f"row{i}", tuple(f"c{i}{j}" for j in range(width))))
    for j in range(width):
        counts[f"column{j}"] = sum(row[j] for row in rows)
        sums.append(Sum(f"column{j}", tuple(f"c{i}{j}" for i in range(height))))
    counts["total"] = sum(map(sum, rows))
    sums.append(Sum("total", tuple(f"row{i}" for i in range(height))))
    sums.append(Sum("total", tuple(f"column{j}" for j in range(width))))
    return counts, sums


def recoverable(published: dict[str, Cell], sums: list[Sum[str]]) -> set[str]:
    """The hidden cells that exact elimination over the rationals gives back."""
    hidden = [key for key, cell in published.items() if cell.hidden]
    rows = []
    for relation in sums:
        row = [Fraction(0)] * len(hidden)
        for key, sign in ((relation.total, 1), *((part, -1) for part in relation.parts)):
            if key in hidden:
                row[hidden.index(key)] += sign
        rows.append(row)
    done: list[list[Fraction]] = []
    for column in range(len(hidden)):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        pivot = [value / pivot[column] for value in pivot]
        rows = [[v - row[column] * p for v, p in zip(row, pivot, strict=True)] for row in rows]
        done = [[v - row[column] * p for v, p in zip(row, pivot, strict=True)] for row in done]
        done.append(pivot)
    return {hidden[row.index(Fraction(1))] for row in done if sum(bool(value) for value in row) == 1}


@settings(max_examples=200, deadline=None)
@given(st.lists(counts_of_cells, min_size=1, max_size=7))
def test_suppress_group_hides_every_small_count_and_nothing_is_recovered(values):
    counts, sums = group(values)
    published = suppress(counts, sums, MINIMUM)
    for key, count in counts.items():
        assert published[key].hidden or published[key].value == count
        assert (published[key].reason == "small") == (0 < count < MINIMUM)
    assert not recoverable(published, sums)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda w: st.lists(st.lists(counts_of_cells, min_size=w, max_size=w), min_size=1, max_size=4)
    )
)
def test_suppress_two_way_table_with_both_margins_recovers_nothing(rows):
    counts, sums = two_way(rows)
    published = suppress(counts, sums, MINIMUM)
    assert all(published[key].hidden for key, count in counts.items() if 0 < count < MINIMUM)
    assert not recoverable(published, sums)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=4))
def test_suppress_group_leaves_each_small_count_its_whole_range(values):
    """By trying every table: a reader who knows the marks still holds 1 to 4 possible."""
    counts, sums = group(values)
    published = suppress(counts, sums, MINIMUM)
    if published["total"].hidden:
        return
    options: list[Iterable[int]] = []
    for key in sums[0].parts:
        cell = published[key]
        if not cell.hidden:
            assert cell.value is not None
            options.append([cell.value])
        else:
            options.append(
                range(1, MINIMUM) if cell.reason == "small" else range(MINIMUM, counts["total"] + 1)
            )
    possible = [table for table in product(*options) if sum(table) == counts["total"]]
    for place, key in enumerate(sums[0].parts):
        if published[key].reason == "small":
            assert {table[place] for table in possible} == set(range(1, MINIMUM))


def test_suppress_one_small_count_hides_the_next_smallest_that_protects_it():
    counts, sums = group([3, 40, 500, 900])
    published = suppress(counts, sums, 11)
    assert published["c0"] == Cell(None, "small")
    assert published["c1"] == Cell(None, "complementary")
    assert published["c2"].value == 500
    assert published["total"].value == 1_443


def test_suppress_without_small_counts_shows_all():
    counts, sums = group([0, 11, 12])
    assert all(not cell.hidden for cell in suppress(counts, sums, 11).values())


def test_suppress_all_ones_do_not_follow_from_their_sum():
    # 1 + 1 with a total of 12 and a 10 beside: the two ones would be certain if the ten were shown.
    counts, sums = group([1, 1, 10, 40])
    assert suppress(counts, sums, 5)["c2"].hidden


def test_suppress_rounded_total_of_hidden_part_keeps_it_hidden():
    counts = {"a": 3, "b": 1_003, "rounded": 1_006, "rest": 5_000, "total": 6_006}
    sums = [Sum("rounded", ("a", "b")), Sum("total", ("a", "b", "rest"))]
    published = suppress(counts, sums, 11, rounded={"rounded"})
    assert published["a"].reason == "small"
    assert sum(published[key].hidden for key in ("b", "rest", "total")) >= 1


@given(st.integers(0, 10**9), st.integers(5, 60))
def test_rounded_count_is_near_and_no_finer_than_the_minimum(count, minimum):
    base = rounding_base(count, minimum)
    assert base >= minimum - 1
    assert rounded_count(count, minimum) % base == 0
    assert abs(rounded_count(count, minimum) - count) <= (
        base / 2 if count >= minimum + base else minimum + base
    )
    assert not 0 < rounded_count(count, minimum) < minimum


@pytest.mark.parametrize(
    ("counts", "sums", "minimum", "message"),
    [
        ({"a": 1}, [], 4, "at least 5"),
        ({"a": -1}, [], 5, "negative"),
        ({"a": 3, "b": 1}, [Sum("a", ("b",))], 5, "must hold"),
    ],
)
def test_suppress_refuses_what_makes_no_sense(counts, sums, minimum, message):
    with pytest.raises(ValueError, match=message):
        suppress(counts, sums, minimum)
