"""The sections about the data and the linkage: what was read, how good it is, how it was joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from linkrisk import risk
from linkrisk.report.ledger import Key, Ledger, Published, visible
from linkrisk.report.people import figure, total_of
from linkrisk.report.wording import number, percent
from linkrisk.risk import Tables

# Share of the true pairs found from which it matters that nothing tells how many like them were missed.
MUCH_UNCHECKED = 0.05

OUTCOMES = ("valid", "repaired", "partial", "invalid", "placeholder", "blank")
USABLE = OUTCOMES[:3]
BLOCKING_COUNTS = (
    "records",
    "blocks",
    "pairs",
    "largest_block",
    "split_blocks",
    "sampled_blocks",
    "uncompared_pairs",
    "first_found",
)


def enter_data(ledger: Ledger, tables: Tables) -> None:
    """Enter every count of these sections."""
    _enter_attributes(ledger, tables)
    _enter_pairs(ledger, tables)


def _enter_attributes(ledger: Ledger, tables: Tables) -> None:
    rows = risk.usable_values(tables["attributes"]).details["rows"]
    by_source = risk.records(tables["attributes"]).details["by_source"]
    total = ledger.enter(("source", "total"), sum(row["records"] for row in by_source))
    ledger.relate(total_of("record"), [total])
    for row in by_source:
        ledger.enter(("source", row["source"]), row["records"])
    ledger.relate(total, [("source", row["source"]) for row in by_source])
    one_each: dict[str, dict[str, list[Key]]] = {}
    for row in rows:
        at = (row["source"], row["attribute"])
        records: Key = ("source", row["source"])
        parts = [ledger.enter(("attribute", *at, name), row[name], rounded=True) for name in OUTCOMES]
        ledger.relate(records, parts)
        for part in parts:
            ledger.split(records, part)
        usable = ledger.enter(("attribute", *at, "usable"), row["usable"], rounded=True)
        ledger.relate(usable, [("attribute", *at, name) for name in USABLE])
        ledger.split(records, usable)
        for name in ("implausible", "derived"):
            ledger.split(usable, ledger.enter(("attribute", *at, name), row[name], rounded=True))
        ledger.enter(("attribute", *at, "distinct"), row["distinct"], rounded=True)
        one_each.setdefault(row["modality"], {}).setdefault(row["source"], []).append(usable)
    for modality, sources in one_each.items():
        if all(len(keys) == 1 for keys in sources.values()):
            ledger.relate(("record", "holds", modality), [keys[0] for keys in sources.values()])
    for row in risk.records_by_modality(tables["attributes"]).details["rows"]:
        for end in ("low", "high"):
            ledger.enter(("source", row["source"], row["modality"], end), row[end], rounded=True)
        same = one_each[row["modality"]][row["source"]]
        if len(same) == 1:
            ledger.relate(same[0], [("source", row["source"], row["modality"], "low")])
            ledger.relate(same[0], [("source", row["source"], row["modality"], "high")])


def _enter_pairs(ledger: Ledger, tables: Tables) -> None:
    candidates = ledger.enter(("pairs", "candidates"), tables.summary.get("candidate_pairs") or 0)
    links = ledger.enter(("pairs", "links"), tables.summary.get("links") or 0)
    ledger.split(candidates, links)
    bins = tables["match_weights"].sort("weight").rows(named=True)
    for row in bins:
        whole = ledger.enter(("weight", row["weight"], "candidates"), row["candidates"])
        linked = ledger.enter(("weight", row["weight"], "links"), row["links"])
        ledger.split(whole, linked)
    ledger.relate(candidates, [("weight", row["weight"], "candidates") for row in bins])
    ledger.relate(links, [("weight", row["weight"], "links") for row in bins])
    rules = risk.uncompared_pairs(tables["blocking"]).details["rows"]
    for row in rules:
        for name in BLOCKING_COUNTS:
            ledger.enter(("rule", row["rule"], name), row[name])
    ledger.relate(candidates, [("rule", row["rule"], "first_found") for row in rules])
    uncompared = ledger.enter(("pairs", "uncompared"), sum(row["uncompared_pairs"] for row in rules))
    ledger.relate(uncompared, [("rule", row["rule"], "uncompared_pairs") for row in rules])
    cut = tables.summary.get("contradictions") or {}
    for name in ("clusters", "links_cut", "templates"):
        ledger.enter(("contradictions", name), cut.get(name) or 0)


def records(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section on records by source and modality."""
    total = risk.records(tables["attributes"])
    by_modality = risk.records_by_modality(tables["attributes"])
    return {
        "total": figure(total, published.count(("source", "total"))),
        "by_source": [
            {"source": row["source"], "records": published.count(("source", row["source"]))}
            for row in total.details["by_source"]
        ],
        "by_modality": figure(
            by_modality,
            by_modality.value,
            rows=[
                {
                    "source": row["source"],
                    "modality": row["modality"],
                    "attributes": row["attributes"],
                    "low": published.count(("source", row["source"], row["modality"], "low")),
                    "high": published.count(("source", row["source"], row["modality"], "high")),
                }
                for row in by_modality.details["rows"]
            ],
        ),
    }


