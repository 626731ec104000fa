"""From a run directory to the report's figures, suppressed and ready to be printed."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from linkrisk.errors import SpillLimitError
from linkrisk.report import biometric, data, people
from linkrisk.report.html import render
from linkrisk.report.ledger import Ledger
from linkrisk.report.summary import summary
from linkrisk.report.wording import GLOSSARY
from linkrisk.risk import RunLike, Tables, run_directory
from linkrisk.suppress import LOWEST_MINIMUM

SCHEMA_VERSION = "1.0"
DEFAULT_MINIMUM = 11

# How a system says that nothing more can be written: disk, quota, limit of a process.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def build_report(run: RunLike) -> dict[str, Any]:
    """Return the report of a finished run, as report.json holds it.

    Counts under the spec's `report.minimum_count` are hidden, with every count that would give one
    back; what is hidden is an object with the key `suppressed` in place of a number. Cost: the
    tables of the run directory are small, whatever the number of records.

    Raises:
        FileNotFoundError: there is no run in the directory.
    """
    tables = Tables.read(run)
    asked = (tables.spec.get("report") or {}).get("minimum_count") or DEFAULT_MINIMUM
    minimum = max(int(asked), LOWEST_MINIMUM)
    ledger = Ledger()
    people.enter_people(ledger, tables)
    data.enter_data(ledger, tables)
    biometric.enter_templates(ledger, tables)
    published = ledger.publish(minimum)
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run": _run(tables.manifest, minimum, run_directory(run) / "manifest.json"),
        "summary": {},
        "records": data.records(tables, published),
        "subjects": people.subjects(tables, published),
        "exposure": people.exposure(tables, published),
        "linkability": people.linkability(tables, published),
        "templates": biometric.templates(tables, published),
        "singling_out": people.singling_out(tables, published),
        "related": people.related(tables, published),
        "quality": data.quality(tables, published),
        "linkage": data.linkage(tables, published),
        "limits": data.limits(tables, published),
        "glossary": [{"word": word, "means": means} for word, means in GLOSSARY],
    }
    report["summary"] = summary(report, minimum)
    return report


def _run(manifest: Mapping[str, Any], minimum: int, path: Path) -> dict[str, Any]:
    spec = manifest.get("spec") or {}
    # The engine keeps no clock in the manifest, whose bytes then follow from the data alone; the
    # last stage replaced the file, and that is when the run was made.
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    purpose, controller = ((spec.get(name) or "").strip() or None for name in ("purpose", "controller"))
    return {
        "controller": controller,
        "purpose": purpose,
        "created": made.isoformat(timespec="seconds"),
        "version": (manifest.get("versions") or {}).get("linkrisk"),
        "seed": manifest.get("seed"),
        "spec_hash": manifest.get("spec_hash"),
        "sources": [source["name"] for source in spec.get("sources") or ()],
        "record_level_output": bool(purpose and controller),
        "minimum_count": minimum,
    }


def write_report(run: RunLike) -> dict[str, Any]:
    """Write report.json and report.html into a run directory, and return the figures.

    Each file appears whole or not at all, and is readable by its owner alone.

    Raises:
        FileNotFoundError: there is no run in the directory.
        SpillLimitError: the disk is full.
    """
    report = build_report(run)
    directory = run_directory(run)
    text = json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    html = render(report)
    _replace(directory / "report.json", text)
    _replace(directory / "report.html", html)
    return report


def _replace(path: Path, text: str) -> None:
    """Write a file beside its place and move it there; a temporary file is 0600 from the start.

    One that a killed process leaves has the name of any unfinished file of a run, and is swept as such.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise SpillLimitError(
                f"no room left to write `{path}`",
                hint="free some space, then write the report again with `linkrisk report`",
                details={"path": str(path)},
            ) from None
        raise
