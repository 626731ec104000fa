"""Parquet files a lot at a time: as much as the memory that tables may take while they are read.

Left to itself Polars reads several files ahead: of ten million people it held a gibibyte. Its streaming
export is marked unstable; this module alone uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from linkrisk._linkrisk import row_groups

__all__ = ["Piece", "ahead", "batches", "lots_of"]


class Piece(NamedTuple):
    """Neighbouring rows of a file, by its number."""

    file: int
    start: int
    rows: int


def lots_of(files: Sequence[Path], columns: list[str], most: int) -> Iterator[list[Piece]]:
    """Cuts `files` into lots of which `columns` take `most` bytes at the most, in the order of their rows.

    Row groups that fit are taken together, over the ends of files too; one that does not is cut. A footer is
    read when its file is come to.

    Raises:
        OSError: Where a file cannot be read.
        DataError: Where one is no Parquet file.
    """
    lot: list[Piece] = []
    held = 0
    for number, file in enumerate(files):
        at = 0
        for rows, size in row_groups(file, columns):
            parts = min(max(-(-size // most), 1), max(rows, 1))
            for part in range(parts):
                start, end = rows * part // parts, rows * (part + 1) // parts
                if lot and held + size // parts > most:
                    yield lot
                    lot, held = [], 0
                last = lot[-1] if lot else None
                if last is not None and last.file == number:
                    lot[-1] = last._replace(rows=last.rows + end - start)
                else:
                    lot.append(Piece(number, at + start, end - start))
                held += size // parts
            at += rows
    if lot:
        yield lot


def ahead(frames: Iterable[pl.LazyFrame], size: int) -> Iterator[Any]:
    """Gives `frames` as streams of batches of `size` rows, each begun while the one before is read.

    The streams are objects with `__arrow_c_stream__`, each to be read before the next is asked for.
    """
    following = None
    for frame in frames:
        now, following = following, batches(frame, size, lazy=False)
        if now is not None:
            yield now
    if following is not None:
        yield following


def batches(frame: pl.LazyFrame, size: int, *, lazy: bool = True) -> Any:
    """Makes an object with `__arrow_c_stream__`: `frame` in batches of `size` rows, in order.

    Where it is `lazy`, nothing is read before the stream is pulled. A few batches are made ahead at the most.
    """
    return frame.collect_batches(chunk_size=size, maintain_order=True, lazy=lazy)
