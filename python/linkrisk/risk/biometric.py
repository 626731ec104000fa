"""Measures of what templates give away: faces, fingerprints."""

from __future__ import annotations

import polars as pl

from linkrisk.risk.measure import Measure, measured, share

__all__ = ["template_reach"]


def template_reach(reach: pl.DataFrame) -> Measure:
    """Records with a template that lead to a name or a number.

    Definition: of the records with a template (a face, a fingerprint) and without a name, or without
    an official number, those that a link ties directly to a record with one; the value is the share by
    the template alone, over all attributes of templates and both targets.
    Unit: share of such records.
    Range: 0 to 1.
    Direction: higher is worse: whoever holds a picture learns who it is.
    Assumption: the match probabilities of the links hold; a link is by the template alone where all other
    attributes together weigh less than one bit in its favour.
    Interval: none; how many of the conclusions are expected to be wrong stands beside each.
    Source: links after Fellegi and Sunter, "A theory for record linkage", JASA 64 (1969).
    """
    alone = reach.filter(pl.col("way") == "alone")
    return measured(
        template_reach,
        share(float(alone["reached"].sum()), float(alone["records"].sum())),
        rows=reach.rows(named=True),
    )
