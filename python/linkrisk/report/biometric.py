"""The section on templates: what a face or a fingerprint leads to, and how wrong that would be."""

from __future__ import annotations

from typing import Any

from linkrisk import risk
from linkrisk.report.ledger import Key, Ledger, Published, visible
from linkrisk.report.people import figure
from linkrisk.risk import Tables

__all__ = ["enter_templates", "templates"]


def _attributes(tables: Tables) -> list[dict[str, Any]]:
    """What the run learned of each attribute of templates, as its manifest has it."""
    stages = tables.manifest.get("stages") or []
    found = [stage["summary"] for stage in stages if stage.get("stage") == "nearest"]
    return list(found[-1] or []) if found else []


def _start(row: dict[str, Any]) -> Key:
    return ("template", row["attribute"], row["target"])


def _reached(row: dict[str, Any]) -> Key:
    return ("template", row["attribute"], row["target"], row["way"])


def enter_templates(ledger: Ledger, tables: Tables) -> None:
    """Enter every count of the section; those of one target overlap and are rounded."""
    for row in tables["template_reach"].rows(named=True):
        start = ledger.enter(_start(row), row["records"], rounded=True)
        ledger.split(start, ledger.enter(_reached(row), row["reached"], rounded=True))


def _group(found: dict[str, Any], published: Published) -> dict[str, Any]:
    """How often strangers of a group look alike, beside all strangers."""
    return {
        "group": found["group"],
        "templates": published.alone(found["templates"]),
        "similarity": round(found["similarity"], 4),
        **{name: float(f"{found[name]:.2g}") for name in ("fmr", "fmr_high", "mean_fmr")},
    }


def templates(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section; its attributes are empty where no templates were compared."""
    measure = risk.template_reach(tables["template_reach"])
    rows = []
    for row in measure.details["rows"]:
        reached = published.count(_reached(row))
        wrong = row["expected_wrong"] / row["reached"] if row["reached"] else None
        rows.append(
            {
                "attribute": row["attribute"],
                "target": row["target"],
                "way": row["way"],
                "records": published.count(_start(row)),
                "reached": reached,
                "share": published.share(_reached(row), _start(row)),
                # A mean of fewer than the minimum would say too much of them.
                "expected_wrong_share": None if wrong is None or not visible(reached) else round(wrong, 4),
            }
        )
    open_rows = [
        r for r in rows if r["way"] == "alone" and all(visible(r[k]) for k in ("records", "reached"))
    ]
    whole = sum(r["records"] for r in open_rows)
    alone = sum(r["reached"] for r in open_rows)
    return {
        "reach": figure(measure, round(min(alone / whole, 1.0), 4) if whole else None, rows=rows),
        "attributes": [
            {
                "attribute": found["attribute"],
                "templates": published.alone(found["templates"]),
                "positions": [position["attribute"] for position in found["positions"]],
                "similar_from": [round(position["from"], 4) for position in found["positions"]],
                "pairs": published.alone(found["pairs"]),
                "pairs_of_strangers": published.alone(found["strangers"]),
                # Of several positions that of which the join finds least.
                "recall": dict(
                    zip(
                        ("value", "low", "high"),
                        min((position["recall"] for position in found["positions"]), default=[1.0] * 3),
                        strict=True,
                    )
                ),
                "templates_of_person": round(found["templates_of_person"], 2),
                "merges_from": found["merges_from"] and round(found["merges_from"][0], 4),
                "strangers_there": found["merges_from"] and float(f"{found['merges_from'][1]:.2g}"),
                "genuine": found["genuine"],
                "genuine_pairs": published.alone(found["genuine_pairs"]),
                "groups": [_group(group, published) for group in found["groups"]],
            }
            for found in _attributes(tables)
        ],
    }
