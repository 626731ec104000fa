"""The files of a source: which they are, and one lazy scan over them.

Text formats are read as text, so that a leading zero survives and no value is refused for its
looks. The files of a glob must agree on what they hold; where they do not, the file is named.
"""

from __future__ import annotations

import csv
import difflib
import errno
import glob
import gzip
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, TypeVar, cast

import polars as pl

from linkrisk.errors import AttributeTypeError, DataError, MissingAttributeError
from linkrisk.kinds import did_you_mean

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_T = TypeVar("_T")

# Text is unpacked as it is read, by one thread.
_PACKED = ("", ".gz", ".zst")

FORMATS = {
    ".parquet": "parquet",
    **{f".csv{packed}": "csv" for packed in _PACKED},
    **{f".ndjson{packed}": "ndjson" for packed in _PACKED},
    **{f".jsonl{packed}": "ndjson" for packed in _PACKED},
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}

# The byte order marks of UTF-16.
_UTF16 = (b"\xff\xfe", b"\xfe\xff")

# How many rows of a text format say what its columns are; a column that is only null in them is
# read as text.
_SAMPLE = 10_000


def format_of(path: Path) -> str | None:
    """Tells the format of a file by its name; none where linkrisk cannot read it."""
    name = path.name.lower()
    return next((FORMATS[suffix] for suffix in FORMATS if name.endswith(suffix)), None)


