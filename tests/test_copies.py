"""Records that are the same in all that is compared: weighed once, counted all."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl

from linkrisk import assess
from linkrisk.evaluate import evaluate_run
from linkrisk.spec import Attribute, Source, Spec

from .conftest import people

EVENTS = 30


def events(tmp_path: Path) -> Spec:
    """A register, and for each of its cards the events of a gate, which differ in their times alone."""
    register = (
        people(400).with_row_index("n").with_columns(card=pl.format("CARD{}", 10_000_000 + pl.col("n")))
    )
    register.write_parquet(tmp_path / "register.parquet")
    gate = register.select("card", "n").join(pl.DataFrame({"k": range(EVENTS)}), how="cross")
    at = pl.format("2024-03-{}T10:00:00", (pl.col("k") % 28 + 1).cast(pl.String).str.zfill(2))
    gate.select("card", "n", at=at).write_parquet(tmp_path / "gate.parquet")
    card = Attribute(column="card", kind="account")
    name = Attribute(column=("given_name", "surname"), kind="person_name")
    return Spec(
        purpose="a test",
        controller="nobody",
        sources=(
            Source(
                name="register",
                path=str(tmp_path / "register.parquet"),
                truth="n",
                attributes={"card": card, "name": name},
            ),
            Source(
                name="gate",
                path=str(tmp_path / "gate.parquet"),
                truth="n",
                attributes={"card": card, "at": Attribute(column="at", kind="time")},
            ),
        ),
    )


def test_events_of_a_card_are_one_person_and_their_links_a_chain(tmp_path):
    run = assess(events(tmp_path), tmp_path / "run")
    found = evaluate_run(run)
    assert found["clusters"]["pairwise"]["recall"] == 1.0
    assert found["clusters"]["pairwise"]["precision"] == 1.0
    # All pairs are counted, and listed are the events of each card in a chain, each beside its register.
    cards = pl.read_parquet(tmp_path / "register.parquet").height
    assert run.summary["links"] == cards * math.comb(EVENTS + 1, 2)
    listed = run.links().collect()
    assert listed.height == cards * (EVENTS - 1 + EVENTS) == found["links"]["listed"]
    assert found["links"]["pairwise"]["precision"] == 1.0
    assert found["links"]["pairwise"]["recall"] is None


def test_links_of_few_copies_are_all_listed(tmp_path):
    spec = events(tmp_path)
    pl.read_parquet(tmp_path / "gate.parquet").filter(pl.col("at") < "2024-03-09").write_parquet(
        tmp_path / "gate.parquet"
    )
    run = assess(spec, tmp_path / "run")
    assert run.links().collect().height == run.summary["links"]
    assert evaluate_run(run)["links"]["pairwise"]["recall"] == 1.0
