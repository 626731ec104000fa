"""One person written in two ways: scripts, accents, long and short numbers, masks."""

from __future__ import annotations

import polars as pl
import pytest

from linkrisk import Attribute, Source, Spec, assess
from linkrisk.evaluate import evaluate_run

# Of the most frequent names, so that nobody is meant.
HAN = ["张", "王", "李", "刘", "陈", "杨", "赵", "黄", "周", "吴"]
LATIN = ["Zhang", "Wang", "Li", "Liu", "Chen", "Yang", "Zhao", "Huang", "Zhou", "Wu"]
HAN_GIVEN = ["伟", "芳", "娜", "洋", "静", "敏", "磊", "强", "军", "艳"]
LATIN_GIVEN = ["Wei", "Fang", "Na", "Yang", "Jing", "Min", "Lei", "Qiang", "Jun", "Yan"]
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def born(person: int) -> str:
    return f"{1950 + person % 47}-{1 + person % 12:02}-{1 + person % 28:02}"


def resident_id(person: int) -> str:
    """A number of region 990000, which no county has, with its check character."""
    digits = f"990000{born(person).replace('-', '')}{person % 1000:03}"
    return digits + "10X98765432"[sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=True)) % 11]


def short(number: str) -> str:
    return number[:6] + number[8:17]


def masked(number: str) -> str:
    return number[:6] + "********" + number[14:]


def recall_and_precision(rows, kinds, tmp_path) -> tuple[float, float]:
    table = pl.DataFrame(rows, schema=[*kinds, "person"], orient="row")
    attributes = {name: Attribute(column=name, kind=kind) for name, kind in kinds.items()}
    source = Source(name="people", data=table, attributes=attributes)
    run = assess(Spec(purpose="a test", controller="nobody", sources=(source,)), tmp_path / "run")
    truth = table.select(
        source=pl.lit("people"), record=pl.int_range(pl.len(), dtype=pl.UInt64), truth=pl.col("person")
    )
    pairwise = evaluate_run(run, truth)["clusters"]["pairwise"]
    return pairwise["recall"], pairwise["precision"]


def test_han_and_pinyin(tmp_path):
    rows = []
    for i in range(600):
        family, given = i % 10, i // 10 % 10
        latin = f"{LATIN[family]} {LATIN_GIVEN[given]}"
        rows += [(HAN[family] + HAN_GIVEN[given], born(i), f"p{i}")]
        rows += [(latin.upper() if i % 2 else latin, born(i), f"p{i}")]
    recall, precision = recall_and_precision(rows, {"name": "person_name", "born": "birth_date"}, tmp_path)
    assert min(recall, precision) > 0.99


def test_accents(tmp_path):
    plain = ["Jose Garcia", "Zoe Muller", "Lukasz Wisniewski", "Soren Angstrom"]
    accented = ["José García", "Zoë Müller", "Łukasz Wiśniewski", "Søren Ångström"]
    rows = [
        (names[i % 4] + "aeiou"[i // 4 % 5], born(i), f"p{i}")
        for i in range(400)
        for names in (plain, accented)
    ]
    recall, precision = recall_and_precision(rows, {"name": "person_name", "born": "birth_date"}, tmp_path)
    assert min(recall, precision) > 0.99


@pytest.mark.parametrize("other", [short, masked])
def test_resident_ids_of_15_digits_and_masked_ones(tmp_path, other):
    rows = []
    for i in range(800):
        name = f"{LATIN_GIVEN[i % 10]}{'aeiou'[i // 10 % 5]} {LATIN[i // 50 % 10]}{'xyz'[i // 500]}"
        number = resident_id(i)
        rows += [(number, name, f"p{i}"), (other(number), name, f"p{i}")]
    recall, precision = recall_and_precision(
        rows, {"id_no": "cn_resident_id", "name": "person_name"}, tmp_path
    )
    assert min(recall, precision) > 0.99
