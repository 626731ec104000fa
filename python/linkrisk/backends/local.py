"""Runs on this machine: the engine, fed with checked tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from os import PathLike, fspath
from typing import Any

from linkrisk._linkrisk import Engine, build_info, normalise, scenarios, simulate
from linkrisk._linkrisk import nearest as run_nearest
from linkrisk._linkrisk import thresholds as error_rates
from linkrisk.errors import DataError
from linkrisk.inputs import inputs_of
from linkrisk.progress import ProgressCallback
from linkrisk.sources import SLICE, Table, open_sources
from linkrisk.spec import Spec

__all__ = [
    "STAGES",
    "LocalBackend",
    "build_info",
    "error_rates",
    "normalise",
    "run_nearest",
    "scenarios",
    "simulate",
]

# One record in so many is drawn for an estimate, and no less than this many: reading them and choosing rules
# by them takes a hundredth of a run of a hundred million.
SAMPLED = 250
LEAST_SAMPLE = 262_144

STAGES = ("ingest", "plan", "train", "nearest", "link", "cluster", "assess")


class LocalBackend:
    """The stages of one run, each to be called once and in the order of `STAGES`.

    Every source is opened and checked before the engine exists, so that a wrong column costs nothing
    and leaves nothing behind.
    """

    def __init__(
        self,
        spec: Spec,
        out: str | PathLike[str] | None,
        progress: ProgressCallback | None,
        *,
        resume: bool = False,
    ) -> None:
        self._tables = open_sources(spec)
        self._batch_size = spec.run.batch_size
        self._seed = spec.run.seed
        path = None if out is None else fspath(out)
        inputs = None if out is None else json.dumps(inputs_of(spec, self._tables))
        self._engine = Engine(spec.to_engine_json(), path, progress, inputs, resume)
        self._rows = [table.rows() for table in self._tables]
        self._engine.expect(self._rows)
        self._lot = self._engine.read_in_lots()

    def finish(self) -> None:
        """Removes what the run keeps to go on after it was killed."""
        self._engine.finish()

    def run(self, stage: str) -> dict[str, Any]:
        """Runs one stage and returns its summary."""
        if stage == "ingest":
            return {"sources": [self._ingest(i, table) for i, table in enumerate(self._tables)]}
        method: Callable[[], str] = getattr(self._engine, stage)
        summary: dict[str, Any] = json.loads(method())
        return summary

    def estimate(self) -> dict[str, Any]:
        """Estimates the run from a sample of its records."""
        tables, seed = self._tables, self._seed
        records = sum(rows or 0 for rows in self._rows)
        share = max(LEAST_SAMPLE, records // SAMPLED) / max(records, 1)
        drawn = [
            table.sample(LEAST_SAMPLE if rows is None else round(share * rows), seed)
            for table, rows in zip(tables, self._rows, strict=True)
        ]
        self._engine.draw([(total, SLICE) for _, total in drawn])
        started = time.monotonic()
        for index, (frame, _) in enumerate(drawn):
            self._engine.ingest(index, frame)
        estimate: dict[str, Any] = json.loads(self._engine.estimate(time.monotonic() - started))
        return estimate

    def _ingest(self, index: int, table: Table) -> dict[str, Any]:
        try:
            with closing(table.lots(self._batch_size, self._lot)) as lots:
                text = self._engine.ingest(index, lots)
        except DataError as error:
            # What reaches the engine from a broken stream is text without a place; the files know it.
            found = table.diagnose()
            if found is not None:
                raise found from error
            error.hint = error.hint or "check that the table can be read to its end"
            raise
        summary: dict[str, Any] = json.loads(text)
        return summary
