"""What each kind of attribute may be read from, compared by and blocked on.

The engine owns the meaning of a kind; this table is what a spec can be checked against before the
engine sees it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

KindName = Literal[
    "cn_resident_id",
    "aadhaar",
    "us_ssn",
    "travel_document",
    "plate",
    "phone",
    "email",
    "person_name",
    "birth_date",
    "age",
    "sex",
    "address",
    "place",
    "time",
    "face",
    "iris",
    "fingerprint",
    "image_url",
    "account",
    "category",
    "text",
]

MethodName = Literal[
    "exact",
    "jaro_winkler",
    "levenshtein",
    "osa",
    "plate_ocr",
    "id_number",
    "date",
    "numeric_within",
    "token_set",
    "person_name",
]

KINDS: tuple[str, ...] = get_args(KindName)
METHODS: tuple[str, ...] = get_args(MethodName)

VECTORS = ("face", "iris", "fingerprint")
"""Kinds whose values are templates."""

ISSUED = ("cn_resident_id", "aadhaar", "us_ssn", "travel_document", "account", "image_url")
"""Kinds whose values are issued to one person, official numbers first."""

TEXT_METHODS = ("exact", "jaro_winkler", "levenshtein", "osa", "token_set")


class KindTraits(NamedTuple):
    """What a kind allows."""

    methods: tuple[str, ...]
    """Comparison methods; none for a kind that is only counted."""
    parts: tuple[str, ...] = ()
    """Parts that a blocking rule may name as `attribute.part`."""
    options: tuple[str, ...] = ()
    """Keys of an attribute that mean something for the kind, beside `column`, `kind`, `placeholders`."""


TRAITS: dict[str, KindTraits] = {
    "cn_resident_id": KindTraits(("exact", "id_number")),
    "aadhaar": KindTraits(("exact", "id_number"), (), ("synthetic",)),
    "us_ssn": KindTraits(("exact", "id_number"), (), ("synthetic",)),
    "travel_document": KindTraits(("exact",), (), ("country",)),
    "plate": KindTraits(("exact", "plate_ocr"), ("folded",), ("scheme",)),
    "phone": KindTraits(("exact", "osa"), ("last6",), ("region",)),
    "email": KindTraits(TEXT_METHODS, ("prefix4",)),
    "person_name": KindTraits(("person_name", *TEXT_METHODS), ("given", "family", "key", "prefix4")),
    "birth_date": KindTraits(("exact", "date"), ("year", "month_day"), ("format",)),
    "age": KindTraits(("exact", "numeric_within"), (), ("reference_date",)),
    "sex": KindTraits(("exact",)),
    "address": KindTraits(TEXT_METHODS, ("prefix4",)),
    "place": KindTraits(TEXT_METHODS, ("prefix4",)),
    "time": KindTraits(("exact", "numeric_within"), (), ("format",)),
    "face": KindTraits(()),
    "iris": KindTraits(()),
    "fingerprint": KindTraits(()),
    "image_url": KindTraits(("exact",)),
    "account": KindTraits(TEXT_METHODS, ("prefix4",)),
    "category": KindTraits(TEXT_METHODS, ("prefix4",)),
    "text": KindTraits(TEXT_METHODS, ("prefix4",)),
}

# What the engine fills in from a kind, as attributes called `attribute.part` where the spec has none
# of the kind; the region of issue is always one of its own.
DERIVED: dict[str, tuple[tuple[str, str], ...]] = {
    "cn_resident_id": (("birth_date", "birth_date"), ("sex", "sex"), ("region", "category")),
}

OPTIONS = ("format", "region", "scheme", "country", "reference_date", "synthetic")


class AtRange(NamedTuple):
    """What the thresholds of a method may be."""

    low: float
    high: float
    whole: bool
    descending: bool
    unit: str


# `at` is ordered best first: similarities fall, distances rise. Methods that are absent have fixed
# levels and take no thresholds.
AT_RANGES: dict[str, AtRange] = {
    "jaro_winkler": AtRange(0.0, 1.0, whole=False, descending=True, unit="similarities between 0 and 1"),
    "token_set": AtRange(0.0, 1.0, whole=False, descending=True, unit="Jaccard coefficients between 0 and 1"),
    "levenshtein": AtRange(1, 64, whole=True, descending=False, unit="whole numbers of edits from 1"),
    "osa": AtRange(1, 64, whole=True, descending=False, unit="whole numbers of edits from 1"),
    "plate_ocr": AtRange(0.0, 64, whole=False, descending=False, unit="costs above 0"),
    "numeric_within": AtRange(0.0, float("inf"), whole=False, descending=False, unit="distances above 0"),
}


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Finds the known word that `word` was probably meant to be; none where nothing is near."""
    known = list(known)
    found = difflib.get_close_matches(str(word), known, n=1, cutoff=0.5)
    if found:
        return found[0]
    folded = str(word).lower().replace("-", "_").replace(" ", "_")
    return next((k for k in known if len(folded) > 2 and (folded in k or k in folded)), None)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Makes a suggestion: the nearest known word, or all of them."""
    known = list(known)
    near = nearest(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    return "it can be " + ", ".join(f"`{k}`" for k in known) if known else "there is none"
