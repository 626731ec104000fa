"""Blocking: reading and packing the records, and counting the pairs of every rule exactly."""

from __future__ import annotations

from pytest_benchmark.fixture import BenchmarkFixture

from linkrisk import Linker, Spec


def bench_plan(benchmark: BenchmarkFixture, records: int, spec: Spec) -> None:
    plans: list[dict[str, object]] = []
    benchmark.pedantic(lambda: plans.append(Linker(spec).estimate()), rounds=3, warmup_rounds=1)
    benchmark.extra_info["records"] = records
    benchmark.extra_info["pairs"] = plans[-1]["pairs"]
