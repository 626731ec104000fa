"""Invented record sets of whole systems, as scans.

The engine writes the tables, their truth and the spec that links them; here they are read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

import polars as pl

from linkrisk.backends.local import scenarios as list_scenarios
from linkrisk.backends.local import simulate as run_simulate
from linkrisk.errors import RunError
from linkrisk.kinds import did_you_mean
from linkrisk.progress import ProgressCallback
from linkrisk.spec import Spec
from linkrisk.tables import find_files, format_of

__all__ = ["Simulation", "read_truth_folder", "scenarios", "simulate"]

TRUTH = "truth"
SPEC = "linkrisk.toml"


class Simulation(Mapping[str, pl.LazyFrame]):
    """The tables of a simulated system by name, each a scan; and their truth, spec and summary.

    Args:
        path: The folder that `simulate` wrote.

    Raises:
        RunError: Where there is no simulated system in it.
    """

    def __init__(self, path: str | PathLike[str], summary: dict[str, Any] | None = None) -> None:
        self.path = Path(path)
        self._summary = summary
        if not self.spec_path.is_file():
            raise RunError(
                f"there is no simulated system in `{self.path}`",
                hint="`linkrisk simulate SCENARIO --out DIR` makes one",
                details={"path": str(self.path)},
            )
        folders = sorted(p.name for p in self.path.iterdir() if p.is_dir() and not p.name.startswith("."))
        self._names = [name for name in folders if name != TRUTH]

    def __repr__(self) -> str:
        return f"Simulation({str(self.path)!r})"

    def __getitem__(self, name: str) -> pl.LazyFrame:
        if name not in self._names:
            raise KeyError(f"no table `{name}`; {did_you_mean(name, self._names)}")
        return _scan(name, self.path / name)

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def summary(self) -> dict[str, Any] | None:
        """What was written, as `simulate` told; None for a folder that was made before."""
        return self._summary

    @property
    def spec_path(self) -> Path:
        """The spec that links the tables."""
        return self.path / SPEC

    @property
    def spec(self) -> Spec:
        """The spec that links the tables, read."""
        return Spec.from_toml(self.spec_path)

    @property
    def truth(self) -> dict[str, pl.LazyFrame]:
        """The truth of each table, in the same order of rows; and who drives which vehicle.

        Columns: `record_id`, `person_id` and `vehicle_id` (null where the record is of none), and for
        every column to which things happen `NAME_error`, null where nothing did. Empty where the truth
        was left out.
        """
        folder = self.path / TRUTH
        if not folder.is_dir():
            return {}
        return {p.name: _scan(p.name, p) for p in sorted(folder.iterdir()) if p.is_dir()}


def simulate(
    scenario: str,
    *,
    records: int = 100_000,
    seed: int = 1,
    out: str | PathLike[str] | None = None,
    format: Literal["parquet", "csv", "ndjson"] = "parquet",  # noqa: A002 - the word of the command line
    truth: bool = True,
    templates: Literal["none", "int8", "f16", "f32"] = "none",
    threads: int | None = None,
    progress: ProgressCallback | None = None,
) -> Simulation:
    """Invents the record sets of a system, with their errors, the truth and the spec that links them.

    The same scenario, records and seed give the same data for any number of threads. Memory is about
    50 MB a thread, whatever the number of records. A call that was cancelled goes on from there when it
    is repeated with the same `out`.

    Args:
        scenario: Its name; `linkrisk.scenarios()` lists them.
        records: Records of all tables together.
        seed: What the data follow from.
        out: The folder to write, missing or empty. Where absent, a temporary one that lasts as long as
            the result.
        format: Format of the files.
        truth: Whether the truth is written.
        templates: How templates of faces, irises and fingerprints are stored, in scenarios with any.
        threads: Worker threads; every core where absent.
        progress: Called now and then with how far the work is.

    Raises:
        SpecError: An unknown scenario, or a number of records it cannot have.
        RunError: `out` holds something else.
    """
    folder = tempfile.mkdtemp(prefix="linkrisk-") if out is None else fspath(out)
    try:
        text = run_simulate(
            scenario,
            records,
            seed,
            folder,
            threads,
            progress,
            format=format,
            truth=truth,
            templates=templates,
        )
        result = Simulation(folder, json.loads(text))
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


def scenarios() -> pl.DataFrame:
    """Lists the systems that can be simulated: name, title, source, tables, least and most records."""
    return pl.DataFrame(json.loads(list_scenarios()))


def read_truth_folder(folder: str | PathLike[str]) -> pl.LazyFrame:
    """Reads the truth of every table of a simulated system: `source`, `record` and `truth`.

    That is what `evaluate` takes in place of truth columns. A null truth is a record of nobody.

    Raises:
        RunError: Where there is none in the folder.
    """
    path = Path(folder)
    tables = sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
    found = [
        _scan(table.name, table).select(
            pl.lit(table.name).alias("source"),
            pl.col("record_id").cast(pl.UInt64).alias("record"),
            pl.col("person_id").cast(pl.String).alias("truth"),
        )
        for table in tables
        if "record_id" in _scan(table.name, table).collect_schema()
    ]
    if not found:
        raise RunError(
            f"there is no truth in `{path}`",
            hint="name the folder `truth` that `linkrisk simulate` wrote",
            details={"path": str(path)},
        )
    return pl.concat(found)


def _scan(name: str, folder: Path) -> pl.LazyFrame:
    files = find_files(name, str(folder))
    kind = format_of(files[0])
    if kind == "parquet":
        return pl.scan_parquet(files, glob=False)
    # Text as text: an ID number of zeros is not the number 0.
    return pl.scan_csv(files, infer_schema=False, glob=False) if kind == "csv" else pl.scan_ndjson(files)
