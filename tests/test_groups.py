"""Levels of templates by group: what a level says of strangers holds within every group.

The faces are the simulator's: people of one sex, age band and skin tone look alike, some groups more than
others (docs/templates.md). The levels that a run learns are held against the faces of other people.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from linkrisk import Attribute, Linkage, Linker, Run, RunOptions, Spec
from linkrisk.backends.local import simulate
from linkrisk.spec import Templates

from .test_determinism import checksums, linked

Vector = npt.NDArray[np.float32]

RECORDS = 10_000
GROUPS = ("sex", "tone")

# What the model calls what an operator saw.
SEXES = {"F": "female", "M": "male"}


@pytest.fixture(scope="module")
def delhi(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two sets of people, none of whom is in both."""
    folders = [tmp_path_factory.mktemp("delhi") / str(seed) for seed in (1, 2)]
    for seed, folder in enumerate(folders, start=1):
        simulate("delhi", RECORDS, seed, str(folder), None, None, templates="int8")
    return folders


def of_probes(folder: Path, groups: tuple[str, ...], **attributes: Attribute) -> Spec:
    spec = Spec.from_toml(folder / "linkrisk.toml")
    probes = next(source for source in spec.sources if source.name == "probes")
    kept = {name: probes.attributes[name] for name in ("face", *GROUPS)} | attributes
    linkage = Linkage(templates=(Templates(attribute="face", groups=groups),))
    probes = probes.model_copy(update={"attributes": kept})
    return spec.model_copy(update={"sources": (probes,), "linkage": linkage})


@pytest.fixture(scope="module")
def with_groups(delhi: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return linked(of_probes(delhi[0], GROUPS), tmp_path_factory.mktemp("groups") / "run")


def ladders(run: Run) -> tuple[list[float], dict[str | None, list[float | None]]]:
    """The rates of the levels, and from which similarity on each begins, for each part of the pairs."""
    model = json.loads((run.path / "model.json").read_text())
    levels = next(c["levels"] for c in model["comparisons"] if c["attribute"] == "face")
    rates = [float(level["label"].rsplit(" ", 1)[1]) for level in levels[:-1]]
    return rates, {part.get("group"): part["similarity"] for part in model["templates"][0]["pairs"]}


class Faces:
    """Faces, their people and their groups."""

    def __init__(self, folder: Path) -> None:
        parts = ("probes", "truth/probes")
        seen, truth = (pl.read_parquet(folder / part / "*.parquet") for part in parts)
        both = seen.join(truth.select("record_id", "person_id"), on="record_id")
        both = both.filter(pl.col("face").is_not_null())
        self.unit = both["face"].to_numpy().astype(np.float32)
        self.unit /= np.linalg.norm(self.unit, axis=1, keepdims=True)
        self.person = both["person_id"].to_numpy()
        sex = pl.col("sex").replace(SEXES).fill_null("missing")
        group = pl.concat_str(
            pl.lit("sex "), sex, pl.lit(", tone "), pl.col("skin_tone").fill_null("missing")
        )
        self.group = both.select(group.alias("group"))["group"].to_numpy()

    def strangers(self, group: str) -> Vector:
        """How alike the people of a group are."""
        of = self.group == group
        unit, person = self.unit[of], self.person[of]
        pairs: Vector = (unit @ unit.T)[np.triu(person[:, None] != person[None], 1)]
        return pairs


def ratios(alike: Vector, rates: list[float], steps: list[float | None]) -> dict[float, float]:
    """How many times as many are in a level as it says, where it says a hundred or more."""
    of_levels = zip(rates, steps, strict=True)
    known = {rate: step for rate, step in of_levels if step is not None and rate * alike.size >= 100}
    return {rate: int((alike >= step).sum()) / (rate * alike.size) for rate, step in known.items()}


def test_a_level_holds_in_every_group_of_other_people(
    delhi: list[Path], with_groups: Run, tmp_path: Path
) -> None:
    faces = Faces(delhi[1])
    rates, of_groups = ladders(with_groups)
    names = [name for name in of_groups if name in set(faces.group)]
    assert len(names) >= 4
    assert "others" in of_groups
    _, of_all = ladders(linked(of_probes(delhi[0], ()), tmp_path / "run"))
    assert list(of_all) == [None]
    apart = []
    for name in names:
        alike = faces.strangers(str(name))
        own = ratios(alike, rates, of_groups[name])
        assert len(own) >= 2
        assert all(0.6 < ratio < 1.6 for ratio in own.values()), (name, own)
        apart.append(max(ratios(alike, rates, of_all[None]).values()))
    # One ladder for all tells of strangers that are several times as many.
    assert max(apart) > 3


@pytest.mark.parametrize(("threads", "batch_size", "memory_limit"), [(1, 1_000, None), (8, 65_536, 96 << 20)])
def test_a_result_is_the_same_however_it_was_come_by(
    delhi: list[Path],
    with_groups: Run,
    tmp_path: Path,
    threads: int,
    batch_size: int,
    memory_limit: int | None,
) -> None:
    options = {"threads": threads, "batch_size": batch_size, "memory_limit": memory_limit}
    run = linked(of_probes(delhi[0], GROUPS), tmp_path / "run", **options)
    assert checksums(run) == checksums(with_groups)


def stopped(spec: Spec, out: Path) -> Run:
    """A run that stopped once templates were joined and went on."""
    spec = spec.model_copy(update={"run": RunOptions(seed=1, threads=2)})
    first = Linker(spec, out, resume=True)
    first.nearest()
    del first
    Linker(spec, out, resume=True).cluster()
    return Run(out)


def test_a_run_that_was_stopped_goes_on_to_the_same(
    delhi: list[Path], with_groups: Run, tmp_path: Path
) -> None:
    assert checksums(stopped(of_probes(delhi[0], GROUPS), tmp_path / "run")) == checksums(with_groups)


def test_fingers_are_fused_by_group(tmp_path: Path) -> None:
    simulate("aadhaar", 5_000, 3, str(tmp_path / "data"), None, None, templates="int8")
    spec = Spec.from_toml(tmp_path / "data" / "linkrisk.toml")
    fingers = [name for name, a in spec.sources[0].attributes.items() if a.kind == "fingerprint"]
    linkage = spec.linkage.model_copy(
        update={"templates": (Templates(attribute=fingers[0], groups=("sex",)), *spec.linkage.templates)}
    )
    spec = spec.model_copy(update={"linkage": linkage})
    run = linked(spec, tmp_path / "run")
    model: list[dict[str, Any]] = json.loads((run.path / "model.json").read_text())["templates"]
    told = {part["group"] for part in next(t for t in model if t["attribute"] == "fingers")["pairs"]}
    assert {"sex female", "sex male", "others"} <= told
    assert checksums(stopped(spec, tmp_path / "again")) == checksums(run)


def test_a_group_of_everybody_changes_nothing(delhi: list[Path], tmp_path: Path) -> None:
    one = Attribute(column="camera", kind="category")
    frame = pl.read_parquet(delhi[0] / "probes" / "*.parquet").with_columns(camera=pl.lit("all"))
    runs = []
    for groups in ((), ("all",)):
        spec = of_probes(delhi[0], groups, all=one)
        source = spec.sources[0].model_copy(update={"path": None, "data": frame})
        runs.append(linked(spec.model_copy(update={"sources": (source,)}), tmp_path / str(len(groups))))
    plain, one_group = (ladders(run)[1] for run in runs)
    assert plain[None] == one_group["others"]
    found = [{name: sums for name, sums in checksums(run).items() if name != "model"} for run in runs]
    assert found[0] == found[1]