def quality(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section on the quality of each attribute."""
    measure = risk.usable_values(tables["attributes"])
    rows = []
    for row in measure.details["rows"]:
        at = (row["source"], row["attribute"])
        whole: Key = ("source", row["source"])
        counts = ("usable", *OUTCOMES, "implausible", "derived", "distinct")
        rows.append(
            {key: row[key] for key in ("source", "attribute", "kind", "modality")}
            | {"records": published.count(whole)}
            | {name: published.count(("attribute", *at, name)) for name in counts}
            | {
                f"{name}_share": published.share(("attribute", *at, name), whole)
                for name in ("usable", *OUTCOMES)
            }
        )
    # Over what is printed, so that the share gives back no count that is not.
    open_rows = [row for row in rows if visible(row["usable"]) and visible(row["records"])]
    cells = sum(row["records"] for row in open_rows)
    value = round(sum(row["usable"] for row in open_rows) / cells, 4) if cells else None
    return {"usable_values": figure(measure, value), "attributes": rows}


def linkage(tables: Tables, published: Published) -> dict[str, Any]:
    """Return the section on blocking, comparisons and what the model expects of its links."""
    expected = tables.summary.get("expected") or {}
    uncompared = risk.uncompared_pairs(tables["blocking"])
    share: Any = uncompared.value
    if not visible(published.count(("pairs", "uncompared"))):
        share = published.count(("pairs", "uncompared"))
    lost = risk.recall_lost(tables.summary)
    return {
        "threshold": (tables.spec.get("linkage") or {}).get("threshold"),
        "candidate_pairs": published.count(("pairs", "candidates")),
        "links": published.count(("pairs", "links")),
        "expected_precision": expected.get("precision"),
        "expected_recall": expected.get("recall"),
        "false_links": _figure_alone(risk.false_links(tables.summary), published),
        "missed_links": _figure_alone(risk.missed_links(tables.summary), published),
        "recall_lost": figure(
            lost, *(None if x is None else round(x, 6) for x in (lost.value, lost.low, lost.high))
        ),
        "uncompared": figure(
            uncompared,
            round(share, 6) if visible(share) else share,
            pairs=published.count(("pairs", "uncompared")),
        ),
        "contradictions": {
            name: published.count(("contradictions", name)) for name in ("clusters", "links_cut", "templates")
        },
        "blocking": [
            {"rule": row["rule"]}
            | {name: published.count(("rule", row["rule"], name)) for name in BLOCKING_COUNTS}
            for row in uncompared.details["rows"]
        ],
        "comparisons": tables["comparisons"]
        .sort("comparison", "level", maintain_order=True)
        .rows(named=True),
        "match_weights": [
            {
                "weight": weight,
                "candidates": published.count(("weight", weight, "candidates")),
                "links": published.count(("weight", weight, "links")),
            }
            for weight in tables["match_weights"].sort("weight")["weight"]
        ],
    }


def _figure_alone(measure: Any, published: Published) -> dict[str, Any]:
    return figure(measure, published.alone(measure.value))


def _not_compared(tables: Tables) -> list[str]:
    """Names the attributes that have values that could be compared, and no comparison."""
    compared = set(tables["comparisons"]["comparison"])
    never = ("time", "face", "iris", "fingerprint")
    rows = tables["attributes"].rows(named=True)
    usable = {r["attribute"] for r in rows if r["kind"] not in never and r["valid"] + r["repaired"]}
    return sorted(usable - compared) if compared else []


def _lost(tables: Tables) -> str:
    lost = risk.recall_lost(tables.summary)
    if lost.value is None or lost.low is None or lost.high is None:
        return "Links among their other pairs were missed; how many cannot be told."
    return f"That is estimated to cost {lost.value:.2%} of all links ({lost.low:.2%} to {lost.high:.2%})."


def limits(tables: Tables, published: Published) -> list[str]:
    """State what the run did not do, and what its figures do not say."""
    out: list[str] = []
    uncompared = published.count(("pairs", "uncompared"))
    if uncompared != 0:
        sampled = sum(bool(row["sampled_blocks"]) for row in tables["blocking"].rows(named=True))
        rules = "one blocking rule" if sampled == 1 else f"{number(sampled)} blocking rules"
        out.append(
            f"{number(uncompared, published.minimum)} pairs of {rules} lie in blocks too large to "
            "be compared in "
            f"full; those blocks were split or sampled. {_lost(tables)}"
        )
    expected: Mapping[str, Any] = tables.summary.get("expected") or {}
    unchecked = expected.get("unchecked") or 0.0
    out.append(
        "Records that no blocking rule brings together were never compared. The expected recall counts only "
        "what the model can see of them."
    )
    if tables["blocking"].height == 1:
        out.append(
            "One blocking rule made every pair, so nothing tells what it missed: the expected recall is that "
            "of the pairs it made."
        )
    elif unchecked >= MUCH_UNCHECKED:
        out.append(
            f"{percent(unchecked)} of the true pairs found are of records that only one blocking rule, or "
            "rules on one attribute, can join. Nothing tells how many like them were missed, and the "
            "expected recall takes it to be none."
        )
    persons = tables.summary.get("persons") or {}
    unplaced = published.alone(persons.get("unplaced"))
    if unplaced not in (None, 0):
        out.append(
            f"{number(unplaced, published.minimum)} of the people found are single records that hold nothing "
            "by which they could be joined to others. Each may be of somebody who is counted already, so the "
            "lower end of the number of people leaves them out."
        )
    by_one = published.alone(persons.get("by_one_attribute"))
    if by_one not in (None, 0):
        out.append(
            f"{number(by_one, published.minimum)} of the people found are known by one attribute alone, "
            "as by the number of one document. Whoever had another value of it too, by error or by right, "
            "is counted twice, so the lower end of the number of people leaves them out as well."
        )
    left_out = _not_compared(tables)
    if left_out:
        out.append(f"Values of {_and(left_out)} were not compared, for want of room in a pair’s pattern.")
    biometric = sorted(
        {m for m in tables["attributes"]["modality"] if m in ("face", "iris", "fingerprint")},
        key=risk.MODALITIES.index,
    )
    if biometric:
        out.append(
            f"Templates of {_and(biometric)} are counted as exposed and were not compared with one another. "
            "Whoever can compare them reaches further than this report shows."
        )
    implausible = [row for row in tables["attributes"].rows(named=True) if row["implausible"]]
    if implausible:
        names = sorted({row["attribute"] for row in implausible})
        out.append(
            f"Values held by an implausible number of records (in {_and(names)}) were taken for "
            "placeholders and "
            "never compared as equal."
        )
    if expected.get("precision") is not None:
        out.append(
            f"Precision ({percent(expected['precision'])}) and recall "
            f"({percent(expected['recall'])}) are the "
            "model’s own expectation. They were not checked against a truth."
        )
    out.append(
        "A plate identifies a vehicle, which people may share. It is never taken as proof of a "
        "person, so movements "
        "of a vehicle are not counted as movements of its keeper."
    )
    out.append(
        "The report measures what these sources allow by themselves. An attacker with further data "
        "reaches at least "
        "as far."
    )
    return out


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
