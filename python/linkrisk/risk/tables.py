"""The tables of a run directory, read for the measures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import polars as pl

# What the measures need of each table; a table of a newer version may have more.
SCHEMAS: dict[str, dict[str, Any]] = {
    "attributes": {
        "source": pl.String,
        "attribute": pl.String,
        "kind": pl.String,
        "modality": pl.String,
        "subject": pl.String,
        **dict.fromkeys(
            (
                "records",
                "blank",
                "placeholder",
                "invalid",
                "partial",
                "repaired",
                "valid",
                "implausible",
                "derived",
                "distinct",
            ),
            pl.UInt64,
        ),
    },
    "exposure": {
        "unit": pl.String,
        "modalities": pl.String,
        "mask": pl.UInt32,
        "count": pl.UInt64,
    },
    "linkability": {
        "from_modality": pl.String,
        "to_modality": pl.String,
        "persons": pl.UInt64,
        "same_record": pl.UInt64,
        "linked": pl.UInt64,
    },
    "classes": {"class_size": pl.UInt64, "classes": pl.UInt64, "persons": pl.UInt64},
    "entity_sizes": {"subject": pl.String, "records": pl.UInt64, "entities": pl.UInt64},
    "match_weights": {"weight": pl.Float64, "candidates": pl.UInt64, "links": pl.UInt64},
    "blocking": {
        "rule": pl.String,
        **dict.fromkeys(
            (
                "records",
                "blocks",
                "pairs",
                "largest_block",
                "split_blocks",
                "sampled_blocks",
                "uncompared_pairs",
                "first_found",
            ),
            pl.UInt64,
        ),
    },
    "comparisons": {
        "comparison": pl.String,
        "level": pl.Int64,
        "label": pl.String,
        "m": pl.Float64,
        "u": pl.Float64,
        "related": pl.Float64,
        "weight": pl.Float64,
        "source": pl.String,
    },
    "related": {"basis": pl.String, "pairs": pl.UInt64, "persons": pl.UInt64},
    "template_reach": {
        "attribute": pl.String,
        "target": pl.String,
        "way": pl.String,
        "records": pl.UInt64,
        "reached": pl.UInt64,
        "expected_wrong": pl.Float64,
    },
}


@runtime_checkable
class HasPath(Protocol):
    """Anything that stands for a run directory, such as a `Run`."""

    @property
    def path(self) -> Path:
        """The run directory."""


RunLike = str | os.PathLike[str] | HasPath


def run_directory(run: RunLike) -> Path:
    """Return the directory of a run, given as a path or as a handle on it."""
    return Path(run) if isinstance(run, str | os.PathLike) else Path(run.path)


@dataclass(frozen=True)
class Tables:
    """The manifest and every table of a run, small enough to be held whole."""

    manifest: Mapping[str, Any]
    frames: Mapping[str, pl.DataFrame]

    @classmethod
    def read(cls, run: RunLike) -> Tables:
        """Read the tables of a run; one that the run did not write is empty.

        Raises:
            FileNotFoundError: there is no manifest, so it is no run directory.
        """
        directory = run_directory(run)
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        frames = {name: _read(directory / "tables" / f"{name}.parquet", name) for name in SCHEMAS}
        return cls(manifest, frames)

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.frames[name]

    @property
    def summary(self) -> Mapping[str, Any]:
        """The engine's summary of the run."""
        return self.manifest.get("summary") or {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec of the run."""
        return self.manifest.get("spec") or {}


def _read(path: Path, name: str) -> pl.DataFrame:
    schema = SCHEMAS[name]
    if not path.exists():
        return pl.DataFrame(schema=schema)
    return pl.scan_parquet(path).select(pl.col(c).cast(t) for c, t in schema.items()).collect()
