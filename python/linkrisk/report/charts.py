"""The report's charts: published figures in, inline SVG out, nothing to load and nothing to run.

Where a colour carries a number, the number is printed as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

import altair as alt
import vl_convert

from linkrisk.report.colours import (
    AFTER,
    BEFORE,
    HIDDEN,
    INK,
    MUTED,
    OUTCOME_COLOURS,
    PAPER,
    RULE,
    ink_on,
    shade,
)
from linkrisk.report.ledger import visible
from linkrisk.report.wording import SHORT_NAMES, number, percent, profile

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 816


def charts(report: Mapping[str, Any]) -> dict[str, str]:
    """Draw every chart of a report; one that has nothing to show is left out."""
    minimum = report["run"]["minimum_count"]
    drawn = {
        "numbers": _numbers(report),
        "profiles": _profiles(report, minimum),
        "matrix": _matrix(report, minimum),
        "classes": _classes(report),
        "weights": _weights(report),
        "quality": _quality(report),
    }
    return {name: svg for name, svg in drawn.items() if svg is not None}


def _numbers(report: Mapping[str, Any]) -> str | None:
    units = (("record", "one record"), ("person", "one person, after linking"))
    values = [
        {
            "number": str(row["modalities"]),
            "order": row["modalities"],
            "unit": label,
            "share": row["share"],
            "label": _whole(row["share"]),
        }
        for unit, label in units
        for row in report["exposure"][unit]["by_number"]
        if visible(row["share"])
    ]
    used = {row["number"] for row in values if row["share"]}
    values = [row for row in values if row["number"] in used]
    if not values:
        return None
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X(
            "number:O",
            sort=alt.EncodingSortField("order"),
            title="kinds of trait known",
            axis=axis(labelAngle=0),
        ),
        xOffset=alt.XOffset("unit:N", sort=[label for _, label in units]),
    )
    bars = base.mark_bar().encode(
        y=alt.Y("share:Q", title=None, axis=axis(format="%", grid=True, tickCount=4)),
        color=alt.Color(
            "unit:N",
            scale=alt.Scale(domain=[label for _, label in units], range=[BEFORE, AFTER]),
            legend=legend(),
        ),
    )
    labels = (
        base.transform_filter("datum.share >= 0.005")
        .mark_text(dy=-6, fontSize=11, color=MUTED)
        .encode(y="share:Q", text="label:N")
    )
    before, after = (report["exposure"][unit]["value"] for unit in ("record", "person"))
    text = "Share of records and of persons by the number of kinds of trait that are known of them."
    if visible(before) and visible(after):
        text += f" On average {before} per record and {after} per person."
    return to_svg(
        alt.layer(bars, labels).properties(width=WIDTH - 60, height=220), "numbers", "Kinds of trait", text
    )


def _profiles(report: Mapping[str, Any], minimum: int) -> str | None:
    rows = [row for row in report["exposure"]["person"]["profiles"] if visible(row["count"])][:12]
    if not rows:
        return None
    traits = [m for m in SHORT_NAMES if any(m in row["modalities"] for row in rows)]
    bars, dots = [], []
    for place, row in enumerate(rows):
        label = f"{number(row['count'], minimum)}  ({percent(row['share'])})"
        bars.append({"row": place, "count": row["count"], "label": label})
        dots += [{"row": place, "trait": SHORT_NAMES[m], "held": m in row["modalities"]} for m in traits]
    y = alt.Y("row:O", axis=None)
    height = alt.Step(27)
    matrix = (
        alt.Chart(alt.InlineData(values=dots))
        .mark_point(filled=True, size=120, opacity=1)
        .encode(
            x=alt.X(
                "trait:N",
                sort=None,
                title=None,
                axis=axis(orient="top", labelAngle=0, ticks=False, domain=False),
            ),
            y=y,
            color=alt.condition("datum.held", alt.value(AFTER), alt.value("#e3e8ed")),
        )
        .properties(width=len(traits) * 58, height=height)
    )
    base = alt.Chart(alt.InlineData(values=bars)).encode(
        y=y, x=alt.X("count:Q", axis=None, scale=alt.Scale(domainMax=max(row["count"] for row in rows) * 1.7))
    )
    lengths = alt.layer(
        base.mark_bar(color=AFTER, height={"band": 0.66}),
        base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(text="label:N"),
    ).properties(width=max(WIDTH - 30 - len(traits) * 58, 220), height=height)
    first = f"{profile(rows[0]['modalities'])}, {bars[0]['label']}"
    text = f"The {len(rows)} most frequent sets of traits known of one person. Most frequent: {first}."
    return to_svg(alt.hconcat(matrix, lengths, spacing=10), "profiles", "Sets of traits", text)


def _matrix(report: Mapping[str, Any], minimum: int) -> str | None:
    pairs = report["linkability"]["pairs"]
    if not pairs:
        return None
    order = [m for m in SHORT_NAMES if any(p["from"] == m for p in pairs)]
    persons = {p["from"]: p["persons"] for p in pairs}
    values: list[dict[str, Any]] = []
    for p in pairs:
        linked, same = p["linked_share"], p["same_record_share"]
        bound = linked.get("at_least") if isinstance(linked, dict) else linked
        if isinstance(linked, dict):
            text = f"≥ {_whole(bound)}" if bound is not None else number(p["linked"], minimum)
        else:
            text = _whole(linked)
        gain = linked - same if visible(linked) and visible(same) else 0
        values.append(
            {
                "from": _row_name(p["from"], persons[p["from"]], minimum),
                "to": SHORT_NAMES[p["to"]],
                "fill": HIDDEN if bound is None else shade(bound),
                "ink": INK if bound is None else ink_on(shade(bound)),
                "text": text,
                "note": f"was {_whole(same)}" if gain >= 0.01 else "",
            }
        )
    values += [
        {
            "from": _row_name(m, persons[m], minimum),
            "to": SHORT_NAMES[m],
            "fill": PAPER,
            "ink": INK,
            "text": "",
            "note": "",
        }
        for m in order
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("to:N", sort=[SHORT_NAMES[m] for m in order], title="leads to",
                axis=axis(orient="top", labelAngle=0, ticks=False, domain=False, labelLimit=100)),
        y=alt.Y("from:N", sort=[_row_name(m, persons[m], minimum) for m in order], title=None,
                axis=axis(ticks=False, domain=False, labelLimit=220)),
    )  # fmt: skip
    cells = base.mark_rect(stroke=PAPER, strokeWidth=2).encode(color=alt.Color("fill:N", scale=None))
    ink = alt.Color("ink:N", scale=None)
    large = base.mark_text(fontSize=13, dy=alt.expr("datum.note ? -6 : 0"), fontWeight=600).encode(
        text="text:N", color=ink
    )
    small = base.mark_text(fontSize=10.5, dy=9).encode(text="note:N", color=ink)
    width = min(74, (WIDTH - 150) // len(order))
    return to_svg(
        alt.layer(cells, large, small).properties(width=alt.Step(width), height=alt.Step(44)),
        "matrix",
        "From one trait to another",
        "Of the persons of whom one trait is held, the share for whom the linked data lead to another. "
        "The same figures are in the table below.",
    )


def _row_name(modality: str, persons: Any, minimum: int) -> str:
    return f"{SHORT_NAMES[modality]} ({number(persons, minimum)})"


def _whole(share: float) -> str:
    """A share in a small cell: no decimals, and never rounded to 0 or 100 when it is neither."""
    if 0 < share < 0.01:
        return "<\u00a01\u00a0%"
    if 0.99 < share < 1:
        return ">\u00a099\u00a0%"
    return f"{share:.0%}".replace("%", "\u00a0%")


def _classes(report: Mapping[str, Any]) -> str | None:
    rows = [row for row in report["singling_out"]["classes"] if visible(row["share"])]
    while rows and not rows[-1]["share"]:
        rows.pop()
    if not rows:
        return None
    values = [
        {"size": row["class_size"], "share": row["share"], "label": percent(row["share"]), "few": index < 3}
        for index, row in enumerate(rows)
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("size:N", sort=None, title="persons who share the same combination", axis=axis(labelAngle=0)),
        y=alt.Y("share:Q", title=None, axis=axis(format="%", grid=True, tickCount=4)),
    )
    bars = base.mark_bar(width={"band": 0.74}).encode(
        color=alt.condition("datum.few", alt.value("#d55e00"), alt.value(AFTER))
    )
    labels = base.mark_text(dy=-7, fontSize=12, color=INK).encode(text="label:N")
    text = (
        "Share of persons by the size of their class: "
        + "; ".join(f"{v['size']}: {v['label']}" for v in values)
        + "."
    )
    return to_svg(
        alt.layer(bars, labels).properties(width=WIDTH - 60, height=210), "classes", "Class sizes", text
    )


def _weights(report: Mapping[str, Any]) -> str | None:
    kinds = ("not linked", "linked")
    values = []
    for row in report["linkage"]["match_weights"]:
        if visible(row["candidates"]) and visible(row["links"]):
            values.append({"weight": row["weight"], "kind": kinds[1], "pairs": row["links"]})
            values.append(
                {"weight": row["weight"], "kind": kinds[0], "pairs": row["candidates"] - row["links"]}
            )
    values = [row | {"end": row["weight"] + 1} for row in values if row["pairs"]]
    if not values:
        return None
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X(
                "weight:Q",
                bin="binned",
                title="match weight in bits (higher: more surely one person)",
                axis=axis(tickCount=10),
            ),
            x2="end:Q",
            y=alt.Y(
                "pairs:Q",
                title="candidate pairs",
                stack=True,
                axis=axis(format="~s", grid=True, tickCount=4),
            ),
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=list(kinds), range=[BEFORE, AFTER]), legend=legend()
            ),
        )
        .properties(width=WIDTH - 90, height=200)
    )
    return to_svg(
        chart,
        "weights",
        "Match weights",
        "Candidate pairs by match weight, and which of them were linked. Two separate hills mean a "
        "clear decision.",
    )


def _quality(report: Mapping[str, Any]) -> str | None:
    rows = report["quality"]["attributes"]
    outcomes = list(OUTCOME_COLOURS)
    values = [
        {
            "attribute": f"{row['source']}: {row['attribute']}",
            "outcome": outcome,
            "order": index,
            "share": row[f"{outcome}_share"],
        }
        for row in rows
        for index, outcome in enumerate(outcomes)
        if visible(row[f"{outcome}_share"])
    ]
    if not values:
        return None
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(height={"band": 0.7})
        .encode(
            y=alt.Y(
                "attribute:N", sort=None, title=None, axis=axis(labelLimit=240, ticks=False, domain=False)
            ),
            x=alt.X(
                "share:Q",
                title=None,
                stack=True,
                axis=axis(format="%", tickCount=5),
                scale=alt.Scale(domain=[0, 1], clamp=True),
            ),
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(domain=outcomes, range=list(OUTCOME_COLOURS.values())),
                legend=legend(),
            ),
            order="order:Q",
        )
        .properties(width=WIDTH - 190, height=alt.Step(24))
    )
    return to_svg(
        chart,
        "quality",
        "Data quality",
        "Share of values per attribute that are valid, repaired, partial, invalid, placeholders or blank.",
    )


def axis(**options: Any) -> alt.Axis:
    """Make an axis as all charts have it."""
    return alt.Axis(**({"grid": False} | options))


def legend() -> alt.Legend:
    """Make a legend as all charts have it."""
    return alt.Legend(
        title=None, orient="top", direction="horizontal", offset=12, symbolType="square", symbolSize=140
    )


def to_svg(chart: Any, name: str, title: str, description: str) -> str:
    """Draw a chart as an SVG that stands by itself inside a page, with a title and a description."""
    axis = {
        "labelColor": INK,
        "titleColor": MUTED,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
        "gridColor": RULE,
        "domainColor": "#afb8c1",
        "tickColor": "#afb8c1",
        "labelPadding": 6,
    }
    configured = chart.configure(
        font=FONT,
        background="transparent",
        aria=False,
        # The reader's font may be wider than the one that the drawing was measured with.
        padding={"left": 20, "right": 16, "top": 4, "bottom": 4},
        axis=axis,
        view={"stroke": None},
        legend={"labelColor": INK, "labelFontSize": 12.5, "columnPadding": 18},
    )
    raw = vl_convert.vegalite_to_svg(
        configured.to_dict(), vl_version=".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    )
    return accessible(raw, name, title, description)


def accessible(svg: str, name: str, title: str, description: str) -> str:
    """Make a drawn SVG fit for a page: scalable, named for screen readers, its ids its own."""
    opening, _, body = svg.partition(">")
    box = re.search(r'viewBox="([^"]+)"', opening)
    if box is None:
        raise ValueError("the drawing has no `viewBox`")
    width = box[1].split()[2]
    # The parts of a drawing say nothing by themselves; the whole has a title and a description.
    body = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", body)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    return (
        f'<svg viewBox="{box[1]}" role="img" aria-labelledby="{name}-title {name}-desc" '
        f'style="max-width:{float(width):.0f}px">'
        f'<title id="{name}-title">{escape(title)}</title><desc '
        f'id="{name}-desc">{escape(description)}</desc>{body}'
    )
