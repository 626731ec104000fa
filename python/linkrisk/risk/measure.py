"""What a measure is: a figure, its interval, and a definition that the report prints as it stands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PARTS = ("Definition", "Unit", "Range", "Direction", "Assumption", "Interval", "Source")


@dataclass(frozen=True)
class Measure:
    """One risk figure with its interval and its definition.

    Values are exact, small counts included: whoever publishes them applies
    `linkrisk.suppress` first, as the report does. ``value`` is None where the tables hold nothing
    to measure; ``low`` and ``high`` are None where the figure has no interval.
    """

    name: str
    title: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    definition: str
    details: Mapping[str, Any] = field(default_factory=dict)


def measured(
    function: Callable[..., Measure],
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    **details: Any,
) -> Measure:
    """Make the measure that a function returns, named and defined by the function itself."""
    definition = inspect.getdoc(function) or ""
    title = definition.partition("\n")[0].rstrip(".")
    unit = definition_parts(definition).get("Unit", "").rstrip(".")
    return Measure(function.__name__, title, value, low, high, unit, definition, details)


def definition_parts(definition: str) -> dict[str, str]:
    """Split a measure's docstring into its labelled parts, each on one line."""
    parts: dict[str, str] = {}
    label = ""
    for line in definition.splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in PARTS:
            label = head
            parts[label] = rest.strip()
        elif label and line.strip():
            parts[label] += " " + line.strip()
        else:
            label = ""
    return parts


def share(part: float, whole: float) -> float | None:
    """Return part / whole, or None where the whole is zero."""
    return part / whole if whole else None
