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

# Memory over what reading takes at most, in bytes a record: enough for two and for four passes over
# the keys. One pass takes 16, of no more than half of what is free.
TIGHT = [12, 2]


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
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    spec = thinned(tmp_path_factory.mktemp("sparse"), 40_000, 5)
    # Making vehicles takes as much memory as one pass does.
    attributes = {name: a for name, a in spec.sources[0].attributes.items() if a.kind != "plate"}
    source = spec.sources[0].model_copy(update={"attributes": attributes})
    return spec.model_copy(update={"sources": (source,)})


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
    plan = Linker(spec).estimate()
    assert sum(rule["uncompared_pairs"] for rule in plan["rules"]) > 0, "no block was sampled"
    expected = checksums(linked(spec, tmp_path / "reference"))
    for threads in THREADS:
        run = linked(spec, tmp_path / str(threads), threads=threads, batch_size=1_000)
        assert checksums(run) == expected, threads


def test_passes_over_the_keys_change_nothing(sparse: Spec, tmp_path: Path) -> None:
    reference = linked(sparse, tmp_path / "reference")
    expected, free = checksums(reference), peaks(reference)
    records = reference.entities().filter(pl.col("subject") == "person").select(pl.len()).collect().item()
    assert free["plan"] - free["ingest"] > 16 * records, "without a limit the keys are sorted in one pass"
    for left in TIGHT:
        for threads in THREADS:
            run = linked(
                sparse,
                tmp_path / f"{left}-{threads}",
                threads=threads,
                memory_limit=free["ingest"] + left * records,
            )
            # The last step of reading holds 8 bytes a record, so one pass of 16 would have shown.
            assert peaks(run)["plan"] == free["ingest"], "the keys were sorted in one pass"
            assert checksums(run) == expected, (left, threads)
