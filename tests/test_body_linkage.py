"""Fingers, irises and faces of one person in a run: each kind is one comparison, and they may disagree.

The bodies are those of the scenario `aadhaar`: people who are enrolled again under invented names, and
enrolments with one copy of another person's ten fingers beside their own irises and face.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from linkrisk import Linker, Run, RunOptions, Spec
from linkrisk.backends.local import simulate
from linkrisk.errors import SpecError
from linkrisk.spec import Templates

from .test_determinism import checksums, linked

# 5,100 enrolments: 5 people are enrolled four times, and 20 enrolments hold the fingers of one other.
RECORDS = 25_500
GHOSTS = 5 * 6
COPIES = 21 * 20 // 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bodies")
    simulate("aadhaar", RECORDS, 1, str(made), None, None, templates="int8")
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return linked(Spec.from_toml(folder / "linkrisk.toml"), folder / "run")


def pairs(table: pl.LazyFrame) -> pl.DataFrame:
    """Pairs of enrolments, the first source, by their records."""
    records = pl.concat_list("left_id", "right_id").list.sort()
    return (
        table.filter(pl.max_horizontal("left_id", "right_id") < 2**40)
        .with_columns(left=records.list.first(), right=records.list.last())
        .unique(["left", "right"])
        .collect()
    )


def of_one(folder: Path) -> pl.DataFrame:
    """Pairs of enrolments of one person."""
    truth = pl.read_parquet(folder / "truth" / "enrolments" / "*.parquet").select("person_id", "record_id")
    both = truth.join(truth, on="person_id").filter(pl.col("record_id") < pl.col("record_id_right"))
    return both.select(left="record_id", right="record_id_right")


def copied(folder: Path) -> pl.DataFrame:
    """Pairs of enrolments of which one has the other's fingers, or both a third's.

    Copies are equal to the byte.
    """
    thumbs = pl.read_parquet(folder / "enrolments" / "*.parquet", columns=["record_id", "right_thumb"])
    prints = thumbs.select("record_id", print=pl.struct("right_thumb").hash())
    fraud = pl.read_parquet(folder / "truth" / "fraud" / "*.parquet").filter(pl.col("kind") == 2)
    truth = pl.read_parquet(folder / "truth" / "enrolments" / "*.parquet")
    donor = truth.filter(pl.col("person_id").is_in(fraud["person_id"].implode()))["record_id"]
    copies = prints.filter(pl.col("print").is_duplicated())["record_id"]
    records = pl.DataFrame({"left": pl.concat([copies, donor]).unique()})
    return records.join(records.rename({"left": "right"}), how="cross").filter(
        pl.col("left") < pl.col("right")
    )


def test_ten_fingers_are_one_comparison_and_so_are_two_irises(run: Run) -> None:
    told = {one["attribute"]: len(one["positions"]) for one in run.model()["templates"]}
    assert told == {"face": 1, "fingers": 10, "irises": 2}


def test_every_duplicate_is_linked_and_no_other_enrolment(run: Run, folder: Path) -> None:
    true, found = of_one(folder), pairs(run.links())
    assert true.height == GHOSTS
    assert found.join(true, on=["left", "right"], how="semi").height == GHOSTS
    assert found.height == GHOSTS


def test_copied_fingers_are_told_of_and_link_nobody(run: Run, folder: Path) -> None:
    true, told = copied(folder), pairs(run.contradicting_templates())
    assert true.height == COPIES
    by_fingers = told.filter(pl.col("agrees").cast(pl.String) == "fingers")
    assert by_fingers.join(true, on=["left", "right"], how="semi").height >= COPIES - 2
    assert by_fingers.join(true, on=["left", "right"], how="anti").is_empty()
    assert pairs(run.links()).join(true, on=["left", "right"], how="semi").is_empty()


def test_the_rate_of_fused_fingers_is_what_it_claims(run: Run) -> None:
    """Levels of strangers among random pairs are steps of the rate, whatever the fingers have in common."""
    fingers = next(one for one in run.model()["comparisons"] if one["attribute"] == "fingers")
    shares = {level["label"].split()[-1]: level["u"] for level in fingers["levels"]}
    assert shares["1e-2"] == pytest.approx(0.009, rel=0.1)
    assert shares["1e-3"] == pytest.approx(0.0009, rel=0.2)
    # Fisher's method would have the level of 1e-2 begin at two decades of forty.
    told = next(one for one in run.model()["templates"] if one["attribute"] == "fingers")
    begins = told["pairs"][0]["similarity"][-2] * 40
    assert begins == pytest.approx(2.0, abs=0.4)


def test_attributes_of_two_kinds_are_not_fused(folder: Path, tmp_path: Path) -> None:
    spec = Spec.from_toml(folder / "linkrisk.toml")
    mixed = (Templates(attribute="face", fuse="body"), Templates(attribute="left_iris", fuse="body"))
    linkage = spec.linkage.model_copy(update={"templates": mixed})
    with pytest.raises(SpecError, match="different kinds"):
        linked(spec.model_copy(update={"linkage": linkage}), tmp_path / "run")


def test_a_result_is_the_same_in_little_memory_and_on_one_thread(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    spec = Spec.from_toml(folder / "linkrisk.toml")
    other = linked(spec, tmp_path / "run", threads=1, batch_size=700, memory_limit=96 << 20)
    assert checksums(other) == checksums(run)


@pytest.mark.parametrize("stage", ["nearest", "link"])
def test_a_run_that_was_stopped_goes_on_to_the_same(
    run: Run, folder: Path, tmp_path: Path, stage: str
) -> None:
    spec = Spec.from_toml(folder / "linkrisk.toml").model_copy(update={"run": RunOptions(seed=1, threads=2)})
    first = Linker(spec, tmp_path / "run", resume=True)
    getattr(first, stage)()
    del first
    Linker(spec, tmp_path / "run", resume=True).cluster()
    assert checksums(Run(tmp_path / "run")) == checksums(run)
