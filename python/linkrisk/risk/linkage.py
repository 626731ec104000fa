"""How good the data and the links are, by the model's own account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from linkrisk.risk.measure import Measure, measured, share
from linkrisk.risk.subjects import USABLE


def usable_values(attributes: pl.DataFrame) -> Measure:
    """Values that can be used.

    Definition: valid, repaired and partial values as a share of all cells of the mapped attributes;
    in the details per source and attribute, with what was wrong with the others.
    Unit: share of values.
    Range: 0 to 1.
    Direction: higher is worse for the people concerned, and better for the linkage's accuracy.
    Assumption: the attribute holds what the spec says it holds.
    Interval: none; it is a count over all records.
    Source: the engine's counts per attribute.
    """
    counted = attributes.with_columns(usable=USABLE)
    return measured(
        usable_values,
        share(int(counted["usable"].sum()), int(counted["records"].sum())),
        rows=counted.rows(named=True),
    )


def false_links(summary: Mapping[str, Any]) -> Measure:
    """Links that are expected to be false.

    Definition: links x (1 - expected precision): pairs taken for one person that the model expects
    to be two.
    Unit: links.
    Range: 0 to the number of links.
    Direction: higher is worse: conclusions about one person that are true of another.
    Assumption: the model's match probabilities are calibrated. No truth was consulted.
    Interval: none; it is an expectation.
    Source: Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969).
    """
    links, precision, _ = _expected(summary)
    value = None if precision is None else links * (1.0 - precision)
    return measured(false_links, value, links=links, precision=precision)


def missed_links(summary: Mapping[str, Any]) -> Measure:
    """Links that are expected to be missed.

    Definition: links x expected precision x (1 / expected recall - 1): pairs of records of one
    person that the linkage did not join.
    Unit: links.
    Range: 0 upwards.
    Direction: higher is worse: the true exposure is higher than the one shown.
    Assumption: the model's match probabilities are calibrated, and what no blocking rule compared
    is as the model expects. No truth was consulted.
    Interval: none; it is an expectation.
    Source: Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969).
    """
    links, precision, recall = _expected(summary)
    value = None if precision is None or not recall else links * precision * (1.0 / recall - 1.0)
    return measured(missed_links, value, links=links, recall=recall)


def recall_lost(summary: Mapping[str, Any]) -> Measure:
    """Recall lost because large blocks were not compared in full.

    Definition: matches among the pairs that share the key of a block that was split or sampled, and
    that no rule compared, as a share of all matches; estimated from how many of the matches that other
    rules found in these blocks stayed together in them.
    Unit: share of matches.
    Range: 0 to 1; null where no other rule tells, or too few of its matches lie in these blocks.
    Direction: higher is worse: the true exposure is higher than the one shown.
    Assumption: the rules it rests on use nothing of what the blocks were split by, and records do not
    go wrong in both at once; where they do the figure is too low.
    Interval: 95 %, normal, from the variance of the estimator, the pairs of one record counted once;
    widened to hold the intervals that each of the rules gives alone.
    Source: Chapman, "Some properties of the hypergeometric distribution with applications to zoological
    sample censuses" (1951); variance by Seber, "The effects of trap response on tag recapture
    estimates", Biometrics 26 (1970).
    """
    lost = (summary.get("uncompared") or {}).get("recall_lost")
    if summary.get("uncompared") is None:
        return measured(recall_lost, 0.0, 0.0, 0.0)
    if lost is None:
        return measured(recall_lost, None)
    return measured(recall_lost, lost["estimate"], lost["low"], lost["high"])


def _expected(summary: Mapping[str, Any]) -> tuple[int, float | None, float | None]:
    expected = summary.get("expected") or {}
    return int(summary.get("links") or 0), expected.get("precision"), expected.get("recall")


def uncompared_pairs(blocking: pl.DataFrame) -> Measure:
    """Pairs that a blocking rule made and nobody compared.

    Definition: pairs of blocks too large to be compared in full, which were sampled, as a share of
    all pairs that the blocking rules make.
    Unit: share of pairs.
    Range: 0 to 1.
    Direction: higher is worse: links among them were missed.
    Assumption: none; the number of pairs is known from the block sizes before any comparing.
    Interval: none; it is a count. A pair that two rules make is counted under each.
    Source: the engine's blocking plan.
    """
    left_out = int(blocking["uncompared_pairs"].sum())
    made = int(blocking["pairs"].sum()) + left_out
    return measured(uncompared_pairs, share(left_out, made), pairs=left_out, rows=blocking.rows(named=True))
