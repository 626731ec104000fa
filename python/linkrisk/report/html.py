"""The report as one page of HTML: no script, no font, no picture, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from linkrisk.report.charts import charts
from linkrisk.report.ledger import visible
from linkrisk.report.wording import MODALITY_NAMES, about, factor, number, percent, profile
from linkrisk.risk import definition_parts


def render(report: Mapping[str, Any]) -> str:
    """Return the HTML page of a report, made of its published figures alone."""
    minimum = report["run"]["minimum_count"]
    drawings = {name: Markup(svg) for name, svg in charts(report).items()}  # noqa: S704 - drawn by us, text escaped
    return template("report.html.j2").render(
        report=report,
        charts=drawings,
        minimum=minimum,
        n=lambda value: number(value, minimum),
        pct=lambda value: percent(value, minimum),
        about=lambda value: about(value, minimum),
        reach=_reach(report, minimum),
    )


@cache
def template(name: str) -> Template:
    """Read the template of a page."""
    environment = Environment(
        loader=PackageLoader("linkrisk.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["factor"] = factor
    environment.filters["profile"] = profile
    environment.filters["parts"] = definition_parts
    environment.filters["modality"] = MODALITY_NAMES.__getitem__
    environment.tests["visible"] = visible
    return environment.get_template(name)


def _reach(report: Mapping[str, Any], minimum: int) -> list[dict[str, Any]]:
    """The matrix as a table: a row for each trait that somebody may start with."""
    pairs = report["linkability"]["pairs"]
    rows: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        row = rows.setdefault(pair["from"], {"from": pair["from"], "persons": pair["persons"], "to": []})
        row["to"].append(
            {
                "to": pair["to"],
                "same": _bounded(pair["same_record_share"], pair["same_record"], minimum),
                "linked": _bounded(pair["linked_share"], pair["linked"], minimum),
                "gained": number(pair["gained"], minimum),
            }
        )
    return list(rows.values())


def _bounded(share: Any, count: Any, minimum: int) -> str:
    if isinstance(share, dict):
        return percent(share) if "at_least" in share else number(count, minimum)
    return percent(share)
