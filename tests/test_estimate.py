"""Estimates from a sample beside what the run itself counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import linkrisk
from linkrisk import Linker, Spec, sources
from linkrisk.backends import local
from linkrisk.backends.local import simulate
from linkrisk.errors import DataError, MemoryLimitError
from linkrisk.sources import LEAST_SLICES, SLICE
from linkrisk.spec import Attribute, BlockingRule, Linkage, RunOptions, Source


@pytest.fixture(scope="module", params=["people", "xinai"])
def simulated(request, tmp_path_factory) -> Spec:
    """A table of which a part is drawn."""
    out = tmp_path_factory.mktemp(request.param)
    linkrisk.simulate(request.param, out=out, records=600_000, seed=3)
    return Spec.from_toml(out / "linkrisk.toml")


def test_pairs_of_a_sample_are_those_of_the_run(simulated):
    estimate = Linker(simulated).estimate()
    assert LEAST_SLICES * SLICE < estimate["sampled"] < 0.75 * estimate["records"]
    plan = Linker(simulated).plan()
    assert estimate["records"] == plan["records"]
    exact = {rule["rule"]: rule["pairs"] for rule in plan["rules"]}
    expected = {rule["rule"]: rule["pairs"] for rule in estimate["rules"]}
    both = exact.keys() & expected.keys()
    assert sum(exact[rule] for rule in both) > 0.9 * sum(exact.values())
    # Some hundred thousand pairs were drawn: their number is known to a few in a hundred.
    assert sum(expected[rule] for rule in both) == pytest.approx(sum(exact[rule] for rule in both), rel=0.1)


def test_links_of_a_sample_are_those_of_the_run(simulated):
    linker = Linker(simulated)
    assert linker.estimate()["links"] == pytest.approx(linker.link()["links"], rel=0.2)


def test_small_tables_are_read_whole(tmp_path):
    linkrisk.simulate("people", out=tmp_path, records=20_000, seed=1)
    spec = Spec.from_toml(tmp_path / "linkrisk.toml")
    estimate, plan = Linker(spec).estimate(), Linker(spec).plan()
    assert estimate["sampled"] == estimate["records"] == 20_000
    assert {r["rule"]: r["pairs"] for r in estimate["rules"]} == {
        r["rule"]: r["pairs"] for r in plan["rules"]
    }


def test_text_files_are_drawn_like_others(tmp_path):
    linkrisk.simulate("people", out=tmp_path / "a", records=600_000, seed=3)
    spec = Spec.from_toml(tmp_path / "a" / "linkrisk.toml")
    files = sorted((tmp_path / "a" / "people").glob("*.parquet"))
    pl.read_parquet(files).write_csv(tmp_path / "people.csv")
    source = spec.sources[0].model_copy(update={"path": str(tmp_path / "people.csv")})
    text = spec.model_copy(update={"sources": (source,)})
    estimates = [Linker(s).estimate() for s in (spec, text)]
    assert [e["records"] for e in estimates] == [600_000] * 2
    assert estimates[0]["sampled"] == estimates[1]["sampled"]
    assert estimates[0]["pairs"] == pytest.approx(estimates[1]["pairs"], rel=0.1)


def test_blocks_below_the_limit_are_not_taken_to_be_above_it(tmp_path, monkeypatch):
    # Of one record in 64 a firm of 100 has one or two; of some firms five are drawn, which stand for more
    # pairs than a block may have.
    monkeypatch.setattr(local, "LEAST_SAMPLE", 3_125)
    monkeypatch.setattr(local, "SLICE", 16)
    monkeypatch.setattr(sources, "SLICE", 16)
    rows = pl.select(pl.int_range(200_000).shuffle(seed=1).alias("n")).select(
        firm=pl.format("firm-{}", pl.col("n") // 100), account=pl.format("account-{}", "n")
    )
    rows.write_parquet(tmp_path / "firms.parquet")
    kinds = {name: Attribute(column=name, kind="account") for name in ("firm", "account")}
    source = Source(name="firms", path=str(tmp_path / "firms.parquet"), attributes=kinds)
    linkage = Linkage(blocking=(BlockingRule(on=("firm",)),), max_block_pairs=20_000)
    estimate = Linker(Spec(sources=(source,), linkage=linkage)).estimate()
    assert estimate["sampled"] < 4_000
    assert estimate["pairs"] == pytest.approx(2_000 * 4_950, rel=0.15)


def of_templates(scenario: str, records: int, folder: Path) -> Spec:
    simulate(scenario, records, 2, str(folder), None, None, templates="int8")
    return Spec.from_toml(folder / "linkrisk.toml")


@pytest.mark.parametrize("scenario", ["xinai", "multimodal"])
def test_the_join_of_templates_is_that_of_the_run(tmp_path, scenario):
    spec = of_templates(scenario, 9_000, tmp_path)
    estimate = Linker(spec).estimate()
    found = Linker(spec).nearest()["templates"]
    assert [join["attribute"] for join in estimate["templates"]] == [join["attribute"] for join in found]
    for join, run in zip(estimate["templates"], found, strict=True):
        sizes = [position["templates"] for position in run["positions"]]
        assert join["templates"] == sum(sizes)
        assert join["compared"] == sum(n * (n - 1) // 2 for n in sizes)
        assert join["pairs"] == pytest.approx(run["pairs"], rel=0.25)
        assert join["seconds"] > 0
    assert estimate["seconds"]["nearest"] > sum(join["seconds"] for join in estimate["templates"])


def test_templates_of_a_sample_stand_for_those_of_the_tables(tmp_path, monkeypatch):
    spec = of_templates("xinai", 12_000, tmp_path)
    whole = Linker(spec).estimate()
    monkeypatch.setattr(local, "LEAST_SAMPLE", 3_000)
    monkeypatch.setattr(local, "SLICE", 64)
    monkeypatch.setattr(sources, "SLICE", 64)
    part = Linker(spec).estimate()
    assert part["sampled"] < 0.6 * part["records"]
    [some], [all_] = part["templates"], whole["templates"]
    assert some["templates"] == pytest.approx(all_["templates"], rel=0.05)
    assert some["compared"] == pytest.approx(all_["compared"], rel=0.1)
    # Similarities are in steps of 0.01, and a step is a quarter of the strangers.
    assert some["from"] == pytest.approx(all_["from"], abs=0.011)
    assert some["pairs"] == pytest.approx(all_["pairs"], rel=0.4)
    # As many bytes are told, and as much time, whatever was read to tell.
    assert part["memory_bytes"] == pytest.approx(whole["memory_bytes"], rel=0.25)
    assert some["seconds"] == pytest.approx(all_["seconds"], rel=0.5)


def test_templates_that_do_not_fit_are_told_as_spilled(tmp_path, monkeypatch):
    spec = of_templates("xinai", 40_000, tmp_path)
    monkeypatch.setattr(local, "LEAST_SAMPLE", 4_000)
    monkeypatch.setattr(local, "SLICE", 64)
    monkeypatch.setattr(sources, "SLICE", 64)
    told = Linker(spec).estimate()
    [join] = told["templates"]
    at_rest = join["templates"] * 2 * 512
    assert told["spilled_bytes"] == 0
    assert told["memory_bytes"] > at_rest
    small = spec.model_copy(update={"run": RunOptions(memory_limit=48 << 20)})
    told = Linker(small).estimate()
    # Half of the limit may hold templates.
    assert told["spilled_bytes"] >= at_rest - (48 << 19) > 1 << 20
    assert told["memory_bytes"] <= 48 << 20


def test_a_run_without_templates_joins_none(tmp_path):
    linkrisk.simulate("people", out=tmp_path, records=2_000, seed=1)
    estimate = Linker(Spec.from_toml(tmp_path / "linkrisk.toml")).estimate()
    assert estimate["templates"] == []
    assert estimate["seconds"]["nearest"] == 0.0


def test_a_stream_is_not_read_for_an_estimate():
    stream = pl.DataFrame({"n": ["Ada Example"] * 3}).to_arrow()
    source = Source(name="s", data=stream, attributes={"n": Attribute(column="n", kind="person_name")})
    with pytest.raises(DataError, match="stream"):
        Linker(Spec(sources=(source,))).estimate()


def test_a_limit_below_the_least_is_refused_before_work(tmp_path):
    linkrisk.simulate("people", out=tmp_path, records=20_000, seed=1)
    spec = Spec.from_toml(tmp_path / "linkrisk.toml")
    small = spec.model_copy(update={"run": RunOptions(memory_limit="8 MiB")})
    seen: list[dict[str, Any]] = []
    with pytest.raises(MemoryLimitError, match=r"20000 records needs at least 16\.2 MiB") as refused:
        Linker(small, progress=seen.append).plan()
    assert refused.value.details["required"] == str(2**24 + 9 * 20_000)
    assert not any(event["done"] for event in seen)


def test_the_command_prints_it(tmp_path):
    linkrisk.simulate("people", out=tmp_path, records=5_000, seed=1)
    for options, key in (["--json"], "seconds"), (["--json", "--exact"], "not_compared"):
        command = [sys.executable, "-m", "linkrisk", "estimate", str(tmp_path / "linkrisk.toml"), *options]
        assert key in json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
