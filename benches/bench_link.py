"""Linking from Parquet to Parquet: reading, training, comparing, clustering, writing."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from linkrisk import Linker, Run, Spec


def bench_link(benchmark: BenchmarkFixture, records: int, spec: Spec, out: Callable[[], Path]) -> None:
    runs: list[Path] = []

    def link(folder: Path) -> None:
        runs.append(folder)
        Linker(spec, folder).cluster()

    benchmark.pedantic(link, setup=lambda: ((out(),), {}), rounds=3, warmup_rounds=1)
    stages = {stage["stage"]: stage for stage in Run(runs[-1]).manifest["stages"]}
    benchmark.extra_info["records"] = records
    benchmark.extra_info["seconds"] = {name: stage["seconds"] for name, stage in stages.items()}
    benchmark.extra_info["reserved_peak_bytes"] = max(s["reserved_peak_bytes"] for s in stages.values())
    benchmark.extra_info["process_peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bench_compare(benchmark: BenchmarkFixture, records: int, spec: Spec) -> None:
    """Candidate pairs a second: the comparing alone, of a model that is trained."""
    pairs: list[int] = []

    def trained() -> tuple[tuple[Linker], dict[str, object]]:
        linker = Linker(spec)
        linker.train()
        return (linker,), {}

    def compare(linker: Linker) -> None:
        pairs.append(linker.link()["candidate_pairs"])

    benchmark.pedantic(compare, setup=trained, rounds=3, warmup_rounds=1)
    benchmark.extra_info["records"] = records
    benchmark.extra_info["candidate_pairs"] = pairs[-1]
    assert benchmark.stats is not None
    benchmark.extra_info["pairs_per_second"] = round(pairs[-1] / benchmark.stats.stats.median)
