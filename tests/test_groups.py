"""Levels of templates by group: what a level says of strangers holds within every group.

The levels that a run learns are held against the faces of other people of the same groups.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

import linkrisk
from linkrisk import Attribute, Linkage, Linker, Run, RunOptions, Source, Spec
from linkrisk.backends.local import simulate
from linkrisk.spec import Templates

from .test_determinism import checksums, linked

Vector = npt.NDArray[np.float32]

GROUPS = ("sex", "age_band")

# People of each group of invented faces, and what part of the variance they have in common.
PEOPLE = {"north": (6_400, 0.02), "south": (1_600, 0.12), None: (1_100, 0.0)}
DIMS = 128


@pytest.fixture(scope="module")
def delhi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delhi")
    simulate("delhi", 6_000, 1, str(folder), None, None, templates="int8")
    return folder


def of_probes(
    folder: Path, groups: tuple[str, ...], data: pl.DataFrame | None = None, **attributes: Attribute
) -> Spec:
    spec = Spec.from_toml(folder / "linkrisk.toml")
    probes = next(source for source in spec.sources if source.name == "probes")
    kept = {name: probes.attributes[name] for name in ("face", *GROUPS)} | attributes
    table = {} if data is None else {"path": None, "data": data}
    probes = probes.model_copy(update={"attributes": kept, **table})
    linkage = Linkage(templates=(Templates(attribute="face", groups=groups),))
    return spec.model_copy(update={"sources": (probes,), "linkage": linkage})


@pytest.fixture(scope="module")
def with_groups(delhi: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return linked(of_probes(delhi, GROUPS), tmp_path_factory.mktemp("groups") / "run")


def ladders(run: Run) -> tuple[list[float], dict[str | None, list[float | None]]]:
    """The rates of the levels, and from which similarity on each begins, for each part of the pairs."""
    model = json.loads((run.path / "model.json").read_text())
    levels = next(c["levels"] for c in model["comparisons"] if c["attribute"] == "face")
    rates = [float(level["label"].rsplit(" ", 1)[1]) for level in levels[:-1]]
    return rates, {part.get("group"): part["similarity"] for part in model["templates"][0]["pairs"]}


def faces(seed: int) -> dict[str | None, Vector]:
    """Faces of people who are all different ones, by group."""
    towards = np.random.default_rng(0).standard_normal((len(PEOPLE), DIMS))
    random = np.random.default_rng(seed)
    made = {}
    for (group, (people, share)), common in zip(PEOPLE.items(), towards, strict=True):
        own = random.standard_normal((people, DIMS)) / DIMS**0.5
        face = (1 - share) ** 0.5 * own + share**0.5 * common / np.linalg.norm(common)
        made[group] = (face / np.linalg.norm(face, axis=1, keepdims=True)).astype(np.float32)
    return made


def of_faces(seed: int) -> pl.DataFrame:
    rows = pl.Schema({"face": pl.Array(pl.Float32, DIMS), "region": pl.String()})
    made = faces(seed).items()
    return pl.concat(
        pl.DataFrame({"face": unit, "region": [group] * len(unit)}, rows) for group, unit in made
    )


def by_face(seed: int, groups: tuple[str, ...]) -> Spec:
    attributes = {
        "face": Attribute(column="face", kind="face"),
        "region": Attribute(column="region", kind="category"),
    }
    source = Source(name="faces", data=of_faces(seed), attributes=attributes)
    linkage = Linkage(templates=(Templates(attribute="face", groups=groups),))
    return Spec(sources=(source,), linkage=linkage)


def ratios(alike: Vector, rates: list[float], steps: list[float | None]) -> list[float]:
    """How many times as many strangers are in a level as it says: levels of a hundred, to a hundredth."""
    told = {rate: step for rate, step in zip(rates, steps, strict=True) if 100 / alike.size <= rate <= 0.01}
    known = {rate: step for rate, step in told.items() if step is not None}
    assert len(known) >= 2
    return [int((alike >= step).sum()) / (rate * alike.size) for rate, step in known.items()]


def test_a_level_holds_in_every_group_of_other_people(tmp_path: Path) -> None:
    rates, of_groups = ladders(linked(by_face(1, ("region",)), tmp_path / "groups"))
    _, of_all = ladders(linked(by_face(1, ()), tmp_path / "all"))
    others = faces(2)
    pairs = {"others": (others["north"] @ others["south"].T).ravel()}
    for group, unit in others.items():
        pairs[f"region {group or 'missing'}"] = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
    assert of_groups.keys() == pairs.keys()
    assert of_all.keys() == {None}
    apart = {}
    for name, alike in pairs.items():
        own, plain = (ratios(alike, rates, steps) for steps in (of_groups[name], of_all[None]))
        assert all(0.6 < ratio < 1.6 for ratio in own), (name, own)
        apart[name] = plain
    # One ladder for all tells of a tenth of the strangers within the smaller group.
    assert max(apart["region south"]) > 10
    assert max(apart["others"]) < 0.8


def test_the_report_says_how_alike_strangers_of_a_group_are(tmp_path: Path) -> None:
    spec = by_face(1, ("region",)).model_copy(update={"purpose": "a test", "controller": "nobody"})
    run = linkrisk.assess(spec, tmp_path / "run")
    report = json.loads((run.path / "report.json").read_text())
    told = report["templates"]["attributes"][0]["groups"]
    assert [group["group"] for group in told] == ["region south", "region north", "region missing"]
    others = {f"region {group or 'missing'}": unit for group, unit in faces(2).items()}
    for group in told:
        unit = others[group["group"]]
        pairs = (unit @ unit.T)[np.triu_indices(len(unit), 1)]
        alike = int((pairs >= group["similarity"]).sum())
        # Of the smaller ones a handful of pairs are so alike.
        assert 0.5 * (alike - 3 * alike**0.5) < group["fmr"] * pairs.size < 2 * (alike + 3 * alike**0.5 + 3)
        assert group["fmr"] <= group["fmr_high"] <= 1
    south, north, _ = told
    assert south["fmr"] > 5 * south["mean_fmr"] > north["fmr"]
    page = (run.path / "report.html").read_text()
    assert "region south" in page
    assert "Times the mean" in page


@pytest.mark.parametrize(("threads", "batch_size", "limit"), [(1, 1_000, None), (8, 65_536, 96 << 20)])
def test_a_result_is_the_same_however_it_was_come_by(
    delhi: Path, with_groups: Run, tmp_path: Path, threads: int, batch_size: int, limit: int | None
) -> None:
    options = {"threads": threads, "batch_size": batch_size, "memory_limit": limit}
    run = linked(of_probes(delhi, GROUPS), tmp_path / "run", **options)
    assert checksums(run) == checksums(with_groups)


def stopped(spec: Spec, out: Path) -> Run:
    """A run that stopped once templates were joined and went on."""
    spec = spec.model_copy(update={"run": RunOptions(seed=1, threads=2)})
    first = Linker(spec, out, resume=True)
    first.nearest()
    del first
    Linker(spec, out, resume=True).cluster()
    return Run(out)


def test_a_run_that_was_stopped_goes_on_to_the_same(delhi: Path, with_groups: Run, tmp_path: Path) -> None:
    assert checksums(stopped(of_probes(delhi, GROUPS), tmp_path / "run")) == checksums(with_groups)


def test_fingers_are_fused_by_group(tmp_path: Path) -> None:
    fingers = of_faces(1).rename({"face": "thumb"}).with_columns(index=of_faces(3)["face"])
    few = fingers.filter(pl.col("region").is_not_null(), pl.int_range(pl.len()).over("region") < 1_100)
    few.write_parquet(tmp_path / "fingers.parquet")
    attributes = {name: Attribute(column=name, kind="fingerprint") for name in ("thumb", "index")}
    attributes["region"] = Attribute(column="region", kind="category")
    source = Source(name="fingers", path=str(tmp_path / "fingers.parquet"), attributes=attributes)
    linkage = Linkage(templates=(Templates(attribute="thumb", groups=("region",)),))
    spec = Spec(sources=(source,), linkage=linkage, purpose="a test", controller="nobody")
    run = linked(spec, tmp_path / "run")
    model: dict[str, Any] = json.loads((run.path / "model.json").read_text())["templates"][0]
    assert model["positions"] == ["thumb", "index"]
    told = {part["group"]: part["similarity"][-3] for part in model["pairs"]}
    assert told.keys() == {"others", "region north", "region south"}
    # What is as rare in its group is as rare with both fingers: one step for all.
    assert max(told.values()) - min(told.values()) < 0.02
    assert checksums(stopped(spec, tmp_path / "again")) == checksums(run)


def test_a_group_of_everybody_changes_nothing(delhi: Path, tmp_path: Path) -> None:
    one = Attribute(column="camera", kind="category")
    frame = pl.read_parquet(delhi / "probes" / "*.parquet").with_columns(camera=pl.lit("all"))
    specs = [of_probes(delhi, groups, frame, all=one) for groups in ((), ("all",))]
    runs = [linked(spec, tmp_path / str(number)) for number, spec in enumerate(specs)]
    plain, one_group = (ladders(run)[1] for run in runs)
    assert plain[None] == one_group["others"]
    found = [{name: sums for name, sums in checksums(run).items() if name != "model"} for run in runs]
    assert found[0] == found[1]
