"""The expression namespace: one method a kind, canonical text out, null where nothing is usable."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import linkrisk  # noqa: F401  # registers the namespace
from linkrisk.errors import SpecError
from linkrisk.expressions import LinkriskExpressions
from linkrisk.kinds import KINDS

TEMPLATES = {"face", "iris", "fingerprint"}

CASES = [
    ("cn_resident_id", {}, "９９００００-19900101-0017", "990000199001010017"),
    ("cn_resident_id", {}, "110105491231002", "11010519491231002X"),
    ("cn_resident_id", {}, "99000019900101****", "99000019900101****"),
    ("cn_resident_id", {}, "9900001990010*0017", "990000199001010017"),
    ("cn_resident_id", {}, "990000199001010018", None),
    ("aadhaar", {}, "9999 4105 7058", "999941057058"),
    ("aadhaar", {}, "999941057059", None),
    ("us_ssn", {}, "666-12-1234", None),
    ("travel_document", {"country": "UTO"}, "l898902-c3", "UTO:L898902C3"),
    (
        "travel_document",
        {},
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "UTO:L898902C3",
    ),
    ("plate", {"scheme": "cn"}, "京a·12345", "京A12345"),
    ("plate", {"scheme": "cn"}, "沪AD1234O", "沪AD12340"),
    ("plate", {"scheme": "cn"}, "AB 123", None),
    ("plate", {}, "ab 123", "AB123"),
    ("phone", {"region": "GB"}, "07700 900123", "+447700900123"),
    ("phone", {}, "+44 (0)7700 900123", "+447700900123"),
    ("phone", {"region": "US"}, "(212) 555-0142", "+12125550142"),
    ("email", {}, " Anna@Example.COM", "anna@example.com"),
    ("person_name", {}, "ERIKSSON, Anna Maria", "anna maria eriksson"),
    ("person_name", {}, "Xiao-Ming ZHANG", "xiaoming zhang"),
    ("person_name", {}, "張偉", "张伟"),
    ("birth_date", {}, "1974年8月12日", "1974-08-12"),
    ("birth_date", {}, "1974-08", "1974-08"),
    ("birth_date", {}, "05/06/1974", None),
    ("birth_date", {"format": "%d/%m/%Y"}, "05/06/1974", "1974-06-05"),
    ("age", {}, "37岁", "37"),
    ("time", {}, "2022-08-01T20:30:00+08:00", "2022-08-01T12:30:00"),
    ("sex", {}, "女", "female"),
    ("address", {}, "12, Main St.", "12 main street"),
    ("place", {}, "Gate  ７", "gate 7"),
    ("account", {}, "AB-12 34", "ab1234"),
    ("image_url", {}, "HTTP://Img.Example.com/A.jpg", "http://img.example.com/A.jpg"),
    ("category", {}, " Staff ", "staff"),
    ("text", {}, "Two\twords", "two words"),
]


def canonical(kind: str, values: list[str | None], **options: str) -> list[str | None]:
    frame = pl.DataFrame({"value": pl.Series(values, dtype=pl.String)})
    method = getattr(pl.col("value").linkrisk, kind)
    return frame.select(method(**options)).to_series().to_list()


@pytest.mark.parametrize(("kind", "options", "raw", "expected"), CASES)
def test_expression_canonical_text(kind, options, raw, expected):
    assert canonical(kind, [raw, None], **options) == [expected, None]


def test_every_kind_but_templates_has_a_method_and_a_case():
    methods = {name for name in vars(LinkriskExpressions) if not name.startswith("_")}
    assert methods == set(KINDS) - TEMPLATES
    assert methods == {case[0] for case in CASES}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - TEMPLATES))
def test_expression_of_nothing_is_null(kind):
    values = ["", "  ", "N/A", "无", "unknown", None]
    assert canonical(kind, values) == [None] * len(values)
    assert canonical(kind, []) == []


def test_person_name_from_two_columns():
    frame = pl.DataFrame(
        {"given": ["Anna", "伟", None, "Anna", None], "family": ["ERIKSSON", "张", "Eriksson", None, None]}
    )
    names = frame.select(pl.col("given").linkrisk.person_name("family")).to_series().to_list()
    assert names == ["anna eriksson", "张伟", "eriksson", "anna", None]


def test_expression_keeps_the_column_name_and_is_lazy():
    frame = pl.LazyFrame({"car": ["京A·12345", "?"]})
    out = frame.with_columns(pl.col("car").linkrisk.plate("cn")).collect()
    assert out.to_dict(as_series=False) == {"car": ["京A12345", None]}
    assert out.schema == {"car": pl.String}


def test_expression_reads_numbers_and_dates_through_their_text():
    frame = pl.DataFrame({"id": [990000199001010017], "born": [dt.date(1990, 1, 1)], "sex": [2]})
    out = frame.select(
        pl.col("id").linkrisk.cn_resident_id(),
        pl.col("born").linkrisk.birth_date(),
        pl.col("sex").linkrisk.sex(),
    )
    assert out.row(0) == ("990000199001010017", "1990-01-01", "female")


def test_expression_over_several_chunks_and_many_rows():
    one = pl.DataFrame({"sex": ["M", "F", None] * 20_000})
    frame = pl.concat([one, one], rechunk=False)
    out = frame.select(pl.col("sex").linkrisk.sex()).to_series()
    assert out.to_list() == ["male", "female", None] * 40_000


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("plate", {"scheme": "martian"}),
        ("phone", {"region": "Atlantis"}),
        ("birth_date", {"format": "%Q"}),
        ("travel_document", {"country": "Utopia"}),
    ],
)
def test_expression_refuses_unknown_options(kind, options):
    with pytest.raises((SpecError, pl.exceptions.ComputeError), match=next(iter(options.values()))):
        canonical(kind, ["x"], **options)


@given(st.sampled_from(sorted(set(KINDS) - TEMPLATES)), st.lists(st.one_of(st.none(), st.text()), max_size=8))
def test_canonical_text_reads_as_itself(kind, values):
    once = canonical(kind, values)
    assert canonical(kind, once) == once
