from __future__ import annotations

import datetime as dt
import json
import tomllib

import polars as pl
import pytest

from linkrisk import Spec
from linkrisk.infer import guess_tables, to_toml
from linkrisk.recognise import CERTAIN, recognise

# Region 990000 belongs to no county: these numbers can be nobody's.
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(number: int) -> str:
    body = f"990000{1950 + number % 50}{1 + number % 12:02}{1 + number % 28:02}{number % 1000:03}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


@pytest.fixture
def register() -> pl.DataFrame:
    n = range(400)
    return pl.DataFrame(
        {
            "row_id": [f"R{i:05}" for i in n],
            "given_name": [["Anna", "Boris", "Clara", "Zoë"][i % 4] for i in n],
            "surname": [["Archer", "O'Brien", "Smith-Jones"][i % 3] for i in n],
            "证件号": [resident_id(i) for i in n],
            "dob": [f"{1950 + i % 50}{1 + i % 12:02}{1 + i % 28:02}" for i in n],
            "mobile": [f"1380000{i:04}" for i in n],
            "mail": [f"user{i}@example.org" for i in n],
            "车牌": [f"京A{i:05}" for i in n],
            "gender": [["M", "F"][i % 2] for i in n],
            "face_embedding": pl.Series([[float(i)] * 128 for i in n], dtype=pl.Array(pl.Float32, 128)),
            "photo_url": [f"https://example.org/{i}.jpg" for i in n],
            "city": [["Utopia", "Erewhon"][i % 2] for i in n],
            "seen": [dt.datetime(2024, 1, 1) + dt.timedelta(minutes=i) for i in n],
            "remark": [f"{i * 7919 % 100003}" for i in n],
            "person_id": [f"p{i // 2}" for i in n],
        }
    )


@pytest.fixture
def written(register, tmp_path):
    register.write_parquet(tmp_path / "register.parquet")
    return str(tmp_path / "register.parquet")


def test_guess_table_finds_kinds(written):
    (guess,) = guess_tables([written])
    kinds = {columns: found.kind for columns, found in guess.attributes.values()}
    assert guess.id == "row_id"
    assert guess.truth == "person_id"
    assert kinds == {
        ("given_name", "surname"): "person_name",
        ("证件号",): "cn_resident_id",
        ("dob",): "birth_date",
        ("mobile",): "phone",
        ("mail",): "email",
        ("车牌",): "plate",
        ("gender",): "sex",
        ("face_embedding",): "face",
        ("photo_url",): "image_url",
        ("city",): "place",
        ("seen",): "time",
    }
    assert [g.column for g in guess.left_out] == ["remark"]
    assert all(CERTAIN <= found.confidence < 1 for _, found in guess.attributes.values())
    options = {found.kind: dict(found.options) for _, found in guess.attributes.values()}
    assert options["phone"] == {"region": "CN"}
    assert options["plate"] == {"scheme": "cn"}
    assert options["birth_date"] == {"format": "%Y%m%d"}


def test_to_toml_is_a_spec(written, tmp_path):
    text = to_toml(guess_tables([written]), tmp_path)
    path = tmp_path / "linkrisk.toml"
    path.write_text(text, encoding="utf-8")
    spec = Spec.from_toml(path)
    assert spec.sources[0].attributes["name"].columns == ("given_name", "surname")
    assert spec.sources[0].truth is None
    assert '# truth = "person_id"' in text
    mapped = [line for line in text.splitlines() if "kind = " in line]
    assert len(mapped) == 11
    assert all("# confidence 0." in line for line in mapped)
    assert "990000" not in text


def test_to_toml_gives_two_tables_one_attribute(register, tmp_path):
    register.select("row_id", "车牌", "seen").write_parquet(tmp_path / "parking.parquet")
    register.drop("face_embedding").write_csv(tmp_path / "register.csv")
    guesses = guess_tables([str(tmp_path / "register.csv"), str(tmp_path / "parking.parquet")])
    assert [g.name for g in guesses] == ["register", "parking"]
    assert "plate" in guesses[0].attributes
    assert "plate" in guesses[1].attributes
    tomllib.loads(to_toml(guesses, None))


def test_same_file_name_twice(register, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        register.select("mail").write_parquet(tmp_path / folder / "t.parquet")
    guesses = guess_tables([str(tmp_path / f / "t.parquet") for f in ("a", "b")])
    assert [g.name for g in guesses] == ["t", "t_2"]


def test_two_columns_of_a_kind_get_two_names(register, tmp_path):
    both = register.select(home_phone="mobile", work_phone=pl.col("mobile").str.replace("138", "139"))
    both.write_parquet(tmp_path / "t.parquet")
    (guess,) = guess_tables([str(tmp_path / "t.parquet")])
    assert sorted(guess.attributes) == ["phone", "work_phone"]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("c1", [resident_id(i) for i in range(50)], "cn_resident_id"),
        ("c1", [f"user{i}@example.org" for i in range(50)], "email"),
        ("c1", [f"粤B{i:05}" for i in range(50)], "plate"),
        ("c1", ["234123412346", "999941057058", "999971658847", "999933119405"], "aadhaar"),
        ("ssn", [f"987-65-43{i:02}" for i in range(20, 30)], None),
        ("soc_sec_id", [f"{i * 7919 % 10_000_000:07}" for i in range(50)], "account"),
        ("created_at", ["2024-01-05 10:00:00"] * 9, "time"),
        ("born", [dt.date(1980, 1, 1)] * 9, "birth_date"),
        ("years", [30] * 9, None),
        ("age", [30, 41, 52], "age"),
        ("性别", ["男", "女"] * 4, "sex"),
        ("姓名", ["测试", "样本"] * 4, "person_name"),
        ("nothing", [None, None], None),
        ("flag", [True, False], None),
    ],
)
def test_recognise(name, values, kind):
    guess = recognise(pl.Series(name, values))
    assert (guess.kind if guess.certain else None) == kind


def test_recognise_is_not_sure_of_day_and_month():
    guess = recognise(pl.Series("dob", [f"{i:02}/{i:02}/1980" for i in range(1, 12)]))
    assert guess.kind == "birth_date"
    assert not guess.certain
    assert "fits as well" in guess.reason


def test_recognise_vector_without_a_name():
    guess = recognise(pl.Series("v", [[0.1] * 512] * 3))
    assert not guess.certain
    assert "512" in guess.reason


def test_guess_is_plain_json(written):
    (guess,) = guess_tables([written])
    tree = json.loads(json.dumps(guess.as_dict(), ensure_ascii=False))
    assert tree["attributes"]["resident_id"]["kind"] == "cn_resident_id"


def test_strange_column_names_stay_toml(tmp_path):
    names = ['a"b@mail', "c\nd email", "e\\f e-mail", "g] # email"]
    frame = pl.DataFrame(
        {n: [f"u{i}@example.org" for i in range(5)] for n in names} | {"x\ny": [1, 2, 3, 4, 5]}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    tree = tomllib.loads(to_toml(guess_tables([str(tmp_path / "t.parquet")]), None))
    columns = [a["column"] for a in tree["sources"][0]["attributes"].values()]
    assert columns == names
