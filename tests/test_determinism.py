"""Threads, batch size and memory limit never change a result, bit for bit.

What is compared: links with their weights, the record to entity table, and the model.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from linkrisk import Linkage, Linker, Run, RunOptions, Spec
from linkrisk.backends.local import simulate

THREADS = [1, 2, 8]
BATCHES = [1_000, 65_536]

# Memory limits in bytes: under the first, half of 250,000 records of 64 bytes do not fit; the second is
# enough for all of them, and for few passes.
LIMITS = [28 << 20, 96 << 20]


def thinned(folder: Path, records: int, one_in: int) -> Spec:
    """The spec of a population of which only one record in `one_in` is known.

    The thinner it is, the fewer links there are, and the more of the memory is that of blocking.
    """
    simulate("people", records * one_in, 1, str(folder), None, None)
    spec = Spec.from_toml(folder / "linkrisk.toml")
    table = folder / "thinned.parquet"
    pl.read_parquet(folder / "people" / "*.parquet").head(records).write_parquet(table)
    source = spec.sources[0].model_copy(update={"path": str(table)})
    return spec.model_copy(update={"sources": (source,)})


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    return thinned(tmp_path_factory.mktemp("register"), 20_000, 1)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    return thinned(tmp_path_factory.mktemp("large"), 250_000, 1)


def linked(spec: Spec, out: Path, **options: Any) -> Run:
    options = {"threads": 2, "batch_size": 65_536, **options}
    Linker(spec.model_copy(update={"run": RunOptions(seed=1, **options)}), out).cluster()
    return Run(out)


def checksums(run: Run) -> dict[str, str]:
    tables = {"links": run.links(), "entities": run.entities()}
    sums = {name: _sum(scan.collect().write_ndjson().encode()) for name, scan in tables.items()}
    return sums | {"model": _sum((run.path / "model.json").read_bytes())}


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def spilled(run: Run) -> int:
    return sum(stage["spilled_bytes"] for stage in run.manifest["stages"])


def peaks(run: Run) -> dict[str, int]:
    return {stage["stage"]: stage["reserved_peak_bytes"] for stage in run.manifest["stages"]}


def test_threads_and_batches_change_nothing(register: Spec, tmp_path: Path) -> None:
    expected = checksums(linked(register, tmp_path / "reference"))
    for threads in THREADS:
        for batch in BATCHES:
            run = linked(register, tmp_path / f"{threads}-{batch}", threads=threads, batch_size=batch)
            assert checksums(run) == expected, (threads, batch)


def test_batches_of_one_record_change_nothing(tmp_path: Path) -> None:
    spec = thinned(tmp_path / "data", 1_500, 1)
    expected = checksums(linked(spec, tmp_path / "reference"))
    for threads in THREADS:
        run = linked(spec, tmp_path / str(threads), threads=threads, batch_size=1)
        assert checksums(run) == expected, threads


def test_split_and_sampled_blocks_change_nothing(register: Spec, tmp_path: Path) -> None:
    spec = register.model_copy(update={"linkage": Linkage(max_block_pairs=100)})
    plan = Linker(spec).plan()
    assert sum(rule["uncompared_pairs"] for rule in plan["rules"]) > 0, "no block was sampled"
    expected = checksums(linked(spec, tmp_path / "reference"))
    for threads in THREADS:
        run = linked(spec, tmp_path / str(threads), threads=threads, batch_size=1_000)
        assert checksums(run) == expected, threads


def test_memory_limits_change_nothing(large: Spec, tmp_path: Path) -> None:
    """Under the small limits pairs are sorted on disk, and keys and components done in passes."""
    reference = linked(large, tmp_path / "reference")
    expected = checksums(reference)
    assert spilled(reference) == 0
    for limit in LIMITS:
        for threads in THREADS:
            run = linked(large, tmp_path / f"{limit}-{threads}", threads=threads, memory_limit=limit)
            assert max(peaks(run).values()) <= limit
            assert checksums(run) == expected, (limit, threads)
        assert (spilled(run) > 0) == (limit == min(LIMITS)), limit
