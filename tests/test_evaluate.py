from __future__ import annotations

import json
import math
import shutil
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkrisk.errors import DataError, RunError
from linkrisk.evaluate import evaluate_run, read_truth
from linkrisk.run import FORMAT_VERSION

Row = tuple[str, int, str | None, int | None]


def write_run(
    path: Path, rows: list[Row], links: list[tuple[int, int, float]], *, expected: bool = True
) -> Path:
    """A run directory with these (source, row, truth, entity) and links, and truth in files."""
    path.mkdir(parents=True, exist_ok=True)
    names = sorted({source for source, *_ in rows})
    sources = []
    for name in names:
        mine = sorted((row, truth) for source, row, truth, _ in rows if source == name)
        file = path / f"{name}.parquet"
        pl.DataFrame(
            {"who": [truth for _, truth in mine], "x": ["a"] * len(mine)},
            schema={"who": pl.String, "x": pl.String},
        ).write_parquet(file)
        attributes = {"x": {"column": ["x"], "kind": "person_name"}}
        sources.append(
            {"name": name, "path": str(file), "id": None, "truth": "who", "attributes": attributes}
        )
    summary = {"expected": {"precision": 0.9, "recall": 0.6}} if expected else {}
    manifest = {
        "versions": {"linkrisk": "0"},
        "format_version": FORMAT_VERSION,
        "spec": {"sources": sources},
        "summary": summary,
        "stages": [{"stage": "link", "summary": {"links": len(links)}}, {"stage": "cluster"}],
    }
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    of_persons = [(s, r, None, "person", e) for s, r, _, e in rows if e is not None]
    vehicles = [(s, r, None, "vehicle", 1) for s, r, _, _ in rows]
    schema = {
        "source": pl.String,
        "record": pl.UInt64,
        "id": pl.String,
        "subject": pl.String,
        "entity_id": pl.UInt64,
    }
    pl.DataFrame(of_persons + vehicles, schema=schema, orient="row").write_parquet(
        path / "entities.parquet" / "part-00000.parquet", mkdir=True
    )
    schema = {"left_id": pl.UInt64, "right_id": pl.UInt64, "match_weight": pl.Float64}
    pl.DataFrame(links, schema=schema, orient="row").with_columns(
        rule=pl.lit("r"), match_probability=pl.lit(0.99)
    ).write_parquet(path / "links.parquet" / "part-00000.parquet", mkdir=True)
    return path


def brute_force(rows: list[Row]) -> dict[str, float | None]:
    """Pairwise and B-cubed rates by going through all pairs, a record of no person being alone."""
    known = [
        (truth, ("alone", i) if entity is None else entity)
        for i, (_, _, truth, entity) in enumerate(rows)
        if truth is not None
    ]
    pairs = list(combinations(known, 2))
    found = sum(a[1] == b[1] for a, b in pairs)
    true = sum(a[0] == b[0] for a, b in pairs)
    right = sum(a == b for a, b in pairs)
    precision = recall = 0.0
    for truth, entity in known:
        together = sum(other == (truth, entity) for other in known)
        precision += together / sum(other[1] == entity for other in known)
        recall += together / sum(other[0] == truth for other in known)
    return {
        "pair_precision": right / found if found else None,
        "pair_recall": right / true if true else None,
        "b_precision": precision / len(known) if known else None,
        "b_recall": recall / len(known) if known else None,
    }


records = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]), st.sampled_from(["p", "q", "r", None]), st.sampled_from([7, 8, 9, None])
    ),
    min_size=1,
    max_size=14,
)


def numbered(drawn: list[tuple[str, str | None, int | None]]) -> list[Row]:
    rows: list[Row] = []
    for source, truth, entity in drawn:
        rows.append((source, sum(r[0] == source for r in rows), truth, entity))
    return rows


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=records)
def test_evaluate_run_agrees_with_brute_force(drawn, tmp_path_factory):
    rows = numbered(drawn)
    if all(truth is None for _, _, truth, _ in rows):
        return
    result = evaluate_run(write_run(tmp_path_factory.mktemp("run"), rows, []))
    expected = brute_force(rows)
    pairwise, b_cubed = result["clusters"]["pairwise"], result["clusters"]["b_cubed"]
    assert pairwise["precision"] == pytest.approx(expected["pair_precision"])
    assert pairwise["recall"] == pytest.approx(expected["pair_recall"])
    assert b_cubed["precision"] == pytest.approx(expected["b_precision"])
    assert b_cubed["recall"] == pytest.approx(expected["b_recall"])


def test_evaluate_run_b_cubed_closed_form(tmp_path):
    # Two true persons of 5 and 2 records; one cluster holds 4 + 1 of them, one record is alone twice.
    rows: list[Row] = [("a", i, "p", 1) for i in range(4)] + [
        ("a", 4, "q", 1),
        ("a", 5, "p", 2),
        ("a", 6, "q", None),
    ]
    b_cubed = evaluate_run(write_run(tmp_path / "run", rows, []))["clusters"]["b_cubed"]
    # Precision: (4 * 4/5 + 1/5 + 1 + 1) / 7; recall: (4 * 4/5 + 1/5 + 1/2 + 1/2) / 7.
    assert b_cubed["precision"] == pytest.approx((4 * 4 / 5 + 1 / 5 + 1 + 1) / 7)
    assert b_cubed["recall"] == pytest.approx((4 * 4 / 5 + 1 / 5 + 1 / 2 + 1 / 2) / 7)
    assert b_cubed["f1"] == pytest.approx(2 / (1 / b_cubed["precision"] + 1 / b_cubed["recall"]))


