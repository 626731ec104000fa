"""Canonical values as Polars expressions: `pl.col("plate").linkrisk.plate("cn")`.

The same normalisers that a run uses, one method a kind. Each returns text, and null where a value is
null, blank, a placeholder such as `N/A`, or not of the kind. Digits that are masked stay masked: a
partial ID number has `*` for each of them. Nothing is looked up, and nothing leaves the process.

Importing `linkrisk` registers the namespace.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import polars as pl

from linkrisk._linkrisk import normalise

__all__ = ["LinkriskExpressions"]

JOINT = "\x1f"
"""Joins the columns of a value that is made of several."""


@pl.api.register_expr_namespace("linkrisk")
class LinkriskExpressions:
    """Normalisers of every kind, for a column of text.

    Numbers and dates are read through their text. Cost grows with the number of values.
    """

    def __init__(self, expr: pl.Expr) -> None:
        self._expr = expr

    def cn_resident_id(self) -> pl.Expr:
        """Read Chinese resident ID numbers of 15 or 18 characters as 18.

        Numbers with a wrong check character or an impossible birth date are null; one masked digit is
        restored from the check character, more stay `*`.
        """
        return self._as("cn_resident_id")

    def aadhaar(self) -> pl.Expr:
        """Read Aadhaar numbers as 12 digits.

        Numbers with a wrong check digit are null; one masked digit is restored, more stay `*`.
        """
        return self._as("aadhaar")

    def us_ssn(self) -> pl.Expr:
        """Read United States social security numbers as nine digits.

        Numbers that were never issued are null. There is no check digit, so few errors show.
        """
        return self._as("us_ssn")

    def travel_document(self, country: str | None = None) -> pl.Expr:
        """Read document numbers, or machine-readable zones, as `COUNTRY:NUMBER`.

        A zone with a wrong check digit is null.

        Args:
            country: ICAO 9303 code of the country that issued numbers without one.
        """
        return self._as("travel_document", country=country)

    def plate(self, scheme: Literal["cn", "generic"] = "generic") -> pl.Expr:
        """Read number plates without separators, in upper case.

        Args:
            scheme: `cn` checks against the patterns of Chinese plates, where O and I in the serial
                become 0 and 1; `generic` takes two to nine letters and digits.
        """
        return self._as("plate", scheme=scheme)

    def phone(self, region: str | None = None) -> pl.Expr:
        """Read telephone numbers as `+` and E.164 digits.

        Args:
            region: ISO 3166 alpha-2 code of the country whose national numbers these are. Without it
                a national number keeps its digits and gets no `+`.
        """
        return self._as("phone", region=region)

    def email(self) -> pl.Expr:
        """Read e-mail addresses in lower case; tags and dots are kept."""
        return self._as("email")

    def person_name(self, family: pl.Expr | str | None = None) -> pl.Expr:
        """Read names of persons, given before family name, Han names as they are written.

        Accents, case, titles and punctuation go; Pinyin names come out as `xiaoming zhang`.

        Args:
            family: A column of family names, where this one holds given names alone.
        """
        if family is None:
            return self._as("person_name")
        other = pl.col(family) if isinstance(family, str) else family
        parts = [part.cast(pl.String).fill_null("") for part in (self._expr, other)]
        return LinkriskExpressions(pl.concat_str(parts, separator=JOINT))._as("person_name")

    def birth_date(self, format: str | None = None) -> pl.Expr:  # noqa: A002  # the option in a spec
        """Read dates of birth as `YYYY-MM-DD`, `YYYY-MM` or `YYYY`, as far as they are known.

        Args:
            format: A `strftime` format. Without it, dates whose day and month can be confused are
                null.
        """
        return self._as("birth_date", format=format)

    def age(self) -> pl.Expr:
        """Read ages as whole years from 0 to 120."""
        return self._as("age")

    def time(self, format: str | None = None) -> pl.Expr:  # noqa: A002  # the option in a spec
        """Read moments as `YYYY-MM-DDTHH:MM:SS` in UTC; a time without a zone is taken as UTC.

        Args:
            format: A `strftime` format.
        """
        return self._as("time", format=format)

    def sex(self) -> pl.Expr:
        """Read sexes as `male`, `female` or `other`, from words, letters and ISO/IEC 5218 codes."""
        return self._as("sex")

    def address(self) -> pl.Expr:
        """Fold postal addresses: case, width, accents, punctuation, common abbreviations."""
        return self._as("address")

    def place(self) -> pl.Expr:
        """Fold names of places: case, width and space."""
        return self._as("place")

    def account(self) -> pl.Expr:
        """Fold account numbers: case, width, and no spaces, `-`, `.`, `:` or `/`."""
        return self._as("account")

    def image_url(self) -> pl.Expr:
        """Fold addresses of images; none is ever opened."""
        return self._as("image_url")

    def category(self) -> pl.Expr:
        """Fold values of a small set: case, width and space."""
        return self._as("category")

    def text(self) -> pl.Expr:
        """Fold free text: case, width and space; cut to 256 bytes."""
        return self._as("text")

    def _as(self, kind: str, **options: str | None) -> pl.Expr:
        given = json.dumps({name: value for name, value in options.items() if value is not None})

        def canonical(column: pl.Series) -> pl.Series:
            capsule: Any = normalise(kind, given, column)
            return pl.Series(column.name, capsule, dtype=pl.String)

        return self._expr.cast(pl.String).map_batches(canonical, return_dtype=pl.String, is_elementwise=True)
