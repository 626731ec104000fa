"""The page of `linkrisk thresholds`: what every similarity threshold would do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt
from markupsafe import Markup

from linkrisk.report.charts import WIDTH, axis, legend, to_svg
from linkrisk.report.colours import AFTER, BEFORE, INK, MUTED
from linkrisk.report.html import template
from linkrisk.report.wording import factor, number, percent

__all__ = ["auto_sentence", "readable", "render_thresholds", "worst_groups"]

# Every fifth of the hundredths: a table to be read, not the whole of it.
_EVERY = 5


def worst_groups(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Finds at each threshold the group with the most false matches among its like, beside the mean.

    Groups whose rate is not known at a threshold are left out of it; a threshold without a group with a
    known rate is left out.
    """
    mean = {row["similarity"]: row for row in answer["rows"]}
    found: dict[float, dict[str, Any]] = {}
    for group in answer["groups"]:
        if group["against"] != "same":
            continue
        for row in group["rows"]:
            similarity = row["similarity"]
            if row["fmr_basis"] == "unknown" or similarity not in mean:
                continue
            if similarity not in found or row["fmr"] > found[similarity]["fmr"]:
                sources = " and ".join(dict.fromkeys(group["sources"]))
                found[similarity] = {
                    "similarity": similarity,
                    "group": f"{group['attribute']} {group['group']} ({sources})",
                    "fmr": row["fmr"],
                    "fmr_low": row["fmr_low"],
                    "fmr_high": row["fmr_high"],
                    "mean_fmr": mean[similarity]["fmr"],
                }
    return [found[similarity] for similarity in sorted(found)]


def auto_sentence(answer: Mapping[str, Any]) -> str:
    """Says at which similarity as few false links are expected as are wanted."""
    auto = answer["auto"]
    wanted = f"{auto['wanted']:g} expected false link" + ("" if auto["wanted"] == 1 else "s")
    if auto["row"] is not None:
        return f"{wanted}: similarity {auto['row']['similarity']:.4f}"
    known = auto["last_known"]
    if known is None:
        return f"{wanted}: no similarity is known to have so few"
    return (
        f"{wanted}: no similarity is known to have so few; the last that is known, {known['similarity']:.2f},"
        f" has {known['expected_false_links']:,.0f} (up to {known['expected_false_links_high']:,.0f})"
    )


def readable(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keeps every fifth threshold of a table."""
    return [row for row in rows if round(row["similarity"] * 100) % _EVERY == 0]


def render_thresholds(answer: Mapping[str, Any]) -> str:
    """Draws the answer as one page of HTML: no script, nothing loaded from elsewhere."""
    return template("thresholds.html.j2").render(
        answer=answer,
        auto=auto_sentence(answer),
        rows=readable(answer["rows"]),
        sizes=[(records, _at(answer, records)) for records in _sizes(answer)],
        worst=worst_groups(answer),
        rates=Markup(_rates(answer)),  # noqa: S704 - drawn by us, text escaped
        links=Markup(_links(answer)),  # noqa: S704 - drawn by us, text escaped
        n=number,
        pct=percent,
        rate=_rate,
    )


def _rate(value: float | None) -> str:
    return "–" if value is None else factor(value)


def _sizes(answer: Mapping[str, Any]) -> list[int]:
    return sorted({row["records"] for row in answer["at_scale"]})


def _at(answer: Mapping[str, Any], records: int) -> list[dict[str, Any]]:
    return readable(row for row in answer["at_scale"] if row["records"] == records)


def _rates(answer: Mapping[str, Any]) -> str:
    """Both error rates with their intervals; a logarithmic axis, from the lowest rate that is drawn."""
    names = ("false match rate", "false non-match rate")
    values: list[dict[str, Any]] = []
    for row in answer["rows"]:
        for name, key in zip(names, ("fmr", "fnmr"), strict=True):
            if row[key]:
                high, low = row[f"{key}_high"], max(row[f"{key}_low"], 1e-12)
                point = {"similarity": row["similarity"], "rate": name, "value": row[key]}
                values.append(point | {"low": min(low, row[key]), "high": high})
    floor = min((v["value"] for v in values), default=1e-6) / 10
    values = [v | {"low": max(v["low"], floor)} for v in values]
    colour = alt.Color("rate:N", scale=alt.Scale(domain=list(names), range=[AFTER, BEFORE]), legend=legend())
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("similarity:Q", title="similarity (cosine)", axis=axis(), scale=alt.Scale(zero=False))
    )
    scale = alt.Scale(type="log", domain=[floor, 1])
    band = base.mark_area(opacity=0.25).encode(
        y=alt.Y("low:Q", scale=scale, title=None, axis=axis(grid=True, format=".0e")),
        y2="high:Q",
        color=colour,
    )
    line = base.mark_line(strokeWidth=2).encode(y=alt.Y("value:Q", scale=scale), color=colour)
    text = "False match and false non-match rate by similarity, with 95 % intervals, on a logarithmic axis."
    return to_svg(
        alt.layer(band, line).properties(width=WIDTH - 90, height=280), "rates", "Error rates", text
    )


def _links(answer: Mapping[str, Any]) -> str:
    """Expected false links here, and among ten and a hundred times as many templates."""
    values = [
        {
            "similarity": row["similarity"],
            "templates": f"{row['records']:,} templates",
            "links": max(row["expected_false_links"], 1e-3),
        }
        for row in [*answer["rows"], *answer["at_scale"]]
    ]
    names = [f"{n:,} templates" for n in (answer["records"], *_sizes(answer))]
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("similarity:Q", title="similarity (cosine)", axis=axis(), scale=alt.Scale(zero=False)),
            y=alt.Y("links:Q", scale=alt.Scale(type="log"), title=None, axis=axis(grid=True, format=".0e")),
            color=alt.Color(
                "templates:N", scale=alt.Scale(domain=names, range=[AFTER, MUTED, INK]), legend=legend()
            ),
        )
        .properties(width=WIDTH - 90, height=240)
    )
    text = (
        "Expected false links by similarity, among the templates there are and ten and a hundred times more."
    )
    return to_svg(chart, "links", "Expected false links", text)
