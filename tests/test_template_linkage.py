"""Templates in a run: they find pairs, weigh in every decision, and merge nobody whom they cannot bear.

The faces are the simulator's, whose FMR and FNMR docs/templates.md states.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from linkrisk import Linkage, Linker, Run, RunOptions, Spec, assess
from linkrisk.backends.local import simulate
from linkrisk.evaluate import evaluate_run
from linkrisk.simulation import read_truth_folder
from linkrisk.spec import Templates

from .test_determinism import checksums, linked

RECORDS = 12_000


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gates")
    simulate("xinai", RECORDS, 2, str(folder), None, None, templates="int8")
    return folder


def without_templates(spec: Spec) -> Spec:
    linkage = spec.linkage.model_copy(update={"templates": (Templates(attribute="face", compare=False),)})
    return spec.model_copy(update={"linkage": linkage})


def of_truth(run: Run, folder: Path) -> dict[str, Any]:
    clusters: dict[str, Any] = evaluate_run(run, truth=read_truth_folder(folder / "truth"))["clusters"]
    return clusters


@pytest.fixture(scope="module")
def with_faces(gates: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    spec = Spec.from_toml(gates / "linkrisk.toml")
    return linked(spec, tmp_path_factory.mktemp("with") / "run")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Enough people that it is known how alike one in a million strangers is."""
    folder = tmp_path_factory.mktemp("many")
    simulate("xinai", 50_000, 3, str(folder), None, None, templates="int8")
    return folder, linked(Spec.from_toml(folder / "linkrisk.toml"), folder / "run")


def test_faces_find_more_of_the_truth_and_nothing_wrong(many: tuple[Path, Run], tmp_path: Path) -> None:
    folder, run = many
    plain = linked(without_templates(Spec.from_toml(folder / "linkrisk.toml")), tmp_path / "plain")
    faces, names = (of_truth(run, folder)["b_cubed"] for run in (run, plain))
    assert faces["precision"] > 0.999
    assert names["precision"] > 0.999
    assert faces["recall"] > names["recall"] + 0.01


def test_records_known_by_a_face_alone_become_entities(many: tuple[Path, Run]) -> None:
    folder, run = many
    events = pl.read_parquet(folder / "gate_events" / "*.parquet")
    alone = events.filter(
        pl.col("registration_no").is_null(), pl.col("photo_url").is_null(), pl.col("face").is_not_null()
    )
    entities = run.entities().filter(pl.col("subject") == "person").collect()
    ids = alone.select(id=pl.col("record_id").cast(pl.String))
    known = entities.filter(pl.col("source") == "gate_events").join(ids, on="id")
    assert known.height == alone.height > 100
    shared = entities.group_by("entity_id").len().filter(pl.col("len") > 1)
    joined = known.join(shared, on="entity_id", how="semi").height
    assert 0 < joined < known.height


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("batch_size", [1_000, 65_536])
@pytest.mark.parametrize("memory_limit", [64 << 20, None])
def test_a_result_is_the_same_however_it_was_come_by(
    gates: Path, with_faces: Run, tmp_path: Path, threads: int, batch_size: int, memory_limit: int | None
) -> None:
    spec = Spec.from_toml(gates / "linkrisk.toml")
    run = linked(spec, tmp_path / "run", threads=threads, batch_size=batch_size, memory_limit=memory_limit)
    assert checksums(run) == checksums(with_faces)


@pytest.mark.parametrize("stage", ["train", "nearest", "link"])
def test_a_run_that_was_stopped_goes_on_to_the_same(
    gates: Path, with_faces: Run, tmp_path: Path, stage: str
) -> None:
    spec = Spec.from_toml(gates / "linkrisk.toml")
    spec = spec.model_copy(update={"run": RunOptions(seed=1, threads=2)})
    first = Linker(spec, tmp_path / "run", resume=True)
    getattr(first, stage)()
    del first
    again = Linker(spec, tmp_path / "run", resume=True)
    again.cluster()
    assert checksums(Run(tmp_path / "run")) == checksums(with_faces)


def of_faces_alone(gates: Path, **templates: Any) -> Spec:
    spec = Spec.from_toml(gates / "linkrisk.toml")
    source = next(source for source in spec.sources if source.name == "gate_events")
    source = source.model_copy(update={"attributes": {"face": source.attributes["face"]}})
    linkage = Linkage(templates=(Templates(attribute="face", **templates),))
    return spec.model_copy(update={"sources": (source,), "linkage": linkage})


def test_where_nothing_tells_people_apart_nobody_is_merged_wrongly(gates: Path, tmp_path: Path) -> None:
    found = of_truth(linked(of_faces_alone(gates), tmp_path / "run"), gates)
    assert found["b_cubed"]["precision"] > 0.999
    model = json.loads((tmp_path / "run" / "model.json").read_text())
    assert model["templates"][0]["genuine"] == "found"


def test_a_calibration_makes_a_linkage_of_faces_alone(gates: Path, tmp_path: Path) -> None:
    parts = ("gate_events", "truth/gate_events")
    faces, truth = (pl.read_parquet(gates / part / "*.parquet") for part in parts)
    both = faces.join(truth, on="record_id").filter(pl.col("face").is_not_null())
    unit = both["face"].to_numpy().astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    similarity, person = unit @ unit.T, both["person_id"].to_numpy()
    upper = np.triu(np.ones(similarity.shape, dtype=bool), 1)
    same = person[:, None] == person[None]
    edges = np.linspace(-1, 1, 201)
    counts = {
        name: {
            "edges": edges.round(6).tolist(),
            "counts": np.histogram(similarity[upper & of], edges)[0].tolist(),
        }
        for name, of in (("genuine", same), ("impostor", ~same))
    }
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps({"version": 1, "model": "simulated", "scale": "cosine", **counts}))
    run = linked(of_faces_alone(gates, calibration=str(file)), tmp_path / "run")
    found = of_truth(run, gates)
    assert found["b_cubed"]["precision"] > 0.995
    assert found["pairwise"]["found"] > 10_000


def test_a_distance_is_the_cosine_that_it_stands_for(gates: Path, tmp_path: Path) -> None:
    # int8 templates are of the length 575 within rounding: docs/templates.md.
    vectors = pl.read_parquet(gates / "gate_events" / "*.parquet")["face"].drop_nulls().to_numpy()
    square = float((vectors.astype(np.float64) ** 2).sum(axis=1).mean())
    ways = [{"threshold": 0.5}, {"threshold": square**0.5, "metric": "l2"}]
    runs = [linked(of_faces_alone(gates, **way), tmp_path / str(k)) for k, way in enumerate(ways)]
    found = [json.loads((run.path / "model.json").read_text())["templates"][0] for run in runs]
    assert [told["found_from"][0] for told in found] == pytest.approx([0.5, 0.5], abs=1e-6)
    assert found[0]["found"][0] == found[1]["found"][0] > 0


def test_the_report_says_where_a_face_leads(gates: Path, tmp_path: Path) -> None:
    spec = Spec.from_toml(gates / "linkrisk.toml")
    assess(spec, tmp_path / "run")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    section = report["templates"]
    assert [found["attribute"] for found in section["attributes"]] == ["face"]
    ways = {(row["target"], row["way"]) for row in section["reach"]["rows"]}
    assert ways == {(target, way) for target in ("name", "id") for way in ("alone", "with_others")}
    assert "Faces and other templates" in (tmp_path / "run" / "report.html").read_text()
