"""Normalisers, on columns of values as they come."""

from __future__ import annotations

import json

import polars as pl
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from linkrisk._linkrisk import normalise

ROWS = 200_000

# Values of the ranges that belong to nobody: region 990000, 01xxx numbers of fiction, example.com.
VALUES = {
    "person_name": ["Ada  Lovelace", "LOVELACE, Ada", "José García", "王小明", "O'Neill, Mary-Jane"],
    "birth_date": ["1990-01-31", "31.01.1990", "19900131", "1990/1/31", "n/a"],
    "phone": ["+44 7700 900123", "07700 900 456", "(01632) 960001", "none", "+447700900789"],
    "email": ["A.Person@Example.com", "b+c@example.org", "no mail", "d@example.net", "e@sub.example.com"],
    "plate": ["AB12 CDE", "ab-12-cde", "A812CDE", "XY 99 ZZZ", "-"],
    "address": ["12 Station Road", "12, station rd.", "Flat 3, 7 High Street", "", "PO Box 11"],
}
OPTIONS = {"phone": {"region": "GB"}, "plate": {"scheme": "generic"}}


@pytest.mark.parametrize("kind", VALUES)
def bench_normalise(benchmark: BenchmarkFixture, kind: str) -> None:
    column = pl.Series(VALUES[kind] * (ROWS // len(VALUES[kind])))
    options = json.dumps(OPTIONS.get(kind, {}))
    # The plain string type: what it takes to make one of Polars' views is not what is measured.
    benchmark(normalise, kind, options, column.to_arrow())
    assert benchmark.stats is not None
    benchmark.extra_info["rows_per_second"] = round(ROWS / benchmark.stats.stats.median)