def find_files(source: str, path: str) -> list[Path]:
    """Lists the files of a path, a glob or a folder, in the order in which records are numbered.

    Raises:
        FileNotFoundError: Where there is no such file, or none that matches.
        PermissionError: Where a file may not be read.
        DataError: Where a file is empty or of an unknown format.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(p for p in place.rglob("*") if p.is_file() and format_of(p) is not None)
        missing = f"source `{source}`: the folder holds no table"
    elif place.exists() or not glob.has_magic(path):
        files = [place] if place.exists() else []
        missing = f"source `{source}`: there is no such file"
    else:
        # `Path.glob` refuses absolute patterns.
        found = glob.glob(path, recursive=True)  # noqa: PTH207
        files = sorted(p for p in map(Path, found) if p.is_file())
        missing = f"source `{source}`: no file matches"
    if not files:
        error = FileNotFoundError(errno.ENOENT, missing, path)
        error.add_note(_missing_hint(place))
        raise error
    for file in files:
        _check_file(source, file)
    formats = sorted({format_of(file) or "" for file in files})
    if len(formats) > 1:
        raise DataError(
            f"source `{source}` mixes the formats {' and '.join(formats)}",
            hint="make one source of each format",
            details={"source": source, "path": path},
        )
    return files


def _missing_hint(place: Path) -> str:
    folder = place.parent
    if glob.has_magic(str(folder)) or not folder.is_dir():
        return f"there is no folder `{folder}`; relative paths start from the spec's folder"
    names = sorted(p.name for p in folder.iterdir() if format_of(p) is not None)[:50]
    return did_you_mean(place.name, names) if names else f"the folder `{folder}` holds no table"


def _check_file(source: str, file: Path) -> None:
    details = {"source": source, "path": str(file)}
    if format_of(file) is None:
        known = " ".join(FORMATS)
        raise DataError(
            f"source `{source}`: the format of `{file.name}` is not known",
            hint=f"linkrisk reads {known}",
            details=details,
        )
    with file.open("rb") as handle:
        head = handle.read(2)
    if not head:
        raise DataError(f"source `{source}`: `{file.name}` is empty", hint="leave it out", details=details)
    if head in _UTF16 and format_of(file) in ("csv", "ndjson"):
        raise DataError(
            f"source `{source}`: `{file.name}` is UTF-16, not UTF-8",
            hint="convert it first, for example with `iconv -f UTF-16 -t UTF-8`",
            details=details,
        )


def scan_files(source: str, files: Sequence[Path], columns: Iterable[str]) -> pl.LazyFrame:
    """Makes one lazy scan over `files`, as `scan_each` makes of each.

    Raises:
        As `scan_each`.
    """
    frames = scan_each(source, files, columns)
    return frames[0] if len(frames) == 1 else pl.concat(frames)


def scan_each(source: str, files: Sequence[Path], columns: Iterable[str]) -> list[pl.LazyFrame]:
    """Makes a lazy scan over each of `files`, which must agree on the types of `columns`.

    Several files give `columns` alone, of types that are the same in all.

    Raises:
        MissingAttributeError: Where a file lacks one of `columns`.
        AttributeTypeError: Where two files hold different types in a column.
        DataError: Where a file cannot be read as what its name says.
    """
    columns = list(dict.fromkeys(columns))
    scan = _scanner(files)
    frames, schemas = [], []
    for file in files:
        frame = readable(source, file, partial(scan, file))
        schema = readable(source, file, frame.collect_schema)
        if format_of(file) == "csv":
            _check_header(source, file, schema.names(), columns)
        require_columns(source, schema.names(), columns, file=file if len(files) > 1 else None)
        frames.append(frame)
        schemas.append({name: schema[name] for name in columns})
    if len(files) == 1:
        return frames
    for name in columns:
        _check_agreement(source, name, [(f, s[name]) for f, s in zip(files, schemas, strict=True)])
    common = {name: _supertype([s[name] for s in schemas]) for name in columns}
    return [frame.select(pl.col(name).cast(dtype) for name, dtype in common.items()) for frame in frames]


def _check_header(source: str, file: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    details: dict[str, object] = {"source": source, "path": str(file)}
    # Without any column that was asked for, the first line may be a record, whose values are told
    # to nobody; what is spelt all but like a column is one.
    if columns and not set(columns) & set(names):
        near = [
            f"`{found}` for `{name}`"
            for name in columns
            for found in difflib.get_close_matches(name, names, n=1, cutoff=0.8)
        ]
        raise MissingAttributeError(
            f"source `{source}`: the first line of `{file.name}` names none of the columns "
            + ", ".join(f"`{name}`" for name in columns),
            hint=f"did you mean {', '.join(near)}?" if near else "write the names of the columns there",
            details={**details, "column": columns[0], "available": []},
        )
    # Polars tells columns of one name apart by a suffix, and the first would be taken unasked.
    twice = next((name for name in columns if f"{name}_duplicated_0" in names), None)
    if twice is not None:
        raise DataError(
            f"source `{source}`: `{file.name}` has more than one column `{twice}`",
            hint="give each column its own name",
            details={**details, "column": twice},
        )


def _scanner(files: Sequence[Path]) -> Callable[[Path], pl.LazyFrame]:
    kind = format_of(files[0])
    if kind == "parquet":
        return lambda file: pl.scan_parquet(file, glob=False)
    if kind == "arrow":
        return lambda file: pl.scan_ipc(file, glob=False)
    return _scan_csv if kind == "csv" else _scan_ndjson


def _scan_csv(file: Path) -> pl.LazyFrame:
    return pl.scan_csv(file, infer_schema=False, separator=separator_of(file), glob=False)


def _scan_ndjson(file: Path) -> pl.LazyFrame:
    schema = pl.scan_ndjson(file, infer_schema_length=_SAMPLE).collect_schema()
    # A number that turns into a word after the sample would be lost as a number.
    text = {n: pl.String for n, t in schema.items() if not t.is_nested() and t != pl.Boolean}
    return pl.scan_ndjson(file, infer_schema_length=_SAMPLE, schema_overrides=text)


def open_bytes(file: Path) -> IO[bytes]:
    """Opens a text file for reading bytes, unpacking it where its name says it is packed."""
    name = file.name.lower()
    if name.endswith(".gz"):
        return cast("IO[bytes]", gzip.open(file, "rb"))
    if name.endswith(".zst"):
        return cast("IO[bytes]", zstd.open(file, "rb"))
    return file.open("rb")


def separator_of(file: Path) -> str:
    """Tells what parts the fields of a CSV file: a comma unless the header has none."""
    with open_bytes(file) as handle:
        header = handle.readline(1 << 20)
    if b"," in header:
        return ","
    return max((";", "\t", "|"), key=lambda s: header.count(s.encode())) if len(header) > 1 else ","


def interruptible(read: Callable[[], _T]) -> _T:
    """Runs a call of Polars so that Ctrl-C raises `KeyboardInterrupt` once.

    Polars raises one of its own when a signal arrives, and Python another: the second would land in
    the caller's `except`. On a thread of its own the first is caught here.
    """
    outcome: Future[_T] = Future()

    def work() -> None:
        try:
            outcome.set_result(read())
        except BaseException as error:
            outcome.set_exception(error)

    thread = threading.Thread(target=work, name="linkrisk-read", daemon=True)
    thread.start()
    thread.join()
    error = outcome.exception()
    if isinstance(error, KeyboardInterrupt):
        # Python's own exception ends this sleep at once; where a handler of the user's took the
        # signal, Polars has stopped all the same.
        time.sleep(1)
        raise KeyboardInterrupt
    return outcome.result()


def readable(source: str, file: Path | None, read: Callable[[], _T]) -> _T:
    """Runs `read`, with an error of ours where the table cannot be read.

    The reader's own text is left out: it may quote values.
    """
    try:
        return interruptible(read)
    except (FileNotFoundError, PermissionError):
        raise
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        name = "the table" if file is None else f"`{file.name}`"
        format_name = None if file is None else format_of(file)
        details = {"source": source, "error": type(error).__name__}
        bad = first_bad_text([file]) if file is not None and format_name == "csv" else None
        if bad is not None:
            raise not_utf8(source, *bad) from None
        raise DataError(
            f"source `{source}`: {name} cannot be read" + (f" as {format_name}" if format_name else ""),
            hint=_unreadable_hint(format_name),
            details=details if file is None else {**details, "path": str(file)},
        ) from None


def _unreadable_hint(format_name: str | None) -> str:
    if format_name is None:
        return "collect it by itself to see why"
    if format_name == "arrow":
        return "check that the file is whole, and in the IPC file format rather than the stream format"
    return "check that the file is whole and is what its name says"


def not_utf8(source: str, file: Path, line: int, column: str | None) -> DataError:
    """Makes the error for a file whose text is not UTF-8."""
    where = f"line {line}" + (f", column `{column}`" if column else "")
    return DataError(
        f"source `{source}`: `{file.name}` is not UTF-8 at {where}",
        hint="convert it first, for example with `iconv -f GB18030 -t UTF-8`",
        details={"source": source, "path": str(file), "line": line, "column": column},
    )


def require_columns(
    source: str, available: Sequence[str], wanted: Iterable[str], *, file: Path | None = None
) -> None:
    """Checks that every wanted column is there.

    Raises:
        MissingAttributeError: Where one is not, with the nearest name.
    """
    missing = [name for name in dict.fromkeys(wanted) if name not in available]
    if not missing:
        return
    where = f"source `{source}`" + (f", file `{file.name}`," if file is not None else "")
    names = ", ".join(f"`{name}`" for name in missing)
    hints = [did_you_mean(name, available) for name in missing[:3]]
    if len(missing) > 1:
        hints = [f"`{name}`: {hint}" for name, hint in zip(missing, hints, strict=False)]
    raise MissingAttributeError(
        f"{where} has no column {names}",
        hint="; ".join(dict.fromkeys(hints)),
        details={"source": source, "column": missing[0], "available": list(available)},
    )


def family(dtype: pl.DataType) -> str:
    """Names the family of a type, within which files of one source may differ."""
    if dtype.is_integer() or dtype.is_float() or dtype.is_decimal():
        return "number"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    if dtype.is_nested():
        return "list"
    return str(dtype.base_type()).lower()


def _check_agreement(source: str, column: str, found: list[tuple[Path, pl.DataType]]) -> None:
    first: tuple[Path, pl.DataType] | None = None
    for file, dtype in found:
        if dtype == pl.Null:
            continue
        if first is None:
            first = (file, dtype)
        elif family(dtype) != family(first[1]) or (family(dtype) == "list" and dtype != first[1]):
            raise AttributeTypeError(
                f"source `{source}`: column `{column}` is {first[1]} in `{first[0].name}`"
                f" and {dtype} in `{file.name}`",
                hint="write the files with one type, or make a source of each",
                details={
                    "source": source,
                    "column": column,
                    "expected": str(first[1]),
                    "found": str(dtype),
                    "path": str(file),
                },
            )


def _supertype(dtypes: list[pl.DataType]) -> pl.DataType:
    known = [t for t in dtypes if t != pl.Null]
    if not known:
        return pl.String()
    if all(t == known[0] for t in known):
        return known[0]
    if family(known[0]) == "text":
        return pl.String()
    if family(known[0]) != "number":
        return max(known, key=str)
    if all(t.is_integer() for t in known):
        return pl.Int64() if all(t != pl.UInt64 for t in known) else pl.Int128()
    return pl.Float64()


def first_bad_text(files: Iterable[Path]) -> tuple[Path, int, str | None] | None:
    """Finds the first line of CSV files that is not UTF-8: file, line from 1, column.

    Reads the files once, and is called after a reader has refused them. A packed file that breaks
    off is read as far as it goes.
    """
    for file in files:
        header: list[str] = []
        for number, line in enumerate(_lines(file), start=1):
            if number == 1:
                header = _fields(line, separator_of(file))
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return file, number, _bad_field(line, header, separator_of(file))
    return None


def _lines(file: Path) -> Iterator[bytes]:
    with open_bytes(file) as handle, suppress(EOFError, OSError, zlib.error, zstd.ZstdError):
        yield from handle


def _fields(line: bytes, separator: str) -> list[str]:
    # Latin-1 gives every byte a character, so the fields keep their bytes.
    try:
        return next(csv.reader([line.decode("latin-1").rstrip("\r\n")], delimiter=separator), [])
    except csv.Error:  # a field of more than 128 KiB
        return []


def _bad_field(line: bytes, header: list[str], separator: str) -> str | None:
    for name, value in zip(header, _fields(line, separator), strict=False):
        try:
            value.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            return name
    return None
