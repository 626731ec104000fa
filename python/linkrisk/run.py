"""A finished run: a handle on its directory."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

import polars as pl

from linkrisk.errors import RunError
from linkrisk.kinds import did_you_mean

__all__ = ["Run"]

MANIFEST = "manifest.json"
FORMAT_VERSION = 1


class Run:
    """Reads the results in a run directory; tables come as scans, and are read when collected.

    Args:
        path: The run directory.

    Raises:
        RunError: Where there is no run in it, or one that cannot be read.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise self._error("there is no such run directory", "`linkrisk assess SPEC --out DIR` makes one")
        if not (self.path / MANIFEST).is_file():
            raise self._error("there is no run in the directory", "name the directory given to `--out`")
        manifest = self._json(MANIFEST)
        if "linkrisk" not in manifest.get("versions", {}):
            raise self._error("its manifest is not one of linkrisk", "name the directory given to `--out`")
        if manifest.get("format_version") != FORMAT_VERSION:
            raise self._error("it was written by another version of linkrisk", "run its spec again")
        if "cluster" not in self._stages(manifest):
            raise self._error("the run is unfinished", "go on with it by `--resume`, or remove the directory")
        self._manifest = manifest

    @staticmethod
    def _stages(manifest: dict[str, Any]) -> list[object]:
        return [s.get("stage") for s in manifest.get("stages", ()) if isinstance(s, dict)]

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def manifest(self) -> dict[str, Any]:
        """What was run: spec, versions, seed, and per stage rows, seconds and peak memory."""
        return self._manifest

    @property
    def summary(self) -> dict[str, Any]:
        """The first figures: records, persons, vehicles, links.

        Raises:
            RunError: Where the run ended before its figures were computed.
        """
        summary = self._manifest.get("summary")
        if not isinstance(summary, dict):
            raise self._error("the run has no risk figures", "run `linkrisk assess` on its spec")
        return summary

    def entities(self) -> pl.LazyFrame:
        """Scans the records and the person or vehicle that each stands for.

        Raises:
            RunError: Where the run stated no purpose and controller, and wrote none.
        """
        return self._records("entities")

    def links(self) -> pl.LazyFrame:
        """Scans the links: pairs of record numbers, the rule that found them, and their weight.

        Raises:
            RunError: Where the run stated no purpose and controller, and wrote none.
        """
        return self._records("links")

    def contradicting_templates(self) -> pl.LazyFrame:
        """Scans the pairs whose templates contradict each other, such as copied fingers beside other irises.

        `agrees` is the comparison of templates as alike as one person's alone, `disagrees` one as unlike as
        two people's. Pairs are here whether they are links or not.

        Raises:
            RunError: Where the run stated no purpose and controller, or compared templates of one kind alone.
        """
        return self._records("contradicting_templates")

    def tables(self) -> list[str]:
        """Lists the tables of figures."""
        return sorted(p.stem for p in (self.path / "tables").glob("*.parquet"))

    def table(self, name: str) -> pl.LazyFrame:
        """Scans a table of figures.

        Raises:
            RunError: Where the run has no such table.
        """
        path = self.path / "tables" / f"{name}.parquet"
        if name not in self.tables():
            raise self._error(f"the run has no table `{name}`", did_you_mean(name, self.tables()))
        return pl.scan_parquet(path, glob=False)

    def model(self) -> dict[str, Any]:
        """Reads the model: m, u and weights of every comparison level, and how it was chosen."""
        return self._json("model.json")

    def report(self) -> dict[str, Any]:
        """Reads the figures of the report."""
        return self._json("report.json")

    def _records(self, name: str) -> pl.LazyFrame:
        path = self.path / f"{name}.parquet"
        parts = sorted(path.glob("*.parquet"))
        if not parts:
            raise self._error(
                f"the run has no `{path.name}`",
                "record-level tables are written only where the spec states `purpose` and `controller`",
            )
        return pl.scan_parquet(parts, glob=False)

    def _json(self, name: str) -> dict[str, Any]:
        try:
            tree = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            hint = "the run is incomplete: run its spec again"
            raise self._error(f"the run has no `{name}`", hint) from None
        except ValueError:
            raise self._error(f"`{name}` is not JSON", "the run is damaged: run its spec again") from None
        if not isinstance(tree, dict):
            raise self._error(f"`{name}` holds no table", "the run is damaged: run its spec again")
        return tree

    def _error(self, message: str, hint: str) -> RunError:
        return RunError(f"`{self.path}`: {message}", hint=hint, details={"path": str(self.path)})
