"""The tables of a spec as streams of batches, each checked before any work."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from linkrisk.columns import projection
from linkrisk.errors import DataError
from linkrisk.lots import ahead, batches, lots_of
from linkrisk.spec import Source, Spec
from linkrisk.tables import (
    find_files,
    first_bad_text,
    format_of,
    not_utf8,
    readable,
    require_columns,
    scan_each,
    scan_files,
)

__all__ = ["Table", "open_source", "open_sources", "truth_of"]


# Neighbouring rows that are drawn together: what is read of Parquet for one row is a page of some thousands.
SLICE = 4_096

# Slices that are drawn of every source, so that pairs between slices can be told from pairs within.
LEAST_SLICES = 8

# Slices that are read side by side, so that few row groups are unpacked at once.
TOGETHER = 8


class Table:
    """A source that was opened and checked: what the engine reads of it.

    A stream of another library is read once; everything else as often as asked.
    """

    def __init__(self, source: Source, parts: Sequence[pl.LazyFrame], files: list[Path]) -> None:
        self.source = source
        self.frame = parts[0] if len(parts) == 1 else pl.concat(parts)
        self.files = files
        # One of each file, or one alone.
        self._parts = parts

    def batches(self, size: int) -> Any:
        """Makes an object with `__arrow_c_stream__`: one column an attribute, `__id` last.

        Nothing is read before the stream is pulled, and no more than a few batches ahead of it.
        """
        return batches(self.frame, size)

    def lots(self, size: int, most: int) -> Generator[Any, None, None]:
        """Gives objects with `__arrow_c_stream__`, one after the other, that hold all rows in order.

        Of Parquet, row groups or parts of them are read that take no more than `most` bytes, and the next
        while the ones before are worked on. Other files are read one at a time, as far ahead as Polars does;
        tables in memory and streams as `batches` does.
        """
        if not self.files:
            yield self.batches(size)
        elif format_of(self.files[0]) == "parquet":
            lots = lots_of(self.files, sorted(self._columns()), most)
            frames = (
                pl.concat([self._parts[piece.file].slice(piece.start, piece.rows) for piece in lot])
                for lot in lots
            )
            yield from ahead(frames, size)
        else:
            yield from (batches(part, size) for part in self._parts)

    def _columns(self) -> set[str]:
        columns = {column for a in self.source.attributes.values() for column in a.columns}
        return columns if self.source.id is None else columns | {self.source.id}

    def rows(self) -> int | None:
        """Tells how many rows there are, where that costs no reading of them."""
        return int(self._collect([self.frame.select(pl.len())])[0].item()) if self._is_sliceable() else None

    def _is_sliceable(self) -> bool:
        """Whether rows can be counted, and some of them read, without reading the others."""
        in_slices = bool(self.files) and format_of(self.files[0]) in ("parquet", "arrow")
        return in_slices or isinstance(self.source.data, pl.DataFrame)

    def sample(self, rows: int, seed: int) -> tuple[pl.DataFrame, int]:
        """Draws about `rows` rows in slices of `SLICE` neighbouring ones, and counts all.

        Of Parquet, Arrow and tables in memory the slices alone are read; text files are read twice.

        Raises:
            DataError: Where the source is a stream of another library, which can be read once.
        """
        if self.source.path is None and not isinstance(self.source.data, (pl.DataFrame, pl.LazyFrame)):
            raise DataError(
                f"source `{self.source.name}` is a stream, and what is read of it for an estimate is gone",
                hint="give a path or a polars frame, or run it without an estimate",
                details={"source": self.source.name},
            )
        # A slice of many files at once has the rows before it read: 3 s, and 5 ms of one file.
        parts = self._parts if self._is_sliceable() else [self.frame]
        counts = [int(n.item()) for n in self._collect([part.select(pl.len()) for part in parts])]
        total = sum(counts)
        places = [(part, at) for part, count in enumerate(counts) for at in range(count // SLICE)]
        wanted = max(LEAST_SLICES, -(-rows // SLICE))
        if wanted * 2 >= len(places):
            return self._collect([self.frame])[0], total
        drawn = sorted(random.Random(seed).sample(places, wanted))  # noqa: S311 - nothing is hidden by it
        if not self._is_sliceable():
            index, starts = pl.col("__row"), [at for _, at in drawn]
            some = self.frame.with_row_index("__row").filter((index // SLICE).is_in(starts)).drop("__row")
            return self._collect([some])[0], total
        slices = [parts[part].slice(at * SLICE, SLICE) for part, at in drawn]
        groups = (slices[i : i + TOGETHER] for i in range(0, len(slices), TOGETHER))
        return pl.concat([frame for group in groups for frame in self._collect(group)]), total

    def _collect(self, frames: list[pl.LazyFrame]) -> list[pl.DataFrame]:
        file = self.files[0] if len(self.files) == 1 else None
        return readable(self.source.name, file, lambda: pl.collect_all(frames))

    def diagnose(self) -> DataError | None:
        """Finds out why reading failed half-way, where that can be told from the files."""
        if self.files and format_of(self.files[0]) == "csv":
            bad = first_bad_text(self.files)
            if bad is not None:
                return not_utf8(self.source.name, *bad)
        return None


def open_sources(spec: Spec) -> list[Table]:
    """Opens and checks every source of `spec`, before any is read."""
    return [open_source(source) for source in spec.sources]


def open_source(source: Source) -> Table:
    """Opens and checks one source.

    Files are checked for being there, whole and of one shape; columns for being there and of a type
    that their kind can be read from. Reads headers and one row.

    Raises:
        FileNotFoundError: Where there is no such file.
        MissingAttributeError: Where a mapped column is not there, with the nearest name.
        AttributeTypeError: Where a kind cannot be read from its column, or files disagree.
        DataError: Where the table is empty or cannot be read.
    """
    files = [] if source.path is None else find_files(source.name, source.path)
    table = Table(source, _parts(source, files), files)
    file = files[0] if len(files) == 1 else None
    if source.path is not None or isinstance(source.data, (pl.DataFrame, pl.LazyFrame)):
        _require_rows(source.name, file, table.frame)
    return table


def _parts(source: Source, files: list[Path]) -> list[pl.LazyFrame]:
    """Scans each of the files of a source, or its table in memory: one column an attribute, `__id` last."""
    columns = [c for a in source.attributes.values() for c in a.columns]
    columns += [c for c in (source.id, source.truth) if c is not None]
    frames = scan_each(source.name, files, columns) if files else [_from_memory(source)]
    file = files[0] if len(files) == 1 else None
    # That of all: files of a source are scanned with the types that they have in common.
    schema = readable(source.name, file, frames[0].collect_schema)
    require_columns(source.name, schema.names(), columns)
    made = projection(source.name, list(source.attributes.items()), source.id, schema)
    return [frame.select(made) for frame in frames]


def truth_of(source: Source) -> pl.LazyFrame:
    """Reads the truth of a source, for evaluation alone: `record` (the row's number) and `truth`.

    Raises:
        DataError: Where the source states no truth.
    """
    if source.truth is None:
        raise DataError(
            f"source `{source.name}` states no truth",
            hint="set `truth` to the column that names the true person",
            details={"source": source.name},
        )
    if source.path is not None:
        frame = scan_files(source.name, find_files(source.name, source.path), [source.truth])
    else:
        frame = _from_memory(source)
    require_columns(source.name, frame.collect_schema().names(), [source.truth])
    truth = pl.col(source.truth).cast(pl.String).alias("truth")
    return frame.select(truth).with_row_index("record").with_columns(pl.col("record").cast(pl.UInt64))


def _from_memory(source: Source) -> pl.LazyFrame:
    data = source.data
    if isinstance(data, pl.LazyFrame):
        return data
    if isinstance(data, pl.DataFrame):
        return data.lazy()
    if hasattr(data, "__arrow_c_stream__"):
        # Scanned, not collected: the stream may be larger than memory, and can be read once.
        return pl.scan_arrow_c_stream(data)
    raise DataError(
        f"source `{source.name}`: `data` is {type(data).__name__}, which is no table",
        hint="give a polars frame, or an object with `__arrow_c_stream__`",
        details={"source": source.name},
    )


def _require_rows(source: str, file: Path | None, frame: pl.LazyFrame) -> None:
    if readable(source, file, lambda: frame.head(1).collect()).is_empty():
        raise DataError(
            f"source `{source}` has no rows", hint="remove it, or check its path", details={"source": source}
        )
