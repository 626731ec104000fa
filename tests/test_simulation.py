"""Simulated systems as Python sees them: tables, truth, and that nobody is in them."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import polars as pl
import pytest
from stdnum.cn import ric
from stdnum.in_ import aadhaar
from stdnum.us import ssn
from typer.testing import CliRunner

import linkrisk
from linkrisk.cli import app
from linkrisk.errors import RunError, SpecError

NAMES = linkrisk.scenarios()["name"].to_list()
RECORDS = 2_000


@pytest.fixture(scope="module", params=NAMES)
def system(request, tmp_path_factory) -> linkrisk.Simulation:
    folder = tmp_path_factory.mktemp(request.param)
    return linkrisk.simulate(request.param, records=RECORDS, seed=3, out=folder)


def test_scenarios_are_described():
    listed = linkrisk.scenarios()
    assert {"xinai", "shanghai_police", "health_code", "hyderabad", "eu_wallet", "people"} <= set(NAMES)
    assert listed.select(pl.all_horizontal(pl.col("title", "source").str.len_chars() > 20).all()).item()


def test_tables_are_scans_with_their_truth(system):
    assert system.summary["records"] == RECORDS
    listed = linkrisk.scenarios().filter(name=system.summary["scenario"])["tables"].item().to_list()
    assert sorted(system) == sorted(listed)
    total = 0
    for name, table in system.items():
        assert isinstance(table, pl.LazyFrame)
        rows, truth = table.collect(), system.truth[name].collect()
        assert rows["record_id"].equals(truth["record_id"])
        assert rows["record_id"].to_list() == list(range(rows.height))
        total += rows.height
        for column in (c for c in truth.columns if c.endswith("_error")):
            value = rows[column.removesuffix("_error")]
            gone = truth[column].cast(pl.String).is_in(["missing", "truncated"])
            # What is missing is null; a null of which nothing is told is a value the record never had.
            assert value.filter(gone).is_null().all()
    assert total == RECORDS
    with pytest.raises(KeyError, match="no table"):
        system["tabel"]


def test_spec_runs_at_once(system, tmp_path):
    for spec in sorted(system.path.glob("*.toml")):
        run = linkrisk.assess(linkrisk.Spec.from_toml(spec), out=tmp_path / spec.stem)
        assert run.summary["records"] > 0
        assert run.manifest["spec"]["purpose"] == "test on invented people"


# Formats of plates as they are issued; India by its states, as `ZZ` is none.
STATES = (
    "AN|AP|AR|AS|BR|CG|CH|DD|DL|DN|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|OD|PB|PY|RJ|SK|TN|TR|"
    "TS|UK|UP|WB"
)
PLATES = [
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使][A-Z].*",
    r"[A-HJ-PR-Y]{2}\d{2}[A-HJ-PR-Z]{3}",  # UK, since 2001
    r"[A-HJ-NPR-TV-Y]\d{1,3}[A-HJ-PR-Z]{3}",  # UK, 1983 to 2001
    # Germany; of the districts that begin with ZZ there is none but ZZ itself.
    r"(?:ZZ|(?!ZZ)[A-ZÄÖÜ]{1,3})[- ]?[A-Z]{1,2}[- ]?[1-9]\d{0,3}[EH]?",
    r"ZZ?[A-Z]{1,2}[1-9]\d{0,3}[EH]?",
    r"[A-HJ-NP-TV-Z]{2}-?\d{3}-?[A-HJ-NP-TV-Z]{2}",  # France, Italy
    r"\d{4}[BCDFGHJKLMNPRSTVWXYZ]{3}",  # Spain
    rf"({STATES})\d{{1,2}}[A-Z]{{1,3}}\d{{4}}",
    r"\d{2}BH\d{4}[A-Z]{1,2}",
    r"ZZ\d{5}",  # Ireland, temporary
]
PLATE = re.compile("|".join(f"(?:{p})" for p in PLATES))


def looks_real(value: str, *, code: bool = False) -> str | None:
    """What a text passes as that could be somebody's; None for one that is nobody's.

    The code of a place or of a kind of thing may look like a plate or a passport.
    """
    for number in re.findall(r"(?<!\w)\d{17}[\dXx](?!\w)", value):
        if number[:3] != "990" and ric.is_valid(number.upper()):
            return "a resident ID"
        checked = sum(int(c, 11) * 2 ** (17 - i) for i, c in enumerate(number.upper().replace("X", "a")))
        if number[:3] != "990" and checked % 11 == 1:
            return "a resident ID by its check character"
    if re.search(r"(?<![\w+])(?:\+?86|0086)?1[3-9]\d{9}(?!\w)", value):
        return "a Chinese mobile"
    if re.search(r"\+(?!999)\d{6,15}", value):
        return "a phone of a country"
    for number in re.findall(r"(?<![\w-])\d{3}-?\d{2}-?\d{4}(?![\w-])", value):
        if ssn.is_valid(number):
            return "a social security number"
    for number in re.findall(r"(?<![\w+-])\d{12}(?!\w)", value):
        if aadhaar.is_valid(number) and not number.startswith("9999"):
            return "an Aadhaar number"
    for host in re.findall(r"(?:https?://|@)([^/\s]+)", value):
        if not re.search(r"(?:^|\.)(?:invalid|example|example\.(?:com|net|org))$", host):
            return "a domain"
    if not code and PLATE.fullmatch(value):
        return "a plate"
    if not code and re.fullmatch(r"[A-Z]{1,2}\d{6,8}|\d{9}", value):
        return "a passport"
    return None


@pytest.mark.parametrize(
    "value",
    [
        "11010519491231002X",
        "440524188001010014",
        "13800138000",
        "+8613800138000",
        "+447700900123",
        "536-90-4399",
        "234123412346",
        "京A12345",
        "AB12CDE",
        "B-MW 1234",
        "AB-123-CD",
        "1234BBB",
        "TS09AB1234",
        "https://oss.aliyuncs.com/a.jpg",
        "E12345678",
    ],
)
def test_scan_finds_what_could_be_real(value):
    assert looks_real(value) is not None


def test_nothing_passes_as_real(system):
    specs = [linkrisk.Spec.from_toml(path) for path in system.path.glob("*.toml")]
    sources = [source for spec in specs for source in spec.sources]
    codes = {
        (source.name, column)
        for source in sources
        for attribute in source.attributes.values()
        for column in attribute.columns
        if attribute.kind in ("place", "category", "account")
    }
    for name, table in system.items():
        text = table.select(pl.col(pl.String)).unique().collect()
        for column in text.columns:
            for value in text[column].drop_nulls().unique():
                found = looks_real(value, code=(name, column) in codes)
                assert found is None, f"{name}.{column} holds what passes as {found}"


def test_formats_hold_the_same(tmp_path):
    made = {
        kind: linkrisk.simulate("xinai", records=500, out=tmp_path / kind, format=kind, truth=False)
        for kind in ("parquet", "csv", "ndjson")
    }
    assert made["csv"].truth == {}
    for name in made["parquet"]:
        expected = made["parquet"][name].collect()
        for kind in ("csv", "ndjson"):
            found = made[kind][name].collect()
            text = [c for c, t in expected.schema.items() if t == pl.String]
            assert found.select(text).equals(expected.select(text)), (name, kind)
            for column in ("time", "registered"):
                if column in expected.columns:
                    read = found[column].str.to_datetime(time_unit="ms")
                    assert read.equals(expected[column].dt.cast_time_unit("ms"))


def test_drivers_pass_the_gate_within_a_minute_or_so_and_come_again(tmp_path):
    made = linkrisk.simulate("xinai", records=50_000, seed=3, out=tmp_path)
    truth = {n: t.select("record_id", "person_id", "vehicle_id") for n, t in made.truth.items() if n in made}
    gates = made["gate_events"].join(truth["gate_events"], on="record_id")
    gates = gates.select("person_id", "site", "time", gate="time").sort("time")
    lanes = made["vehicle_events"].join(truth["vehicle_events"], on="record_id").sort("time")
    often = lanes.filter(pl.len().over("person_id") > 10)
    by = ["person_id", "site"]
    near = often.join_asof(gates, on="time", by=by, strategy="nearest", tolerance="90s")
    seconds = (pl.col("gate") - pl.col("time")).dt.total_seconds().abs()
    passed = near.select(
        pl.col("gate").is_not_null().mean().alias("share"),
        seconds.max().alias("longest"),
        seconds.mean().alias("mean"),
    )
    share, longest, mean = passed.collect().row(0)
    # All but those passages for which a registration has no event, as it has a fixed number.
    assert share > 0.6
    assert longest < 90
    assert 40 < mean < 70
    days = near.group_by(by).agg(pl.col("time").dt.date().n_unique()).select(pl.median("time"))
    assert days.collect().item() > 5
    owners = made.truth["person_vehicle"].unique().collect()
    pairs = lanes.select("person_id", "vehicle_id").unique().collect()
    assert pairs.join(owners, on=["person_id", "vehicle_id"], how="anti").is_empty()
    # A vehicle is shared, and a plate that was read well goes with one vehicle.
    assert owners["vehicle_id"].n_unique() < owners.height
    errors = made.truth["vehicle_events"].select("record_id", "plate_error")
    right = lanes.join(errors, on="record_id").filter(pl.col("plate_error").is_null())
    vehicles = right.group_by("plate").agg(pl.col("vehicle_id").n_unique())
    assert vehicles.select(pl.max("vehicle_id")).collect().item() == 1


def test_temporary_folder_lasts_as_long_as_the_result():
    made = linkrisk.simulate("eu_wallet", records=100)
    folder = made.path
    assert made["presentations"].collect().height == 50
    del made
    gc.collect()
    assert not folder.exists()


def test_a_folder_is_opened_again(system):
    again = linkrisk.Simulation(system.path)
    assert list(again) == list(system)
    assert again.spec == system.spec
    assert again.summary is None


def test_what_is_wrong_is_told(tmp_path):
    with pytest.raises(SpecError, match="no scenario `xinia`"):
        linkrisk.simulate("xinia", out=tmp_path)
    with pytest.raises(SpecError, match="has no templates"):
        linkrisk.simulate("eu_wallet", out=tmp_path, templates="int8")
    with pytest.raises(RunError, match="no simulated system"):
        linkrisk.Simulation(tmp_path)
    (tmp_path / "notes.txt").write_text("kept")
    with pytest.raises(RunError, match="not empty"):
        linkrisk.simulate("eu_wallet", out=tmp_path)


def command(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, result.output


def test_command_lists_systems():
    code, said = command("simulate", "--list")
    assert code == 0
    assert all(f"{name}: " in said for name in NAMES)


def test_command_shares_the_work_and_evaluates_it(tmp_path):
    out = tmp_path / "data"
    arguments = ("simulate", "shanghai_police", "--records", 3_000, "--out", out)
    code, said = command(*arguments, "--share", "1/2")
    assert (code, "parts are missing" in said) == (0, True)
    assert not (out / "linkrisk.toml").exists()
    assert command(*arguments, "--share", "2/2")[0] == 0
    assert sorted(p.name for p in out.iterdir()) == ["cases", "linkrisk.toml", "residents", "truth"]
    run = tmp_path / "run"
    assert command("assess", out / "linkrisk.toml", "--out", run)[0] == 0
    code, said = command("evaluate", run, "--truth", out / "truth")
    assert code == 0
    assert "clusters.pairwise.precision" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate",),
        ("simulate", "xinai"),
        ("simulate", "xinai", "--out", "x", "--truth", "some"),
        ("simulate", "xinai", "--out", "x", "--format", "xml"),
        ("simulate", "xinai", "--out", "x", "--share", "two"),
        ("simulate", "xinai", "--out", "x", "--templates", "f8"),
    ],
)
def test_command_refuses_what_it_cannot_do(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said = command(*arguments)
    assert code == 2, said
    assert "hint: " in said
    assert list(Path().iterdir()) == []
