"""What the commands say and how they end: data to standard output, everything else beside it."""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec

from linkrisk.errors import (
    DataError,
    LinkriskError,
    MissingDependencyError,
    ResourceError,
    RunError,
    SpecError,
    TrainingError,
)

OVER_THRESHOLD = 1
USAGE = 2
DATA = 3
RESOURCES = 4
INTERNAL = 70
INTERRUPTED = 130

_P = ParamSpec("_P")

_RATES = (
    "similarity",
    "fmr",
    "fmr_low",
    "fmr_high",
    "fmr_basis",
    "fnmr",
    "fpir",
    "expected_false_links",
    "wrongly_merged",
    "may_merge_alone",
)


def exit_code(error: BaseException) -> int:
    """Tells how a command ends after `error`."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, (SpecError, RunError, MissingDependencyError)):
        return USAGE
    if isinstance(error, (ResourceError, MemoryError)):
        return RESOURCES
    if isinstance(error, (DataError, TrainingError, OSError)):
        return DATA
    return INTERNAL


def explain(error: BaseException) -> str:
    """Writes what a person is told about `error`: the message, then what to do about it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, LinkriskError):
        message, hint = str(error), error.hint
    elif isinstance(error, OSError):
        message = f"{error.strerror or error}" + (f": `{error.filename}`" if error.filename else "")
        hint = "; ".join(getattr(error, "__notes__", ())) or None
    else:
        # The text of a foreign exception may quote a value; its type and place cannot.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = f"unexpected {type(error).__name__} at {frame.filename}:{frame.lineno}"
        hint = "this is a bug in linkrisk, please report it"
    return f"error: {message}" + (f"\nhint: {hint}" if hint else "")


def guarded(command: Callable[_P, int | None]) -> Callable[_P, None]:
    """Makes a command end with the exit code of what it raises, or with the one it returns."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except BrokenPipeError:
            # Whoever read the output has enough; the interpreter's last flush must not fail as well.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except (Exception, KeyboardInterrupt) as error:
            say(explain(error))
            code = exit_code(error)
        if code:
            sys.exit(code)

    return run


def say(text: str) -> None:
    """Writes to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def emit(value: Any, *, as_json: bool, text: Callable[[Any], str]) -> None:
    """Writes the command's data to standard output, as JSON or as `text` makes it."""
    data = json.dumps(value, ensure_ascii=False, indent=2) if as_json else text(value)
    sys.stdout.write(f"{data}\n")
    sys.stdout.flush()


def cell(value: Any) -> str:
    """Writes one value of a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows: Sequence[Mapping[str, Any]], columns: Iterable[str] | None = None) -> str:
    """Writes rows as aligned text: numbers to the right, words to the left."""
    names = list(columns if columns is not None else dict.fromkeys(k for row in rows for k in row))
    body = [[cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(line[i]) for line in [names, *body]) for i in range(len(names))]
    right = [all(isinstance(row.get(n), (int, float, type(None))) for row in rows) for n in names]
    lines = [
        "  ".join(v.rjust(w) if r else v.ljust(w) for v, w, r in zip(line, widths, right, strict=True))
        for line in [names, *body]
    ]
    return "\n".join(line.rstrip() for line in lines)


def facts(value: Mapping[str, Any], prefix: str = "") -> str:
    """Writes a nested summary as lines of `name  value`; rows of tables below their name."""
    flat: list[tuple[str, str]] = []
    tables: list[str] = []
    for name, item in _leaves(value, prefix):
        if isinstance(item, list) and item and all(isinstance(row, Mapping) for row in item):
            tables.append(f"\n{name}\n{table(item)}")
        elif isinstance(item, list):
            flat.append((name, ", ".join(map(cell, item))))
        else:
            flat.append((name, cell(item)))
    width = max((len(name) for name, _ in flat), default=0)
    return "\n".join([*(f"{name.ljust(width)}  {text}".rstrip() for name, text in flat), *tables])


def thresholds_text(answer: Mapping[str, Any]) -> str:
    """Writes what thresholds do: the tables, every fifth threshold of them, and what they cannot tell."""
    from linkrisk.report.thresholds import auto_sentence, readable, worst_groups

    rows = readable(answer["rows"])
    parts = [
        f"{answer['attribute']}: {answer['records']:,} templates, {answer['pairs']:,.0f} pairs;"
        f" seen {answer['compared']:,.0f} of strangers and {answer['genuine']:,.0f} of one person"
        f" (known by: {answer['persons']})",
        auto_sentence(answer),
        "\nthresholds here\n" + table(rows, _RATES),
    ]
    for records in sorted({row["records"] for row in answer["at_scale"]}):
        kept = readable(row for row in answer["at_scale"] if row["records"] == records)
        parts.append(
            f"\namong {records:,} templates\n"
            + table(kept, ("similarity", "fpir", "expected_false_links", "wrongly_merged", "may_merge_alone"))
        )
    parts.append(
        "\nwhat 80 % similar is here\n"
        + table(
            answer["percent"],
            ("scale", "formula", "similarity", "fmr", "fmr_high", "fnmr", "expected_false_links"),
        )
    )
    parts.append(
        "\nfrom which similarity people may be merged, where another attribute agrees\n"
        + table(
            [
                row | {"attribute": row["attribute"] or "(the template alone)"}
                for row in answer["corroboration"]
            ],
            ("attribute", "effective_gallery", "similarity", "fnmr"),
        )
    )
    worst = worst_groups(answer)
    if worst:
        parts.append("\nworst group beside the mean\n" + table(worst))
    parts.append("\n" + "\n".join(f"- {limit}" for limit in answer["limits"]))
    return "\n".join(part for part in parts if part)


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            yield from _leaves(item, f"{name}.")
        else:
            yield name, item
