"""What is known of the tables of a run, so that a run goes on with the same ones alone.

A file is taken to be the same as long as its size, its time of change and a hash of blocks spread over
it are; a data frame as long as its schema, its height and a hash of rows spread over it are. Of a lazy
frame and of another library's stream nothing but the schema is known: that they give the same rows
again is for the caller to see to.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from linkrisk.sources import Table
from linkrisk.spec import Spec

__all__ = ["inputs_of"]

# A file of up to a mebibyte is read whole, of a larger one as much: some milliseconds.
_BLOCK = 2**16
_BLOCKS = 16

_ROWS = 10_000


def inputs_of(spec: Spec, tables: Sequence[Table]) -> dict[str, dict[str, Any]]:
    """Describes the tables of `spec` and the model it names: by source, a description of each part."""
    inputs = {table.source.name: _parts(table) for table in tables}
    if spec.linkage.model is not None:
        inputs["linkage.model"] = _files([Path(spec.linkage.model)])
    return inputs


def _parts(table: Table) -> dict[str, Any]:
    if table.files:
        return _files(table.files)
    data = table.source.data
    used = {column for a in table.source.attributes.values() for column in a.columns}
    if table.source.id is not None:
        used.add(table.source.id)
    # Another library's stream can be looked at once: what is asked of it stands for it.
    schema = table.frame.collect_schema()
    if isinstance(data, (pl.DataFrame, pl.LazyFrame)):
        schema = data.lazy().select(sorted(used)).collect_schema()
    parts: dict[str, Any] = {"columns": {name: str(kind) for name, kind in schema.items()}}
    if isinstance(data, pl.DataFrame):
        rows = data.select(sorted(used)).gather_every(max(1, data.height // _ROWS))
        written = io.BytesIO()
        rows.write_ipc(written)
        parts |= {"rows": data.height, "hash": _hash(written.getvalue())}
    return {"data": parts}


def _files(files: Sequence[Path]) -> dict[str, Any]:
    return {str(path): _file(path) for path in files}


def _file(path: Path) -> dict[str, Any]:
    state = path.stat()
    spread = range(0, state.st_size, max(_BLOCK, -(-state.st_size // _BLOCKS)))
    # The end of a Parquet file tells of all its pages.
    starts = sorted({*spread, max(0, state.st_size - _BLOCK)})
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        for start in starts:
            file.seek(start)
            digest.update(file.read(_BLOCK))
    return {"bytes": state.st_size, "modified": state.st_mtime_ns, "hash": digest.hexdigest()}


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
