"""Files a lot at a time: as much as the memory that tables may take while they are read.

Left to itself Polars reads several files ahead: of ten million people it held a gibibyte. Its streaming
export is marked unstable; this module alone uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import polars as pl

from linkrisk._linkrisk import row_groups

__all__ = ["Piece", "ahead", "batches", "csv_pieces", "lots_of", "ndjson_pieces"]


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


def csv_pieces(file: IO[bytes], most: int) -> Iterator[bytes]:
    """Cuts a CSV file between records into pieces of about `most` bytes, each with the header of the file.

    A line feed ends a record where the quotes before it are even in number, as Polars has it too; a record
    that is larger makes a larger piece.

    Raises:
        OSError: Where the file cannot be read, or another error of unpacking it.
    """
    header = b""
    while not header.strip():
        header = line = file.readline()
        while line and header.count(b'"') % 2:
            line = file.readline()
            header += line
        if not header:
            return
    for piece in _pieces(file, most, _end_of_records):
        yield header + piece


def ndjson_pieces(file: IO[bytes], most: int) -> Iterator[bytes]:
    """Cuts a file of one JSON object a line into pieces of about `most` bytes, between lines.

    Raises:
        OSError: Where the file cannot be read, or another error of unpacking it.
    """
    yield from _pieces(file, most, lambda data: data.rfind(b"\n") + 1)


def _pieces(file: IO[bytes], most: int, end_of: Callable[[bytes], int]) -> Iterator[bytes]:
    rest = b""
    while block := file.read(most):
        rest += block
        end = end_of(rest)
        if end:
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _end_of_records(data: bytes) -> int:
    """Where the last whole record of `data` ends, which begins with one."""
    end, odd = len(data), data.count(b'"') % 2
    while True:
        before = data.rfind(b"\n", 0, end)
        odd ^= data.count(b'"', before + 1, end) % 2
        if before < 0 or not odd:
            return before + 1
        end = before


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
