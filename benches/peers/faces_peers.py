"""Similar faces of one Parquet file, by another library: one whole process.

Usage: IN OUT THRESHOLD METHOD PARAMETER. The pairs are written as `record` and `other`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import faiss
import numpy as np
import polars as pl
from faiss.contrib.big_batch_search import big_batch_search
from usearch.index import Index

# Neighbours asked for where a library knows no threshold: more than nearly every person has captures.
NEIGHBOURS = 128
BATCH = 4_096


def read(path: str) -> np.ndarray:
    templates = pl.read_parquet(path, columns=["template"])["template"].to_numpy()
    rows: np.ndarray = np.ascontiguousarray(templates, dtype=np.float32)
    # Templates of nothing are all zero.
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows


def flat(rows: np.ndarray, threshold: float, _: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every pair, exactly."""
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    for start in range(0, len(rows), BATCH):
        limits, _, found = index.range_search(rows[start : start + BATCH], threshold)
        yield np.repeat(np.arange(start, start + len(limits) - 1), np.diff(limits).astype(np.int64)), found


def ivfpq(rows: np.ndarray, threshold: float, nprobe: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cells, codes of four bits that are compared in registers, and the best of these compared exactly."""
    cells = 2 ** round(np.log2(4 * len(rows) ** 0.5))
    index = faiss.index_factory(
        rows.shape[1], f"IVF{cells},PQ{rows.shape[1] // 4}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT
    )
    index.train(rows[:: max(1, len(rows) // (cells * 64))])
    index.add(rows)
    index.k_factor = 4
    faiss.ParameterSpace().set_index_parameter(index, "nprobe", nprobe)
    for start in range(0, len(rows), BATCH):
        scores, found = index.search(rows[start : start + BATCH], NEIGHBOURS)
        yield neighbours(start, found, scores >= threshold)


def bigbatch(rows: np.ndarray, threshold: float, nprobe: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cells, each compared with all that want it at once; vectors as they are."""
    cells = 2 ** round(np.log2(4 * len(rows) ** 0.5))
    index = faiss.index_factory(rows.shape[1], f"IVF{cells},Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(rows[:: max(1, len(rows) // (cells * 64))])
    index.add(rows)
    index.nprobe = nprobe
    scores, found = big_batch_search(index, rows, NEIGHBOURS, method="knn_function", threaded=2, verbose=0)
    yield neighbours(0, found, scores >= threshold)


def usearch(rows: np.ndarray, threshold: float, expansion: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A graph over int8 templates."""
    index = Index(
        ndim=rows.shape[1],
        metric="cos",
        dtype="i8",
        connectivity=16,
        expansion_add=100,
        expansion_search=expansion,
    )
    index.add(np.arange(len(rows)), rows)
    for start in range(0, len(rows), BATCH):
        found = index.search(rows[start : start + BATCH], NEIGHBOURS)
        yield neighbours(start, found.keys.astype(np.int64), found.distances <= 1 - threshold)


def neighbours(start: int, found: np.ndarray, similar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    query, rank = np.nonzero(similar)
    return query + start, found[query, rank]


def main(source: str, out: str, threshold: str, method: str, parameter: str) -> None:
    search = {"flat": flat, "ivfpq": ivfpq, "bigbatch": bigbatch, "usearch": usearch}[method]
    parts = [
        pl.DataFrame({"a": np.asarray(a, dtype=np.int64), "b": np.asarray(b, dtype=np.int64)})
        for a, b in search(read(source), float(threshold), int(parameter))
    ]
    pairs = pl.concat(parts).filter(pl.col("a") != pl.col("b"))
    ordered = pairs.select(record=pl.min_horizontal("a", "b"), other=pl.max_horizontal("a", "b"))
    ordered.unique().write_parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