def test_evaluate_run_perfect_clusters_score_one(tmp_path):
    rows: list[Row] = [("a", i, str(i // 3), i // 3) for i in range(12)]
    clusters = evaluate_run(write_run(tmp_path / "run", rows, []))["clusters"]
    assert clusters["pairwise"]["f1"] == clusters["b_cubed"]["f1"] == 1.0
    assert clusters["largest_cluster"] == clusters["largest_true_cluster"] == 3
    assert clusters["clusters"] == 4


def test_evaluate_run_curve_counts_links_from_each_weight_up(tmp_path):
    rows: list[Row] = [
        ("a", 0, "p", 1),
        ("a", 1, "p", 1),
        ("a", 2, "q", 1),
        ("b", 0, "p", 1),
        ("b", 1, None, 1),
    ]
    b = 1 << 40
    links = [(0, 1, 20.5), (0, b, 12.0), (1, 2, 5.2), (2, b + 1, 30.0)]
    result = evaluate_run(write_run(tmp_path / "run", rows, links))
    assert [point["match_weight"] for point in result["links"]["curve"]] == [5.0, 12.0, 20.0]
    assert [point["precision"] for point in result["links"]["curve"]] == pytest.approx([2 / 3, 1, 1])
    assert [point["recall"] for point in result["links"]["curve"]] == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert result["links"]["pairwise"]["precision"] == pytest.approx(2 / 3)
    assert result["links"]["curve"][0]["match_probability"] == pytest.approx(1 / (1 + 2**-5))
    assert result["truth"] == {"records": 4, "persons": 2, "records_without_truth": 1}


def test_evaluate_run_takes_a_truth_table(tmp_path):
    rows: list[Row] = [("a", i, None, i % 2) for i in range(4)]
    run = write_run(tmp_path / "run", rows, [])
    truth = pl.DataFrame({"source": ["a"] * 4, "record": [0, 1, 2, 3], "truth": [0, 1, 0, 1]})
    assert evaluate_run(run, truth)["clusters"]["pairwise"]["f1"] == 1.0


def test_evaluate_run_without_truth_gives_the_models_expectation(tmp_path):
    run = write_run(tmp_path / "run", [("a", 0, "p", 1)], [])
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["spec"]["sources"][0]["truth"] = None
    (run / "manifest.json").write_text(json.dumps(manifest))
    result = evaluate_run(run)
    assert result["truth"] is None
    assert "clusters" not in result
    assert result["expected"]["f1"] == pytest.approx(0.72)
    assert "expectation" in result["expected"]["label"]


def test_evaluate_run_refuses_a_run_without_record_level_output(tmp_path):
    run = write_run(tmp_path / "run", [("a", 0, "p", 1)], [])
    shutil.rmtree(run / "entities.parquet")
    with pytest.raises(RunError, match=r"entities\.parquet"):
        evaluate_run(run)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (pl.DataFrame({"source": ["a"], "record": [0]}), "no column `truth`"),
        (pl.DataFrame({"source": ["a", "a"], "record": [0, 0], "truth": ["p", "q"]}), "names a record twice"),
    ],
)
def test_evaluate_run_refuses_a_truth_that_cannot_be_used(tmp_path, truth, message):
    run = write_run(tmp_path / "run", [("a", 0, "p", 1)], [])
    with pytest.raises(DataError, match=message):
        evaluate_run(run, truth)


def test_read_truth_reads_a_folder_in_sorted_order(tmp_path):
    for name, values in (("2.csv", ["c"]), ("1.csv", ["a", "b"])):
        pl.DataFrame({"who": values, "x": values}).write_csv(tmp_path / name)
    source = {
        "name": "s",
        "path": str(tmp_path / "*.csv"),
        "truth": "who",
        "attributes": {"x": {"column": ["x"], "kind": "text"}},
    }
    assert read_truth(source).collect().rows() == [(0, "a"), (1, "b"), (2, "c")]


def test_evaluate_run_counts_pairs_without_listing_them(tmp_path):
    # One cluster of 200,000 records would be 2e10 pairs.
    size = 200_000
    run = write_run(tmp_path / "run", [("a", 0, "p", 1)], [])
    truth = pl.select(
        source=pl.repeat("a", size), record=pl.int_range(size), truth=pl.int_range(size) // (size // 2)
    )
    pl.select(
        source=pl.repeat("a", size),
        record=pl.int_range(size, dtype=pl.UInt64),
        subject=pl.repeat("person", size),
        entity_id=pl.repeat(5, size, dtype=pl.UInt64),
    ).write_parquet(run / "entities.parquet" / "part-00000.parquet")
    pairwise = evaluate_run(run, truth)["clusters"]["pairwise"]
    assert pairwise["found"] == math.comb(size, 2)
    assert pairwise["right"] == 2 * math.comb(size // 2, 2)
    assert pairwise["recall"] == 1.0
