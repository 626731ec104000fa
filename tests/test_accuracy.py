"""How right the linkage is where the truth is known: default specs, no labels.

Each bar lies between what was measured and what the best other tool gives on the same set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import linkrisk
from linkrisk import Attribute, Linker, Source, Spec
from linkrisk.backends.local import simulate
from linkrisk.evaluate import evaluate_run
from linkrisk.simulation import read_truth_folder

DATA = Path(__file__).parent / "data"

FEBRL = {
    "name": Attribute(column=("given_name", "surname"), kind="person_name"),
    "born": Attribute(column="date_of_birth", kind="birth_date", format="%Y%m%d"),
    "ssn": Attribute(column="soc_sec_id", kind="account"),
    "street": Attribute(column=("street_number", "address_1"), kind="address"),
    "area": Attribute(column="address_2", kind="address"),
    "suburb": Attribute(column="suburb", kind="place"),
    "postcode": Attribute(column="postcode", kind="place"),
    "state": Attribute(column="state", kind="category"),
}
FAKE = {
    "name": Attribute(column=("first_name", "surname"), kind="person_name"),
    "born": Attribute(column="dob", kind="birth_date"),
    "city": Attribute(column="city", kind="place"),
    "email": Attribute(column="email", kind="email"),
}


def source(name: str, attributes: Mapping[str, Attribute], *, duplicate_free: bool = False) -> Source:
    return Source(
        name=name,
        path=str(DATA / f"{name}.parquet"),
        id="row",
        truth="cluster",
        duplicate_free=duplicate_free,
        attributes=dict(attributes),
    )


def clusters_of(spec: Spec, out: Path) -> dict[str, Any]:
    Linker(spec, out).cluster()
    clusters: dict[str, Any] = evaluate_run(out)["clusters"]
    return clusters


def public(*sources: Source) -> Spec:
    return Spec(purpose="a test", controller="nobody", sources=sources)


def people(records: int, folder: Path) -> Spec:
    simulate("people", records, 1, str(folder), None, None)
    return Spec.from_toml(folder / "linkrisk.toml")


def test_duplicates_with_many_errors_are_found(tmp_path: Path) -> None:
    found = clusters_of(public(source("febrl3", FEBRL)), tmp_path / "run")
    assert found["pairwise"]["f1"] >= 0.999
    assert found["b_cubed"]["f1"] >= 0.999


def test_two_registers_are_linked_one_to_one(tmp_path: Path) -> None:
    both = [source(name, FEBRL, duplicate_free=True) for name in ("febrl4a", "febrl4b")]
    found = clusters_of(public(*both), tmp_path / "run")
    assert found["pairwise"]["f1"] >= 0.9995
    assert found["largest_cluster"] == 2


def test_heavy_errors_and_gaps_are_borne(tmp_path: Path) -> None:
    found = clusters_of(public(source("fake_1000", FAKE)), tmp_path / "run")
    assert found["pairwise"]["f1"] >= 0.91
    assert found["b_cubed"]["f1"] >= 0.93


@pytest.mark.parametrize(
    "records", [100_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_households_and_placeholders_do_not_join_people(records: int, tmp_path: Path) -> None:
    found = clusters_of(people(records, tmp_path / "data"), tmp_path / "run")
    assert found["pairwise"]["f1"] >= 0.985
    assert found["b_cubed"]["f1"] >= 0.99
    assert found["largest_cluster"] <= 1.5 * found["largest_true_cluster"]


def test_a_credential_joins_whatever_else_is_shown_with_it(tmp_path: Path) -> None:
    # Half of them show nothing else, and the number of matches is told to a tenth at this size.
    linkrisk.simulate("eu_wallet", records=500_000, out=tmp_path / "data")
    run = tmp_path / "run"
    Linker(Spec.from_toml(tmp_path / "data" / "linkrisk.toml"), run).cluster()
    found = evaluate_run(run, truth=read_truth_folder(tmp_path / "data" / "truth"))["clusters"]["pairwise"]
    assert found["precision"] >= 0.999
    assert found["recall"] >= 0.999


def test_a_number_that_two_people_have_joins_few_of_them(tmp_path: Path) -> None:
    spec = people(20_000, tmp_path / "data")
    frame = pl.scan_parquet(str(spec.sources[0].path))
    shared = str(tmp_path / "shared.parquet")
    frame.with_columns(account=pl.col("person_id") // 2 + 10**9).sink_parquet(shared)
    attributes = {name: spec.sources[0].attributes[name] for name in ("name", "born")}
    attributes["account"] = Attribute(column="account", kind="account")
    source = spec.sources[0].model_copy(update={"path": shared, "attributes": attributes})
    found = clusters_of(spec.model_copy(update={"sources": (source,)}), tmp_path / "run")
    # Joining all that agree on it would be right in half of the pairs.
    assert found["pairwise"]["precision"] >= 0.88
    assert found["pairwise"]["recall"] >= 0.9


@pytest.mark.parametrize(
    ("scenario", "records"),
    [("aadhaar", 200_000), ("delhi", 1_000_000), ("ees", 200_000), ("multimodal", 300_000)],
)
def test_links_are_right_as_often_as_is_said(scenario: str, records: int, tmp_path: Path) -> None:
    """Where hardly anybody stands twice, where strangers share much, and where one rule finds nearly all."""
    linkrisk.simulate(scenario, records=records, templates="none", out=tmp_path / "data")
    result = linkrisk.assess(Spec.from_toml(tmp_path / "data" / "linkrisk.toml"), tmp_path / "run")
    found = evaluate_run(tmp_path / "run", truth=read_truth_folder(tmp_path / "data" / "truth"))
    assert found["links"]["pairwise"]["precision"] == pytest.approx(
        result.summary["expected"]["precision"], abs=0.06
    )


def test_people_whom_nothing_could_join_may_be_others(tmp_path: Path) -> None:
    # A payment shows four digits of a phone at the most, and the people are those who enrolled.
    # At this size some enrolments share a phone, so that a phone can tell at all.
    linkrisk.simulate("smile_to_pay", records=300_000, templates="none", out=tmp_path / "data")
    result = linkrisk.assess(Spec.from_toml(tmp_path / "data" / "linkrisk.toml"), tmp_path / "run")
    persons = result.summary["persons"]
    assert persons["observed"] > 3 * persons["low"] > 0
    assert persons["observed"] - persons["unplaced"] == pytest.approx(18_000, abs=180)
    assert persons["low"] <= 18_000 <= persons["high"]
    assert any("hold nothing by which" in limit for limit in result.report()["limits"])
    sure = next(p for p in result.report()["summary"]["points"] if p["title"] == "How sure this is")
    assert sure["text"].startswith("No two records were linked")


def test_people_known_by_one_number_may_be_others(tmp_path: Path) -> None:
    # Crossings show a document and where; who renewed theirs is two people, and only a file tells.
    linkrisk.simulate("ees", records=200_000, templates="none", out=tmp_path / "data")
    result = linkrisk.assess(Spec.from_toml(tmp_path / "data" / "linkrisk.toml"), tmp_path / "run")
    persons = result.summary["persons"]
    people = result.entities().filter(pl.col("subject") == "person").group_by("entity_id")
    filed = people.agg(filed=(pl.col("source").cast(pl.String) == "files").any()).collect()["filed"]
    assert len(filed) == persons["observed"]
    # A file without a name or a birth date hangs on its document as well.
    apart = persons["by_one_attribute"] + persons["unplaced"]
    assert apart == pytest.approx((~filed).sum(), rel=0.1)
    assert apart > 500
    truth = read_truth_folder(tmp_path / "data" / "truth").drop_nulls().collect()["truth"].n_unique()
    # The end is up to 0.2 % too high, at a million records as well.
    assert persons["low"] <= 1.002 * truth < persons["observed"]
    assert any("known by one attribute alone" in limit for limit in result.report()["limits"])
